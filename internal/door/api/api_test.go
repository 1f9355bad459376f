package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/mail"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/door/api"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/explain"
	"github.com/tenantry/tenantry/internal/flow/onboard"
	"github.com/tenantry/tenantry/internal/flow/signin"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// caller is a client with an operator's key.
type caller struct {
	t    *testing.T
	base string
	key  string
	house
}

// house is what a test may do behind the API's back.
type house struct {
	db     *sqldb.DB
	tokens *token.Service
	users  *user.Service
	signIn *signin.Flow
	mails  string // folder of what was mailed
	system tenantry.Scope
	passed *atomic.Int64 // nanoseconds by which the clock has been set forward
	log    *journal
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// each runs fn against the API over real HTTP on a fresh database of each
// engine.
func each(t *testing.T, fn func(t *testing.T, c caller)) {
	apptest.EachDatabase(t, func(t *testing.T, db *sqldb.DB) {
		h := house{db: db, passed: new(atomic.Int64), log: &journal{}}
		clock := func() time.Time { return time.Now().Add(time.Duration(h.passed.Load())) }
		log := audit.New(clock, rand.Reader)
		tenants := tenant.New(db, log, tenant.Limits{DefaultModel: "gpt-3.5-turbo", MaxAgents: 50, MaxDocuments: 10000, MaxStorageMB: 10000, DeleteGrace: time.Hour}, clock, rand.Reader)
		users := user.New(db, log, password.Hasher{Iterations: 1000, Random: rand.Reader}, access.GrantsIn, clock, rand.Reader)
		operators := access.New(db, log, user.CountRole, clock, rand.Reader)
		tokens := token.New(db, log, token.Keys{}, token.Settings{AIPrefix: "ai_", CWUPrefix: "cwu_", Length: 32, Grace: 24 * time.Hour}, clock, rand.Reader)
		sessions := session.New(db, log, session.Settings{Lifetime: 14 * 24 * time.Hour, Idle: 24 * time.Hour}, clock, rand.Reader)
		in := &signin.Flow{Users: users, Tenants: tenants, Access: operators, DB: db, Sessions: sessions}
		h.mails = t.TempDir()
		sender, err := mail.New(mail.Options{URL: tenantry.NewSecret("file:"), From: "no-reply@example.com", Dir: h.mails, Clock: clock, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		in.Letters = signin.NewLetters(sender, locale.New(), "https://example.com")
		h.signIn = in
		h.tokens, h.users, h.system = tokens, users, in.System("test")
		_, key, err := operators.CreateOperator(t.Context(), in.System("test"), "ana", access.OperatorAdmin)
		if err != nil {
			t.Fatal(err)
		}
		catalog := locale.New()
		main := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		started := time.Now()
		verifier := verify.New(db, tokens, tenants, in.System("verify"), func() (time.Time, time.Duration) { return clock(), time.Since(started) },
			verify.Options{Size: 1000, Lifetime: time.Minute, Silence: 5 * time.Second, Loads: 4})
		watch(t, verifier)
		door := api.New(api.Deps{
			Access: operators, Explain: &explain.Flow{DB: db, Tenants: tenants, Users: users, Access: operators},
			Bearer: signsIn(in), SignIn: in, Tenants: tenants, Users: users,
			Onboard: &onboard.Flow{DB: db, Tenants: tenants, Users: users, Tokens: tokens},
			Tokens:  tokens, Verify: verifier, Holder: in.Holder(), Proxies: web.Proxies{netip.MustParsePrefix("127.0.0.0/8")},
			Audit: func(ctx context.Context, s tenantry.Scope, q audit.Query) (tenantry.List[audit.Event], error) {
				return log.Search(ctx, db, s, q)
			},
			Settings: func(s tenantry.Scope) ([]config.Entry, error) {
				return []config.Entry{{Key: "database.url", Value: "(hidden)"}}, s.RequirePlatform(tenantry.OperatorsWrite)
			},
			Configurations: tenant.NewConfigurations(db, log, clock),
			Idempotency:    idempotency.New(db, clock, rand.Reader), Cursors: web.Sealer{Key: bytes.Repeat([]byte{7}, 32)}, Catalog: catalog, Log: main,
		})
		problems := api.NewProblems(catalog)
		front := web.Front{Log: main, Clock: clock, Random: rand.Reader, Problems: problems}
		mux := http.NewServeMux()
		mux.Handle("/", front.Wrap(web.SameOrigin(problems, door)))
		entrance := api.NewVerifier(door, web.NewSwift(main, clock, rand.Reader, problems), mux, func(string, string) func(int, time.Duration) { return func(int, time.Duration) {} })
		server := httptest.NewServer(entrance)
		t.Cleanup(server.Close)
		fn(t, caller{t, server.URL, key.Reveal(), h})
	})
}

// signsIn makes scopes of operators' keys and, of what scopedTo makes, those of
// people who reach one tenant.
func signsIn(in *signin.Flow) func(context.Context, tenantry.Secret) (tenantry.Scope, error) {
	return func(ctx context.Context, key tenantry.Secret) (tenantry.Scope, error) {
		if tenant, ok := strings.CutPrefix(key.Reveal(), "scoped-to-"); ok {
			n, err := strconv.ParseInt(tenant, 10, 64)
			return tenantry.NewScope(tenantry.Actor{Kind: "user", ID: tenant, Name: "eva"}, tenantry.TenantKey(n), tenantry.Permissions()...), err
		}
		return in.Bearer(ctx, key)
	}
}

func scopedTo(tenant tenantry.TenantKey) string { return fmt.Sprintf("scoped-to-%d", tenant) }

// watch lets the verifier hear of changes, without which it trusts nothing that it
// remembers.
func watch(t *testing.T, v *verify.Flow) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	hears, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		v.Watch(ctx, func() { once.Do(func() { close(hears) }) }, func(err error) { t.Errorf("changes are not heard of: %v", err) })
	}()
	t.Cleanup(func() { stop(); <-done })
	select {
	case <-hears:
	case <-time.After(10 * time.Second):
		t.Fatal("the verifier does not begin to listen")
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (c caller) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			r.Header.Del("Content-Type")
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r) // as it is, without following a redirect
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

// want fails unless the answer has a status and, for a problem, a code.
func (c caller) want(a answer, status int, code string) answer {
	c.t.Helper()
	got, _ := a.body["code"].(string)
	if a.status != status || got != code {
		c.t.Errorf("got %d %q, want %d %q: %s", a.status, got, status, code, a.text)
	}
	return a
}

func TestTenantsLifeOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		made := c.want(c.do("POST", "/v1/tenants", `{"name":"Acme","configuration":{"n":12345678901234567890},"admin":{"username":"ana","password":"una-clave-larga"}}`), 201, "")
		id := made.body["tenant"].(map[string]any)["id"].(string)
		if made.header.Get("Location") != "/v1/tenants/"+id || !strings.Contains(made.text, `"n":12345678901234567890`) {
			t.Errorf("%v %s", made.header, made.text)
		}
		shown := c.want(c.do("GET", "/v1/tenants/"+id, ""), 200, "")
		etag := shown.header.Get("ETag")
		c.want(c.do("PATCH", "/v1/tenants/"+id, `{"max_agents":4}`, "If-Match", etag), 200, "")
		c.want(c.do("PATCH", "/v1/tenants/"+id, `{"max_agents":5}`, "If-Match", etag), 412, "tenant.stale")
		c.want(c.do("POST", "/v1/tenants/"+id+":approve", ""), 409, "tenant.wrong_status")
		c.want(c.do("POST", "/v1/tenants/"+id+":suspend", `{}`), 422, "tenant.invalid")
		stopped := c.want(c.do("POST", "/v1/tenants/"+id+":suspend", `{"reason":"unpaid"}`), 200, "")
		if stopped.body["status"] != "suspended" {
			t.Error(stopped.text)
		}
		c.want(c.do("POST", "/v1/tenants/"+id+":activate", ""), 200, "")
		gone := c.want(c.do("DELETE", "/v1/tenants/"+id, ""), 202, "")
		if gone.body["status"] != "deleting" || gone.body["delete_after"] == nil {
			t.Error(gone.text)
		}
		people := c.want(c.do("GET", "/v1/users?tenant="+id, ""), 200, "")
		if len(people.body["items"].([]any)) != 1 {
			t.Error(people.text)
		}
	})
}

