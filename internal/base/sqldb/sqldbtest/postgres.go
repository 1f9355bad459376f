package sqldbtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// environment names the server, as a postgres:// URL of a role that may create
// databases and roles.
const environment = "TENANTRY_TEST_POSTGRES"

// cluster is the server and this test binary's place on it. One connection
// makes and drops databases, one after the other, and holds a lock on the
// binary's number for as long as the process lives: a database whose number
// nobody holds was left behind and may go.
type cluster struct {
	url    *url.URL
	number int

	mu      sync.Mutex
	conn    *pgx.Conn
	counter int
}

var connectOnce = sync.OnceValues(connect)

func server(t testing.TB) *cluster {
	t.Helper()
	s, err := connectOnce()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect() (*cluster, error) {
	text := os.Getenv(environment)
	if text == "" {
		return nil, errors.New(environment + " names no PostgreSQL server: run `make test`, which starts one")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New(environment + " is not a postgres:// URL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := &cluster{url: u}
	// Advisory locks are known within one database, so all meet in this one.
	if s.conn, err = pgx.Connect(ctx, s.urlOf("postgres")); err != nil {
		return nil, fmt.Errorf("%s: %w", environment, err)
	}
	if err := s.takeNumber(ctx); err != nil {
		return nil, err
	}
	return s, s.dropAbandoned(ctx)
}

// lockSpace keeps our advisory locks apart from anybody else's.
const lockSpace = 0x7e4a47

// takeNumber takes the process id, or the next free number where another
// machine or container on the same server has a process of that id.
func (s *cluster) takeNumber(ctx context.Context) error {
	for n := os.Getpid(); ; n++ {
		var mine bool
		if err := s.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, n).Scan(&mine); err != nil {
			return err
		}
		if mine {
			s.number = n
			return nil
		}
	}
}

func (s *cluster) dropAbandoned(ctx context.Context) error {
	found, err := s.conn.Query(ctx, `SELECT datname, substring(datname FROM '^tenantry_test_(\d{1,9})_')::int FROM pg_database
		WHERE datname ~ '^tenantry_test_\d{1,9}_\d+$' ORDER BY datname`)
	if err != nil {
		return err
	}
	type left struct {
		Name   string
		Number int
	}
	databases, err := pgx.CollectRows(found, pgx.RowToStructByPos[left])
	if err != nil {
		return err
	}
	for _, d := range databases {
		var abandoned bool
		if err := s.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, d.Number).Scan(&abandoned); err != nil {
			return err
		}
		if !abandoned {
			continue
		}
		if err := s.drop(ctx, d.Name); err != nil {
			return err
		}
		if d.Number == s.number { // locks count; this one stays
			continue
		}
		if _, err := s.conn.Exec(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, d.Number); err != nil {
			return err
		}
	}
	return nil
}

// create makes a database for one test, a copy of another unless that is "",
// and drops it when the test ends.
func (s *cluster) create(t testing.TB, from string) Database {
	t.Helper()
	d, name := s.add(t, from)
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("dropping %s: %v", name, err)
		}
	})
	return d
}

func (s *cluster) add(t testing.TB, from string) (Database, string) {
	t.Helper()
	// Not t.Context(): ending it in the middle of a statement costs the one
	// connection on which everybody depends.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	name := fmt.Sprintf("tenantry_test_%d_%d", s.number, s.counter)
	// Whatever the server's own locale is, lower() must know more than ASCII.
	statement := `CREATE DATABASE ` + name + ` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'`
	if from != "" {
		statement = `CREATE DATABASE ` + name + ` TEMPLATE ` + from
	}
	if _, err := s.conn.Exec(ctx, statement); err != nil {
		t.Fatalf("making %s: %v", name, err)
	}
	return Database{Engine: sqldb.Postgres, URL: s.urlOf(name), Login: as(s.urlOf(name), "tenantry_test")}, name
}

// seal closes a template to everybody: PostgreSQL copies no database that
// somebody is connected to.
func (s *cluster) seal(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, statement := range []string{
		`ALTER DATABASE ` + name + ` ALLOW_CONNECTIONS false`,
		`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '` + name + `'`,
	} {
		if _, err := s.conn.Exec(ctx, statement); err != nil {
			t.Fatalf("closing the template %s: %v", name, err)
		}
	}
}

func (s *cluster) drop(ctx context.Context, name string) error {
	_, err := s.conn.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "3D000" {
		return nil // somebody else cleaned up at the same moment
	}
	return err
}

// urlOf is the server's URL with another database.
func (s *cluster) urlOf(database string) string {
	u := *s.url
	u.Path = "/" + database
	u.RawQuery = strings.ReplaceAll(u.RawQuery, "+", "%2B")
	q := u.Query()
	q.Del("dbname")
	q.Del("database")
	// To PostgreSQL a plus is a plus; only forms on the web mean a blank by it.
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// as is a URL with another role.
func as(text, role string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // it was made by urlOf
	}
	u.User = nil
	q := u.Query()
	q.Set("user", role)
	q.Del("password")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}
