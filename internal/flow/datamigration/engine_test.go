package datamigration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// fleet puts in n tenants as a Django process would, with both tokens so that nothing
// is wrong with them, and a table in which steps count.
func fleet(t testing.TB, h apptest.House, n int) {
	t.Helper()
	h.Exec(t, `INSERT INTO tenants_tenantmodel
		(id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+strconv.Itoa(n)+`)
		SELECT i, 'tenant ' || i, '', 'gpt-4', '', '', '{}', true, 10, 1000, 1000, ?, ? FROM n`, apptest.Noon, apptest.Noon)
	if h.DB.Engine() == sqldb.Postgres { // the keys above are not the sequence's
		h.Exec(t, `SELECT setval(pg_get_serial_sequence('tenants_tenantmodel', 'id'), 10000)`)
	}
	h.Exec(t, `CREATE TABLE counted (tenant_id bigint NOT NULL PRIMARY KEY, n bigint NOT NULL)`)
	run(t, h, datamigration.Request{GenerateTokens: true, Migrate: true})
}

// counting is a step that counts how often it was done for each tenant. before is
// called for each of them first.
func counting(before func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error) datamigration.Step {
	return datamigration.Step{
		Name: "count", Summary: "step.own", Version: 1, Sum: "count/1", Many: true,
		Plan: func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
			return nil, nil
		},
		Apply: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]datamigration.Change, error) {
			did := map[tenantry.TenantKey]datamigration.Change{}
			for _, key := range tenants {
				if before != nil {
					if err := before(ctx, tx, key); err != nil {
						return nil, err
					}
				}
				if _, err := tx.Exec(ctx, `INSERT INTO counted (tenant_id, n) VALUES (?, 1) ON CONFLICT (tenant_id) DO UPDATE SET n = counted.n + 1`, key); err != nil {
					return nil, err
				}
				did[key] = datamigration.Change{Count: 1, Undo: "x"}
			}
			return did, nil
		},
		Revert: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, undo []string) (int64, error) {
			return tx.Exec(ctx, `DELETE FROM counted WHERE tenant_id = ?`, tenant)
		},
	}
}

var options = rollout.Options{Canary: 5, Growth: 10, AbortOver: 20}

// pace is quick to notice what is wrong.
func pace(h apptest.House) datamigration.Pace {
	p := h.Pace()
	p.Timeout, p.Lease, p.Rest = 4*time.Second, 2*time.Second, 0
	return p
}

func begin(t testing.TB, h apptest.House, step datamigration.Step, o rollout.Options) rollout.Run {
	t.Helper()
	h.DataMigration.More = []datamigration.Step{step}
	started, _, err := h.DataMigration.Start(t.Context(), h.SignIn.Console("root"), step, 0, o, false)
	if err != nil {
		t.Fatal(err)
	}
	return started
}

func carry(t testing.TB, h apptest.House, id tenantry.RunID) rollout.Run {
	t.Helper()
	done, err := h.DataMigration.Carry(t.Context(), h.SignIn.Console("root"), id, pace(h), t.Name(), func(rollout.Run) {})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func wantRun(t testing.TB, r rollout.Run, state rollout.State, want rollout.Counts) {
	t.Helper()
	if r.State != state {
		t.Errorf("the run is %s (%s %s), want %s", r.State, r.Code, r.Cause, state)
	}
	if d := cmp.Diff(want, r.Counts); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}

// wantOnce holds when each tenant of n was counted once, but for those excepted.
func wantOnce(t testing.TB, h apptest.House, n, except int64) {
	t.Helper()
	if got := h.Number(t, `SELECT count(*) FROM counted WHERE n = 1`); got != n-except {
		t.Errorf("%d tenants were dealt with once, want %d", got, n-except)
	}
	if got := h.Number(t, `SELECT count(*) FROM counted WHERE n <> 1`); got != 0 {
		t.Errorf("%d tenants were dealt with more than once", got)
	}
}

func items(t testing.TB, h apptest.House, id tenantry.RunID, outcome rollout.Outcome) []rollout.Item {
	t.Helper()
	return must(h.Rollouts.Items(t.Context(), h.SignIn.Console("root"), id, outcome, -1, 1000))(t)
}

func TestTenantsThatFailAreInQuarantineAndTheOthersGoOn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 120)
		var mended atomic.Bool
		step := counting(func(_ context.Context, _ *sqldb.Tx, key tenantry.TenantKey) error {
			if key%10 == 0 && !mended.Load() {
				return tenantry.NewError(tenantry.Invalid, "field.invalid", "tenant", int64(key))
			}
			return nil
		})
		r := carry(t, h, begin(t, h, step, options).ID)
		wantRun(t, r, rollout.Finished, rollout.Counts{Items: 120, Done: 108, Quarantined: 12, Changes: 108})
		wantOnce(t, h, 120, 12)
		for _, i := range items(t, h, r.ID, rollout.Quarantined) {
			if i.Tenant%10 != 0 || i.Code != "field.invalid" || i.Attempts != 1 || i.Cause == "" {
				t.Errorf("%+v", i)
			}
		}
		mended.Store(true)
		if _, err := h.DataMigration.Retry(t.Context(), h.SignIn.Console("root"), r.ID); err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 120, Done: 120, Changes: 120})
		wantOnce(t, h, 120, 0)
		if _, err := h.DataMigration.Retry(t.Context(), h.SignIn.Console("root"), r.ID); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.none_failed"}) {
			t.Errorf("a run without failures is tried again: %v", err)
		}
	})
}

func TestACanaryThatFailsStopsTheRunAndIsResumed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 60)
		var mended atomic.Bool
		step := counting(func(_ context.Context, _ *sqldb.Tx, key tenantry.TenantKey) error {
			if key <= 3 && !mended.Load() {
				return errors.New("not yet")
			}
			return nil
		})
		r := carry(t, h, begin(t, h, step, options).ID)
		if r.State != rollout.Stopped || r.Code != "rollout.over" || r.Counts.Done > 5 || r.Counts.Quarantined == 0 {
			t.Errorf("%+v", r)
		}
		if n := h.Number(t, `SELECT COALESCE(MAX(tenant_id), 0) FROM counted`); n > 5 {
			t.Errorf("tenant %d was touched after the canaries failed", n)
		}
		if _, _, err := h.DataMigration.Start(t.Context(), h.SignIn.Console("root"), step, 0, options, false); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.halted"}) {
			t.Errorf("a stopped run is joined: %v", err)
		}
		mended.Store(true)
		if _, err := h.DataMigration.Resume(t.Context(), h.SignIn.Console("root"), r.ID, false); err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 60, Done: 60, Changes: 60})
		wantOnce(t, h, 60, 0)
	})
}

func TestFailuresMayBeLeftBehind(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 60)
		step := counting(func(_ context.Context, _ *sqldb.Tx, key tenantry.TenantKey) error {
			if key == 2 || key == 4 {
				return errors.New("never")
			}
			return nil
		})
		r := carry(t, h, begin(t, h, step, options).ID)
		for range 2 { // each stops the canary wave
			if r.State != rollout.Stopped {
				break
			}
			if _, err := h.DataMigration.Resume(t.Context(), h.SignIn.Console("root"), r.ID, true); err != nil {
				t.Fatal(err)
			}
			r = carry(t, h, r.ID)
		}
		wantRun(t, r, rollout.Finished, rollout.Counts{Items: 60, Done: 58, Quarantined: 2, Changes: 58})
		wantOnce(t, h, 60, 2)
	})
}

// A database that answers too slowly is left alone until it does not.
func TestASlowDatabaseIsWaitedFor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 60)
		root := h.SignIn.Console("root")
		r := begin(t, h, counting(nil), options)
		p := pace(h)
		p.Workers, p.Latency = 1, 1 // nanosecond: never
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		looks := 0
		if _, err := h.DataMigration.Carry(ctx, root, r.ID, p, t.Name(), func(rollout.Run) {
			if looks++; looks > 2 { // it had the time for all sixty
				cancel()
			}
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("it did not wait: %v", err)
		}
		if n := h.Number(t, `SELECT count(*) FROM counted`); n == 0 || n > 5 {
			t.Errorf("%d tenants in the first transaction", n)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 60, Done: 60, Changes: 60})
		wantOnce(t, h, 60, 0)
	})
}

// What a step must not do to the platform, and what becomes of it.
func TestAStepThatMisbehavesHurtsItsTenantOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 20)
		var busy atomic.Int64
		step := counting(func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
			switch key {
			case 3:
				panic("a defect")
			case 6:
				<-ctx.Done() // hangs
				return ctx.Err()
			case 9: // breaks an invariant
				_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET ai_token = '' WHERE id = ?`, key)
				return err
			case 12: // the victim of a deadlock, more often than the database tries by itself
				return tenantry.NewError(tenantry.Busy, "database.deadlock")
			case 15: // busy for a while
				if busy.Add(1) < 3 {
					return tenantry.NewError(tenantry.Busy, "database.busy")
				}
			case 18:
				_, err := tx.Exec(ctx, `SELECT nonsense FROM nowhere`)
				return err
			}
			return nil
		})
		step.Many = false
		o := options
		o.AbortOver, o.Canary = 100, 20
		r := carry(t, h, begin(t, h, step, o).ID)
		wantRun(t, r, rollout.Finished, rollout.Counts{Items: 20, Done: 15, Quarantined: 5, Changes: 15})
		wantOnce(t, h, 20, 5)
		got := map[tenantry.TenantKey]string{}
		for _, i := range items(t, h, r.ID, rollout.Quarantined) {
			got[i.Tenant] = fmt.Sprint(i.Code, " ", i.Attempts)
		}
		want := map[tenantry.TenantKey]string{3: "rollout.panic 1", 6: "rollout.timeout 1", 9: "rollout.invariant 1", 12: "database.deadlock 3", 18: "rollout.failed 1"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
		tries := must(h.Rollouts.Attempts(t.Context(), h.SignIn.Console("root"), r.ID, 15))(t)
		if len(tries) != 2 || tries[0].Code != "database.busy" || tries[0].EndedAt.Before(tries[0].StartedAt) {
			t.Errorf("%+v", tries)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = ''`); n != 0 {
			t.Error("a broken invariant was committed")
		}
	})
}

// A step that does not even end when its context does stops the process; what became
// of its tenant nobody can tell, so nothing is held against it.
func TestAStepThatIgnoresItsContextStopsTheProcess(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 5)
		release, done := make(chan struct{}), make(chan struct{}, 10)
		step := counting(func(context.Context, *sqldb.Tx, tenantry.TenantKey) error {
			<-release
			done <- struct{}{}
			return errors.New("too late")
		})
		r := begin(t, h, step, options)
		p := pace(h)
		p.Timeout, p.Workers = time.Second, 1
		_, err := h.DataMigration.Carry(t.Context(), h.SignIn.Console("root"), r.ID, p, "n", func(rollout.Run) {})
		close(release)
		<-done
		if !errors.Is(err, &tenantry.Error{Kind: tenantry.Internal, Code: "rollout.step_hangs"}) {
			t.Errorf("error %v", err)
		}
		if r := must(h.Rollouts.Get(t.Context(), h.SignIn.Console("root"), r.ID))(t); r.State != rollout.Running || r.Counts.Settled() != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAGroupFailsForNobodyElse(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 100)
		step := counting(func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
			if key == 77 {
				panic(key)
			}
			return nil
		})
		o := options
		o.Canary = 100
		wantRun(t, carry(t, h, begin(t, h, step, o).ID), rollout.Finished, rollout.Counts{Items: 100, Done: 99, Quarantined: 1, Changes: 99})
		wantOnce(t, h, 100, 1)
	})
}

// The database's troubles are no tenant's fault.
func TestALostConnectionIsNobodysFault(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if h.DB.Engine() == sqldb.SQLite {
			return // there is none to lose
		}
		fleet(t, h, 30)
		var cut atomic.Int64
		step := counting(func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
			if key%10 == 0 && cut.Add(1) <= 3 {
				_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
				return err
			}
			return nil
		})
		wantRun(t, carry(t, h, begin(t, h, step, options).ID), rollout.Finished, rollout.Counts{Items: 30, Done: 30, Changes: 30})
		wantOnce(t, h, 30, 0)
		if cut.Load() <= 3 {
			t.Errorf("the connection was cut %d times only", cut.Load())
		}
	})
}

// Two transactions that wait for each other: the database ends one, which is done
// again.
func TestARealDeadlockIsTriedAgain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if h.DB.Engine() == sqldb.SQLite {
			return // its writer is alone
		}
		fleet(t, h, 5)
		h.Exec(t, `INSERT INTO counted (tenant_id, n) VALUES (1001, 0), (1002, 0)`)
		lock := func(ctx context.Context, tx *sqldb.Tx, key int64) error {
			_, err := tx.Exec(ctx, `UPDATE counted SET n = 0 WHERE tenant_id = ?`, key)
			return err
		}
		var once sync.Once
		var other sync.WaitGroup
		step := counting(func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
			if key != 3 {
				return nil
			}
			if err := lock(ctx, tx, 1001); err != nil {
				return err
			}
			once.Do(func() {
				ready := make(chan struct{})
				other.Go(func() {
					if err := h.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
						if err := lock(t.Context(), tx, 1002); err != nil {
							return err
						}
						select {
						case <-ready:
						default:
							close(ready)
						}
						return lock(t.Context(), tx, 1001)
					}); err != nil {
						t.Error(err)
					}
				})
				<-ready
			})
			return lock(ctx, tx, 1002)
		})
		wantRun(t, carry(t, h, begin(t, h, step, options).ID), rollout.Finished, rollout.Counts{Items: 5, Done: 5, Changes: 5})
		other.Wait()
		h.Exec(t, `DELETE FROM counted WHERE tenant_id > 1000`)
		wantOnce(t, h, 5, 0)
	})
}

// A disk that is full stops the process, not the run: with space again it goes on.
func TestAFullDiskStopsTheProcess(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if h.DB.Engine() == sqldb.Postgres {
			return // its server cannot be given a small disk here
		}
		fleet(t, h, 30)
		var full atomic.Bool
		full.Store(true)
		step := counting(func(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
			if key < 20 {
				return nil
			}
			if !full.Load() {
				return pragma(ctx, tx, `PRAGMA max_page_count = 1000000`)
			}
			if err := pragma(ctx, tx, `PRAGMA max_page_count = 1`); err != nil { // as many as there are
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO counted (tenant_id, n) WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i, 1 FROM n`)
			return err
		})
		r := begin(t, h, step, options)
		_, err := h.DataMigration.Carry(t.Context(), h.SignIn.Console("root"), r.ID, pace(h), "n", func(rollout.Run) {})
		if !errors.Is(err, &tenantry.Error{Kind: tenantry.Unavailable, Code: "database.disk"}) {
			t.Errorf("error %v", err)
		}
		if r := must(h.Rollouts.Get(t.Context(), h.SignIn.Console("root"), r.ID))(t); r.State != rollout.Running || r.Counts.Quarantined != 0 {
			t.Errorf("%+v", r)
		}
		full.Store(false)
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 30, Done: 30, Changes: 30})
		wantOnce(t, h, 30, 0)
	})
}

