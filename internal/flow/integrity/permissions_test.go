package integrity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

func TestR082_AuditOfPermissionsFindsWhatIsWrongWithWhoMayWhat(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, s := t.Context(), h.SignIn.Console("root")
		acme, other := arrive(t, h, "acme"), arrive(t, h, "other")
		at := acme.Tenant.Key
		look := func(only tenantry.TenantKey, days int, want ...string) {
			t.Helper()
			found, err := h.Integrity.Permissions(ctx, s, only, days)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, codes(found)); d != "" {
				t.Errorf("want (-), got (+):\n%s", d)
			}
		}
		look(0, 90)
		for _, err := range []error{
			second(h.Access.CreateRole(ctx, s, at, access.RoleDraft{Name: "support"})),
			second(h.Access.Give(ctx, s, at, access.GrantDraft{User: acme.Admin.Key, UserID: acme.Admin.ID, Permission: tenantry.AuditRead, Reason: "r", ExpiresAt: h.Now().Add(time.Hour)})),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		ends := h.Now().Add(time.Hour)
		if _, _, err := h.Access.CreateKey(ctx, s, at, access.KeyDraft{Name: "ci", ExpiresAt: &ends}); err != nil {
			t.Fatal(err)
		}
		look(0, 90)
		h.Pass(2 * time.Hour)
		look(0, 90, "notice access.grant_over", "notice access.key_over")
		look(at, 90, "notice access.grant_over", "notice access.key_over")
		look(other.Tenant.Key, 90)

		h.Exec(t, `UPDATE tenantry_role SET permissions = '["operators.write"]'`)
		look(0, 90, "warning access.role_unknown_permission", "notice access.grant_over", "notice access.key_over")
		if r, err := h.Access.Role(ctx, s, at, "support"); err != nil || len(r.Permissions) != 0 {
			t.Error(r, err) // it grants nothing
		}
		h.Exec(t, `DELETE FROM tenantry_role`)
		h.Exec(t, `DELETE FROM tenantry_key`)
		h.Exec(t, `DELETE FROM tenantry_grant`)

		// Nobody has signed in since they came.
		h.Pass(90 * 24 * time.Hour)
		look(0, 90, "warning user.dormant_admin")
		look(0, 100)
		if _, err := h.SignIn.Person(ctx, "acme", tenantry.NewSecret("una-clave-larga"), 0); err != nil {
			t.Fatal(err)
		}
		look(at, 90)
		look(other.Tenant.Key, 90, "warning user.dormant_admin")

		h.Exec(t, `UPDATE tenants_userprofile SET permissions = '{"can_fly": true}' WHERE tenant_id = ?`, at)
		look(at, 90, "warning user.unknown_permission")
		h.Exec(t, `UPDATE tenants_userprofile SET permissions = '{"can_create_agents": "yes"}' WHERE tenant_id = ?`, at)
		look(at, 90, "warning user.unknown_permission")
		h.Exec(t, `UPDATE tenants_userprofile SET permissions = '[]', is_tenant_admin = false WHERE tenant_id = ?`, at)
		h.Exec(t, `UPDATE tenantry_membership SET role = 'emperor' WHERE tenant_id = ?`, at)
		look(at, 90, "warning user.permissions_not_object", "warning user.unknown_role", "notice user.tenant_without_admin")

		if _, err := h.Integrity.Permissions(ctx, s, 4711, 90); tenantry.KindOf(err) != tenantry.NotFound {
			t.Error(err)
		}
		own, err := h.SignIn.Person(ctx, "acme", tenantry.NewSecret("una-clave-larga"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Integrity.Permissions(ctx, own, at, 90); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Error(err)
		}
		if _, err := h.Tenants.Get(ctx, s, tenant.ByKey(at)); err != nil {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }
