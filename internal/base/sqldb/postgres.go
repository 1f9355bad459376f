package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresDB is a pool of PostgreSQL connections. A transaction pooler may
// stand in between, so nothing relies on session state: statements are not
// prepared by name, and settings are local to a transaction.
type postgresDB struct {
	pool  *pgxpool.Pool
	walls *Roles // nil: transactions work as the login itself
}

func openPostgres(ctx context.Context, url string, o Options) (backend, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, badURL()
	}
	config.MaxConns = int32(o.MaxConnections)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	withDefaults(config)
	if o.Disposable {
		config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	}
	config.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		c.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db := &postgresDB{pool: pool}
	if err := db.findWalls(ctx, o.Roles); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

// findWalls uses the roles if both are there and the login may enter them. What
// must be so before anybody is served is for others to say.
func (db *postgresDB) findWalls(ctx context.Context, r Roles) error {
	if r == (Roles{}) {
		return db.ping(ctx)
	}
	var found int
	err := db.pool.QueryRow(ctx, `SELECT count(*) FROM pg_roles WHERE rolname IN ($1, $2) AND pg_has_role(session_user, oid, 'MEMBER')`, r.Tenants, r.Program).Scan(&found)
	if err == nil && found == 2 {
		db.walls = &r
	}
	return err
}

// directConfig is for the one connection outside of the pool. The pool's parser
// reads it, because the URL may carry the pool's parameters.
func directConfig(url string) (*pgconn.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, badURL()
	}
	withDefaults(config)
	return &config.ConnConfig.Config, nil
}

func withDefaults(config *pgxpool.Config) {
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "tenantry"
	}
}

func (db *postgresDB) ping(ctx context.Context) error { return db.pool.Ping(ctx) }

// close waits for transactions that are being given up, but not for code that keeps
// hold of one whatever happens: the process is ending, and its connections with it.
func (db *postgresDB) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		db.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
	}
}

func (db *postgresDB) outside(ctx context.Context, statement string) error {
	_, err := db.pool.Exec(ctx, statement, pgx.QueryExecModeExec)
	return err
}

func (db *postgresDB) standard(fn func(db *sql.DB) error) error {
	handle := stdlib.OpenDBFromPool(db.pool)
	defer handle.Close()
	return fn(handle)
}

// begin enters the role in the message that begins the transaction, so the wall
// costs no round trip.
func (db *postgresDB) begin(ctx context.Context, on behalf, readOnly bool) (connection, error) {
	text := "BEGIN"
	if readOnly {
		text = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if db.walls != nil {
		text += "; " + db.walls.enter(on)
	}
	tx, err := db.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: text})
	if err != nil {
		return nil, err
	}
	return &postgresTx{tx: tx, walls: db.walls}, nil
}

type postgresTx struct {
	tx    pgx.Tx
	walls *Roles
}

func (t *postgresTx) exec(ctx context.Context, query string, args []any) (int64, error) {
	var tag pgconn.CommandTag
	var err error
	if len(args) == 0 {
		// Schema statements have no description worth caching.
		tag, err = t.tx.Exec(ctx, query, pgx.QueryExecModeExec)
	} else {
		tag, err = t.tx.Exec(ctx, query, args...)
	}
	return tag.RowsAffected(), err
}

func (t *postgresTx) query(ctx context.Context, query string, args []any) (rows, error) {
	r, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return postgresRows{r}, nil
}

func (t *postgresTx) load(ctx context.Context, table string, columns []string, next func() ([]any, bool)) (int64, error) {
	if t.walls != nil {
		return t.insert(ctx, table, columns, next)
	}
	return t.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, nil
		}
		return row, nil
	}))
}

// insert is what load does behind walls, where PostgreSQL refuses COPY: a list of
// values for a few rows, which is what an act and its record are, and for more of
// them an array for each column.
func (t *postgresTx) insert(ctx context.Context, table string, columns []string, next func() ([]any, bool)) (total int64, err error) {
	const rowsAtOnce, fewRows = 4000, 20
	var rows [][]any
	var casts []string
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		var text string
		var args []any
		if len(rows) <= fewRows {
			text, args = valuesOf(rows)
		} else {
			if casts == nil {
				if casts, err = t.arrayTypes(ctx, table, columns); err != nil {
					return err
				}
			}
			text, args = arraysOf(rows, casts)
		}
		tag, err := t.tx.Exec(ctx, `INSERT INTO `+quoted(table)+` ("`+strings.Join(columns, `", "`)+`") `+text, args...)
		total += tag.RowsAffected()
		rows = rows[:0]
		return err
	}
	for row, more := next(); more; row, more = next() {
		if rows = append(rows, row); len(rows) == rowsAtOnce {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
	return total, flush()
}

func valuesOf(rows [][]any) (text string, args []any) {
	for _, row := range rows {
		args = append(args, row...)
	}
	return rebound(`VALUES ` + Tuples("("+Tuples("?", len(rows[0]))+")", len(rows))), args
}

func arraysOf(rows [][]any, casts []string) (text string, args []any) {
	unnested := make([]string, len(casts))
	for i, cast := range casts {
		column := make([]any, len(rows))
		for j, row := range rows {
			column[j] = row[i]
		}
		args = append(args, column)
		unnested[i] = "?::" + cast
	}
	return rebound(`SELECT * FROM unnest(` + strings.Join(unnested, ", ") + `)`), args
}

// arrayTypes are the types of arrays of a table's columns.
func (t *postgresTx) arrayTypes(ctx context.Context, table string, columns []string) (types []string, err error) {
	err = t.tx.QueryRow(ctx, `SELECT array_agg(format_type(a.atttypid, NULL) || '[]' ORDER BY c.n)
		FROM unnest($2::text[]) WITH ORDINALITY AS c (name, n) JOIN pg_attribute a ON a.attrelid = $1::regclass AND a.attname = c.name`,
		quoted(table), columns).Scan(&types)
	return types, err
}

func (t *postgresTx) commit(ctx context.Context) (undecided bool, err error) {
	// Asked here, because pgx calls every connection that is lost during a commit
	// safe to retry: it forgets that it was this commit that found it closed.
	unsent := ctx.Err() != nil
	err = t.tx.Commit(ctx)
	var told *pgconn.PgError
	switch {
	case err == nil, unsent, errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed):
		return false, err
	case errors.As(err, &told):
		// An ERROR is a refusal. FATAL ends the session, and may do so between the
		// commit and its confirmation.
		return told.SeverityUnlocalized != "ERROR", err
	}
	return true, err
}

func (t *postgresTx) rollback() {
	// The caller's context may be what ended the work.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.tx.Rollback(ctx)
}

type postgresRows struct{ pgx.Rows }

func (r postgresRows) columns() []string {
	names := make([]string, len(r.FieldDescriptions()))
	for i, f := range r.FieldDescriptions() {
		names[i] = f.Name
	}
	return names
}

func (r postgresRows) close() { r.Rows.Close() }
