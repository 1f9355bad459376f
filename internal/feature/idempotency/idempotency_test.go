package idempotency_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
)

var (
	ana  = caller("opr_1")
	body = idempotency.Request{Key: "k-1", Credential: tenantry.NewSecret("opk_ana"), Content: []byte(`POST /v1/tenants {"name":"Acme"}`)}
	made = idempotency.Answer{Status: 201, Header: map[string]string{"Location": "/v1/tenants/tnt_x"}, Body: []byte("{\"token\": \"ai_secret\", \"b\": \"\x00\xff\"}")}
)

func caller(id string) tenantry.Scope {
	return tenantry.NewScope(tenantry.Actor{Kind: "operator", ID: id}, 0, tenantry.Permissions()...)
}

func each(t *testing.T, fn func(t *testing.T, h apptest.House, s *idempotency.Service)) {
	t.Helper()
	apptest.Each(t, func(t *testing.T, h apptest.House) { fn(t, h, idempotency.New(h.DB, h.Now, rand.Reader)) })
}

// claim begins a request that nobody has begun yet.
func claim(t testing.TB, s *idempotency.Service, scope tenantry.Scope, r idempotency.Request) *idempotency.Claim {
	t.Helper()
	c, a, err := s.Begin(t.Context(), scope, r)
	if err != nil || a != nil || c == nil {
		t.Fatalf("claim %v, answer %v, error %v; want a claim", c, a, err)
	}
	return c
}

func keep(t testing.TB, c *idempotency.Claim, a idempotency.Answer) {
	t.Helper()
	if err := c.Keep(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

func wantAnswer(t testing.TB, s *idempotency.Service, scope tenantry.Scope, r idempotency.Request, want idempotency.Answer) {
	t.Helper()
	c, a, err := s.Begin(t.Context(), scope, r)
	if err != nil || c != nil || a == nil {
		t.Errorf("claim %v, answer %v, error %v; want an answer", c, a, err)
		return
	}
	if d := cmp.Diff(want, *a); d != "" {
		t.Errorf("first (-), again (+):\n%s", d)
	}
}

func wantRefusal(t testing.TB, s *idempotency.Service, scope tenantry.Scope, r idempotency.Request, kind tenantry.Kind, code string) {
	t.Helper()
	c, a, err := s.Begin(t.Context(), scope, r)
	if c != nil || a != nil || !errors.Is(err, &tenantry.Error{Kind: kind, Code: code}) {
		t.Errorf("claim %v, answer %v, error %v; want %s", c, a, err, code)
	}
}

func TestSameRequestHasTheFirstAnswer(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		keep(t, claim(t, s, ana, body), made)
		wantAnswer(t, s, ana, body, made)
		// From another process, a day less a moment later.
		h.Pass(idempotency.Kept - time.Second)
		wantAnswer(t, idempotency.New(h.DB, h.Now, rand.Reader), ana, body, made)
	})
}

func TestAnswersMayBeEmpty(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		keep(t, claim(t, s, ana, body), idempotency.Answer{Status: 204})
		wantAnswer(t, s, ana, body, idempotency.Answer{Status: 204})
	})
}

func TestSameKeyOfAnotherRequestIsAConflict(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		other := body
		other.Content = []byte(`POST /v1/tenants {"name":"Other"}`)
		c := claim(t, s, ana, body)
		wantRefusal(t, s, ana, other, tenantry.Conflict, "idempotency.reused") // even before there is an answer
		keep(t, c, made)
		wantRefusal(t, s, ana, other, tenantry.Conflict, "idempotency.reused")
		// The answer takes the first caller's credential to read.
		stolen := body
		stolen.Credential = tenantry.NewSecret("opk_other")
		wantRefusal(t, s, ana, stolen, tenantry.Conflict, "idempotency.reused")
		wantAnswer(t, s, ana, body, made)
	})
}

func TestKeysAreACallersOwn(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		keep(t, claim(t, s, ana, body), made)
		for _, other := range []tenantry.Scope{
			caller("opr_2"),
			tenantry.NewScope(tenantry.Actor{Kind: "user", ID: "opr_1"}, 0),
			tenantry.NewScope(tenantry.Actor{Kind: "operator", ID: "opr_1"}, 7),
		} {
			keep(t, claim(t, s, other, body), idempotency.Answer{Status: 409})
		}
		again := body
		again.Key = "K-1"
		claim(t, s, ana, again)
		wantAnswer(t, s, ana, body, made)
	})
}

