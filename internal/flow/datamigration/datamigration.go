// Package datamigration carries the data of tenants over, as the seed's data
// migration does: tokens for tenants that have none, profiles for people who
// have none, and whatever else a row of Django's needs to be one of ours. Steps
// keep the seed's order, and each may be repeated without harm.
package datamigration

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Depends are the schema migrations that the steps need. The seed's script names
// tenants 0002, beside which 0003 and 0004 would have been a second leaf, and
// profiles need 0003: it means the last one.
func Depends() []migrate.Key {
	return []migrate.Key{
		{App: "tenants", Name: "0004_alter_tenantmodel_model"},
		{App: "auth", Name: "0012_alter_user_first_name_max_length"},
	}
}

// Flow carries data over.
type Flow struct {
	DB       *sqldb.DB
	Tenants  *tenant.Service
	Users    *user.Service
	Tokens   *token.Service
	Rollouts *rollout.Service
	Clock    tenantry.Clock
	Elapsed  func() time.Duration // of a clock that nobody sets
	Dir      string               // where the operator's own steps are, "" for none
	More     []Step               // besides the product's and the operator's own
	// Invariants tells what is wrong with tenants: a step must not add to it.
	Invariants func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]Violation, error)
	// Applied tells which migrations the database has.
	Applied func(ctx context.Context) (func(migrate.Key) bool, error)
}

// Violation is something wrong with a tenant.
type Violation struct {
	Tenant tenantry.TenantKey
	Code   string
}

// depends fails if a migration that a step needs has not been applied.
func (f *Flow) depends(ctx context.Context, step Step) error {
	if len(step.Depends) == 0 {
		return nil
	}
	applied, err := f.Applied(ctx)
	if err != nil {
		return err
	}
	for _, key := range step.Depends {
		if !applied(key) {
			return tenantry.NewError(tenantry.Conflict, "datamigration.depends", "step", step.Name, "migration", key.String())
		}
	}
	return nil
}
