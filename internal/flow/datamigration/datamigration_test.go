package datamigration_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// djangos puts in what a Django process would: tenants 1 and 2 without tokens, and
// the people 1 and 2 without a profile.
func djangos(t testing.TB, h apptest.House) {
	t.Helper()
	for key := 1; key <= 2; key++ {
		h.Exec(t, `INSERT INTO tenants_tenantmodel
			(id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
			VALUES (?, ?, '', 'gpt-4', '', '', '{}', true, 10, 1000, 1000, ?, ?)`, key, fmt.Sprint("tenant ", key), apptest.Noon, apptest.Noon)
		h.Exec(t, `INSERT INTO auth_user (id, username, email, first_name, last_name, password, is_active, is_staff, is_superuser, last_login, date_joined)
			VALUES (?, ?, '', '', '', '', true, false, false, NULL, ?)`, key, fmt.Sprint("person", key), apptest.Noon)
	}
	if h.DB.Engine() == sqldb.Postgres { // the keys above are not the sequence's
		h.Exec(t, `SELECT setval(pg_get_serial_sequence('tenants_tenantmodel', 'id'), 100)`)
	}
}

var everything = datamigration.Request{GenerateTokens: true, CreateProfiles: true, Migrate: true}

// run takes the steps and tells in which order they ended.
func run(t testing.TB, h apptest.House, r datamigration.Request) (result datamigration.Result, ended []datamigration.Stage) {
	t.Helper()
	result, err := h.DataMigration.Run(t.Context(), h.SignIn.Console("root"), r, func(step datamigration.Stage, done, total int64, last bool) {
		if last {
			ended = append(ended, step)
		}
		if done > total {
			t.Errorf("%s: %d done of %d", step, done, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return result, ended
}

func wantResult(t testing.TB, got datamigration.Result, tokens, profiles, migrated int64) {
	t.Helper()
	if d := cmp.Diff(datamigration.Result{TokensGenerated: tokens, ProfilesCreated: profiles, Migrated: migrated}, got); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}

// sizes is how many rows there are of everything that the steps may make.
func sizes(t testing.TB, h apptest.House) map[string]int64 {
	t.Helper()
	all := map[string]int64{"tokens missing": h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = ''`)}
	for _, table := range []string{"tenants_tenantmodel", "tenants_userprofile", "tenantry_tenant", "tenantry_user", "tenantry_membership", "tenantry_audit"} {
		all[table] = h.Number(t, `SELECT count(*) FROM `+table)
	}
	return all
}

func TestR067_R096_R097_R100_StepsAreTakenInTheSeedsOrder(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		result, ended := run(t, h, everything)
		wantResult(t, result, 4, 2, 3) // with the tenant "default"
		if d := cmp.Diff([]datamigration.Stage{datamigration.Tokens, datamigration.Profiles, datamigration.Tenants}, ended); d != "" {
			t.Errorf("want (-), order (+):\n%s", d)
		}
		for _, found := range must(h.Tenants.List(t.Context(), h.SignIn.Console("root"), tenant.Query{}))(t).Items {
			if !found.HasAIToken || !found.HasCWUToken || found.ID.IsZero() {
				t.Errorf("%+v", found)
			}
		}
		p := must(h.Users.Get(t.Context(), h.SignIn.Console("root"), user.ByUsername("person2")))(t)
		if p.Profile == nil || p.Profile.Language != "es" || p.Profile.Timezone != "America/Santiago" {
			t.Errorf("%+v", p.Profile)
		}
	})
}

func TestR098_RepeatedStepsDoNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		run(t, h, everything)
		before, tag := sizes(t, h), must(h.Tenants.Get(t.Context(), h.SignIn.Console("root"), tenant.ByKey(1)))(t).ETag()
		result, _ := run(t, h, everything)
		wantResult(t, result, 0, 0, 3)
		if d := cmp.Diff(before, sizes(t, h)); d != "" {
			t.Errorf("once (-), twice (+):\n%s", d)
		}
		if again := must(h.Tenants.Get(t.Context(), h.SignIn.Console("root"), tenant.ByKey(1)))(t).ETag(); again != tag {
			t.Error("the second run touched a tenant")
		}
	})
}

func TestDryRunCountsAndChangesNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		before := sizes(t, h)
		dry := everything
		dry.DryRun = true
		result, ended := run(t, h, dry)
		wantResult(t, result, 4, 2, 2)
		if len(ended) != 3 {
			t.Errorf("ended %v", ended)
		}
		if d := cmp.Diff(before, sizes(t, h)); d != "" {
			t.Errorf("before (-), after (+):\n%s", d)
		}
	})
}

func TestR060_OneTenantAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		ctx, root := t.Context(), h.SignIn.Console("root")
		// Person 1 is a member of tenant 1 without a profile; person 2 is nobody's.
		must(h.Tenants.Get(ctx, root, tenant.ByKey(1)))(t)
		must(h.Users.AddMember(ctx, root, 1, user.ByKey(1), "viewer"))(t)
		only := everything
		only.Only = 1
		result, _ := run(t, h, only)
		wantResult(t, result, 2, 1, 1)
		if other := must(h.Tenants.Get(ctx, root, tenant.ByKey(2)))(t); other.HasAIToken || other.HasCWUToken {
			t.Errorf("%+v", other)
		}
		if p := must(h.Users.Get(ctx, root, user.ByKey(2)))(t); p.Profile != nil {
			t.Errorf("%+v", p.Profile)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE name = 'default'`); n != 0 {
			t.Error("the tenant \"default\" was made for one tenant")
		}
	})
}

func TestTenantThatDoesNotExistStopsEverything(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		before := sizes(t, h)
		missing := everything
		missing.Only = 4711
		_, err := h.DataMigration.Run(t.Context(), h.SignIn.Console("root"), missing, func(step datamigration.Stage, _, _ int64, _ bool) { t.Errorf("took %s", step) })
		if !errors.Is(err, &tenantry.Error{Kind: tenantry.NotFound, Code: "tenant.no_such_id"}) {
			t.Errorf("error %v", err)
		}
		if d := cmp.Diff(before, sizes(t, h)); d != "" {
			t.Errorf("before (-), after (+):\n%s", d)
		}
	})
}

