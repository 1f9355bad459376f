package tenant

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Repairs are the findings that RepairIn puts right.
func Repairs() []string {
	return []string{"tenant.leftover", "tenant.orphan_configuration", "tenant.not_registered", "tenant.status_differs"}
}

// RepairIn puts right what can be without a judgement: rows about tenants that do
// not exist go, rows that are missing beside Django's are made, and our status
// follows Django's is_active. It reports what it did in the form of findings. Each
// statement looks for itself, so that what has been changed since is left alone.
func (s *Service) RepairIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, only []tenantry.TenantKey, wanted func(code string) bool) ([]tenantry.Finding, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return nil, err
	}
	now := s.clock()
	var c tenantry.Findings
	for _, r := range []tenantry.Rule{
		{Code: "tenant.leftover", Severity: tenantry.Warning, Table: "tenantry_tenant",
			Text: `DELETE FROM tenantry_tenant AS s WHERE ` + leftover + ` AND {s.tenant_id} RETURNING tenant_id, tenant_id`},
		{Code: "tenant.orphan_configuration", Severity: tenantry.Critical, Table: "tenants_tenantconfigurationmodel",
			Text: `DELETE FROM tenants_tenantconfigurationmodel AS c WHERE ` + orphanConfiguration + ` AND {c.tenant_id} RETURNING id, tenant_id`},
		{Code: "tenant.status_differs", Severity: tenantry.Notice, Table: "tenants_tenantmodel", Args: []any{now},
			Text: `UPDATE tenantry_tenant AS s SET status = CASE s.status WHEN 'active' THEN 'suspended' ELSE 'active' END, status_reason = '', status_at = ?
				WHERE EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = s.tenant_id AND ` + statusDiffers + `) AND {s.tenant_id} RETURNING tenant_id, tenant_id`},
	} {
		if !wanted(r.Code) {
			continue
		}
		if err := c.Broken(sqldb.Asking(ctx, tx, only), r); err != nil {
			return nil, err
		}
	}
	if wanted("tenant.not_registered") { // of all, as any reading would
		if err := c.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), notRegistered()); err != nil {
			return nil, err
		}
		if _, err := fillMissing(ctx, tx, now, s.random, func(int64, int64) {}); err != nil {
			return nil, err
		}
	}
	return c.All(), s.audit.RecordAll(ctx, tx, scope, audit.Repairs(c.All()))
}
