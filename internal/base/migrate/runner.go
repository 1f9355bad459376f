package migrate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Options says how a Runner works and as whom.
type Options struct {
	// Ledger and Lease name the runner's own tables.
	Ledger, Lease string
	// OwnApps are the apps that nobody else adds migrations to.
	OwnApps []string
	// LeaseLength bounds how long a killed owner keeps others waiting.
	LeaseLength time.Duration
	// LockTimeout bounds how long one attempt waits for a lock on PostgreSQL,
	// where a waiting ALTER TABLE makes everybody behind it wait as well.
	LockTimeout time.Duration
	// Holder names this process in the lease; it must be unique.
	Holder string
	// Actor and ProgramVersion are written to the ledger.
	Actor, ProgramVersion string
	Clock                 tenantry.Clock
	// Accept lets edited and removed migrations stand, and records it.
	Accept bool
}

// Runner applies the migrations of a graph to one database.
type Runner struct {
	db    *sqldb.DB
	graph *Graph
	o     Options
}

// New makes a runner on a database opened with sqldb.OpenOwner. A nil database
// stands for one that is not there yet: its State is empty, and it cannot Run.
func New(db *sqldb.DB, g *Graph, o Options) *Runner { return &Runner{db: db, graph: g, o: o} }

// Graph returns the migrations.
func (r *Runner) Graph() *Graph { return r.graph }

// Event tells a watcher what is happening.
type Event struct {
	Phase     Phase
	Migration *Migration
	Backwards bool
	Statement string // Ran: what was run; Kept: what was put back
	Rows      int64  // Ran: rows touched
	Took      time.Duration
	Holder    string // Waiting: who migrates
	Done      int64  // Progress
	Total     int64
}

// Phase is a moment in a run.
type Phase int

const (
	Waiting  Phase = iota // somebody else migrates
	Starting              // a migration begins
	Ran                   // a statement was run
	Kept                  // a foreign index or trigger was put back on a rebuilt table
	Progress              // a migration in Go got further
	Retrying              // a lock was not to be had; the migration starts over
	Finished              // a migration is committed
	Faked                 // a migration is recorded only
)

// State reads the history. It changes nothing; a database without one is empty.
func (r *Runner) State(ctx context.Context) (s State, err error) {
	if r.db == nil {
		return State{graph: r.graph, entries: map[Key]Entry{}}, nil
	}
	err = r.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		s, err = readState(ctx, tx, r.graph, r.o.Ledger)
		return err
	})
	return s, err
}

// Verify refuses a history that this program must not touch or serve: a newer
// program's ("migrate.newer"), one with a gap ("migrate.gap"), one whose
// migrations were edited ("migrate.edited") or removed ("migrate.removed") after
// they were applied. Options.Accept lets the last two pass.
func (r *Runner) Verify(s State) error {
	newer, removed := s.newerOrRemoved(r.o.OwnApps)
	if len(newer) > 0 {
		return tenantry.NewError(tenantry.Conflict, "migrate.newer", "migrations", join(newer))
	}
	if err := s.gap(); err != nil {
		return err
	}
	if r.o.Accept {
		return nil
	}
	if unknown := s.unknownApps(r.o.OwnApps); len(unknown) > 0 {
		return tenantry.NewError(tenantry.Conflict, "migrate.app_unknown", "migrations", join(unknown))
	}
	if edited := s.edited(); len(edited) > 0 {
		return tenantry.NewError(tenantry.Conflict, "migrate.edited", "migrations", join(edited))
	}
	if len(removed) > 0 {
		return tenantry.NewError(tenantry.Conflict, "migrate.removed", "migrations", join(removed))
	}
	return nil
}

