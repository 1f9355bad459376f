package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// noticing has the table that carries notices between processes on SQLite.
var noticing = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
	if d.Engine == sqldb.SQLite {
		raw(t, d.Owner(t), `CREATE TABLE notice (id integer PRIMARY KEY AUTOINCREMENT, channel text NOT NULL, payload text NOT NULL, at datetime NOT NULL)`)
	}
})

func TestOtherProcessesHearWhatIsCommittedInOrder(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) {
		db, elsewhere := noticer(t, d), noticer(t, d)
		notify(t, db, "revoked", "before anybody listened")
		first, second, other := listen(t, elsewhere, "revoked"), listen(t, elsewhere, "revoked"), listen(t, elsewhere, "Other channel")
		same := listen(t, db, "revoked")

		undone := errors.New("undone")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := tx.Notify(t.Context(), "revoked", "never happened"); err != nil {
				return err
			}
			return undone
		})
		if err != undone {
			t.Fatal(err)
		}
		err = db.Rehearse(t.Context(), func(tx *sqldb.Tx) error { return tx.Notify(t.Context(), "revoked", "rehearsed") })
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 20 {
			several := []string{fmt.Sprintf("ñ %d", i), fmt.Sprintf("a %d", i), strings.Repeat("x", 7990) + strconv.Itoa(i)}
			notify(t, db, "revoked", several...)
			want = append(want, several...)
		}
		notify(t, db, "Other channel", "")
		for _, l := range []*listening{first, second, same} {
			if diff := cmp.Diff(want, l.hear(t, len(want))); diff != "" {
				t.Error(diff)
			}
		}
		if diff := cmp.Diff([]string{""}, other.hear(t, 1)); diff != "" {
			t.Error(diff)
		}
		for _, l := range []*listening{first, second, same, other} {
			l.stop()
			if err := l.end(t); !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}

func TestListeningIsAliveAsLongAsNoticesArrive(t *testing.T) {
	t.Parallel()
	alive := func(t *testing.T, db *sqldb.DB) {
		l := listen(t, db, "revoked")
		for range 3 {
			wait(t, l.alive, "sign of life")
		}
		l.stop()
		if err := l.end(t); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if n := len(l.ready); n != 0 {
			t.Errorf("ready %d times too often", n)
		}
	}
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) { alive(t, noticer(t, d)) })
	t.Run("without a table", func(t *testing.T) {
		t.Parallel()
		alive(t, sqldbtest.New(t, sqldb.SQLite).Open(t))
	})
}

func TestNoNoticeIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) {
		l := listen(t, noticer(t, d), "revoked")
		const writers, transactions, each = 5, 20, 10 // no more than SQLite keeps, however slow the listener is
		done := make(chan error, writers)
		for w := range writers {
			db := noticer(t, d)
			go func() {
				for i := range transactions {
					err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
						for j := range each {
							if err := tx.Notify(t.Context(), "revoked", fmt.Sprintf("%d %03d", w, i*each+j)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range writers {
			if err := wait(t, done, "writer"); err != nil {
				t.Fatal(err)
			}
		}
		heard := l.hear(t, writers*transactions*each)
		var want []string
		for w := range writers {
			for i := range transactions * each {
				want = append(want, fmt.Sprintf("%d %03d", w, i))
			}
		}
		// Stable: the notices of one writer stay in their order.
		slices.SortStableFunc(heard, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSubscribersHaveHeardWhenWriteReturns(t *testing.T) {
	t.Parallel()
	subscribers := func(t *testing.T, db *sqldb.DB) {
		var heard, also []string
		cancel := db.Subscribe("revoked", func(p string) {
			heard = append(heard, p)
			// What was written is there for whoever asks now.
			if err := db.Read(t.Context(), func(*sqldb.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
		defer db.Subscribe("revoked", func(p string) { also = append(also, p) })()
		defer db.Subscribe("other", func(p string) { t.Errorf("heard %q of another channel", p) })()

		undone := errors.New("undone")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := tx.Notify(t.Context(), "revoked", "never happened"); err != nil {
				return err
			}
			return undone
		})
		if err != undone {
			t.Fatal(err)
		}
		err = db.Rehearse(t.Context(), func(tx *sqldb.Tx) error { return tx.Notify(t.Context(), "revoked", "rehearsed") })
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			defer end()
			return tx.Notify(ctx, "revoked", "never committed")
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		notify(t, db, "revoked", "b", "a", "b")
		if diff := cmp.Diff([]string{"b", "a", "b"}, heard); diff != "" {
			t.Error(diff)
		}
		cancel()
		notify(t, db, "revoked", "c")
		if diff := cmp.Diff([]string{"b", "a", "b"}, heard); diff != "" {
			t.Errorf("after the cancellation: %s", diff)
		}
		if diff := cmp.Diff([]string{"b", "a", "b", "c"}, also); diff != "" {
			t.Error(diff)
		}
	}
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) { subscribers(t, noticer(t, d)) })
	t.Run("without a table", func(t *testing.T) {
		t.Parallel()
		subscribers(t, sqldbtest.New(t, sqldb.SQLite).Open(t))
	})
}

func TestACommitThatFailsTellsNobody(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		defer db.Subscribe("revoked", func(p string) { t.Errorf("heard %q", p) })()
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			must(t, tx, insertThing, 1, "one", 1, 99) // a parent that nobody makes
			return tx.Notify(t.Context(), "revoked", "never happened")
		})
		wantError(t, err, "conflict", "database.foreign_key")
	})
}

func TestACommitThatNobodyKnowsOfTellsSubscribers(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres) // SQLite has no connection to lose
	p := between(t, d)
	db := p.database().Open(t)
	raw(t, db, `CREATE TABLE one (id bigint)`)
	var heard []string
	defer db.Subscribe("revoked", func(p string) { heard = append(heard, p) })()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		must(t, tx, `INSERT INTO one VALUES (1)`)
		if err := tx.Notify(t.Context(), "revoked", "perhaps"); err != nil {
			return err
		}
		p.loseAnswers() // the commit arrives, its confirmation does not
		return nil
	})
	wantError(t, err, "unavailable", "database.lost")
	if diff := cmp.Diff([]string{"perhaps"}, heard); diff != "" {
		t.Error(diff)
	}
}

