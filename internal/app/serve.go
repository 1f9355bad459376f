package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/lifecycle"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/logs"
	"github.com/tenantry/tenantry/internal/base/metrics"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/version"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/door/api"
	"github.com/tenantry/tenantry/internal/door/dashboard"
	"github.com/tenantry/tenantry/internal/door/ops"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
)

// ServeOptions says how to serve.
type ServeOptions struct {
	NoMigrate bool // refuse a schema that is not current, instead of migrating
	Demo      bool // fill an empty database, and make a first operator
	Catalog   *locale.Catalog
}

// Serving is what whoever started the server is told once it is ready.
type Serving struct {
	Address, Operations string // where it listens
	New                 bool   // the database was made just now
	Database            string // its file; "" for a server
	Tenants             int64  // Demo: how many there are
	Operator            string // the first operator, made just now
	Key                 tenantry.Secret
	NoOperator          bool // there is none
}

const (
	patience    = 20 * time.Second // for each part to finish when asked to stop
	removeEvery = 10 * time.Minute // looking for tenants whose grace is over
)

// Serve opens the doors and keeps them open until ctx ends. It takes its
// addresses first, so that a port in use is found before anything is touched.
func (p Program) Serve(ctx context.Context, o ServeOptions, ready func(Serving)) error {
	public, err := web.Listen(ctx, p.Settings.Listen)
	if err != nil {
		return err
	}
	defer public.Close()
	private, err := web.Listen(ctx, p.Settings.Operations.Listen)
	if err != nil {
		return err
	}
	defer private.Close()

	told := Serving{Address: public.Addr().String(), Operations: private.Addr().String(), New: p.fileMissing(), Database: p.file()}
	if !o.NoMigrate {
		if err := p.migrate(ctx); err != nil {
			return err
		}
	}
	log, err := p.openLogs()
	if err != nil {
		return err
	}
	defer log.Close()
	a, err := p.Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.begin(ctx, o, &told); err != nil {
		return err
	}
	group, err := a.doors(ctx, o, log.Main(), public, private)
	if err != nil {
		return err
	}
	return group.Run(ctx, func() { ready(told) })
}

// migrate brings the schema up to date; of several processes that start at once
// one does, and the others wait.
func (p Program) migrate(ctx context.Context) error {
	m, err := p.Migrator(ctx, sqldb.Create)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Run(ctx, migrate.Request{}, func(migrate.Event) {})
	return err
}

func (p Program) openLogs() (*logs.Logs, error) {
	if err := os.MkdirAll(p.Settings.DataDir, 0o700); err != nil {
		return nil, tenantry.NewError(tenantry.Unavailable, "data_dir.unwritable", "path", p.Settings.DataDir).Because(err)
	}
	return logs.Open(logs.Options{
		Output: os.Stderr, Text: p.Settings.Log.Format == "text", Level: p.Settings.Log.SlogLevel(), Clock: p.Clock,
		Channels: map[string]string{"tenants.security": p.Settings.SecurityLog(), "tenants.access": p.Settings.AccessLog()},
	})
}

// begin does what is done once: the demo's customers, the first operator.
func (a *App) begin(ctx context.Context, o ServeOptions, told *Serving) error {
	s := a.SignIn.System("serve")
	if o.Demo {
		var err error
		if told.Tenants, err = a.Demo.Fill(ctx, s); err != nil {
			return err
		}
	}
	any, err := a.Access.AnyOperator(ctx)
	if err != nil || any {
		return err
	}
	if !o.Demo {
		told.NoOperator = true
		return nil
	}
	first, key, err := a.Access.CreateOperator(ctx, s, "demo")
	told.Operator, told.Key = first.Name, key
	return err
}

// doors makes everything that runs.
func (a *App) doors(ctx context.Context, o ServeOptions, log *slog.Logger, public, private net.Listener) (*lifecycle.Group, error) {
	cursorKey, err := a.Instance.Key(ctx, "cursor_key")
	if err != nil {
		return nil, err
	}
	counted := metrics.New("tenantry", map[string]string{"version": version.String()})
	pages, err := dashboard.New(dashboard.Deps{Catalog: o.Catalog, Version: version.String(), Healthy: a.DB.Ping})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/v1/", api.New(api.Deps{
		OperatorKey: a.SignIn.OperatorKey, Tenants: a.Tenants, Users: a.Users, Onboard: a.Onboard,
		Idempotency: idempotency.New(a.DB, a.Clock, a.Random),
		Cursors:     web.Sealer{Key: cursorKey}, Catalog: o.Catalog, Log: log,
	}))
	front := web.Front{Log: log, Clock: a.Clock, Random: a.Random, Problems: api.NewProblems(o.Catalog),
		Observe: func(r web.Observed) { counted.Request(r.Method, r.Route, r.Status, r.Took) }}
	checks := []ops.Check{{Name: "database", Run: a.DB.Ping}, {Name: "migrations", Run: a.Current}}

	group := lifecycle.NewGroup(patience)
	group.Add("removal", lifecycle.Every(removeEvery, func(ctx context.Context) {
		if _, err := a.Offboard.RemoveDue(ctx, a.SignIn.System("removal")); err != nil {
			log.ErrorContext(ctx, "removal of tenants", "error", err)
		}
	}))
	group.Add("operations", web.NewServer(private, ops.New(checks, counted.Handler()), log))
	group.Add("public", web.NewServer(public, front.Wrap(mux), log))
	return group, nil
}
