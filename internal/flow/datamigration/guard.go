package datamigration

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
)

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
	return errors.As(err, &e) && e.Kind == tenantry.Unavailable && strings.HasPrefix(e.Code, "database.")
}

// mostStalls is how many transactions in a row may come to nothing: eleven seconds of
// an absent database, and longer of a slow one.
const mostStalls = 10

func lost(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Busy, Code: "rollout.lease_lost"})
}

func halted(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "rollout.halted"})
}

// hangs tells that a step has not given its transaction back: nothing is known of it.
func hangs(err error) bool {
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Internal, Code: "rollout.step_hangs"})
}

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
