package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/flow/adopt"
)

// An app without `default_auto_field = BigAutoField` has integer ids in all
// three of its tables. It is taken over like any other, and lives on.
func TestAppWithIntegerIDsIsAdopted(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"32", "42"} {
		for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
			t.Run(string(engine)+"/"+version, func(t *testing.T) {
				t.Parallel()
				d := narrowDjango(t, engine, version)
				db := d.Open(t)
				columns := []string{"id", "name", "description", "model", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at", "ai_token", "cwu_token"}
				tenants := func(upTo int) (rows int64, digest string) {
					t.Helper()
					err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
						rows, digest, err = catalog.Fingerprint(t.Context(), tx, "tenants_tenantmodel", columns, func(int64) {})
						return err
					})
					if err != nil || rows != int64(upTo) {
						t.Fatalf("%d tenants, want %d, error %v", rows, upTo, err)
					}
					return rows, digest
				}

				var adopted struct {
					Report  adopt.Report
					Outcome adopt.Outcome
				}
				if err := json.Unmarshal([]byte(runs(t, d, "adopt", "--yes", "--output", "json")), &adopted); err != nil {
					t.Fatal(err)
				}
				if adopted.Report.IDs != "integer" || len(adopted.Report.Differences) > 0 {
					t.Errorf("ids %q, differences %v", adopted.Report.IDs, adopted.Report.Differences)
				}
				want := map[string]int64{"tenants_tenantmodel": 7, "tenants_userprofile": 13, "tenants_tenantconfigurationmodel": 1, "auth_user": 13}
				for _, table := range adopted.Outcome.Tables {
					if n, ok := want[table.Name]; !table.Unchanged || table.Before != table.After || ok && table.After != n {
						t.Errorf("%+v", table)
					}
					delete(want, table.Name)
				}
				if len(want) > 0 {
					t.Errorf("not looked at: %v", want)
				}

				runs(t, d, "tenant", "create", "Narrow", "--model", "gpt-4", "--admin", "paula", "--admin-email", "paula@example.com")
				_, before := tenants(8)
				runs(t, d, "manage", "migrate", "tenants", "0002")
				if _, now := tenants(8); now != before {
					t.Error("going back to 0002 changed the tenants")
				}
				runs(t, d, "manage", "migrate")
				if _, now := tenants(8); now != before {
					t.Error("going forward again changed the tenants")
				}
				runs(t, d, "tenant", "create", "Narrower", "--model", "gpt-4", "--admin", "pablo", "--admin-email", "pablo@example.com")
				tenants(9)
				// The one table that was never dropped is as narrow as it came.
				table, _ := readCatalog(t, db).Table("tenants_tenantmodel")
				for _, c := range table.Columns {
					if c.Name == "id" && c.Type != "integer" {
						t.Errorf("the tenants' id is %s now", c.Type)
					}
				}
			})
		}
	}
}

// runs runs the program on a database and returns what it prints.
func runs(t *testing.T, d sqldbtest.Database, args ...string) string {
	t.Helper()
	p := program(d, args...)
	var complaints strings.Builder
	p.Stderr = &complaints
	out, err := p.Output()
	if err != nil {
		t.Fatalf("tenantry %s: %v\n%s%s", strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out)
}

var (
	tableOfTenants    = regexp.MustCompile(`(?s)CREATE TABLE public\.tenants_\w+ \(.*?\n\);`)
	sequenceOfTenants = regexp.MustCompile(`CREATE SEQUENCE public\.tenants_\w+\n`)
	wideID            = regexp.MustCompile(`\b(id|tenant_id) bigint`)
)

// narrowDjango is the small database as the same Django makes it when
// AutoField, not BigAutoField, numbers the rows of the app, with the app's third
// table.
func narrowDjango(t *testing.T, engine sqldb.Engine, version string) (d sqldbtest.Database) {
	t.Helper()
	third := `CREATE TABLE "tenants_tenantconfigurationmodel" ("id" KEY, "config_type" varchar(50) NOT NULL, "config_data" JSON, "tenant_id" integer NOT NULL REFERENCES "tenants_tenantmodel" ("id") DEFERRABLE INITIALLY DEFERRED)`
	key, document := `integer NOT NULL PRIMARY KEY AUTOINCREMENT`, `text NOT NULL CHECK ((JSON_VALID("config_data") OR "config_data" IS NULL))`
	statements := []string{}
	if engine == sqldb.SQLite {
		d = smallDjango(t, engine, version)
		// A row's number is 64 bits wide on SQLite whatever it is called; only the
		// reference to one says what Django meant by it.
		statements = append(statements, `PRAGMA writable_schema = ON`,
			`UPDATE sqlite_master SET sql = replace(sql, '"tenant_id" bigint', '"tenant_id" integer') WHERE tbl_name = 'tenants_userprofile'`,
			`PRAGMA writable_schema = RESET`)
	} else {
		dump, err := os.ReadFile("testdata/django/small_dj" + version + ".pg.sql")
		if err != nil {
			t.Fatal(err)
		}
		tables := 0
		text := tableOfTenants.ReplaceAllStringFunc(string(dump), func(table string) string {
			tables++
			return wideID.ReplaceAllString(table, "$1 integer")
		})
		if tables != 2 {
			t.Fatalf("%d tables of the app in the dump", tables)
		}
		text = sequenceOfTenants.ReplaceAllString(text, "$0    AS integer\n")
		path := filepath.Join(t.TempDir(), "narrow.sql")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d = sqldbtest.LoadPostgres(t, path, "testdata/django/orphan.pg.sql")
		key, document = `integer NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY`, `jsonb NOT NULL`
		if version == "32" {
			key = `serial NOT NULL PRIMARY KEY`
		}
		third = strings.Replace(third, `REFERENCES`, `CONSTRAINT "tenants_tenantconfig_tenant_id_5078bc6f_fk_tenants_t" REFERENCES`, 1)
	}
	statements = append(statements,
		strings.NewReplacer("KEY", key, "JSON,", document+",").Replace(third),
		`CREATE INDEX "tenants_tenantconfigurationmodel_tenant_id_5078bc6f" ON "tenants_tenantconfigurationmodel" ("tenant_id")`,
		`INSERT INTO tenants_tenantconfigurationmodel (config_type, config_data, tenant_id) VALUES ('limits', '{"a": 1}', 1)`,
		`INSERT INTO django_migrations (app, name, applied) SELECT app, '0005_tenantconfigurationmodel', applied FROM django_migrations WHERE app = 'tenants' AND name LIKE '0004%'`,
	)
	db, err := sqldb.OpenOwner(t.Context(), d.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Raw(t.Context(), statement)
			return err
		}); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return d
}
