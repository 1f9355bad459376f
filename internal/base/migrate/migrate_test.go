package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// shop is a small history of two apps: rooms depend on people.
var shop = fstest.MapFS{
	"people/0001_initial.sql": file(`-- +operation Create table person
-- +up
CREATE TABLE "person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(20) NOT NULL);
-- +down
DROP TABLE "person";
`),
	"people/0002_nickname.sql": file(`-- +depends people.0001_initial
-- +operation Add column nickname
-- +up
ALTER TABLE "person" ADD COLUMN "nickname" varchar(20);
-- +down
ALTER TABLE "person" DROP COLUMN "nickname";
`),
	"rooms/0001_initial.sql": file(`-- +depends people.0001_initial
-- +operation Create table room
-- +up
CREATE TABLE "room" ("id" bigint NOT NULL PRIMARY KEY, "owner_id" bigint NOT NULL REFERENCES "person" ("id"));
-- +down
DROP TABLE "room";
`),
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func options(holder string) migrate.Options {
	return migrate.Options{
		Ledger: "shop_migration", Lease: "shop_lease", OwnApps: []string{"rooms"},
		LeaseLength: 2 * time.Second, LockTimeout: time.Second,
		Holder: holder, Actor: "test", ProgramVersion: "v1", Clock: time.Now,
	}
}

func runner(t *testing.T, db *sqldb.DB, tree fstest.MapFS, change func(o *migrate.Options), inGo ...migrate.Migration) *migrate.Runner {
	t.Helper()
	g, err := migrate.Load(tree, db.Engine(), inGo...)
	if err != nil {
		t.Fatal(err)
	}
	o := options("holder-of-" + t.Name())
	if change != nil {
		change(&o)
	}
	return migrate.New(db, g, o)
}

func run(t *testing.T, r *migrate.Runner, request migrate.Request) []string {
	t.Helper()
	done, err := r.Run(t.Context(), request, func(migrate.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	return names(done)
}

func names(plan []migrate.Planned) []string {
	var all []string
	for _, p := range plan {
		sign := "+"
		if p.Backwards {
			sign = "-"
		}
		all = append(all, sign+p.Key.String())
	}
	return all
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func code(err error) string {
	var e *tenantry.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// history lists what django_migrations says, in the order of its rows.
func history(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	var all []string
	query(t, db, func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (s string, err error) {
			var app, name string
			err = r.Scan(&app, &name)
			return app + "." + name, err
		}, `SELECT app, name FROM django_migrations ORDER BY id`)
		return err
	})
	return all
}

func acts(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	var all []string
	query(t, db, func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (s string, err error) {
			var act, name string
			err = r.Scan(&act, &name)
			return act + " " + name, err
		}, `SELECT act, name FROM shop_migration ORDER BY id`)
		return err
	})
	return all
}

func query(t *testing.T, db *sqldb.DB, fn func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, db *sqldb.DB, statements ...string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, s := range statements {
			if _, err := tx.Raw(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestForwardsAndBackwards(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		r := runner(t, db, shop, nil)
		same(t, run(t, r, migrate.Request{}), []string{"+people.0001_initial", "+people.0002_nickname", "+rooms.0001_initial"})
		same(t, run(t, r, migrate.Request{}), []string(nil))
		same(t, run(t, r, migrate.Request{App: "people", Target: "0001"}), []string{"-people.0002_nickname"})
		same(t, run(t, r, migrate.Request{App: "people", Target: "zero"}), []string{"-rooms.0001_initial", "-people.0001_initial"})
		same(t, history(t, db), []string(nil))
		same(t, run(t, r, migrate.Request{App: "rooms"}), []string{"+people.0001_initial", "+rooms.0001_initial"})
		same(t, history(t, db), []string{"people.0001_initial", "rooms.0001_initial"})
		same(t, acts(t, db), []string{
			"applied 0001_initial", "applied 0002_nickname", "applied 0001_initial", "unapplied 0002_nickname",
			"unapplied 0001_initial", "unapplied 0001_initial", "applied 0001_initial", "applied 0001_initial"})
	})
}

func TestFake(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		r := runner(t, db, shop, nil)
		run(t, r, migrate.Request{App: "people", Target: "0001", Fake: true})
		same(t, history(t, db), []string{"people.0001_initial"})
		if _, err := r.Run(t.Context(), migrate.Request{App: "people"}, func(migrate.Event) {}); code(err) != "migrate.failed" {
			t.Errorf("a faked table cannot be altered, yet: %v", err)
		}
		run(t, r, migrate.Request{App: "people", Target: "zero", Fake: true})
		same(t, history(t, db), []string(nil))
		// --fake-initial records only first migrations whose tables are there.
		exec(t, db, `CREATE TABLE "person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(20) NOT NULL)`)
		run(t, r, migrate.Request{FakeInitial: true})
		same(t, acts(t, db)[2:], []string{"faked 0001_initial", "applied 0002_nickname", "applied 0001_initial"})
	})
}

