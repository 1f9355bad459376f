package test

import (
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/migrations"
)

// The seed's lines, by their numbers, on a database that the program migrated.
var seeded = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) { tenantryOn(t, d, "migrate") })

// tenantryOn runs this very binary as tenantry on a database and returns what it
// printed.
func tenantryOn(t testing.TB, d sqldbtest.Database, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &exec.Cmd{Path: exe, Args: append([]string{"tenantry"}, args...), Env: append(variablesOf(d), "HOME="+t.TempDir())}
	out, err := p.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// eachTable runs fn on a table of a migrated database of each engine.
func eachTable(t *testing.T, name string, fn func(t *testing.T, table catalog.Table)) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		var c catalog.Catalog
		if err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) (err error) {
			c, err = catalog.Read(t.Context(), tx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		table, ok := c.Table(name)
		if !ok {
			t.Fatalf("no table %s", name)
		}
		fn(t, table)
	})
}

// columnsAre wants columns of some types, none of which may be NULL; a type is
// written as either engine's catalogue has it.
func columnsAre(t *testing.T, table catalog.Table, want map[string]string) {
	t.Helper()
	for name, types := range want {
		i := slices.IndexFunc(table.Columns, func(c catalog.Column) bool { return c.Name == name })
		if i < 0 {
			t.Errorf("no column %s", name)
			continue
		}
		if c := table.Columns[i]; !slices.Contains(strings.Split(types, "|"), c.Type) || !c.NotNull {
			t.Errorf("%s is %s, not null %v; want %s", name, c.Type, c.NotNull, types)
		}
	}
}

func TestR007_R024_R025_R029_R030_R034_R035_TenantModelFields(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{
			"name": "character varying(255)|varchar(255)", "description": "text", "configuration": "jsonb|text", "is_active": "boolean|bool",
			"created_at": "timestamp with time zone|datetime", "updated_at": "timestamp with time zone|datetime",
		})
		if !slices.ContainsFunc(table.Constraints, func(c catalog.Constraint) bool {
			return c.Kind == catalog.Unique && strings.Contains(c.Definition, "name")
		}) {
			t.Error("name is not unique")
		}
	})
}

func TestR008_R009_R027_R028_TokenColumns(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{"ai_token": "character varying(255)|varchar(255)", "cwu_token": "character varying(255)|varchar(255)"})
		for _, c := range table.Constraints {
			if c.Kind == catalog.Unique && strings.Contains(c.Definition, "token") {
				t.Errorf("tokens are not unique in Django's table, yet %s", c.Definition)
			}
		}
	})
}

func TestR015_R026_ModelIs100Characters(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{"model": "character varying(100)|varchar(100)"})
	})
}

func TestR031_R032_R033_LimitColumns(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{"max_agents": "integer", "max_documents": "integer", "max_storage_mb": "integer"})
	})
}

func TestR038_R039_IndexesOnNameAndIsActive(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		for _, name := range []string{"tenants_ten_name_7345e4_idx", "tenants_ten_is_acti_589a5f_idx"} {
			if !slices.ContainsFunc(table.Indexes, func(i catalog.Index) bool { return i.Name == name }) {
				t.Errorf("no index %s", name)
			}
		}
	})
}

func TestR011_R012_R013_R014_UserProfileColumns(t *testing.T) {
	eachTable(t, "tenants_userprofile", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{
			"user_id": "integer", "tenant_id": "bigint", "phone": "character varying(20)|varchar(20)", "avatar": "character varying(100)|varchar(100)",
			"bio": "text", "language": "character varying(10)|varchar(10)", "timezone": "character varying(50)|varchar(50)",
			"notifications_enabled": "boolean|bool", "is_tenant_admin": "boolean|bool", "permissions": "jsonb|text",
		})
	})
}

func TestR149_R150_R151_TenantConfigurationModel(t *testing.T) {
	eachTable(t, "tenants_tenantconfigurationmodel", func(t *testing.T, table catalog.Table) {
		columnsAre(t, table, map[string]string{"tenant_id": "bigint", "config_type": "character varying(50)|varchar(50)", "config_data": "jsonb|text"})
	})
}

func TestR018_R019_R020_R021_R022_R023_R109_ModelChoices(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		out := tenantryOn(t, d, "tenant", "models")
		for name, label := range map[string]string{
			"gpt-3.5-turbo": "GPT-3.5 Turbo", "gpt-4": "GPT-4", "gpt-4-turbo": "GPT-4 Turbo",
			"claude-3-haiku": "Claude 3 Haiku", "claude-3-sonnet": "Claude 3 Sonnet", "claude-3-opus": "Claude 3 Opus",
		} {
			if !strings.Contains(out, name) || !strings.Contains(out, label) {
				t.Errorf("%s, %s is not in\n%s", name, label, out)
			}
		}
	})
}