func pragma(ctx context.Context, tx *sqldb.Tx, text string) error {
	rows, err := tx.Query(ctx, text)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

func TestTenantsComeAndGoDuringARun(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 30)
		r := begin(t, h, counting(nil), options)
		for _, table := range []string{"tenantry_token_version", "tenantry_token", "tenantry_tenant"} {
			h.Exec(t, `DELETE FROM `+table+` WHERE tenant_id IN (4, 20)`)
		}
		h.Exec(t, `DELETE FROM tenants_tenantmodel WHERE id IN (4, 20)`)
		arrived := must(h.Tenants.Create(t.Context(), h.SignIn.Console("root"), draft("late")))(t)
		r = carry(t, h, r.ID)
		wantRun(t, r, rollout.Finished, rollout.Counts{Items: 31, Done: 29, Gone: 2, Changes: 29})
		if n := h.Number(t, `SELECT n FROM counted WHERE tenant_id = ?`, arrived.Key); n != 1 {
			t.Errorf("a tenant that came later was dealt with %d times", n)
		}
	})
}

func TestTwoOperatorsBeginOneRun(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 10)
		step := counting(nil)
		h.DataMigration.More = []datamigration.Step{step}
		var mu sync.Mutex
		ids := map[string]int{}
		begun := 0
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				r, joined, err := h.DataMigration.Start(t.Context(), h.SignIn.Console("root"), step, 0, options, false)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				ids[r.ID.String()]++
				if !joined {
					begun++
				}
			})
		}
		all.Wait()
		if len(ids) != 1 || begun != 1 {
			t.Errorf("%d runs, begun %d times", len(ids), begun)
		}
		other := options
		other.AbortOver = 50
		if _, _, err := h.DataMigration.Start(t.Context(), h.SignIn.Console("root"), step, 0, other, false); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.open"}) {
			t.Errorf("a run is joined with other options: %v", err)
		}
	})
}

