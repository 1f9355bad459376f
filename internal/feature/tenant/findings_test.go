package tenant_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

func findings(t testing.TB, h apptest.House) (all []tenantry.Finding) {
	t.Helper()
	err := h.DB.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		all, err = h.Tenants.Findings(t.Context(), tx, tenant.SeedModels(), nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestR131_FindingsOfWhatDjangoStored(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for key, name := range []string{1: "whole", 2: "  ", 3: "odd model", 4: "a list", 5: "too much", 6: "negative", 7: "twice", 8: "twin"} {
			if key > 0 {
				djangoInserts(t, h, key, name, true)
			}
		}
		if found := findings(t, h); len(found) != 1 || found[0].Code != "tenant.blank_name" {
			t.Errorf("%+v", found)
		}
		h.Exec(t, `UPDATE tenants_tenantmodel SET configuration = ? WHERE id = 1`, sqldb.JSON("\n\t {\"a\": 1}"))
		h.Exec(t, `UPDATE tenants_tenantmodel SET model = 'llama-2' WHERE id = 3`)
		h.Exec(t, `UPDATE tenants_tenantmodel SET configuration = ? WHERE id = 4`, sqldb.JSON(`["{"]`))
		h.Exec(t, `UPDATE tenants_tenantmodel SET max_storage_mb = 10001 WHERE id = 5`)
		h.Exec(t, `UPDATE tenants_tenantmodel SET max_documents = -1 WHERE id = 6`)
		want := []tenantry.Finding{
			{Code: "tenant.blank_name", Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_tenantmodel:2"}},
			{Code: "tenant.model_outside_catalogue", Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_tenantmodel:3"},
				Params: map[string]any{"models": "gpt-3.5-turbo, gpt-4, gpt-4-turbo, claude-3-haiku, claude-3-sonnet, claude-3-opus"}},
			{Code: "tenant.configuration_not_object", Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_tenantmodel:4"}},
			{Code: "tenant.over_ceiling", Severity: tenantry.Notice, Count: 1, Rows: []string{"tenants_tenantmodel:5"},
				Params: map[string]any{"agents": int64(50), "documents": int64(10_000), "storage_mb": int64(10_000)}},
			{Code: "tenant.negative_limit", Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_tenantmodel:6"}},
		}
		if d := cmp.Diff(want, findings(t, h), cmpopts.IgnoreFields(tenantry.Finding{}, "Tenants")); d != "" {
			t.Errorf("want (-), found (+):\n%s", d)
		}
	})
}

// A dump that was restored without its constraints.
func TestNamesThatTwoTenantsHaveAreAFinding(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		create(t, h, "one")
		h.Exec(t, `CREATE TABLE copied AS SELECT * FROM tenants_tenantmodel`)
		for _, table := range []string{"tenantry_token_version", "tenantry_token", "tenantry_token_policy", "tenantry_grant", "tenantry_key", "tenantry_role", "tenantry_invitation", "tenantry_membership", "tenantry_tenant", "tenants_userprofile", "tenants_tenantconfigurationmodel", "tenants_tenantmodel"} {
			h.Exec(t, `DROP TABLE `+table+map[sqldb.Engine]string{sqldb.Postgres: ` CASCADE`}[h.DB.Engine()]) // with the policies that look there
		}
		h.Exec(t, `ALTER TABLE copied RENAME TO tenants_tenantmodel`)
		h.Exec(t, `INSERT INTO tenants_tenantmodel SELECT * FROM tenants_tenantmodel`)
		found := findings(t, h)
		if len(found) != 1 || found[0].Code != "tenant.duplicate_name" || found[0].Severity != tenantry.Critical || found[0].Count != 2 {
			t.Errorf("%+v", found)
		}
	})
}

func TestQuarantinedTenantsAreAFindingUntilTheyAreLetOut(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "default", Quarantine: true}))(t)
		quarantined := func() (found []tenantry.Finding) {
			t.Helper()
			err := h.DB.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
				found, err = h.Tenants.OwnFindings(t.Context(), tx, nil)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		if found := quarantined(); len(found) != 1 || found[0].Code != "tenant.quarantined" || found[0].Count != 1 || len(found[0].Rows) != 1 {
			t.Errorf("%+v", found)
		}
		must(h.Tenants.Activate(t.Context(), operator, tenant.ByKey(made.Key)))(t)
		if found := quarantined(); found != nil {
			t.Errorf("%+v", found)
		}
	})
}
