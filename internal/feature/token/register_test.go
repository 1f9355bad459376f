package token_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

var (
	djangoAI    = tenantry.NewSecret("ai_" + strings.Repeat("d", 43))
	djangoOther = tenantry.NewSecret("ai_" + strings.Repeat("e", 43))
	djangoCWU   = tenantry.NewSecret("cwu_" + strings.Repeat("d", 43))
)

// bare is a tenant without tokens, as Django makes one.
func bare(t *testing.T, h apptest.House, name string) customer {
	t.Helper()
	made, err := h.Tenants.Create(t.Context(), operator(h), tenant.Draft{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return customer{tenant: made}
}

func reconcile(t *testing.T, h apptest.House, want token.Reconciled) {
	t.Helper()
	got, err := h.Tokens.Reconcile(t.Context(), operator(h), none)
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestWhatDjangoWritesWorksAndWhatItTakesAwayDoesNot(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := bare(t, h, "Uno")
		django(t, h, c, token.AI, djangoAI.Reveal())
		reconcile(t, h, token.Reconciled{Registered: 1})
		reconcile(t, h, token.Reconciled{})
		wants(t, h, "Django's", djangoAI, token.Active, "")

		django(t, h, c, token.AI, djangoOther.Reveal())
		reconcile(t, h, token.Reconciled{Replaced: 1})
		wants(t, h, "the replaced one", djangoAI, token.Revoked, token.Replaced)
		wants(t, h, "the one in its place", djangoOther, token.Active, "")

		django(t, h, c, token.AI, "")
		reconcile(t, h, token.Reconciled{Withdrawn: 1})
		wants(t, h, "the withdrawn one", djangoOther, token.Revoked, token.Withdrawn)
		reconcile(t, h, token.Reconciled{})
	})
}

// Unknown is unknown: no issue date is invented. Such a token is due, not expired.
func TestAdoptedTokenHasNoAgeAndIsDue(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := bare(t, h, "Uno")
		django(t, h, c, token.AI, djangoAI.Reveal())
		reconcile(t, h, token.Reconciled{Registered: 1})
		h.Pass(1000 * day)
		wants(t, h, "after a thousand days", djangoAI, token.Active, "")
		page, err := h.Tokens.List(t.Context(), operator(h), token.Query{})
		if err != nil || len(page.Items) != 1 || !page.Items[0].Due || page.Items[0].Newest.CreatedAt != nil || page.Items[0].CreatedAt != nil {
			t.Errorf("%+v, %v", page.Items, err)
		}
	})
}

// "Tokens duplicados": who holds one of two cannot be told, so it is nobody's until
// one of them is left.
func TestDoubledTokenIsNobodysUntilTheNewerIsRotated(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		older := bare(t, h, "Vieja")
		h.Pass(time.Hour)
		newer, third := bare(t, h, "Nueva"), bare(t, h, "Tercera")
		django(t, h, newer, token.AI, djangoAI.Reveal())
		reconcile(t, h, token.Reconciled{Registered: 1})
		wants(t, h, "alone", djangoAI, token.Active, "")
		django(t, h, older, token.AI, djangoAI.Reveal())
		django(t, h, third, token.CWU, djangoAI.Reveal()) // in the other column, too
		reconcile(t, h, token.Reconciled{Registered: 2})
		wants(t, h, "three times", djangoAI, "ambiguous", "")
		if found := validate(t, h); !slices.Contains(found, "token.duplicate") {
			t.Errorf("findings: %v", found)
		}
		fixed, err := h.Tokens.Fix(t.Context(), operator(h), 0)
		if err != nil || fixed.Rotated != 2 {
			t.Fatalf("%+v, %v", fixed, err)
		}
		found, err := lookUp(t.Context(), h, djangoAI)
		if err != nil || found.State != token.Active || found.Tenant != older.tenant.Key || found.Ambiguous {
			t.Errorf("%+v, %v: it should be the older tenant's", found, err)
		}
		if column(t, h, newer, token.AI) == djangoAI.Reveal() {
			t.Error("the newer still has it")
		}
		if found := validate(t, h); found != nil {
			t.Errorf("findings after the fix: %v", found)
		}
		if again, err := h.Tokens.Fix(t.Context(), operator(h), 0); again != (token.Fixed{}) || err != nil {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

func TestFixLeavesNothingThatValidateFinds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, blank := arrive(t, h, "Uno"), bare(t, h, "Dos")
		django(t, h, c, token.CWU, djangoCWU.Reveal())
		if found := validate(t, h); !slices.Equal(found, []string{"token.missing", "token.plain", "token.unregistered"}) {
			t.Errorf("findings: %v", found)
		}
		fixed, err := h.Tokens.Fix(t.Context(), operator(h), 0)
		want := token.Fixed{Reconciled: token.Reconciled{Replaced: 1}, Generated: 2, Sealed: 1}
		if err != nil || fixed != want {
			t.Errorf("%+v, %v, want %+v", fixed, err, want)
		}
		if found := validate(t, h); found != nil {
			t.Errorf("findings: %v", found)
		}
		wants(t, h, "Django's", djangoCWU, token.Active, "")
		if column(t, h, blank, token.AI) == "" {
			t.Error("still missing")
		}
	})
}

