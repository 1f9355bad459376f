//go:build long

package test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/flow/adopt"
)

// TestLargeDatabaseIsAdoptedInSight takes over 100,000 tenants and 300,000
// people, and wants to be told every few seconds how far it has come.
func TestLargeDatabaseIsAdoptedInSight(t *testing.T) {
	t.Parallel()
	const tenants, people = 100_000, 300_000
	progress := regexp.MustCompile(`(?m)^[A-Z][a-z ]+: \d+/\d+, \d+/s$`)
	// One after the other: each is measured.
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		d := sqldbtest.New(t, engine)
		djangoLike(t, d, tenants, people, "auth", "tenants 0004")
		for _, args := range [][]string{{"adopt", "--output", "json"}, {"adopt", "--yes", "--output", "json"}} {
			p := program(d, args...)
			var out, told bytes.Buffer
			p.Stdout, p.Stderr = &out, &told
			began := time.Now()
			err := p.Run()
			took := time.Since(began)
			if p.ProcessState.ExitCode() != 0 && p.ProcessState.ExitCode() != 3 {
				t.Fatalf("%s: %v: %v\n%s", engine, args, err, told.String())
			}
			t.Logf("%s: %v took %v, %v of them this program's own on a processor, %d MiB at most\n%s", engine, args, took.Round(time.Millisecond), (p.ProcessState.UserTime() + p.ProcessState.SystemTime()).Round(time.Millisecond), peakMemory(p)>>20, told.String())
			if lines := len(progress.FindAllString(told.String(), -1)); took > 10*time.Second && lines < int(took/(10*time.Second)) {
				t.Errorf("%s: %v told %d times in %v how far it was", engine, args, lines, took)
			}
			var said struct{ Outcome adopt.Outcome }
			if err := json.Unmarshal(out.Bytes(), &said); err != nil {
				t.Fatal(err)
			}
			for _, table := range said.Outcome.Tables {
				if !table.Unchanged {
					t.Errorf("%s: %+v", engine, table)
				}
			}
		}
	}
}

// peakMemory is the most that a program that has ended held, in bytes.
func peakMemory(p *exec.Cmd) int64 {
	return p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10 // Linux counts in KiB
}
