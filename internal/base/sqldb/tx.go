package sqldb

import (
	"context"
	"iter"
	"strings"

	"github.com/tenantry/tenantry"
)

// Tx is a transaction. It is handed down to the functions that work inside it
// and must not outlive the function that received it.
type Tx struct {
	engine  Engine
	conn    connection
	on      behalf
	stored  noticeTable
	notices []notice // told to this process's subscribers after the commit
}

// Engine tells on which engine the transaction runs.
func (tx *Tx) Engine() Engine { return tx.engine }

// Twin is a statement that cannot be said in one text on both engines. It is a
// named value beside its use, with the reason.
type Twin struct{ SQLite, Postgres string }

// Of picks the text for this transaction's engine.
func (tx *Tx) Of(t Twin) string {
	if tx.engine == SQLite {
		return t.SQLite
	}
	return t.Postgres
}

// Exec runs a statement and returns how many rows it touched.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	n, err := tx.conn.exec(ctx, tx.rebind(query), bind(tx.engine, args))
	return n, meaning(err)
}

// Raw runs one statement as it stands: no parameters, so that a ? in it means
// itself. It is for schema changes.
func (tx *Tx) Raw(ctx context.Context, statement string) (int64, error) {
	n, err := tx.conn.exec(ctx, statement, nil)
	return n, meaning(err)
}

// Rows is an answer being read.
type Rows struct {
	rows   rows
	engine Engine
}

// Query runs a statement that answers with rows. The caller closes them.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	r, err := tx.conn.query(ctx, tx.rebind(query), bind(tx.engine, args))
	if err != nil {
		return nil, meaning(err)
	}
	return &Rows{rows: r, engine: tx.engine}, nil
}

// Next moves to the next row.
func (r *Rows) Next() bool { return r.rows.Next() }

// Scan reads the current row. Besides what database/sql reads, it reads instants
// into *time.Time and **time.Time as either engine and Django wrote them, always
// in UTC, and JSON into *JSON unchanged.
func (r *Rows) Scan(dest ...any) error { return meaning(r.rows.Scan(destinations(r.engine, dest)...)) }

// Columns returns the names of the answer's columns.
func (r *Rows) Columns() []string { return r.rows.columns() }

// Err returns what ended the reading early, if anything.
func (r *Rows) Err() error { return meaning(r.rows.Err()) }

// Close ends the reading.
func (r *Rows) Close() { r.rows.close() }

// Get reads the one row that a statement answers with. No row is NotFound with
// code "database.no_rows".
func (tx *Tx) Get(ctx context.Context, query string, args []any, dest ...any) error {
	r, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	if !r.Next() {
		if err := r.Err(); err != nil {
			return err
		}
		return tenantry.NewError(tenantry.NotFound, "database.no_rows")
	}
	if err := r.Scan(dest...); err != nil {
		return err
	}
	r.Close()
	return r.Err()
}

// All reads every row that a statement answers with.
func All[T any](ctx context.Context, tx *Tx, scan func(r *Rows) (T, error), query string, args ...any) ([]T, error) {
	r, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []T
	for r.Next() {
		v, err := scan(r)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, r.Err()
}

// Load inserts many rows the quickest way each engine has: COPY on PostgreSQL,
// wide inserts on SQLite. It returns how many.
func (tx *Tx) Load(ctx context.Context, table string, columns []string, values iter.Seq[[]any]) (int64, error) {
	next, stop := iter.Pull(values)
	defer stop()
	n, err := tx.conn.load(ctx, table, columns, func() ([]any, bool) {
		v, ok := next()
		if !ok {
			return nil, false
		}
		return bind(tx.engine, v), true
	})
	return n, meaning(err)
}

// Tuples repeats a parenthesised tuple n times, for VALUES and IN lists.
func Tuples(tuple string, n int) string {
	return strings.TrimSuffix(strings.Repeat(tuple+", ", n), ", ")
}

func (tx *Tx) rebind(query string) string {
	if tx.engine == SQLite {
		return query
	}
	return rebound(query)
}
