// Package offboard is the end of a tenant: when its grace period has passed,
// every room takes its rows away, in one transaction for each tenant. People and
// the audit stay.
package offboard

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow removes tenants.
type Flow struct {
	DB      *sqldb.DB
	Tenants *tenant.Service
	Users   *user.Service
}

// RemoveDue removes every tenant whose grace period has passed and returns
// their names.
func (f *Flow) RemoveDue(ctx context.Context, s tenantry.Scope) ([]string, error) {
	due, err := f.Tenants.DueForRemoval(ctx, s)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, t := range due {
		err := f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error {
			if _, err := f.Users.RemoveProfilesIn(ctx, tx, s, t.Key); err != nil {
				return err
			}
			return f.Tenants.RemoveIn(ctx, tx, s, t.Key)
		})
		if err != nil {
			return removed, err
		}
		removed = append(removed, t.Name)
	}
	return removed, nil
}
