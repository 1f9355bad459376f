package audit

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports records that cannot be read. They are looked for in the whole
// record alone: how long that of one tenant is, nobody knows.
func (l *Log) Findings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	return tenantry.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), tenantry.Rule{Code: "audit.detail_malformed", Severity: tenantry.Warning, Table: "tenantry_audit",
		Text: `SELECT event_id, tenant_id FROM tenantry_audit WHERE ` + tx.NotJSON("detail") + ` ORDER BY event_id`})
}
