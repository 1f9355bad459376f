package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(notifies); path != "" {
		os.Exit(notifyFrom(path))
	}
	if path := os.Getenv(opensAndInserts); path != "" {
		os.Exit(openAndInsert(path))
	}
	os.Exit(m.Run())
}

// things is what most tests work on: one table on both engines.
var things = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
	raw(t, d.Owner(t), `CREATE TABLE thing (id bigint PRIMARY KEY, name varchar(5) NOT NULL UNIQUE, size integer NOT NULL CHECK (size >= 0),
		parent bigint REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED)`)
})

const insertThing = `INSERT INTO thing (id, name, size, parent) VALUES (?, ?, ?, ?)`

func TestWriteCommitsAndKeepsNothingOfAFailure(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		mine := errors.New("mine")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			must(t, tx, insertThing, 2, "two", 1, nil)
			return mine
		})
		if err != mine {
			t.Fatalf("got %v, want the function's own error unchanged", err)
		}
		if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
			t.Fatalf("%d rows, want 1", n)
		}
	})
}

func TestPanicRollsBackAndTheDatabaseStaysUsable(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		for range 3 { // on SQLite the one writer must come back
			func() {
				defer func() {
					if r := recover(); r != "defect" {
						t.Fatalf("recovered %v, want the function's own panic", r)
					}
				}()
				_ = db.Write(t.Context(), func(tx *sqldb.Tx) error {
					must(t, tx, insertThing, 1, "one", 1, nil)
					panic("defect")
				})
			}()
		}
		write(t, db, insertThing, 1, "one", 1, nil)
	})
}

func TestRehearseRollsBackWhateverHappens(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		mine := errors.New("mine")
		for _, want := range []error{nil, mine} {
			err := db.Rehearse(t.Context(), func(tx *sqldb.Tx) error {
				must(t, tx, insertThing, 1, "one", 1, nil)
				return want
			})
			if err != want {
				t.Fatalf("got %v, want %v", err, want)
			}
		}
		if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
			t.Fatalf("%d rows of a rehearsal", n)
		}
	})
}

func TestReadIsReadOnlyAndOneView(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), insertThing, 2, "two", 1, nil)
			return err
		})
		wantError(t, err, tenantry.Unavailable, "database.readonly")

		err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
			before := countIn(t, tx, `SELECT count(*) FROM thing`)
			write(t, db, insertThing, 2, "two", 1, nil) // committed while we read
			if after := countIn(t, tx, `SELECT count(*) FROM thing`); after != before {
				t.Errorf("the same question gave %d, then %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestDeferredForeignKeyFailsAtCommitAndTheDatabaseStaysUsable(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		for range 2 {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				must(t, tx, insertThing, 1, "one", 1, 99) // nobody's child, so far
				return nil
			})
			wantError(t, err, tenantry.Conflict, "database.foreign_key")
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			must(t, tx, insertThing, 1, "one", 1, 99)
			must(t, tx, insertThing, 99, "late", 1, nil)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestOwnerMayRebuildATableThatOthersReferTo(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		owner := d.Owner(t)
		raw(t, owner, `CREATE TABLE old (id bigint PRIMARY KEY)`)
		raw(t, owner, `CREATE TABLE child (id bigint PRIMARY KEY, old_id bigint NOT NULL REFERENCES old (id) ON DELETE CASCADE)`)
		write(t, owner, `INSERT INTO old VALUES (1)`)
		write(t, owner, `INSERT INTO child VALUES (1, 1)`)
		if d.Engine == sqldb.SQLite { // as Django does it; PostgreSQL alters in place
			err := owner.Write(t.Context(), func(tx *sqldb.Tx) error {
				for _, s := range []string{`CREATE TABLE new__old (id bigint PRIMARY KEY, more text)`,
					`INSERT INTO new__old (id) SELECT id FROM old`, `DROP TABLE old`, `ALTER TABLE new__old RENAME TO old`} {
					if _, err := tx.Raw(t.Context(), s); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		} else {
			raw(t, owner, `ALTER TABLE old ADD COLUMN more text`)
		}
		if n := count(t, d.Open(t), `SELECT count(*) FROM child`); n != 1 {
			t.Fatalf("%d rows in the child table, want 1", n)
		}
	})
}

// On SQLite two writers never meet, so only PostgreSQL can choose a victim; the
// outcome is the same on both.
func TestDeadlockIsRetriedUntilBothHaveWritten(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 0, nil)
		write(t, db, insertThing, 2, "two", 0, nil)
		holds := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		var runs atomic.Int64
		done := make(chan error, 2)
		for me := range 2 {
			go func() {
				first := true
				done <- db.Write(t.Context(), func(tx *sqldb.Tx) error {
					runs.Add(1)
					if _, err := tx.Exec(t.Context(), `UPDATE thing SET size = size + 1 WHERE id = ?`, 1+me); err != nil {
						return err
					}
					if first && d.Engine == sqldb.Postgres {
						first = false
						close(holds[me])
						<-holds[1-me]
					}
					_, err := tx.Exec(t.Context(), `UPDATE thing SET size = size + 1 WHERE id = ?`, 2-me)
					if err != nil {
						// A room may give it a meaning of its own.
						return tenantry.NewError(tenantry.Internal, "thing.broken").Because(err)
					}
					return nil
				})
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, db, `SELECT sum(size) FROM thing`); n != 4 {
			t.Errorf("sizes add up to %d, want 4", n)
		}
		if n := runs.Load(); d.Engine == sqldb.Postgres && n != 3 {
			t.Errorf("%d runs, want the victim's second and two more", n)
		}
	})
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 0, nil)
		const writers, each = 8, 25
		others := d.Open(t) // as another process would
		done := make(chan error, writers)
		for i := range writers {
			db := db
			if i%2 == 0 {
				db = others
			}
			go func() {
				for range each {
					err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
						var before int64 // a write that begins by reading must not fail for it
						if err := tx.Get(t.Context(), `SELECT size FROM thing WHERE id = ?`, []any{1}, &before); err != nil {
							return err
						}
						_, err := tx.Exec(t.Context(), `UPDATE thing SET size = size + 1 WHERE id = ?`, 1)
						return err
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
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, db, `SELECT size FROM thing`); n != writers*each {
			t.Fatalf("counted to %d, want %d", n, writers*each)
		}
	})
}

