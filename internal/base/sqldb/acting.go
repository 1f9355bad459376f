package sqldb

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Roles are the two PostgreSQL roles in which transactions work: every one begins
// by entering one of them, in the message that begins it, and leaves it as it
// ends. So a login that may do nothing by itself serves all callers through a
// transaction pooler, and a transaction that has not said for whom it works can do
// nothing.
type Roles struct {
	Tenants string // reaches the rows of the tenant in Setting
	Program string // reaches all rows: operators, and the program's own work
	// Setting is the parameter that names the tenant to the policies.
	Setting string
}

// Acting is the database as one caller reaches it. On PostgreSQL with walls every
// transaction of a tenant's caller works in the role of tenants and sees that
// tenant's rows only, whatever its statements say; see Roles. On SQLite the
// statements alone keep tenants apart.
type Acting struct {
	db     *DB
	behalf behalf
}

// behalf says for whom a transaction works: the owner of some rows or, for zero,
// the program and its operators.
type behalf struct{ owner int64 }

// Caller is whoever a transaction works for. Wall is the key of the owner whose
// rows alone it sees, zero for who sees all.
type Caller interface{ Wall() int64 }

// As is the database on behalf of a caller. The methods of DB itself are for the
// program's own work, which reaches every tenant: a test of the house lists who
// uses them.
func (db *DB) As(c Caller) Acting { return Acting{db, behalf{c.Wall()}} }

// Walled tells whether transactions enter the roles of Options.
func (db *DB) Walled() bool {
	p, ok := db.backend.(*postgresDB)
	return ok && p.walls != nil
}

// Read is DB.Read on behalf of the caller.
func (a Acting) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return a.db.run(ctx, a.behalf, true, fn)
}

// Write is DB.Write on behalf of the caller.
func (a Acting) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return a.db.run(ctx, a.behalf, false, fn)
}

// AsProgram runs fn, in a transaction of a tenant's caller, as the program: for
// the few statements that a tenant's caller needs and whose rows are no tenant's,
// such as making an account. A test of the house lists who uses it.
func (tx *Tx) AsProgram(ctx context.Context, fn func() error) error {
	if tx.on.owner == 0 {
		return fn()
	}
	if err := tx.enter(ctx, behalf{}); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err // and the transaction with it
	}
	return tx.enter(ctx, tx.on)
}

func (tx *Tx) enter(ctx context.Context, on behalf) error {
	p, ok := tx.conn.(*postgresTx)
	if !ok || p.walls == nil {
		return nil
	}
	_, err := p.tx.Exec(ctx, p.walls.enter(on))
	return meaning(err)
}

// enter is the text that enters the role for a caller.
func (r *Roles) enter(on behalf) string {
	if on.owner == 0 {
		return `SET LOCAL ROLE ` + quoted(r.Program)
	}
	return `SET LOCAL ROLE ` + quoted(r.Tenants) + `; SET LOCAL ` + r.Setting + ` = '` + strconv.FormatInt(on.owner, 10) + `'`
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
