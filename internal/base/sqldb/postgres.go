package sqldb

import (
	"context"
	"database/sql"
	"errors"
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
type postgresDB struct{ pool *pgxpool.Pool }

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
	db := &postgresDB{pool}
	if err := db.ping(ctx); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
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

func (db *postgresDB) begin(ctx context.Context, on behalf, readOnly bool) (connection, error) {
	options := pgx.TxOptions{}
	if readOnly {
		options = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	}
	tx, err := db.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &postgresTx{tx}, nil
}

type postgresTx struct{ tx pgx.Tx }

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
	return t.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, nil
		}
		return row, nil
	}))
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
