package lifecycle

import (
	"context"
	"time"
)

// Every makes a service that calls do again and again, waiting interval after
// each pass, so that passes never overlap however long one takes. The first
// comes an interval after the start. A pass deals with its own errors.
//
// Stop waits for the pass under way; when its patience ends first, the pass's
// context does too.
func Every(interval time.Duration, do func(context.Context)) Service {
	return &periodic{interval: interval, do: do, quit: make(chan struct{}), done: make(chan struct{})}
}

type periodic struct {
	interval   time.Duration
	do         func(context.Context)
	cancel     context.CancelFunc
	quit, done chan struct{}
}

func (p *periodic) Start(ctx context.Context, _ func(error)) error {
	// The values of the start's context are kept, its end is not: the service
	// outlives the start.
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go p.run(ctx)
	return nil
}

func (p *periodic) run(ctx context.Context) {
	defer close(p.done)
	timer := time.NewTimer(p.interval)
	defer timer.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-timer.C:
		}
		select { // both were ready: stopping goes first
		case <-p.quit:
			return
		default:
		}
		p.do(ctx)
		timer.Reset(p.interval)
	}
}

func (p *periodic) Stop(ctx context.Context) error {
	defer p.cancel()
	close(p.quit)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
