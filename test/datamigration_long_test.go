//go:build long

package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// fleet is how many tenants a killed data migration is carried out over.
const fleet = 400

// counts is a data migration that tells how often it was carried out for a tenant.
const counts = `-- +apply
INSERT INTO counted (tenant_id, n) VALUES (:tenant, 1) ON CONFLICT (tenant_id) DO UPDATE SET n = counted.n + 1;
`

// counted is a migrated fleet with that data migration, and how to run it.
func counted(t *testing.T) (from *sqldbtest.Template, start func(d sqldbtest.Database, args ...string) *exec.Cmd) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "counts.sql"), []byte(counts), 0o600); err != nil {
		t.Fatal(err)
	}
	start = func(d sqldbtest.Database, args ...string) *exec.Cmd {
		p := program(d, append([]string{"datamigration"}, args...)...)
		p.Env = append(p.Env, "TENANTRY_DATA_MIGRATIONS_DIR="+dir, "TENANTRY_DATA_MIGRATIONS_LEASE=1s")
		return p
	}
	from = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
		djangoLike(t, d, fleet, 1, "auth", "tenants 0004")
		for _, args := range [][]string{{"migrate"}, {"manage", "generate_tenant_tokens"}} {
			if out, err := program(d, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
		if err := d.Open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), `CREATE TABLE counted (tenant_id bigint NOT NULL PRIMARY KEY, n bigint NOT NULL)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
	return from, start
}

// held begins a run that pauses after its first tenant, and returns its id: it can only
// be resumed from then on, so a process that comes after its end begins no other.
func held(t *testing.T, d sqldbtest.Database, start func(d sqldbtest.Database, args ...string) *exec.Cmd) (run string) {
	t.Helper()
	if out, err := start(d, "start", "counts", "--canary", "1", "--hold", "--growth", "1000").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Get(t.Context(), `SELECT run_id FROM tenantry_rollout`, nil, &run)
	}); err != nil {
		t.Fatal(err)
	}
	return run
}

// everyTenantOnce holds when one run is finished and every tenant was dealt with once.
func everyTenantOnce(t *testing.T, d sqldbtest.Database) {
	t.Helper()
	err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
		for query, want := range map[string]int64{
			`SELECT count(*) FROM counted WHERE n = 1`:                               fleet,
			`SELECT count(*) FROM counted WHERE n <> 1`:                              0,
			`SELECT count(*) FROM tenantry_rollout WHERE state = 'finished'`:         1,
			`SELECT count(*) FROM tenantry_rollout`:                                  1,
			`SELECT CAST(SUM(done) AS bigint) FROM tenantry_rollout_wave`:            fleet,
			`SELECT count(*) FROM tenantry_rollout_lease`:                            0,
			`SELECT count(*) FROM tenantry_rollout_item WHERE state = 'done'`:        fleet,
			`SELECT count(*) FROM tenantry_rollout_item WHERE state = 'quarantined'`: 0,
		} {
			var got int64
			if err := tx.Get(t.Context(), query, nil, &got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKilledDataMigrationsAreDoneOnce kills the process that carries a data migration
// out at a random moment, again and again, until one gets through.
func TestKilledDataMigrationsAreDoneOnce(t *testing.T) {
	t.Parallel()
	from, start := counted(t)
	sqldbtest.EachFrom(t, from, func(t *testing.T, d sqldbtest.Database) {
		run := held(t, d, start)
		began := time.Now()
		if out, err := start(d, "resume", run).CombinedOutput(); err != nil {
			t.Fatalf("undisturbed: %v\n%s", err, out)
		}
		whole := time.Since(began)
		everyTenantOnce(t, d)
		killed := 0
		for round := 0; killed < kills; round++ {
			t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
				d := from.Copy(t, d.Engine)
				run := held(t, d, start)
				for try := 0; ; try++ {
					p := start(d, "resume", run)
					if err := p.Start(); err != nil {
						t.Fatal(err)
					}
					ended := make(chan error, 1)
					go func() { ended <- p.Wait() }()
					var kill <-chan time.Time
					if try < 5 { // then nobody disturbs it any more
						kill = time.After(rand.N(whole))
					}
					select {
					case err := <-ended:
						// 1: the one before was killed after its last tenant.
						if err != nil && (try == 0 || p.ProcessState.ExitCode() != 1) {
							t.Fatalf("nobody disturbed it, yet %v", err)
						}
						everyTenantOnce(t, d)
						return
					case <-kill:
						_ = p.Process.Kill()
						<-ended
						killed++
					}
				}
			})
			if t.Failed() {
				return
			}
		}
	})
}

// TestThreeNodesShareARun kills one of three processes at a random moment: the two
// others do its part too, and nobody does anything twice.
func TestThreeNodesShareARun(t *testing.T) {
	t.Parallel()
	from, start := counted(t)
	sqldbtest.EachFrom(t, from, func(t *testing.T, d sqldbtest.Database) {
		for round := range 3 {
			t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
				d := from.Copy(t, d.Engine)
				run := held(t, d, start)
				var nodes []*exec.Cmd
				for range 3 {
					p := start(d, "resume", run)
					if err := p.Start(); err != nil {
						t.Fatal(err)
					}
					nodes = append(nodes, p)
				}
				victim := rand.N(3)
				time.Sleep(rand.N(time.Second))
				_ = nodes[victim].Process.Kill()
				for n, p := range nodes {
					// Whoever came when all was over is told so, and that is all.
					if err := p.Wait(); err != nil && n != victim && p.ProcessState.ExitCode() != 1 {
						t.Errorf("a node that lives failed: %v", err)
					}
				}
				everyTenantOnce(t, d)
			})
		}
	})
}
