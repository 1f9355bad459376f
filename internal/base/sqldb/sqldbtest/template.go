package sqldbtest

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Template is a database that is prepared once for each engine in a test
// binary, when the first test asks, and copied for every test.
type Template struct {
	fill     func(t testing.TB, d Database)
	sqlite   sqliteTemplate
	postgres postgresTemplate
}

type sqliteTemplate struct {
	once sync.Once
	file []byte // the whole file, so that nothing outlives the test that made it
}

type postgresTemplate struct {
	once sync.Once
	name string
}

// NewTemplate makes a template of what fill does to an empty database. fill
// runs with the first test that asks for a copy; when it fails, so does every
// test that asks. Connections that it leaves open on PostgreSQL are cut.
func NewTemplate(fill func(t testing.TB, d Database)) *Template { return &Template{fill: fill} }

// Copy gives one copy, which is gone when the test ends.
func (from *Template) Copy(t testing.TB, engine sqldb.Engine) Database {
	t.Helper()
	if engine == sqldb.SQLite {
		return from.copySQLite(t)
	}
	return from.copyPostgres(t)
}

func (from *Template) copySQLite(t testing.TB) Database {
	t.Helper()
	from.sqlite.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.sqlite3")
		from.fill(t, sqliteAt(path))
		from.sqlite.file = wholeFile(t, path)
	})
	if from.sqlite.file == nil {
		t.Fatal("the test that prepared the template database failed")
	}
	return sqliteFrom(t, from.sqlite.file)
}

func (from *Template) copyPostgres(t testing.TB) Database {
	t.Helper()
	s := server(t)
	from.postgres.once.Do(func() {
		// It outlives the test: what a test binary leaves behind is dropped by
		// the next one on the same server.
		d, name := s.add(t, "")
		from.fill(t, d)
		s.seal(t, name)
		from.postgres.name = name
	})
	if from.postgres.name == "" {
		t.Fatal("the test that prepared the template database failed")
	}
	return s.create(t, from.postgres.name)
}

// wholeFile brings the write-ahead log home and reads the file.
func wholeFile(t testing.TB, path string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var busy, log, moved int
	if err := db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved); err != nil || busy != 0 {
		t.Fatalf("checkpoint of the template database: busy %d, %v", busy, err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func sqliteFrom(t testing.TB, file []byte) Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.sqlite3")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return sqliteAt(path)
}

// LoadSQLite gives a copy of a prepared SQLite file.
func LoadSQLite(t testing.TB, path string) Database {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(file), "SQLite format 3\x00") {
		t.Fatalf("%s is not an SQLite file", path)
	}
	return sqliteFrom(t, file)
}
