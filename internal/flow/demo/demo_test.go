package demo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

func fill(t testing.TB, h apptest.House) int64 {
	t.Helper()
	n, err := h.Demo.Fill(t.Context(), h.SignIn.System("serve"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDemoHasSomethingForEveryScreen(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if n := fill(t, h); n != 12 {
			t.Errorf("%d tenants, want 12", n)
		}
		root := h.SignIn.Console("root")
		counts, err := h.Tenants.Count(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[tenant.Status]int64{tenant.Active: 9, tenant.Pending: 1, tenant.Suspended: 1, tenant.Deleting: 1}, counts); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
		models := map[string]bool{}
		list, err := h.Tenants.List(t.Context(), root, tenant.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range list.Items {
			models[found.Model] = true
			if n := h.Number(t, `SELECT count(*) FROM tenants_userprofile WHERE tenant_id = ? AND is_tenant_admin`, found.Key); n != 1 {
				t.Errorf("%s has %d administrators", found.Name, n)
			}
		}
		if len(models) != len(tenant.SeedModels()) {
			t.Errorf("models %v", models)
		}
		// One fault, that there is one to be found.
		found, err := h.Integrity.Check(t.Context(), root, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Code != "token.missing" && f.Code != "user.password_unusable" || f.Code == "token.missing" && f.Count != 1 {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestDemoComesOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		fill(t, h)
		before := h.Number(t, `SELECT count(*) FROM tenantry_audit`)
		if n := fill(t, h); n != 12 {
			t.Errorf("%d tenants, want 12", n)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit`); n != before {
			t.Errorf("%d events more", n-before)
		}
	})
}

func TestDemoLeavesADatabaseAloneThatHoldsTenants(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if _, err := h.Tenants.Create(t.Context(), h.SignIn.Console("root"), tenant.Draft{Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		if n := fill(t, h); n != 1 {
			t.Errorf("%d tenants, want 1", n)
		}
		if n := h.Number(t, `SELECT count(*) FROM auth_user`); n != 0 {
			t.Errorf("%d people came", n)
		}
	})
}

// A demo that cannot be finished leaves nothing that would keep it from being
// begun again.
func TestDemoIsWholeOrNotThere(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		h.Exec(t, `UPDATE tenantry_model SET enabled = false WHERE name = 'gpt-4-turbo'`)
		if n, err := h.Demo.Fill(t.Context(), h.SignIn.System("serve")); tenantry.KindOf(err) != tenantry.Invalid || n != 0 {
			t.Errorf("%d tenants, %v", n, err)
		}
		if n := h.Number(t, `SELECT (SELECT count(*) FROM tenants_tenantmodel) + (SELECT count(*) FROM auth_user)`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		h.Exec(t, `UPDATE tenantry_model SET enabled = true`)
		fill(t, h)
	})
}
