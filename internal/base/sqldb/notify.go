package sqldb

import (
	"context"
	"slices"
	"sync"

	"github.com/tenantry/tenantry"
)

// A notice says in a few bytes what changed, so that whoever remembers it drops
// it. Those in the process that made the change hear of it before Write returns,
// through Subscribe; other processes hear of it moments later, through Listen.
type notice struct{ channel, payload string }

const payloadSize = 7999 // bytes; the most that PostgreSQL takes

// Notify tells everybody on a channel once the transaction commits, in order;
// the same twice in one transaction may arrive once. PostgreSQL takes a
// database-wide lock for it at commit, so it is for rare events such as
// revocations. Errors: Invalid for a payload of 8000 bytes or more.
func (tx *Tx) Notify(ctx context.Context, channel, payload string) error {
	if len(payload) > payloadSize {
		return tenantry.NewError(tenantry.Invalid, "database.bad_value")
	}
	n := notice{channel, payload}
	var err error
	if tx.engine == Postgres {
		_, err = tx.Exec(ctx, `SELECT pg_notify(?, ?)`, channel, payload)
	} else {
		err = tx.stored.add(ctx, tx, n)
	}
	if err != nil {
		return err
	}
	tx.notices = append(tx.notices, n)
	return nil
}

// Subscribe has fn called for every notice on a channel that is committed
// through this DB: in the order of the transaction, after its commit and before
// Write returns, on the goroutine of Write. So fn must be quick, must not panic,
// and may run on several goroutines at once. When a connection is lost during
// the commit, so that nobody knows whether it happened, fn is called too. A call
// that has begun may outlast cancel.
func (db *DB) Subscribe(channel string, fn func(payload string)) (cancel func()) {
	return db.subscribers.add(&subscriber{channel, fn})
}

type subscribers struct {
	mu  sync.Mutex
	all []*subscriber // replaced, never changed: tell reads it without the lock
}

type subscriber struct {
	channel string
	fn      func(payload string)
}

func (s *subscribers) add(one *subscriber) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(slices.Clip(s.all), one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = slices.DeleteFunc(slices.Clone(s.all), func(other *subscriber) bool { return other == one })
	}
}

func (s *subscribers) tell(notices []notice) {
	if len(notices) == 0 {
		return
	}
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	for _, n := range notices {
		for _, one := range all {
			if one.channel == n.channel {
				one.fn(n.payload)
			}
		}
	}
}