func TestRequestInProgressIsNotBegunTwice(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		c := claim(t, s, ana, body)
		wantRefusal(t, s, ana, body, tenantry.Conflict, "idempotency.in_progress")
		h.Pass(2 * time.Minute) // the longest that a request may last
		wantRefusal(t, s, ana, body, tenantry.Conflict, "idempotency.in_progress")
		keep(t, c, made)
		wantAnswer(t, s, ana, body, made)
	})
}

func TestOfManyAtOnceOneGetsTheClaim(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		claims := make([]*idempotency.Claim, 16)
		var all sync.WaitGroup
		for i := range claims {
			all.Go(func() {
				c, a, err := s.Begin(t.Context(), ana, body)
				if a != nil || c == nil && !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "idempotency.in_progress"}) {
					t.Errorf("claim %v, answer %v, error %v", c, a, err)
				}
				claims[i] = c
			})
		}
		all.Wait()
		n := 0
		for _, c := range claims {
			if c != nil {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d claims, want 1", n)
		}
	})
}

func TestReleasedRequestMayBeRepeated(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		if err := claim(t, s, ana, body).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		// As another one, too: nothing came of the first.
		other := body
		other.Content = []byte("another")
		c := claim(t, s, ana, other)
		keep(t, c, made)
		// What has an answer is not released any more.
		if err := c.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, s, ana, other, made)
	})
}

// A process died with its claim; should it be alive after all, it does not touch
// the claim that took the place of its own.
func TestAbandonedClaimIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		dead := claim(t, s, ana, body)
		h.Pass(2*time.Minute + time.Microsecond)
		alive := claim(t, s, ana, body)
		if err := dead.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		keep(t, dead, idempotency.Answer{Status: 500})
		wantRefusal(t, s, ana, body, tenantry.Conflict, "idempotency.in_progress")
		keep(t, alive, made)
		wantAnswer(t, s, ana, body, made)
	})
}

func TestAnswersAreForgottenAfterADay(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		old, young := body, body
		old.Key, young.Key = "old", "young"
		keep(t, claim(t, s, ana, old), made)
		h.Pass(time.Minute)
		keep(t, claim(t, s, ana, young), made)
		h.Pass(idempotency.Kept - 30*time.Second)
		n, err := s.Sweep(t.Context())
		if n != 1 || err != nil {
			t.Errorf("%d forgotten, %v; want 1", n, err)
		}
		wantAnswer(t, s, ana, young, made)
		claim(t, s, ana, old)

		// Nobody swept, and it is forgotten all the same.
		h.Pass(time.Minute)
		claim(t, s, ana, young)
	})
}

func TestBadKeysAreRefused(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		for _, key := range []string{"", " ", "a b", "a\x00", "ñ", "a\n", strings.Repeat("k", 256)} {
			r := body
			r.Key = key
			wantRefusal(t, s, ana, r, tenantry.Invalid, "idempotency.bad_key")
		}
		r := body
		r.Key = strings.Repeat("~", 255)
		claim(t, s, ana, r)
	})
}

// Answers hold tokens: whoever reads the table reads none, and what somebody
// writes into it is not answered.
func TestStoredAnswersAreSealed(t *testing.T) {
	each(t, func(t *testing.T, h apptest.House, s *idempotency.Service) {
		keep(t, claim(t, s, ana, body), made)
		var stored string
		err := h.DB.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.Get(t.Context(), `SELECT body || request_digest || header FROM tenantry_idempotency`, nil, &stored)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"ai_secret", "opk_ana", "YWlfc2VjcmV0", "Acme"} {
			if strings.Contains(stored, secret) {
				t.Errorf("%s is in the table: %s", secret, stored)
			}
		}
		for _, tamper := range []string{`status = 200`, `body = ''`, `body = 'AAAA'`, `body = '!'`} {
			h.Exec(t, `UPDATE tenantry_idempotency SET `+tamper)
			if _, _, err := s.Begin(t.Context(), ana, body); err == nil {
				t.Errorf("answered after %s", tamper)
			}
		}
	})
}
