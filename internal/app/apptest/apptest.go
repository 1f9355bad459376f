// Package apptest gives tests the house as production wires it, on a migrated
// database of their own and with a clock that moves when they say so. Where it
// differs from production is in what would only cost time: passwords are hashed
// with the fewest rounds that the settings allow.
package apptest

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// Noon is when every test begins.
var Noon = time.Date(2026, 3, 10, 12, 0, 0, 123456000, time.UTC)

// House is the whole program on one database.
type House struct {
	*app.App
	passed *atomic.Int64 // nanoseconds since Noon
	owner  *sqldb.DB     // as who owns the tables; on SQLite that is everybody
}

// Each runs a test, as a parallel one, in a house without tenants and people on
// each engine.
func Each(t *testing.T, fn func(t *testing.T, h House)) {
	t.Helper()
	t.Parallel()
	sqldbtest.EachFrom(t, empty, func(t *testing.T, d sqldbtest.Database) { fn(t, open(t, d)) })
}

// EachDatabase runs a test on a migrated database of each engine, behind its walls,
// for those that build a house of their own.
func EachDatabase(t *testing.T, fn func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.EachFrom(t, empty, func(t *testing.T, d sqldbtest.Database) { fn(t, open(t, d).DB) })
}

var empty = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) { Open(t, d) })

// Open migrates a database, which may be Django's, and builds the house on it.
func Open(t testing.TB, d sqldbtest.Database) House {
	t.Helper()
	m, err := program(t, d, time.Now).Migrator(t.Context(), sqldb.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Run(t.Context(), migrate.Request{}, func(migrate.Event) {}); err != nil {
		t.Fatal(err)
	}
	return open(t, d)
}

// open builds the house, and closes it when the test ends.
func open(t testing.TB, d sqldbtest.Database) House {
	t.Helper()
	h := House{passed: new(atomic.Int64)}
	var err error
	if h.App, err = program(t, d, h.Now).Open(t.Context(), sqldb.MustExist); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	h.owner = h.DB
	if d.Engine == sqldb.Postgres {
		h.owner = d.Owner(t)
		if !h.DB.Walled() {
			t.Fatal("the house stands without its walls")
		}
	}
	return h
}

// Graph is the product's migrations for the engine of a database.
func Graph(t testing.TB, d sqldbtest.Database) *migrate.Graph {
	t.Helper()
	g, err := program(t, d, time.Now).Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func program(t testing.TB, d sqldbtest.Database, clock tenantry.Clock) app.Program {
	t.Helper()
	var s app.Settings
	given := []config.Given{{Key: "data_dir", Value: t.TempDir()}, {Key: "database.url", Value: d.Login}, {Key: "passwords.iterations", Value: "1000"}}
	if d.Engine == sqldb.Postgres {
		given = append(given, config.Given{Key: "database.owner_url", Value: d.URL})
	}
	err := config.Load(&s, app.Sources("", nil, given))
	if err != nil {
		t.Fatal(err)
	}
	return app.NewProgram(s, clock, rand.Reader)
}

// Now is the time in the house.
func (h House) Now() time.Time { return Noon.Add(time.Duration(h.passed.Load())) }

// Pass lets time go by.
func (h House) Pass(d time.Duration) { h.passed.Add(int64(d)) }

// Exec does to the database what a Django process would, behind the rooms' back.
func (h House) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	err := h.owner.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Number asks the database for one.
func (h House) Number(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	err := h.owner.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, args, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// KeysetFile is where the house keeps the keys that seal columns.
func (h House) KeysetFile() string {
	if file, ok := strings.CutPrefix(h.DatabaseURL(), "sqlite:"); ok {
		return file + ".keyset"
	}
	return filepath.Join(h.Settings.DataDir, "keyset.json")
}

// Reopen builds the house once more on the same database, as another process
// would; the two share the clock.
func (h House) Reopen(t testing.TB) House {
	t.Helper()
	again := House{passed: h.passed, owner: h.owner}
	var err error
	if again.App, err = app.NewProgram(h.Settings, again.Now, rand.Reader).Open(t.Context(), sqldb.MustExist); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	return again
}

// Other builds a house on an empty database of its own, on the same engine.
func Other(t testing.TB, h House) House {
	t.Helper()
	return open(t, empty.Copy(t, h.DB.Engine()))
}