func TestSubscribersComeAndGoAtAnyTime(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) {
		db := noticer(t, d)
		done := make(chan int, 4)
		for i := range cap(done) {
			go func() {
				heard := 0
				for range 20 {
					// A payload of its own: the others' notices arrive as well.
					cancel := db.Subscribe("revoked", func(p string) {
						if p == strconv.Itoa(i) {
							heard++
						}
					})
					err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Notify(t.Context(), "revoked", strconv.Itoa(i)) })
					if err != nil {
						t.Error(err)
					}
					cancel()
				}
				done <- heard
			}()
		}
		for range cap(done) {
			if n := wait(t, done, "goroutine"); n != 20 {
				t.Errorf("heard %d of 20", n)
			}
		}
	})
}

func TestPayloadsTooLongForPostgresAreInvalid(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, noticing, func(t *testing.T, d sqldbtest.Database) {
		db := noticer(t, d)
		notify(t, db, "revoked", strings.Repeat("x", 7999))
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			return tx.Notify(t.Context(), "revoked", strings.Repeat("x", 8000))
		})
		wantError(t, err, "invalid", "database.bad_value")
	})
}

func TestNoticesOnSQLiteNeedAClock(t *testing.T) {
	t.Parallel()
	o := sqldbtest.New(t, sqldb.SQLite).Options()
	o.Notices = "notice"
	if db, err := sqldb.Open(t.Context(), o); err == nil {
		db.Close()
		t.Fatal("opened without a clock")
	}
}

// Only SQLite keeps notices, and only so many.
func TestWhoeverIsTooFarBehindIsReadyAgain(t *testing.T) {
	t.Parallel()
	d := noticing.Copy(t, sqldb.SQLite)
	db := noticer(t, d)
	fromEmpty := listen(t, noticer(t, d), "revoked")
	many := func(n int) {
		t.Helper()
		payloads := make([]string, n)
		notify(t, db, "something else", payloads...)
	}
	many(1500)
	wait(t, fromEmpty.ready, "readiness")
	if n := count(t, db, `SELECT count(*) FROM notice`); n != 1000 {
		t.Errorf("%d notices are kept, want 1000", n)
	}
	notify(t, db, "revoked", "first")
	if got := fromEmpty.hear(t, 1); got[0] != "first" {
		t.Errorf("heard %q", got)
	}
	many(999) // so that "first" is the oldest
	later := listen(t, noticer(t, d), "revoked")
	many(1500)
	wait(t, fromEmpty.ready, "readiness")
	wait(t, later.ready, "readiness")
	notify(t, db, "revoked", "second")
	for _, l := range []*listening{fromEmpty, later} {
		if got := l.hear(t, 1); got[0] != "second" {
			t.Errorf("heard %q", got)
		}
	}
	raw(t, db, `DELETE FROM notice`) // by hand; unseen ones may have been among them
	wait(t, later.ready, "readiness")
	raw(t, db, `DELETE FROM sqlite_sequence`) // as when the table was made anew
	notify(t, db, "revoked", "third")
	if got := later.hear(t, 1); got[0] != "third" {
		t.Errorf("heard %q", got)
	}
}

