// Package sqldb runs one SQL text on two engines, embedded SQLite and
// PostgreSQL 15 or newer. Statements are written once, in the common subset,
// with ? for parameters; rooms own their statements, this package owns
// connections, transactions, the form of values and the meaning of driver
// errors. What a table is for, and when it changes, is base/migrate's business.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenantry/tenantry"
)

// Engine is one of the two databases.
type Engine string

const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Access says what an opener expects of the database.
type Access int

const (
	Create    Access = iota // make an SQLite file that is missing
	MustExist               // a missing SQLite file is an error
	ReadOnly                // MustExist, and nothing is written, not even the journal mode
)

// Options says which database to open and how.
type Options struct {
	// URL is "sqlite:PATH" or "postgres://…", the role the application works as.
	URL string
	// OwnerURL is the role that owns the schema and migrates it; URL when empty.
	OwnerURL string
	// DirectURL reaches PostgreSQL past a transaction pooler, for LISTEN; URL
	// when empty.
	DirectURL string
	// Roles are the PostgreSQL roles that transactions work in, see Roles. They are
	// used once the login is a member of both.
	Roles Roles
	// Notices names the table through which notices reach other processes on
	// SQLite, with the columns id integer PRIMARY KEY AUTOINCREMENT, channel,
	// payload and at. Without one they stay in the process. PostgreSQL needs none.
	Notices string
	Clock   tenantry.Clock // needed with Notices: what at says
	// MaxConnections bounds the pool of PostgreSQL connections, or of SQLite
	// readers; 10 when zero.
	MaxConnections int
	Access         Access
	// Disposable says that nothing is lost if the machine stops: nothing waits for
	// the disk.
	Disposable bool
	// Wait is how long to wait on SQLite for another process that writes; ten seconds
	// when zero.
	Wait time.Duration
}

// DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	engine      Engine
	backend     backend
	direct      *pgconn.Config // PostgreSQL: where LISTEN goes
	notices     noticeTable    // SQLite: what is polled instead
	subscribers subscribers
}

// backend is a pool on one of the two engines.
type backend interface {
	begin(ctx context.Context, on behalf, readOnly bool) (connection, error)
	ping(ctx context.Context) error
	outside(ctx context.Context, statement string) error
	standard(fn func(db *sql.DB) error) error
	close()
}

// connection is an open transaction on one of the two engines. Errors are the
// driver's own; Tx gives them their meaning.
type connection interface {
	exec(ctx context.Context, query string, args []any) (int64, error)
	query(ctx context.Context, query string, args []any) (rows, error)
	load(ctx context.Context, table string, columns []string, next func() ([]any, bool)) (int64, error)
	// commit tells with an error whether the transaction may stand all the same.
	commit(ctx context.Context) (undecided bool, err error)
	rollback()
}

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	columns() []string
	close()
}

// Open opens the database as the application role. Nothing is read of its
// tables. Errors: Usage for a URL that is none, Unavailable for a database that
// is missing, down, damaged or refuses the role.
func Open(ctx context.Context, o Options) (*DB, error) {
	return open(ctx, o, o.URL, false)
}

// OpenOwner opens the database as the role that owns the schema. On SQLite,
// where the two roles are one, foreign keys are not enforced on it: rebuilding
// a table drops the old one, which would empty every table that cascades from
// it.
func OpenOwner(ctx context.Context, o Options) (*DB, error) {
	url := o.OwnerURL
	if url == "" {
		url = o.URL
	}
	return open(ctx, o, url, true)
}

func open(ctx context.Context, o Options, url string, owner bool) (*DB, error) {
	if o.MaxConnections <= 0 {
		o.MaxConnections = 10
	}
	if o.Wait <= 0 {
		o.Wait = 10 * time.Second
	}
	engine, err := EngineOf(url)
	if err != nil {
		return nil, err
	}
	if o.Notices != "" && o.Clock == nil {
		return nil, errors.New("sqldb: Notices without a Clock")
	}
	db := &DB{engine: engine, notices: noticeTable{o.Notices, o.Clock}}
	if engine == SQLite {
		db.backend, err = openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"), o, owner)
	} else {
		direct := o.DirectURL
		if direct == "" {
			direct = o.URL
		}
		if db.direct, err = directConfig(direct); err != nil {
			return nil, err
		}
		if owner {
			o.Roles = Roles{}
		}
		db.backend, err = openPostgres(ctx, url, o)
	}
	if err != nil {
		return nil, meaning(err)
	}
	return db, nil
}

// EngineOf tells which engine a database URL names.
func EngineOf(url string) (Engine, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:") && len(url) > len("sqlite:"):
		return SQLite, nil
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return Postgres, nil
	}
	return "", badURL()
}

// badURL repeats nothing of the URL, which may hold a password.
func badURL() error { return tenantry.NewError(tenantry.Usage, "database.bad_url") }

// Engine tells which engine this is.
func (db *DB) Engine() Engine { return db.engine }

// Ping asks the database whether it answers.
func (db *DB) Ping(ctx context.Context) error { return meaning(db.backend.ping(ctx)) }

// Close closes every connection.
func (db *DB) Close() { db.backend.close() }

// Read runs fn in a read-only transaction: one consistent view on both engines.
func (db *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return db.run(ctx, behalf{}, true, fn)
}

// Write runs fn in a transaction that is committed when fn returns nil and
// rolled back otherwise. On SQLite it holds the one writer from its start. fn
// may run again when the engine breaks a deadlock, so what it does outside the
// database must bear repeating.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return db.run(ctx, behalf{}, false, fn)
}

// Outside runs one statement as it stands and outside of any transaction, as the
// few want that make a database or build an index without stopping writers.
func (db *DB) Outside(ctx context.Context, statement string) error {
	return meaning(db.backend.outside(ctx, statement))
}

// Standard hands the database, to be read, to a library that knows database/sql
// only. The handle must not outlive fn.
func (db *DB) Standard(fn func(db *sql.DB) error) error { return db.backend.standard(fn) }

// Rehearse runs fn in a transaction that is rolled back whatever fn returns.
func (db *DB) Rehearse(ctx context.Context, fn func(tx *Tx) error) error {
	err := db.once(ctx, behalf{}, false, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

var errRehearsed = errors.New("sqldb: rehearsed")

// attempts bounds how often a transaction that lost a deadlock is run again.
const attempts = 5

func (db *DB) run(ctx context.Context, on behalf, readOnly bool, fn func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, on, readOnly, fn)
		if err == nil || attempt == attempts || !retryable(err) {
			return err
		}
		pause := time.Duration(attempt) * 10 * time.Millisecond
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return err
		}
	}
}

func (db *DB) once(ctx context.Context, on behalf, readOnly bool, fn func(tx *Tx) error) (err error) {
	c, err := db.backend.begin(ctx, on, readOnly)
	if err != nil {
		return meaning(err)
	}
	tx := &Tx{engine: db.engine, conn: c, on: on, stored: db.notices}
	finished := false
	defer func() {
		if !finished { // fn failed or panicked
			c.rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	finished = true
	undecided, err := c.commit(ctx)
	if err == nil || undecided { // better told once too often
		db.subscribers.tell(tx.notices)
	}
	return meaning(err)
}
