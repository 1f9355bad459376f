package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// The tables of the three apps whose schema Django decides.
func djangosTable(table string) bool {
	return table == "django_content_type" || strings.HasPrefix(table, "auth_") || strings.HasPrefix(table, "tenants_")
}

func TestR003_R006_MigrationsMakeExactlyDjangosTables(t *testing.T) {
	t.Parallel()
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			django := readCatalog(t, djangoDatabase(t, "4.2", engine))
			ours := sqldbtest.New(t, engine).Owner(t)
			migrateTo(t, ours, "auth", "")
			migrateTo(t, ours, "tenants", "")
			if len(django.Tables) != 10 {
				t.Fatalf("Django's schema was not loaded: %d tables", len(django.Tables))
			}
			for _, d := range catalog.Diff(django, readCatalog(t, ours)) {
				t.Error(d)
			}
		})
	}
}

// On SQLite even the text of the tables is Django's. Only tenants_tenantmodel has
// "model" second, as sqlmigrate of 0004 says, and not last, as migrate makes it:
// Django's two commands contradict each other there, and no order is relied on.
func TestTextOfSQLiteTablesIsDjangos(t *testing.T) {
	t.Parallel()
	texts := func(db *sqldb.DB) map[string][]string {
		all := map[string][]string{}
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			_, err := sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (struct{}, error) {
				var name, table, text string
				err := r.Scan(&name, &table, &text)
				if djangosTable(table) {
					all[name] = []string{text}
				}
				if name == "tenants_tenantmodel" {
					all[name] = strings.Split(text, ", ")
					slices.Sort(all[name])
				}
				return struct{}{}, err
			}, `SELECT name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	ours := sqldbtest.New(t, sqldb.SQLite).Owner(t)
	migrateTo(t, ours, "auth", "")
	migrateTo(t, ours, "tenants", "")
	want, got := texts(djangoDatabase(t, "4.2", sqldb.SQLite)), texts(ours)
	// The last column of a table ends with the table's parenthesis.
	for _, all := range []map[string][]string{want, got} {
		for i, part := range all["tenants_tenantmodel"] {
			all["tenants_tenantmodel"][i] = strings.TrimSuffix(part, `NULL)`)
			all["tenants_tenantmodel"][i] = strings.TrimSuffix(all["tenants_tenantmodel"][i], `NULL`)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Django +ours):\n%s", diff)
	}
}

// A Django 3.2 database is known by its serial columns, and by nothing else.
func TestDjango32DiffersInSerialColumnsOnly(t *testing.T) {
	t.Parallel()
	for engine, want := range map[sqldb.Engine]int{sqldb.SQLite: 0, sqldb.Postgres: 10} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			found := catalog.Diff(readCatalog(t, djangoDatabase(t, "4.2", engine)), readCatalog(t, djangoDatabase(t, "3.2", engine)))
			if len(found) != want {
				t.Errorf("%d differences, want %d: %v", len(found), want, found)
			}
			for _, d := range found {
				if !strings.HasSuffix(d.Object, " column id") || !strings.HasSuffix(d.Want, string(catalog.IdentityByDefault)) || !strings.HasSuffix(d.Got, string(catalog.Serial)) {
					t.Error(d)
				}
			}
		})
	}
}

// `migrate tenants` leaves auth at its first migration, as Django does.
func TestR055_MigrateTenantsAloneLeavesAuthAt0001(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		migrateTo(t, db, "tenants", "")
		got := map[string]string{}
		c := readCatalog(t, db)
		user, _ := c.Table("auth_user")
		for _, column := range user.Columns {
			got[column.Name] = column.String()
		}
		types := map[sqldb.Engine][2]string{sqldb.SQLite: {"datetime", "varchar"}, sqldb.Postgres: {"timestamp with time zone", "character varying"}}[d.Engine]
		for name, want := range map[string]string{
			"last_login": types[0] + " NOT NULL",
			"username":   types[1] + "(30) NOT NULL",
			"first_name": types[1] + "(30) NOT NULL",
			"last_name":  types[1] + "(30) NOT NULL",
			"email":      types[1] + "(75) NOT NULL",
		} {
			if got[name] != want {
				t.Errorf("auth_user.%s is %q, want %q", name, got[name], want)
			}
		}
		ofName := map[sqldb.Engine]string{sqldb.SQLite: "varchar(100) NOT NULL", sqldb.Postgres: "character varying(100) NOT NULL"}
		content, _ := c.Table("django_content_type")
		if i := slices.IndexFunc(content.Columns, func(c catalog.Column) bool { return c.Name == "name" }); i < 0 || content.Columns[i].String() != ofName[d.Engine] {
			t.Errorf("django_content_type before its 0002: %v", content.Columns)
		}
	})
}

// Down to nothing and up again, with rows in the tables for as long as there are
// tables.
func TestMigrationsReverseAndApplyAgain(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		migrateTo(t, db, "auth", "")
		migrateTo(t, db, "tenants", "")
		want := readCatalog(t, db)
		insertPeople(t, db)

		migrateTo(t, db, "tenants", "0001")
		migrateTo(t, db, "contenttypes", "0001")
		migrateTo(t, db, "auth", "0001")
		if name := text(t, db, `SELECT name FROM django_content_type`); name != "tenantmodel" {
			t.Errorf("name of a content type after going back: %q", name)
		}
		if login := text(t, db, `SELECT CASE WHEN last_login = date_joined THEN 'joined' ELSE 'other' END FROM auth_user`); login != "joined" {
			t.Errorf("last_login of somebody who never signed in, after going back: %q", login)
		}
		if tenant := text(t, db, `SELECT name FROM tenants_tenantmodel`); tenant != "Ñandú" {
			t.Errorf("the tenant after going back: %q", tenant)
		}

		migrateTo(t, db, "auth", "")
		migrateTo(t, db, "tenants", "")
		for _, d := range catalog.Diff(want, readCatalog(t, db)) {
			t.Errorf("applied again: %v", d)
		}
		if user := text(t, db, `SELECT username FROM auth_user`); user != "ana" {
			t.Errorf("the user after going back and forth: %q", user)
		}

		migrateTo(t, db, "contenttypes", migrate.Zero)
		migrateTo(t, db, "tenants", migrate.Zero)
		if left := readCatalog(t, db).Tables; len(left) != 0 {
			t.Errorf("left after going back to zero: %v", left)
		}
		migrateTo(t, db, "auth", "")
		migrateTo(t, db, "tenants", "")
		for _, d := range catalog.Diff(want, readCatalog(t, db)) {
			t.Errorf("applied from zero again: %v", d)
		}
	})
}

// The comparison would notice: an index dropped, a constraint renamed, a column
// added, each in the schema that Django made.
func TestComparisonNoticesWhatDjangoWouldNot(t *testing.T) {
	t.Parallel()
	changes := map[sqldb.Engine]map[string][]string{
		sqldb.SQLite: {
			`DROP INDEX "tenants_ten_name_7345e4_idx"`: {
				"missing table tenants_tenantmodel index tenants_ten_name_7345e4_idx: (name)"},
			`ALTER TABLE "tenants_tenantmodel" ADD COLUMN "color" text NULL`: {
				"unexpected table tenants_tenantmodel column color: text"},
			`CREATE TABLE "auth_extra" ("id" integer)`: {"unexpected table auth_extra"},
		},
		sqldb.Postgres: {
			`DROP INDEX "tenants_ten_name_7345e4_idx"`: {
				"missing table tenants_tenantmodel index tenants_ten_name_7345e4_idx: USING btree (name)"},
			`ALTER TABLE "tenants_userprofile" RENAME CONSTRAINT "tenants_userprofile_user_id_ce6353d7_fk_auth_user_id" TO "user_fk"`: {
				"missing table tenants_userprofile constraint tenants_userprofile_user_id_ce6353d7_fk_auth_user_id: FOREIGN KEY (user_id) REFERENCES auth_user(id) DEFERRABLE INITIALLY DEFERRED",
				"unexpected table tenants_userprofile constraint user_fk: FOREIGN KEY (user_id) REFERENCES auth_user(id) DEFERRABLE INITIALLY DEFERRED"},
			`ALTER TABLE "tenants_tenantmodel" ADD COLUMN "color" text NULL`: {
				"unexpected table tenants_tenantmodel column color: text"},
			`ALTER TABLE "tenants_tenantmodel" ALTER COLUMN "model" TYPE varchar(50)`: {
				"different table tenants_tenantmodel column model: want character varying(100) NOT NULL, got character varying(50) NOT NULL"},
		},
	}
	for engine, statements := range changes {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			db := djangoDatabase(t, "4.2", engine)
			before := readCatalog(t, db)
			for statement, want := range statements {
				var got []string
				err := db.Rehearse(t.Context(), func(tx *sqldb.Tx) error {
					if _, err := tx.Raw(t.Context(), statement); err != nil {
						return err
					}
					changed, err := catalog.Read(t.Context(), tx)
					for _, d := range catalog.Diff(before, changed.Only(djangosTable)) {
						got = append(got, d.String())
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", statement, diff)
				}
			}
		})
	}
}

// The statements of the app tenants are Django's to the letter, both ways.
func TestStatementsOfTenantsAreDjangos(t *testing.T) {
	t.Parallel()
	capture := regexp.MustCompile(`(?s)===== (\S+) \((forwards|--backwards)\)\n(BEGIN;\n.*?COMMIT;\n)`)
	for engine, file := range map[sqldb.Engine]string{sqldb.SQLite: "sqlite.sqlmigrate.txt", sqldb.Postgres: "pg.sqlmigrate.txt"} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			graph := loadGraph(t, engine)
			found := capture.FindAllStringSubmatch(readTestdata(t, "4.2", file), -1)
			if len(found) != 10 {
				t.Fatalf("%d captures in %s", len(found), file)
			}
			for _, c := range found {
				m := graph.Migration(migrate.Key{App: "tenants", Name: c[1]})
				if m == nil {
					t.Errorf("no migration %s", c[1])
					continue
				}
				if diff := cmp.Diff(c[3], asSQLMigrate(m, c[2] == "--backwards")); diff != "" {
					t.Errorf("%s %s (-Django +ours):\n%s", c[1], c[2], diff)
				}
			}
		})
	}
}

// Order and operations are those of Django's plan where there are no other apps;
// the plan is the same on 3.2 and 4.2 and on both engines.
func TestPlanIsDjangos(t *testing.T) {
	t.Parallel()
	_, plan, _ := strings.Cut(strings.TrimSpace(readTestdata(t, "3.2", "migrate_plan_three_apps.txt")), "\n")
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		graph := loadGraph(t, engine)
		var got []string
		for _, key := range graph.Order() {
			if key.App == "tenantry" {
				continue
			}
			got = append(got, key.String())
			for _, o := range graph.Migration(key).Operations {
				got = append(got, "    "+o.Describe)
			}
		}
		if diff := cmp.Diff(strings.Split(plan, "\n"), got); diff != "" {
			t.Errorf("%s (-Django +ours):\n%s", engine, diff)
		}
	}
}

// asSQLMigrate prints a migration as Django's sqlmigrate does.
func asSQLMigrate(m *migrate.Migration, backwards bool) string {
	operations := slices.Clone(m.Operations)
	if backwards {
		slices.Reverse(operations)
	}
	var b strings.Builder
	b.WriteString("BEGIN;\n")
	for _, o := range operations {
		statements := o.Up
		if backwards {
			statements = o.Down
		}
		fmt.Fprintf(&b, "--\n-- %s\n--\n", o.Describe)
		for _, s := range statements {
			b.WriteString(s + "\n")
		}
	}
	b.WriteString("COMMIT;\n")
	return b.String()
}

// djangoDatabase is a database with the schema that a Django made.
func djangoDatabase(t *testing.T, version string, engine sqldb.Engine) *sqldb.DB {
	t.Helper()
	if engine == sqldb.Postgres {
		// The roles of the machine where it was dumped are not here.
		script := regexp.MustCompile(`(?m)^ALTER .* OWNER TO .*;$`).ReplaceAllString(readTestdata(t, version, "pg.schema.sql"), "")
		path := filepath.Join(t.TempDir(), "schema.sql")
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		return sqldbtest.LoadPostgres(t, path).Owner(t)
	}
	db := sqldbtest.New(t, engine).Owner(t)
	write(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
		for _, line := range strings.Split(strings.TrimSpace(readTestdata(t, version, "sqlite.schema.sql")), "\n") {
			if strings.Contains(line, "sqlite_sequence") { // SQLite makes it by itself
				continue
			}
			if _, err := tx.Raw(ctx, line); err != nil {
				return err
			}
		}
		return nil
	})
	return db
}

func readTestdata(t *testing.T, version, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "django", version, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func loadGraph(t *testing.T, engine sqldb.Engine) *migrate.Graph {
	t.Helper()
	url := "sqlite:unused"
	if engine == sqldb.Postgres {
		url = "postgres://unused"
	}
	return apptest.Graph(t, sqldbtest.Database{Engine: engine, URL: url, Login: url})
}

// migrateTo is `migrate app target`; no target is the app's last migration.
func migrateTo(t *testing.T, db *sqldb.DB, app, target string) {
	t.Helper()
	runner := migrate.New(db, loadGraph(t, db.Engine()), migrate.Options{
		Ledger: "tenantry_ledger", Lease: "tenantry_lease", LeaseLength: 10 * time.Second, LockTimeout: 5 * time.Second,
		Holder: t.Name(), Actor: "test", ProgramVersion: "test", Clock: time.Now,
	})
	if _, err := runner.Run(t.Context(), migrate.Request{App: app, Target: target}, func(migrate.Event) {}); err != nil {
		t.Fatalf("migrate %s %s: %v", app, target, err)
	}
}

func readCatalog(t *testing.T, db *sqldb.DB) (c catalog.Catalog) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		c, err = catalog.Read(t.Context(), tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Only(djangosTable)
}

// insertPeople fills every table with one row: a user who never signed in and
// has a profile with a tenant, in a group, with permissions.
func insertPeople(t *testing.T, db *sqldb.DB) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	write(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
		for _, row := range []struct {
			query string
			args  []any
		}{
			{`INSERT INTO django_content_type (id, app_label, model) VALUES (1, 'tenants', 'tenantmodel')`, nil},
			{`INSERT INTO auth_permission (id, name, content_type_id, codename) VALUES (1, 'Can add Tenant', 1, 'add_tenantmodel')`, nil},
			{`INSERT INTO auth_group (id, name) VALUES (1, 'staff')`, nil},
			{`INSERT INTO auth_user (id, password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
			  VALUES (1, '!', NULL, ?, 'ana', 'Ana', 'Ríos', 'ana@example.com', ?, ?, ?)`, []any{false, false, true, now}},
			{`INSERT INTO auth_user_groups (id, user_id, group_id) VALUES (1, 1, 1)`, nil},
			{`INSERT INTO auth_user_user_permissions (id, user_id, permission_id) VALUES (1, 1, 1)`, nil},
			{`INSERT INTO auth_group_permissions (id, group_id, permission_id) VALUES (1, 1, 1)`, nil},
			{`INSERT INTO tenants_tenantmodel (id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
			  VALUES (1, 'Ñandú', '', 'gpt-4', '', '', '{}', ?, 1, 2, 3, ?, ?)`, []any{true, now, now}},
			{`INSERT INTO tenants_userprofile (id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at, tenant_id, user_id)
			  VALUES (1, '', '', '', 'es', 'UTC', ?, ?, '{}', ?, ?, 1, 1)`, []any{true, false, now, now}},
			{`INSERT INTO tenants_tenantconfigurationmodel (id, config_type, config_data, tenant_id) VALUES (1, 'x', '{}', 1)`, nil},
		} {
			if _, err := tx.Exec(ctx, row.query, row.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func text(t *testing.T, db *sqldb.DB, query string) (s string) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, nil, &s) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, db *sqldb.DB, fn func(ctx context.Context, tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}
