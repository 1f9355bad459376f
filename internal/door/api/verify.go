package api

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

// The routes in this file are asked thousands of times a second and by strangers,
// who need no credential: holding a token is the proof. So they are plain
// net/http, they write their JSON themselves, and they take no part in huma.

// Verification asks whether a token is valid, and for what.
type Verification struct {
	Token      string `json:"token" doc:"docs.verify.token"`
	Kind       string `json:"kind,omitempty" enum:"ai,cwu" doc:"docs.verify.kind"`
	Tenant     string `json:"tenant,omitempty" doc:"docs.verify.tenant"`
	Permission string `json:"permission,omitempty" doc:"docs.verify.permission"`
	Address    string `json:"address,omitempty" doc:"docs.verify.address"`
}

// Verdict is the answer. Everything behind Code is left out of what is nobody's.
type Verdict struct {
	Valid       bool     `json:"valid" doc:"docs.verdict.valid"`
	Code        string   `json:"code" enum:"VALID,NOT_FOUND,MALFORMED,DISABLED,EXPIRED,REVOKED,TENANT_SUSPENDED,FORBIDDEN,RATE_LIMITED,USAGE_EXCEEDED" doc:"docs.verdict.code"`
	Cache       string   `json:"cache" enum:"HIT,MISS" doc:"docs.verdict.cache"`
	Reason      string   `json:"reason,omitempty" doc:"docs.verdict.reason"`
	Tenant      string   `json:"tenant,omitempty" doc:"docs.verdict.tenant"`
	TenantName  string   `json:"tenant_name,omitempty" doc:"docs.tenant.name"`
	TokenID     string   `json:"token_id,omitempty" doc:"docs.token.id"`
	Version     int64    `json:"version,omitempty" doc:"docs.token.version"`
	Kind        string   `json:"kind,omitempty" doc:"docs.token.kind"`
	Permissions []string `json:"permissions,omitempty" doc:"docs.verdict.permissions"`
	Model       string   `json:"model,omitempty" doc:"docs.tenant.model"`
	Limits      *Limits  `json:"limits,omitempty" doc:"docs.verdict.limits"`
	ExpiresAt   string   `json:"expires_at,omitempty" format:"date-time" doc:"docs.verdict.expires_at"`
}

// Limits are those of the token's tenant.
type Limits struct {
	MaxAgents    int64 `json:"max_agents" doc:"docs.tenant.max_agents"`
	MaxDocuments int64 `json:"max_documents" doc:"docs.tenant.max_documents"`
	MaxStorageMB int64 `json:"max_storage_mb" doc:"docs.tenant.max_storage_mb"`
}

// Verifier answers what strangers ask about tokens.
type Verifier struct {
	api *API
}

// maxVerification bounds the body of a verification, maxBatch the number of tokens
// in a batch of them.
const (
	maxVerification = 8 << 10
	maxBatch        = 1000
)

// NewVerifier makes the routes on mux and returns what is to stand before it.
// observe makes the counter of a route.
func NewVerifier(a *API, swift *web.Swift, mux *http.ServeMux, observe func(method, route string) func(status int, took time.Duration)) http.Handler {
	v := &Verifier{api: a}
	handler := func(method, route string, handle func(http.ResponseWriter, *http.Request) error) http.Handler {
		return swift.Handle(observe(method, route), func(w http.ResponseWriter, r *http.Request) error {
			if method != anyMethod && r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
				w.Header().Set("Allow", method)
				return web.Refuse(http.StatusMethodNotAllowed, "web.no_method", "methods", method)
			}
			return handle(w, r)
		})
	}
	add := func(method, route string, handle func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(route, handler(method, route, handle))
	}
	add(http.MethodPost, "/v1/tokens:verify", v.verify)
	add(http.MethodPost, "/v1/tokens:batchVerify", v.batch)
	add(http.MethodPost, "/v1/tokens:revoke", v.revokeHeld)
	add(http.MethodGet, "/v1/tokens:pattern", v.pattern)
	add(anyMethod, "/v1/auth", v.auth)
	// Envoy puts the original path behind it, whatever that is. ServeMux answers a
	// path with // or .. in it with a redirect, which Envoy would hand on.
	const below = "/v1/auth/"
	auth := handler(anyMethod, below, v.auth)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, below) {
			auth.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// anyMethod: proxies send the method of the request that they ask about.
const anyMethod = "ANY"

// verify is POST /v1/tokens:verify.
func (v *Verifier) verify(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return tokenInQuery()
	}
	body, err := web.ReadBody(w, r, maxVerification, jsonTypes...)
	if err != nil {
		return err
	}
	var in Verification
	if text, plain := onlyToken(body); plain {
		in.Token = text
	} else if err := web.DecodeJSON(body, &in); err != nil {
		return err
	}
	q, err := v.question(r, in)
	if err != nil {
		return err
	}
	verdict, err := v.api.Verify.Verify(r.Context(), in.Token, q)
	if err != nil {
		return err
	}
	var room [1024]byte
	answer(w, appendVerdict(room[:0], &verdict))
	return nil
}

