package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

func TestListenersHearWhatIsCommittedInOrder(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		first, second, other := listen(t, db, "revoked"), listen(t, db, "revoked"), listen(t, db, "Other channel")

		tell := func(payload string, then error) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if err := tx.Notify(t.Context(), "revoked", payload); err != nil {
					return err
				}
				return then
			})
		}
		undone := errors.New("undone")
		if err := tell("never happened", undone); err != undone {
			t.Fatal(err)
		}
		err := db.Rehearse(t.Context(), func(tx *sqldb.Tx) error { return tx.Notify(t.Context(), "revoked", "rehearsed") })
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 200 { // more than a listener's queue holds
			payload := fmt.Sprintf("ñ %d", i)
			if err := tell(payload, nil); err != nil {
				t.Fatal(err)
			}
			want = append(want, payload)
		}
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Notify(t.Context(), "Other channel", "") })
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []*listening{first, second} {
			if diff := cmp.Diff(want, l.hear(t, len(want))); diff != "" {
				t.Error(diff)
			}
		}
		if diff := cmp.Diff([]string{""}, other.hear(t, 1)); diff != "" {
			t.Error(diff)
		}
		for _, l := range []*listening{first, second, other} {
			l.stop()
			if err := <-l.ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		}
		if err := tell("nobody listens", nil); err != nil {
			t.Fatal(err)
		}
	})
}

type listening struct {
	heard chan string
	ended chan error
	stop  context.CancelFunc
}

// listen returns once nothing can be missed any more.
func listen(t *testing.T, db *sqldb.DB, channel string) *listening {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &listening{heard: make(chan string, 1000), ended: make(chan error, 1), stop: stop}
	ready := make(chan struct{})
	go func() {
		l.ended <- db.Listen(ctx, channel, func() { close(ready) }, func(payload string) { l.heard <- payload })
	}()
	select {
	case <-ready:
	case err := <-l.ended:
		t.Fatalf("listening: %v", err)
	}
	return l
}

func (l *listening) hear(t *testing.T, n int) (payloads []string) {
	t.Helper()
	for range n {
		select {
		case p := <-l.heard:
			payloads = append(payloads, p)
		case err := <-l.ended:
			t.Fatalf("ended after %d notices: %v", len(payloads), err)
		}
	}
	return payloads
}

func TestListenEndsWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres) // SQLite has no connection to lose
	db := d.Open(t)
	l := listen(t, db, "revoked")
	write(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	wantError(t, <-l.ended, "unavailable", "database.lost")
}