func TestAnEditedStepIsNoticed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 10)
		root, edited := h.SignIn.Console("root"), &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.edited"}
		step := counting(nil)
		r := begin(t, h, step, options)
		changed := step
		changed.Sum = "count/1, edited"
		h.DataMigration.More = []datamigration.Step{changed}
		if _, err := h.DataMigration.Carry(t.Context(), root, r.ID, pace(h), "n", func(rollout.Run) {}); !errors.Is(err, edited) {
			t.Errorf("a run goes on with another step: %v", err)
		}
		h.DataMigration.More = []datamigration.Step{step}
		carry(t, h, r.ID)
		if _, _, err := h.DataMigration.Start(t.Context(), root, changed, 0, options, false); !errors.Is(err, edited) {
			t.Errorf("an edited step is begun: %v", err)
		}
		if _, _, err := h.DataMigration.Start(t.Context(), root, changed, 0, options, true); err != nil {
			t.Errorf("… though that was accepted: %v", err)
		}
	})
}

func TestOthersFinishWhatADeadProcessBegan(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 200)
		o := options
		o.Canary = 200
		r := begin(t, h, counting(nil), o)
		// It takes a part, and is never heard of again.
		lease, _, _, err := h.Rollouts.Claim(t.Context(), h.SignIn.Console("root"), r.ID, "dead")
		if err != nil || lease.First == 0 {
			t.Fatal(lease, err)
		}
		var all sync.WaitGroup
		for n := range 3 {
			other := h.Reopen(t)
			other.DataMigration.More = h.DataMigration.More
			all.Go(func() {
				if _, err := other.DataMigration.Carry(t.Context(), other.SignIn.Console("root"), r.ID, pace(other), fmt.Sprint("node ", n), func(rollout.Run) {}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantRun(t, must(h.Rollouts.Get(t.Context(), h.SignIn.Console("root"), r.ID))(t), rollout.Finished, rollout.Counts{Items: 200, Done: 200, Changes: 200})
		wantOnce(t, h, 200, 0)
		// And if it was only slow: what it had is not its own any more.
		err = h.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := h.Rollouts.WaitingIn(t.Context(), tx, lease, lease.First, lease.Last, 10)
			return err
		})
		if !errors.Is(err, &tenantry.Error{Kind: tenantry.Busy, Code: "rollout.lease_lost"}) {
			t.Errorf("the dead go on: %v", err)
		}
	})
}

