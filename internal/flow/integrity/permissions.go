package integrity

import (
	"context"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// ofPermissions are the findings of room user that are about who may what.
var ofPermissions = []string{"user.permissions_malformed", "user.permissions_not_object", "user.unknown_permission", "user.tenant_without_admin", "user.role_differs"}

// Permissions is the seed's audit_tenant_permissions: what is wrong with who may what
// in a tenant, or for zero in all, the gravest first. An administrator is dormant who
// has not signed in for so many days.
func (f *Flow) Permissions(ctx context.Context, s tenantry.Scope, only tenantry.TenantKey, dormantDays int) (all []tenantry.Finding, err error) {
	if err := s.RequirePlatform(tenantry.RolesRead); err != nil {
		return nil, err
	}
	err = f.DB.As(s).Read(ctx, func(tx *sqldb.Tx) error {
		all = []tenantry.Finding{}
		if only != 0 {
			if _, err := f.Tenants.GetIn(ctx, tx, s, tenant.ByKey(only)); err != nil {
				return err
			}
		}
		keys := sqldb.Just(only)
		for _, room := range []func() ([]tenantry.Finding, error){
			func() ([]tenantry.Finding, error) { return f.Users.Findings(ctx, tx, keys) },
			func() ([]tenantry.Finding, error) { return f.Users.OwnFindings(ctx, tx, keys) },
		} {
			found, err := room()
			if err != nil {
				return err
			}
			all = append(all, slices.DeleteFunc(found, func(f tenantry.Finding) bool { return !slices.Contains(ofPermissions, f.Code) })...)
		}
		since := f.Clock().Add(-time.Duration(dormantDays) * 24 * time.Hour)
		dormant, err := f.Users.DormantAdmins(ctx, tx, keys, since, dormantDays)
		if err != nil {
			return err
		}
		ours, err := f.access(ctx, tx, keys)
		all = append(append(all, dormant...), ours...)
		return err
	})
	tenantry.SortFindings(all)
	return all, err
}
