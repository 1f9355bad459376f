package argparse_test

import "github.com/tenantry/tenantry/internal/base/argparse"

// parsersByName are the parsers of testdata/generate.py.
func parsersByName() map[string]func(prog string) *argparse.Parser {
	return map[string]func(prog string) *argparse.Parser{
		"migrate":                migrate,
		"showmigrations":         showmigrations,
		"sqlmigrate":             sqlmigrate,
		"check":                  check,
		"makemigrations":         makemigrations,
		"migrate_tenant_data":    migrateTenantData,
		"manage_tenant_tokens":   manageTenantTokens,
		"rotate_tenant_tokens":   rotateTenantTokens,
		"generate_tenant_tokens": generateTenantTokens,
		"sundry":                 sundry,
	}
}

func django(prog, description string, skipChecks bool) *argparse.Parser {
	p := argparse.New(prog, description)
	p.DjangoOptions("4.2.28", skipChecks)
	return p
}

func migrate(prog string) *argparse.Parser {
	p := django(prog, "Updates database schema. Manages both apps with migrations and those without.", true)
	p.OptionalPositional("app_label", "App label of an application to synchronize the state.")
	p.OptionalPositional("migration_name", "Database state will be brought to the state after that migration. "+
		`Use the name "zero" to unapply all migrations.`)
	p.Flag("--noinput --no-input", "Tells Django to NOT prompt the user for input of any kind.")
	p.String("--database", "default", `Nominates a database to synchronize. Defaults to the "default" database.`)
	p.Flag("--fake", "Mark migrations as run without actually running them.")
	p.Flag("--fake-initial", "Detect if tables already exist and fake-apply initial migrations if so. Make sure that the "+
		"current database schema matches your initial migration before using this flag. Django will only check for an "+
		"existing table name.")
	p.Flag("--plan", "Shows a list of the migration actions that will be performed.")
	p.Flag("--run-syncdb", "Creates tables for apps without migrations.")
	p.Flag("--check", "Exits with a non-zero status if unapplied migrations exist and does not actually apply migrations.")
	p.Flag("--prune", "Delete nonexistent migrations from the django_migrations table.")
	return p
}

func showmigrations(prog string) *argparse.Parser {
	p := django(prog, "Shows all available migrations for the current project", true)
	p.Positionals("app_label", "App labels of applications to limit the output to.")
	p.String("--database", "default", `Nominates a database to show migrations for. Defaults to the "default" database.`)
	p.Exclusive(
		p.Flag("--list -l", "Shows a list of all migrations and which are applied. With a verbosity level of 2 or above, "+
			"the applied datetimes will be included."),
		p.Flag("--plan -p", "Shows all migrations in the order they will be applied. With a verbosity level of 2 or above "+
			"all direct migration dependencies and reverse dependencies (run_before) will be included."),
	)
	return p
}

func sqlmigrate(prog string) *argparse.Parser {
	p := django(prog, "Prints the SQL statements for the named migration.", true)
	p.Positional("app_label", "App label of the application containing the migration.")
	p.Positional("migration_name", "Migration name to print the SQL for.")
	p.String("--database", "default", `Nominates a database to create SQL for. Defaults to the "default" database.`)
	p.Flag("--backwards", "Creates SQL to unapply the migration, rather than to apply it")
	return p
}

func check(prog string) *argparse.Parser {
	p := django(prog, "Checks the entire Django project for potential problems.", false)
	p.Positionals("args", "").Metavar("app_label")
	p.Strings("--tag -t", "Run only checks labeled with given tag.").Metavar("TAGS")
	p.Flag("--list-tags", "List available tags.")
	p.Flag("--deploy", "Check deployment settings.")
	p.Choice("--fail-level", []string{"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"}, "ERROR",
		"Message level that will cause the command to exit with a non-zero status. Default is ERROR.")
	p.Strings("--database", "Run database related checks against these aliases.").Metavar("DATABASES")
	return p
}

func makemigrations(prog string) *argparse.Parser {
	p := django(prog, "Creates new migration(s) for apps.", true)
	p.Positionals("args", "Specify the app label(s) to create migrations for.").Metavar("app_label")
	p.Flag("--dry-run", "Just show what migrations would be made; don't actually write them.")
	p.Flag("--merge", "Enable fixing of migration conflicts.")
	p.Flag("--empty", "Create an empty migration.")
	p.Flag("--noinput --no-input", "Tells Django to NOT prompt the user for input of any kind.")
	p.String("-n --name", "", "Use this name for migration file(s).")
	p.Flag("--no-header", "Do not add header comments to new migration file(s).")
	p.Flag("--check", "Exit with a non-zero status if model changes are missing migrations and don't actually write them.")
	p.Flag("--scriptable", "Divert log output and input prompts to stderr, writing only paths of generated migration "+
		"files to stdout.")
	p.Flag("--update", "Merge model changes into the latest migration and optimize the resulting operations.")
	return p
}

func migrateTenantData(prog string) *argparse.Parser {
	p := django(prog, "Migrar datos de tenants", true)
	p.Int("--tenant-id", "ID del tenant específico a migrar")
	p.Flag("--generate-tokens", "Generar tokens para tenants sin tokens")
	p.Flag("--create-profiles", "Crear perfiles para usuarios sin perfil")
	return p
}

func manageTenantTokens(prog string) *argparse.Parser {
	p := django(prog, "Gestionar tokens de tenants", true)
	p.Flag("--rotate", "Rotar tokens existentes")
	p.Int("--tenant-id", "ID del tenant específico")
	p.Choice("--token-type", []string{"ai", "cwu", "both"}, "both", "Tipo de token a gestionar")
	return p
}

func rotateTenantTokens(prog string) *argparse.Parser {
	p := django(prog, "Rotar tokens existentes", true)
	p.Int("--tenant-id", "")
	return p
}

func generateTenantTokens(prog string) *argparse.Parser {
	return django(prog, "Generar tokens para tenants", true)
}

// sundry is what no command has, to see the layout from every side.
func sundry(prog string) *argparse.Parser {
	p := argparse.New(prog, "  A well-known\ttext -- with--dashes,\n\nhy-phens, co-ö-pe-ra-tion, "+
		"x-y and-1 a-b-cd, ¡áéíóú-ñandúes!  antidisestablishmentarianism--perhaps---or-not \u00a0"+
		"http://example.org/a-very-long-address/that-fits-on-no-line/whatsoever/1234567890 2-3-x ²a-bc ")
	naive := ""
	for range 12 {
		naive += "naïve-text "
	}
	p.Positional("source-file", naive)
	p.Flag("-q", "")
	p.String("--quite-a-long-option-name", "", "-- begins with a dash and ends with one --").Metavar("VALUE")
	years := "the-year "
	for range 90 {
		years += "9"
	}
	years += "-"
	for range 70 {
		years += "8"
	}
	p.Exclusive(p.Flag("-x", "x"), p.Flag("--yes -y", ""), p.Flag("--año", years))
	p.String("-ñ --eñe", "", "una letra")
	p.String("-1 --one", "", "makes nothing negative").Metavar("N")
	p.Choice("--kind", []string{"it's", `say "hi"`, `a\b`, "ñ"}, "ñ", "quoting")
	p.Positionals("rest", "1 2 3").Metavar("and-so-on")
	return p
}
