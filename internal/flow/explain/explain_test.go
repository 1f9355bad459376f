package explain_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/explain"
)

var secret = tenantry.NewSecret("una-clave-larga")

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

type world struct {
	apptest.House
	s    tenantry.Scope
	acme tenant.Tenant
}

func each(t *testing.T, fn func(t *testing.T, w world)) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		w := world{House: h, s: h.SignIn.Console("root")}
		var err error
		w.acme, err = h.Tenants.Create(t.Context(), w.s, tenant.Draft{Name: "acme"})
		fine(t, err)
		fn(t, w)
	})
}

func (w world) person(t testing.TB, name string, home tenantry.TenantKey, c user.ProfileChange) user.Person {
	t.Helper()
	p, err := w.Users.Create(t.Context(), w.s, user.Draft{Username: name, Password: secret, Tenant: home, Profile: c})
	fine(t, err)
	return p
}

func (w world) explain(t testing.TB, p user.Person) explain.Explanation {
	t.Helper()
	e, err := w.Explain.Run(t.Context(), w.s, tenant.ByKey(w.acme.Key), user.ByKey(p.Key), "")
	fine(t, err)
	return e
}

// granted lists what an explanation says is held, and sees that sign-in agrees.
func (w world) granted(t testing.TB, p user.Person) (held []tenantry.Permission) {
	t.Helper()
	for _, v := range w.explain(t, p).Permissions {
		if v.Granted {
			held = append(held, v.Permission)
		}
	}
	var may []tenantry.Permission
	if s, err := w.SignIn.Person(t.Context(), p.Username, secret, w.acme.Key); err == nil {
		may = s.Permissions()
	}
	if d := cmp.Diff(may, held); d != "" {
		t.Errorf("%s: sign-in (-) and explanation (+) differ:\n%s", p.Username, d)
	}
	return held
}

func codes(e explain.Explanation) (all []explain.ReasonCode) {
	for _, r := range e.Against {
		all = append(all, r.Code)
	}
	return all
}

func (w world) give(t testing.TB, p user.Person, permission tenantry.Permission, d time.Duration) access.Grant {
	t.Helper()
	w.Pass(time.Second) // ids sort by age
	g, err := w.Access.Give(t.Context(), w.s, w.acme.Key, access.GrantDraft{User: p.Key, UserID: p.ID, Permission: permission, Reason: "holidays", ExpiresAt: w.Now().Add(d)})
	fine(t, err)
	return g
}

