// Package ops is the way in for whoever runs the program: whether it lives, is
// ready, and what it has counted. It listens on an address of its own, which
// belongs inside the operator's network.
package ops

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Check is one thing that must hold before requests are welcome.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// checkTimeout bounds a check: a load balancer that asks has little patience.
const checkTimeout = 2 * time.Second

// New makes the door: GET /livez, /readyz and /metrics.
func New(checks []Check, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, states := ready(r.Context(), checks)
		text := "ok"
		if status != http.StatusOK {
			text = "unavailable"
		}
		answer(w, status, map[string]any{"status": text, "checks": states})
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}

// ready runs every check. What went wrong is for the log: an error may name
// hosts and roles.
func ready(ctx context.Context, checks []Check) (status int, states map[string]string) {
	status, states = http.StatusOK, map[string]string{}
	for _, c := range checks {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		states[c.Name] = "ok"
		if err := c.Run(ctx); err != nil {
			states[c.Name] = "failed"
			status = http.StatusServiceUnavailable
		}
		cancel()
	}
	return status, states
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
