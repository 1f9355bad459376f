package user_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// operator may do everything.
var operator = tenantry.NewScope(tenantry.Actor{Kind: "operator", Name: "test"}, 0, tenantry.Permissions()...)

// insider is somebody of one tenant in a role.
func insider(tenant tenantry.TenantKey, role string) tenantry.Scope {
	grants, _ := access.Grants(role)
	return tenantry.NewScope(tenantry.Actor{Kind: "user", Name: role}, tenant, grants...)
}

// house is the rooms on a database of a test's own.
type house struct {
	db      *sqldb.DB
	users   *user.Service
	tenants *tenant.Service
	now     *atomic.Int64 // seconds
}

// noon is when every test begins.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func furnish(t testing.TB, d sqldbtest.Database) *house {
	t.Helper()
	h := &house{db: d.Open(t), now: new(atomic.Int64)}
	h.now.Store(noon.Unix())
	clock := func() time.Time { return time.Unix(h.now.Load(), 123456000).UTC() }
	log := audit.New(clock, rand.Reader)
	hasher := password.Hasher{Iterations: 1000, Random: rand.Reader}
	h.users = user.New(h.db, log, hasher, access.GrantsIn, clock, rand.Reader)
	h.tenants = tenant.New(h.db, log, tenant.Limits{DefaultModel: "gpt-3.5-turbo", MaxAgents: 50, MaxDocuments: 10000, MaxStorageMB: 10000}, clock, rand.Reader)
	return h
}

// empty is a migrated database without anybody.
var empty = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) { migrateTo(t, d, migrate.Request{}) })

// each runs a test in a house of each engine.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	sqldbtest.EachFrom(t, empty, func(t *testing.T, d sqldbtest.Database) { fn(t, furnish(t, d)) })
}

const testdata = "../../../test/testdata/django/"

// djangos is a database that Django made and filled, nothing of ours in it yet.
func djangos(t testing.TB, engine sqldb.Engine) sqldbtest.Database {
	t.Helper()
	if engine == sqldb.SQLite {
		return sqldbtest.LoadSQLite(t, testdata+"small_dj42.sqlite3")
	}
	return sqldbtest.LoadPostgres(t, testdata+"small_dj42.pg.sql", testdata+"orphan.pg.sql")
}

func eachEngine(t *testing.T, fn func(t *testing.T, engine sqldb.Engine)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, engine)
		})
	}
}

// adopted is a test in a house of each engine on a database of Django's that has
// been migrated.
func adopted(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	eachEngine(t, func(t *testing.T, engine sqldb.Engine) {
		d := djangos(t, engine)
		migrateTo(t, d, migrate.Request{})
		fn(t, furnish(t, d))
	})
}

func migrateTo(t testing.TB, d sqldbtest.Database, r migrate.Request) {
	t.Helper()
	g := apptest.Graph(t, d)
	runner := migrate.New(d.Owner(t), g, migrate.Options{
		Ledger: "tenantry_ledger", Lease: "tenantry_lease", OwnApps: []string{"tenantry"},
		LeaseLength: 10 * time.Second, LockTimeout: 5 * time.Second, Holder: t.Name(), Actor: "test", ProgramVersion: "test", Clock: time.Now,
	})
	if _, err := runner.Run(t.Context(), r, func(migrate.Event) {}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) tenant(t testing.TB, name string) tenantry.TenantKey {
	t.Helper()
	return must(h.tenants.Create(t.Context(), operator, tenant.Draft{Name: name}))(t).Key
}

// person makes somebody at home in a tenant, or nowhere for zero.
func (h *house) person(t testing.TB, username string, home tenantry.TenantKey) user.Person {
	t.Helper()
	return must(h.users.Create(t.Context(), operator, user.Draft{Username: username, Email: username + "@example.com", Tenant: home}))(t)
}

// exec does what a Django process would, behind our back.
func (h *house) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	fine(t, h.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), statement, args...)
		return err
	}))
}

func (h *house) write(t testing.TB, fn func(ctx context.Context, tx *sqldb.Tx) error) error {
	t.Helper()
	return h.db.Write(t.Context(), func(tx *sqldb.Tx) error { return fn(t.Context(), tx) })
}

func (h *house) count(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	fine(t, h.db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, args, &n) }))
	return n
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		fine(t, err)
		return v
	}
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks the code of an error, and that of its first field unless it is
// "".
func wantError(t testing.TB, err error, code, field string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
		return
	}
	if field == "" {
		return
	}
	if len(e.Fields) != 1 || e.Fields[0].Field+" "+e.Fields[0].Code != field {
		t.Errorf("fields %v, want only %s", e.Fields, field)
	}
}

func to[T any](v T) *T { return &v }

// rows reads a table whole, for comparing.
func (h *house) rows(t testing.TB, table string) (all []string) {
	t.Helper()
	fine(t, h.db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (string, error) {
			values := make([]any, len(r.Columns()))
			into := make([]any, len(values))
			for i := range values {
				into[i] = &values[i]
			}
			err := r.Scan(into...)
			return fmt.Sprint(values...), err
		}, `SELECT * FROM `+table+` ORDER BY id`)
		return err
	}))
	return all
}
