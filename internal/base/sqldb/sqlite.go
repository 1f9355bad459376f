package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/tenantry/tenantry"
)

// sqliteDB is one writer and many readers on one file. SQLite has one writer at
// a time whatever we do; queueing for it here, on one connection with immediate
// transactions, turns "database is locked" in the middle of work into waiting
// before it.
type sqliteDB struct {
	writer, reader *sql.DB
	wait           time.Duration // for another process that writes
	connected      atomic.Bool   // the writer has been, so the file has its write-ahead log
}

func openSQLite(ctx context.Context, path string, o Options, owner bool) (backend, error) {
	registerFunctions()
	path = filepath.Clean(path) // two slashes in front would make a host of a folder
	if err := inspectFile(path, o.Access); err != nil {
		return nil, err
	}
	mode := map[Access]string{Create: "rwc", MustExist: "rw", ReadOnly: "ro"}[o.Access]
	open := func(pragmas []string, txlock string, connections int) *sql.DB {
		q := url.Values{"mode": {mode}, "_pragma": pragmas}
		if txlock != "" {
			q.Set("_txlock", txlock)
		}
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
		if err != nil { // only for a driver that is not registered
			panic(err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db
	}
	db := &sqliteDB{reader: open([]string{"busy_timeout(10000)", "query_only(1)"}, "", o.MaxConnections), wait: o.Wait}
	if o.Access == ReadOnly {
		db.writer = db.reader
	} else {
		pragmas := []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}
		if owner {
			// A table that is being rebuilt is missing for a moment, which views and
			// triggers on it must not be examined for.
			// Its transactions may touch every row there is; with SQLite's two
			// megabytes of cache they would write the same pages again and again.
			pragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(0)", "legacy_alter_table(1)", "cache_size(-65536)"}
		}
		if o.Disposable {
			pragmas[1] = "synchronous(OFF)"
		}
		// Short: whoever waits for longer does it in patiently.
		db.writer = open(append(pragmas, "busy_timeout(5)"), "immediate", 1)
	}
	if err := db.ping(ctx); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

// inspectFile says in plain words what SQLite would say in numbers, or only
// notice later: a file that ends before its own header says it does.
func inspectFile(path string, access Access) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && access == Create:
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return tenantry.NewError(tenantry.Unavailable, "database.no_folder", "path", filepath.Dir(path)).Because(err)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return tenantry.NewError(tenantry.Unavailable, "database.file_missing", "path", path).Because(err)
	case err != nil:
		return tenantry.NewError(tenantry.Unavailable, "database.file_unreadable", "path", path).Because(err)
	}
	defer f.Close()
	header := make([]byte, 100)
	n, _ := f.ReadAt(header, 0) // before its size is asked: others may be adding to it
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return tenantry.NewError(tenantry.Unavailable, "database.file_unreadable", "path", path).Because(err)
	}
	if info.Size() == 0 {
		return nil // an empty file is an empty database
	}
	if n < len(header) || string(header[:16]) != "SQLite format 3\x00" {
		return tenantry.NewError(tenantry.Unavailable, "database.not_sqlite", "path", path)
	}
	// https://www.sqlite.org/fileformat2.html#the_database_header: the size in
	// pages is to be believed only when the two change counters agree.
	page := int64(header[16])<<8 | int64(header[17])
	if page == 1 {
		page = 65536
	}
	pages := int64(header[28])<<24 | int64(header[29])<<16 | int64(header[30])<<8 | int64(header[31])
	if string(header[24:28]) == string(header[92:96]) && info.Size() < page*pages {
		// Pages that are still only in the write-ahead log may lie past the end,
		// and so may those of a commit in progress, which has a journal.
		if !holdsSomething(path+"-wal") && !holdsSomething(path+"-journal") {
			return tenantry.NewError(tenantry.Unavailable, "database.truncated", "path", path,
				"size", info.Size(), "expected", page*pages)
		}
	}
	return nil
}

func holdsSomething(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

var registerFunctions = sync.OnceFunc(func() {
	// SQLite's own lower() knows ASCII only; PostgreSQL's knows the alphabet of
	// the people who search for "ñandú".
	sqlite.MustRegisterDeterministicScalarFunction("lower", 1,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			if s, ok := args[0].(string); ok {
				return strings.ToLower(s), nil
			}
			return args[0], nil
		})
})

func (db *sqliteDB) outside(ctx context.Context, statement string) error {
	return db.patiently(ctx, func() error {
		_, err := db.writer.ExecContext(ctx, statement)
		return err
	})
}

