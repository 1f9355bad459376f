package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Service holds the rules of runs.
type Service struct {
	db     *sqldb.DB
	audit  *audit.Log
	clock  tenantry.Clock
	random io.Reader
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, clock: clock, random: random}
}

// Start begins a run, or joins the one that is open for the same step and tenants
// if it was begun with the same options. Errors: Conflict "rollout.open" if
// it was begun with others, "rollout.halted" if it is paused or stopped,
// "rollout.edited" if the step's meaning changed since it last ran and its
// version did not.
func (s *Service) Start(ctx context.Context, scope tenantry.Scope, d Draft) (run Run, joined bool, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return Run{}, false, err
	}
	if err := d.Options.validate(); err != nil {
		return Run{}, false, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		run, joined = Run{}, false
		open, err := selectOpen(ctx, tx, d.Step, d.Only)
		if err == nil {
			run, joined = open, true
			if err := d.mayJoin(open); err != nil || open.Sum == d.Sum {
				return err
			}
			run.Sum, run.UpdatedAt = d.Sum, s.clock() // accepted
			return updateRun(ctx, tx, run)
		}
		if tenantry.KindOf(err) != tenantry.NotFound {
			return err
		}
		last, err := selectLatest(ctx, tx, d.Step)
		if err != nil && tenantry.KindOf(err) != tenantry.NotFound {
			return err
		}
		if err == nil && last.Version == d.Version && last.Sum != d.Sum && !d.AcceptEdited {
			return tenantry.NewError(tenantry.Conflict, "rollout.edited", "step", d.Step, "version", d.Version, "run", last.ID.String())
		}
		run = s.draft(scope, d)
		if err := insertRun(ctx, tx, run); err != nil {
			return err
		}
		if err := insertItems(ctx, tx, run); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, run, "rollout.started")
	})
	if begunAlready(err) {
		// Two began at the same moment: the other was quicker.
		return s.Start(ctx, scope, d)
	}
	return run, joined, err
}

// begunAlready tells that another run of the step is open, which an index forbids.
func begunAlready(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "database.unique"})
}

func (s *Service) draft(scope tenantry.Scope, d Draft) Run {
	now := s.clock()
	return Run{ID: tenantry.NewRunID(now, s.random), Step: d.Step, Version: d.Version, Sum: d.Sum, Only: d.Only, Options: d.Options,
		State: Running, CreatedAt: now, CreatedBy: scope.Actor().Name, UpdatedAt: now}
}

// mayJoin tells whether a draft is the run that is open.
func (d Draft) mayJoin(open Run) error {
	mine, _ := json.Marshal(d.Options)
	its, _ := json.Marshal(open.Options)
	switch {
	case open.State != Running:
		return halted(open)
	case open.Reverts != "" || string(mine) != string(its):
		return tenantry.NewError(tenantry.Conflict, "rollout.open", "step", open.Step, "run", open.ID.String())
	case open.Sum != d.Sum && !d.AcceptEdited:
		return tenantry.NewError(tenantry.Conflict, "rollout.edited", "step", open.Step, "version", open.Version, "run", open.ID.String())
	}
	return nil
}

func halted(r Run) error {
	return tenantry.NewError(tenantry.Conflict, "rollout.halted", "step", r.Step, "run", r.ID.String(), "state", string(r.State))
}

func (o Options) validate() error {
	var wrong []tenantry.FieldError
	within := func(field string, value, least, most int64) {
		if value < least || value > most {
			wrong = append(wrong, tenantry.NewFieldError(field, "field.out_of_range", "min", least, "max", most))
		}
	}
	within("canary", o.Canary, 1, 1_000_000)
	within("growth", o.Growth, 2, 1000)
	within("abort_over", o.AbortOver, 0, 100)
	if wrong != nil {
		return tenantry.NewError(tenantry.Invalid, "rollout.invalid").WithFields(wrong...)
	}
	return nil
}

// StartRevert begins a run that takes another one back, over the tenants that it
// changed, in the same waves, with the step as it is now.
func (s *Service) StartRevert(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, version int64, sum string) (run Run, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return Run{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		old, err := lockRun(ctx, tx, id)
		if err != nil {
			return err
		}
		if old.Reverts != "" {
			return tenantry.NewError(tenantry.Conflict, "rollout.is_revert", "run", old.Reverts)
		}
		if old.State == Running {
			return tenantry.NewError(tenantry.Conflict, "rollout.still_running", "run", id.String())
		}
		now := s.clock()
		if old.State != Finished {
			// Nobody may go on with what is being taken back.
			if err := endLeases(ctx, tx, id); err != nil {
				return err
			}
			old.State, old.UpdatedAt, old.EndedAt = Cancelled, now, &now
			if err := updateRun(ctx, tx, old); err != nil {
				return err
			}
		}
		run = s.draft(scope, Draft{Step: old.Step, Version: version, Sum: sum, Only: old.Only, Options: old.Options})
		run.Reverts, run.Options.CanaryTenants = old.ID.String(), nil
		if err := insertRun(ctx, tx, run); err != nil {
			if begunAlready(err) {
				err = tenantry.NewError(tenantry.Conflict, "rollout.open", "step", old.Step, "run", "").Because(err)
			}
			return err
		}
		if err := insertReverted(ctx, tx, run); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, run, "rollout.started")
	})
	return run, err
}

// Pause stops the processes that work on a run, each after its transaction.
func (s *Service) Pause(ctx context.Context, scope tenantry.Scope, id tenantry.RunID) (Run, error) {
	return s.move(ctx, scope, id, "rollout.paused", func(tx *sqldb.Tx, r *Run) error {
		if r.State != Running {
			return halted(*r)
		}
		r.State, r.Code = Paused, "rollout.by_hand"
		return nil
	})
}

