package sqldb_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// opensAndInserts makes this test binary a process that opens the SQLite file
// of that name as soon as its standard input ends, and adds a row.
const opensAndInserts = "SQLDB_TEST_OPENS_AND_INSERTS"

func openAndInsert(path string) int {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Options{URL: "sqlite:" + path})
	if err == nil {
		defer db.Close()
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			if _, err := tx.Raw(ctx, `CREATE TABLE IF NOT EXISTS opened (pid integer)`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO opened VALUES (?)`, os.Getpid())
			return err
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestProcessesMayOpenANewFileAtTheSameMoment(t *testing.T) {
	t.Parallel()
	const rounds, processes = 5, 6
	for range rounds {
		path := filepath.Join(t.TempDir(), "new.sqlite3")
		var starts []io.Closer
		var commands []*exec.Cmd
		for range processes {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), opensAndInserts+"="+path)
			c.Stderr = os.Stderr
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			starts, commands = append(starts, in), append(commands, c)
		}
		for _, start := range starts {
			start.Close()
		}
		for _, c := range commands {
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		}
		if n := count(t, (sqldbtest.Database{URL: "sqlite:" + path}).Open(t), `SELECT count(*) FROM opened`); n != processes {
			t.Errorf("%d rows of %d processes", n, processes)
		}
	}
}

func TestReadOnlyChangesNoByteOfAFile(t *testing.T) {
	t.Parallel()
	d := sqldbtest.Database{Engine: sqldb.SQLite, URL: "sqlite:" + fileOfDjango(t)}
	path := strings.TrimPrefix(d.URL, "sqlite:")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := d.Options()
	o.Access = sqldb.ReadOnly
	db, err := sqldb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 1000 {
		t.Errorf("%d rows, want 1000", n)
	}
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM thing`)
		return err
	})
	wantError(t, err, "unavailable", "database.readonly")
	db.Close()
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the file changed")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the file stand now %v, %v", left, err)
	}
}

func TestFileNamesMayHoldAnything(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"with blank.sqlite3", "año?.sqlite3", "100%.sqlite3", "a#b&c=d.sqlite3", ":memory:"} {
		for _, path := range []string{filepath.Join(folder, name), "/" + filepath.Join(folder, "2"+name)} {
			db := (sqldbtest.Database{URL: "sqlite:" + path}).Open(t)
			raw(t, db, `CREATE TABLE here (id integer)`)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
}

func TestWritesAreDurableAndKeysEnforced(t *testing.T) {
	t.Parallel()
	db := sqldbtest.New(t, sqldb.SQLite).Open(t)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			if err := tx.Get(t.Context(), `PRAGMA `+pragma, nil, &got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %s, want %s", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fileOfDjango makes a file of some pages as a Django process leaves it: with a
// rollback journal, which is gone after each commit, and no write-ahead log.
func fileOfDjango(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "django.sqlite3")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TABLE thing (id integer PRIMARY KEY, name text);
		WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO thing SELECT i, hex(zeroblob(20)) FROM n`)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// aSecondWriter holds the file's write lock until the test ends.
func aSecondWriter(t *testing.T, d sqldbtest.Database) {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(d.URL, "sqlite:")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
}
