package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/client"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/door/api"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

// service is the real API, with one customer, and what a test may do to it.
type service struct {
	apptest.House
	*httptest.Server
	scope    tenantry.Scope
	customer tenant.Tenant
	ai       tenantry.Secret
	requests atomic.Int64
	delay    atomic.Int64 // nanoseconds before an answer leaves
	away     atomic.Bool  // connections break
}

func each(t *testing.T, fn func(t *testing.T, s *service)) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		s := &service{House: h, scope: h.SignIn.System("test")}
		catalog, quiet := locale.New(), slog.New(slog.DiscardHandler)
		verifier := h.Verifier()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); verifier.Watch(ctx, func() {}, func(error) {}) }()
		t.Cleanup(func() { stop(); <-done })
		door := api.New(api.Deps{Bearer: h.SignIn.Bearer, Tenants: h.Tenants, Users: h.Users, Onboard: h.Onboard, Tokens: h.Tokens,
			Verify: verifier, Holder: h.SignIn.Holder(), Catalog: catalog, Log: quiet})
		entrance := api.NewVerifier(door, web.NewSwift(quiet, h.Now, rand.Reader, api.NewProblems(catalog)), http.NewServeMux(),
			func(string, string) func(int, time.Duration) { return nil })
		s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.requests.Add(1)
			answer := httptest.NewRecorder()
			entrance.ServeHTTP(answer, r)
			time.Sleep(time.Duration(s.delay.Load())) // what is said is old when it arrives
			if s.away.Load() {
				panic(http.ErrAbortHandler)
			}
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		}))
		t.Cleanup(s.Server.Close)
		made, err := h.Onboard.Run(t.Context(), s.scope, onboard.Request{Tenant: tenant.Draft{Name: "Acme"}})
		if err != nil {
			t.Fatal(err)
		}
		s.customer, s.ai = made.Tenant, made.Tokens.AI
		fn(t, s)
	})
}

func (s *service) client(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(s.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify fails unless the answer has a code.
func verify(t *testing.T, c *client.Client, secret tenantry.Secret, want client.Code) client.Verdict {
	t.Helper()
	v, err := c.Verify(t.Context(), secret, client.Question{})
	if err != nil || v.Code != want {
		t.Errorf("%s %v, want %s", v.Code, err, want)
	}
	return v
}

// make makes a token of the customer's.
func (s *service) make(t *testing.T, name string) (tenantry.TokenID, tenantry.Secret) {
	t.Helper()
	made, err := s.Tokens.Create(t.Context(), s.scope, token.Draft{Tenant: s.customer.Key, Kind: token.AI, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token.ID, made.Secret
}

func (s *service) revoke(t *testing.T, id tenantry.TokenID) {
	t.Helper()
	if _, err := s.Tokens.Revoke(t.Context(), s.scope, id, 0, token.Leaked); err != nil {
		t.Fatal(err)
	}
}

func TestVerdictSaysWhose(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		v := verify(t, c, s.ai, client.Valid)
		if v.Tenant != s.customer.ID || v.TenantName != "Acme" || v.Kind != "ai" || v.Version != 1 || v.Model != s.customer.Model || v.Limits.MaxAgents != s.customer.MaxAgents ||
			!v.Valid() || !v.May("ai.chat") || v.May("chat.read") || v.Token.IsZero() {
			t.Errorf("%+v", v)
		}
		for _, one := range []struct {
			q    client.Question
			want client.Code
		}{
			{client.Question{Kind: "ai", Tenant: s.customer.ID, Permission: "ai.chat"}, client.Valid},
			{client.Question{Kind: "cwu"}, client.Forbidden},
			{client.Question{Permission: "ai.fly"}, client.Forbidden},
			{client.Question{Tenant: tenantry.NewTenantID(apptest.Noon, rand.Reader)}, client.NotFound},
		} {
			if v, err := c.Verify(t.Context(), s.ai, one.q); err != nil || v.Code != one.want || v.Valid() != (one.want == client.Valid) {
				t.Errorf("%+v: %s %v", one.q, v.Code, err)
			}
		}
		verify(t, c, tenantry.NewSecret("ai_"+strings.Repeat("x", 43)), client.NotFound)
		verify(t, c, tenantry.NewSecret(s.ai.Reveal()+"\n"), client.Malformed)
		before := s.requests.Load()
		verify(t, c, tenantry.NewSecret(""), client.Malformed)
		verify(t, c, tenantry.NewSecret(strings.Repeat("a", 10<<20)), client.Malformed)
		if s.requests.Load() != before {
			t.Error("the service was asked about what cannot be a token")
		}
		if _, err := c.Verify(t.Context(), s.ai, client.Question{Kind: "x"}); !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "request.invalid") {
			t.Error(err)
		}
	})
}

func TestRevokedIsRefusedWithinTheBound(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		for round := range 3 {
			id, secret := s.make(t, fmt.Sprint(round))
			// In use for a while, so that the answer is of any age.
			for until := time.Now().Add(time.Duration(round) * 350 * time.Millisecond); ; time.Sleep(5 * time.Millisecond) {
				verify(t, c, secret, client.Valid)
				if time.Now().After(until) {
					break
				}
			}
			s.revoke(t, id)
			revoked := time.Now()
			for {
				asked := time.Now()
				v, err := c.Verify(t.Context(), secret, client.Question{})
				if err != nil {
					t.Fatal(err)
				}
				if v.Code == client.Revoked {
					t.Logf("refused after %v", time.Since(revoked).Round(time.Millisecond))
					break
				}
				if asked.Sub(revoked) > client.Bound {
					t.Fatalf("%s %v after it was revoked", v.Code, asked.Sub(revoked))
				}
				time.Sleep(time.Millisecond)
			}
			verify(t, c, secret, client.Revoked)
		}
	})
}

