package api_test

import (
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// arrive makes a tenant with an administrator and returns both ids and the caller
// who reaches that tenant only.
func (c caller) arrive(name string) (tenantID, adminID string, own caller) {
	c.t.Helper()
	made := c.want(c.do("POST", "/v1/tenants", `{"name":"`+name+`","admin":{"username":"`+name+`"}}`), 201, "")
	tenantID = made.body["tenant"].(map[string]any)["id"].(string)
	adminID = made.body["admin"].(map[string]any)["id"].(string)
	own = c
	own.key = scopedTo(c.tenantKey(tenantID))
	return tenantID, adminID, own
}

func TestPeopleAreKeptOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		tenant, _, own := c.arrive("acme")
		made := own.want(own.do("POST", "/v1/users", `{"username":"eva","email":"Eva@EXAMPLE.com","password":"una-clave-larga","profile":{"language":"es-CL"}}`), 201, "")
		id := made.body["id"].(string)
		at := "/v1/users/" + id
		if made.header.Get("Location") != at || made.body["email"] != "Eva@example.com" || made.body["profile"].(map[string]any)["tenant"] != tenant {
			t.Errorf("%v %s", made.header, made.text)
		}
		etag := own.want(own.do("GET", at, ""), 200, "").header.Get("ETag")
		changed := own.want(own.do("PATCH", at, `{"first_name":"Eva","email":"eva@other.example"}`, "If-Match", etag), 200, "")
		if changed.body["first_name"] != "Eva" || changed.body["email"] != "eva@other.example" || changed.body["last_name"] != "" {
			t.Error(changed.text)
		}
		own.want(own.do("PATCH", at, `{"first_name":"Eve"}`, "If-Match", etag), 412, "user.stale")
		own.want(own.do("PATCH", at, `{"email":"nonsense"}`), 422, "user.invalid")

		etag = changed.header.Get("ETag")
		own.want(own.do("PATCH", at+"/profile", `{"phone":"+56912345678","permissions":{"can_create_agents":true}}`, "If-Match", etag), 200, "")
		own.want(own.do("PATCH", at+"/profile", `{"phone":""}`, "If-Match", etag), 412, "user.stale")
		own.want(own.do("PATCH", at+"/profile", `{"timezone":"Mars/Olympus"}`), 422, "user.invalid")

		if a := own.want(own.do("POST", at+":deactivate", ""), 200, ""); a.body["is_active"] != false {
			t.Error(a.text)
		}
		if a := own.want(own.do("POST", at+":activate", "{}"), 200, ""); a.body["is_active"] != true {
			t.Error(a.text)
		}
		own.want(own.do("PUT", at+"/password", `{"password":"otra-clave-larga"}`), 204, "")
		own.want(own.do("PUT", at+"/password", `{"password":"123"}`), 422, "password.unacceptable")
		own.want(own.do("PUT", at+"/password", `{}`), 422, "user.invalid")
		own.want(own.do("DELETE", at, ""), 403, "access.forbidden")
		c.want(c.do("DELETE", at, ""), 204, "")
		c.want(c.do("GET", at, ""), 404, "user.not_found")
	})
}

func TestMembersAreKeptOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		one, _, own := c.arrive("one")
		_, guest, other := c.arrive("two")
		at := "/v1/tenants/" + one + "/members"
		own.want(own.do("PUT", at+"/"+guest, `{"role":"viewer"}`), 404, "user.not_found") // only operators bring in others' people
		c.want(c.do("PUT", at+"/"+guest, `{"role":"viewer"}`), 200, "")
		own.want(own.do("PUT", at+"/"+guest, `{"role":"emperor"}`), 422, "user.invalid")
		if a := own.want(own.do("PUT", at+"/"+guest, `{"role":"auditor"}`), 200, ""); a.body["role"] != "auditor" || a.body["home"] != false {
			t.Error(a.text)
		}
		first := own.want(own.do("GET", at+"?limit=1", ""), 200, "")
		cursor, _ := first.body["next_cursor"].(string)
		second := own.want(own.do("GET", at+"?limit=1&cursor="+cursor, ""), 200, "")
		if cursor == "" || len(second.body["items"].([]any)) != 1 || second.body["next_cursor"] != nil {
			t.Errorf("%s %s", first.text, second.text)
		}
		// A guest's account is not the tenant's to change, nor its profile to see.
		if a := own.want(own.do("GET", "/v1/users/"+guest, ""), 200, ""); a.body["profile"] != nil {
			t.Error(a.text)
		}
		own.want(own.do("PATCH", "/v1/users/"+guest, `{"email":"mine@example.com"}`), 403, "user.not_at_home")
		own.want(own.do("PUT", "/v1/users/"+guest+"/password", `{"password":"una-clave-larga"}`), 403, "user.not_at_home")
		own.want(own.do("PATCH", "/v1/users/"+guest+"/profile", `{"bio":"x"}`), 409, "user.home_elsewhere")
		own.want(own.do("DELETE", at+"/"+guest, ""), 204, "")
		own.want(own.do("GET", "/v1/users/"+guest, ""), 404, "user.not_found")
		other.want(other.do("GET", at, ""), 404, "tenant.not_found")
		other.want(other.do("DELETE", at+"/"+guest, ""), 404, "tenant.not_found")
	})
}

// What a body does not name in its description is refused, so that nobody gives
// themselves what the description leaves out.
func TestWritesOfPeopleRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		tenant, id, own := c.arrive("acme")
		for _, w := range []struct{ method, path, body string }{
			{"POST", "/v1/users", `{"username":"eva","is_superuser":true}`},
			{"POST", "/v1/users", `{"username":"eva","profile":{"avatar":"avatars/x.png"}}`},
			{"PATCH", "/v1/users/" + id, `{"is_staff":true}`},
			{"PATCH", "/v1/users/" + id, `{"username":"root"}`},
			{"PATCH", "/v1/users/" + id, `{"password":"una-clave-larga"}`},
			{"PATCH", "/v1/users/" + id + "/profile", `{"tenant":"` + tenant + `"}`},
			{"PATCH", "/v1/users/" + id + "/profile", `{"avatar":"../../etc/passwd"}`},
			{"PUT", "/v1/users/" + id + "/password", `{"password":"una-clave-larga","is_active":true}`},
			{"POST", "/v1/users/" + id + ":deactivate", `{"is_superuser":true}`},
			{"POST", "/v1/users/" + id + ":activate", `{"is_superuser":true}`},
			{"PUT", "/v1/tenants/" + tenant + "/members/" + id, `{"role":"owner","home":true}`},
		} {
			if a := own.want(own.do(w.method, w.path, w.body), 422, "request.invalid"); !strings.Contains(a.text, "errors") {
				t.Errorf("%s %s: %s", w.method, w.path, a.text)
			}
		}
	})
}

// tenantKey is Django's number of a tenant.
func (c caller) tenantKey(id string) (key tenantry.TenantKey) {
	c.t.Helper()
	err := c.db.Read(c.t.Context(), func(tx *sqldb.Tx) error {
		return tx.Get(c.t.Context(), `SELECT tenant_id FROM tenantry_tenant WHERE public_id = ?`, []any{id}, &key)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return key
}
