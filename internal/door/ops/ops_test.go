package ops_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/door/ops"
)

func well(context.Context) error { return nil }

// ask answers one request with a door of some checks.
func ask(t testing.TB, method, path string, checks ...ops.Check) (status int, body string) {
	t.Helper()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "counted 1\n") })
	w := httptest.NewRecorder()
	ops.New(checks, metrics).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	if w.Code == http.StatusOK && path != "/metrics" && (w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store") {
		t.Errorf("%s: header %v", path, w.Header())
	}
	return w.Code, w.Body.String()
}

func TestReadyWhenEverythingHolds(t *testing.T) {
	t.Parallel()
	status, body := ask(t, "GET", "/readyz", ops.Check{Name: "database", Run: well}, ops.Check{Name: "migrations", Run: well})
	if d := cmp.Diff(`{"checks":{"database":"ok","migrations":"ok"},"status":"ok"}`+"\n", body); d != "" || status != 200 {
		t.Errorf("%d %s", status, d)
	}
}

// A server that is alive but not ready is to be left alone, not to be restarted.
func TestFailingCheckMakesItUnreadyButAlive(t *testing.T) {
	t.Parallel()
	ill := ops.Check{Name: "database", Run: func(context.Context) error { return errors.New("db.internal refuses role tenantry") }}
	later := ops.Check{Name: "migrations", Run: well}
	status, body := ask(t, "GET", "/readyz", ill, later)
	if d := cmp.Diff(`{"checks":{"database":"failed","migrations":"ok"},"status":"unavailable"}`+"\n", body); d != "" || status != 503 {
		t.Errorf("%d %s", status, d)
	}
	if status, body := ask(t, "GET", "/livez", ill); status != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
}

func TestCheckDoesNotOutlastItsCaller(t *testing.T) {
	t.Parallel()
	var bounded bool
	stuck := ops.Check{Name: "database", Run: func(ctx context.Context) error {
		_, bounded = ctx.Deadline()
		<-ctx.Done() // the caller has gone, below
		return ctx.Err()
	}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	ops.New([]ops.Check{stuck}, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(gone, "GET", "/readyz", nil))
	if w.Code != 503 || !bounded {
		t.Errorf("status %d, bounded %v", w.Code, bounded)
	}
}

func TestMetricsAreServedAndNothingElse(t *testing.T) {
	t.Parallel()
	if status, body := ask(t, "GET", "/metrics"); status != 200 || body != "counted 1\n" {
		t.Errorf("%d %s", status, body)
	}
	for path, want := range map[string]int{"/": 404, "/livez/x": 404, "/debug/pprof/": 404} {
		if status, _ := ask(t, "GET", path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	if status, _ := ask(t, "POST", "/livez"); status != 405 {
		t.Errorf("POST: %d", status)
	}
}
