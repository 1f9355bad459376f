package api_test

import (
	"strings"
	"testing"
)

func TestConfigurationsOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		tenant, _, own := c.arrive("acme")
		_, _, other := c.arrive("other")
		at := "/v1/tenants/" + tenant + "/configurations/theme"
		own.want(own.do("GET", at, ""), 404, "configuration.not_found")
		own.want(own.do("PUT", "/v1/configuration-schemas/theme", `{"schema":{"required":["color"]}}`), 403, "access.forbidden")
		c.want(c.do("PUT", "/v1/configuration-schemas/theme", `{"schema":{"required":["color"]}}`), 200, "")
		own.want(own.do("GET", "/v1/configuration-schemas/theme", ""), 200, "")
		if a := own.want(own.do("PUT", at, `{"data":{}}`), 422, "configuration.invalid"); !strings.Contains(a.text, `"field":"/color"`) {
			t.Error(a.text)
		}
		own.want(own.do("PUT", at, `{}`), 422, "configuration.invalid")
		own.want(own.do("PUT", at, `{"data":{"color":"red"},"tenant_id":1}`), 422, "request.invalid")
		etag := own.want(own.do("PUT", at, `{"data":{"color":"red"}}`), 200, "").header.Get("ETag")
		own.want(own.do("PUT", at, `{"data":{"color":"blue"},"note":"nicer"}`, "If-Match", etag), 200, "")
		own.want(own.do("PUT", at, `{"data":{"color":"grey"}}`, "If-Match", etag), 412, "configuration.stale")
		if a := own.want(own.do("GET", at+"/diff?from=1&to=2", ""), 200, ""); !strings.Contains(a.text, `{"path":"/color","op":"replace","from":"red","to":"blue"}`) {
			t.Error(a.text)
		}
		own.want(own.do("GET", at+"/diff?from=1", ""), 422, "request.invalid")
		if a := own.want(own.do("POST", at+":rollback", `{"version":1}`), 200, ""); a.body["version"] != 3.0 {
			t.Error(a.text)
		}
		first := own.want(own.do("GET", at+"/versions?limit=2", ""), 200, "")
		cursor, _ := first.body["next_cursor"].(string)
		if a := own.want(own.do("GET", at+"/versions?limit=2&cursor="+cursor, ""), 200, ""); len(a.body["items"].([]any)) != 1 {
			t.Error(a.text)
		}
		if a := own.want(own.do("GET", at+"/versions/2", ""), 200, ""); a.body["note"] != "nicer" {
			t.Error(a.text)
		}
		own.want(own.do("GET", at+"/versions/9", ""), 404, "configuration.not_found")
		if a := own.want(own.do("GET", "/v1/tenants/"+tenant+"/configurations", ""), 200, ""); len(a.body["items"].([]any)) != 1 {
			t.Error(a.text)
		}
		other.want(other.do("GET", at, ""), 404, "tenant.not_found")
		own.want(own.do("DELETE", at, "", "If-Match", etag), 412, "configuration.stale")
		own.want(own.do("DELETE", at, ""), 204, "")
		c.want(c.do("DELETE", "/v1/configuration-schemas/theme", ""), 204, "")
		if a := c.want(c.do("GET", "/v1/configuration-schemas", ""), 200, ""); len(a.body["items"].([]any)) != 0 {
			t.Error(a.text)
		}
	})
}
