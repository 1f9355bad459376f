package onboard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

func request() onboard.Request {
	return onboard.Request{
		Tenant: tenant.Draft{Name: "Acme"},
		Admin:  &user.Draft{Username: "ana", Email: "ana@example.com", Password: tenantry.NewSecret("una-clave-larga")},
	}
}

func TestCustomerArrivesWithAdministratorAndBothTokens(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		r := request()
		arrived, err := h.Onboard.Run(t.Context(), h.SignIn.Console("root"), r)
		if err != nil {
			t.Fatal(err)
		}
		if a := arrived.Tenant; a.Name != "Acme" || a.Status != tenant.Active || !a.HasAIToken || !a.HasCWUToken || a.ApprovedBy != "root" {
			t.Errorf("%+v", a)
		}
		if p := arrived.Admin; p == nil || p.Profile == nil || p.Profile.Tenant != arrived.Tenant.Key || !p.Profile.IsTenantAdmin {
			t.Errorf("%+v", p)
		}
		if ai, cwu := arrived.Tokens.AI.Reveal(), arrived.Tokens.CWU.Reveal(); !strings.HasPrefix(ai, "ai_") || !strings.HasPrefix(cwu, "cwu_") {
			t.Errorf("tokens %d and %d long", len(ai), len(cwu))
		}
		// The administrator can begin at once.
		s, err := h.SignIn.Person(t.Context(), "ana", tenantry.NewSecret("una-clave-larga"), 0)
		if err != nil || s.Tenant() != arrived.Tenant.Key || !s.May(tenantry.UsersWrite) {
			t.Errorf("%+v, %v", s, err)
		}
		if r.Admin.Tenant != 0 || r.Admin.Profile.IsTenantAdmin != nil {
			t.Errorf("the caller's request was changed: %+v", r.Admin)
		}
	})
}

func TestCustomerMayArriveWithoutAnybody(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		arrived, err := h.Onboard.Run(t.Context(), h.SignIn.Console("root"), onboard.Request{Tenant: tenant.Draft{Name: "Acme", Pending: true}})
		if err != nil || arrived.Admin != nil || arrived.Tenant.Status != tenant.Pending || !arrived.Tenant.HasAIToken {
			t.Errorf("%+v, %v", arrived.Tenant, err)
		}
	})
}

func TestNothingOfACustomerIsLeftWhenAStepFails(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, s := t.Context(), h.SignIn.Console("root")
		if _, err := h.Users.Create(ctx, s, user.Draft{Username: "taken"}); err != nil {
			t.Fatal(err)
		}
		untouched := func(what string) {
			t.Helper()
			if n := h.Number(t, `SELECT (SELECT count(*) FROM tenants_tenantmodel) + (SELECT count(*) FROM tenantry_tenant) + (SELECT count(*) FROM tenants_userprofile)
				+ (SELECT count(*) FROM tenantry_membership) + (SELECT count(*) FROM tenantry_audit WHERE tenant_id <> 0)`); n != 0 {
				t.Errorf("%s: %d rows are left", what, n)
			}
			if n := h.Number(t, `SELECT count(*) FROM auth_user`); n != 1 {
				t.Errorf("%s: %d people, want 1", what, n)
			}
		}
		for code, spoil := range map[string]func(r *onboard.Request){
			"tenant.invalid":        func(r *onboard.Request) { r.Tenant.Name = "" },
			"user.username_taken":   func(r *onboard.Request) { r.Admin.Username = "taken" },
			"user.invalid":          func(r *onboard.Request) { r.Admin.Email = "nobody" },
			"password.unacceptable": func(r *onboard.Request) { r.Admin.Password = tenantry.NewSecret("12345678") },
		} {
			r := request()
			spoil(&r)
			_, err := h.Onboard.Run(ctx, s, r)
			var e *tenantry.Error
			if !errors.As(err, &e) || e.Code != code {
				t.Errorf("error %v, want %s", err, code)
			}
			untouched(code)
		}
		// Who may make tenants but not their tokens makes neither.
		clerk := tenantry.NewScope(tenantry.Actor{Kind: "operator", Name: "clerk"}, 0, tenantry.TenantsRead, tenantry.TenantsWrite, tenantry.UsersRead, tenantry.UsersWrite)
		if _, err := h.Onboard.Run(ctx, clerk, request()); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Errorf("error %v, want Forbidden", err)
		}
		untouched("tokens")
		// And nothing of it stands in the way of the next attempt.
		if _, err := h.Onboard.Run(ctx, s, request()); err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyOperatorsBringCustomersIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, 7, tenantry.Permissions()...)
		if _, err := h.Onboard.Run(t.Context(), own, request()); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Errorf("error %v, want Forbidden", err)
		}
	})
}
