package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// ran is what a run of the program left behind.
type ran struct {
	code           int
	stdout, stderr string
}

// tooLong is how long a run may take before it is killed: a server that should
// have refused to start would otherwise never end.
const tooLong = time.Minute

// command is this very binary as tenantry, see TestMain, in an empty folder and
// with the variables given, "NAME=value".
func command(t testing.TB, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	t.Cleanup(cancel)
	p := exec.CommandContext(ctx, exe, args...)
	p.Args[0], p.Dir = "tenantry", t.TempDir()
	p.Env = append([]string{"LANG=C.UTF-8", "HOME=" + p.Dir}, variables...)
	return p
}

// run runs a command to its end.
func run(t testing.TB, variables []string, args ...string) ran {
	t.Helper()
	p := command(t, variables, args...)
	var stdout, stderr strings.Builder
	p.Stdout, p.Stderr = &stdout, &stderr
	err := p.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{p.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// keyset is one keyset for every database that these tests make: copies of a
// database are sealed with the keys of the original.
var keyset = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "tenantry-test-keyset-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "keyset.json")
	if _, err := seal.Create(context.Background(), seal.Source{File: file}); err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	return string(text), err
})

// variablesOf are what a program must know to work on a database: on PostgreSQL
// with one role that owns the tables and another that serves.
func variablesOf(d sqldbtest.Database) []string {
	if d.Engine == sqldb.SQLite {
		return asOwner(d)
	}
	return append(asOwner(d), "TENANTRY_DATABASE_URL="+d.Login, "TENANTRY_DATABASE_OWNER_URL="+d.URL)
}

// asOwner is variablesOf for one role that does both, which cannot serve.
func asOwner(d sqldbtest.Database) []string {
	text, err := keyset()
	if err != nil {
		panic(err) // no temporary folder: nothing else would work either
	}
	return []string{"TENANTRY_DATABASE_URL=" + d.URL, "TENANTRY_TOKENS_KEYSET=" + text}
}

// runOn is run on a database.
func runOn(t testing.TB, d sqldbtest.Database, args ...string) ran {
	t.Helper()
	return run(t, variablesOf(d), args...)
}

// want fails unless the run ended with a code and printed exactly this.
func (r ran) want(t testing.TB, code int, stdout string) {
	t.Helper()
	if r.code != code || r.stdout != stdout {
		t.Errorf("exit code %d, want %d; it printed\n%s\nand complained\n%s", r.code, code, r.stdout, r.stderr)
	}
}

// contents is everything that a database holds, table by table, to be compared
// with what it holds later.
func contents(t testing.TB, d sqldbtest.Database) (all []string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: d.URL, Access: sqldb.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
		c, err := catalog.Read(t.Context(), tx)
		if err != nil {
			return err
		}
		for _, table := range c.Tables {
			var columns []string
			for _, c := range table.Columns {
				columns = append(columns, c.Name)
			}
			slices.Sort(columns)
			_, digest, err := catalog.Fingerprint(t.Context(), tx, table.Name, columns, func(int64) {})
			if err != nil {
				return err
			}
			all = append(all, table.Name+" ("+strings.Join(columns, ", ")+") "+digest)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
