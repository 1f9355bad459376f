package sqldb

import (
	"context"

	"github.com/tenantry/tenantry"
)

// Acting is the database as one caller reaches it. On PostgreSQL with walls every
// transaction of a tenant's caller works in the role of tenants and sees that
// tenant's rows only, whatever its statements say; see Roles. On SQLite the
// statements alone keep tenants apart.
type Acting struct {
	db     *DB
	behalf behalf
}

// behalf says for whom a transaction works: one tenant or, for zero, the program
// and its operators.
type behalf struct{ tenant tenantry.TenantKey }

// As is the database on behalf of a caller. The methods of DB itself are for the
// program's own work, which reaches every tenant: a test of the house lists who
// uses them.
func (db *DB) As(s tenantry.Scope) Acting { return Acting{db, behalf{s.Wall()}} }

// Read is DB.Read on behalf of the caller.
func (a Acting) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return a.db.run(ctx, a.behalf, true, fn)
}

// Write is DB.Write on behalf of the caller.
func (a Acting) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return a.db.run(ctx, a.behalf, false, fn)
}