func TestPagesAreSealedToTheirList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		for _, name := range []string{"a", "b", "c"} {
			c.want(c.do("POST", "/v1/tenants", `{"name":"`+name+`"}`), 201, "")
		}
		first := c.want(c.do("GET", "/v1/tenants?limit=2&sort=name", ""), 200, "")
		cursor := first.body["next_cursor"].(string)
		second := c.want(c.do("GET", "/v1/tenants?limit=2&sort=name&cursor="+cursor, ""), 200, "")
		if len(second.body["items"].([]any)) != 1 || second.body["next_cursor"] != nil {
			t.Error(second.text)
		}
		c.want(c.do("GET", "/v1/tenants?cursor="+cursor, ""), 422, "page.bad_cursor")
		c.want(c.do("GET", "/v1/users?cursor="+cursor, ""), 422, "page.bad_cursor")
		c.want(c.do("GET", "/v1/tenants?sort=name&cursor="+cursor[1:], ""), 422, "page.bad_cursor")
	})
}

func TestSameIdempotencyKeySameAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		first := c.want(c.do("POST", "/v1/tenants", `{"name":"Acme"}`, "Idempotency-Key", "k"), 201, "")
		again := c.want(c.do("POST", "/v1/tenants", `{"name":"Acme"}`, "Idempotency-Key", "k"), 201, "")
		if again.header.Get("Idempotency-Replayed") != "true" || again.text != first.text {
			t.Errorf("%v\n%s\n%s", again.header, first.text, again.text)
		}
		c.want(c.do("POST", "/v1/tenants", `{"name":"Other"}`, "Idempotency-Key", "k"), 409, "idempotency.reused")
	})
}

