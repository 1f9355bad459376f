package sqldb

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

type notice struct{ channel, payload string }

// hub passes notices between goroutines of one process. It is what stands for
// LISTEN on SQLite, whose other processes have no way to be told.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
}

type listener struct {
	channel string
	notices chan string
	gone    chan struct{} // closed when nobody reads notices any more
}

// Notify tells every listener of a channel once the transaction commits.
// PostgreSQL takes a database-wide lock for it at commit, so it is for rare
// events such as revocations.
func (tx *Tx) Notify(ctx context.Context, channel, payload string) error {
	if tx.engine == SQLite {
		tx.notices = append(tx.notices, notice{channel, payload})
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT pg_notify(?, ?)`, channel, payload)
	return err
}

// Listen calls fn for every notice on a channel until the context ends or the
// connection is lost, and returns why. ready is called once nothing can be
// missed any more: whoever keeps a cache empties it there. On PostgreSQL it
// holds one direct connection of its own.
func (db *DB) Listen(ctx context.Context, channel string, ready func(), fn func(payload string)) error {
	if db.engine == SQLite {
		return db.hub.listen(ctx, channel, ready, fn)
	}
	conn, err := pgx.ConnectConfig(ctx, db.direct)
	if err != nil {
		return meaning(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return meaning(err)
	}
	ready()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return meaning(err)
		}
		fn(n.Payload)
	}
}

func (h *hub) listen(ctx context.Context, channel string, ready func(), fn func(payload string)) error {
	l := &listener{channel: channel, notices: make(chan string, 64), gone: make(chan struct{})}
	h.mu.Lock()
	if h.listeners == nil {
		h.listeners = map[*listener]struct{}{}
	}
	h.listeners[l] = struct{}{}
	h.mu.Unlock()
	defer func() {
		close(l.gone) // before the lock, which a deliverer waiting for us holds
		h.mu.Lock()
		delete(h.listeners, l)
		h.mu.Unlock()
	}()
	ready()
	for {
		select {
		case payload := <-l.notices:
			fn(payload)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deliver blocks while a listener is behind: a lost notice would be a revoked
// token that still works.
func (h *hub) deliver(notices []notice) {
	if len(notices) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range notices {
		for l := range h.listeners {
			if l.channel == n.channel {
				select {
				case l.notices <- n.payload:
				case <-l.gone:
				}
			}
		}
	}
}