func TestCancelledContextRollsBack(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			must(t, tx, insertThing, 1, "one", 1, nil)
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
			t.Fatalf("%d rows of a cancelled transaction", n)
		}
		write(t, db, insertThing, 1, "one", 1, nil)
	})
}

func TestLoadTakesEverySize(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		raw(t, db, pick(d, sqldb.Twin{
			SQLite:   `CREATE TABLE load (id bigint PRIMARY KEY, name text NOT NULL, at datetime, ok bool NOT NULL, data text)`,
			Postgres: `CREATE TABLE load (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz, ok boolean NOT NULL, data jsonb)`,
		}))
		// Around the width of SQLite's wide insert: 1000 parameters, 5 columns.
		for _, size := range []int64{0, 1, 199, 200, 201, 400, 10_000} {
			err := db.Rehearse(t.Context(), func(tx *sqldb.Tx) error {
				n, err := tx.Load(t.Context(), "load", []string{"id", "name", "at", "ok", "data"}, loadRows(size))
				if err != nil {
					return err
				}
				var rows, sum, trues int64
				err = tx.Get(t.Context(), `SELECT count(*), coalesce(sum(id), 0), coalesce(sum(CASE WHEN ok THEN 1 ELSE 0 END), 0) FROM load WHERE name LIKE 'ñ%'`,
					nil, &rows, &sum, &trues)
				if err != nil {
					return err
				}
				got, want := []int64{n, rows, sum, trues}, []int64{size, size, size * (size + 1) / 2, size / 2}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("loading %d rows: told, stored, sum of ids, how many true (-want +got):\n%s", size, d)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Load(t.Context(), "load", []string{"id", "name", "at", "ok", "data"}, func(yield func([]any) bool) {
				for row := range loadRows(3) {
					if !yield(row) {
						return
					}
				}
				yield([]any{int64(1), "again", nil, true, nil})
			})
			return err
		})
		wantError(t, err, tenantry.Conflict, "database.unique")
		if n := count(t, db, `SELECT count(*) FROM load`); n != 0 {
			t.Fatalf("%d rows of a failed load", n)
		}
	})
}