// A large table is dealt with part by part; where it stopped it goes on.
func TestPartsOfALargeTableAreCommittedWithTheirPosition(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 3)
		const rows = 3000
		h.Exec(t, `CREATE TABLE large (tenant_id bigint NOT NULL, id bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (tenant_id, id))`)
		h.Exec(t, `INSERT INTO large (tenant_id, id, n) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT 1 + i % 3, i, 0 FROM n`)
		ctx, stop := context.WithCancel(t.Context())
		var parts atomic.Int64
		step := datamigration.Step{Name: "large", Summary: "step.own", Version: 1, Sum: "1",
			Batch: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, position string, limit int64) (p datamigration.Part, err error) {
				if parts.Add(1) == 4 {
					stop() // as if it were killed
				}
				after, _ := strconv.ParseInt(position, 10, 64)
				var last *int64
				limit = min(limit, 200)
				if err := tx.Get(ctx, `SELECT max(id) FROM (SELECT id FROM large WHERE tenant_id = ? AND id > ? ORDER BY id LIMIT ?) AS p`, []any{tenant, after, limit}, &last); err != nil || last == nil {
					return p, err
				}
				p.Next = strconv.FormatInt(*last, 10)
				p.Count, err = tx.Exec(ctx, `UPDATE large SET n = n + 1 WHERE tenant_id = ? AND id > ? AND id <= ?`, tenant, after, *last)
				return p, err
			}}
		r := begin(t, h, step, options)
		if _, err := h.DataMigration.Carry(ctx, h.SignIn.Console("root"), r.ID, pace(h), "killed", func(rollout.Run) {}); err == nil {
			t.Error("it was not interrupted")
		}
		some := h.Number(t, `SELECT count(*) FROM large WHERE n = 1`)
		if some == 0 || some == rows {
			t.Errorf("%d rows were done before it was interrupted", some)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 3, Done: 3, Changes: rows})
		if n := h.Number(t, `SELECT count(*) FROM large WHERE n <> 1`); n != 0 {
			t.Errorf("%d rows were not done once", n)
		}
	})
}

