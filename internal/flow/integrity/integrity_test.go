package integrity_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

// codes lists what a check found, each with its severity.
func codes(found []tenantry.Finding) (all []string) {
	for _, f := range found {
		all = append(all, string(f.Severity)+" "+f.Code)
	}
	return all
}

func check(t testing.TB, h apptest.House) []tenantry.Finding {
	t.Helper()
	found, err := h.Integrity.Check(t.Context(), h.SignIn.Console("root"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// arrive brings in a customer of whom nothing is wrong.
func arrive(t testing.TB, h apptest.House, name string) onboard.Result {
	t.Helper()
	arrived, err := h.Onboard.Run(t.Context(), h.SignIn.Console("root"), onboard.Request{
		Tenant: tenant.Draft{Name: name}, Admin: &user.Draft{Username: name, Password: tenantry.NewSecret("una-clave-larga")}})
	if err != nil {
		t.Fatal(err)
	}
	return arrived
}

func TestNothingIsWrongWithAHouseInOrder(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if found := check(t, h); found == nil || len(found) != 0 {
			t.Errorf("an empty house: %#v", found)
		}
		arrive(t, h, "acme")
		if found := check(t, h); len(found) != 0 {
			t.Errorf("%+v", found)
		}
	})
}

func TestEveryRoomsFindingsAreThereTheGravestFirst(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		acme, root := arrive(t, h, "acme"), h.SignIn.Console("root")
		h.Exec(t, `UPDATE tenants_tenantmodel SET max_agents = 51, model = 'llama-2' WHERE id = ?`, acme.Tenant.Key)
		if _, err := h.Tenants.Create(t.Context(), root, tenant.Draft{Name: "default", Quarantine: true}); err != nil { // without tokens
			t.Fatal(err)
		}
		if _, err := h.Users.Create(t.Context(), root, user.Draft{Username: "lost", Password: tenantry.NewSecret("una-clave-larga")}); err != nil {
			t.Fatal(err)
		}
		want := []string{"warning token.missing", "warning user.no_profile", "warning tenant.model_outside_catalogue",
			"notice user.tenant_without_admin", "notice tenant.over_ceiling", "notice tenant.quarantined"}
		if d := cmp.Diff(want, codes(check(t, h))); d != "" {
			t.Errorf("want (-), found (+):\n%s", d)
		}
		// An entry in the catalogue is no fault any more, enabled or not.
		h.Exec(t, `INSERT INTO tenantry_model (name, label, provider, enabled, position) VALUES ('llama-2', 'Llama 2', 'meta', false, 7)`)
		if slices.Contains(codes(check(t, h)), "warning tenant.model_outside_catalogue") {
			t.Error("a model in the catalogue is reported")
		}
	})
}

// A database that Django made and filled, with a profile whose user is gone.
func TestR129_FaultsOfAnAdoptedDatabaseAreFound(t *testing.T) {
	t.Parallel()
	const testdata = "../../../test/testdata/django/"
	for engine, load := range map[sqldb.Engine]func() sqldbtest.Database{
		sqldb.SQLite: func() sqldbtest.Database { return sqldbtest.LoadSQLite(t, testdata+"small_dj42.sqlite3") },
		sqldb.Postgres: func() sqldbtest.Database {
			return sqldbtest.LoadPostgres(t, testdata+"small_dj42.pg.sql", testdata+"orphan.pg.sql")
		},
	} {
		found := check(t, apptest.Open(t, load()))
		all := codes(found)
		if !slices.Contains(all, "critical user.orphan_profile") || !slices.Contains(all, "warning user.no_profile") || found[0].Severity != tenantry.Critical {
			t.Errorf("%s: %v", engine, all)
		}
		rank := func(f tenantry.Finding) int {
			return slices.Index([]tenantry.Severity{tenantry.Critical, tenantry.Warning, tenantry.Notice}, f.Severity)
		}
		if !slices.IsSortedFunc(found, func(a, b tenantry.Finding) int { return rank(a) - rank(b) }) {
			t.Errorf("%s: not the gravest first: %v", engine, all)
		}
	}
}

func TestR103_R104_R105_TokensAreValidatedBeforeProfiles(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		root := h.SignIn.Console("root")
		arrive(t, h, "acme")
		validate := func(code string, count int64, findings ...string) {
			t.Helper()
			found, err := h.Integrity.Validate(t.Context(), root)
			for _, f := range findings {
				if !slices.Contains(codes(found), f) {
					t.Errorf("%s is not among %v", f, codes(found))
				}
			}
			var e *tenantry.Error
			if code == "" && err == nil {
				return
			}
			if !errors.As(err, &e) || e.Code != code || e.Params["count"] != count {
				t.Errorf("error %v, want %s of %d", err, code, count)
			}
		}
		validate("", 0)
		for _, name := range []string{"lost", "lonely"} {
			if _, err := h.Users.Create(t.Context(), root, user.Draft{Username: name}); err != nil {
				t.Fatal(err)
			}
		}
		validate("validate.users_without_profile", 2, "warning user.no_profile")
		made, err := h.Tenants.Create(t.Context(), root, tenant.Draft{Name: "bare"})
		if err != nil {
			t.Fatal(err)
		}
		// Both are told of, and the first stops it.
		validate("validate.tenants_without_tokens", 1, "warning token.missing", "warning user.no_profile")
		if _, err := h.Tokens.GenerateMissing(t.Context(), root, made.Key, func(int64) {}); err != nil {
			t.Fatal(err)
		}
		validate("validate.users_without_profile", 2)
	})
}

func TestOnlyOperatorsLookIntoEverybodysData(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, 1, tenantry.Permissions()...)
		if found, err := h.Integrity.Check(t.Context(), own, 0); tenantry.KindOf(err) != tenantry.Forbidden || found != nil {
			t.Errorf("%v, %v", found, err)
		}
		if found, err := h.Integrity.Validate(t.Context(), own); tenantry.KindOf(err) != tenantry.Forbidden || found != nil {
			t.Errorf("%v, %v", found, err)
		}
	})
}
