package datamigration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
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
	look.Go(func() { f.look(ctx, id, ended, watch) })
	work.Wait()
	close(ended)
	look.Wait()
	err = context.Cause(ctx)
	run, counted := f.Rollouts.CountsOf(context.WithoutCancel(ctx), id)
	watch(run)
	if err == nil {
		err = counted
	}
	return run, err
}

// look tells how far a run is, several times a second.
func (f *Flow) look(ctx context.Context, id tenantry.RunID, ended <-chan struct{}, watch func(rollout.Run)) {
	ticker := time.NewTicker(300 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if run, err := f.Rollouts.CountsOf(ctx, id); err == nil {
				watch(run)
			}
		case <-ended:
			return
		}
	}
}

// worker works on one stretch at a time.
type worker struct {
	flow     *Flow
	scope    tenantry.Scope
	run      rollout.Run
	step     Step
	pace     Pace
	throttle *throttle
	node     string
	size     int64 // of the next group or batch
	stalls   int   // transactions in a row that came to nothing
	compares bool  // something was wrong before, so what is wrong after must be held against it
	seen     map[tenantry.TenantKey]sighting
}

// sighting is when a lease was first seen with a beat.
type sighting struct {
	lease rollout.Lease
	at    time.Duration // elapsed, never stored
}

func (w *worker) work(ctx context.Context) error {
	w.size = firstGroup
	if w.step.Batch != nil && !w.each() {
		w.size = firstBatch
	}
	wave := int64(-1)
	for {
		var lease rollout.Lease
		var others []rollout.Lease
		var run rollout.Run
		err := w.patiently(ctx, func() (err error) {
			lease, others, run, err = w.flow.Rollouts.Claim(ctx, w.scope, w.run.ID, w.node)
			return err
		})
		if err != nil {
			return err
		}
		if run.State != rollout.Running {
			return nil
		}
		if lease == (rollout.Lease{}) {
			if lease, err = w.orphan(ctx, others); err != nil {
				return err
			}
		}
		if lease == (rollout.Lease{}) {
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if wave >= 0 && lease.Wave > wave && w.pace.Soak > 0 {
			if err := w.during(ctx, lease, func(ctx context.Context) error { return sleep(ctx, w.pace.Soak) }); err != nil {
				return err
			}
		}
		wave = lease.Wave
		if err := w.during(ctx, lease, func(ctx context.Context) error { return w.stretch(ctx, lease) }); err != nil {
			return err
		}
	}
}

// orphan takes over a lease that is free, or whose holder is dead.
func (w *worker) orphan(ctx context.Context, others []rollout.Lease) (rollout.Lease, error) {
	now := w.flow.Elapsed()
	seen := map[tenantry.TenantKey]sighting{}
	for _, l := range others {
		before, there := w.seen[l.First]
		if !there || !l.Same(before.lease) {
			before = sighting{l, now}
		}
		seen[l.First] = before
		if !l.Free() && now-before.at < w.pace.Lease {
			continue
		}
		taken, ok, err := w.flow.Rollouts.TakeOver(ctx, l, w.node)
		if err != nil && tenantry.KindOf(err) != tenantry.Busy {
			return rollout.Lease{}, err
		}
		if ok && err == nil {
			w.seen = nil
			return taken, nil
		}
	}
	w.seen = seen
	return rollout.Lease{}, nil
}

// during shows that the holder of a lease lives while something is done, and gives
// the lease back.
func (w *worker) during(ctx context.Context, lease rollout.Lease, do func(ctx context.Context) error) error {
	beating, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() {
		ticker := time.NewTicker(w.pace.Lease / 5)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				// What stands in the way is our own transaction, which beats itself.
				limited, cancel := context.WithTimeout(beating, w.pace.Lease/5)
				_ = w.flow.Rollouts.Beat(limited, lease)
				cancel()
			case <-beating.Done():
				return
			}
		}
	})
	err := do(ctx)
	stop()
	beats.Wait()
	if lost(err) {
		return nil // somebody else has it
	}
	if err != nil && ctx.Err() == nil {
		return err // it runs out, and somebody goes on
	}
	release := w.flow.Rollouts.Release(context.WithoutCancel(ctx), lease)
	if err == nil {
		err = release
	}
	return err
}