// onlyToken reads the body that nearly everybody sends, {"token":"…"} without
// escapes, and leaves every other to a real parser.
func onlyToken(body []byte) (string, bool) {
	const head, tail = `{"token":"`, `"}`
	n := len(body)
	if n < len(head)+len(tail) || string(body[:len(head)]) != head || string(body[n-len(tail):]) != tail {
		return "", false
	}
	text := body[len(head) : n-len(tail)]
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return "", false
		}
	}
	return string(text), true
}

// question puts together what is asked besides the token.
func (v *Verifier) question(r *http.Request, in Verification) (q verify.Question, err error) {
	q.From = v.api.Proxies.ClientOf(r)
	q.Authoritative = wantsLook(r)
	if in.Kind == "" && in.Tenant == "" && in.Permission == "" && in.Address == "" {
		return v.trust(r, q)
	}
	var wrong []tenantry.FieldError
	if q.Kind = token.Kind(in.Kind); in.Kind != "" && !slices.Contains(token.Kinds(), q.Kind) {
		wrong = append(wrong, tenantry.NewFieldError("kind", "field.not_one_of", "choices", token.Kinds()))
	}
	q.Permission = in.Permission
	if in.Tenant != "" {
		if q.Tenant, err = tenantry.ParseTenantID(in.Tenant); err != nil {
			wrong = append(wrong, tenantry.NewFieldError("tenant", "field.invalid"))
		}
	}
	if in.Address != "" {
		q.Asker = q.From // whoever asks may name any address, and fails under their own
		if q.From, err = netip.ParseAddr(in.Address); err != nil {
			wrong = append(wrong, tenantry.NewFieldError("address", "field.invalid"))
		}
	}
	if len(wrong) > 0 {
		return q, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(wrong...)
	}
	return v.trust(r, q)
}

// wantsLook: Cache-Control: no-cache wants an authoritative answer.
func wantsLook(r *http.Request) bool {
	for _, given := range r.Header["Cache-Control"] {
		if strings.Contains(strings.ToLower(given), "no-cache") {
			return true
		}
	}
	return false
}

// trust spares callers with a credential the limit of failures: a gateway asks on
// behalf of many.
func (v *Verifier) trust(r *http.Request, q verify.Question) (verify.Question, error) {
	if len(r.Header["Authorization"]) == 0 {
		return q, nil
	}
	key, err := bearer(r)
	if err != nil {
		return q, err
	}
	q.Trusted = sync.OnceValue(func() bool {
		_, err := v.api.Bearer(r.Context(), key)
		return err == nil
	})
	return q, nil
}

// batch is POST /v1/tokens:batchVerify.
func (v *Verifier) batch(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return tokenInQuery()
	}
	body, err := web.ReadBody(w, r, web.MaxBody, jsonTypes...)
	if err != nil {
		return err
	}
	var in Batch
	if err := web.DecodeJSON(body, &in); err != nil {
		return err
	}
	if len(in.Tokens) == 0 || len(in.Tokens) > maxBatch {
		return tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("tokens", "field.out_of_range", "min", 1, "max", maxBatch))
	}
	q, err := v.question(r, Verification{})
	if err != nil {
		return err
	}
	out := append(make([]byte, 0, 512*len(in.Tokens)), `{"results":[`...)
	for i, presented := range in.Tokens {
		verdict, err := v.api.Verify.Verify(r.Context(), presented, q)
		if err != nil {
			return err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = appendVerdict(out, &verdict)
	}
	answer(w, append(out, "]}"...))
	return nil
}

