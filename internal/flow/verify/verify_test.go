package verify_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/onboard"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

func operator(h apptest.House) tenantry.Scope { return h.SignIn.Console("ana") }

// node is one process that verifies: its memory, and a clock of elapsed time that
// moves when the test says so.
type node struct {
	*verify.Flow
	t       *testing.T
	elapsed *atomic.Int64
}

// listen makes a node that hears of changes until the test ends.
func listen(t *testing.T, h apptest.House, o verify.Options) node {
	t.Helper()
	n := deaf(t, h, o)
	ctx, cancel := context.WithCancel(context.Background())
	heard, done := make(chan struct{}), make(chan struct{})
	hears := sync.OnceFunc(func() { close(heard) })
	go func() {
		defer close(done)
		n.Watch(ctx, hears, func(err error) { t.Logf("listening: %v", err) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	<-heard
	return n
}

// deaf makes a node that does not listen.
func deaf(t *testing.T, h apptest.House, o verify.Options) node {
	n := node{t: t, elapsed: new(atomic.Int64)}
	if o.Size == 0 {
		o = verify.Options{Size: 1000, Lifetime: time.Minute, Silence: 5 * time.Second, Loads: 4}
	}
	n.Flow = verify.New(h.DB, h.Tokens, h.Tenants, h.SignIn.System("verify"),
		func() (time.Time, time.Duration) { return h.Now(), time.Duration(n.elapsed.Load()) }, o)
	return n
}

func (n node) pass(d time.Duration) { n.elapsed.Add(int64(d)) }

func (n node) ask(text string, q verify.Question) verify.Verdict {
	n.t.Helper()
	v, err := n.Verify(n.t.Context(), text, q)
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}

// says asks about a secret and wants an answer, and how it was found. What is to be
// remembered may be forgotten once more: a process hears of its own changes from
// PostgreSQL too, and that late when the machine is busy.
func (n node) says(what string, secret tenantry.Secret, want verify.Code, hit bool) {
	n.t.Helper()
	v := n.ask(secret.Reveal(), verify.Question{})
	for deadline := time.Now().Add(10 * time.Second); hit && !v.Hit && v.Code == want && time.Now().Before(deadline); {
		v = n.ask(secret.Reveal(), verify.Question{})
	}
	if v.Code != want || v.Hit != hit {
		n.t.Errorf("%s: %s, from memory %t; want %s, %t", what, v.Code, v.Hit, want, hit)
	}
}

type customer struct {
	tenant  tenant.Tenant
	ai, cwu tenantry.Secret
	id      tenantry.TokenID // of ai
}

func arrive(t *testing.T, h apptest.House, name string) customer {
	t.Helper()
	r, err := h.Onboard.Run(t.Context(), operator(h), onboard.Request{Tenant: tenant.Draft{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := h.Tokens.List(t.Context(), operator(h), token.Query{Tenant: r.Tenant.Key, Kind: token.AI})
	if err != nil {
		t.Fatal(err)
	}
	return customer{tenant: r.Tenant, ai: r.Tokens.AI, cwu: r.Tokens.CWU, id: page.Items[0].ID}
}

func must(t *testing.T) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerdictTellsWhoseTokenItIs(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Ñandú")
		n := listen(t, h, verify.Options{})
		v := n.ask(c.ai.Reveal(), verify.Question{})
		if v.Code != verify.Valid || v.Hit || v.Tenant.ID != c.tenant.ID || v.Tenant.Name != "Ñandú" || v.Tenant.Model != "gpt-3.5-turbo" ||
			v.Tenant.MaxAgents != 10 || v.Token != c.id || v.Version != 1 || v.Kind != token.AI || len(v.Permissions) != 3 || v.ExpiresAt.IsZero() {
			t.Errorf("%+v of %+v", v, v.Tenant)
		}
		n.says("again", c.ai, verify.Valid, true)
		n.says("nobody's", tenantry.NewSecret("ai_"+c.cwu.Reveal()[4:47]), verify.NotFound, false)
		n.says("a typo", tenantry.NewSecret(c.ai.Reveal()[:51]+"?"), verify.Malformed, false)
		n.says("nothing", tenantry.NewSecret(""), verify.Malformed, false)
	})
}

func TestQuestionsNarrowTheAnswer(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, other := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		made, err := h.Tokens.Create(t.Context(), operator(h), token.Draft{Tenant: c.tenant.Key, Kind: token.AI, Name: "estrecho", Scopes: []string{"ai.chat"},
			AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
		must(t)(made, err)
		n := listen(t, h, verify.Options{})
		inside, outside := netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("10.2.0.1")
		for _, one := range []struct {
			secret tenantry.Secret
			q      verify.Question
			want   verify.Code
		}{
			{c.ai, verify.Question{Kind: token.AI, Tenant: c.tenant.ID, Permission: "ai.chat"}, verify.Valid},
			{c.ai, verify.Question{Kind: token.CWU}, verify.Forbidden},
			{c.ai, verify.Question{Permission: "chat.write"}, verify.Forbidden},
			{c.ai, verify.Question{Tenant: other.tenant.ID}, verify.NotFound}, // foreign is missing
			{made.Secret, verify.Question{From: inside, Permission: "ai.chat"}, verify.Valid},
			{made.Secret, verify.Question{From: outside}, verify.Forbidden},
			{made.Secret, verify.Question{}, verify.Forbidden},
			{made.Secret, verify.Question{From: inside, Permission: "ai.models"}, verify.Forbidden},
		} {
			for range 2 { // looked up and remembered
				if v := n.ask(one.secret.Reveal(), one.q); v.Code != one.want || one.want == verify.NotFound && v.Tenant != nil {
					t.Errorf("%+v: %+v, want %s", one.q, v, one.want)
				}
			}
		}
	})
}

// The next request on the node.
func TestChangesAreSeenByTheNextRequest(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		s, ref := operator(h), tenant.ByKey(c.tenant.Key)
		warm := func() {
			n.ask(c.ai.Reveal(), verify.Question{})
			n.says("warm", c.ai, verify.Valid, true)
		}
		warm()
		must(t)(h.Tenants.Suspend(t.Context(), s, ref, "impago"))
		n.says("suspended", c.ai, verify.TenantSuspended, false)
		must(t)(h.Tenants.Activate(t.Context(), s, ref))
		warm()
		must(t)(h.Tenants.Delete(t.Context(), s, ref, ""))
		n.says("on its way out", c.ai, verify.Disabled, false)
		must(t)(h.Tenants.Activate(t.Context(), s, ref))
		warm()
		model := "gpt-4"
		must(t)(h.Tenants.Update(t.Context(), s, ref, tenant.Change{Model: &model}, ""))
		if v := n.ask(c.ai.Reveal(), verify.Question{}); v.Tenant.Model != "gpt-4" {
			t.Errorf("the model is %s", v.Tenant.Model)
		}
		h.Pass(2 * time.Second)
		done, err := h.Tokens.Rotate(t.Context(), s, c.id, token.Rotation{})
		must(t)(done, err)
		n.says("old", c.ai, verify.Valid, false)
		n.says("old again", c.ai, verify.Valid, true)
		n.says("new, for the first time", done.Secret, verify.Valid, false)
		if v := n.ask(c.ai.Reveal(), verify.Question{}); v.Code != verify.Revoked || v.Reason != token.Superseded {
			t.Errorf("old after the new one's first use: %+v", v)
		}
		n.says("new", done.Secret, verify.Valid, true)
		must(t)(h.Tokens.Revoke(t.Context(), s, c.id, 0, token.Compromised))
		n.says("revoked", done.Secret, verify.Revoked, false)
	})
}

// A token of a tenant in quarantine is not used.
func TestQuarantinedAndPendingTenantsAreDisabled(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		n := listen(t, h, verify.Options{})
		for name, d := range map[string]tenant.Draft{"default": {Name: "default", Quarantine: true}, "espera": {Name: "espera", Pending: true}} {
			r, err := h.Onboard.Run(t.Context(), operator(h), onboard.Request{Tenant: d})
			must(t)(r, err)
			n.says(name, r.Tokens.AI, verify.Disabled, false)
		}
	})
}