func TestFailureLeavesNothingBehindAndNamesTheStatement(t *testing.T) {
	t.Parallel()
	broken := fstest.MapFS{"a/0001_initial.sql": file(`-- +operation Two steps
-- +up
CREATE TABLE "good" ("id" bigint NOT NULL PRIMARY KEY);
CREATE TABLE "bad" ("id" bigint NOT NULL PRIMARY KEY, nonsense nonsense nonsense REFERENCES);
-- +down
DROP TABLE "good";
`)}
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		_, err := runner(t, db, broken, nil).Run(t.Context(), migrate.Request{}, func(migrate.Event) {})
		var e *tenantry.Error
		if !errors.As(err, &e) || e.Code != "migrate.failed" || e.Params["migration"] != "a.0001_initial" ||
			!strings.Contains(e.Params["statement"].(string), `CREATE TABLE "bad"`) || e.Params["cause"] == "" {
			t.Fatalf("got %v", err)
		}
		same(t, history(t, db), []string(nil))
		exec(t, db, `CREATE TABLE "good" ("id" bigint)`) // is free again
	})
}

func TestGapEditedRemovedAndNewerAreRefused(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		run(t, runner(t, db, shop, nil), migrate.Request{})
		refused := func(tree fstest.MapFS, want string) {
			t.Helper()
			_, err := runner(t, db, tree, nil).Run(t.Context(), migrate.Request{}, func(migrate.Event) {})
			if code(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		edited := clone(shop)
		edited["people/0002_nickname.sql"] = file(string(shop["people/0002_nickname.sql"].Data) + "\n-- a word more\n")
		refused(edited, "migrate.edited")

		removed := clone(shop)
		delete(removed, "people/0002_nickname.sql")
		removed["people/0003_more.sql"] = file("-- +depends people.0001_initial\n")
		refused(removed, "migrate.removed")

		older := clone(shop)
		delete(older, "people/0002_nickname.sql")
		refused(older, "migrate.newer")

		// Django's own extra rows are none of our business, ours are.
		exec(t, db, `INSERT INTO django_migrations (app, name, applied) VALUES ('people', '0099_from_django', '2024-01-02 03:04:05')`,
			`INSERT INTO django_migrations (app, name, applied) VALUES ('sessions', '0001_initial', '2024-01-02 03:04:05')`)
		same(t, run(t, runner(t, db, shop, nil), migrate.Request{}), []string(nil))
		exec(t, db, `INSERT INTO django_migrations (app, name, applied) VALUES ('rooms', '0002_next', '2024-01-02 03:04:05')`)
		refused(shop, "migrate.newer")
		exec(t, db, `DELETE FROM django_migrations WHERE app = 'rooms' AND name = '0002_next'`,
			`DELETE FROM django_migrations WHERE app = 'people' AND name = '0001_initial'`)
		refused(shop, "migrate.gap")
	})
}

func TestAcceptedEditIsRecorded(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		run(t, runner(t, db, shop, nil), migrate.Request{})
		edited := clone(shop)
		edited["people/0002_nickname.sql"] = file(string(shop["people/0002_nickname.sql"].Data) + "\n-- a word more\n")
		run(t, runner(t, db, edited, func(o *migrate.Options) { o.Accept = true }), migrate.Request{})
		same(t, acts(t, db)[3:], []string{"accepted 0002_nickname"})
		same(t, run(t, runner(t, db, edited, nil), migrate.Request{}), []string(nil))
	})
}

func TestWhatDjangoAppliedIsAdoptedIntoTheLedger(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		r := runner(t, db, shop, nil)
		run(t, r, migrate.Request{App: "people"})
		exec(t, db, `DROP TABLE shop_migration`)
		same(t, run(t, r, migrate.Request{}), []string{"+rooms.0001_initial"})
		same(t, acts(t, db), []string{"adopted 0001_initial", "adopted 0002_nickname", "applied 0001_initial"})
	})
}