func TestRunsAreHeldPausedCancelledAndReverted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 40)
		root := h.SignIn.Console("root")
		o := options
		o.Hold, o.CanaryTenants = true, []int64{7, 21}
		r := carry(t, h, begin(t, h, counting(nil), o).ID)
		wantRun(t, r, rollout.Paused, rollout.Counts{Items: 40, Done: 2, Changes: 2})
		if n := h.Number(t, `SELECT count(*) FROM counted WHERE tenant_id IN (7, 21)`); n != 2 {
			t.Errorf("other canaries: %d", n)
		}
		if _, err := h.DataMigration.Resume(t.Context(), root, r.ID, false); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Rollouts.Pause(t.Context(), root, r.ID); err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Paused, rollout.Counts{Items: 40, Done: 2, Changes: 2})
		if _, err := h.DataMigration.Resume(t.Context(), root, r.ID, false); err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 40, Done: 40, Changes: 40})
		if _, err := h.Rollouts.Cancel(t.Context(), root, r.ID); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.halted"}) {
			t.Errorf("what is finished is given up: %v", err)
		}
		back := must(h.DataMigration.StartRevert(t.Context(), root, r.ID))(t)
		back = carry(t, h, back.ID)
		wantRun(t, back, rollout.Paused, rollout.Counts{Items: 40, Done: 5, Changes: 5}) // it holds too
		if _, err := h.DataMigration.Resume(t.Context(), root, back.ID, false); err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, back.ID), rollout.Finished, rollout.Counts{Items: 40, Done: 40, Changes: 40})
		if n := h.Number(t, `SELECT count(*) FROM counted`); n != 0 {
			t.Errorf("%d are left", n)
		}
		if _, err := h.DataMigration.StartRevert(t.Context(), root, back.ID); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.is_revert"}) {
			t.Errorf("a revert is reverted: %v", err)
		}
	})
}

