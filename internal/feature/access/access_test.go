package access_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
)

func TestEveryRoleIsKnownAndNoneIsAnOperator(t *testing.T) {
	t.Parallel()
	for _, role := range access.Roles() {
		grants, known := access.Grants(role)
		if !known {
			t.Errorf("%s is no role", role)
		}
		if slices.Contains(grants, tenantry.OperatorsWrite) {
			t.Errorf("%s may make operators", role)
		}
	}
	if grants, known := access.Grants("emperor"); known || grants != nil {
		t.Errorf("emperor: %v, %v", grants, known)
	}
}

func TestR048_R049_EffectivePermissions(t *testing.T) {
	t.Parallel()
	admins, _ := access.Grants(access.Admin)
	owners, _ := access.Grants(access.Owner)
	member := []tenantry.Permission{tenantry.TenantsRead, tenantry.ConfigurationRead}
	for name, c := range map[string]struct {
		role  string
		admin bool
		json  string
		want  []tenantry.Permission
	}{
		"a member":                          {access.Member, false, `{}`, member},
		"is_tenant_admin is role admin":     {access.Member, true, `{}`, admins},
		"an owner stays one":                {access.Owner, true, `{}`, owners},
		"the seed's two keys":               {access.Member, false, `{"can_create_agents": true, "can_manage_documents": true}`, []tenantry.Permission{tenantry.CanCreateAgents, tenantry.CanManageDocuments, tenantry.TenantsRead, tenantry.ConfigurationRead}},
		"a false value":                     {access.Member, false, `{"can_create_agents": false}`, member},
		"values that are not true":          {access.Member, false, `{"can_create_agents": "true", "can_manage_documents": 1, "audit.read": [true]}`, member},
		"unknown keys":                      {access.Member, false, `{"can_fly": true, "CAN_CREATE_AGENTS": true}`, member},
		"a list":                            {access.Member, false, `["can_create_agents"]`, member},
		"null":                              {access.Member, false, `null`, member},
		"no JSON":                           {access.Member, false, `{`, member},
		"nothing":                           {access.Member, false, ``, member},
		"a role that is none":               {"emperor", false, `{"can_create_agents": true}`, []tenantry.Permission{tenantry.CanCreateAgents}},
		"the quarantined, whatever is said": {access.Quarantined, true, `{"can_create_agents": true}`, nil},
		"operators are not a tenant's":      {access.Owner, true, `{"operators.write": true}`, owners},
	} {
		got := access.Standing{Role: c.role, IsTenantAdmin: c.admin, Permissions: sqldb.JSON(c.json)}.Effective()
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, d)
		}
	}
}

func FuzzPermissionsGrantOnlyWhatTheySayTrueTo(f *testing.F) {
	for _, text := range []string{`{}`, `{"can_create_agents": true}`, `{"can_create_agents": true, "can_create_agents": false}`, `[true]`, `"x"`, `{"a": {"can_create_agents": true}}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		members, _ := sqldb.JSON(text).Object()
		for _, p := range (access.Standing{Permissions: sqldb.JSON(text)}).Effective() {
			if string(members[string(p)]) != "true" {
				t.Errorf("%q grants %s", text, p)
			}
		}
	})
}