func clone(tree fstest.MapFS) fstest.MapFS {
	c := fstest.MapFS{}
	for k, v := range tree {
		c[k] = v
	}
	return c
}

func TestMigrationInGoSharesTheTransaction(t *testing.T) {
	t.Parallel()
	fill := func(fail bool) migrate.Migration {
		return migrate.Migration{
			Key: migrate.Key{App: "people", Name: "0003_fill"}, Depends: []migrate.Key{{App: "people", Name: "0002_nickname"}}, Sum: "1",
			Operations: []migrate.Operation{{
				Describe: "Raw Go operation",
				UpFunc: func(ctx context.Context, s *migrate.Step) error {
					if _, err := s.Tx.Exec(ctx, `INSERT INTO person (id, name) VALUES (?, ?)`, 1, "Ana"); err != nil {
						return err
					}
					s.Progress(1, 1)
					if fail {
						return errors.New("no more")
					}
					return nil
				},
				DownFunc: func(ctx context.Context, s *migrate.Step) error {
					_, err := s.Tx.Exec(ctx, `DELETE FROM person`)
					return err
				},
			}},
		}
	}
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		people := func() (n int) {
			query(t, db, func(tx *sqldb.Tx) error { return tx.Get(t.Context(), `SELECT count(*) FROM person`, nil, &n) })
			return n
		}
		if _, err := runner(t, db, shop, nil, fill(true)).Run(t.Context(), migrate.Request{}, func(migrate.Event) {}); code(err) != "migrate.failed" {
			t.Fatal(err)
		}
		same(t, people(), 0)
		r := runner(t, db, shop, nil, fill(false))
		same(t, run(t, r, migrate.Request{}), []string{"+people.0003_fill", "+rooms.0001_initial"})
		same(t, people(), 1)
		run(t, r, migrate.Request{App: "people", Target: "0002"})
		same(t, people(), 0)
	})
}

func TestRehearsalLeavesNothing(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		var statements []string
		done, err := runner(t, db, shop, nil).Rehearse(t.Context(), migrate.Request{}, func(e migrate.Event) {
			if e.Phase == migrate.Ran {
				statements = append(statements, e.Statement)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		same(t, len(done), 3)
		same(t, len(statements), 3)
		s, err := runner(t, db, shop, nil).State(t.Context())
		if err != nil || !s.Empty() {
			t.Errorf("state %v, error %v", s, err)
		}
	})
}

func TestManyAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		const starters = 16
		var wg sync.WaitGroup
		applied := make([][]string, starters)
		failed := make([]error, starters)
		for i := range starters {
			wg.Go(func() {
				db, err := sqldb.OpenOwner(t.Context(), d.Options())
				if err != nil {
					failed[i] = err
					return
				}
				defer db.Close()
				g, err := migrate.Load(shop, db.Engine())
				if err != nil {
					failed[i] = err
					return
				}
				done, err := migrate.New(db, g, options(fmt.Sprint("starter-", i))).Run(t.Context(), migrate.Request{}, func(migrate.Event) {})
				applied[i], failed[i] = names(done), err
			})
		}
		wg.Wait()
		workers := 0
		for i := range starters {
			if failed[i] != nil {
				t.Errorf("starter %d: %v", i, failed[i])
			}
			if len(applied[i]) > 0 {
				workers++
			}
		}
		same(t, workers, 1)
		same(t, history(t, d.Owner(t)), []string{"people.0001_initial", "people.0002_nickname", "rooms.0001_initial"})
	})
}

func TestDeadOwnersLeaseRunsOut(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		exec(t, db, `CREATE TABLE "shop_lease" ("name" varchar(100) NOT NULL PRIMARY KEY, "holder" varchar(255) NOT NULL, "beat" bigint NOT NULL)`,
			`INSERT INTO shop_lease VALUES ('migrate', 'killed', 7)`)
		waited := false
		done, err := runner(t, db, shop, nil).Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
			if e.Phase == migrate.Waiting && e.Holder == "killed" {
				waited = true
			}
		})
		if err != nil || len(done) != 3 || !waited {
			t.Errorf("done %v, error %v, waited %v", names(done), err, waited)
		}
	})
}

