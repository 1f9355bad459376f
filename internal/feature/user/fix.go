package user

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Repairs are the findings that RepairIn puts right.
func Repairs() []string {
	return []string{"user.orphan_profile", "user.leftover_membership", "user.leftover", "user.not_registered", "user.not_a_member", "user.role_differs"}
}

// RepairIn puts right what can be without a judgement: profiles and memberships of
// people or tenants that do not exist go (the seed's "clean profiles without a
// user"), rows that are missing beside Django's are made, and our roles follow
// Django's is_tenant_admin. It reports what it did in the form of findings. Each
// statement looks for itself, so that what has been changed since is left alone.
func (s *Service) RepairIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, only []tenantry.TenantKey, wanted func(code string) bool) ([]tenantry.Finding, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return nil, err
	}
	var c tenantry.Findings
	for _, r := range []tenantry.Rule{
		{Code: "user.orphan_profile", Severity: tenantry.Critical, Table: "tenants_userprofile",
			Text: `DELETE FROM tenants_userprofile AS p WHERE (` + orphanProfile + `) AND {p.tenant_id} RETURNING id, tenant_id`},
		{Code: "user.leftover_membership", Severity: tenantry.Warning, Table: "tenantry_membership",
			Text: `DELETE FROM tenantry_membership AS m WHERE (` + leftoverMembership + `) AND {m.tenant_id} RETURNING tenant_id || '/' || user_id, tenant_id`},
		{Code: "user.leftover", Severity: tenantry.Warning, Table: "tenantry_user",
			Text: `DELETE FROM tenantry_user AS s WHERE ` + leftoverUser + ` AND ` + ofTenants(only, `s.user_id`) + ` RETURNING user_id, CAST(NULL AS bigint)`},
		{Code: "user.role_differs", Severity: tenantry.Notice, Table: "tenantry_membership",
			Text: `UPDATE tenantry_membership AS m SET role = CASE WHEN m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `') THEN '` + RoleMember + `' ELSE '` + RoleAdmin + `' END
				WHERE EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = m.tenant_id AND p.user_id = m.user_id AND ` + roleDiffers + `) AND {m.tenant_id}
				RETURNING tenant_id || '/' || user_id, tenant_id`},
	} {
		if !wanted(r.Code) {
			continue
		}
		if err := c.Broken(sqldb.Asking(ctx, tx, only), r); err != nil {
			return nil, err
		}
	}
	if wanted("user.not_registered") || wanted("user.not_a_member") { // of all, as any reading would
		for _, r := range []tenantry.Rule{notRegistered(nil), notMember()} {
			if err := c.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), r); err != nil {
				return nil, err
			}
		}
		if _, err := fillMissing(ctx, tx, s.random, func(int64, int64) {}); err != nil {
			return nil, err
		}
	}
	return c.All(), s.audit.RecordAll(ctx, tx, scope, audit.Repairs(c.All()))
}
