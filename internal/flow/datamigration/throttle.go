package datamigration

import (
	"context"
	"sync"
	"time"
)

// Where groups and batches begin, and how large they become.
const (
	firstGroup = 16
	leastGroup = 16 // below, what a transaction costs anyway is most of what is left
	mostGroup  = 2000
	firstBatch = 500
	leastBatch = 200
	mostBatch  = 20_000
)

// adapt makes the next transaction take about as long as it is to take.
// did is how many tenants, or rows, the last one dealt with.
func (w *worker) adapt(took time.Duration, did int64) {
	least, most := int64(leastGroup), int64(mostGroup)
	if w.inParts() {
		least, most = leastBatch, mostBatch
	}
	switch {
	case took > 4*w.pace.Transaction: // whatever it costs: it keeps others waiting
		w.size = max(w.size/2, 1)
	case took > w.pace.Transaction: // one slow transaction is no trend
		w.size = max(w.size/2, least)
	case took < w.pace.Transaction/2 && did*2 >= w.size || w.size < least: // a group that was not full says nothing
		w.size = min(w.size*2, most)
	}
}

// throttle holds the workers of a process back together.
type throttle struct {
	pace    Pace
	elapsed func() time.Duration
	began   time.Duration

	mu   sync.Mutex
	done int64
	owed time.Duration // rest that was not taken yet
}

func newThrottle(p Pace, elapsed func() time.Duration) *throttle {
	return &throttle{pace: p, elapsed: elapsed, began: elapsed()}
}

// Rest comes in breaths after every transaction, which those who look often make use
// of, and in pauses now and then: on SQLite a process that waits to write, such as
// Django's, looks ten times a second, and finds no breath.
const (
	breath    = 5 * time.Millisecond
	restPause = 120 * time.Millisecond
)

// rest tells how long to do nothing after a transaction.
func (t *throttle) rest(took time.Duration) time.Duration {
	if t.pace.Rest <= 0 {
		return 0
	}
	t.owed += took * time.Duration(t.pace.Rest) / time.Duration(100-t.pace.Rest)
	now := min(t.owed, breath)
	if t.owed >= restPause {
		now = t.owed
	}
	t.owed -= now
	return now
}

// after waits as long as the pace asks once a transaction of some weight is over.
func (t *throttle) after(ctx context.Context, took time.Duration, weight int64, ping func(ctx context.Context) (time.Duration, error)) error {
	t.mu.Lock()
	t.done += weight
	done, rest := t.done, t.rest(took)
	t.mu.Unlock()
	if err := sleep(ctx, rest); err != nil {
		return err
	}
	if t.pace.Rate > 0 {
		due := time.Duration(float64(done) / float64(t.pace.Rate) * float64(time.Second))
		if err := sleep(ctx, due+t.began-t.elapsed()); err != nil {
			return err
		}
	}
	if t.pace.Latency <= 0 {
		return nil
	}
	for pause := 50 * time.Millisecond; ; pause = min(pause*2, 5*time.Second) {
		took, err := ping(ctx)
		if err != nil || took <= t.pace.Latency {
			return nil // what is wrong with the database shows in the work
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// ping measures how long the database takes to answer.
func (w *worker) ping(ctx context.Context) (time.Duration, error) {
	began := w.flow.Elapsed()
	err := w.flow.DB.Ping(ctx)
	return w.flow.Elapsed() - began, err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
