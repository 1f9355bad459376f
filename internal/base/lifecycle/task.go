package lifecycle

import (
	"context"
	"sync"
)

// Task makes a service of something that runs on its own until its context ends,
// which is when it is stopped, or until it is done. Its start is over when it
// calls ready, which it may do more than once, or when it is done.
func Task(run func(ctx context.Context, ready func())) Service {
	return &task{run: run, done: make(chan struct{})}
}

type task struct {
	run    func(ctx context.Context, ready func())
	cancel context.CancelFunc
	done   chan struct{}
}

func (t *task) Start(start context.Context, _ func(error)) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(start)) // it outlives the start
	t.cancel = cancel
	isReady := make(chan struct{})
	ready := sync.OnceFunc(func() { close(isReady) })
	go func() {
		defer close(t.done)
		t.run(ctx, ready)
	}()
	select {
	case <-isReady:
	case <-t.done:
	case <-start.Done():
		cancel()
		<-t.done
		return start.Err()
	}
	return nil
}

func (t *task) Stop(ctx context.Context) error {
	t.cancel()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Finally adds something to be done once after a service has stopped, within what
// is left of its time.
func Finally(s Service, do func(context.Context)) Service { return &finally{s, do} }

type finally struct {
	Service
	do func(context.Context)
}

func (f *finally) Stop(ctx context.Context) error {
	err := f.Service.Stop(ctx)
	f.do(ctx)
	return err
}
