package integrity_test

import (
	"slices"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// within asks about some tenants, inside a transaction.
func within(t testing.TB, h apptest.House, keys ...tenantry.TenantKey) (found []tenantry.Finding) {
	t.Helper()
	err := h.DB.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		found, err = h.Integrity.FindingsIn(t.Context(), tx, keys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFindingsOfSomeTenantsAreThoseOfTheWholeThatConcernThem(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		var keys []tenantry.TenantKey
		for _, name := range []string{"a", "b", "c", "d"} {
			keys = append(keys, arrive(t, h, name).Tenant.Key)
		}
		if found := within(t, h, keys...); found == nil || len(found) != 0 {
			t.Fatalf("of tenants in order: %+v", found)
		}
		spoil(t, h, keys[1])
		spoil(t, h, keys[2])
		whole := check(t, h)
		for i, asked := range [][]tenantry.TenantKey{{keys[0]}, {keys[1]}, {keys[2], keys[0]}, keys, {}, {99999, -1, 0}} {
			var want []string
			for _, f := range whole {
				if slices.ContainsFunc(f.Tenants, func(k tenantry.TenantKey) bool { return slices.Contains(asked, k) }) {
					want = append(want, string(f.Severity)+" "+f.Code)
				}
			}
			found := within(t, h, asked...)
			if got := codes(found); !slices.Equal(got, want) {
				t.Errorf("%d: of %v found\n%v\nwant\n%v", i, asked, got, want)
			}
			for _, f := range found {
				for _, k := range f.Tenants {
					if !slices.Contains(asked, k) {
						t.Errorf("%s of %v concerns %v", f.Code, asked, f.Tenants)
					}
				}
				if len(f.Tenants) == 0 {
					t.Errorf("%s concerns nobody", f.Code)
				}
			}
		}
	})
}

// spoil breaks what can be broken of one tenant without getting past a constraint.
func spoil(t testing.TB, h apptest.House, key tenantry.TenantKey) {
	t.Helper()
	h.Exec(t, `UPDATE tenants_tenantmodel SET ai_token = '', configuration = ?, max_agents = -1, max_documents = 99999, model = 'llama-2', is_active = ? WHERE id = ?`,
		sqldb.JSON(`[]`), false, key)
	h.Exec(t, `UPDATE tenants_tenantmodel SET cwu_token = 'short' WHERE id = ?`, key)
	h.Exec(t, `UPDATE tenants_userprofile SET permissions = ?, timezone = 'Mars', language = '?', phone = '1', is_tenant_admin = ? WHERE tenant_id = ?`,
		sqldb.JSON(`{"can_fly": true}`), false, key)
	h.Exec(t, `UPDATE auth_user SET password = '!' WHERE id IN (SELECT user_id FROM tenants_userprofile WHERE tenant_id = ?)`, key)
	h.Exec(t, `UPDATE tenantry_token SET current_version = 7 WHERE tenant_id = ? AND kind = 'ai'`, key)
	h.Exec(t, `UPDATE tenantry_token SET scopes = ? WHERE tenant_id = ? AND kind = 'cwu'`, sqldb.JSON(`{"a": 1}`), key)
	h.Exec(t, `DELETE FROM tenantry_token_digest WHERE tenant_id = ?`, key)
}
