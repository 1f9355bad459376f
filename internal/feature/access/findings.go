package access

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports what is wrong with roles, grants and keys, of the given tenants
// or, for nil, of all.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	now := s.clock()
	all, err := tenantry.Broken(sqldb.Asking(ctx, tx, only),
		// They count no more; that nobody took them away is only untidy.
		tenantry.Rule{Code: "access.grant_over", Severity: tenantry.Notice, Table: "tenantry_grant", Args: []any{now},
			Text: `SELECT grant_id, tenant_id FROM tenantry_grant WHERE revoked_at IS NULL AND expires_at <= ? AND {tenant_id} ORDER BY grant_id`},
		tenantry.Rule{Code: "access.key_over", Severity: tenantry.Notice, Table: "tenantry_key", Args: []any{now},
			Text: `SELECT key_id, tenant_id FROM tenantry_key WHERE revoked_at IS NULL AND expires_at <= ? AND {tenant_id} ORDER BY key_id`},
	)
	if err != nil {
		return nil, err
	}
	odd, err := s.oddRoles(ctx, tx, only)
	return append(all, odd...), err
}

// oddRoles finds roles whose list names what is not a tenant's to give.
func (s *Service) oddRoles(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	var c tenantry.Findings
	err := selectStoredRoles(ctx, tx, only, func(tenant tenantry.TenantKey, name string, stored sqldb.JSON) {
		var all []tenantry.Permission
		if json.Unmarshal(stored, &all) != nil || slices.ContainsFunc(all, func(p tenantry.Permission) bool { return !slices.Contains(ofTenant(), p) }) {
			c.Found("access.role_unknown_permission", tenantry.Warning, "tenantry_role:"+name, tenant)
		}
	})
	return c.All(), err
}

// KnownIn tells of every role whether a tenant has it, as the transaction sees it.
func (s *Service) KnownIn(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) (func(tenant tenantry.TenantKey, role string) bool, error) {
	type own struct {
		tenant tenantry.TenantKey
		name   string
	}
	all := map[own]bool{}
	err := selectStoredRoles(ctx, tx, only, func(tenant tenantry.TenantKey, name string, _ sqldb.JSON) { all[own{tenant, name}] = true })
	return func(tenant tenantry.TenantKey, role string) bool {
		return slices.Contains(Roles(), role) || all[own{tenant, role}]
	}, err
}
