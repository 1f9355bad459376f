package sqldbtest_test

import (
	"context"
	"strings"
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

func TestDumpsOfPostgresLoadWithoutPsql(t *testing.T) {
	t.Parallel()
	db := sqldbtest.LoadPostgres(t, "testdata/dump.pg.sql", "testdata/more.pg.sql").Open(t)
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		got, err := sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (s string, err error) { return s, r.Scan(&s) },
			`SELECT coalesce(body, 'NULL') || ' by ' || name FROM note JOIN person ON person.id = author_id ORDER BY note.id`)
		want := []string{"ñandú by Zoë", "two\nlines\tand a \\ by Zoë", "NULL by Ana", "COPY nothing FROM stdin; by Ana", "more by Zoë"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLoadedFileIsACopy(t *testing.T) {
	t.Parallel()
	made := sqldbtest.New(t, sqldb.SQLite)
	db := made.Owner(t)
	write(t, db, `CREATE TABLE note (body text)`)
	write(t, db, `INSERT INTO note VALUES ('as prepared')`)
	db.Close() // the last to leave empties the write-ahead log
	path := strings.TrimPrefix(made.URL, "sqlite:")
	first, second := sqldbtest.LoadSQLite(t, path), sqldbtest.LoadSQLite(t, path)
	write(t, first.Open(t), `UPDATE note SET body = 'changed'`)
	for d, want := range map[sqldbtest.Database]int64{made: 1, first: 0, second: 1} {
		if n := count(t, d.Open(t), `SELECT count(*) FROM note WHERE body = 'as prepared'`); n != want {
			t.Errorf("%s has %d prepared rows, want %d", d.URL, n, want)
		}
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