// While it is in use nobody waits for a look, and the service is asked twice a
// second.
func TestWarmAnswersDoNotWait(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		verify(t, c, s.ai, client.Valid)
		s.delay.Store(int64(200 * time.Millisecond))
		slow := 0
		for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
			began := time.Now()
			verify(t, c, s.ai, client.Valid)
			if time.Since(began) > 150*time.Millisecond {
				slow++
			}
		}
		if n := s.requests.Load(); slow > 0 || n < 4 || n > 8 {
			t.Errorf("%d calls waited; %d requests in 3 seconds", slow, n)
		}
	})
}

func TestWithoutTheServiceNothingIsValid(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		verify(t, c, s.ai, client.Valid)
		answered := time.Now()
		s.away.Store(true)
		for last := (client.Verdict{}); ; time.Sleep(time.Millisecond) {
			asked := time.Now()
			v, err := c.Verify(t.Context(), s.ai, client.Question{})
			if err != nil {
				if !errors.Is(err, client.ErrUnavailable) || v.Valid() || last.Code != client.Valid {
					t.Errorf("%+v %v, before it %s", v, err, last.Code)
				}
				break
			}
			if last = v; asked.Sub(answered) > client.Bound {
				t.Fatalf("still %s after %v", v.Code, asked.Sub(answered))
			}
		}
		if status, _ := through(c, "Bearer "+s.ai.Reveal()); status != http.StatusServiceUnavailable {
			t.Error(status)
		}
		s.away.Store(false)
		verify(t, c, s.ai, client.Valid)

		s.Server.Close() // nobody listens
		fresh := s.client(t)
		if _, err := fresh.Verify(t.Context(), s.ai, client.Question{}); !errors.Is(err, client.ErrUnavailable) {
			t.Error(err)
		}
	})
}

// An answer is as old as its question.
func TestSlowAnswersAreOld(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		began := time.Now()
		s.delay.Store(int64(600 * time.Millisecond))
		verify(t, c, s.ai, client.Valid)
		s.away.Store(true)
		time.Sleep(time.Until(began.Add(client.Bound + 10*time.Millisecond)))
		if v, err := c.Verify(t.Context(), s.ai, client.Question{}); err == nil {
			t.Errorf("%s a second after it was asked", v.Code)
		}
		s.away.Store(false)
		s.delay.Store(int64(client.Bound + 200*time.Millisecond))
		began = time.Now()
		if v, err := c.Verify(t.Context(), s.ai, client.Question{}); !errors.Is(err, client.ErrUnavailable) || time.Since(began) > client.Bound+150*time.Millisecond {
			t.Errorf("%s %v after %v", v.Code, err, time.Since(began))
		}
	})
}

// Whoever asks after the revocation does not get the answer to a question that
// was asked before it and is on its way, beyond what the bound allows.
func TestAnswersOnTheirWayKeepToTheBound(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t, client.WithMaxAge(100*time.Millisecond))
		id, secret := s.make(t, "x")
		verify(t, c, secret, client.Valid)
		time.Sleep(150 * time.Millisecond)
		s.delay.Store(int64(500 * time.Millisecond))
		var wait sync.WaitGroup
		wait.Go(func() { verify(t, c, secret, client.Valid) }) // asked before
		time.Sleep(200 * time.Millisecond)                     // the service has looked
		s.revoke(t, id)
		verify(t, c, secret, client.Revoked)
		wait.Wait()
		verify(t, c, secret, client.Revoked)
	})
}