func lost(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Busy, Code: "rollout.lease_lost"})
}

func halted(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.halted"})
}

// stretch deals with every tenant of a lease.
func (w *worker) stretch(ctx context.Context, l rollout.Lease) error {
	for {
		n, err := w.group(ctx, l, l.First, l.Last, int(w.limit()))
		if halted(err) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// limit is how many tenants to take at once.
func (w *worker) limit() int64 {
	if w.alone() {
		return 1
	}
	return w.size
}

// alone tells whether a tenant takes a transaction, or several, of its own.
func (w *worker) alone() bool { return !w.step.Many || !w.each() }

// each tells whether tenants are dealt with by Apply.
func (w *worker) each() bool { return w.step.Batch == nil || w.step.Apply != nil && w.run.Only != 0 }

// group deals with at most limit of the tenants between two, in one transaction, or
// where that fails, half by half. It returns with how many it has dealt.
func (w *worker) group(ctx context.Context, l rollout.Lease, first, last tenantry.TenantKey, limit int) (int, error) {
	began := w.flow.Elapsed()
	var taken []rollout.Item
	var rows int64
	var worked time.Duration
	err := w.guarded(ctx, func(ctx context.Context) error {
		compare := w.compares
		return w.flow.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
			// Neither waiting for others nor the commit is what made it long: less work would
			// not make them shorter.
			entered := w.flow.Elapsed()
			taken, rows = nil, 0
			if taken, err = w.flow.Rollouts.WaitingIn(ctx, tx, l, first, last, limit); err != nil || len(taken) == 0 {
				return err
			}
			results, err := w.deal(ctx, tx, taken, compare)
			if err != nil {
				return err
			}
			for _, r := range results {
				rows += r.Changes
			}
			err = w.flow.Rollouts.SettleIn(ctx, tx, l, results)
			worked = w.flow.Elapsed() - entered
			return err
		})
	})
	if errors.Is(err, errCompare) { // and keep on comparing: the next ones will be no better
		w.compares = true
		return w.group(ctx, l, first, last, limit)
	}
	switch {
	case err == nil:
		w.stalls = 0
		if len(taken) > 0 {
			w.adapt(worked, int64(len(taken)), rows)
			err = w.throttle.after(ctx, worked, w.weight(int64(len(taken)), rows), w.ping)
		}
		return len(taken), err
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case lost(err), halted(err):
		return 0, err
	case gone(err), len(taken) == 0:
		// No tenant is at fault, and nothing is held against one: the database is away,
		// slow or full, or something is wrong with the run itself.
		w.stalls++
		passing := gone(err) || timedOut(err) || tenantry.KindOf(err) == tenantry.Busy
		if !passing || w.stalls > mostStalls {
			return 0, err
		}
		return 1, sleep(ctx, time.Duration(w.stalls)*200*time.Millisecond)
	case len(taken) > 1:
		// What was one group is two.
		middle := taken[len(taken)/2-1].Tenant
		n, err := w.group(ctx, l, first, middle, len(taken))
		if err != nil {
			return n, err
		}
		m, err := w.group(ctx, l, middle+1, taken[len(taken)-1].Tenant, len(taken))
		return n + m, err
	}
	item := taken[0]
	attempt := rollout.Attempt{Number: item.Attempts + 1, StartedAt: w.flow.Clock().Add(began - w.flow.Elapsed()), Code: codeOf(err), Cause: clip(err.Error())}
	again := tenantry.KindOf(err) == tenantry.Busy && attempt.Number < w.pace.Attempts
	if err := w.patiently(ctx, func() error {
		return w.flow.Rollouts.Failed(ctx, w.scope, l, item.Tenant, attempt, again)
	}); err != nil {
		return 0, err
	}
	if again {
		return 1, sleep(ctx, time.Duration(attempt.Number)*100*time.Millisecond)
	}
	return 1, nil
}

