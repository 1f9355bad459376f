package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// key makes a management key of a tenant and a caller who signs in with it.
func (c caller) managing(tenant string, permissions string) caller {
	c.t.Helper()
	made := c.want(c.do("POST", "/v1/tenants/"+tenant+"/keys", fmt.Sprintf(`{"name":"k%d","permissions":[%s]}`, time.Now().UnixNano(), permissions)), 201, "")
	own := c
	own.key = made.body["secret"].(string)
	return own
}

func TestTenantsKeyReachesItsTenantAloneAndWhatItHolds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.customer("Acme"), c.customer("Other")
		made := c.want(c.do("POST", "/v1/tenants/"+acme.id+"/keys", `{"name":"ci","permissions":["apikeys.read","tenants.read","apikeys.write","tokens.read"]}`), 201, "")
		secret := made.body["secret"].(string)
		if !strings.HasPrefix(secret, "tmk_") || len(secret) != 53 {
			t.Errorf("%d characters of %.4s", len(secret), secret)
		}
		own := c
		own.key = secret
		me := own.want(own.do("GET", "/v1/whoami", ""), 200, "")
		if a := me.body["actor"].(map[string]any); a["kind"] != "key" || a["name"] != "ci" || me.body["tenant"] != acme.id {
			t.Error(me.text)
		}
		own.want(own.do("GET", "/v1/tenants/"+acme.id, ""), 200, "")
		own.want(own.do("GET", "/v1/tenants/"+other.id, ""), 404, "tenant.not_found")
		own.want(own.do("GET", "/v1/tenants/"+other.id+"/keys", ""), 404, "tenant.not_found")
		own.want(own.do("POST", "/v1/tenants/"+other.id+"/keys", `{"name":"x","permissions":[]}`), 404, "tenant.not_found")
		own.want(own.do("PATCH", "/v1/tenants/"+acme.id, `{"description":"x"}`), 403, "access.forbidden")
		// It cannot make another that holds more.
		own.want(own.do("POST", "/v1/tenants/"+acme.id+"/keys", `{"name":"more","permissions":["tenants.write"]}`), 403, "access.cannot_grant")
		own.want(own.do("POST", "/v1/tenants/"+acme.id+"/keys", `{"name":"less","permissions":["tenants.read"]}`), 201, "")
		if listed := own.want(own.do("GET", "/v1/tenants/"+acme.id+"/keys", ""), 200, ""); len(listed.body["items"].([]any)) != 2 || strings.Contains(listed.text, secret) {
			t.Error(listed.text)
		}
		if listed := c.want(c.do("GET", "/v1/tenants/"+other.id+"/keys", ""), 200, ""); len(listed.body["items"].([]any)) != 0 {
			t.Error(listed.text)
		}
		// Revoked by the other tenant's path it is missing; by its own it ends at once.
		id := made.body["key"].(map[string]any)["id"].(string)
		c.want(c.do("POST", "/v1/tenants/"+other.id+"/keys/"+id+":revoke", ""), 404, "key.not_found")
		c.want(c.do("POST", "/v1/tenants/"+acme.id+"/keys/"+id+":revoke", ""), 200, "")
		c.want(c.do("POST", "/v1/tenants/"+acme.id+"/keys/"+id+":revoke", `{}`), 200, "")
		own.want(own.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		c.silent(secret)
	})
}

func TestKeysThatAreNotLetIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		own := c.managing(acme.id, `"tenants.read"`)
		other := own
		other.key = own.key[:len(own.key)-1] + "x"
		other.want(other.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")

		c.want(c.do("POST", "/v1/tenants/"+acme.id+":suspend", `{"reason":"unpaid"}`), 200, "")
		own.want(own.do("GET", "/v1/whoami", ""), 403, "access.tenant_suspended")
		c.want(c.do("POST", "/v1/tenants/"+acme.id+":activate", ""), 200, "")
		own.want(own.do("GET", "/v1/whoami", ""), 200, "")

		ends := c.want(c.do("POST", "/v1/tenants/"+acme.id+"/keys", fmt.Sprintf(`{"name":"short","permissions":["tenants.read"],"expires_at":%q}`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))), 201, "")
		short := c
		short.key = ends.body["secret"].(string)
		short.want(short.do("GET", "/v1/whoami", ""), 200, "")
		c.passed.Add(int64(2 * time.Hour))
		short.want(short.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")

		c.want(c.do("DELETE", "/v1/tenants/"+acme.id, ""), 202, "")
		own.want(own.do("GET", "/v1/whoami", ""), 403, "access.tenant_closed")
	})
}