// Batch asks for many tokens at once; the answers come in the same order.
type Batch struct {
	Tokens []string `json:"tokens" minItems:"1" maxItems:"1000" nullable:"false" doc:"docs.batch.tokens"`
}

// Verdicts are the answers to a batch.
type Verdicts struct {
	Results []Verdict `json:"results" nullable:"false" doc:"docs.batch.results"`
}

// auth is GET /v1/auth, for proxies that ask before they pass a request on: the
// token stands in Authorization, the answer is a status and headers.
func (v *Verifier) auth(w http.ResponseWriter, r *http.Request) error {
	q, err := v.authQuestion(r)
	if err != nil {
		return err
	}
	presented, err := bearerText(r)
	if err != nil {
		return err
	}
	verdict, err := v.api.Verify.Verify(r.Context(), presented, q)
	if err != nil {
		return err
	}
	h := w.Header()
	h["X-Token-Code"] = []string{string(verdict.Code)}
	switch verdict.Code {
	case verify.Valid:
	case verify.Forbidden, verify.TenantSuspended, verify.Disabled, verify.RateLimited:
		// 403 for RATE_LIMITED too: nginx turns every other status into a 500.
		return tenantry.NewError(tenantry.Forbidden, "verify."+strings.ToLower(string(verdict.Code)))
	default:
		return tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
	}
	h["X-Tenant-Id"] = []string{verdict.Tenant.ID.String()}
	h["X-Tenant-Key"] = []string{strconv.FormatInt(int64(verdict.Tenant.Key), 10)}
	h["X-Tenant-Name"] = []string{url.PathEscape(verdict.Tenant.Name)} // a header is ASCII
	h["X-Tenant-Model"] = []string{url.PathEscape(verdict.Tenant.Model)}
	h["X-Token-Id"] = []string{verdict.Token.String()}
	h["X-Token-Version"] = []string{strconv.FormatInt(verdict.Version, 10)}
	h["X-Token-Kind"] = []string{string(verdict.Kind)}
	h["X-Token-Permissions"] = []string{strings.Join(verdict.Permissions, " ")}
	if r.URL.Path == "/v1/auth" {
		w.WriteHeader(http.StatusNoContent)
	} else {
		w.WriteHeader(http.StatusOK) // Envoy takes every other status for a refusal
	}
	return nil
}

// authQuestion reads ?kind= and ?permission=. A token in the query string is
// refused: it would stand in every log on the way.
func (v *Verifier) authQuestion(r *http.Request) (verify.Question, error) {
	q := verify.Question{From: v.api.Proxies.ClientOf(r)}
	q.Authoritative = r.Header.Get("X-Forwarded-Method") == "" && r.Header.Get("X-Original-Uri") == "" && wantsLook(r)
	// Behind /v1/auth/ stands the path and query of the request that is asked about.
	if r.URL.RawQuery == "" || r.URL.Path != "/v1/auth" {
		return q, nil
	}
	for name, values := range r.URL.Query() {
		switch {
		case len(values) == 1 && name == "kind" && slices.Contains(token.Kinds(), token.Kind(values[0])):
			q.Kind = token.Kind(values[0])
		case len(values) == 1 && name == "permission":
			q.Permission = values[0]
		case name != "kind" && name != "permission" && r.Header.Get("X-Forwarded-Uri") != "":
			// Where its own configuration asks nothing, Caddy leaves the query of the
			// request that it asks about.
		default:
			return q, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
		}
	}
	return q, nil
}

func tokenInQuery() error {
	return web.Refuse(http.StatusBadRequest, "verify.token_in_query")
}

// HeldRevocation ends a token on the authority of holding it.
type HeldRevocation struct {
	Token string `json:"token" doc:"docs.verify.token"`
}

// HeldRevoked says what came of it.
type HeldRevoked struct {
	Revoked bool   `json:"revoked" doc:"docs.held.revoked"`
	Code    string `json:"code" enum:"REVOKED,NOT_FOUND,RATE_LIMITED" doc:"docs.verdict.code"`
}

