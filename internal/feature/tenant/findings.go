package tenant

import (
	"context"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports what is wrong with stored tenants, of the given ones or, for
// nil, of all. It reads Django's table only, so that it can speak of a database
// that is not ours yet; the catalogue's names come from whoever knows them.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx, models []string, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	names := make([]any, len(models))
	for i, m := range models {
		names[i] = m
	}
	l := s.limits
	all := []tenantry.Rule{
		// Django's unique constraint forbids it, but a dump restored without its
		// constraints does not. Grouped, since then there is no index either.
		tenants("tenant.duplicate_name", tenantry.Critical, `t.name IN (SELECT o.name FROM tenants_tenantmodel o
			WHERE o.name IN (SELECT c.name FROM tenants_tenantmodel c WHERE {c.id}) GROUP BY o.name HAVING count(*) > 1)`),
		tenants("tenant.blank_name", tenantry.Warning, `trim(t.name) = ''`),
		tenants("tenant.model_outside_catalogue", tenantry.Warning, `t.model NOT IN (`+sqldb.Tuples(`?`, len(models))+`)`, names...),
		tenants("tenant.configuration_malformed", tenantry.Critical, tx.NotJSON("t.configuration")),
		tenants("tenant.configuration_not_object", tenantry.Warning,
			notObject+` AND NOT (`+tx.NotJSON("t.configuration")+`)`, blanks),
		tenants("tenant.over_ceiling", tenantry.Notice, `t.max_agents > ? OR t.max_documents > ? OR t.max_storage_mb > ?`, l.MaxAgents, l.MaxDocuments, l.MaxStorageMB),
		tenants("tenant.negative_limit", tenantry.Warning, `t.max_agents < 0 OR t.max_documents < 0 OR t.max_storage_mb < 0`),
	}
	for i := range all {
		switch all[i].Code {
		case "tenant.model_outside_catalogue":
			all[i].Params = map[string]any{"models": strings.Join(models, ", ")}
		case "tenant.over_ceiling":
			all[i].Params = map[string]any{"agents": l.MaxAgents, "documents": l.MaxDocuments, "storage_mb": l.MaxStorageMB}
		}
	}
	return tenantry.Broken(sqldb.Asking(ctx, tx, only), all...)
}

// OwnFindings reports where Django's rows and ours beside them disagree, and what
// only a database that is ours can have.
func (s *Service) OwnFindings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	return tenantry.Broken(sqldb.Asking(ctx, tx, only),
		notRegistered(),
		// Foreign keys forbid these two, but on SQLite only to those who ask for them.
		tenantry.Rule{Code: "tenant.leftover", Severity: tenantry.Warning, Table: "tenantry_tenant",
			Text: `SELECT s.tenant_id, s.tenant_id FROM tenantry_tenant s WHERE ` + leftover + ` AND {s.tenant_id} ORDER BY s.tenant_id`},
		configurations("tenant.orphan_configuration", tenantry.Critical, orphanConfiguration), // it stops later migrations of Django's
		configurations("tenant.config_data_malformed", tenantry.Critical, tx.NotJSON("c.config_data")),
		configurations("tenant.several_configurations", tenantry.Notice, `EXISTS (SELECT 1 FROM tenants_tenantconfigurationmodel n
			WHERE n.tenant_id = c.tenant_id AND n.config_type = c.config_type AND n.id > c.id)`),
		// Django's word counts; what is stored is only late.
		tenants("tenant.status_differs", tenantry.Notice, `EXISTS (SELECT 1 FROM tenantry_tenant s WHERE s.tenant_id = t.id AND `+statusDiffers+`)`),
		tenants("tenant.active_in_django", tenantry.Warning,
			`t.is_active AND EXISTS (SELECT 1 FROM tenantry_tenant s WHERE s.tenant_id = t.id AND s.status IN ('pending', 'deleting'))`),
		tenants("tenant.quarantined", tenantry.Notice, `EXISTS (SELECT 1 FROM tenantry_tenant s WHERE s.tenant_id = t.id AND s.status = 'quarantined')`),
	)
}

// notObject is JSON that does not begin as an object does, after what JSON allows
// before it.
const (
	notObject = `substr(ltrim(CAST(t.configuration AS text), ?), 1, 1) <> '{'`
	blanks    = " \t\r\n"
)

const (
	leftover            = `NOT EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = s.tenant_id)`
	orphanConfiguration = `NOT EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = c.tenant_id)`
	statusDiffers       = `((s.status = 'active' AND NOT t.is_active) OR (s.status = 'suspended' AND t.is_active))`
)

// notRegistered: a Django process made it a moment ago, and whoever reads it first
// fills it in.
func notRegistered() tenantry.Rule {
	return tenants("tenant.not_registered", tenantry.Notice, `NOT EXISTS (SELECT 1 FROM tenantry_tenant s WHERE s.tenant_id = t.id)`)
}

// tenants is a rule about rows t of Django's.
func tenants(code string, severity tenantry.Severity, broken string, args ...any) tenantry.Rule {
	return tenantry.Rule{Code: code, Severity: severity, Table: "tenants_tenantmodel", Args: args,
		Text: `SELECT t.id, t.id FROM tenants_tenantmodel t WHERE (` + broken + `) AND {t.id} ORDER BY t.id`}
}

// configurations is a rule about rows c of the seed's TenantConfigurationModel.
func configurations(code string, severity tenantry.Severity, broken string) tenantry.Rule {
	return tenantry.Rule{Code: code, Severity: severity, Table: "tenants_tenantconfigurationmodel",
		Text: `SELECT c.id, c.tenant_id FROM tenants_tenantconfigurationmodel c WHERE (` + broken + `) AND {c.tenant_id} ORDER BY c.id`}
}

// SeedModels are the seed's MODEL_CHOICES, valid for ever.
func SeedModels() []string {
	return []string{"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus"}
}