// On another node, through the database.
func TestOtherNodesHearOfChanges(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		there := h.Reopen(t) // another process
		n := listen(t, there, verify.Options{})
		n.ask(c.ai.Reveal(), verify.Question{})
		n.says("warm", c.ai, verify.Valid, true)
		must(t)(h.Tokens.Revoke(t.Context(), operator(h), c.id, 0, token.Compromised))
		deadline := time.Now().Add(30 * time.Second)
		for n.ask(c.ai.Reveal(), verify.Question{}).Code == verify.Valid {
			if time.Now().After(deadline) {
				t.Fatal("still valid on the other node")
			}
		}
	})
}

// A reading that began before a revocation and ends after it must not bring the old
// answer back; nor may whoever asks after the revocation be given it.
func TestReadingUnderWayDoesNotOutliveARevocation(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		for range 20 {
			h.Pass(2 * time.Second)
			done, err := h.Tokens.Rotate(t.Context(), operator(h), c.id, token.Rotation{Ended: token.Leaked})
			must(t)(done, err)
			var stop atomic.Bool
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					for !stop.Load() {
						if _, err := n.Verify(t.Context(), done.Secret.Reveal(), verify.Question{Authoritative: true}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			must(t)(h.Tokens.Revoke(t.Context(), operator(h), c.id, done.Version, token.Leaked))
			for range 200 {
				if v := n.ask(done.Secret.Reveal(), verify.Question{}); v.Code != verify.Revoked {
					t.Fatalf("%s after the revocation", v.Code)
				}
			}
			stop.Store(true)
			wait.Wait()
			n.says("afterwards", done.Secret, verify.Revoked, true)
		}
	})
}

