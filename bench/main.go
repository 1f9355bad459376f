// Command bench measures what Tenantry promises, each figure beside its rival in
// the same run: the same work done by Django's own commands on the same
// machine, engine and data, where Debian's python3-django and python3-psycopg2
// are installed. Machines are noisy: runs alternate, medians are printed, and
// the ratio is what to quote.
//
//	make bench                          everything
//	go run ./bench -only tokens -runs 3 one figure; PostgreSQL as TENANTRY_TEST_POSTGRES says
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// bench is one run of the program.
type bench struct {
	runs    int
	tenants int
	only    string
	dir     string // for everything that is made
	binary  string
	django  bool
	server  *server // nil: no PostgreSQL
	seconds time.Duration
	fills   map[string]filledDatabase
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		fmt.Fprintln(os.Stderr, "bench:", floor(os.Args[2:]))
		os.Exit(1)
	}
	if len(os.Args) > 3 && os.Args[1] == measureCommand {
		if err := measured(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	b := &bench{fills: map[string]filledDatabase{}}
	flag.IntVar(&b.runs, "runs", 5, "counted runs of each figure")
	flag.IntVar(&b.tenants, "tenants", 100_000, "tenants of the large database")
	flag.StringVar(&b.only, "only", "", "some figures, with commas between them: migrate, start, serve, tokens, rotate, fleet, largetable, check, verify, cold, revoke, overlap, integrity")
	flag.DurationVar(&b.seconds, "for", 5*time.Second, "how long each run under load takes")
	flag.Parse()
	if err := b.main(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) main(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "tenantry-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.binary = filepath.Join(b.dir, "tenantry")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/tenantry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	b.django = exec.Command(python, "-c", "import django, psycopg2").Run() == nil
	if !b.django {
		fmt.Println("Django is not installed here (Debian: python3-django python3-psycopg2): figures stand alone")
	}
	if b.server, err = connect(ctx); err != nil {
		return err
	}
	if b.server == nil {
		fmt.Println("TENANTRY_TEST_POSTGRES names no server: SQLite only; `make bench` starts one")
	}
	defer b.dropFilled()
	both, postgres := []sqldb.Engine{sqldb.SQLite, sqldb.Postgres}, []sqldb.Engine{sqldb.Postgres}
	either := postgres // where the engine matters little: a million tokens are there sooner
	if b.server == nil {
		either = []sqldb.Engine{sqldb.SQLite}
	}
	for _, f := range []struct {
		name    string
		run     func(context.Context, sqldb.Engine) error
		engines []sqldb.Engine
	}{
		{"migrate", b.migrateFromEmpty, both}, {"start", b.startUp, both}, {"serve", b.serveReady, both},
		{"tokens", b.generateTokens, both}, {"rotate", b.rotateTokens, both}, {"fleet", b.fleet, both}, {"largetable", b.largeTable, both},
		{"check", b.check, either}, {"verify", b.verify, either}, {"cold", b.cold, either},
		{"revoke", b.revoke, postgres}, {"overlap", b.overlap, both}, {"integrity", b.integrity, both},
	} {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), f.name) {
			continue
		}
		for _, engine := range f.engines {
			if engine == sqldb.Postgres && b.server == nil {
				continue
			}
			if err := f.run(ctx, engine); err != nil {
				return fmt.Errorf("%s on %s: %w", f.name, engine, err)
			}
		}
	}
	return nil
}

// migrateFromEmpty: every migration of the product on an empty database, beside
// Django's migrate of its own.
func (b *bench) migrateFromEmpty(ctx context.Context, engine sqldb.Engine) error {
	return b.compare("migrate from empty, "+string(engine), contest{
		prepare: func() (database, error) { return b.empty(ctx, engine) },
		ours:    func(d database) *exec.Cmd { return b.tenantry(d, "migrate") },
		theirs:  func(d database) *exec.Cmd { return b.manage(d, "migrate", "-v", "0") },
	})
}

// startUp: a short command on a migrated database.
func (b *bench) startUp(ctx context.Context, engine sqldb.Engine) error {
	migrated, err := b.migrated(ctx, engine)
	if err != nil {
		return err
	}
	defer migrated.drop()
	migrated.drop = func() {} // the same for every run
	return b.compare("showmigrations, "+string(engine), contest{
		prepare: func() (database, error) { return migrated, nil },
		ours:    func(d database) *exec.Cmd { return b.tenantry(d, "manage", "showmigrations") },
		theirs:  func(d database) *exec.Cmd { return b.manage(d, "showmigrations") },
	})
}

// generateTokens: both tokens for every tenant of a large database, beside the
// seed's loop as a management command runs it.
func (b *bench) generateTokens(ctx context.Context, engine sqldb.Engine) error {
	large, err := b.large(ctx, engine)
	if err != nil {
		return err
	}
	c := contest{
		prepare: func() (database, error) { return b.copyOf(ctx, large) },
		ours:    func(d database) *exec.Cmd { return b.tenantry(d, "manage", "generate_tenant_tokens") },
		theirs:  func(d database) *exec.Cmd { return b.manage(d, "generate_tenant_tokens") },
	}
	name := fmt.Sprintf("generate_tenant_tokens, %d tenants, %s", b.tenants, engine)
	if err := b.compare(name+", against Django's loop in autocommit", c); err != nil {
		return err
	}
	if !b.django {
		return nil
	}
	c.theirs = func(d database) *exec.Cmd { return b.manage(d, "generate_tenant_tokens", "--one-txn") }
	return b.compare(name+", against Django's loop in one transaction", c)
}

// rotateTokens: both tokens of every tenant, beside the seed's loop.
func (b *bench) rotateTokens(ctx context.Context, engine sqldb.Engine) error {
	full, err := b.filled(ctx, engine, 2*b.tenants)
	if err != nil {
		return err
	}
	return b.compare(fmt.Sprintf("manage_tenant_tokens --rotate, %d tenants, %s", b.tenants, engine), contest{
		prepare: func() (database, error) { return b.copyOf(ctx, full.database) },
		ours:    func(d database) *exec.Cmd { return b.tenantry(d, "manage", "manage_tenant_tokens", "--rotate") },
		theirs:  func(d database) *exec.Cmd { return b.manage(d, "manage_tenant_tokens", "--rotate") },
	})
}

func (b *bench) tenantry(d database, args ...string) *exec.Cmd {
	c := exec.Command(b.binary, args...)
	c.Env = append(clean(os.Environ()), "TENANTRY_DATABASE_URL="+d.login(), "TENANTRY_DATABASE_OWNER_URL="+d.ownerURL(), "TENANTRY_DATA_DIR="+filepath.Join(b.dir, "data"),
		"TENANTRY_TOKENS_KEYSET_FILE="+filepath.Join(b.dir, "keyset.json"))
	return c
}

const python = "/usr/bin/python3"

func (b *bench) manage(d database, args ...string) *exec.Cmd {
	c := exec.Command(python, append([]string{"bench/django/manage.py"}, args...)...)
	c.Env = append(clean(os.Environ()), d.django()...)
	return c
}

// clean drops settings of ours that the caller's environment may hold.
func clean(env []string) []string {
	var kept []string
	for _, pair := range env {
		if !strings.HasPrefix(pair, "TENANTRY_") {
			kept = append(kept, pair)
		}
	}
	return kept
}
