// Package sqldbtest gives every test fresh databases on both engines: an SQLite
// file in the test's own folder, and a database of its own on the PostgreSQL
// server that TENANTRY_TEST_POSTGRES names. How to start such a server is
// scripts/postgres.sh's business, and `make test` does it; a missing server
// fails the test, because a test that ran on one engine only has proven nothing
// about the other.
package sqldbtest

import (
	"path/filepath"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Database is one empty or prepared database that belongs to one test.
type Database struct {
	Engine sqldb.Engine
	URL    string // for sqldb.Options, a configuration or a command line
	// Login is URL as a role that owns nothing, on PostgreSQL: the application's.
	// Migrating as URL's role makes it.
	Login string
}

// Each runs fn on an empty database of each engine, as the parallel subtests
// "sqlite" and "postgres".
func Each(t *testing.T, fn func(t *testing.T, d Database)) {
	t.Helper()
	each(t, New, fn)
}

// EachFrom is Each on copies of a prepared database, which cost milliseconds
// however long the preparation took.
func EachFrom(t *testing.T, from *Template, fn func(t *testing.T, d Database)) {
	t.Helper()
	each(t, from.Copy, fn)
}

func each(t *testing.T, database func(testing.TB, sqldb.Engine) Database, fn func(t *testing.T, d Database)) {
	t.Helper()
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, database(t, engine))
		})
	}
}

// New gives an empty database of one engine, for benchmarks and for tests that
// need both engines at once. It is gone when the test ends.
func New(t testing.TB, engine sqldb.Engine) Database {
	t.Helper()
	if engine == sqldb.SQLite {
		return sqliteAt(filepath.Join(t.TempDir(), "test.sqlite3"))
	}
	return server(t).create(t, "")
}

func sqliteAt(path string) Database {
	return Database{Engine: sqldb.SQLite, URL: "sqlite:" + path, Login: "sqlite:" + path}
}

// Options are what sqldb and the program need to open the database.
func (d Database) Options() sqldb.Options { return sqldb.Options{URL: d.URL} }

// Open opens the database as the application role; the end of the test closes
// it.
func (d Database) Open(t testing.TB) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), d.Options())
	return opened(t, db, err)
}

// Owner opens the database as the role that owns the schema; the end of the
// test closes it.
func (d Database) Owner(t testing.TB) *sqldb.DB {
	t.Helper()
	db, err := sqldb.OpenOwner(t.Context(), d.Options())
	return opened(t, db, err)
}

func opened(t testing.TB, db *sqldb.DB, err error) *sqldb.DB {
	t.Helper()
	if err != nil {
		t.Fatalf("opening the test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}
