package migrate

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// lease is the right to migrate. Its row names the holder and carries a count
// that the holder raises as long as it lives. A waiter that sees the same
// holder and count for the length of the lease, by its own monotonic clock,
// takes it over. The holder's migrations raise the count in their own
// transactions, which fences off one that lost the lease without noticing, and
// keeps the row locked while a long one runs.
type lease struct {
	db     *sqldb.DB
	table  string
	holder string
	length time.Duration
}

func createLease(name string) string {
	return `CREATE TABLE IF NOT EXISTS "` + name + `" ("name" varchar(100) NOT NULL PRIMARY KEY, "holder" varchar(255) NOT NULL, "beat" bigint NOT NULL)`
}

const leaseName = "migrate"

// acquire waits for the lease. needed is asked now and then; once it says no
// there is nothing left to own, and acquire returns false.
func (l *lease) acquire(ctx context.Context, needed func() (bool, error), waiting func(holder string)) (bool, error) {
	pause := min(max(l.length/20, 20*time.Millisecond), 250*time.Millisecond)
	var lastHolder string
	var lastBeat int64
	lastChange := time.Now() // a monotonic reading, never stored
	told := false
	for {
		holder, beat, err := l.look(ctx)
		switch {
		case err != nil && tenantry.KindOf(err) != tenantry.Busy:
			return false, err
		case err != nil: // the database is occupied by whoever migrates
		case holder == "":
			got, err := l.claim(ctx)
			if got || err != nil && tenantry.KindOf(err) != tenantry.Busy {
				return got, err
			}
		case holder != lastHolder || beat != lastBeat:
			lastHolder, lastBeat, lastChange = holder, beat, time.Now()
		case time.Since(lastChange) >= l.length:
			got, err := l.takeOver(ctx, holder, beat)
			if got || err != nil && tenantry.KindOf(err) != tenantry.Busy {
				return got, err
			}
		}
		if !told && holder != "" {
			told = true
			waiting(holder)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if more, err := needed(); err == nil && !more {
			return false, nil
		}
	}
}

func (l *lease) look(ctx context.Context) (holder string, beat int64, err error) {
	err = l.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.Get(ctx, `SELECT holder, beat FROM "`+l.table+`" WHERE name = ?`, []any{leaseName}, &holder, &beat)
	})
	if tenantry.KindOf(err) == tenantry.NotFound {
		return "", 0, nil
	}
	return holder, beat, err
}

func (l *lease) claim(ctx context.Context) (bool, error) {
	return l.change(ctx, `INSERT INTO "`+l.table+`" (name, holder, beat) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING`, leaseName, l.holder)
}

func (l *lease) takeOver(ctx context.Context, holder string, beat int64) (bool, error) {
	return l.change(ctx, `UPDATE "`+l.table+`" SET holder = ?, beat = beat + 1 WHERE name = ? AND holder = ? AND beat = ?`,
		l.holder, leaseName, holder, beat)
}

func (l *lease) release(ctx context.Context) {
	// Nothing is lost if this fails: the lease runs out.
	_, _ = l.change(context.WithoutCancel(ctx), `DELETE FROM "`+l.table+`" WHERE name = ? AND holder = ?`, leaseName, l.holder)
}

func (l *lease) change(ctx context.Context, query string, args ...any) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.length)
	defer cancel()
	err = l.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		changed = n > 0
		return err
	})
	return changed && err == nil, err
}

// renew shows life until the context ends. A beat that cannot be written is
// left out: what stands in its way is our own migration, which beats itself.
func (l *lease) renew(ctx context.Context) {
	ticker := time.NewTicker(l.length / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_, _ = l.change(ctx, `UPDATE "`+l.table+`" SET beat = beat + 1 WHERE name = ? AND holder = ?`, leaseName, l.holder)
		case <-ctx.Done():
			return
		}
	}
}

// fence makes a transaction fail unless the lease is still ours, and stay ours
// until it commits.
func (l *lease) fence(ctx context.Context, tx *sqldb.Tx) error {
	n, err := tx.Exec(ctx, `UPDATE "`+l.table+`" SET beat = beat + 1 WHERE name = ? AND holder = ?`, leaseName, l.holder)
	if err == nil && n == 0 {
		err = tenantry.NewError(tenantry.Busy, "migrate.lease_lost")
	}
	return err
}
