package token

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Bulk says which of the tokens in Django's columns to rotate, and how. Missing
// tokens are not made: the seed rotates "tokens existentes".
type Bulk struct {
	Kinds []Kind `json:"kinds"`
	Due   bool   `json:"due"`  // only those that their policy wants rotated
	Only  int64  `json:"only"` // one tenant, or 0 for all
	// As in Rotation.
	Ended Reason         `json:"ended"`
	Grace *time.Duration `json:"grace"`
	Hold  bool           `json:"hold"`

	AbortOver int           `json:"-"` // per cent of a wave that may fail before the run is stopped
	Pause     time.Duration `json:"-"` // between waves, give or take half of it
	// Deliver is handed the new secrets before they become valid, if it is not nil:
	// an error stops the run with nothing of the wave done.
	Deliver func([]Delivered) error `json:"-"`
}

// Delivered is a new secret on its way to whoever will use it.
type Delivered struct {
	Tenant  tenantry.TenantKey
	Token   tenantry.TokenID
	Kind    Kind
	Version int64
	Secret  tenantry.Secret
}

// Run is one bulk rotation. It is data: whoever starts the same one again after it
// was interrupted goes on where it stopped, and rotates nothing twice.
type Run struct {
	ID       tenantry.RunID
	State    RunState
	Total    int64 // tokens that were to be rotated when it began
	Done     int64
	Failed   int64
	Resumed  bool
	Failures []Failure // of this process's part, at most FindingRows

	after tenantry.TenantKey
}

// RunState is where a run is.
type RunState string

const (
	Running  RunState = "running"
	Aborted  RunState = "aborted"
	Finished RunState = "finished"
)

// Failure is a tenant whose tokens could not be rotated, and why.
type Failure struct {
	Tenant tenantry.TenantKey
	Cause  error
}

// waves grow, so that what goes wrong goes wrong for few.
var waves = []int{50, 500, batch}

// CountBulk tells how many tokens a run would rotate.
func (s *Service) CountBulk(ctx context.Context, scope tenantry.Scope, b Bulk) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	now := s.clock()
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		if !b.Due { // then the database can count by itself
			n, err = countRotatable(ctx, tx, tenantry.TenantKey(b.Only), b.Kinds)
			return err
		}
		for after := tenantry.TenantKey(0); ; {
			chosen, last, err := s.choose(ctx, tx, b, after, batch, now, false)
			if err != nil || last == 0 {
				return err
			}
			n += int64(len(chosen))
			after = last
		}
	})
	return n, err
}

// RotateAll rotates tokens in waves, each one transaction that also moves the run
// on. watch is told after every wave. Errors: Conflict "token.run_aborted" when
// too much of a wave failed; the rest has not been touched then.
func (s *Service) RotateAll(ctx context.Context, scope tenantry.Scope, b Bulk, watch func(Run)) (Run, error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return Run{}, err
	}
	if err := (Rotation{Ended: b.Ended, Grace: b.Grace}).validate(); err != nil {
		return Run{}, err
	}
	if _, err := s.Reconcile(ctx, scope, func(int64) {}); err != nil {
		return Run{}, err
	}
	run, err := s.begin(ctx, scope, b)
	if err != nil {
		return run, err
	}
	watch(run)
	for wave := 0; run.State == Running; wave++ {
		if wave > 0 && b.Pause > 0 {
			if err := s.rest(ctx, b.Pause); err != nil {
				return run, err
			}
		}
		size := waves[min(wave, len(waves)-1)]
		before := run
		if err := s.wave(ctx, scope, b, &run, size); err != nil {
			return run, err
		}
		if failed, tried := run.Failed-before.Failed, run.Failed+run.Done-before.Failed-before.Done; failed*100 > int64(b.AbortOver)*tried {
			run.State = Aborted
			if err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error { return updateRun(ctx, tx, run, s.clock()) }); err != nil {
				return run, err
			}
			watch(run)
			return run, tenantry.NewError(tenantry.Conflict, "token.run_aborted", "failed", failed, "of", tried, "run", run.ID.String()).Because(run.Failures[0].Cause)
		}
		watch(run)
	}
	return run, nil
}

// begin finds the run that was interrupted, or begins a new one.
func (s *Service) begin(ctx context.Context, scope tenantry.Scope, b Bulk) (run Run, err error) {
	request, err := json.Marshal(b)
	if err != nil {
		return run, err
	}
	total, err := s.CountBulk(ctx, scope, b)
	if err != nil {
		return run, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		open, err := selectOpenRuns(ctx, tx)
		if err != nil {
			return err
		}
		for _, o := range open {
			if o.same(request) {
				run, run.Resumed, run.State = o.Run, true, Running // one that was stopped goes on, too
				return updateRun(ctx, tx, run, s.clock())
			}
		}
		now := s.clock()
		run = Run{ID: tenantry.NewRunID(now, s.random), State: Running, Total: total}
		return insertRun(ctx, tx, run, request, now, scope.Actor().Name)
	})
	return run, err
}

