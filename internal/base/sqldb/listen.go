package sqldb

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenantry/tenantry"
)

const (
	quiet       = 500 * time.Millisecond // without a notice, before PostgreSQL is asked whether it is there
	answer      = 2 * time.Second        // for the database, before it counts as gone
	pollEvery   = 150 * time.Millisecond // on SQLite
	noticesKept = 1000                   // on SQLite; whoever is further behind starts anew
)

// Listening is what Listen calls, always on its own goroutine. All three must
// be quick: while one runs, nothing arrives.
type Listening struct {
	// Ready says that from now on nothing is missed; whoever keeps a cache empties
	// it here. It comes first, and again whenever notices may have been missed.
	Ready func()
	// Alive says that it has just been proven that notices arrive. It follows
	// Ready and comes at least once a second from then on; when it stays away,
	// what is remembered can no longer be trusted.
	Alive func()
	// Notice is one notice of another process, or of this one.
	Notice func(payload string)
}

// Listen reports notices on a channel until the context ends or the database
// can no longer be heard, within seconds even when a network swallows
// everything, and returns why. On PostgreSQL it holds one direct connection of
// its own.
func (db *DB) Listen(ctx context.Context, channel string, l Listening) error {
	listen := db.listenSQLite
	if db.engine == Postgres {
		listen = db.listenPostgres
	}
	err := listen(ctx, channel, l)
	if ctx.Err() != nil { // rather than what the driver calls its being interrupted
		err = ctx.Err()
	}
	return meaning(err)
}

func (db *DB) listenPostgres(ctx context.Context, channel string, l Listening) error {
	hear := func(string) {} // Ready covers what comes before it
	config := db.direct.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { hear(n.Payload) }
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answer)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := roundTrip(ctx, conn, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	hear = l.Notice
	l.Ready()
	for {
		l.Alive()
		if err := hearFor(ctx, conn, quiet); err != nil {
			return err
		}
		// A connection that was cut on the way is as silent as a quiet one.
		if err := roundTrip(ctx, conn, "-- still there?"); err != nil {
			return err
		}
	}
}

// hearFor returns nil when the time is over.
func hearFor(ctx context.Context, conn *pgconn.PgConn, d time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for err == nil {
		err = conn.WaitForNotification(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func roundTrip(ctx context.Context, conn *pgconn.PgConn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return conn.Exec(ctx, statement).Close()
}

func (db *DB) listenSQLite(ctx context.Context, channel string, l Listening) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	seen := int64(-1) // no position yet, which is a gap like any other
	for {
		stored, err := db.notices.from(ctx, db, seen)
		if err != nil {
			return err
		}
		first, last := int64(0), int64(0)
		if len(stored) > 0 {
			first, last = stored[0].id, stored[len(stored)-1].id
		}
		// As long as the last one seen is still there, so is all that followed.
		if first == seen || seen == 0 && first == 1 {
			for _, n := range stored {
				if n.id > seen && n.channel == channel {
					l.Notice(n.payload)
				}
			}
		} else {
			l.Ready()
		}
		seen = last
		l.Alive()
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noticeTable is where notices stand on SQLite, oldest first and without gaps
// in the ids: SQLite gives an id back when its transaction is rolled back.
type noticeTable struct {
	name string // none when empty
	now  tenantry.Clock
}

type storedNotice struct {
	notice
	id int64
}

func (t noticeTable) add(ctx context.Context, tx *Tx, n notice) error {
	if t.name == "" {
		return nil
	}
	var id int64
	err := tx.Get(ctx, `INSERT INTO "`+t.name+`" (channel, payload, at) VALUES (?, ?, ?) RETURNING id`,
		[]any{n.channel, n.payload, t.now()}, &id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM "`+t.name+`" WHERE id <= ?`, id-noticesKept)
	return err
}

// from reads the notices of every channel from an id on.
func (t noticeTable) from(ctx context.Context, db *DB, id int64) (all []storedNotice, err error) {
	if t.name == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	err = db.Read(ctx, func(tx *Tx) error {
		all, err = All(ctx, tx, func(r *Rows) (n storedNotice, err error) {
			return n, r.Scan(&n.id, &n.channel, &n.payload)
		}, `SELECT id, channel, payload FROM "`+t.name+`" WHERE id >= ? ORDER BY id`, id)
		return err
	})
	return all, err
}
