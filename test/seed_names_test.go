package test

import (
	"regexp"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// What the seed's models call themselves, verbose_name and verbose_name_plural,
// is what `adopt` calls the rows of their tables.

func TestR036_R037_VerboseNamesOfTenantModel(t *testing.T) {
	verboseNames(t, "tenants_tenantmodel", "Tenant", "Tenants",
		`INSERT INTO tenants_tenantmodel (id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
			SELECT 2, 'Otro', description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at FROM tenants_tenantmodel`)
}

func TestR052_R053_VerboseNamesOfUserProfile(t *testing.T) {
	verboseNames(t, "tenants_userprofile", "Perfil de Usuario", "Perfiles de Usuario",
		`INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
			SELECT 2, password, is_superuser, 'luis', first_name, last_name, email, is_staff, is_active, date_joined FROM auth_user`,
		`INSERT INTO tenants_userprofile (id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at, tenant_id, user_id)
			SELECT 2, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at, tenant_id, 2 FROM tenants_userprofile`)
}

func TestR152_R153_VerboseNamesOfTenantConfigurationModel(t *testing.T) {
	verboseNames(t, "tenants_tenantconfigurationmodel", "Configuración de Tenant", "Configuraciones de Tenant",
		`INSERT INTO tenants_tenantconfigurationmodel (id, config_type, config_data, tenant_id) VALUES (2, 'y', '{}', 1)`)
}

// verboseNames holds what one row of a table is called in Spanish, and two, and
// that English has names of its own for them.
func verboseNames(t *testing.T, table, one, several string, second ...string) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		migrateTo(t, db, "auth", "")
		migrateTo(t, db, "tenants", "")
		insertPeople(t, db)
		row := func(lang string) (count, name string) {
			t.Helper()
			r := runOn(t, d, "adopt", "--lang", lang)
			found := regexp.MustCompile(`(?m)^` + table + ` +(\d+) +(\S.*?) *$`).FindStringSubmatch(r.stdout)
			if found == nil {
				t.Fatalf("exit code %d, and no row of %s in\n%s%s", r.code, table, r.stdout, r.stderr)
			}
			return found[1], found[2]
		}
		if count, name := row("es"); count != "1" || name != one {
			t.Errorf("%s row is %q, want 1 %q", count, name, one)
		}
		_, englishOne := row("en")
		for _, statement := range second {
			djangoWrites(t, d, statement)
		}
		if count, name := row("es"); count != "2" || name != several {
			t.Errorf("%s rows are %q, want 2 %q", count, name, several)
		}
		if _, english := row("en"); english != englishOne+"s" {
			t.Errorf("in English one is %q and two are %q", englishOne, english)
		}
	})
}