// Run fulfils a request and returns what it did. When there is nothing to do it
// takes no lock and writes nothing. An error names the migration and the
// statement, and what was finished before it stays finished.
func (r *Runner) Run(ctx context.Context, request Request, watch func(Event)) (done []Planned, err error) {
	needed := func() (bool, error) {
		s, err := r.State(ctx)
		if err != nil {
			return true, err
		}
		if err := r.Verify(s); err != nil {
			return true, err
		}
		plan, err := s.Plan(request)
		return len(plan) > 0 || len(s.unwritten) > 0 || r.o.Accept, err
	}
	if more, err := needed(); err != nil || !more {
		return nil, err
	}
	if err := r.createTables(ctx); err != nil {
		return nil, err
	}
	l := &lease{db: r.db, table: r.o.Lease, holder: r.o.Holder, length: r.o.LeaseLength}
	got, err := l.acquire(ctx, needed, func(holder string) { watch(Event{Phase: Waiting, Holder: holder}) })
	if err != nil || !got {
		return nil, err
	}
	defer l.release(ctx)
	alive, stop := context.WithCancel(ctx)
	defer stop()
	go l.renew(alive)
	// What was true before the lease was ours need not be true now.
	s, err := r.State(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.Verify(s); err != nil {
		return nil, err
	}
	if err := r.bringUpLedger(ctx, l, s); err != nil {
		return nil, err
	}
	plan, err := s.Plan(request)
	if err != nil {
		return nil, err
	}
	for _, p := range s.graph.inOrder(plan) {
		if err := r.take(ctx, l, p, request, watch); err != nil {
			return done, err
		}
		done = append(done, p)
	}
	return done, nil
}

// Rehearse does everything that Run would do, tells the watcher, and leaves
// nothing behind. On PostgreSQL it happens in one transaction that is rolled
// back; on SQLite the runner must have been made on a copy, see
// sqldb.DB.CopyTo.
func (r *Runner) Rehearse(ctx context.Context, request Request, watch func(Event)) (done []Planned, err error) {
	err = r.db.Rehearse(ctx, func(tx *sqldb.Tx) error {
		s, err := readState(ctx, tx, r.graph, r.o.Ledger)
		if err != nil {
			return err
		}
		if err := r.Verify(s); err != nil {
			return err
		}
		plan, err := s.Plan(request)
		if err != nil {
			return err
		}
		if err := r.setLockTimeout(ctx, tx); err != nil {
			return err
		}
		g, err := newGuard(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range s.graph.inOrder(plan) {
			fake, err := r.toFake(ctx, tx, p, request)
			if err != nil {
				return err
			}
			began := r.o.Clock()
			watch(Event{Phase: Starting, Migration: p.Migration, Backwards: p.Backwards})
			if !fake {
				if err := r.operate(ctx, tx, p, watch); err != nil {
					return err
				}
				if err := g.check(ctx, tx, p, watch); err != nil {
					return err
				}
				// The next migration's ALTER TABLE would find this one's deferred
				// foreign key checks pending; a commit in between would have run them.
				if err := runDeferred(ctx, tx); err != nil {
					return err
				}
			}
			watch(Event{Phase: finished(fake), Migration: p.Migration, Backwards: p.Backwards, Took: r.o.Clock().Sub(began)})
			done = append(done, p)
		}
		return nil
	})
	return done, err
}

// lockAttempts bounds how often a migration that found a table locked is tried.
const lockAttempts = 12

// take carries out one migration in one transaction.
func (r *Runner) take(ctx context.Context, l *lease, p Planned, request Request, watch func(Event)) error {
	for attempt := 1; ; attempt++ {
		began := r.o.Clock()
		watch(Event{Phase: Starting, Migration: p.Migration, Backwards: p.Backwards})
		var fake bool
		// On SQLite nothing is gained outside of a transaction.
		outside := p.NotAtomic && r.db.Engine() == sqldb.Postgres
		err := r.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			if err := r.setLockTimeout(ctx, tx); err != nil {
				return err
			}
			if err := l.fence(ctx, tx); err != nil {
				return err
			}
			if fake, err = r.toFake(ctx, tx, p, request); err != nil {
				return err
			}
			if !fake && outside {
				return nil
			}
			if !fake {
				g, err := newGuard(ctx, tx)
				if err != nil {
					return err
				}
				if err := r.operate(ctx, tx, p, watch); err != nil {
					return err
				}
				if err := g.check(ctx, tx, p, watch); err != nil {
					return err
				}
			}
			return r.account(ctx, tx, p, fake, r.o.Clock().Sub(began))
		})
		if err == nil && outside && !fake {
			err = r.outside(ctx, l, p, began, watch)
		}
		if err == nil {
			watch(Event{Phase: finished(fake), Migration: p.Migration, Backwards: p.Backwards, Took: r.o.Clock().Sub(began)})
			return nil
		}
		var e *tenantry.Error
		if attempt == lockAttempts || !errors.As(err, &e) || !lockedOut(err) {
			return err
		}
		watch(Event{Phase: Retrying, Migration: p.Migration, Backwards: p.Backwards})
		pause := min(time.Duration(attempt)*200*time.Millisecond, 2*time.Second)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return err
		}
	}
}