// The history tells how the schema came about: tenants, their tokens, the
// profiles of people, the wider model.
func TestR001_MigrationsTellTheHistoryOfTheSchema(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		var got []string
		for _, target := range []string{"0001", "0002", "0003", "0004", "0005"} {
			tenantryOn(t, d, "manage", "migrate", "tenants", target)
			step := target + ":"
			for _, table := range readCatalog(t, d.Owner(t)).Tables {
				name, ours := strings.CutPrefix(table.Name, "tenants_")
				if !ours {
					continue
				}
				step += " " + name
				for _, c := range table.Columns {
					if strings.HasSuffix(c.Name, "_token") {
						step += " " + c.Name
					}
					if c.Name == "model" {
						step += " model" + c.Type[strings.Index(c.Type, "("):]
					}
				}
			}
			got = append(got, step)
		}
		for i, step := range got { // where a column stands is not relied on
			words := strings.Fields(step)
			slices.Sort(words)
			got[i] = strings.Join(words, " ")
		}
		want := []string{
			"0001: model(50) tenantmodel",
			"0002: ai_token cwu_token model(50) tenantmodel",
			"0003: ai_token cwu_token model(50) tenantmodel userprofile",
			"0004: ai_token cwu_token model(100) tenantmodel userprofile",
			"0005: ai_token cwu_token model(100) tenantconfigurationmodel tenantmodel userprofile",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Its package is the folder of the app in migrations/, beside embed.go.
func TestR002_MigrationsOfTenantsStandInAFolderOfTheirOwn(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		files, err := fs.ReadDir(migrations.Files, "tenants")
		if err != nil {
			t.Fatal(err)
		}
		listed := "tenants\n"
		for _, file := range files {
			name, _, _ := strings.Cut(file.Name(), ".")
			if line := " [X] " + name + "\n"; !strings.HasSuffix(listed, line) { // twins
				listed += line
			}
		}
		if got := tenantryOn(t, d, "manage", "showmigrations", "tenants"); got != listed {
			t.Errorf("the folder has\n%s\nand the program knows\n%s", listed, got)
		}
	})
}

func TestR016_EveryModelOfTheSeedCanBeChosenAndNoOther(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		all := []string{"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus"}
		for _, model := range all {
			createTenant(t, d, "Uses "+model, "--model", model)
			if got := text(t, d.Open(t), `SELECT model FROM tenants_tenantmodel WHERE name = 'Uses `+model+`'`); got != model {
				t.Errorf("asked for %s, stored %s", model, got)
			}
		}
		r := runOn(t, d, "tenant", "create", "Uses another", "--model", "gpt-5")
		if r.want(t, 1, ""); !strings.Contains(r.stderr, strings.Join(all, ", ")) {
			t.Errorf("the choices are not named: %s", r.stderr)
		}
	})
}

// The choices are rows that an operator may add to, of as many characters as
// 0004 has room for, and the default is a setting.
func TestR017_ModelsAreExtendedAndTheDefaultIsSet(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		long := strings.Repeat("m", 100)
		djangoWrites(t, d, `INSERT INTO tenantry_model (name, label, provider, enabled, position) VALUES (?, 'Own', 'own', ?, 7)`, long, true)
		createTenant(t, d, "Long", "--model", long)
		if r := run(t, append(variablesOf(d), "TENANTRY_TENANTS_DEFAULT_MODEL=claude-3-opus"), "tenant", "create", "Default"); r.code != 0 {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		for name, want := range map[string]string{"Long": long, "Default": "claude-3-opus"} {
			if got := text(t, d.Open(t), `SELECT model FROM tenants_tenantmodel WHERE name = '`+name+`'`); got != want {
				t.Errorf("%s uses %q, want %q", name, got, want)
			}
		}
	})
}

func TestR004_R005_R056_ShowMigrationsNamesTheSeeds(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		const want = `tenants
 [X] 0001_initial
 [X] 0002_tenantmodel_ai_token_tenantmodel_cwu_token
 [X] 0003_userprofile
 [X] 0004_alter_tenantmodel_model
 [X] 0005_tenantconfigurationmodel
`
		if got := tenantryOn(t, d, "manage", "showmigrations", "tenants"); got != want {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestR057_MakeMigrationsFindsNothingToMake(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		if got := tenantryOn(t, d, "manage", "makemigrations", "tenants"); got != "No changes detected in app 'tenants'\n" {
			t.Errorf("got %s", got)
		}
	})
}

func TestR058_CheckTenantsFindsNothingInANewDatabase(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		if got := tenantryOn(t, d, "manage", "check", "tenants"); got != "System check identified no issues (0 silenced).\n" {
			t.Errorf("got %s", got)
		}
	})
}

func TestR110_CompleteTenant(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		out := tenantryOn(t, d, "tenant", "create", "Complete Tenant", "--description", "Complete test tenant", "--model", "gpt-4-turbo",
			"--configuration", `{"max_tokens": 4000, "temperature": 0.7}`, "--max-agents", "20", "--max-documents", "2000", "--max-storage-mb", "5000", "-o", "json")
		// The same as a Django process makes it, with tokens of its own choice.
		other := djangoTenant(t, d, "Django's", "ai_test_token_123", "cwu_test_token_456")
		djangoWrites(t, d, `UPDATE tenants_tenantmodel SET model = 'gpt-4-turbo', configuration = '{"max_tokens": 4000, "temperature": 0.7}',
			max_agents = 20, max_documents = 2000, max_storage_mb = 5000 WHERE id = ?`, other)
		shown := tenantryOn(t, d, "tenant", "show", "Django's", "-o", "json")
		if ai, cwu := tokensOf(t, d, other); ai != "ai_test_token_123" || cwu != "cwu_test_token_456" {
			t.Errorf("tokens %s, %s", ai, cwu)
		}
		for _, part := range []string{`"model": "gpt-4-turbo"`, `"max_tokens": 4000`, `"temperature": 0.7`, `"max_agents": 20`, `"max_documents": 2000`, `"max_storage_mb": 5000`} {
			if !strings.Contains(shown, part) {
				t.Errorf("%s is not in\n%s", part, shown)
			}
			if !strings.Contains(out, part) {
				t.Errorf("%s is not in\n%s", part, out)
			}
		}
	})
}
