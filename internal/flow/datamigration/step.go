package datamigration

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Step is a data migration: something that is to become true of every tenant. Its
// functions run inside a transaction of the engine's, on tenants that exist and
// are locked, and do everything through it, so that what they did is undone when
// the transaction is. They must end when the context does, and bear being
// repeated: for a tenant of whom it is true already there is nothing to do.
//
// A step that takes many tenants at once is handed some thousand; when one of them
// makes it fail, it is handed each half, and in the end that tenant alone.
type Step struct {
	Name    string
	Summary string // message code: what it does
	Version int64  // raised when it is to be carried out again
	Sum     string // raised, or made of the text, when its meaning changes at all
	Depends []migrate.Key

	// Plan counts what Apply would change, for those tenants for which it is not zero.
	Plan func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error)
	// Apply changes it.
	Apply func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Change, error)
	// Batch, in place of Apply, deals with one tenant, or with the platform for zero, in
	// parts of at most limit rows, each a transaction, from where the last one ended.
	Batch func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, position string, limit int64) (Part, error)
	// Verify fails if it is not true now. It is asked in the transaction of Apply.
	Verify func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) error
	// Revert takes back what Apply or Batch did to a tenant, by what they kept. Nil: it
	// cannot be taken back.
	Revert func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, undo []string) (int64, error)

	Mends []string // findings that it removes, and its revert may bring back
	Many  bool     // Apply takes many tenants at once
	Whole bool     // it is of the platform unless one tenant is named
}

// Change is what a step did to a tenant.
type Change struct {
	Count int64
	Undo  string // what Revert must know; "" is nothing
}

// Part is what a batch did. Next is where to go on, "" at the end.
type Part struct {
	Change
	Next string
}