// Whoever cannot hear of changes trusts nothing that is remembered.
func TestSilenceIsNotTrusted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := deaf(t, h, verify.Options{})
		n.says("before listening", c.ai, verify.Valid, false)
		n.says("before listening", c.ai, verify.Valid, false)
		if err := n.Listening(t.Context()); !errors.Is(err, &tenantry.Error{Kind: tenantry.Unavailable, Code: "verify.deaf"}) {
			t.Errorf("%v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		heard, done := make(chan struct{}), make(chan struct{})
		hears := sync.OnceFunc(func() { close(heard) })
		go func() {
			defer close(done)
			n.Watch(ctx, hears, func(error) {})
		}()
		<-heard
		n.ask(c.ai.Reveal(), verify.Question{})
		n.says("listening", c.ai, verify.Valid, true)
		cancel()
		<-done
		n.says("after listening has ended", c.ai, verify.Valid, false)
		// What happened in the meantime is seen although nobody told.
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = ? WHERE id = ?`, false, c.tenant.Key)
		n.says("suspended by a Django process", c.ai, verify.TenantSuspended, false)
	})
}

// Nothing is valid while nobody can tell.
func TestDatabaseAwayIsAnErrorAndNotAnAnswer(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := deaf(t, h, verify.Options{})
		n.says("there", c.ai, verify.Valid, false)
		h.DB.Close()
		if v, err := n.Verify(t.Context(), c.ai.Reveal(), verify.Question{}); err == nil || v.Code == verify.Valid {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestAnswersGrowOldAndEndWithTheSecret(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{Size: 1000, Lifetime: time.Minute, Silence: 1000 * time.Hour, Loads: 4})
		n.ask(c.ai.Reveal(), verify.Question{})
		n.pass(29 * time.Second)
		n.says("young", c.ai, verify.Valid, true)
		n.pass(31 * time.Second)
		n.says("too old", c.ai, verify.Valid, false)

		grace := time.Hour
		h.Pass(2 * time.Second)
		must(t)(h.Tokens.Rotate(t.Context(), operator(h), c.id, token.Rotation{Grace: &grace, Hold: true}))
		n.ask(c.ai.Reveal(), verify.Question{})
		n.says("retiring", c.ai, verify.Valid, true)
		h.Pass(time.Hour)
		n.says("after the grace period, remembered as valid", c.ai, verify.Revoked, false)
	})
}

// A clock that is set back brings nothing back to life; one that was set forward
// by mistake is forgotten once it is right again.
func TestClockThatStepsRevivesNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := deaf(t, h, verify.Options{})
		year := 365 * 24 * time.Hour
		h.Pass(year)
		n.pass(year)
		n.says("after a year", c.ai, verify.Expired, false)
		h.Pass(-time.Hour)
		n.says("with the clock set back", c.ai, verify.Expired, false)
		h.Pass(time.Hour)

		d := arrive(t, h, "Dos")
		n.says("new", d.ai, verify.Valid, false)
		h.Pass(year)
		n.says("with the clock set forward", d.ai, verify.Expired, false)
		h.Pass(-year)
		n.says("with the clock right again", d.ai, verify.Valid, false)
	})
}

func TestUsesAreNotedInOneBatch(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, d := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		n := listen(t, h, verify.Options{})
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 50 {
					n.ask(c.ai.Reveal(), verify.Question{})
					n.ask(d.cwu.Reveal(), verify.Question{})
				}
			})
		}
		wait.Wait()
		none := func(token.Use) {}
		if err := n.Flush(t.Context(), none); err != nil {
			t.Fatal(err)
		}
		if err := n.Flush(t.Context(), none); err != nil {
			t.Fatal(err)
		}
		if n := h.Number(t, `SELECT sum(uses) FROM tenantry_token_version`); n != 800 {
			t.Errorf("%d uses", n)
		}
		found, err := h.Tokens.Get(t.Context(), operator(h), c.id)
		if err != nil || found.Versions[0].Uses != 400 || found.Versions[0].LastUsedAt == nil || found.Versions[0].FirstUsedAt == nil {
			t.Errorf("%+v, %v", found.Versions, err)
		}
	})
}

// Who still calls with the old secret is noted; who presents a dead one is news.
func TestStragglersAndMisuseAreNoted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		h.Pass(2 * time.Second)
		must(t)(h.Tokens.Rotate(t.Context(), operator(h), c.id, token.Rotation{Hold: true}))
		from := netip.MustParseAddr("203.0.113.9")
		n.ask(c.ai.Reveal(), verify.Question{From: from})
		var alarms []token.Use
		flush := func() {
			t.Helper()
			if err := n.Flush(t.Context(), func(u token.Use) { alarms = append(alarms, u) }); err != nil {
				t.Fatal(err)
			}
		}
		flush()
		found, err := h.Tokens.Get(t.Context(), operator(h), c.id)
		if err != nil || found.Versions[1].LastAddress != "203.0.113.9" {
			t.Errorf("%+v, %v", found.Versions, err)
		}
		must(t)(h.Tokens.Revoke(t.Context(), operator(h), c.id, 1, token.Leaked))
		for range 3 {
			n.ask(c.ai.Reveal(), verify.Question{From: from})
		}
		flush()
		if len(alarms) != 1 || alarms[0].Times != 3 || alarms[0].Address != from || alarms[0].Version != 1 {
			t.Errorf("%+v", alarms)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'token.used_after_end' AND tenant_id = ?`, c.tenant.Key); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

// Guessing is limited by address; a token that is remembered works all the same.
func TestFailuresAreLimitedByAddress(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		here, there := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1")
		n.ask(c.ai.Reveal(), verify.Question{From: here})
		guess := func(i int) string {
			return "ai_" + c.ai.Reveal()[3:40] + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "AAAA"
		}
		limited := 0
		for i := range 100 {
			if n.ask(guess(i), verify.Question{From: here}).Code == verify.RateLimited {
				limited++
			}
		}
		if limited != 40 {
			t.Errorf("%d of 100 guesses were refused unseen, want 40", limited)
		}
		// Another address of the same network is the same one; another network is not.
		if v := n.ask(guess(200), verify.Question{From: netip.MustParseAddr("2001:db8::2")}); v.Code != verify.RateLimited {
			t.Errorf("%s", v.Code)
		}
		if v := n.ask(guess(201), verify.Question{From: there}); v.Code != verify.NotFound {
			t.Errorf("%s", v.Code)
		}
		if v := n.ask(guess(202), verify.Question{From: here, Trusted: func() bool { return true }}); v.Code != verify.NotFound {
			t.Errorf("%s", v.Code)
		}
		if v := n.ask(c.ai.Reveal(), verify.Question{From: here}); v.Code != verify.Valid || !v.Hit {
			t.Errorf("%+v", v)
		}
		n.pass(4 * time.Second)
		if v := n.ask(guess(203), verify.Question{From: here}); v.Code != verify.NotFound {
			t.Errorf("after a rest: %s", v.Code)
		}
	})
}

