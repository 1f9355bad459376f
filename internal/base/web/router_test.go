package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenantry/tenantry/internal/base/web"
)

// things is a router with the routes of a noun, each of which says its name and
// the id that it was given.
func things(f *watched) http.Handler {
	rt := web.NewRouter(f.Problems.Write)
	for _, route := range []string{"GET /v1/things", "POST /v1/things", "POST /v1/things:verify", "GET /v1/things/{id}", "DELETE /v1/things/{id}",
		"POST /v1/things/{id}:stop", "POST /v1/things/{id}:start", "GET /v1/notes/{id}", "POST /v1/jobs/{id}:run"} {
		var method, path string
		_, _ = fmt.Sscan(route, &method, &path)
		rt.Handle(method, path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, route+" "+r.PathValue("id"))
		}))
	}
	return f.Wrap(rt)
}

func TestRoutesAreFoundByMethodPathAndVerb(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request, route, id string
	}{
		{"GET /v1/things", "GET /v1/things", ""},
		{"POST /v1/things", "POST /v1/things", ""},
		{"POST /v1/things:verify", "POST /v1/things:verify", ""},
		{"GET /v1/things/7", "GET /v1/things/{id}", "7"},
		{"HEAD /v1/things/7", "GET /v1/things/{id}", "7"},
		{"DELETE /v1/things/7", "DELETE /v1/things/{id}", "7"},
		{"POST /v1/things/7:stop", "POST /v1/things/{id}:stop", "7"},
		{"POST /v1/things/a:b:start", "POST /v1/things/{id}:start", "a:b"},
		{"POST /v1/jobs/7:run", "POST /v1/jobs/{id}:run", "7"},
		// Where no verb exists, a colon is a letter like any other.
		{"GET /v1/notes/a:b", "GET /v1/notes/{id}", "a:b"},
	} {
		f := watch()
		var method, path string
		_, _ = fmt.Sscan(c.request, &method, &path)
		answer := serve(things(f), httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if got, want := answer.Body.String(), c.route+" "+c.id; answer.Code != 200 || got != want {
			t.Errorf("%s: %d %q, want %q", c.request, answer.Code, got, want)
		}
		var _, pattern string
		_, _ = fmt.Sscan(c.route, &method, &pattern)
		if f.observed[0].Route != pattern {
			t.Errorf("%s: observed as %q, want %q", c.request, f.observed[0].Route, pattern)
		}
	}
}

func TestMissesHaveTheFormOfOtherProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request     string
		status      int
		code, allow string
	}{
		{"GET /", 404, "web.no_route", ""},
		{"GET /v1/things/7/8", 404, "web.no_route", ""},
		{"POST /v1/things/7:fly", 404, "web.no_route", ""},
		{"POST /v1/things/7:", 405, "web.no_method", "DELETE, GET, HEAD, OPTIONS"},
		{"POST /v1/jobs/7", 404, "web.no_route", ""},
		{"POST /v1/things:fly", 404, "web.no_route", ""},
		{"PUT /v1/things", 405, "web.no_method", "GET, HEAD, OPTIONS, POST"},
		{"GET /v1/things/7:stop", 405, "web.no_method", "OPTIONS, POST"},
		{"BREW /v1/things/7", 405, "web.no_method", "DELETE, GET, HEAD, OPTIONS"},
	} {
		var method, path string
		_, _ = fmt.Sscan(c.request, &method, &path)
		answer := serve(things(watch()), httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if p := problemOf(t, answer); answer.Code != c.status || p.Code != c.code || answer.Header().Get("Allow") != c.allow {
			t.Errorf("%s: %d %s, Allow %q", c.request, answer.Code, p.Code, answer.Header().Get("Allow"))
		}
	}
}

func TestOptionsTellTheMethods(t *testing.T) {
	t.Parallel()
	answer := serve(things(watch()), httptest.NewRequestWithContext(t.Context(), "OPTIONS", "/v1/things/7", nil))
	if answer.Code != 204 || answer.Header().Get("Allow") != "DELETE, GET, HEAD, OPTIONS" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
}

// Strangers ask for anything; what is counted has few values all the same.
func TestMissesAreObservedWithoutARoute(t *testing.T) {
	t.Parallel()
	f := watch()
	serve(things(f), get(t, "/wp-admin.php"))
	if f.observed[0].Route != "" || f.observed[0].Status != 404 {
		t.Errorf("%+v", f.observed)
	}
}