// weight is what the rate counts.
func (w *worker) weight(tenants, rows int64) int64 {
	if w.each() {
		return tenants
	}
	return rows
}

// deal does what the step asks, for tenants in the transaction, and sees that it
// holds and broke nothing.
func (w *worker) deal(ctx context.Context, tx *sqldb.Tx, items []rollout.Item, compare bool) ([]rollout.Result, error) {
	keys := make([]tenantry.TenantKey, 0, len(items))
	for _, i := range items {
		if i.Tenant != 0 {
			keys = append(keys, i.Tenant)
		}
	}
	// In the order of their keys, whoever works on the same.
	there, err := w.flow.Tenants.LockIn(ctx, tx, w.scope, keys)
	if err != nil {
		return nil, err
	}
	results := make([]rollout.Result, 0, len(items))
	left := keys[:0:0]
	for _, k := range keys {
		if there[k] {
			left = append(left, k)
		} else {
			results = append(results, rollout.Result{Tenant: k, Outcome: rollout.Gone})
		}
	}
	if len(left) == 0 && len(keys) > 0 {
		return results, nil
	}
	var before []Violation
	if compare {
		if before, err = w.violations(ctx, tx, left); err != nil {
			return nil, err
		}
	}
	did, err := w.do(ctx, tx, items[0], left)
	if err != nil {
		return nil, err
	}
	if w.run.Reverts == "" && w.step.Verify != nil && (len(did) > 1 || did[0].Position == "") {
		proven := left
		if items[0].Tenant == 0 {
			proven = []tenantry.TenantKey{0}
		}
		if err := w.step.Verify(ctx, tx, proven); err != nil {
			return nil, err
		}
	}
	// Of many parts the first shows what a step does to its tenant, and the last what it
	// has done; asking after each would take longer than the part.
	if items[0].Position != "" && did[0].Position != "" {
		return append(results, did...), nil
	}
	after, err := w.violations(ctx, tx, left)
	if err != nil {
		return nil, err
	}
	if len(after) > 0 && !compare {
		return nil, errCompare
	}
	for _, v := range w.added(before, after) {
		return nil, tenantry.NewError(tenantry.Conflict, "rollout.invariant", "invariant", v.Code, "tenant", int64(v.Tenant))
	}
	return append(results, did...), nil
}

// added is what is wrong now and was not before. What a step makes true, its revert
// may make untrue.
func (w *worker) added(before, after []Violation) []Violation {
	known := make(map[Violation]bool, len(before))
	for _, v := range before {
		known[v] = true
	}
	return slices.DeleteFunc(after, func(v Violation) bool {
		return known[v] || w.run.Reverts != "" && slices.Contains(w.step.Mends, v.Code)
	})
}

func (w *worker) violations(ctx context.Context, tx *sqldb.Tx, keys []tenantry.TenantKey) ([]Violation, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return w.flow.Invariants(ctx, tx, keys)
}

// do lets the step act: on many tenants, on one, or on the next part of one.
func (w *worker) do(ctx context.Context, tx *sqldb.Tx, item rollout.Item, keys []tenantry.TenantKey) ([]rollout.Result, error) {
	if w.run.Reverts != "" {
		if item.Tenant == 0 {
			keys = []tenantry.TenantKey{0}
		}
		return w.revert(ctx, tx, keys)
	}
	if !w.each() {
		part, err := w.step.Batch(ctx, tx, w.scope, item.Tenant, item.Position, w.size)
		if err != nil {
			return nil, err
		}
		result := settled(item.Tenant, part.Change)
		if part.Next != "" {
			result.Outcome, result.Position = rollout.Waiting, part.Next
		} else if item.Position != "" {
			result.Outcome = rollout.Done
			if item.Changes+part.Count == 0 {
				result.Outcome = rollout.Unchanged
			}
		}
		return []rollout.Result{result}, nil
	}
	did, err := w.step.Apply(ctx, tx, w.scope, keys)
	if err != nil {
		return nil, err
	}
	results := make([]rollout.Result, len(keys))
	for i, k := range keys {
		results[i] = settled(k, did[k])
	}
	return results, nil
}