// wave rotates the next tenants of a run. When that fails for a reason of the data
// they are tried one by one, so that one tenant does not stop the others.
func (s *Service) wave(ctx context.Context, scope tenantry.Scope, b Bulk, run *Run, size int) error {
	next, err := s.step(ctx, scope, b, *run, size)
	if err == nil {
		*run = next
		return nil
	}
	if !ofTheData(err) || size == 1 {
		return err
	}
	for range size {
		if run.State != Running {
			return nil
		}
		next, err := s.step(ctx, scope, b, *run, 1)
		if err == nil {
			*run = next
			continue
		}
		if !ofTheData(err) {
			return err
		}
		if err := s.skip(ctx, b, run, err); err != nil {
			return err
		}
	}
	return nil
}

// ofTheData tells an error that belongs to some tenant from one that would meet
// every other as well.
func ofTheData(err error) bool {
	switch tenantry.KindOf(err) {
	case tenantry.Conflict, tenantry.Invalid, tenantry.NotFound:
		return !errors.Is(err, errUndelivered)
	}
	return false
}

var errUndelivered = errors.New("token: the new secrets could not be delivered")

// step rotates the next size tenants and moves the run on, in one transaction.
// The run's row is locked and read again: several processes may work on it.
func (s *Service) step(ctx context.Context, scope tenantry.Scope, b Bulk, run Run, size int) (Run, error) {
	err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		now := s.clock()
		current, err := selectRun(ctx, tx, run.ID)
		if err != nil {
			return err
		}
		current.Resumed, current.Failures = run.Resumed, run.Failures
		run = current
		if run.State != Running {
			return nil
		}
		chosen, last, err := s.choose(ctx, tx, b, run.after, size, now, true)
		if err != nil {
			return err
		}
		if last == 0 {
			run.State = Finished
			return updateRun(ctx, tx, run, now)
		}
		if len(chosen) > 0 {
			if err := s.rotateIn(ctx, tx, scope, chosen, Rotation{Ended: b.Ended, Grace: b.Grace, Hold: b.Hold}, now); err != nil {
				return err
			}
			if err := deliver(b, chosen); err != nil {
				return err
			}
		}
		run.after, run.Done = last, run.Done+int64(len(chosen))
		return updateRun(ctx, tx, run, now)
	})
	return run, err
}

func deliver(b Bulk, made []fresh) error {
	if b.Deliver == nil {
		return nil
	}
	all := make([]Delivered, len(made))
	for i, f := range made {
		all[i] = Delivered{Tenant: f.tenant, Token: f.id, Kind: f.kind, Version: f.version, Secret: f.secret}
	}
	if err := b.Deliver(all); err != nil {
		return errors.Join(errUndelivered, err)
	}
	return nil
}

// skip leaves the next tenant out and notes why.
func (s *Service) skip(ctx context.Context, b Bulk, run *Run, cause error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.clock()
		current, err := selectRun(ctx, tx, run.ID)
		if err != nil || current.State != Running || current.after != run.after {
			return err // another process has gone on
		}
		chosen, last, err := s.choose(ctx, tx, b, run.after, 1, now, false)
		if err != nil {
			return err
		}
		run.after, run.Failed = last, run.Failed+int64(len(chosen))
		if len(run.Failures) < tenantry.FindingRows {
			run.Failures = append(run.Failures, Failure{Tenant: last, Cause: cause})
		}
		return updateRun(ctx, tx, *run, now)
	})
}

// choose picks the tokens of the next size tenants, and says which tenant was the
// last, 0 when there are none left. With lock they are made ready to be rotated.
func (s *Service) choose(ctx context.Context, tx *sqldb.Tx, b Bulk, after tenantry.TenantKey, size int, now time.Time, lock bool) (chosen []fresh, last tenantry.TenantKey, err error) {
	if last, err = selectLastOf(ctx, tx, after, tenantry.TenantKey(b.Only), size); err != nil || last == 0 {
		return nil, 0, err
	}
	found, err := selectRotatable(ctx, tx, after, last, tenantry.TenantKey(b.Only), b.Kinds, lock)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range found {
		settings := s.settings.within(r.policy)
		if b.Due && !r.token.life(r.version, settings).due(now) {
			continue
		}
		f := fresh{tenant: r.token.Tenant, kind: r.token.Kind}
		if lock {
			if b.Grace != nil {
				settings.Grace = *b.Grace
			}
			if f, err = s.fresh(f.tenant, f.kind, settings, now); err != nil {
				return nil, 0, err
			}
			// All that is rotated together must not end together, nor be due together.
			f.retire = f.retire.Add(s.jitter(settings.Grace / 10))
		}
		f.id, f.version, f.home = r.token.ID, r.token.Current+1, true
		chosen = append(chosen, f)
	}
	return chosen, last, nil
}

// jitter is a random part of d.
func (s *Service) jitter(d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil || d <= 0 {
		return 0
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d))
}

// rest waits between waves.
func (s *Service) rest(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause/2 + s.jitter(pause)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
