package signin_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/signin"
)

type house struct {
	signin.Flow
	db *sqldb.DB
}

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func each(t *testing.T, fn func(t *testing.T, h house)) {
	t.Helper()
	t.Parallel()
	apptest.EachDatabase(t, func(t *testing.T, db *sqldb.DB) {
		clock := func() time.Time { return noon }
		log := audit.New(clock, rand.Reader)
		fn(t, house{db: db, Flow: signin.Flow{
			Users:   user.New(db, log, password.Hasher{Iterations: 1000, Random: rand.Reader}, access.GrantsIn, clock, rand.Reader),
			Tenants: tenant.New(db, log, tenant.Limits{DefaultModel: "gpt-3.5-turbo", MaxAgents: 50, MaxDocuments: 10000, MaxStorageMB: 10000}, clock, rand.Reader),
			Access:  access.New(db, log, user.CountRole, clock, rand.Reader),
		}})
	})
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, kind tenantry.Kind, code string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Code != code {
		t.Errorf("error %v, want %s %s", err, kind, code)
	}
}

var secret = tenantry.NewSecret("correct horse battery")

func (h house) tenant(t *testing.T, d tenant.Draft) tenant.Tenant {
	t.Helper()
	made, err := h.Tenants.Create(t.Context(), h.Console("test"), d)
	fine(t, err)
	return made
}

func (h house) person(t *testing.T, username string, home tenantry.TenantKey, c user.ProfileChange) user.Person {
	t.Helper()
	p, err := h.Users.Create(t.Context(), h.Console("test"), user.Draft{Username: username, Password: secret, Tenant: home, Profile: c})
	fine(t, err)
	return p
}

func permissions(role string) []tenantry.Permission {
	grants, _ := access.Grants(role)
	return grants
}

// Rooms do not import their neighbours, so room user names some roles by itself.
func TestRolesThatRoomUserGivesAreRoomAccesss(t *testing.T) {
	t.Parallel()
	for ours, theirs := range map[string]string{user.RoleOwner: access.Owner, user.RoleAdmin: access.Admin,
		user.RoleMember: access.Member, user.RoleQuarantined: access.Quarantined} {
		if ours != theirs {
			t.Errorf("%s is not %s", ours, theirs)
		}
	}
}