func loadRows(n int64) iter.Seq[[]any] {
	at := time.Date(2024, 3, 10, 3, 30, 15, 1000, time.UTC)
	return func(yield func([]any) bool) {
		for id := int64(1); id <= n; id++ {
			row := []any{id, fmt.Sprintf("ñ%d", id), at, id%2 == 0, sqldb.JSON(`{"a": 1}`)}
			if id%3 == 0 {
				row[2], row[4] = nil, nil
			}
			if !yield(row) {
				return
			}
		}
	}
}

func TestAllReadsEveryRowInOrder(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		for id, name := range []string{"c", "a", "b"} {
			write(t, db, insertThing, id, name, 1, nil)
		}
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			names, err := sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (name string, err error) {
				return name, r.Scan(&name)
			}, `SELECT name FROM thing WHERE id IN `+sqldb.Tuples("(?, ?)", 1)+` ORDER BY name`, 0, 1)
			if d := cmp.Diff([]string{"a", "c"}, names); d != "" {
				t.Error(d)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestArgumentsAndDestinationsOfTheCallerStayAsTheyAre(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		raw(t, db, `CREATE TABLE moment (at `+pick(d, sqldb.Twin{SQLite: "datetime", Postgres: "timestamptz"})+`)`)
		at := time.Date(2024, 1, 2, 3, 4, 5, 6, time.FixedZone("", -3*3600))
		args := []any{at}
		var back time.Time
		dest := []any{&back}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			must(t, tx, `INSERT INTO moment VALUES (?)`, args...)
			return tx.Get(t.Context(), `SELECT at FROM moment`, nil, dest...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if args[0] != any(at) || dest[0] != any(&back) {
			t.Errorf("the caller's slices now hold %v and %T", args[0], dest[0])
		}
	})
}

func TestColumnsAreNamed(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
			r, err := tx.Query(t.Context(), `SELECT id, name AS title FROM thing`)
			if err != nil {
				return err
			}
			defer r.Close()
			if d := cmp.Diff([]string{"id", "title"}, r.Columns()); d != "" {
				t.Error(d)
			}
			return r.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestRawLeavesQuestionMarksAlone(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		raw(t, db, `CREATE TABLE asked (why text DEFAULT 'why?')`)
		write(t, db, `INSERT INTO asked DEFAULT VALUES`)
		if n := count(t, db, `SELECT count(*) FROM asked WHERE why = ?`, "why?"); n != 1 {
			t.Fatal("the default lost its question mark")
		}
	})
}

// Small words that the tests of this package share.

func raw(t testing.TB, db *sqldb.DB, statement string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Raw(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, db *sqldb.DB, statement string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, tx *sqldb.Tx, statement string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *sqldb.DB, query string, args ...any) (n int64) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		n = countIn(t, tx, query, args...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func countIn(t testing.TB, tx *sqldb.Tx, query string, args ...any) (n int64) {
	t.Helper()
	if err := tx.Get(t.Context(), query, args, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func pick(d sqldbtest.Database, twin sqldb.Twin) string {
	if d.Engine == sqldb.SQLite {
		return twin.SQLite
	}
	return twin.Postgres
}

func wantError(t testing.TB, err error, kind tenantry.Kind, code string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Code != code {
		t.Fatalf("got %v (%s), want %s %s", err, tenantry.KindOf(err), kind, code)
	}
}

func TestSurveyGathersWhatIsUnknown(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		text := strings.Repeat("x", 1000)
		for _, table := range []string{`"Much"`, `few`} {
			raw(t, db, `CREATE TABLE `+table+` (id bigint NOT NULL PRIMARY KEY, text text NOT NULL)`)
			write(t, db, `INSERT INTO `+table+` (id, text) VALUES (0, ?)`, text)
		}
		for id := range 11 { // doubling: two thousand rows of a thousand characters
			write(t, db, `INSERT INTO "Much" (id, text) SELECT id + ?, text FROM "Much"`, 1<<id)
		}
		want := map[sqldb.Engine][]int{sqldb.SQLite: {0, 0}, sqldb.Postgres: {1, 0}}[d.Engine]
		for _, n := range want {
			if got, err := db.Survey(t.Context()); err != nil || got != n {
				t.Errorf("%d tables, %v; want %d", got, err, n)
			}
		}
	})
}
