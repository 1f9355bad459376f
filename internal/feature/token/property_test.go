package token_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// model is what a token should be, told in the plainest way.
type model struct {
	versions []modelVersion
	ended    token.Reason // the token as a whole
	maxAge   time.Duration
	grace    time.Duration
}

type modelVersion struct {
	secret  tenantry.Secret
	made    time.Time
	expires time.Time
	retires time.Time // zero: has no successor
	onUse   bool
	used    bool
	ended   token.Reason
}

func (m *model) state(i int, now time.Time) (token.State, token.Reason) {
	v := m.versions[i]
	age := v.made.Add(m.maxAge)
	switch {
	case v.ended != "":
		return token.Revoked, v.ended
	case m.ended != "":
		return token.Revoked, m.ended
	case !now.Before(v.expires) || !now.Before(age):
		return token.Expired, ""
	case !v.retires.IsZero() && !now.Before(v.retires):
		return token.Revoked, token.Superseded
	case !v.retires.IsZero():
		return token.Retiring, ""
	}
	return token.Active, ""
}

// TestTokenIsWhatTheModelSays does what people and time may do to a token, in any
// order, and asks after each step what every secret is worth.
func TestTokenIsWhatTheModelSays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		n := 0
		steps := func(rt *rapid.T) {
			n++
			c := arrive(t, h, fmt.Sprintf("Tenant %d", n))
			year := 365 * day
			micro := func(at time.Time) time.Time { return at.Truncate(time.Microsecond) }
			m := &model{maxAge: year, grace: day, versions: []modelVersion{{secret: c.ai.secret, made: micro(h.Now()), expires: micro(h.Now().Add(year))}}}
			successor := func(secret tenantry.Secret) {
				m.versions = append(m.versions, modelVersion{secret: secret, made: micro(h.Now()), expires: micro(h.Now().Add(m.maxAge))})
			}
			rt.Repeat(map[string]func(*rapid.T){
				"rotate": func(rt *rapid.T) {
					r := token.Rotation{Version: int64(len(m.versions)), Hold: rapid.Bool().Draw(rt, "hold")}
					grace := m.grace
					if rapid.Bool().Draw(rt, "says how long") {
						grace = rapid.SampledFrom([]time.Duration{0, time.Minute, 2 * day, 80 * day}).Draw(rt, "grace")
						r.Grace = &grace
					}
					r.Ended = rapid.SampledFrom([]token.Reason{"", "", token.Compromised, token.Leaked}).Draw(rt, "ended")
					done, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, r)
					if m.ended != "" {
						if !errors.Is(err, &tenantry.Error{Kind: tenantry.Conflict, Code: "token.revoked"}) {
							rt.Fatalf("a revoked token was rotated: %v", err)
						}
						return
					}
					if err != nil {
						rt.Fatal(err)
					}
					for i := range m.versions {
						v := &m.versions[i]
						switch {
						case v.ended != "":
						case r.Ended != "":
							v.ended = r.Ended
						default:
							end := micro(h.Now().Add(grace))
							if v.retires.IsZero() {
								v.onUse = !r.Hold
								if v.expires.Before(end) {
									end = v.expires
								}
							} else if v.retires.Before(end) {
								end = v.retires
							} else if v.expires.Before(end) {
								end = v.expires
							}
							v.retires = end
						}
					}
					successor(done.Secret)
				},
				"use": func(rt *rapid.T) {
					i := rapid.IntRange(0, len(m.versions)-1).Draw(rt, "version")
					if state, _ := m.state(i, h.Now()); state != token.Active && state != token.Retiring {
						return
					}
					use(t, h, m.versions[i].secret)
					if m.versions[i].used {
						return
					}
					ends := false
					for j := range i {
						v := &m.versions[j]
						ends = ends || v.onUse && v.ended == ""
					}
					if i > 0 && ends {
						m.versions[i].used = true
						for j := range i {
							if v := &m.versions[j]; v.onUse && v.ended == "" {
								v.ended = token.Superseded
							}
						}
					}
				},
				"revoke": func(rt *rapid.T) {
					reason := rapid.SampledFrom(token.RevokeReasons()).Draw(rt, "reason")
					i := rapid.IntRange(0, 3*len(m.versions)).Draw(rt, "version")
					whole := i == 0
					if i > len(m.versions) {
						return
					}
					if _, err := h.Tokens.Revoke(t.Context(), operator(h), c.ai.id, int64(i), reason); err != nil {
						rt.Fatal(err)
					}
					switch {
					case whole && m.ended == "":
						m.ended = reason
						for j := range m.versions {
							if v := &m.versions[j]; v.ended == "" {
								v.ended = reason
							}
						}
					case !whole && m.versions[i-1].ended == "":
						m.versions[i-1].ended = reason
					}
				},
				"generate what is missing": func(rt *rapid.T) {
					missing := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE id = ? AND ai_token = ''`, c.tenant.Key) == 1
					n, err := h.Tokens.GenerateMissing(t.Context(), operator(h), c.tenant.Key, none)
					if err != nil || (n == 1) != missing {
						rt.Fatalf("%d made, missing %t, %v", n, missing, err)
					}
					if !missing {
						return
					}
					m.ended = ""
					for j := range m.versions {
						if v := &m.versions[j]; v.ended == "" {
							v.ended = token.Withdrawn
						}
					}
					secret, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{Version: int64(len(m.versions)) + 1, Ended: token.Leaked})
					if err != nil {
						rt.Fatal(err)
					}
					successor(tenantry.NewSecret("ai_nobody-ever-saw-the-generated-one")) // its secret is shown to nobody
					m.versions[len(m.versions)-1].ended = token.Leaked
					successor(secret.Secret)
				},
				"time passes": func(rt *rapid.T) {
					h.Pass(time.Duration(rapid.SampledFrom([]int64{1, int64(time.Second), int64(time.Minute), int64(day), int64(79 * day), int64(200 * day)}).Draw(rt, "time")))
				},
				"": func(rt *rapid.T) {
					for i, v := range m.versions {
						found, err := lookUp(t.Context(), h, v.secret)
						if v.secret.Reveal() == "ai_nobody-ever-saw-the-generated-one" {
							continue
						}
						if err != nil {
							rt.Fatalf("version %d: %v", i+1, err)
						}
						state, reason := m.state(i, h.Now())
						if found.State != state || found.Reason != reason || found.Version != int64(i)+1 {
							rt.Fatalf("version %d of %d is %s %q, the model says %s %q", i+1, len(m.versions), found.State, found.Reason, state, reason)
						}
						if !found.Until.IsZero() && !found.Until.After(h.Now()) {
							rt.Fatalf("version %d holds until %v, which is past", i+1, found.Until)
						}
					}
				},
			})
		}
		rapid.Check(t, steps)
	})
}

// TestMain lets properties be checked fewer times than rapid would by itself: each
// check is some thirty transactions. -rapid.checks asks for more.
func TestMain(m *testing.M) {
	checks := flag.Lookup("rapid.checks")
	if err := checks.Value.Set("25"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}