// patiently tries again what another process that writes stands in the way of. SQLite
// looks ever more seldom, up to ten times a second, and with that meets the short
// pauses of somebody busy by chance only; this looks every other millisecond.
func (db *sqliteDB) patiently(ctx context.Context, do func() error) error {
	var enough <-chan time.Time
	for {
		err := do()
		if tenantry.KindOf(meaning(err)) != tenantry.Busy || ctx.Err() != nil {
			return err
		}
		if enough == nil {
			enough = time.After(db.wait)
		}
		select {
		case <-enough:
			return err
		case <-time.After(time.Millisecond): // where SQLite does not wait by itself
		}
	}
}

func (db *sqliteDB) standard(fn func(db *sql.DB) error) error { return fn(db.reader) }

func (db *sqliteDB) ping(ctx context.Context) error {
	// Reading the schema makes SQLite look at the file; opening does not. The
	// reader looks: the writer's first act is to switch to the write-ahead log,
	// which must not happen to a file that is then refused.
	var n int
	return db.reader.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&n)
}

func (db *sqliteDB) close() {
	db.reader.Close()
	db.writer.Close()
}

func (db *sqliteDB) begin(ctx context.Context, _ behalf, readOnly bool) (connection, error) {
	pool := db.writer
	if readOnly {
		pool = db.reader
	} else if err := db.connectWriter(ctx); err != nil {
		return nil, err
	}
	var tx *sql.Tx
	if err := db.patiently(ctx, func() (err error) {
		tx, err = pool.BeginTx(ctx, nil)
		return err
	}); err != nil {
		return nil, err
	}
	return &sqliteTx{tx: tx}, nil
}

// connectWriter makes the writer's first connection. SQLite does not wait out
// its busy_timeout when several processes switch a new file to the write-ahead
// log at the same moment, so they take turns here, for some seconds.
func (db *sqliteDB) connectWriter(ctx context.Context) error {
	for attempt := 1; !db.connected.Load(); attempt++ {
		err := db.writer.PingContext(ctx)
		switch {
		case err == nil:
			db.connected.Store(true)
		case tenantry.KindOf(meaning(err)) != tenantry.Busy || attempt == 300:
			return err
		default:
			select {
			case <-time.After(10*time.Millisecond + rand.N(20*time.Millisecond)):
			case <-ctx.Done():
				return err
			}
		}
	}
	return nil
}

type sqliteTx struct{ tx *sql.Tx }

func (t *sqliteTx) exec(ctx context.Context, query string, args []any) (int64, error) {
	r, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *sqliteTx) query(ctx context.Context, query string, args []any) (rows, error) {
	r, err := t.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return sqliteRows{r}, nil
}

// loadParameters keeps a wide insert well under SQLite's limit of 32,766.
const loadParameters = 1000

func (t *sqliteTx) load(ctx context.Context, table string, columns []string, next func() ([]any, bool)) (int64, error) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = strconv.Quote(c)
	}
	head := `INSERT INTO "` + table + `" (` + strings.Join(quoted, ", ") + `) VALUES `
	tuple := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	width := max(1, loadParameters/len(columns))
	var wide *sql.Stmt // made when the first full width comes by; most loads are small
	defer func() {
		if wide != nil {
			wide.Close()
		}
	}()
	var total int64
	args := make([]any, 0, width*len(columns))
	flush := func() (err error) {
		n := len(args) / len(columns)
		switch n {
		case 0:
			return nil
		case width:
			if wide == nil {
				if wide, err = t.tx.PrepareContext(ctx, head+Tuples(tuple, width)); err != nil {
					return err
				}
			}
			_, err = wide.ExecContext(ctx, args...)
		default:
			_, err = t.tx.ExecContext(ctx, head+Tuples(tuple, n), args...)
		}
		total += int64(n)
		args = args[:0]
		return err
	}
	for row, ok := next(); ok; row, ok = next() {
		args = append(args, row...)
		if len(args) == cap(args) {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	if err := flush(); err != nil {
		return 0, err
	}
	return total, nil
}

func (t *sqliteTx) commit(context.Context) (undecided bool, err error) {
	err = t.tx.Commit()
	if err == nil {
		return false, nil
	}
	// A deferred foreign key fails at COMMIT and leaves the transaction open.
	_ = t.tx.Rollback()
	var told *sqlite.Error
	if !errors.As(err, &told) { // the context ended before
		return false, err
	}
	switch told.Code() & 0xff {
	case 5, 6, 9, 19: // BUSY, LOCKED, INTERRUPT, CONSTRAINT: refused before anything was written
		return false, err
	}
	return true, err
}

func (t *sqliteTx) rollback() { _ = t.tx.Rollback() }

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) columns() []string { c, _ := r.Columns(); return c }
func (r sqliteRows) close()            { _ = r.Close() }