func TestOwnerThatLostItsLeaseCannotGoOn(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		thief := d.Owner(t)
		_, err := runner(t, db, shop, nil).Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
			if e.Phase == migrate.Finished && e.Migration.Name == "0001_initial" && e.Migration.App == "people" {
				exec(t, thief, `UPDATE shop_lease SET holder = 'successor'`)
			}
		})
		if code(err) != "migrate.lease_lost" {
			t.Errorf("got %v", err)
		}
		same(t, history(t, db), []string{"people.0001_initial"})
	})
}

func TestLongMigrationIsNotTakenOver(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		first, second := d.Owner(t), d.Owner(t)
		short := func(o *migrate.Options) { o.LeaseLength = 300 * time.Millisecond }
		secondWaits := make(chan struct{})
		var once sync.Once
		slow := migrate.Migration{
			Key: migrate.Key{App: "people", Name: "0003_slow"}, Depends: []migrate.Key{{App: "people", Name: "0002_nickname"}}, Sum: "1",
			Operations: []migrate.Operation{{Describe: "Raw Go operation", UpFunc: func(ctx context.Context, s *migrate.Step) error {
				<-secondWaits
				deadline := time.Now().Add(time.Second) // several leases long
				for time.Now().Before(deadline) {
					if _, err := s.Tx.Exec(ctx, `INSERT INTO person (id, name) SELECT COALESCE(max(id), 0) + 1, 'x' FROM person`); err != nil {
						return err
					}
				}
				return nil
			}, DownFunc: func(context.Context, *migrate.Step) error { return nil }}},
		}
		var wg sync.WaitGroup
		var failure error
		started := make(chan struct{})
		wg.Go(func() {
			r := runner(t, first, shop, func(o *migrate.Options) { short(o); o.Holder = "first" }, slow)
			_, failure = r.Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
				if e.Phase == migrate.Starting && e.Migration.Name == "0003_slow" {
					close(started)
				}
			})
		})
		<-started
		r := runner(t, second, shop, func(o *migrate.Options) { short(o); o.Holder = "second" }, slow)
		done, err := r.Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
			if e.Phase == migrate.Waiting {
				once.Do(func() { close(secondWaits) })
			}
		})
		once.Do(func() { close(secondWaits) })
		wg.Wait()
		if failure != nil || err != nil {
			t.Fatalf("first: %v; second: %v", failure, err)
		}
		same(t, names(done), []string(nil))
		same(t, len(history(t, first)), 4)
	})
}

func TestRebuildKeepsWhatOthersPutOnTheTable(t *testing.T) {
	t.Parallel()
	rebuild := clone(shop)
	rebuild["people/0003_wider.sql"] = file(`-- +depends people.0002_nickname
-- +operation Widen name
-- +up
CREATE TABLE "new__person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(40) NOT NULL, "nickname" varchar(20));
INSERT INTO "new__person" ("id", "name", "nickname") SELECT "id", "name", "nickname" FROM "person";
DROP TABLE "person";
ALTER TABLE "new__person" RENAME TO "person";
-- +down
`)
	db := sqldbtest.New(t, sqldb.SQLite).Owner(t)
	run(t, runner(t, db, shop, nil), migrate.Request{})
	exec(t, db,
		`INSERT INTO person (id, name) VALUES (1, 'Ana')`, `INSERT INTO room (id, owner_id) VALUES (10, 1)`,
		`CREATE INDEX "their_index" ON "person" ("nickname")`,
		`CREATE TABLE "their_log" ("name" text)`,
		`CREATE TRIGGER "their_trigger" AFTER UPDATE ON "person" BEGIN INSERT INTO their_log VALUES (new.name); END`,
		`CREATE VIEW "their_view" AS SELECT name FROM person`)
	var kept []string
	if _, err := runner(t, db, rebuild, nil).Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
		if e.Phase == migrate.Kept {
			kept = append(kept, e.Statement)
		}
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	same(t, kept, []string{"index their_index", "trigger their_trigger"})
	exec(t, db, `UPDATE person SET name = 'Eva'`)
	var logged, viewed, room int
	query(t, db, func(tx *sqldb.Tx) error {
		return tx.Get(t.Context(), `SELECT (SELECT count(*) FROM their_log), (SELECT count(*) FROM their_view), (SELECT count(*) FROM room)`, nil, &logged, &viewed, &room)
	})
	same(t, []int{logged, viewed, room}, []int{1, 1, 1})
}