// Cancel gives a run up. What it has done stays.
func (s *Service) Cancel(ctx context.Context, scope tenantry.Scope, id tenantry.RunID) (Run, error) {
	return s.move(ctx, scope, id, "rollout.cancelled", func(tx *sqldb.Tx, r *Run) error {
		if r.EndedAt != nil {
			return halted(*r)
		}
		now := s.clock()
		r.State, r.EndedAt = Cancelled, &now
		return endLeases(ctx, tx, id)
	})
}

// Resume lets a run go on: one that is paused, or stopped, or whose processes have
// all died. The tenants that failed are tried again, unless keepFailed leaves them
// in quarantine. sum is the step as it is now: who fixed it may go on with it.
func (s *Service) Resume(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, version int64, sum string, keepFailed bool) (Run, error) {
	return s.move(ctx, scope, id, "rollout.resumed", func(tx *sqldb.Tx, r *Run) error {
		if r.EndedAt != nil {
			return halted(*r)
		}
		if r.State == Running { // others may be at work; whoever died is noticed
			if r.Sum != sum {
				return tenantry.NewError(tenantry.Conflict, "rollout.edited", "step", r.Step, "version", r.Version, "run", r.ID.String())
			}
			return nil
		}
		if err := endLeases(ctx, tx, id); err != nil {
			return err
		}
		stopped := r.State == Stopped // a run that somebody paused is not excused its failures
		r.State, r.Code, r.Cause, r.claimed, r.Version, r.Sum = Running, "", "", -1, version, sum
		switch {
		case stopped && keepFailed:
			return tolerate(ctx, tx, id)
		case stopped:
			return s.again(ctx, tx, r)
		}
		return nil
	})
}

// Retry tries the tenants again that a run left in quarantine.
func (s *Service) Retry(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, version int64, sum string) (_ Run, err error) {
	return s.move(ctx, scope, id, "rollout.retried", func(tx *sqldb.Tx, r *Run) error {
		if r.State != Finished && r.State != Stopped {
			return halted(*r)
		}
		if err := endLeases(ctx, tx, id); err != nil {
			return err
		}
		if r.Counts, err = countsOf(ctx, tx, id); err != nil {
			return err
		}
		if r.Counts.Quarantined == 0 {
			return tenantry.NewError(tenantry.Conflict, "rollout.none_failed", "run", id.String())
		}
		r.State, r.Code, r.Cause, r.claimed, r.EndedAt, r.Version, r.Sum = Running, "", "", -1, nil, version, sum
		return s.again(ctx, tx, r)
	})
}

// again lets what failed be tried again, and the run go on from there: a canary
// that failed comes first once more.
func (s *Service) again(ctx context.Context, tx *sqldb.Tx, r *Run) error {
	n, wave, err := releaseFailed(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	if n > 0 {
		r.Wave = wave
	}
	return nil
}

// move changes the state of a run.
func (s *Service) move(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, action string, change func(tx *sqldb.Tx, r *Run) error) (run Run, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return Run{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if run, err = lockRun(ctx, tx, id); err != nil {
			return err
		}
		run.UpdatedAt = s.clock()
		if err := change(tx, &run); err != nil {
			return err
		}
		if err := updateRun(ctx, tx, run); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, run, action)
	})
	return run, err
}

func (s *Service) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, r Run, action string) error {
	detail := map[string]any{"step": r.Step, "version": r.Version, "state": r.State}
	if r.Only != 0 {
		detail["tenant"] = r.Only
	}
	if r.Reverts != "" {
		detail["reverts"] = r.Reverts
	}
	return s.audit.Record(ctx, tx, scope, audit.Event{Action: action, Subject: r.ID.String(), Detail: detail})
}

// Get reads a run and its waves.
func (s *Service) Get(ctx context.Context, scope tenantry.Scope, id tenantry.RunID) (run Run, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return Run{}, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		if run, err = selectRun(ctx, tx, id); err != nil {
			return err
		}
		return run.fill(ctx, tx)
	})
	return run, err
}

func (r *Run) fill(ctx context.Context, tx *sqldb.Tx) (err error) {
	r.Waves, err = selectWaves(ctx, tx, r.ID)
	r.Counts = Counts{}
	for _, w := range r.Waves {
		r.Counts.add(w.Counts)
	}
	return err
}

func countsOf(ctx context.Context, tx *sqldb.Tx, id tenantry.RunID) (Counts, error) {
	r := Run{ID: id}
	err := r.fill(ctx, tx)
	return r.Counts, err
}

// List reads the runs of a step, or of all for "", newest first. The cursor is the id
// of the last run seen.
func (s *Service) List(ctx context.Context, scope tenantry.Scope, step string, p tenantry.Page) (list tenantry.List[Run], err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return list, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		if list.Items, err = selectPage(ctx, tx, step, p); err != nil {
			return err
		}
		if len(list.Items) > p.Clamp() {
			list.Items = list.Items[:p.Clamp()]
			list.NextCursor = list.Items[len(list.Items)-1].ID.String()
		}
		for i := range list.Items {
			if err := list.Items[i].fill(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// Items reads the tenants of a run with one outcome, or all for "", after a tenant.
func (s *Service) Items(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, outcome Outcome, after tenantry.TenantKey, limit int) (all []Item, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		all, err = selectItemPage(ctx, tx, id, outcome, after, limit)
		return err
	})
	return all, err
}

// Attempts reads the tries that failed for a tenant.
func (s *Service) Attempts(ctx context.Context, scope tenantry.Scope, id tenantry.RunID, tenant tenantry.TenantKey) (all []Attempt, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		all, err = selectAttempts(ctx, tx, id, tenant)
		return err
	})
	return all, err
}
