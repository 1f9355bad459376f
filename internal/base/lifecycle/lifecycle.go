// Package lifecycle starts and stops everything that runs in the same way: in
// order, and back in reverse. It knows neither what the services do nor in
// which order they belong; the program's wiring says both.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"
)

// Service is something that runs.
type Service interface {
	// Start returns when the service is ready, or with the reason why it will not
	// be. ctx bounds the start only: the service then runs until Stop. Should it
	// end by itself afterwards, it calls failed, once, with the reason.
	Start(ctx context.Context, failed func(error)) error

	// Stop finishes what is under way and returns when nothing of the service
	// runs any more, or when ctx ends. It is called once, and only after a Start
	// that succeeded.
	Stop(ctx context.Context) error
}

// Group runs services together: they all run, or none does.
type Group struct {
	patience time.Duration
	members  []member
}

type member struct {
	name string
	Service
}

// NewGroup makes an empty group. patience is how long each service may take to
// stop. It is each one's own, so that a slow one (requests that will not end)
// takes nothing from those below it (counters to be flushed).
func NewGroup(patience time.Duration) *Group { return &Group{patience: patience} }

// Add appends a service: it starts after those added before and stops ahead of
// them. The name is for errors.
func (g *Group) Add(name string, s Service) { g.members = append(g.members, member{name, s}) }

// Run starts every service, calls ready, waits until ctx ends or a service
// fails, and stops what was started. It returns nil when ctx ended it and
// everything stopped in time; otherwise what went wrong, the first failure
// foremost.
func (g *Group) Run(ctx context.Context, ready func()) error {
	failures := make(chan error, 1)
	started, first := g.start(ctx, failures)
	if first == nil && ctx.Err() == nil {
		ready()
		select {
		case <-ctx.Done():
		case first = <-failures:
		}
	}
	return errors.Join(first, g.stop(g.members[:started]))
}

// start starts services until one fails or ctx ends, and returns how many run.
func (g *Group) start(ctx context.Context, failures chan error) (started int, err error) {
	for _, m := range g.members {
		if err := m.Start(ctx, m.failing(failures)); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return started, nil // asked to stop while starting, and gave up: no failure
			}
			return started, m.named(err)
		}
		started++
		select {
		case err := <-failures:
			return started, err
		case <-ctx.Done():
			return started, nil
		default:
		}
	}
	return started, nil
}

// stop stops services in reverse, each within its own deadline.
func (g *Group) stop(members []member) error {
	var all error
	for i := len(members) - 1; i >= 0; i-- {
		m := members[i]
		ctx, cancel := context.WithTimeout(context.Background(), g.patience)
		stopped := make(chan error, 1)
		go func() { stopped <- m.Stop(ctx) }()
		select {
		case err := <-stopped:
			if err != nil {
				all = errors.Join(all, m.named(err))
			}
		case <-ctx.Done():
			// It was told by ctx as well; one that does not listen is left behind.
			all = errors.Join(all, m.named(ctx.Err()))
		}
		cancel()
	}
	return all
}

func (m member) named(err error) error { return fmt.Errorf("%s: %w", m.name, err) }

// failing hands the first failure on; later ones are its consequences.
func (m member) failing(failures chan<- error) func(error) {
	return func(err error) {
		select {
		case failures <- m.named(err):
		default:
		}
	}
}

// UntilSignal returns a context that ends with the first SIGINT or SIGTERM, the
// request to stop gracefully. From then on signals have their usual effect, so
// that a second one ends the program at once.
func UntilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, release := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, release)
	return ctx, release
}
