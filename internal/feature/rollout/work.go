package rollout

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// stretch is how many items a process takes at once: few enough that several
// processes share a wave evenly, enough that taking them costs nothing.
const stretch = 2000

// Claim takes the next stretch of the wave under way. Without one, a zero lease:
// then others is who is still at work on the wave, or nobody when the run is not
// running any more. When a wave is complete it is judged, and the next begins.
func (s *Service) Claim(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, node string) (l Lease, others []Lease, run Run, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return Lease{}, nil, Run{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		l, others = Lease{}, nil
		if run, err = lockRun(ctx, tx, id); err != nil {
			return err
		}
		for run.State == Running {
			all, err := selectWaves(ctx, tx, id)
			if err != nil {
				return err
			}
			if run.Wave >= int64(len(all)) {
				if err := s.finish(ctx, tx, scope, &run); err != nil {
					return err
				}
				continue
			}
			wave := all[run.Wave]
			first, last, some, err := selectStretch(ctx, tx, id, run.Wave, run.claimed, min(stretch, max(wave.Counts.Items/8, 1)))
			if err != nil {
				return err
			}
			now := s.clock()
			if some {
				l = Lease{Run: id, Wave: run.Wave, First: first, Last: last, Node: node, beat: 1}
				run.claimed, run.UpdatedAt = last, now
				if err := startWave(ctx, tx, id, run.Wave, now); err != nil {
					return err
				}
				if err := insertLease(ctx, tx, l); err != nil {
					return err
				}
				return updateRun(ctx, tx, run)
			}
			if others, err = selectLeases(ctx, tx, id); err != nil || len(others) > 0 {
				return err
			}
			if err := s.judge(ctx, tx, scope, &run, wave, len(all)); err != nil {
				return err
			}
		}
		return nil
	})
	return l, others, run, err
}

// judge ends a wave and moves the run on.
func (s *Service) judge(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, run *Run, wave Wave, waves int) error {
	now := s.clock()
	if err := endWave(ctx, tx, run.ID, wave.Number, now); err != nil {
		return err
	}
	run.UpdatedAt = now
	if wave.over(run.Options.AbortOver) {
		run.State, run.Code = Stopped, "rollout.over"
		return firstOf(updateRun(ctx, tx, *run), s.record(ctx, tx, scope, *run, "rollout.stopped"))
	}
	run.Wave, run.claimed = run.Wave+1, -1
	if run.Options.Hold && wave.Number == 0 && waves > 1 && wave.EndedAt == nil {
		run.State, run.Code = Paused, "rollout.held"
	}
	return updateRun(ctx, tx, *run)
}

// finish ends a run whose waves are all complete, unless tenants came to be since it
// began: those are one wave more.
func (s *Service) finish(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, run *Run) error {
	if run.Only == 0 && run.Reverts == "" && !run.Options.Whole {
		late, err := insertLate(ctx, tx, run.ID, run.Wave)
		if err != nil || late > 0 {
			return err
		}
	}
	now := s.clock()
	run.State, run.UpdatedAt, run.EndedAt = Finished, now, &now
	return firstOf(updateRun(ctx, tx, *run), s.record(ctx, tx, scope, *run, "rollout.finished"))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TakeOver makes a lease this node's own whose holder has shown no life since it was
// seen. ok is false when it has.
func (s *Service) TakeOver(ctx context.Context, l Lease, node string) (_ Lease, ok bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ok, err = takeLease(ctx, tx, l, node)
		return err
	})
	l.Node, l.beat = node, l.beat+1
	return l, ok, err
}

// Beat shows that the holder of a lease lives though it writes nothing.
func (s *Service) Beat(ctx context.Context, l Lease) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return beat(ctx, tx, l, Counts{}) })
}

// Release gives a lease back: one whose tenants all have their outcome ends, another
// is free for whoever comes next.
func (s *Service) Release(ctx context.Context, l Lease) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		left, err := lockWaiting(ctx, tx, l.Run, l.Wave, l.First, l.Last, 1)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return endLease(ctx, tx, l)
		}
		return freeLease(ctx, tx, l)
	})
}

// Free tells whether nobody holds a lease.
func (l Lease) Free() bool { return l.Node == "" }

// WaitingIn finds items of a lease that wait, from one tenant to another, and keeps
// everybody else from them until the transaction ends. Errors: Busy
// "rollout.lease_lost" when the lease is somebody else's; Conflict
// "rollout.halted" when the run is not running any more.
func (s *Service) WaitingIn(ctx context.Context, tx *sqldb.Tx, l Lease, first, last tenantry.TenantKey, limit int) ([]Item, error) {
	if err := beat(ctx, tx, l, Counts{}); err != nil {
		return nil, err
	}
	run, err := selectRun(ctx, tx, l.Run)
	if err != nil {
		return nil, err
	}
	if run.State != Running {
		return nil, halted(run)
	}
	return lockWaiting(ctx, tx, l.Run, l.Wave, first, last, limit)
}

// SettleIn writes what became of tenants, within the transaction that did it. One
// that waits still keeps its position.
func (s *Service) SettleIn(ctx context.Context, tx *sqldb.Tx, l Lease, all []Result) error {
	var c Counts
	for _, r := range all {
		c.Changes += r.Changes
		switch r.Outcome {
		case Done:
			c.Done++
		case Unchanged:
			c.Unchanged++
		case Gone:
			c.Gone++
		}
	}
	return firstOf(updateItems(ctx, tx, l.Run, all, s.clock()), insertChanges(ctx, tx, l.Run, all), beat(ctx, tx, l, c))
}

// Failed writes that a try failed. With again the tenant waits for another one;
// otherwise it is in quarantine, and the run stops if that is too many of the wave.
func (s *Service) Failed(ctx context.Context, scope tenantry.Scope, l Lease, tenant tenantry.TenantKey, a Attempt, again bool) error {
	a.Node, a.EndedAt = l.Node, s.clock()
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		// The run before the lease, as Claim does it.
		run, err := lockRun(ctx, tx, l.Run)
		if err != nil {
			return err
		}
		if again {
			return firstOf(beat(ctx, tx, l, Counts{}), updateFailed(ctx, tx, l.Run, tenant, Waiting, a))
		}
		if err := firstOf(beat(ctx, tx, l, Counts{Quarantined: 1}), updateFailed(ctx, tx, l.Run, tenant, Quarantined, a)); err != nil {
			return err
		}
		all, err := selectWaves(ctx, tx, l.Run)
		if err != nil || run.State != Running || !all[l.Wave].over(run.Options.AbortOver) {
			return err
		}
		run.UpdatedAt = a.EndedAt
		run.State, run.Code, run.Cause = Stopped, "rollout.over", a.Cause
		return firstOf(updateRun(ctx, tx, run), s.record(ctx, tx, scope, run, "rollout.stopped"))
	})
}

// UndoIn reads what the run that another one takes back kept of some tenants, of
// each the latest first.
func (s *Service) UndoIn(ctx context.Context, tx *sqldb.Tx, run Run, tenants []tenantry.TenantKey) (map[tenantry.TenantKey][]string, error) {
	return selectChanges(ctx, tx, run.Reverts, tenants)
}