func TestRebuildThatWouldLoseAColumnIsRefused(t *testing.T) {
	t.Parallel()
	rebuild := clone(shop)
	rebuild["people/0003_wider.sql"] = file(`-- +depends people.0002_nickname
-- +operation Widen name
-- +up
CREATE TABLE "new__person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(40) NOT NULL);
INSERT INTO "new__person" ("id", "name") SELECT "id", "name" FROM "person";
DROP TABLE "person";
ALTER TABLE "new__person" RENAME TO "person";
-- +down
`)
	db := sqldbtest.New(t, sqldb.SQLite).Owner(t)
	run(t, runner(t, db, shop, nil), migrate.Request{})
	exec(t, db, `ALTER TABLE "person" ADD COLUMN "theirs" text`)
	_, err := runner(t, db, rebuild, nil).Run(t.Context(), migrate.Request{}, func(migrate.Event) {})
	if code(err) != "migrate.would_lose_column" {
		t.Errorf("got %v", err)
	}
}

func TestOldOrphansDoNotStopAMigrationButNewOnesDo(t *testing.T) {
	t.Parallel()
	db := sqldbtest.New(t, sqldb.SQLite).Owner(t)
	run(t, runner(t, db, shop, nil), migrate.Request{})
	exec(t, db, `INSERT INTO room (id, owner_id) VALUES (9001, 9999)`)
	next := clone(shop)
	next["rooms/0002_harmless.sql"] = file("-- +depends rooms.0001_initial\n-- +operation Add\n-- +up\nCREATE TABLE \"extra\" (\"id\" bigint);\n-- +down\nDROP TABLE \"extra\";\n")
	run(t, runner(t, db, next, nil), migrate.Request{})
	next["rooms/0003_orphan.sql"] = file("-- +depends rooms.0002_harmless\n-- +operation Add\n-- +up\nINSERT INTO \"room\" (\"id\", \"owner_id\") VALUES (9002, 9999);\n-- +down\n")
	_, err := runner(t, db, next, nil).Run(t.Context(), migrate.Request{}, func(migrate.Event) {})
	if code(err) != "migrate.breaks_foreign_key" {
		t.Errorf("got %v", err)
	}
}

func TestLockedTableIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres)
	db := d.Owner(t)
	run(t, runner(t, db, shop, nil), migrate.Request{App: "people", Target: "0001"})
	other := d.Open(t)
	locked, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = other.Write(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(t.Context(), `LOCK TABLE person IN ACCESS SHARE MODE`); err != nil {
				t.Error(err)
			}
			close(locked)
			<-release
			return nil
		})
	})
	<-locked
	retried := 0
	r := runner(t, db, shop, func(o *migrate.Options) { o.LockTimeout = 50 * time.Millisecond })
	_, err := r.Run(t.Context(), migrate.Request{}, func(e migrate.Event) {
		if e.Phase == migrate.Retrying {
			if retried++; retried == 2 {
				close(release)
			}
		}
	})
	wg.Wait()
	if err != nil || retried < 2 {
		t.Errorf("retried %d times, error %v", retried, err)
	}
}

func TestFilesWithFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"CREATE TABLE x (id int);\n":                                   "a/0001_x.sql:1: a statement outside of up and down",
		"-- +operation A\n-- +up\nCREATE TABLE x (id int)\n-- +down\n": "a/0001_x.sql:4: the statement before has no semicolon",
		"-- +operation A\n-- +sideways\n":                              "a/0001_x.sql:2: unknown directive",
		"-- +up\n":                                                     "a/0001_x.sql:1: up and down belong to an operation",
		"-- +depends nothing\n":                                        "a/0001_x.sql:1: a dependency is app.name",
		"-- +depends b.0001\n":                                         "a.0001_x depends on b.0001, which does not exist",
		"-- +depends a.0001_x\n":                                       "a.0001_x depends on itself",
	} {
		_, err := migrate.Load(fstest.MapFS{"a/0001_x.sql": file(text)}, sqldb.SQLite)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestNamesAreFoundByUniquePrefix(t *testing.T) {
	t.Parallel()
	g, err := migrate.Load(shop, sqldb.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ app, name, want string }{
		{"people", "0002", "people.0002_nickname"},
		{"people", "0001_initial", "people.0001_initial"},
		{"people", "000", "migrate.ambiguous"},
		{"people", "9999", "migrate.no_migration"},
		{"nosuch", "0001", "migrate.no_app"},
	} {
		key, err := g.Find(c.app, c.name)
		got := key.String()
		if err != nil {
			got = code(err)
		}
		if got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.app, c.name, got, c.want)
		}
	}
}