func TestOperatorsKeyMakesAScopeOfEverything(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		o, key, err := h.Access.CreateOperator(t.Context(), h.Console("root"), "ana", access.OperatorAdmin)
		fine(t, err)
		s, err := h.OperatorKey(t.Context(), key)
		fine(t, err)
		if s.Actor() != (tenantry.Actor{Kind: "operator", ID: o.ID.String(), Name: "ana"}) || s.Tenant() != 0 {
			t.Errorf("%+v", s)
		}
		if d := cmp.Diff(tenantry.Permissions(), s.Permissions()); d != "" {
			t.Error(d)
		}
		s, err = h.OperatorKey(t.Context(), tenantry.NewSecret("opk_x"))
		wantCode(t, err, tenantry.Unauthenticated, "access.unauthenticated")
		if s.Actor() != (tenantry.Actor{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestConsoleAndSystemAreTheProgramsOwn(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		if a := h.Console("root").Actor(); a != (tenantry.Actor{Kind: "console", Name: "root"}) {
			t.Errorf("%+v", a)
		}
		if a := h.System("lease").Actor(); a != (tenantry.Actor{Kind: "system", Name: "lease"}) {
			t.Errorf("%+v", a)
		}
	})
}

func TestPersonsScopeIsOfTheTenantTheySignInTo(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		ctx, acme, other := t.Context(), h.tenant(t, tenant.Draft{Name: "acme"}), h.tenant(t, tenant.Draft{Name: "other"})
		third := h.tenant(t, tenant.Draft{Name: "third"})
		yes, json := true, sqldb.JSON(`{"audit.read": true}`)
		boss := h.person(t, "boss", acme.Key, user.ProfileChange{IsTenantAdmin: &yes})
		h.person(t, "ana", acme.Key, user.ProfileChange{Permissions: &json})
		_, err := h.Users.AddMember(ctx, h.Console("test"), other.Key, user.ByKey(boss.Key), access.Viewer)
		fine(t, err)
		for _, c := range []struct {
			name string
			to   tenantry.TenantKey
			in   tenantry.TenantKey
			want []tenantry.Permission
		}{
			{"boss", 0, acme.Key, permissions(access.Admin)},
			{"boss", acme.Key, acme.Key, permissions(access.Admin)},
			{"boss", other.Key, other.Key, permissions(access.Viewer)}, // is_tenant_admin is of the home only
			{"ana", 0, acme.Key, []tenantry.Permission{tenantry.TenantsRead, tenantry.AuditRead, tenantry.ConfigurationRead}},
		} {
			s, err := h.Person(ctx, c.name, secret, c.to)
			fine(t, err)
			if d := cmp.Diff(c.want, s.Permissions()); d != "" || s.Tenant() != c.in || s.Actor().Kind != "user" || s.Actor().Name != c.name {
				t.Errorf("%s to %d: %+v\nwant (-), got (+):\n%s", c.name, c.to, s, d)
			}
		}
		for _, to := range []tenantry.TenantKey{third.Key, 4711} {
			_, err = h.Person(ctx, "boss", secret, to)
			wantCode(t, err, tenantry.NotFound, "tenant.not_found")
		}
		_, err = h.Person(ctx, "boss", tenantry.NewSecret("wrong"), third.Key)
		wantCode(t, err, tenantry.Unauthenticated, "signin.failed")
		// Whoever belongs nowhere must not become an operator by it.
		h.person(t, "nobody", 0, user.ProfileChange{})
		s, err := h.Person(ctx, "nobody", secret, 0)
		wantCode(t, err, tenantry.Forbidden, "access.no_tenant")
		if s.Actor() != (tenantry.Actor{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestTenantsThatLetNobodyIn(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		ctx, console, yes := t.Context(), h.Console("test"), true
		enter := func(home tenant.Tenant) (tenantry.Scope, error) {
			t.Helper()
			h.person(t, home.Name, home.Key, user.ProfileChange{IsTenantAdmin: &yes})
			return h.Person(ctx, home.Name, secret, 0)
		}
		suspended := h.tenant(t, tenant.Draft{Name: "suspended"})
		_, err := h.Tenants.Suspend(ctx, console, tenant.ByKey(suspended.Key), "unpaid")
		fine(t, err)
		_, err = enter(suspended)
		wantCode(t, err, tenantry.Forbidden, "access.tenant_suspended")

		// By a Django process, which knows is_active only.
		inactive := h.tenant(t, tenant.Draft{Name: "inactive"})
		fine(t, h.db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET is_active = false WHERE id = ?`, inactive.Key)
			return err
		}))
		_, err = enter(inactive)
		wantCode(t, err, tenantry.Forbidden, "access.tenant_suspended")

		deleting := h.tenant(t, tenant.Draft{Name: "deleting"})
		_, err = h.Tenants.Delete(ctx, console, tenant.ByKey(deleting.Key), "")
		fine(t, err)
		_, err = enter(deleting)
		wantCode(t, err, tenantry.Forbidden, "access.tenant_closed")
		_, err = enter(h.tenant(t, tenant.Draft{Name: "pending", Pending: true}))
		wantCode(t, err, tenantry.Forbidden, "access.tenant_closed")

		s, err := enter(h.tenant(t, tenant.Draft{Name: "quarantined", Quarantine: true}))
		fine(t, err)
		if len(s.Permissions()) != 0 || s.Tenant() == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A tenant and its first person that Django has made since.
func TestPersonOfDjangosSignsIn(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		fine(t, h.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, statement := range []string{
				`INSERT INTO tenants_tenantmodel (id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
					VALUES (9, 'new', '', 'gpt-4', '', '', '{}', true, 10, 1000, 1000, '2026-03-10 12:00:00', '2026-03-10 12:00:00')`,
				`INSERT INTO auth_user (id, username, email, first_name, last_name, password, is_active, is_staff, is_superuser, last_login, date_joined)
					VALUES (8, 'ana', '', '', '', 'md5$yn0M8gAmfuZFJyQKoBdxQ0$1f9b08ac87e90b51de611abaabd042c7', true, false, false, NULL, '2026-03-10 12:00:00')`,
				`INSERT INTO tenants_userprofile (user_id, tenant_id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at)
					VALUES (8, 9, '', '', '', 'es', 'UTC', true, true, '{}', '2026-03-10 12:00:00', '2026-03-10 12:00:00')`,
			} {
				if _, err := tx.Exec(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		}))
		s, err := h.Person(t.Context(), "ana", tenantry.NewSecret("testpass123"), 0)
		fine(t, err)
		if d := cmp.Diff(permissions(access.Admin), s.Permissions()); d != "" || s.Tenant() != 9 {
			t.Errorf("%+v\n%s", s, d)
		}
	})
}
