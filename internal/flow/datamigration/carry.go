package datamigration

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/rollout"
)

// Pace says how a process works on a run: what it spares others. None of it is part
// of the run; each process has its own.
type Pace struct {
	Workers     int           // stretches at the same time
	Rate        int64         // tenants, or rows of a step in batches, in a second; 0 is no bound
	Transaction time.Duration // how long a transaction is to take: groups and batches grow and shrink with it
	Latency     time.Duration // wait while the database takes longer than this to answer; 0 never
	Rest        int           // per cent of the time in which nothing is done, so that other writers get their turn
	Soak        time.Duration // pause between waves
	Attempts    int64         // tries of a tenant before it is in quarantine, where another one may help
	Timeout     time.Duration // of one transaction
	Lease       time.Duration // how long a process may show no life
}

// Start begins a run of a step, or joins the one that is open (rollout.Service.Start).
// Canary tenants and tenants must exist; what the step depends on must be applied.
func (f *Flow) Start(ctx context.Context, s tenantry.Scope, step Step, only tenantry.TenantKey, o rollout.Options, acceptEdited bool) (rollout.Run, bool, error) {
	if err := f.depends(ctx, step); err != nil {
		return rollout.Run{}, false, err
	}
	o.Whole = step.Whole && only == 0
	return f.Rollouts.Start(ctx, s, rollout.Draft{Step: step.Name, Version: step.Version, Sum: step.Sum, Only: only, Options: o, AcceptEdited: acceptEdited})
}

// Resume lets a run go on with the step as it is now.
func (f *Flow) Resume(ctx context.Context, s tenantry.Scope, id tenantry.RunID, keepFailed bool) (rollout.Run, error) {
	step, err := f.stepOf(ctx, s, id)
	if err != nil {
		return rollout.Run{}, err
	}
	return f.Rollouts.Resume(ctx, s, id, step.Version, step.Sum, keepFailed)
}

// Retry tries what a run left in quarantine again, with the step as it is now.
func (f *Flow) Retry(ctx context.Context, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error) {
	step, err := f.stepOf(ctx, s, id)
	if err != nil {
		return rollout.Run{}, err
	}
	return f.Rollouts.Retry(ctx, s, id, step.Version, step.Sum)
}

// StartRevert begins to take a run back. A step that cannot be is a Conflict.
func (f *Flow) StartRevert(ctx context.Context, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error) {
	step, err := f.stepOf(ctx, s, id)
	if err != nil {
		return rollout.Run{}, err
	}
	if step.Revert == nil {
		return rollout.Run{}, tenantry.NewError(tenantry.Conflict, "datamigration.not_revertible", "step", step.Name)
	}
	return f.Rollouts.StartRevert(ctx, s, id, step.Version, step.Sum)
}

func (f *Flow) stepOf(ctx context.Context, s tenantry.Scope, id tenantry.RunID) (Step, error) {
	run, err := f.Rollouts.Get(ctx, s, id)
	if err != nil {
		return Step{}, err
	}
	return f.Step(run.Step)
}

// Carry works on a run until it is not running any more, beside whatever other
// processes do. watch is told how far all of them have come. The run's outcome is
// its state; an error is of this process: the database went away, or the context
// ended. Then the run goes on when it is resumed.
func (f *Flow) Carry(ctx context.Context, s tenantry.Scope, id tenantry.RunID, p Pace, node string, watch func(rollout.Run)) (rollout.Run, error) {
	run, err := f.Rollouts.Get(ctx, s, id)
	if err != nil {
		return run, err
	}
	step, err := f.Step(run.Step)
	if err != nil {
		return run, err
	}
	if run.Sum != step.Sum {
		return run, tenantry.NewError(tenantry.Conflict, "rollout.edited", "step", run.Step, "version", run.Version, "run", id.String())
	}
	if err := f.depends(ctx, step); err != nil {
		return run, err
	}
	if _, err := f.DB.Survey(ctx); err != nil {
		return run, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shared := newThrottle(p, f.Elapsed)
	var work, look sync.WaitGroup
	for n := range max(p.Workers, 1) {
		w := &worker{flow: f, scope: s, run: run, step: step, pace: p, throttle: shared, node: node + "#" + strconv.Itoa(n)}
		work.Go(func() {
			if err := w.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	ended := make(chan struct{})
	look.Go(func() { f.look(ctx, s, id, ended, watch) })
	work.Wait()
	close(ended)
	look.Wait()
	err = context.Cause(ctx)
	run, counted := f.Rollouts.Get(context.WithoutCancel(ctx), s, id)
	watch(run)
	if err == nil {
		err = counted
	}
	return run, err
}

// look tells how far a run is, several times a second.
func (f *Flow) look(ctx context.Context, s tenantry.Scope, id tenantry.RunID, ended <-chan struct{}, watch func(rollout.Run)) {
	ticker := time.NewTicker(300 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if run, err := f.Rollouts.Get(ctx, s, id); err == nil {
				watch(run)
			}
		case <-ended:
			return
		}
	}
}

// Plan counts what a step would change, tenant by tenant, in one view of the
// database. watch is told how many tenants have been looked at.
func (f *Flow) Plan(ctx context.Context, s tenantry.Scope, step Step, only tenantry.TenantKey, watch func(tenants int64)) (planned map[tenantry.TenantKey]int64, tenants int64, err error) {
	if err := s.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, 0, err
	}
	planned = map[tenantry.TenantKey]int64{}
	err = f.DB.As(s).Read(ctx, func(tx *sqldb.Tx) error {
		if step.Whole && only == 0 {
			tenants = 1
			n, err := step.Plan(ctx, tx, []tenantry.TenantKey{0})
			maps.Copy(planned, n)
			return err
		}
		for after := tenantry.TenantKey(0); ; {
			keys, err := f.Tenants.KeysIn(ctx, tx, s, after, only, planGroup)
			if err != nil || len(keys) == 0 {
				return err
			}
			n, err := step.Plan(ctx, tx, keys)
			if err != nil {
				return err
			}
			maps.Copy(planned, n)
			after = keys[len(keys)-1]
			tenants += int64(len(keys))
			watch(tenants)
		}
	})
	return planned, tenants, err
}

const planGroup = 2000
