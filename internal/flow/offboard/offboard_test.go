package offboard_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

const grace = 30 * 24 * time.Hour // the setting's default

// arrive brings in a customer whose administrator is called as the tenant is.
func arrive(t testing.TB, h apptest.House, name string) onboard.Result {
	t.Helper()
	arrived, err := h.Onboard.Run(t.Context(), h.SignIn.Console("root"), onboard.Request{Tenant: tenant.Draft{Name: name}, Admin: &user.Draft{Username: name}})
	if err != nil {
		t.Fatal(err)
	}
	return arrived
}

func leave(t testing.TB, h apptest.House, name string) {
	t.Helper()
	if _, err := h.Tenants.Delete(t.Context(), h.SignIn.Console("root"), tenant.ByName(name), ""); err != nil {
		t.Fatal(err)
	}
}

func wantRemoved(t testing.TB, h apptest.House, want ...string) {
	t.Helper()
	removed, err := h.Offboard.RemoveDue(t.Context(), h.SignIn.System("removal"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, removed); d != "" {
		t.Errorf("want (-), removed (+):\n%s", d)
	}
}

func TestTenantsGoWhenTheirGraceIsOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, name := range []string{"early", "late", "back", "stays"} {
			arrive(t, h, name)
		}
		leave(t, h, "early")
		leave(t, h, "back")
		h.Pass(time.Hour)
		leave(t, h, "late")
		wantRemoved(t, h)
		if _, err := h.Tenants.Activate(t.Context(), h.SignIn.Console("root"), tenant.ByName("back")); err != nil {
			t.Fatal(err)
		}
		h.Pass(grace - time.Hour)
		wantRemoved(t, h, "early")
		wantRemoved(t, h)
		h.Pass(time.Hour)
		wantRemoved(t, h, "late")
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel`); n != 2 {
			t.Errorf("%d tenants are left, want 2", n)
		}
	})
}

func TestPeopleAndTheRecordStayAndNothingElseDoes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, root := t.Context(), h.SignIn.Console("root")
		gone, other := arrive(t, h, "gone"), arrive(t, h, "other")
		if _, err := h.Users.AddMember(ctx, root, gone.Tenant.Key, user.ByUsername("other"), "viewer"); err != nil {
			t.Fatal(err)
		}
		h.Exec(t, `INSERT INTO tenants_tenantconfigurationmodel (tenant_id, config_type, config_data) VALUES (?, 'theme', '{}')`, gone.Tenant.Key)
		leave(t, h, "gone")
		h.Pass(grace)
		wantRemoved(t, h, "gone")

		for _, table := range []string{"tenants_userprofile", "tenants_tenantconfigurationmodel", "tenantry_membership", "tenantry_tenant"} {
			if n := h.Number(t, `SELECT count(*) FROM `+table+` WHERE tenant_id = ?`, gone.Tenant.Key); n != 0 {
				t.Errorf("%s has %d rows", table, n)
			}
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action IN ('tenant.created', 'tenant.removed', 'user.profiles_removed')`, gone.Tenant.Key); n != 3 {
			t.Errorf("%d events, want 3", n)
		}
		p, err := h.Users.Get(ctx, root, user.ByUsername("gone"))
		if err != nil || p.Profile != nil {
			t.Errorf("%+v, %v", p, err)
		}
		m, err := h.Users.Memberships(ctx, root, other.Admin.Key)
		if err != nil || len(m) != 1 || m[0].Tenant != other.Tenant.Key {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// A table of another app of Django's that refers to the tenant and does not
// cascade: whoever made it has to clear it, and until then all of it stays.
func TestTenantThatSomethingElseRefersToStaysWhole(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		arrived := arrive(t, h, "held")
		h.Exec(t, `CREATE TABLE agents_agent (id bigint PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants_tenantmodel (id) DEFERRABLE INITIALLY DEFERRED)`)
		h.Exec(t, `INSERT INTO agents_agent (id, tenant_id) VALUES (1, ?)`, arrived.Tenant.Key)
		leave(t, h, "held")
		h.Pass(grace)
		if removed, err := h.Offboard.RemoveDue(t.Context(), h.SignIn.System("removal")); tenantry.KindOf(err) != tenantry.Conflict || len(removed) != 0 {
			t.Errorf("removed %v, %v", removed, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_userprofile WHERE tenant_id = ?`, arrived.Tenant.Key); n != 1 {
			t.Errorf("%d profiles are left, want 1", n)
		}
		h.Exec(t, `DELETE FROM agents_agent`)
		wantRemoved(t, h, "held")
	})
}

func TestOnlyOperatorsRemove(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		arrived := arrive(t, h, "own")
		leave(t, h, "own")
		h.Pass(grace)
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, arrived.Tenant.Key, tenantry.Permissions()...)
		if removed, err := h.Offboard.RemoveDue(t.Context(), own); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Errorf("removed %v, %v", removed, err)
		}
	})
}