func TestStrangersAndNonsense(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 10<<20)
	each(t, func(t *testing.T, c caller) {
		c.want(c.do("POST", "/v1/tenants", `{"name":"Acme"}`), 201, "")
		stranger := c
		stranger.key = ""
		if a := stranger.want(stranger.do("GET", "/v1/tenants", ""), 401, "access.unauthenticated"); a.header.Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
		stranger.key = "ai_" + strings.Repeat("x", 43)
		stranger.want(stranger.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		c.want(c.do("GET", "/v1/whoami", "", "Authorization", "Bearer "+c.key), 401, "access.unauthenticated")

		for _, id := range []string{"1", "tnt_x", "usr_01jd3v8y7aexkrq0z5c9m4t2wb", "tnt_01jd3v8y7aexkrq0z5c9m4t2wb"} {
			c.want(c.do("GET", "/v1/tenants/"+id, ""), 404, "tenant.not_found")
		}
		c.want(c.do("GET", "/v1/nothing", ""), 404, "web.no_route")
		if a := c.want(c.do("PUT", "/v1/tenants", `{}`), 405, "web.no_method"); a.header.Get("Allow") == "" {
			t.Error("no Allow")
		}
		for body, code := range map[string]string{
			`{"name":"Acme"}`:           "tenant.name_taken",
			`{"name":""}`:               "tenant.invalid",
			`{"name":"x","surprise":1}`: "request.invalid",
			`{"name":"x","name":"y"}`:   "request.invalid",
			`{"name":5}`:                "request.invalid",
			`{"name":"x\u0000"}`:        "json.nul",
			"{\"name\":\"\xff\"}":       "json.not_utf8",
			`{"name":`:                  "json.syntax",
			`{"name":"x","configuration":` + strings.Repeat(`{"a":`, 50) + `1` + strings.Repeat(`}`, 50) + `}`: "json.too_deep",
			`{"name":"` + strings.Repeat("n", 300) + `"}`:                                                      "tenant.invalid",
		} {
			status := 422
			if code == "tenant.name_taken" {
				status = 409
			}
			c.want(c.do("POST", "/v1/tenants", body), status, code)
		}
		c.want(c.do("POST", "/v1/tenants", `{"name":"`+long+`"}`), 413, "web.too_large")
		c.want(c.do("POST", "/v1/tenants", `name=x`, "Content-Type", "text/plain"), 415, "web.unsupported_type")
		c.want(c.do("GET", "/v1/tenants?limit=0", ""), 422, "request.invalid")
		c.want(c.do("GET", "/v1/tenants?limit=501", ""), 422, "request.invalid")
		c.want(c.do("GET", "/v1/tenants?surprise=1", ""), 422, "request.invalid")
		inSpanish := c.do("GET", "/v1/tenants/1", "", "Accept-Language", "es-CL")
		if inSpanish.body["detail"] == c.do("GET", "/v1/tenants/1", "").body["detail"] {
			t.Error("the same words in both languages")
		}
	})
}

func TestGoldenOpenAPIDocument(t *testing.T) {
	t.Parallel()
	made := api.New(api.Deps{Catalog: locale.New(), Log: slog.New(slog.DiscardHandler),
		SignIn: nil, Onboard: &onboard.Flow{}}).Document()
	const file = "../../../docs/api/openapi.yaml"
	if *update {
		if err := os.MkdirAll("../../../docs/api", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(made)); diff != "" {
		t.Errorf("go test ./internal/door/api -run Golden -update, and review (-golden +made)\n%s", diff)
	}
	if strings.Contains(string(made), "docs.") {
		t.Error("a text of the document is still a code")
	}
}

func TestDocumentationIsForEverybody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.key = ""
		for _, path := range []string{"/v1/openapi.json", "/v1/openapi.yaml", "/v1/docs", "/v1/docs?lang=es", "/v1/docs/style.css"} {
			if a := c.do("GET", path, ""); a.status != 200 || strings.Contains(a.text, "docs.page.") {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
}
