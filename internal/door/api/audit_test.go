package api_test

import (
	"strings"
	"testing"
)

func TestTheRecordIsReadOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		tenant, admin, own := c.arrive("acme")
		_, _, other := c.arrive("other")
		c.want(c.do("POST", "/v1/tenants/"+tenant+":suspend", `{"reason":"unpaid"}`), 200, "")
		own.want(own.do("PATCH", "/v1/users/"+admin, `{"first_name":"Ana"}`), 200, "")
		at := "/v1/tenants/" + tenant + "/audit"
		if a := own.want(own.do("GET", at+"?limit=1", ""), 200, ""); !strings.Contains(a.text, `"action":"user.updated"`) || a.body["next_cursor"] == nil || strings.Contains(a.text, "Ana") {
			t.Error(a.text)
		}
		for query, want := range map[string]int{"action=tenant.suspended": 1, "action=tenant.": 2, "actor=eva": 1, "actor=nobody": 0} {
			if a := own.want(own.do("GET", at+"?"+query, ""), 200, ""); len(a.body["items"].([]any)) != want {
				t.Errorf("%s: %s", query, a.text)
			}
		}
		other.want(other.do("GET", at, ""), 404, "tenant.not_found")
		own.want(own.do("GET", "/v1/audit", ""), 404, "tenant.not_found")
		if a := c.want(c.do("GET", "/v1/audit", ""), 200, ""); !strings.Contains(a.text, "operator.created") || strings.Contains(a.text, "tenant.suspended") {
			t.Error(a.text)
		}
	})
}

func TestSettingsAndCatalogueAreForOperators(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		_, _, own := c.arrive("acme")
		own.want(own.do("GET", "/v1/settings", ""), 403, "access.forbidden")
		c.want(c.do("GET", "/v1/settings", ""), 200, "")
		const model = `{"name":"m-1","label":"M1","provider":"acme","enabled":true}`
		own.want(own.do("POST", "/v1/models", model), 403, "access.forbidden")
		c.want(c.do("POST", "/v1/models", model), 201, "")
		c.want(c.do("POST", "/v1/models", model), 409, "catalogue.exists")
		c.want(c.do("POST", "/v1/models", `{"name":" ","label":"","provider":"x","enabled":true}`), 422, "catalogue.invalid")
		c.want(c.do("PUT", "/v1/models/m-1", `{"label":"M1","provider":"acme","enabled":false,"position":0}`), 422, "request.invalid")
		c.want(c.do("PUT", "/v1/models/m-1", `{"label":"M1","provider":"acme","enabled":false}`), 200, "")
		c.want(c.do("PUT", "/v1/models/m-2", `{"label":"M2","provider":"acme","enabled":false}`), 404, "catalogue.not_found")
		own.want(own.do("PUT", "/v1/models/m-1", `{"label":"M1","provider":"acme","enabled":true}`), 403, "access.forbidden")
		c.want(c.do("POST", "/v1/tenants", `{"name":"x","model":"m-1"}`), 422, "tenant.invalid")
	})
}
