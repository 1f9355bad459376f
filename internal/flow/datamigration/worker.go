package datamigration

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/rollout"
)

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

// Looking for work is a small write, so whoever finds none looks ever more seldom.
const (
	leastIdle = 50 * time.Millisecond
	mostIdle  = 500 * time.Millisecond
)

// sighting is when a lease was first seen with a beat.
type sighting struct {
	lease rollout.Lease
	at    time.Duration // elapsed, never stored
}

func (w *worker) work(ctx context.Context) error {
	w.size = firstGroup
	if w.inParts() {
		w.size = firstBatch
	}
	wave, idle := int64(-1), leastIdle
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
			if err := sleep(ctx, idle); err != nil {
				return err
			}
			idle = min(2*idle, mostIdle)
			continue
		}
		idle = leastIdle
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
		if !there || l != before.lease {
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
	if err != nil && (ctx.Err() == nil || hangs(err)) {
		return err // it runs out, and somebody goes on
	}
	// Whoever cannot give it back in time lets it run out.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.pace.Lease)
	defer cancel()
	release := w.flow.Rollouts.Release(limited, lease)
	if err == nil {
		err = release
	}
	return err
}

// stretch deals with every tenant of a lease.
func (w *worker) stretch(ctx context.Context, l rollout.Lease) error {
	for {
		n, err := w.group(ctx, l, l.First, l.Last, w.limit())
		if halted(err) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// limit is how many tenants to take at once.
func (w *worker) limit() int {
	if w.inParts() || !w.step.Many {
		return 1
	}
	return int(w.size)
}

// inParts tells whether a tenant takes several transactions, and size counts rows.
func (w *worker) inParts() bool { return w.step.Batch != nil }

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
			did := int64(len(taken))
			if w.inParts() {
				did = rows
			}
			w.adapt(worked, did)
			err = w.throttle.after(ctx, worked, did, w.ping)
		}
		return len(taken), err
	case hangs(err):
		return 0, err
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
	if w.inParts() {
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
	undo, err := w.flow.Rollouts.UndoIn(ctx, tx, w.run, keys)
	if err != nil {
		return nil, err
	}
	results := make([]rollout.Result, len(keys))
	for i, key := range keys {
		n, err := w.step.Revert(ctx, tx, w.scope, key, undo[key])
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
