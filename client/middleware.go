package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tenantry/tenantry"
)

type verdictKey struct{}

// FromContext returns the verdict about the token of the request that is being
// served; ok is false outside of Middleware and Require.
func FromContext(ctx context.Context) (v Verdict, ok bool) {
	v, ok = ctx.Value(verdictKey{}).(Verdict)
	return v, ok
}

// Middleware lets requests with a valid token in `Authorization: Bearer` through
// to next, which finds out about it with FromContext. Everybody else is answered
// with a problem document (RFC 9457): 401 without a token that works, 403 for one
// that works but not here or not now, 429 for too many failures, 503 when the
// service cannot be asked.
func (c *Client) Middleware(next http.Handler) http.Handler { return c.Require(Question{}, next) }

// Require is Middleware for tokens that answer a question as well. A question
// without an Address is asked with the request's.
func (c *Client) Require(q Question, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r)
		if !ok {
			refuse(w, http.StatusUnauthorized, "access.unauthenticated")
			return
		}
		q := q
		if !q.Address.IsValid() {
			q.Address = c.address(r)
		}
		v, err := c.Verify(r.Context(), token, q)
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, "unavailable")
			return
		}
		switch v.Code {
		case Valid:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), verdictKey{}, v)))
		case Forbidden, TenantSuspended, Disabled:
			refuse(w, http.StatusForbidden, "verify."+strings.ToLower(string(v.Code)))
		case RateLimited, UsageExceeded:
			refuse(w, http.StatusTooManyRequests, "verify."+strings.ToLower(string(v.Code)))
		default:
			refuse(w, http.StatusUnauthorized, "access.unauthenticated")
		}
	})
}

// bearer reads the token of a request. Two of them are none: which one somebody
// on the way has checked cannot be known.
func bearer(r *http.Request) (tenantry.Secret, bool) {
	given := r.Header["Authorization"]
	if len(given) != 1 {
		return tenantry.Secret{}, false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > longestToken {
		return tenantry.Secret{}, false
	}
	return tenantry.NewSecret(token), true
}

// remote is the other end of the connection.
func remote(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero Addr is unknown
	return at.Addr().Unmap().WithZone("")
}

// problem is a problem document. Its code is the API's.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
}

func refuse(w http.ResponseWriter, status int, code string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	text, _ := json.Marshal(problem{"urn:tenantry:problem:" + code, http.StatusText(status), status, code}) // strings and a number can be
	w.WriteHeader(status)
	_, _ = w.Write(text) // the caller has gone
}