func TestOnlyTheStepsThatWereAskedForAreTaken(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		if result, ended := run(t, h, datamigration.Request{}); len(ended) != 0 || result != (datamigration.Result{}) {
			t.Errorf("%+v, %v", result, ended)
		}
		result, _ := run(t, h, datamigration.Request{GenerateTokens: true})
		wantResult(t, result, 4, 0, 0)
		if n := h.Number(t, `SELECT count(*) FROM tenants_userprofile`); n != 0 {
			t.Errorf("%d profiles", n)
		}
		result, _ = run(t, h, datamigration.Request{CreateProfiles: true})
		wantResult(t, result, 0, 2, 0)
		result, _ = run(t, h, datamigration.Request{Migrate: true})
		wantResult(t, result, 0, 0, 3)
	})
}

func TestR099_DefaultIsAQuarantineWhenItIsMade(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		run(t, h, datamigration.Request{CreateProfiles: true})
		root := h.SignIn.Console("root")
		made := must(h.Tenants.Get(t.Context(), root, tenant.ByName(datamigration.Quarantine)))(t)
		if made.Name != "default" || made.Description != "Tenant por defecto" || made.Model != "gpt-3.5-turbo" || made.Status != tenant.Quarantined || !made.HasAIToken || !made.HasCWUToken {
			t.Errorf("%+v", made)
		}
		if m := must(h.Users.Memberships(t.Context(), root, 1))(t); len(m) != 1 || m[0].Tenant != made.Key || m[0].Role != user.RoleQuarantined {
			t.Errorf("%+v", m)
		}
	})
}

func TestR099_DefaultThatIsThereIsTaken(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		h.Exec(t, `UPDATE tenants_tenantmodel SET name = 'default' WHERE id = 2`)
		result, _ := run(t, h, everything)
		wantResult(t, result, 4, 2, 2)
		if found := must(h.Tenants.Get(t.Context(), h.SignIn.Console("root"), tenant.ByName("default")))(t); found.Key != 2 || found.Status != tenant.Active {
			t.Errorf("%+v", found)
		}
	})
}

func TestOnlyOperatorsCarryDataOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangos(t, h)
		before := sizes(t, h)
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, 1, tenantry.Permissions()...)
		for _, r := range []datamigration.Request{{GenerateTokens: true}, {CreateProfiles: true}, {CreateProfiles: true, DryRun: true}} {
			if _, err := h.DataMigration.Run(t.Context(), own, r, func(datamigration.Stage, int64, int64, bool) {}); tenantry.KindOf(err) != tenantry.Forbidden {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if d := cmp.Diff(before, sizes(t, h)); d != "" {
			t.Errorf("before (-), after (+):\n%s", d)
		}
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func draft(name string) tenant.Draft { return tenant.Draft{Name: name} }