func TestWhatAStepDependsOnMustBeApplied(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		step := counting(nil)
		step.Depends = []migrate.Key{{App: "tenantry", Name: "9999_later"}}
		if _, _, err := h.DataMigration.Start(t.Context(), h.SignIn.Console("root"), step, 0, options, false); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "datamigration.depends"}) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOnlyOperatorsRunDataMigrations(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 3)
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, 1, tenantry.Permissions()...)
		r := begin(t, h, counting(nil), options)
		_, _, started := h.DataMigration.Start(t.Context(), own, h.DataMigration.More[0], 0, options, false)
		_, carried := h.DataMigration.Carry(t.Context(), own, r.ID, pace(h), "n", func(rollout.Run) {})
		_, paused := h.Rollouts.Pause(t.Context(), own, r.ID)
		_, listed := h.Rollouts.List(t.Context(), own, "", tenantry.Page{})
		_, _, planned := h.DataMigration.Plan(t.Context(), own, h.DataMigration.More[0], 0, func(int64) {})
		for i, err := range []error{started, carried, paused, listed, planned} {
			if tenantry.KindOf(err) != tenantry.Forbidden {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

// The product's own steps, there and back.
func TestR096_R097_R099_R100_StepsAndTheirReverts(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		root := h.SignIn.Console("root")
		h.Exec(t, `UPDATE tenants_tenantmodel SET configuration = '"{\"a\": 1}"' WHERE id = 2`)
		h.Exec(t, `UPDATE tenants_tenantmodel SET ai_token = 'ai_plain' WHERE id = 1`)
		run(t, h, datamigration.Request{Migrate: true}) // makes the token known
		var done []tenantry.RunID
		for _, want := range []struct {
			step    string
			changes int64
		}{{"generate_tenant_tokens", 3}, {"create_user_profiles", 2}, {"seal_tokens", 1}, {"normalise_configuration", 1}} {
			step := must(h.DataMigration.Step(want.step))(t)
			planned, _, err := h.DataMigration.Plan(t.Context(), root, step, 0, func(int64) {})
			if err != nil {
				t.Fatal(err)
			}
			sum := int64(0)
			for _, n := range planned {
				sum += n
			}
			r, _, err := h.DataMigration.Start(t.Context(), root, step, 0, options, false)
			if err != nil {
				t.Fatal(err)
			}
			r = carry(t, h, r.ID)
			if r.State != rollout.Finished || r.Counts.Changes != want.changes || sum != want.changes || r.Counts.Quarantined != 0 {
				t.Errorf("%s: planned %d, %+v", want.step, sum, r)
			}
			done = append(done, r.ID)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = '' OR ai_token NOT LIKE 'sealed:%'`); n != 0 {
			t.Errorf("%d tenants without tokens, or with plain ones", n)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_userprofile WHERE language = 'es' AND timezone = 'America/Santiago'`); n != 2 {
			t.Errorf("%d profiles", n)
		}
		for _, id := range []tenantry.RunID{done[3], done[2], done[1], done[0]} {
			back := must(h.DataMigration.StartRevert(t.Context(), root, id))(t)
			if r := carry(t, h, back.ID); r.State != rollout.Finished || r.Counts.Quarantined != 0 {
				t.Errorf("revert of %s: %+v %+v", r.Step, r, items(t, h, r.ID, rollout.Quarantined))
			}
		}
		for _, left := range []struct {
			query string
			want  int64
		}{
			{`SELECT count(*) FROM tenants_userprofile`, 0},
			{`SELECT count(*) FROM tenants_tenantmodel WHERE id = 1 AND ai_token = 'ai_plain' AND cwu_token = ''`, 1},
			{`SELECT count(*) FROM tenants_tenantmodel WHERE id = 2 AND ai_token = '' AND cwu_token = ''`, 1},
		} {
			if n := h.Number(t, left.query); n != left.want {
				t.Errorf("%s: %d", left.query, n)
			}
		}
	})
}

