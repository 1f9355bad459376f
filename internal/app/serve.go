package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
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
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

// ServeOptions says how to serve.
type ServeOptions struct {
	NoMigrate bool // refuse a schema that is not current, instead of migrating
	Demo      bool // fill an empty database, and make a first operator
	Catalog   *locale.Catalog
	Settings  []config.Entry // as operators are shown them
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
// addresses first and then its log files, so that a port in use or a folder that
// cannot be written is found before the database is touched.
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
	log, err := p.openLogs()
	if err != nil {
		return err
	}
	defer log.Close()
	if !o.NoMigrate {
		if err := p.migrate(ctx, log.Main()); err != nil {
			return err
		}
	}
	a, err := p.Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.walled(ctx); err != nil {
		return err
	}
	if err := a.begin(ctx, o, &told); err != nil {
		return err
	}
	group, err := a.doors(ctx, o, log, public, private)
	if err != nil {
		return err
	}
	return group.Run(ctx, func() { ready(told) })
}

// migrate brings the schema up to date; of several processes that start at once
// one does, and the others wait. The log tells which was which.
func (p Program) migrate(ctx context.Context, log *slog.Logger) error {
	m, err := p.Migrator(ctx, sqldb.Create)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Run(ctx, migrate.Request{}, func(e migrate.Event) {
		switch e.Phase {
		case migrate.Waiting:
			log.InfoContext(ctx, "waiting for another process to migrate", "holder", e.Holder)
		case migrate.Finished:
			log.InfoContext(ctx, "migration applied", "migration", e.Migration.Key.String(), "took_ms", e.Took.Milliseconds())
		}
	})
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
	first, key, err := a.Access.CreateOperator(ctx, s, "demo", access.OperatorAdmin)
	told.Operator, told.Key = first.Name, key
	return err
}

// doors makes everything that runs.
func (a *App) doors(ctx context.Context, o ServeOptions, log *logs.Logs, public, private net.Listener) (*lifecycle.Group, error) {
	cursorKey, err := a.Instance.Key(ctx, "cursor_key")
	if err != nil {
		return nil, err
	}
	counted := metrics.New("tenantry", map[string]string{"version": version.String()})
	pages, err := dashboard.New(dashboard.Deps{Catalog: o.Catalog, Version: version.String(), Healthy: a.DB.Ping})
	if err != nil {
		return nil, err
	}
	verifier := a.Verifier()
	management := api.New(api.Deps{
		Bearer: a.SignIn.Bearer, SignIn: a.SignIn, Access: a.Access, Explain: a.Explain, Tenants: a.Tenants, Users: a.Users, Onboard: a.Onboard,
		Tokens: a.Tokens, Verify: verifier, Holder: a.SignIn.Holder(), Proxies: networksOf(a.Settings.Proxies),
		Configurations: a.Configurations,
		Audit: func(ctx context.Context, s tenantry.Scope, q audit.Query) (tenantry.List[audit.Event], error) {
			return a.Audit.Search(ctx, a.DB, s, q)
		},
		Settings: func(s tenantry.Scope) ([]config.Entry, error) {
			return o.Settings, s.RequirePlatform(tenantry.OperatorsWrite)
		},
		Idempotency: idempotency.New(a.DB, a.Clock, a.Random),
		Cursors:     web.Sealer{Key: cursorKey}, Catalog: o.Catalog, Log: log.Main(),
	})
	problems := api.NewProblems(o.Catalog)
	front := web.Front{Log: log.Main(), Clock: a.Clock, Random: a.Random, Problems: problems, Conceal: concealSecrets,
		Observe: func(r web.Observed) { counted.Request(r.Method, r.Route, r.Status, r.Took) }}
	behind := http.NewServeMux()
	behind.Handle("/", pages)
	behind.Handle("/v1/", management)
	mux := http.NewServeMux()
	mux.Handle("/", front.Wrap(web.SameOrigin(problems, behind)))
	entrance := api.NewVerifier(management, web.NewSwift(log.Main(), a.Clock, a.Random, problems), mux, counted.Route)
	checks := []ops.Check{{Name: "database", Run: a.DB.Ping}, {Name: "migrations", Run: a.Current}, {Name: "listener", Run: verifier.Listening}}

	group := lifecycle.NewGroup(patience)
	a.verification(group, verifier, log)
	group.Add("removal", lifecycle.Every(removeEvery, func(ctx context.Context) {
		if _, err := a.Offboard.RemoveDue(ctx, a.SignIn.System("removal")); err != nil {
			log.Main().ErrorContext(ctx, "removal of tenants", "error", err)
		}
	}))
	deliver := func(ctx context.Context) {
		if err := a.SignIn.Letters.Deliver(ctx); err != nil {
			log.Main().WarnContext(ctx, "sending mail", "error", err)
		}
	}
	group.Add("post", lifecycle.Finally(lifecycle.Every(time.Second, deliver), deliver))
	a.nightly(group, counted, log)
	group.Add("operations", web.NewServer(private, ops.New(checks, counted.Handler()), log.Main()))
	group.Add("public", web.NewServer(public, entrance, log.Main()))
	return group, nil
}