func TestWarmNodeAnswersTheFirstQuestionFromMemory(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, d := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		h.Pass(2 * time.Second)
		done, err := h.Tokens.Rotate(t.Context(), operator(h), d.id, token.Rotation{})
		must(t)(done, err)
		n := listen(t, h, verify.Options{})
		warm, err := n.Warm(t.Context())
		if err != nil || warm != 4 { // not the one whose first use ends another
			t.Errorf("%d tokens, %v", warm, err)
		}
		n.says("warm", c.ai, verify.Valid, true)
		n.says("warm", c.cwu, verify.Valid, true)
		n.says("retiring", d.ai, verify.Valid, true)
		n.says("first use", done.Secret, verify.Valid, false)
		n.says("old", d.ai, verify.Revoked, false)
	})
}

// A tenant that a Django process made a moment ago has no row of ours yet.
func TestTokenOfATenantThatDjangoMadeIsVerified(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		h.Exec(t, `DELETE FROM tenantry_tenant WHERE tenant_id = ?`, c.tenant.Key)
		if v := n.ask(c.ai.Reveal(), verify.Question{}); v.Code != verify.Valid || v.Tenant.ID.IsZero() {
			t.Errorf("%+v", v)
		}
		// … and of one that it removed, our directory knows nothing more.
		err := h.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM tenants_tenantmodel WHERE id = ?`, c.tenant.Key)
			return err
		})
		must(t)(nil, err)
		if v := n.ask(c.ai.Reveal(), verify.Question{Authoritative: true}); v.Code != verify.NotFound {
			t.Errorf("%+v", v)
		}
	})
}

// Not in parallel, because the allocations of all are counted together; what is
// remembered is the same on either engine.
func TestWarmAnswerCostsNoMemory(t *testing.T) {
	h := apptest.Open(t, sqldbtest.New(t, sqldb.SQLite))
	c := arrive(t, h, "Uno")
	n := listen(t, h, verify.Options{Size: 1000, Lifetime: time.Hour, Silence: time.Hour, Loads: 4})
	text, ctx := c.ai.Reveal(), t.Context()
	n.ask(text, verify.Question{})
	got := testing.AllocsPerRun(10_000, func() {
		if v, err := n.Verify(ctx, text, verify.Question{}); err != nil || !v.Hit {
			t.Errorf("%+v, %v", v, err)
		}
	})
	if got >= 1 {
		t.Errorf("%v allocations for an answer", got)
	}
}

// What a Django process does to a tenant tells nobody; somebody looks.
func TestTenantsThatDjangoChangesAreLookedAtAgain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, gone := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		n := listen(t, h, verify.Options{})
		for _, secret := range []tenantry.Secret{c.ai, gone.ai} {
			n.ask(secret.Reveal(), verify.Question{})
			n.says("warm", secret, verify.Valid, true)
		}
		recheck := func(want int) {
			t.Helper()
			if got, err := n.Recheck(t.Context()); got != want || err != nil {
				t.Errorf("%d were different, %v, want %d", got, err, want)
			}
		}
		recheck(0)
		n.says("still warm", c.ai, verify.Valid, true)
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = ? WHERE id = ?`, false, c.tenant.Key)
		h.Exec(t, `DELETE FROM tenants_tenantmodel WHERE id = ?`, gone.tenant.Key)
		n.says("nobody told", c.ai, verify.Valid, true)
		recheck(2)
		n.says("suspended by Django", c.ai, verify.TenantSuspended, false)
		n.says("removed by Django", gone.ai, verify.NotFound, false)
	})
}

// Looking at a new secret is no use of it.
func TestExaminationEndsNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		n := listen(t, h, verify.Options{})
		h.Pass(2 * time.Second)
		done, err := h.Tokens.Rotate(t.Context(), operator(h), c.id, token.Rotation{})
		must(t)(done, err)
		if v := n.ask(done.Secret.Reveal(), verify.Question{Examine: true}); v.Code != verify.Valid {
			t.Errorf("%+v", v)
		}
		n.says("old", c.ai, verify.Valid, false)
		must(t)(nil, n.Flush(t.Context(), func(token.Use) {}))
		if n := h.Number(t, `SELECT sum(uses) FROM tenantry_token_version WHERE version = 2`); n != 0 {
			t.Errorf("%d uses", n)
		}
	})
}