// outside carries out a migration that is not atomic: its statements one by one,
// then its record.
func (r *Runner) outside(ctx context.Context, l *lease, p Planned, began time.Time, watch func(Event)) error {
	for statement, o := range p.statements() {
		if o.UpFunc != nil || o.DownFunc != nil {
			return failed(p, o.Describe, errors.New("a step in Go needs a transaction"))
		}
		start := r.o.Clock()
		if err := r.db.Outside(ctx, statement); err != nil {
			return failed(p, statement, err)
		}
		watch(Event{Phase: Ran, Migration: p.Migration, Backwards: p.Backwards, Statement: statement, Took: r.o.Clock().Sub(start)})
	}
	return r.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := l.fence(ctx, tx); err != nil {
			return err
		}
		return r.account(ctx, tx, p, false, r.o.Clock().Sub(began))
	})
}

// statements yields what is to be run, in the right direction.
func (p Planned) statements() iter.Seq2[string, Operation] {
	return func(yield func(string, Operation) bool) {
		operations := slices.Clone(p.Operations)
		if p.Backwards {
			slices.Reverse(operations)
		}
		for _, o := range operations {
			statements := o.Up
			if p.Backwards {
				statements = o.Down
			}
			for _, s := range statements {
				if !yield(s, o) {
					return
				}
			}
		}
	}
}

// concurrently is what cannot be rehearsed: it wants no transaction around it.
var concurrently = regexp.MustCompile(`(?i)\b(CREATE|DROP|REINDEX)((\s+UNIQUE)?\s+(INDEX|TABLE))\s+CONCURRENTLY\b`)

func finished(fake bool) Phase {
	if fake {
		return Faked
	}
	return Finished
}

// lockedOut tells whether somebody else's lock was in the way.
func lockedOut(err error) bool {
	var e *tenantry.Error
	for errors.As(err, &e) {
		if e.Code == "database.busy" || e.Code == "database.deadlock" {
			return true
		}
		err = e.Unwrap()
	}
	return false
}

// operate runs a migration's operations in the right direction.
func (r *Runner) operate(ctx context.Context, tx *sqldb.Tx, p Planned, watch func(Event)) error {
	operations := p.Operations
	if p.Backwards {
		operations = slices.Clone(operations)
		slices.Reverse(operations)
	}
	for _, o := range operations {
		statements, fn := o.Up, o.UpFunc
		if p.Backwards {
			statements, fn = o.Down, o.DownFunc
			if o.UpFunc != nil && fn == nil {
				return tenantry.NewError(tenantry.Conflict, "migrate.irreversible", "migration", p.Key.String())
			}
		}
		for _, statement := range statements {
			began := r.o.Clock()
			// Only a rehearsal comes here with a migration that is not atomic, or SQLite.
			if p.NotAtomic {
				statement = concurrently.ReplaceAllString(statement, "$1$2")
			}
			n, err := tx.Raw(ctx, statement)
			if err != nil {
				return failed(p, statement, err)
			}
			watch(Event{Phase: Ran, Migration: p.Migration, Backwards: p.Backwards, Statement: statement, Rows: n, Took: r.o.Clock().Sub(began)})
		}
		if fn == nil {
			continue
		}
		err := fn(ctx, &Step{Tx: tx, Now: r.o.Clock(), Progress: func(done, total int64) {
			watch(Event{Phase: Progress, Migration: p.Migration, Done: done, Total: total})
		}})
		if err != nil {
			return failed(p, o.Describe, err)
		}
	}
	return nil
}

// failed names the migration, the statement and the cause. The kind is the
// cause's, so that a full disk is not mistaken for a defect.
func failed(p Planned, statement string, cause error) error {
	kind := tenantry.KindOf(cause)
	if kind == tenantry.NotFound || kind == tenantry.Invalid {
		kind = tenantry.Internal
	}
	text := []rune(strings.Join(strings.Fields(statement), " "))
	if len(text) > 160 {
		text = append(text[:160], '…')
	}
	return tenantry.NewError(kind, "migrate.failed", "migration", p.Key.String(), "statement", string(text), "cause", rootText(cause)).Because(cause)
}

// rootText is the engine's own sentence, without our wrapping.
func rootText(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return strings.ReplaceAll(err.Error(), "\n", " ")
		}
		err = next
	}
}