// notifies makes this test binary a process that notifies on the SQLite file of
// that name.
const notifies = "SQLDB_TEST_NOTIFIES"

func notifyFrom(path string) int {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, withNotices(sqldb.Options{URL: "sqlite:" + path}))
	if err == nil {
		defer db.Close()
		err = db.Write(ctx, func(tx *sqldb.Tx) error { return tx.Notify(ctx, "revoked", strconv.Itoa(os.Getpid())) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestProcessesOnOneFileHearEachOther(t *testing.T) {
	t.Parallel()
	d := noticing.Copy(t, sqldb.SQLite)
	l := listen(t, noticer(t, d), "revoked")
	var want []string
	for range 2 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), notifies+"="+strings.TrimPrefix(d.URL, "sqlite:"))
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		want = append(want, strconv.Itoa(c.Process.Pid))
	}
	if diff := cmp.Diff(want, l.hear(t, 2)); diff != "" {
		t.Error(diff)
	}
}

func TestListenEndsWhenTheServerEndsTheConnection(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres)
	o := d.Options()
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", "listener")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	o.DirectURL = u.String()
	l := listen(t, open(t, o), "revoked")
	write(t, d.Open(t), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'listener'`)
	wantError(t, l.end(t), "unavailable", "database.lost")
}

func TestListenEndsWhenTheConnectionIsCut(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres)
	p := between(t, d)
	o := d.Options()
	o.DirectURL = p.database().URL
	l := listen(t, open(t, o), "revoked")
	p.cut()
	wantError(t, l.end(t), "unavailable", "database.lost")
}

// A firewall that forgot a connection, or a cable that was pulled: everything
// is swallowed and nobody is told.
func TestListenEndsWhenTheNetworkSwallowsEverything(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres)
	p := between(t, d)
	o := d.Options()
	o.DirectURL = p.database().URL
	db := open(t, o)
	l := listen(t, db, "revoked")
	wait(t, l.alive, "sign of life")
	p.swallow()
	before := len(l.alive)
	wantError(t, l.end(t), "busy", "database.timeout")
	// One answer may have passed before; the next would be to a question since.
	if n := len(l.alive) - before; n > 1 {
		t.Errorf("%d signs of life after the last byte", n)
	}
	notify(t, db, "revoked", "the pool goes another way")

	again := start(t, db, "revoked")
	wantError(t, again.end(t), "unavailable", "database.down")
	if len(again.ready)+len(again.alive) > 0 {
		t.Error("ready without a connection")
	}
}

// Small words of these tests.

// deadline is only for what would otherwise hang.
const deadline = 30 * time.Second

func withNotices(o sqldb.Options) sqldb.Options {
	o.Notices, o.Clock = "notice", time.Now
	return o
}

func noticer(t testing.TB, d sqldbtest.Database) *sqldb.DB { return open(t, withNotices(d.Options())) }

func open(t testing.TB, o sqldb.Options) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func notify(t testing.TB, db *sqldb.DB, channel string, payloads ...string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, p := range payloads {
			if err := tx.Notify(t.Context(), channel, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(deadline):
		t.Fatalf("no %s in %v", what, deadline)
		panic("unreachable")
	}
}

type listening struct {
	heard        chan string
	ready, alive chan struct{}
	ended        chan error
	stop         context.CancelFunc
}

func start(t testing.TB, db *sqldb.DB, channel string) *listening {
	ctx, stop := context.WithCancel(t.Context())
	l := &listening{heard: make(chan string, 2000), ready: make(chan struct{}, 100), alive: make(chan struct{}, 1000), ended: make(chan error, 1), stop: stop}
	go func() {
		l.ended <- db.Listen(ctx, channel, sqldb.Listening{
			Ready:  func() { l.ready <- struct{}{} },
			Alive:  func() { l.alive <- struct{}{} },
			Notice: func(payload string) { l.heard <- payload },
		})
	}()
	return l
}

// listen returns once nothing can be missed any more.
func listen(t testing.TB, db *sqldb.DB, channel string) *listening {
	t.Helper()
	l := start(t, db, channel)
	select {
	case <-l.ready:
	case err := <-l.ended:
		t.Fatalf("listening: %v", err)
	case <-time.After(deadline):
		t.Fatal("never ready")
	}
	return l
}

func (l *listening) hear(t testing.TB, n int) (payloads []string) {
	t.Helper()
	for range n {
		select {
		case p := <-l.heard:
			payloads = append(payloads, p)
		case err := <-l.ended:
			t.Fatalf("ended after %d notices: %v", len(payloads), err)
		case <-time.After(deadline):
			t.Fatalf("%d notices, want %d", len(payloads), n)
		}
	}
	return payloads
}

func (l *listening) end(t testing.TB) error {
	t.Helper()
	return wait(t, l.ended, "end of listening")
}