// revert takes back what the run that is reverted did to tenants.
func (w *worker) revert(ctx context.Context, tx *sqldb.Tx, keys []tenantry.TenantKey) ([]rollout.Result, error) {
	results := make([]rollout.Result, len(keys))
	for i, key := range keys {
		undo, err := w.flow.Rollouts.UndoIn(ctx, tx, w.run, key)
		if err != nil {
			return nil, err
		}
		n, err := w.step.Revert(ctx, tx, w.scope, key, undo)
		if err != nil {
			return nil, err
		}
		results[i] = settled(key, Change{Count: n})
	}
	return results, nil
}

func settled(tenant tenantry.TenantKey, c Change) rollout.Result {
	r := rollout.Result{Tenant: tenant, Outcome: rollout.Done, Changes: c.Count, Undo: c.Undo}
	if c.Count == 0 {
		r.Outcome = rollout.Unchanged
	}
	return r
}

// guarded runs a transaction that has a time limit, and turns a panic into an error.
// A step that does not even end when its context does is given up together with
// the process: its transaction must not stay open.
func (w *worker) guarded(ctx context.Context, do func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, w.pace.Timeout, errTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = &panicked{value: p, stack: debug.Stack()}
			}
			done <- err
		}()
		err = do(limited)
	}()
	select {
	case err := <-done:
		if err != nil && ctx.Err() == nil && context.Cause(limited) == errTimeout {
			return tenantry.NewError(tenantry.Conflict, "rollout.timeout", "seconds", int64(w.pace.Timeout.Seconds())).Because(err)
		}
		return err
	case <-time.After(w.pace.Timeout + hopeless):
		return tenantry.NewError(tenantry.Internal, "rollout.step_hangs", "step", w.step.Name)
	}
}

// errCompare asks for the invariants before the step too. Where all is well after
// it, nobody needs to know.
var errCompare = errors.New("datamigration: something is wrong with the tenants; was it before?")

var errTimeout = errors.New("datamigration: transaction took too long")

// hopeless is how long a step may go on after its context ended.
const hopeless = 10 * time.Second

// panicked is a defect in a step; the stack is for whoever mends it.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// gone tells whether the database, and no tenant, is at fault.
func gone(err error) bool {
	var e *tenantry.Error
	return errors.As(err, &e) && e.Kind == tenantry.Unavailable && len(e.Code) > 9 && e.Code[:9] == "database."
}

// mostStalls is how many transactions in a row may come to nothing: eleven seconds of
// an absent database, and longer of a slow one.
const mostStalls = 10

func timedOut(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.timeout"})
}

// patiently tries again, for a while, what fails because the database is busy or away.
func (w *worker) patiently(ctx context.Context, do func() error) error {
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		err := do()
		if err == nil || pause > 10*time.Second || lost(err) || !gone(err) && tenantry.KindOf(err) != tenantry.Busy {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// codeOf is what quarantine keeps of an error, for programs.
func codeOf(err error) string {
	var e *tenantry.Error
	var p *panicked
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.As(err, &p):
		return "rollout.panic"
	}
	return "rollout.failed"
}

func clip(text string) string {
	const most = 500
	if len(text) > most {
		return text[:most]
	}
	return text
}

// Plan counts what a step would change, tenant by tenant, in one view of the
// database. watch is told how many tenants have been looked at.
func (f *Flow) Plan(ctx context.Context, s tenantry.Scope, step Step, only tenantry.TenantKey, watch func(tenants int64)) (planned map[tenantry.TenantKey]int64, tenants int64, err error) {
	if err := s.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, 0, err
	}
	planned = map[tenantry.TenantKey]int64{}
	err = f.DB.Read(ctx, func(tx *sqldb.Tx) error {
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