func TestGrantsCountUntilTheyEnd(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx, ana := t.Context(), w.person(t, "ana", w.acme.Key, user.ProfileChange{})
		before := w.granted(t, ana)
		hour := w.give(t, ana, tenantry.AuditRead, time.Hour)
		day := w.give(t, ana, tenantry.UsersWrite, 24*time.Hour)
		if held := w.granted(t, ana); !slices.Contains(held, tenantry.AuditRead) || !slices.Contains(held, tenantry.UsersWrite) {
			t.Error(held)
		}
		w.Pass(time.Hour)
		if held := w.granted(t, ana); slices.Contains(held, tenantry.AuditRead) || !slices.Contains(held, tenantry.UsersWrite) {
			t.Error(held)
		}
		_, err := w.Access.RevokeGrant(ctx, w.s, w.acme.Key, day.ID)
		fine(t, err)
		if d := cmp.Diff(before, w.granted(t, ana)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]explain.ReasonCode{explain.GrantExpired, explain.GrantRevoked}, codes(w.explain(t, ana))); d != "" {
			t.Error(d)
		}
		list, err := w.Access.Grants(ctx, w.s, w.acme.Key, access.GrantQuery{})
		if err != nil || len(list.Items) != 0 {
			t.Error(list, err)
		}
		list, err = w.Access.Grants(ctx, w.s, w.acme.Key, access.GrantQuery{Old: true, Page: tenantry.Page{Limit: 1}})
		if err != nil || len(list.Items) != 1 || list.Items[0].ID != day.ID || list.NextCursor == "" {
			t.Fatal(list, err)
		}
		list, err = w.Access.Grants(ctx, w.s, w.acme.Key, access.GrantQuery{Old: true, Page: tenantry.Page{Limit: 1, Cursor: list.NextCursor}})
		if err != nil || len(list.Items) != 1 || list.Items[0].ID != hour.ID || list.NextCursor != "" {
			t.Error(list, err)
		}
		if n := w.Number(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action IN ('grant.given', 'grant.revoked')`, w.acme.Key); n != 3 {
			t.Errorf("%d acts on record", n)
		}
	})
}

func TestGrantsThatAreNotGiven(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := t.Context()
		yes, json := true, sqldb.JSON(`{"grants.write": true}`)
		ana, far := w.person(t, "ana", w.acme.Key, user.ProfileChange{}), w.person(t, "far", 0, user.ProfileChange{})
		w.person(t, "boss", w.acme.Key, user.ProfileChange{IsTenantAdmin: &yes})
		w.person(t, "ben", w.acme.Key, user.ProfileChange{Permissions: &json})
		good := access.GrantDraft{User: ana.Key, UserID: ana.ID, Permission: tenantry.TenantsDelete, Reason: "r", ExpiresAt: w.Now().Add(time.Hour)}
		try := func(s tenantry.Scope, alter func(*access.GrantDraft), code string) {
			t.Helper()
			d := good
			alter(&d)
			_, err := w.Access.Give(ctx, s, w.acme.Key, d)
			wantCode(t, err, code)
		}
		boss, err := w.SignIn.Person(ctx, "boss", secret, 0)
		fine(t, err)
		ben, err := w.SignIn.Person(ctx, "ben", secret, 0)
		fine(t, err)
		anas, err := w.SignIn.Person(ctx, "ana", secret, 0)
		fine(t, err)
		try(boss, func(d *access.GrantDraft) {}, "access.cannot_grant")
		try(ben, func(d *access.GrantDraft) { d.Permission = tenantry.UsersWrite }, "access.cannot_grant")
		try(anas, func(d *access.GrantDraft) { d.Permission = tenantry.TenantsRead }, "access.forbidden")
		try(w.s, func(d *access.GrantDraft) { d.User, d.UserID = far.Key, far.ID }, "user.not_found")
		for _, alter := range []func(*access.GrantDraft){
			func(d *access.GrantDraft) { d.Permission = "can_fly" },
			func(d *access.GrantDraft) { d.Permission = tenantry.OperatorsWrite },
			func(d *access.GrantDraft) { d.Permission = "" },
			func(d *access.GrantDraft) { d.Reason = " " },
			func(d *access.GrantDraft) { d.ExpiresAt = w.Now() },
			func(d *access.GrantDraft) { d.ExpiresAt = time.Time{} },
			func(d *access.GrantDraft) { d.ExpiresAt = w.Now().Add(365*24*time.Hour + time.Second) },
		} {
			try(w.s, alter, "grant.invalid")
		}
		_, err = w.Access.Give(ctx, w.s, w.acme.Key, good)
		fine(t, err)
		// With the membership the grant ends.
		_, err = w.Users.AddMember(ctx, w.s, w.acme.Key, user.ByKey(far.Key), access.Member)
		fine(t, err)
		w.give(t, far, tenantry.AuditRead, time.Hour)
		fine(t, w.Users.RemoveMember(ctx, w.s, w.acme.Key, user.ByKey(far.Key)))
		_, err = w.Users.AddMember(ctx, w.s, w.acme.Key, user.ByKey(far.Key), access.Member)
		fine(t, err)
		if held := w.granted(t, far); slices.Contains(held, tenantry.AuditRead) {
			t.Error(held)
		}
	})
}

func TestMembersAreInRolesOfTheirTenantsOwn(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := t.Context()
		_, err := w.Access.CreateRole(ctx, w.s, w.acme.Key, access.RoleDraft{Name: "support", Permissions: []tenantry.Permission{tenantry.TokensRead, tenantry.AuditRead}})
		fine(t, err)
		other, err := w.Tenants.Create(ctx, w.s, tenant.Draft{Name: "other"})
		fine(t, err)
		ana, json := w.person(t, "ana", w.acme.Key, user.ProfileChange{}), sqldb.JSON(`{"users.write": true, "users.read": true, "roles.write": true}`)
		w.person(t, "ben", w.acme.Key, user.ProfileChange{Permissions: &json})
		ben, err := w.SignIn.Person(ctx, "ben", secret, 0)
		fine(t, err)
		_, err = w.Users.AddMember(ctx, ben, w.acme.Key, user.ByKey(ana.Key), "support") // he does not hold what it grants
		wantCode(t, err, "user.cannot_grant")
		_, err = w.Users.AddMember(ctx, w.s, other.Key, user.ByKey(ana.Key), "support") // of another tenant
		wantCode(t, err, "user.invalid")
		_, err = w.Users.AddMember(ctx, w.s, w.acme.Key, user.ByKey(ana.Key), "support")
		fine(t, err)
		if d := cmp.Diff([]tenantry.Permission{tenantry.TokensRead, tenantry.AuditRead}, w.granted(t, ana)); d != "" {
			t.Error(d)
		}
		_, err = w.Users.AddMember(ctx, ben, w.acme.Key, user.ByKey(ana.Key), access.Member) // nor may he take it away
		wantCode(t, err, "user.cannot_grant")
		_, err = w.Access.UpdateRole(ctx, w.s, w.acme.Key, "support", access.RoleChange{Permissions: &[]tenantry.Permission{tenantry.UsersRead}}, "")
		fine(t, err)
		if d := cmp.Diff([]tenantry.Permission{tenantry.UsersRead}, w.granted(t, ana)); d != "" {
			t.Error(d)
		}
		wantCode(t, w.Access.DeleteRole(ctx, w.s, w.acme.Key, "support", ""), "role.in_use")
		_, err = w.Users.AddMember(ctx, w.s, w.acme.Key, user.ByKey(ana.Key), access.Member)
		fine(t, err)
		fine(t, w.Access.DeleteRole(ctx, w.s, w.acme.Key, "support", ""))
	})
}

func TestEveryReasonAgainstIsSaid(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx, yes, json := t.Context(), true, sqldb.JSON(`{"audit.read": true}`)
		ana := w.person(t, "ana", w.acme.Key, user.ProfileChange{Permissions: &json, IsTenantAdmin: &yes})
		other, err := w.Tenants.Create(ctx, w.s, tenant.Draft{Name: "other"})
		fine(t, err)
		far, stranger := w.person(t, "far", other.Key, user.ProfileChange{IsTenantAdmin: &yes}), w.person(t, "stranger", 0, user.ProfileChange{})
		_, err = w.Users.AddMember(ctx, w.s, w.acme.Key, user.ByKey(far.Key), access.Viewer)
		fine(t, err)

		want := func(p user.Person, nothing bool, reasons ...explain.ReasonCode) {
			t.Helper()
			if d := cmp.Diff(reasons, codes(w.explain(t, p))); d != "" {
				t.Errorf("want (-), got (+):\n%s", d)
			}
			if held := w.granted(t, p); nothing != (len(held) == 0) {
				t.Error(held)
			}
		}
		want(ana, false)
		var kinds []string
		for _, v := range w.explain(t, ana).Permissions {
			if v.Permission == tenantry.AuditRead {
				for _, s := range v.Sources {
					kinds = append(kinds, s.Kind)
				}
			}
		}
		if d := cmp.Diff([]string{access.ByRole, access.ByTenantAdmin, access.ByProfile}, kinds); d != "" {
			t.Error(d)
		}
		want(far, false, explain.Elsewhere)
		want(stranger, true, explain.NotMember)

		w.Exec(t, `UPDATE tenants_userprofile SET permissions = '{"can_fly": true, "audit.read": "yes", "users.read": true}', is_tenant_admin = false WHERE user_id = ?`, ana.Key)
		want(ana, false, explain.NotBoolean, explain.UnknownKey)
		w.Exec(t, `UPDATE tenants_userprofile SET permissions = '[]' WHERE user_id = ?`, ana.Key)
		want(ana, false, explain.NotObject)
		w.Exec(t, `UPDATE tenants_userprofile SET permissions = '{"users.read": true}' WHERE user_id = ?`, ana.Key)
		w.Exec(t, `UPDATE tenantry_membership SET role = 'emperor' WHERE user_id = ?`, ana.Key)
		want(ana, false, explain.UnknownRole)
		w.Exec(t, `UPDATE tenantry_membership SET role = 'quarantined' WHERE user_id = ?`, ana.Key)
		want(ana, true, explain.Quarantined)
		_, err = w.Users.Deactivate(ctx, w.s, user.ByKey(far.Key))
		fine(t, err)
		want(far, true, explain.Inactive, explain.Elsewhere)
		_, err = w.Tenants.Suspend(ctx, w.s, tenant.ByKey(w.acme.Key), "unpaid")
		fine(t, err)
		want(far, true, explain.Inactive, explain.TenantClosed, explain.Elsewhere)

		_, err = w.Explain.Run(ctx, w.s, tenant.ByKey(w.acme.Key), user.ByKey(ana.Key), "can_fly")
		wantCode(t, err, "explain.no_such_permission")
	})
}

func TestOperatorsMayWhatTheirRoleSays(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := t.Context()
		for role, want := range map[string][2]bool{ // reads the audit, reads people
			access.OperatorAdmin: {true, true}, access.OperatorSupport: {false, true}, access.OperatorBilling: {false, false}, access.OperatorAuditor: {true, true}} {
			_, key, err := w.Access.CreateOperator(ctx, w.s, role, role)
			fine(t, err)
			s, err := w.SignIn.Bearer(ctx, key)
			fine(t, err)
			if got := [2]bool{s.May(tenantry.AuditRead), s.May(tenantry.UsersRead)}; got != want {
				t.Errorf("%s: %v", role, got)
			}
			_, err = w.Tenants.Get(ctx, s, tenant.ByKey(w.acme.Key))
			fine(t, err)
			_, err = w.Tenants.Suspend(ctx, s, tenant.ByKey(w.acme.Key), "x")
			if may := err == nil; may != (role == access.OperatorAdmin) {
				t.Errorf("%s suspends: %v", role, err)
			}
		}
		_, _, err := w.Access.CreateOperator(ctx, w.s, "x", "emperor") // and none is made in it
		wantCode(t, err, "operator.invalid")
		// A role that is none grants nothing.
		_, key, err := w.Access.CreateOperator(ctx, w.s, "late", access.OperatorAdmin)
		fine(t, err)
		w.Exec(t, `UPDATE tenantry_operator SET role = 'emperor' WHERE name = 'late'`)
		s, err := w.SignIn.Bearer(ctx, key)
		fine(t, err)
		if len(s.Permissions()) != 0 {
			t.Error(s.Permissions())
		}
	})
}