// revokeHeld is POST /v1/tokens:revoke, for scanners and finders.
func (v *Verifier) revokeHeld(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return tokenInQuery()
	}
	body, err := web.ReadBody(w, r, maxVerification, jsonTypes...)
	if err != nil {
		return err
	}
	var in HeldRevocation
	if err := web.DecodeJSON(body, &in); err != nil {
		return err
	}
	q, err := v.question(r, Verification{})
	if err != nil {
		return err
	}
	out := HeldRevoked{Code: string(verify.RateLimited)}
	if v.api.Verify.Allows(q) {
		found, err := v.api.Tokens.RevokeHeld(r.Context(), v.api.Holder, tenantry.NewSecret(in.Token))
		if err != nil {
			return err
		}
		out = HeldRevoked{Revoked: found, Code: string(verify.NotFound)}
		if found {
			out.Code = string(verify.Revoked)
		} else {
			v.api.Verify.Failed(q)
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	answer(w, text)
	return nil
}

// Pattern is what a scanner for leaked secrets looks for.
type Pattern struct {
	Kind     string `json:"kind" doc:"docs.token.kind"`
	Regex    string `json:"regex" doc:"docs.pattern.regex"`
	Checksum string `json:"checksum" doc:"docs.pattern.checksum"`
	Revoke   string `json:"revoke" doc:"docs.pattern.revoke"`
}

// pattern is GET /v1/tokens:pattern.
func (v *Verifier) pattern(w http.ResponseWriter, _ *http.Request) error {
	var all list[Pattern]
	for _, kind := range token.Kinds() {
		all.Items = append(all.Items, Pattern{Kind: string(kind), Regex: v.api.Tokens.Settings().Pattern(kind),
			Checksum: "crc32-ieee of everything before the last 6 characters, base62 [0-9A-Za-z], most significant digit first", Revoke: "POST /v1/tokens:revoke"})
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	answer(w, text)
	return nil
}

var jsonType = []string{"application/json"}

// jsonTypes are the media types that a body may come as: curl calls whatever it is
// given a form, and nothing here acts in anybody's name.
var jsonTypes = []string{"application/json", "text/plain", "application/x-www-form-urlencoded"}

func answer(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // the caller has gone
}

// appendVerdict writes a verdict in the form of Verdict.
func appendVerdict(b []byte, v *verify.Verdict) []byte {
	b = append(b, `{"valid":`...)
	b = strconv.AppendBool(b, v.Code == verify.Valid)
	b = append(b, `,"code":"`...)
	b = append(b, v.Code...)
	if v.Hit {
		b = append(b, `","cache":"HIT"`...)
	} else {
		b = append(b, `","cache":"MISS"`...)
	}
	if v.Tenant == nil {
		return append(b, '}')
	}
	if v.Reason != "" {
		b = appendField(b, `,"reason":"`, string(v.Reason))
	}
	b = append(b, `,"tenant":"`...)
	b, _ = v.Tenant.ID.AppendText(b)
	b = append(b, '"')
	b = append(b, `,"tenant_name":`...)
	b = appendText(b, v.Tenant.Name)
	b = append(b, `,"token_id":"`...)
	b, _ = v.Token.AppendText(b)
	b = append(b, `","version":`...)
	b = strconv.AppendInt(b, v.Version, 10)
	b = appendField(b, `,"kind":"`, string(v.Kind))
	if v.Code != verify.Valid {
		return append(b, '}')
	}
	b = append(b, `,"permissions":[`...)
	for i, p := range v.Permissions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), p...), '"') // of our own list
	}
	b = append(b, `],"model":`...)
	b = appendText(b, v.Tenant.Model)
	b = append(b, `,"limits":{"max_agents":`...)
	b = strconv.AppendInt(b, v.Tenant.MaxAgents, 10)
	b = append(b, `,"max_documents":`...)
	b = strconv.AppendInt(b, v.Tenant.MaxDocuments, 10)
	b = append(b, `,"max_storage_mb":`...)
	b = strconv.AppendInt(b, v.Tenant.MaxStorageMB, 10)
	b = append(b, '}')
	if !v.ExpiresAt.IsZero() {
		b = append(b, `,"expires_at":"`...)
		b = append(v.ExpiresAt.UTC().AppendFormat(b, time.RFC3339), '"')
	}
	return append(b, '}')
}

func appendField(b []byte, head, plain string) []byte {
	return append(append(append(b, head...), plain...), '"')
}

// appendText writes what people wrote, which may need escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, _ := json.Marshal(s) // a string can be
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
