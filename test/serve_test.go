package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// served is a program that serves on ports of its own.
type served struct {
	*exec.Cmd
	Address, Operations string
	log                 *bytes.Buffer
}

// serve starts `serve` without waiting for it. The end of the test kills what
// is still there.
func serve(t *testing.T, d sqldbtest.Database, settings ...string) (p *served, ready <-chan error) {
	t.Helper()
	p = &served{Cmd: program(d, "serve", "--output", "json", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"), log: &bytes.Buffer{}}
	p.Env = append(append(p.Env, "TENANTRY_DATA_DIR="+t.TempDir()), settings...)
	p.Stderr = p.log
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _, _ = p.Process.Wait() })
	told := make(chan error, 1)
	go func() { told <- json.NewDecoder(bufio.NewReader(out)).Decode(p) }()
	return p, told
}

// UnmarshalJSON reads what `serve --output json` says once it is ready.
func (p *served) UnmarshalJSON(b []byte) error {
	var said struct{ Address, Operations string }
	err := json.Unmarshal(b, &said)
	p.Address, p.Operations = said.Address, said.Operations
	return err
}

// stop asks the program to end, as a service manager does.
func (p *served) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, p.log)
	}
}

// Of 16 programs that are started at once on a database with nothing in it, one
// makes the tables; all of them serve, and all of them stop when they are told.
func TestSixteenProgramsStartAtOnce(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		const programs = 16
		all, ready := [programs]*served{}, [programs]<-chan error{}
		began := time.Now()
		for i := range all {
			// Fifteen of them wait for the first and none has a reason to take over.
			all[i], ready[i] = serve(t, d, "TENANTRY_MIGRATIONS_LEASE=1m", "TENANTRY_DATABASE_MAX_CONNECTIONS=2")
		}
		for i, p := range all {
			if err := <-ready[i]; err != nil {
				t.Fatalf("program %d did not become ready: %v\n%s", i, err, p.log)
			}
			answer, err := http.Get(p.Operations + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("program %d: /readyz answers %s", i, answer.Status)
			}
		}
		t.Logf("all ready after %v", time.Since(began).Round(time.Millisecond))
		db := d.Open(t)
		for query, want := range map[string]int{
			`SELECT count(*) - count(DISTINCT app || '.' || name) FROM django_migrations`:        0,
			`SELECT count(*) - (SELECT count(*) FROM django_migrations) FROM tenantry_migration`: 0,
			`SELECT count(*) FROM tenantry_migration WHERE act <> 'applied'`:                     0,
			`SELECT count(*) FROM tenantry_lease`:                                                0,
		} {
			var got int
			if err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, nil, &got) }); err != nil || got != want {
				t.Errorf("%s: got %d, want %d, error %v", query, got, want, err)
			}
		}
		migrated := 0
		for _, p := range all {
			p.stop(t)
			if strings.Contains(p.log.String(), "migration applied") {
				migrated++
			}
		}
		if migrated != 1 {
			t.Errorf("%d programs applied migrations, want one", migrated)
		}
	})
}
