package manage

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/migrate"
)

func sqlMigrateCommand() command {
	return command{
		app: "django", name: "sqlmigrate",
		help: "Prints the SQL statements for the named migration.",
		declare: func(p *argparse.Parser) {
			p.Positional("app_label", "App label of the application containing the migration.")
			p.Positional("migration_name", "Migration name to print the SQL for.")
			databaseOption(p, `Nominates a database to create SQL for. Defaults to the "default" database.`)
			p.Flag("--backwards", "Creates SQL to unapply the migration, rather than to apply it")
		},
		run: func(_ context.Context, e *Env, v argparse.Values) error {
			return SQLMigrate(e, v.String("app_label"), v.String("migration_name"), v.Bool("--backwards"))
		},
	}
}

// SQLMigrate prints a migration's statements as Django does. It needs no
// database, only to know which engine is meant.
func SQLMigrate(e *Env, appLabel, name string, backwards bool) error {
	g, err := e.Graph()
	if err != nil {
		return err
	}
	key, err := g.Find(appLabel, name)
	if err != nil {
		if _, noApp := g.App(appLabel); noApp == nil && tenantry.KindOf(err) == tenantry.NotFound {
			return tenantry.NewError(tenantry.NotFound, "migrate.no_migration_sql", "app", appLabel, "name", name)
		}
		return err
	}
	e.sql(g.Migration(key), backwards)
	return nil
}

func (e *Env) sql(m *migrate.Migration, backwards bool) {
	if len(m.Operations) == 0 {
		return // as Django, which does not even open the transaction
	}
	operations := slices.Clone(m.Operations)
	if backwards {
		slices.Reverse(operations)
	}
	e.Line("BEGIN;")
	for _, o := range operations {
		title, _, _ := strings.Cut(o.Describe, " ->")
		e.Line("--")
		e.Line("-- " + title)
		e.Line("--")
		statements := o.Up
		if backwards {
			statements = o.Down
		}
		for _, s := range statements {
			e.Line(s)
		}
		switch {
		case len(statements) > 0:
		case strings.HasPrefix(title, "Raw "):
			e.Line("-- THIS OPERATION CANNOT BE WRITTEN AS SQL")
		default:
			e.Line("-- (no-op)")
		}
	}
	e.Line("COMMIT;")
}