func TestManyWhoAskAtOnceAreOneRequest(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		s.delay.Store(int64(100 * time.Millisecond))
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() { verify(t, c, s.ai, client.Valid) })
		}
		// One who gives up takes the answer from nobody.
		hasty, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := c.Verify(hasty, s.ai, client.Question{}); !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		wait.Wait()
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
		uncached := s.client(t, client.WithSize(0))
		verify(t, uncached, s.ai, client.Valid)
		verify(t, uncached, s.ai, client.Valid)
		if n := s.requests.Load(); n != 3 || client.Remembered(uncached) != 0 {
			t.Errorf("%d requests, %d remembered", n, client.Remembered(uncached))
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		_, key, err := s.Access.CreateOperator(t.Context(), s.scope, "gateway", access.OperatorAdmin)
		if err != nil {
			t.Fatal(err)
		}
		c := s.client(t, client.WithSize(40), client.WithKey(key))
		from := func(i int) client.Question {
			return client.Question{Address: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}
		}
		for i := range 200 {
			if v, err := c.Verify(t.Context(), s.ai, from(i)); err != nil || !v.Valid() {
				t.Fatal(v.Code, err)
			}
		}
		if n := client.Remembered(c); n != 36 {
			t.Errorf("%d answers remembered", n)
		}
		for i := range 200 {
			verify(t, c, tenantry.NewSecret(fmt.Sprintf("ai_%043d", i)), client.NotFound)
		}
		if n := client.Remembered(c); n != 40 {
			t.Errorf("%d answers remembered", n)
		}
	})
}

// What was wrong may be mended, and then nobody waits for long.
func TestRefusalsAreForgottenSooner(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		if _, err := s.Tenants.Suspend(t.Context(), s.scope, tenant.ByKey(s.customer.Key), "unpaid"); err != nil {
			t.Fatal(err)
		}
		verify(t, c, s.ai, client.TenantSuspended)
		if _, err := s.Tenants.Activate(t.Context(), s.scope, tenant.ByKey(s.customer.Key)); err != nil {
			t.Fatal(err)
		}
		n := s.requests.Load()
		verify(t, c, s.ai, client.TenantSuspended)
		if s.requests.Load() != n {
			t.Error("a refusal was not remembered")
		}
		time.Sleep(client.Bound / 4)
		verify(t, c, s.ai, client.Valid)
	})
}

// The monotonic clock stands still while a machine sleeps; the wall's tells.
func TestAnswersDoNotOutliveTheMachinesSleep(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		c := s.client(t)
		verify(t, c, s.ai, client.Valid)
		asked := s.requests.Load()
		client.SetClock(c, func() time.Time { return time.Now().Add(2 * time.Second).Round(0) }) // only the wall's
		verify(t, c, s.ai, client.Valid)
		if s.requests.Load() == asked {
			t.Error("the answer outlived the machine's sleep")
		}
	})
}

// through sends a request through the middleware.
func through(c *client.Client, authorization ...string) (status int, answer *httptest.ResponseRecorder) {
	return required(c, client.Question{}, authorization...)
}

func required(c *client.Client, q client.Question, authorization ...string) (status int, answer *httptest.ResponseRecorder) {
	r := httptest.NewRequest("GET", "/things?token=x", nil)
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header["Authorization"] = authorization
	answer = httptest.NewRecorder()
	c.Require(q, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := client.FromContext(r.Context())
		fmt.Fprintf(w, "%s %t", v.TenantName, ok && v.Valid())
	})).ServeHTTP(answer, r)
	return answer.Code, answer
}