// A revert puts back what the step did, and nothing of what was done since.
func TestARevertLeavesWhatWasChangedSince(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 3)
		root := h.SignIn.Console("root")
		h.Exec(t, `UPDATE tenants_tenantmodel SET configuration = '"{\"a\": 1}"'`)
		step := must(h.DataMigration.Step("normalise_configuration"))(t)
		r, _, err := h.DataMigration.Start(t.Context(), root, step, 0, options, false)
		if err != nil {
			t.Fatal(err)
		}
		wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 3, Done: 3, Changes: 3})
		h.Exec(t, `UPDATE tenants_tenantmodel SET configuration = '{"a": 2}' WHERE id = 2`)
		for _, changes := range []int64{2, 0} { // the second time nothing is left of it
			back := must(h.DataMigration.StartRevert(t.Context(), root, r.ID))(t)
			wantRun(t, carry(t, h, back.ID), rollout.Finished, rollout.Counts{Items: 3, Done: changes, Unchanged: 3 - changes, Changes: changes})
			if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE CAST(configuration AS text) = '{"a": 2}' AND id = 2`); n != 1 {
				t.Error("a configuration that was changed since is lost")
			}
			if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE CAST(configuration AS text) LIKE '"%' AND id <> 2`); n != 2 {
				t.Errorf("%d of 2 are back", n)
			}
		}
	})
}

// Whoever pauses a run excuses no failure: the abort rule still counts it.
func TestAPauseExcusesNoFailure(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 40)
		root := h.SignIn.Console("root")
		step := counting(func(_ context.Context, _ *sqldb.Tx, key tenantry.TenantKey) error {
			if key == 1 || key == 2 {
				return errors.New("never")
			}
			return nil
		})
		o := options
		o.Hold, o.AbortOver = true, 50 // one canary of two may fail
		o.CanaryTenants = []int64{1, 3}
		r := carry(t, h, begin(t, h, step, o).ID)
		wantRun(t, r, rollout.Paused, rollout.Counts{Items: 40, Done: 1, Quarantined: 1, Changes: 1})
		if _, err := h.DataMigration.Resume(t.Context(), root, r.ID, false); err != nil {
			t.Fatal(err)
		}
		if n := h.Number(t, `SELECT sum(tolerated) FROM tenantry_rollout_wave`); n != 0 {
			t.Errorf("%d failures are excused", n)
		}
	})
}