func TestOddTokensAreFindingsAndStayValid(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, d := bare(t, h, "Uno"), bare(t, h, "Dos")
		django(t, h, c, token.AI, "test_ai_token")
		django(t, h, c, token.CWU, djangoAI.Reveal()) // of the other kind
		ours := arrive(t, h, "Tres").ai.secret.Reveal()
		django(t, h, d, token.AI, ours[:len(ours)-1]+"!")
		django(t, h, d, token.CWU, djangoCWU.Reveal())
		if _, err := h.Tokens.Reconcile(t.Context(), operator(h), none); err != nil {
			t.Fatal(err)
		}
		if found := validate(t, h); !slices.Equal(found, []string{"token.malformed", "token.odd_shape", "token.plain", "token.weak"}) {
			t.Errorf("findings: %v", found)
		}
		wants(t, h, "the short one", tenantry.NewSecret("test_ai_token"), token.Active, "")
	})
}

func TestAuditTellsWhatBecameOfTokens(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, d := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		audit := func() []string {
			t.Helper()
			found, err := h.Tokens.Audit(t.Context(), operator(h))
			if err != nil {
				t.Fatal(err)
			}
			return codes(found)
		}
		if found := audit(); found != nil {
			t.Errorf("findings: %v", found)
		}
		h.Pass(31 * day)
		if found := audit(); !slices.Equal(found, []string{"token.never_used"}) {
			t.Errorf("findings: %v", found)
		}
		rotate(t, h, c.ai.id, token.Rotation{})
		use := func(id tenantry.TokenID, version int64) token.Use {
			return token.Use{Tenant: c.tenant.Key, Token: id, Version: version, Times: 3, Last: h.Now()}
		}
		h.Pass(time.Minute)
		if err := h.Tokens.RecordUses(t.Context(), []token.Use{use(c.ai.id, 1), use(c.cwu.id, 1)}); err != nil {
			t.Fatal(err)
		}
		if found := audit(); !slices.Equal(found, []string{"token.never_used", "token.old_in_use"}) {
			t.Errorf("findings: %v", found)
		}
		old, err := h.Tokens.List(t.Context(), operator(h), token.Query{Old: true})
		if err != nil || len(old.Items) != 1 || old.Items[0].ID != c.ai.id {
			t.Errorf("%+v, %v", old.Items, err)
		}
		if _, err := h.Tokens.Revoke(t.Context(), operator(h), c.cwu.id, 0, token.Unused); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{1, 0, 1} {
			news, err := h.Tokens.RecordMisuses(t.Context(), h.SignIn.System("test"), []token.Use{use(c.cwu.id, 1)})
			if err != nil || len(news) != want {
				t.Errorf("misuse %d: %d alarms, %v", i, len(news), err)
			}
			h.Pass(time.Duration(i+1) * 45 * time.Minute)
		}
		if found := audit(); !slices.Contains(found, "token.used_after_end") {
			t.Errorf("findings: %v", found)
		}
		if n := h.Number(t, `SELECT misuses FROM tenantry_token_version WHERE tenant_id = ? AND token_id = ?`, c.tenant.Key, c.cwu.id); n != 9 {
			t.Errorf("%d misuses", n)
		}
		h.Pass(60 * day)
		if found := audit(); !slices.Contains(found, "token.due") {
			t.Errorf("findings: %v", found)
		}
		h.Pass(300 * day)
		if found := audit(); !slices.Contains(found, "token.expired") {
			t.Errorf("findings: %v", found)
		}
		_ = d
	})
}

// A stale save by a Django process writes a secret back that was ended here: it
// stays dead, and the one that works goes on.
func TestEndedSecretDoesNotComeBackByBeingWrittenAgain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := bare(t, h, "Uno")
		django(t, h, c, token.AI, djangoAI.Reveal())
		reconcile(t, h, token.Reconciled{Registered: 1})
		found, err := lookUp(t.Context(), h, djangoAI)
		if err != nil {
			t.Fatal(err)
		}
		next := rotate(t, h, found.Token, token.Rotation{Ended: token.Compromised})
		django(t, h, c, token.AI, djangoAI.Reveal())
		reconcile(t, h, token.Reconciled{})
		wants(t, h, "the compromised one", djangoAI, token.Revoked, token.Compromised)
		wants(t, h, "its successor", next.Secret, token.Active, "")
		if found := validate(t, h); !slices.Contains(found, "token.dead_in_column") {
			t.Errorf("findings: %v", found)
		}
		// The current one, revoked and written again, is as dead.
		if _, err := h.Tokens.Revoke(t.Context(), operator(h), found.Token, 0, token.Leaked); err != nil {
			t.Fatal(err)
		}
		django(t, h, c, token.AI, next.Secret.Reveal())
		reconcile(t, h, token.Reconciled{})
		wants(t, h, "the revoked one", next.Secret, token.Revoked, token.Leaked)
		if found := validate(t, h); !slices.Contains(found, "token.dead_in_column") {
			t.Errorf("findings: %v", found)
		}
		// What only Django itself replaced may come back by Django's hand.
		d := bare(t, h, "Dos")
		for _, secret := range []tenantry.Secret{djangoCWU, djangoOther, djangoCWU} {
			django(t, h, d, token.CWU, secret.Reveal())
			if _, err := h.Tokens.Reconcile(t.Context(), operator(h), none); err != nil {
				t.Fatal(err)
			}
			wants(t, h, "what stands in the column", secret, token.Active, "")
		}
	})
}

// A finder who holds what two tenants have ends it for both.
func TestFinderOfADoubledTokenEndsBoth(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, name := range []string{"Uno", "Dos"} {
			django(t, h, bare(t, h, name), token.AI, djangoAI.Reveal())
		}
		reconcile(t, h, token.Reconciled{Registered: 2})
		found, err := h.Tokens.RevokeHeld(t.Context(), h.SignIn.Holder(), djangoAI)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_token_version WHERE revoked_reason = 'leaked'`); n != 2 {
			t.Errorf("%d of two were ended", n)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = ''`); n != 2 {
			t.Errorf("%d of two columns were emptied", n)
		}
	})
}
