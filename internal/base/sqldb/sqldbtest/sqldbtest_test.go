package sqldbtest_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

func TestEveryTestStartsEmpty(t *testing.T) {
	t.Parallel()
	for range 2 {
		sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
			db := d.Open(t)
			if db.Engine() != d.Engine {
				t.Fatalf("opened %s, want %s", db.Engine(), d.Engine)
			}
			write(t, db, `CREATE TABLE one (id bigint PRIMARY KEY)`) // a second would fail
			write(t, d.Owner(t), `INSERT INTO one VALUES (1)`)
			if n := count(t, db, `SELECT count(*) FROM one`); n != 1 {
				t.Fatalf("%d rows, want 1", n)
			}
		})
	}
}

func TestTemplateIsFilledOnceAndCopiesAreIndependent(t *testing.T) {
	t.Parallel()
	var fills atomic.Int64
	template := sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
		fills.Add(1)
		db := d.Owner(t) // still open when the first copy is made
		write(t, db, `CREATE TABLE note (id bigint PRIMARY KEY, body text NOT NULL)`)
		write(t, db, `INSERT INTO note VALUES (1, 'ñandú')`)
	})
	t.Run("copies", func(t *testing.T) {
		for range 4 {
			sqldbtest.EachFrom(t, template, func(t *testing.T, d sqldbtest.Database) {
				db := d.Open(t)
				write(t, db, `INSERT INTO note VALUES (2, 'mine')`)
				if n := count(t, db, `SELECT count(*) FROM note`); n != 2 {
					t.Fatalf("%d rows, want 2", n)
				}
			})
		}
	})
	if n := fills.Load(); n != 2 {
		t.Fatalf("filled %d times, want once for each engine", n)
	}
}

func TestPreparedDatabasesLoad(t *testing.T) {
	t.Parallel()
	tables := []string{"auth_user", "django_migrations", "tenants_tenantmodel", "tenants_userprofile"}
	counts := func(d sqldbtest.Database) (got []int64) {
		db := d.Open(t)
		for _, table := range tables {
			got = append(got, count(t, db, `SELECT count(*) FROM `+table))
		}
		return got
	}
	lite := sqldbtest.LoadSQLite(t, "testdata/small_dj42.sqlite3")
	// The SQLite file holds an orphan profile; the dump could not.
	pg := sqldbtest.LoadPostgres(t, "testdata/small_dj42.pg.sql", "testdata/orphan.pg.sql")
	if d := cmp.Diff(counts(lite), counts(pg)); d != "" {
		t.Errorf("rows of %v on SQLite (-) and PostgreSQL (+):\n%s", tables, d)
	}
	const text = `SELECT count(*) FROM tenants_tenantmodel WHERE lower(name) LIKE '%ñ%'`
	if l, p := count(t, lite.Open(t), text), count(t, pg.Open(t), text); l != p || l == 0 {
		t.Errorf("tenants with ñ in their name: %d on SQLite, %d on PostgreSQL", l, p)
	}
}

func TestLoadedFileIsACopy(t *testing.T) {
	t.Parallel()
	first := sqldbtest.LoadSQLite(t, "testdata/small_dj42.sqlite3")
	write(t, first.Open(t), `DELETE FROM django_session`)
	write(t, first.Open(t), `UPDATE tenants_tenantmodel SET description = 'changed'`)
	second := sqldbtest.LoadSQLite(t, "testdata/small_dj42.sqlite3")
	if n := count(t, second.Open(t), `SELECT count(*) FROM tenants_tenantmodel WHERE description = 'changed'`); n != 0 {
		t.Fatalf("%d rows changed in the prepared file", n)
	}
}

func TestDatabaseIsDroppedWithConnectionsOpen(t *testing.T) {
	t.Parallel()
	watch := sqldbtest.New(t, sqldb.Postgres).Open(t)
	var name string
	t.Run("test", func(t *testing.T) {
		d := sqldbtest.New(t, sqldb.Postgres)
		db, err := sqldb.Open(t.Context(), d.Options()) // never closed
		if err != nil {
			t.Fatal(err)
		}
		get(t, db, &name, `SELECT current_database()`)
	})
	if n := count(t, watch, `SELECT count(*) FROM pg_database WHERE datname = ?`, name); n != 0 {
		t.Fatalf("%s is still there", name)
	}
}

func write(t testing.TB, db *sqldb.DB, statement string) {
	t.Helper()
	err := db.Write(context.Background(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *sqldb.DB, query string, args ...any) (n int64) {
	t.Helper()
	get(t, db, &n, query, args...)
	return n
}

func get(t testing.TB, db *sqldb.DB, to any, query string, args ...any) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, args, to) })
	if err != nil {
		t.Fatal(err)
	}
}
