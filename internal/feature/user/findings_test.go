package user_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func (h *house) findings(t testing.TB) map[string]tenantry.Finding {
	t.Helper()
	all := map[string]tenantry.Finding{}
	fine(t, h.db.Read(t.Context(), func(tx *sqldb.Tx) error {
		found, err := h.users.Findings(t.Context(), tx, nil)
		for _, f := range found {
			all[f.Code] = f
		}
		return err
	}))
	return all
}

func TestFindingsOfADatabaseThatIsNotOursYet(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine sqldb.Engine) {
		d := djangos(t, engine)
		h := furnish(t, d)
		h.exec(t, `UPDATE tenants_userprofile SET timezone = 'Local' WHERE id = 2`)
		h.exec(t, `UPDATE tenants_userprofile SET timezone = 'Mars/Olympus' WHERE id = 3`)
		h.exec(t, `UPDATE tenants_userprofile SET language = 'es_CL' WHERE id = 4`)
		h.exec(t, `UPDATE tenants_userprofile SET phone = '912345678' WHERE id = 5`)
		h.exec(t, `UPDATE tenants_userprofile SET permissions = ? WHERE id = 6`, sqldb.JSON(`["can_create_agents"]`))
		h.exec(t, `UPDATE tenants_userprofile SET permissions = ? WHERE id = 7`, sqldb.JSON(`{"can_create_agents": 1}`))
		h.exec(t, `UPDATE auth_user SET password = 'sha1$abc$def' WHERE id = 7`)
		want := map[string]tenantry.Finding{
			"user.no_profile":             {Severity: tenantry.Warning, Count: 1, Rows: []string{"auth_user:13"}},
			"user.orphan_profile":         {Severity: tenantry.Critical, Count: 1, Rows: []string{"tenants_userprofile:9001"}},
			"user.permissions_not_object": {Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_userprofile:6"}},
			"user.unknown_permission":     {Severity: tenantry.Warning, Count: 2, Rows: []string{"tenants_userprofile:7", "tenants_userprofile:8"}},
			"user.bad_timezone":           {Severity: tenantry.Warning, Count: 2, Rows: []string{"tenants_userprofile:2", "tenants_userprofile:3"}},
			"user.bad_language":           {Severity: tenantry.Warning, Count: 1, Rows: []string{"tenants_userprofile:4"}},
			"user.bad_phone":              {Severity: tenantry.Notice, Count: 1, Rows: []string{"tenants_userprofile:5"}},
			"user.password_unknown":       {Severity: tenantry.Notice, Count: 1, Rows: []string{"auth_user:7"}},
			"user.password_unusable":      {Severity: tenantry.Notice, Count: 1, Rows: []string{"auth_user:10"}},
			"user.tenant_without_admin": {Severity: tenantry.Notice, Count: 5, Rows: []string{"tenants_tenantmodel:3", "tenants_tenantmodel:4",
				"tenants_tenantmodel:5", "tenants_tenantmodel:6", "tenants_tenantmodel:7"}},
		}
		for code, f := range want {
			f.Code = code
			want[code] = f
		}
		if d := cmp.Diff(want, h.findings(t), cmpopts.IgnoreFields(tenantry.Finding{}, "Tenants")); d != "" {
			t.Errorf("want (-), found (+):\n%s", d)
		}
		// They are the same once the database is ours.
		migrateTo(t, d, migrate.Request{})
		if d := cmp.Diff(want, h.findings(t), cmpopts.IgnoreFields(tenantry.Finding{}, "Tenants")); d != "" {
			t.Errorf("after migrating, want (-), found (+):\n%s", d)
		}
	})
}

func TestFindingsNameTheFirstRowsAndCountAll(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
			h.person(t, name, 0)
		}
		if f := h.findings(t)["user.no_profile"]; f.Count != 12 || len(f.Rows) != tenantry.FindingRows {
			t.Errorf("%+v", f)
		}
	})
}