func TestAnOperatorsOwnSteps(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fleet(t, h, 25)
		root := h.SignIn.Console("root")
		h.Exec(t, `CREATE TABLE large (tenant_id bigint NOT NULL, id bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (tenant_id, id))`)
		h.Exec(t, `INSERT INTO large (tenant_id, id, n) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT 1 + i % 25, i, 0 FROM n`)
		dir := t.TempDir()
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name+".sql"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h.DataMigration.Dir = dir
		write("describe", `-- Says of every tenant that it was looked at: it's new.
-- +depends tenantry.0001_initial
-- +verify SELECT count(*) FROM tenants_tenantmodel WHERE id = :tenant AND description = ''
-- +apply
UPDATE tenants_tenantmodel SET description = 'a :tenant of ours' || CAST(:tenant AS text) WHERE id = :tenant AND description = '';
INSERT INTO counted (tenant_id, n) VALUES (:tenant, 1);
-- +revert UPDATE tenants_tenantmodel SET description = '' WHERE id = :tenant
`)
		write("renumber", `-- +next SELECT max(id) FROM (SELECT id FROM large WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :limit) AS p
-- +apply UPDATE large SET n = n + 1 WHERE tenant_id = :tenant AND id > :after AND id <= :upto
`)
		for _, want := range []struct {
			step    string
			changes int64
		}{{"describe", 50}, {"renumber", 5000}} {
			step := must(h.DataMigration.Step(want.step))(t)
			r, _, err := h.DataMigration.Start(t.Context(), root, step, 0, options, false)
			if err != nil {
				t.Fatal(err)
			}
			wantRun(t, carry(t, h, r.ID), rollout.Finished, rollout.Counts{Items: 25, Done: 25, Changes: want.changes})
			if want.step == "describe" {
				back := must(h.DataMigration.StartRevert(t.Context(), root, r.ID))(t)
				wantRun(t, carry(t, h, back.ID), rollout.Finished, rollout.Counts{Items: 25, Done: 25, Changes: 25})
			} else if _, err := h.DataMigration.StartRevert(t.Context(), root, r.ID); !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "datamigration.not_revertible"}) {
				t.Errorf("what has no +revert is taken back: %v", err)
			}
		}
		if n := h.Number(t, `SELECT count(*) FROM large WHERE n <> 1`); n != 0 {
			t.Errorf("%d rows were not done once", n)
		}
		for text, code := range map[string]string{
			"SELECT 1":                                 "datamigration.bad_line",
			"-- +verify SELECT 0":                      "datamigration.bad_line",
			"-- +version x\n-- +apply SELECT 1":        "datamigration.bad_line",
			"-- +depends tenantry\n-- +apply SELECT 1": "datamigration.bad_line",
			"-- +apply SELECT 1\n-- +apply SELECT 2":   "datamigration.bad_line",
			"-- +aply SELECT 1":                        "datamigration.bad_line",
			"-- +apply SELECT :user":                   "datamigration.bad_parameter",
		} {
			write("wrong", text)
			if _, err := h.DataMigration.Steps(); !errors.Is(err, &tenantry.Error{Kind: tenantry.Usage, Code: code}) {
				t.Errorf("%q: %v", text, err)
			}
		}
		for _, name := range []string{"seal_tokens", "renumber"} {
			if step, err := h.DataMigration.Step(name); err != nil || step.Name != name {
				t.Errorf("%s is kept up by another file: %v", name, err)
			}
		}
		os.Remove(filepath.Join(dir, "wrong.sql"))
		for _, name := range []string{"Wrong", "seal_tokens"} {
			write(name, "-- +apply SELECT 1")
			if _, err := h.DataMigration.Steps(); !errors.Is(err, &tenantry.Error{Kind: tenantry.Usage, Code: "datamigration.bad_name"}) {
				t.Errorf("%s: %v", name, err)
			}
			os.Remove(filepath.Join(dir, name+".sql"))
		}
		h.DataMigration.Dir = filepath.Join(dir, "missing")
		if _, err := h.DataMigration.Steps(); !errors.Is(err, &tenantry.Error{Kind: tenantry.Usage, Code: "datamigration.no_dir"}) {
			t.Errorf("error %v", err)
		}
	})
}