// secretLike is what looks like the secret of a token or the key of an operator.
var secretLike = regexp.MustCompile(`[A-Za-z0-9]{2,15}_[A-Za-z0-9_-]{43,}`)

// concealSecrets: somebody will put a token into a path.
func concealSecrets(path string) string { return secretLike.ReplaceAllString(path, "[redacted]") }

const flushEvery = 5 * time.Second // noting which tokens were used

// verification adds what keeps the verifier right: listening for changes, warming
// up, noting uses, and looking for what a Django process wrote.
func (a *App) verification(group *lifecycle.Group, v *verify.Flow, log *logs.Logs) {
	main, security := log.Main(), log.Channel("tenants.security")
	group.Add("changes", lifecycle.Task(func(ctx context.Context, ready func()) {
		v.Watch(ctx, ready, func(err error) {
			main.WarnContext(ctx, "changes are not heard of", "error", err)
			ready() // it can serve without, looking every token up
		})
	}))
	reconcile := func(ctx context.Context) {
		found, err := a.Tokens.Reconcile(ctx, a.SignIn.System("reconcile"), func(int64) {})
		if err != nil {
			main.WarnContext(ctx, "comparing token columns", "error", err)
		} else if found.Any() {
			main.InfoContext(ctx, "token columns were written by somebody else", "registered", found.Registered, "replaced", found.Replaced, "withdrawn", found.Withdrawn)
		}
		if n, err := v.Recheck(ctx); err != nil {
			main.WarnContext(ctx, "comparing tenants", "error", err)
		} else if n > 0 {
			main.InfoContext(ctx, "tenants were written by somebody else", "tenants", n)
		}
	}
	group.Add("warming", lifecycle.Task(func(ctx context.Context, ready func()) {
		ready()
		reconcile(ctx)
		if n, err := v.Warm(ctx); err != nil {
			main.WarnContext(ctx, "warming up", "error", err)
		} else {
			debug.FreeOSMemory() // reading so many rows left more behind than stays
			main.InfoContext(ctx, "warmed up", "tokens", n)
		}
	}))
	flush := func(ctx context.Context) {
		err := v.Flush(ctx, func(u token.Use) {
			security.WarnContext(ctx, "token used after its end", "tenant", int64(u.Tenant), "token", u.Token.String(), "version", u.Version, "times", u.Times, "address", u.Address.String())
		})
		if err != nil {
			main.WarnContext(ctx, "noting the use of tokens", "error", err)
		}
	}
	group.Add("uses", lifecycle.Finally(lifecycle.Every(flushEvery, flush), flush))
	group.Add("reconciling", lifecycle.Every(a.Settings.Tokens.Reconcile, reconcile))
}
