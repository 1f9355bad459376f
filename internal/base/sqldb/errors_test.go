package sqldb_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

func TestErrorsOfStatementsHaveAMeaning(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		for name, c := range map[string]struct {
			args []any
			kind tenantry.Kind
			code string
		}{
			"unique":      {[]any{2, "one", 1, nil}, tenantry.Conflict, "database.unique"},
			"primary key": {[]any{1, "two", 1, nil}, tenantry.Conflict, "database.unique"},
			"foreign key": {[]any{2, "two", 1, 99}, tenantry.Conflict, "database.foreign_key"},
			"not null":    {[]any{2, nil, 1, nil}, tenantry.Invalid, "database.bad_value"},
			"check":       {[]any{2, "two", -1, nil}, tenantry.Invalid, "database.bad_value"},
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(t.Context(), insertThing, c.args...)
				return err
			})
			t.Log(name)
			wantError(t, err, c.kind, c.code)
			// The same through Get, where PostgreSQL tells late.
			err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
				var id int64
				return tx.Get(t.Context(), insertThing+` RETURNING id`, c.args, &id)
			})
			wantError(t, err, c.kind, c.code)
		}
		if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
			t.Fatalf("%d rows, want 1", n)
		}
	})
}

func TestUniqueSaysWhatWasTwice(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), insertThing, 2, "one", 1, nil)
			return err
		})
		var e *tenantry.Error
		want := pick(d, sqldb.Twin{SQLite: "thing.name", Postgres: "thing_name_key"})
		if !errors.As(err, &e) || e.Params["constraint"] != want {
			t.Fatalf("got %v, want the constraint %s", err, want)
		}
	})
}

// SQLite enforces no length: the rooms check what a column holds before they
// write it.
func TestTooLongIsInvalidWhereTheEngineChecks(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		err := d.Open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), insertThing, 1, "sixsix", 1, nil)
			return err
		})
		if d.Engine == sqldb.SQLite {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		wantError(t, err, tenantry.Invalid, "database.bad_value")
	})
}

func TestNoRowIsNotFound(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
			var id int64
			return tx.Get(t.Context(), `SELECT id FROM thing WHERE id = ?`, []any{1}, &id)
		})
		wantError(t, err, tenantry.NotFound, "database.no_rows")
	})
}

func TestSecondWriterIsBusy(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		change := func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE thing SET size = 2 WHERE id = ?`, 1)
			return err
		}
		if d.Engine == sqldb.SQLite {
			o := d.Options()
			o.Wait = 20 * time.Millisecond
			hasty, err := sqldb.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer hasty.Close()
			aSecondWriter(t, d)
			wantError(t, hasty.Write(t.Context(), func(tx *sqldb.Tx) error { return change(t.Context(), tx) }), tenantry.Busy, "database.busy")
			return
		}
		err := db.Write(t.Context(), func(first *sqldb.Tx) error {
			if err := change(t.Context(), first); err != nil {
				return err
			}
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				must(t, tx, `SET LOCAL lock_timeout = '20ms'`)
				return change(t.Context(), tx)
			})
			wantError(t, err, tenantry.Busy, "database.busy")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestWaitingLongerThanTheDeadlineIsATimeout(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db := d.Open(t)
		write(t, db, insertThing, 1, "one", 1, nil)
		err := db.Write(t.Context(), func(first *sqldb.Tx) error {
			must(t, first, `UPDATE thing SET size = 2 WHERE id = 1`)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			err := db.Write(ctx, func(tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE thing SET size = 3 WHERE id = 1`)
				return err
			})
			wantError(t, err, tenantry.Busy, "database.timeout")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, `SELECT size FROM thing`); n != 2 {
			t.Fatalf("size %d, want 2", n)
		}
	})
}

func TestFilesThatAreNoDatabaseAreRefused(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(fileOfDjango(t))
	if err != nil {
		t.Fatal(err)
	}
	file := func(content []byte) string {
		path := filepath.Join(t.TempDir(), "x.sqlite3")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := append([]byte(nil), good...)
	copy(broken[100:], make([]byte, 3000)) // the header stands, the schema's page does not
	for name, c := range map[string]struct {
		path   string
		access sqldb.Access
		code   string
	}{
		"missing":               {filepath.Join(t.TempDir(), "x.sqlite3"), sqldb.MustExist, "database.file_missing"},
		"missing, to read":      {filepath.Join(t.TempDir(), "x.sqlite3"), sqldb.ReadOnly, "database.file_missing"},
		"missing folder":        {filepath.Join(t.TempDir(), "no", "x.sqlite3"), sqldb.Create, "database.no_folder"},
		"a folder":              {t.TempDir(), sqldb.Create, "database.file_unreadable"},
		"a file in the way":     {filepath.Join(file(good), "x.sqlite3"), sqldb.Create, "database.file_unreadable"},
		"text":                  {file([]byte(strings.Repeat("not a database\n", 100))), sqldb.Create, "database.not_sqlite"},
		"short text":            {file([]byte("hello")), sqldb.Create, "database.not_sqlite"},
		"half a header":         {file(good[:50]), sqldb.Create, "database.not_sqlite"},
		"truncated":             {file(good[:len(good)/2]), sqldb.Create, "database.truncated"},
		"truncated by one byte": {file(good[:len(good)-1]), sqldb.MustExist, "database.truncated"},
		"truncated, to read":    {file(good[:4096]), sqldb.ReadOnly, "database.truncated"},
		"broken schema":         {file(broken), sqldb.MustExist, "database.damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _ := os.ReadFile(c.path)
			for _, open := range []func(context.Context, sqldb.Options) (*sqldb.DB, error){sqldb.Open, sqldb.OpenOwner} {
				_, err := open(t.Context(), sqldb.Options{URL: "sqlite:" + c.path, Access: c.access})
				wantError(t, err, tenantry.Unavailable, c.code)
			}
			if after, _ := os.ReadFile(c.path); string(before) != string(after) {
				t.Error("the file changed")
			}
		})
	}
}

func TestEmptyFileIsAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sqlite3")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	raw(t, (sqldbtest.Database{URL: "sqlite:" + path}).Open(t), `CREATE TABLE one (id integer)`)
}

// A password never comes back in an error, whatever is wrong with the URL.
func TestBadURLsAreRefusedWithoutTheirPassword(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t-c4n4ry"
	for _, bad := range []string{
		"", "sqlite:", "mysql://u:" + password + "@h/db", "u:" + password + "@h", "postgres:u:" + password,
		"postgres://u:" + password + "@h:port/db", "postgres://u:" + password + "@h/db?sslmode=perhaps",
		"postgres://u:" + password + "@[::1/db", "postgres://u:" + password + "%zz@h/db", "postgres://u:" + password + "@h/db?connect_timeout=x",
		"postgres://u:" + password + "@h/db?pool_max_conns=x",
	} {
		for _, o := range []sqldb.Options{{URL: bad}, {URL: bad, OwnerURL: bad}} {
			_, err := sqldb.Open(t.Context(), o)
			wantError(t, err, tenantry.Usage, "database.bad_url")
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error repeats the password: %v", err)
			}
		}
	}
	o := sqldbtest.New(t, sqldb.Postgres).Options()
	o.DirectURL = "postgres://u:" + password + "@h:port/db"
	_, err := sqldb.Open(t.Context(), o)
	wantError(t, err, tenantry.Usage, "database.bad_url")
	if strings.Contains(err.Error(), password) {
		t.Errorf("the error repeats the password: %v", err)
	}
}

func TestPostgresThatCannotBeUsedIsUnavailable(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t-c4n4ry"
	good, err := url.Parse(sqldbtest.New(t, sqldb.Postgres).URL)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(u *url.URL, q url.Values)) string {
		u, q := *good, good.Query()
		change(&u, q)
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		return u.String()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	go func() { // accepts and hangs up at once, as a proxy does before a dead server
		for {
			c, err := closed.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	for name, c := range map[string]struct{ url, code string }{
		"no such role": {changed(func(u *url.URL, q url.Values) {
			q.Del("user")
			q.Set("user", "tenantry_nobody")
			q.Set("password", password)
			u.User = nil
		}), "database.refused"},
		"no such database": {changed(func(u *url.URL, _ url.Values) { u.Path = "/tenantry_test_missing" }), "database.missing"},
		"no socket":        {"postgres:///db?host=" + t.TempDir() + "&user=u&password=" + password, "database.down"},
		"port closed":      {"postgres://u:" + password + "@127.0.0.1:1/db", "database.down"},
		"hangs up":         {"postgres://u:" + password + "@" + closed.Addr().String() + "/db?sslmode=disable", "database.down"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqldb.Open(t.Context(), sqldb.Options{URL: c.url})
			wantError(t, err, tenantry.Unavailable, c.code)
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestLostConnectionIsUnavailableAndTheNextIsNew(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.Postgres) // SQLite has no connection to lose
	db := d.Open(t)
	other := d.Open(t)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		var pid int64
		if err := tx.Get(t.Context(), `SELECT pg_backend_pid()`, nil, &pid); err != nil {
			return err
		}
		write(t, other, `SELECT pg_terminate_backend(?, 10000)`, pid)
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		return err
	})
	wantError(t, err, tenantry.Unavailable, "database.lost")
	if n := count(t, db, `SELECT 1`); n != 1 {
		t.Fatal("no new connection")
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Whoever never gives a transaction back does not keep the process from ending.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, things, func(t *testing.T, d sqldbtest.Database) {
		db, err := sqldb.Open(t.Context(), d.Options())
		if err != nil {
			t.Fatal(err)
		}
		began, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_ = db.Write(t.Context(), func(*sqldb.Tx) error {
				close(began)
				<-release
				return nil
			})
		}()
		<-began
		db.Close()
		close(release)
		<-done
	})
}