func TestKeysAndRolesThatCannotBeMade(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		at := "/v1/tenants/" + c.customer("Acme").id
		c.want(c.do("POST", at+"/keys", `{"name":"ci","permissions":[]}`), 201, "")
		c.want(c.do("POST", at+"/keys", `{"name":"ci","permissions":[]}`), 409, "key.name_taken")
		for _, body := range []string{`{"name":"","permissions":[]}`, `{"name":"key_x","permissions":[]}`, `{"name":"a","permissions":["can_fly"]}`,
			`{"name":"a","permissions":["operators.write"]}`, `{"name":"a","permissions":["keys.write"]}`, `{"name":"a","permissions":[],"expires_at":"2020-01-01T00:00:00Z"}`} {
			c.want(c.do("POST", at+"/keys", body), 422, "key.invalid")
		}
		for _, body := range []string{`{"name":"admin","permissions":[]}`, `{"name":"quarantined","permissions":[]}`, `{"name":"Big","permissions":[]}`, `{"name":"x","permissions":[]}`,
			`{"name":"ok","permissions":["operators.write"]}`, `{"name":"ok","permissions":["nothing"]}`, `{"name":"ok","label":"a\tb","permissions":[]}`} {
			c.want(c.do("POST", at+"/roles", body), 422, "role.invalid")
		}
		for _, id := range []string{"1", "key_x", "tnt_01jd3v8y7aexkrq0z5c9m4t2wb", "key_01jd3v8y7aexkrq0z5c9m4t2wb"} {
			c.want(c.do("POST", at+"/keys/"+id+":revoke", ""), 404, "key.not_found")
			c.want(c.do("POST", at+"/grants/"+id+":revoke", ""), 404, "grant.not_found")
			c.want(c.do("GET", at+"/roles/"+id, ""), 404, "role.not_found")
		}
	})
}

func TestRolesOfATenantsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.customer("Acme"), c.customer("Other")
		at := "/v1/tenants/" + acme.id + "/roles"
		made := c.want(c.do("POST", at, `{"name":"support","label":"Soporte","permissions":["users.read","tenants.read","users.read"]}`), 201, "")
		if p := fmt.Sprint(made.body["permissions"]); p != "[tenants.read users.read]" || made.body["built_in"] != false {
			t.Error(made.text)
		}
		c.want(c.do("POST", at, `{"name":"support","permissions":[]}`), 409, "role.name_taken")
		c.want(c.do("GET", "/v1/tenants/"+other.id+"/roles/support", ""), 404, "role.not_found")
		if all := c.want(c.do("GET", at, ""), 200, "").body["items"].([]any); len(all) != 8 || all[7].(map[string]any)["name"] != "support" {
			t.Error(all)
		}
		read := c.want(c.do("GET", at+"/support", ""), 200, "")
		etag := read.header.Get("ETag")
		changed := c.want(c.do("PATCH", at+"/support", `{"permissions":["tenants.read"]}`, "If-Match", etag), 200, "")
		c.want(c.do("PATCH", at+"/support", `{"label":"x"}`, "If-Match", etag), 412, "role.stale")
		c.want(c.do("DELETE", at+"/support", "", "If-Match", etag), 412, "role.stale")
		if changed.body["label"] != "Soporte" || fmt.Sprint(changed.body["permissions"]) != "[tenants.read]" {
			t.Error(changed.text)
		}
		c.want(c.do("PATCH", at+"/admin", `{"permissions":[]}`), 409, "role.built_in")
		c.want(c.do("DELETE", at+"/owner", ""), 409, "role.built_in")

		// Nobody puts in, or takes out, what they do not hold.
		own := c.managing(acme.id, `"roles.read","roles.write","tenants.read"`)
		own.want(own.do("POST", at, `{"name":"mine","permissions":["users.write"]}`), 403, "access.cannot_grant")
		own.want(own.do("PATCH", at+"/support", `{"permissions":["tenants.read","users.write"]}`), 403, "access.cannot_grant")
		own.want(own.do("POST", "/v1/tenants/"+other.id+"/roles", `{"name":"mine","permissions":[]}`), 404, "tenant.not_found")
		c.want(c.do("PATCH", at+"/support", `{"permissions":["users.write"]}`), 200, "")
		own.want(own.do("PATCH", at+"/support", `{"permissions":[]}`), 403, "access.cannot_grant")
		own.want(own.do("PATCH", at+"/support", `{"label":"Help"}`), 200, "")

		c.want(c.do("DELETE", at+"/support", ""), 204, "")
		c.want(c.do("DELETE", at+"/support", ""), 404, "role.not_found")
	})
}

func TestCatalogueOfPermissionsSaysWhoHoldsThem(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		found := map[string]map[string]any{}
		for _, one := range c.want(c.do("GET", "/v1/permissions", ""), 200, "").body["items"].([]any) {
			entry := one.(map[string]any)
			found[entry["name"].(string)] = entry
		}
		if e := found["operators.write"]; e["platform"] != true || fmt.Sprint(e["roles"]) != "[]" || fmt.Sprint(e["operators"]) != "[admin]" {
			t.Error(e)
		}
		if e := found["apikeys.write"]; e["platform"] != false || fmt.Sprint(e["roles"]) != "[owner admin]" {
			t.Error(e)
		}
	})
}
