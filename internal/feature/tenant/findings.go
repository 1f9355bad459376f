package tenant

import (
	"context"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports what is wrong with stored tenants. It reads Django's table
// only, so that it can speak of a database that is not ours yet; the catalogue's
// names come from whoever knows them.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx, models []string) ([]tenantry.Finding, error) {
	var all []tenantry.Finding
	report := func(code string, severity tenantry.Severity, params map[string]any, query string, args ...any) error {
		n, ids, err := tx.Sample(ctx, tenantry.FindingRows, query, args...)
		if err == nil && n > 0 {
			for i := range ids {
				ids[i] = "tenants_tenantmodel:" + ids[i]
			}
			all = append(all, tenantry.Finding{Code: code, Severity: severity, Count: n, Rows: ids, Params: params})
		}
		return err
	}
	names := make([]any, len(models))
	for i, m := range models {
		names[i] = m
	}
	ceilings := map[string]any{"agents": s.limits.MaxAgents, "documents": s.limits.MaxDocuments, "storage_mb": s.limits.MaxStorageMB}
	for _, check := range []error{
		// Django's unique constraint forbids it, but a dump restored without its
		// constraints does not.
		report("tenant.duplicate_name", tenantry.Critical, nil,
			`SELECT id FROM tenants_tenantmodel WHERE name IN (SELECT name FROM tenants_tenantmodel GROUP BY name HAVING count(*) > 1) ORDER BY id`),
		report("tenant.blank_name", tenantry.Warning, nil,
			`SELECT id FROM tenants_tenantmodel WHERE trim(name) = '' ORDER BY id`),
		report("tenant.model_outside_catalogue", tenantry.Warning, map[string]any{"models": strings.Join(models, ", ")},
			`SELECT id FROM tenants_tenantmodel WHERE model NOT IN (`+sqldb.Tuples(`?`, len(models))+`) ORDER BY id`, names...),
		report("tenant.configuration_not_object", tenantry.Warning, nil,
			`SELECT id FROM tenants_tenantmodel WHERE substr(ltrim(CAST(configuration AS text), ?), 1, 1) <> '{' ORDER BY id`, " \t\r\n"),
		report("tenant.over_ceiling", tenantry.Notice, ceilings,
			`SELECT id FROM tenants_tenantmodel WHERE max_agents > ? OR max_documents > ? OR max_storage_mb > ? ORDER BY id`,
			s.limits.MaxAgents, s.limits.MaxDocuments, s.limits.MaxStorageMB),
		report("tenant.negative_limit", tenantry.Warning, nil,
			`SELECT id FROM tenants_tenantmodel WHERE max_agents < 0 OR max_documents < 0 OR max_storage_mb < 0 ORDER BY id`),
	} {
		if check != nil {
			return nil, check
		}
	}
	return all, nil
}

// QuarantineFinding reports people who are still where nobody placed them.
func (s *Service) QuarantineFinding(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	n, ids, err := tx.Sample(ctx, tenantry.FindingRows, `SELECT tenant_id FROM tenantry_tenant WHERE status = 'quarantined' ORDER BY tenant_id`)
	if err != nil || n == 0 {
		return nil, err
	}
	for i := range ids {
		ids[i] = "tenants_tenantmodel:" + ids[i]
	}
	return []tenantry.Finding{{Code: "tenant.quarantined", Severity: tenantry.Notice, Count: n, Rows: ids}}, nil
}

// SeedModels are the seed's MODEL_CHOICES, valid for ever.
func SeedModels() []string {
	return []string{"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus"}
}
