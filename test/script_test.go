package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	commandline "github.com/tenantry/tenantry/internal/cli"
)

// TestMain lets the scripts, and tests that start several programs at once, run
// this very binary as tenantry.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tenantry": func() { os.Exit(commandline.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())) },
	})
}

// program is this test's own binary as tenantry, on a database.
func program(d sqldbtest.Database, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p := &exec.Cmd{Path: exe, Args: append([]string{"tenantry"}, args...)}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "TENANTRY_") {
			p.Env = append(p.Env, pair)
		}
	}
	p.Env = append(append(p.Env, variablesOf(d)...), "TENANTRY_MIGRATIONS_LEASE=1s")
	return p
}

// TestScripts plays the product's stories in test/script, each on both engines:
// $DB is a fresh database's URL and $DJANGO a copy of the small database that
// Django 4.2 made.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Files:               files,
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					tb := e.T().(testing.TB)
					d := sqldbtest.New(tb, engine)
					e.Setenv("DB", d.URL)
					e.Setenv("ENGINE", string(engine))
					e.Vars = append(e.Vars, asOwner(d)...) // --database names one URL
					e.Setenv("DJANGO", smallDjango(tb, engine, "42").URL)
					e.Setenv("DJANGO32", smallDjango(tb, engine, "32").URL)
					e.Setenv("SERVER", os.Getenv("TENANTRY_TEST_POSTGRES"))
					e.Setenv("LANG", "C.UTF-8")
					e.Setenv("HOME", e.WorkDir)
					return nil
				},
				Condition: func(name string) (bool, error) { return name == string(engine), nil },
				Cmds:      map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
			})
		})
	}
}

// smallDjango is a copy of the small database that a Django made; on PostgreSQL
// with the orphan that the SQLite file holds already.
func smallDjango(t testing.TB, engine sqldb.Engine, version string) sqldbtest.Database {
	if engine == sqldb.SQLite {
		return sqldbtest.LoadSQLite(t, "testdata/django/small_dj"+version+".sqlite3")
	}
	return sqldbtest.LoadPostgres(t, "testdata/django/small_dj"+version+".pg.sql", "testdata/django/orphan.pg.sql")
}

// exits runs a program and wants one exit code: exits 2 tenantry nonsense.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("%s: exit code %s, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}