// account records a migration in Django's history and in the ledger.
func (r *Runner) account(ctx context.Context, tx *sqldb.Tx, p Planned, fake bool, took time.Duration) error {
	if p.Backwards {
		for _, k := range append(slices.Clone(p.Replaces), p.Key) { // what it stands for goes with it
			if err := unrecord(ctx, tx, k); err != nil {
				return err
			}
			if k != p.Key {
				if err := r.enter(ctx, tx, k, actUnapplied, "", took); err != nil {
					return err
				}
			}
		}
		return r.enter(ctx, tx, p.Key, actUnapplied, p.Sum, took)
	}
	if err := record(ctx, tx, p.Key, r.o.Clock()); err != nil {
		return err
	}
	act := actApplied
	if fake {
		act = actFaked
	}
	return r.enter(ctx, tx, p.Key, act, p.Sum, took)
}

var createdTable = regexp.MustCompile(`(?i)^CREATE TABLE "([^"]+)"`)

// toFake tells whether a migration is to be recorded only.
func (r *Runner) toFake(ctx context.Context, tx *sqldb.Tx, p Planned, request Request) (bool, error) {
	if request.Fake || !request.FakeInitial || p.Backwards || !p.initial() {
		return request.Fake, nil
	}
	made := 0
	for _, o := range p.Operations {
		for _, statement := range o.Up {
			name := createdTable.FindStringSubmatch(statement)
			if name == nil {
				continue
			}
			made++
			if exists, err := hasTable(ctx, tx, name[1]); err != nil || !exists {
				return false, err
			}
		}
	}
	return made > 0, nil
}

// createTables makes the history, the ledger and the lease where they are
// missing. Two processes may be at it at once.
func (r *Runner) createTables(ctx context.Context) (err error) {
	// Looking first keeps whoever only waits from queueing for SQLite's writer
	// behind the migration it waits for.
	missing := false
	if err := r.db.Read(ctx, func(tx *sqldb.Tx) error {
		for _, name := range []string{"django_migrations", r.o.Ledger, r.o.Lease} {
			exists, err := hasTable(ctx, tx, name)
			if err != nil {
				return err
			}
			missing = missing || !exists
		}
		return nil
	}); err != nil || !missing {
		return err
	}
	for range 5 {
		err = r.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, statement := range []string{tx.Of(createHistory), tx.Of(createLedger(r.o.Ledger)), createLease(r.o.Lease)} {
				if _, err := tx.Raw(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
		// PostgreSQL's IF NOT EXISTS looks before it waits: the loser of a race
		// fails on the catalogue's unique index.
		if tenantry.KindOf(err) != tenantry.Conflict {
			return err
		}
	}
	return err
}

// bringUpLedger writes down what Django applied before this program came by,
// so that a later edit of those files is noticed too, and what an operator
// accepts.
func (r *Runner) bringUpLedger(ctx context.Context, l *lease, s State) error {
	return r.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := l.fence(ctx, tx); err != nil {
			return err
		}
		for _, k := range s.unwritten {
			if err := record(ctx, tx, k, s.entries[k].AppliedAt); err != nil {
				return err
			}
		}
		for _, k := range s.graph.Keys() {
			if e, ok := s.entries[k]; ok && !e.ByLedger {
				if err := r.enter(ctx, tx, k, actAdopted, s.graph.nodes[k].Sum, 0); err != nil {
					return err
				}
			}
		}
		if !r.o.Accept {
			return nil
		}
		for _, k := range s.edited() {
			if err := r.enter(ctx, tx, k, actAccepted, s.graph.nodes[k].Sum, 0); err != nil {
				return err
			}
		}
		_, removed := s.newerOrRemoved(r.o.OwnApps)
		for _, k := range append(removed, s.unknownApps(r.o.OwnApps)...) {
			if err := unrecord(ctx, tx, k); err != nil {
				return err
			}
			if err := r.enter(ctx, tx, k, actForgotten, "", 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// setLockTimeout is for PostgreSQL; SQLite waits for its one lock by itself.
func (r *Runner) setLockTimeout(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Engine() != sqldb.Postgres {
		return nil
	}
	_, err := tx.Raw(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = '%dms'`, r.o.LockTimeout.Milliseconds()))
	return err
}

func runDeferred(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Engine() != sqldb.Postgres {
		return nil
	}
	_, err := tx.Raw(ctx, `SET CONSTRAINTS ALL IMMEDIATE`)
	return err
}

func join(keys []Key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}