func TestMiddleware(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		if _, ok := client.FromContext(t.Context()); ok {
			t.Error("a verdict out of nowhere")
		}
		c := s.client(t)
		good := "Bearer " + s.ai.Reveal()
		for _, given := range []string{good, "bearer  " + s.ai.Reveal() + " "} {
			if status, a := through(c, given); status != 200 || a.Body.String() != "Acme true" {
				t.Error(status, a.Body)
			}
		}
		made, err := s.Tokens.Create(t.Context(), s.scope, token.Draft{Tenant: s.customer.Key, Kind: token.AI, Name: "narrow", AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
		if err != nil {
			t.Fatal(err)
		}
		narrow := "Bearer " + made.Secret.Reveal()
		if status, _ := through(c, narrow); status != 200 {
			t.Error(status)
		}
		elsewhere := s.client(t, client.WithAddress(func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.1") }))
		refused := func(status int, code string, got int, a *httptest.ResponseRecorder) {
			t.Helper()
			if got != status || !strings.Contains(a.Body.String(), `"code":"`+code+`"`) || a.Header().Get("Content-Type") != "application/problem+json" ||
				a.Header().Get("Cache-Control") != "no-store" || (a.Header().Get("WWW-Authenticate") != "") != (status == 401) || strings.Contains(a.Body.String(), "ai_") {
				t.Errorf("want %d %s: %d %v %s", status, code, got, a.Header(), a.Body)
			}
		}
		got, a := through(elsewhere, narrow)
		refused(403, "verify.forbidden", got, a)
		got, a = required(c, client.Question{Kind: "cwu"}, good)
		refused(403, "verify.forbidden", got, a)
		for _, given := range [][]string{nil, {""}, {"Bearer"}, {"Bearer "}, {s.ai.Reveal()}, {"Basic " + s.ai.Reveal()}, {good, good}, {good, "Bearer x"}, {good + " x"}, {good + "x"},
			{"Bearer ai_" + strings.Repeat("x", 43)}, {"Bearer " + strings.Repeat("a", 5000)}} {
			got, a = through(c, given...)
			refused(401, "access.unauthenticated", got, a)
		}
		if _, err := s.Tenants.Suspend(t.Context(), s.scope, tenant.ByKey(s.customer.Key), "unpaid"); err != nil {
			t.Fatal(err)
		}
		got, a = through(s.client(t), good)
		refused(403, "verify.tenant_suspended", got, a)
		for i := range 70 {
			_, err := c.Verify(t.Context(), tenantry.NewSecret(fmt.Sprintf("ai_%043d", i)), client.Question{})
			if err != nil {
				t.Fatal(err)
			}
		}
		got, a = through(c, "Bearer ai_"+strings.Repeat("y", 43))
		refused(429, "verify.rate_limited", got, a)
	})
}

// What is not the service's own answer is none, and a token follows nobody
// elsewhere.
func TestOnlyVerdictsAreVerdicts(t *testing.T) {
	t.Parallel()
	secret := tenantry.NewSecret("ai_canary" + strings.Repeat("x", 40))
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went elsewhere") }))
	defer elsewhere.Close()
	for _, answer := range []struct {
		status int
		body   string
	}{
		{200, ``}, {200, `{}`}, {200, `null`}, {200, `<html>`}, {200, `{"valid":true}`}, {200, `{"valid":true,"code":"REVOKED"}`}, {200, `{"valid":false,"code":"VALID"}`},
		{200, `{"valid":true,"code":"VALID"}`}, {200, `{"valid":true,"code":"VALID","tenant":"x","token_id":"y"}`}, {200, `{"valid":true,"code":"VALID"` + strings.Repeat(" ", 1<<20) + `}`},
		{204, ``}, {301, ``}, {307, ``}, {308, ``}, {401, `{"code":"access.unauthenticated"}`}, {404, ``}, {500, `{"valid":true,"code":"VALID"}`}, {503, ``},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(answer.status)
			_, _ = w.Write([]byte(answer.body))
		}))
		for _, options := range [][]client.Option{nil, {client.WithHTTPClient(http.DefaultClient)}} {
			c, err := client.New(server.URL, options...)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Verify(t.Context(), secret, client.Question{})
			if !errors.Is(err, client.ErrUnavailable) || v.Valid() || strings.Contains(err.Error(), "canary") {
				t.Errorf("%d %.60s: %+v %v", answer.status, answer.body, v, err)
			}
		}
		server.Close()
	}
	for _, address := range []string{"", "tenantry", "ftp://x", "http://", "https://x?token=y", "http://x/#y", "http://[", "//x"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is no address", address)
		}
	}
}

func TestClientsKeepSecrets(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		_, key, err := s.Access.CreateOperator(t.Context(), s.scope, "gateway", access.OperatorAdmin)
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(strings.Replace(s.URL, "://", "://ana:pass-canary@", 1), client.WithKey(key))
		if err != nil {
			t.Fatal(err)
		}
		v := verify(t, c, s.ai, client.Valid)
		s.away.Store(true)
		_, gone := c.Verify(t.Context(), tenantry.NewSecret("ai_canary"), client.Question{})
		var out bytes.Buffer
		for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
			log.Info("x", "client", c, "value", *c, "verdict", v, "error", gone)
		}
		fmt.Fprintf(&out, "%v %+v %#v %s %q %d %x", c, c, c, c, c, c, c)
		for _, secret := range []string{s.ai.Reveal(), key.Reveal(), "canary"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%.9s… is shown: %s", secret, out.String())
			}
		}
		if !strings.Contains(out.String(), "tenantry client of http://ana:xxxxx@127.0.0.1") {
			t.Error(out.String())
		}
	})
}
