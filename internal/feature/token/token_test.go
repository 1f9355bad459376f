package token_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

const day = 24 * time.Hour

func operator(h apptest.House) tenantry.Scope { return h.SignIn.Console("ana") }

// customer is a tenant with both its tokens.
type customer struct {
	tenant  tenant.Tenant
	ai, cwu held
}

type held struct {
	id     tenantry.TokenID
	secret tenantry.Secret
}

func arrive(t *testing.T, h apptest.House, name string) customer {
	t.Helper()
	r, err := h.Onboard.Run(t.Context(), operator(h), onboard.Request{Tenant: tenant.Draft{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	c := customer{tenant: r.Tenant, ai: held{secret: r.Tokens.AI}, cwu: held{secret: r.Tokens.CWU}}
	page, err := h.Tokens.List(t.Context(), operator(h), token.Query{Tenant: r.Tenant.Key})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d tokens, %v", len(page.Items), err)
	}
	for _, l := range page.Items {
		if l.Kind == token.AI {
			c.ai.id = l.ID
		} else {
			c.cwu.id = l.ID
		}
	}
	return c
}

// state looks a secret up as a verification does.
func state(t *testing.T, h apptest.House, secret tenantry.Secret) (token.State, token.Reason) {
	t.Helper()
	found, err := lookUp(t.Context(), h, secret)
	if err != nil {
		t.Fatal(err)
	}
	if found.Ambiguous {
		return "ambiguous", ""
	}
	return found.State, found.Reason
}

func lookUp(ctx context.Context, h apptest.House, secret tenantry.Secret) (found token.Held, err error) {
	err = h.DB.Read(ctx, func(tx *sqldb.Tx) error {
		found, err = h.Tokens.LookUpIn(ctx, tx, token.DigestOf(secret.Reveal()), h.Now())
		return err
	})
	return found, err
}

// use presents a secret that works.
func use(t *testing.T, h apptest.House, secret tenantry.Secret) {
	t.Helper()
	found, err := lookUp(t.Context(), h, secret)
	if err == nil && found.FirstUse {
		err = h.Tokens.Begin(t.Context(), found)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, h apptest.House, what string, secret tenantry.Secret, want token.State, why token.Reason) {
	t.Helper()
	if got, reason := state(t, h, secret); got != want || reason != why {
		t.Errorf("%s is %s %s, want %s %s", what, got, reason, want, why)
	}
}

func rotate(t *testing.T, h apptest.House, id tenantry.TokenID, r token.Rotation) token.Rotated {
	t.Helper()
	h.Pass(2 * time.Second) // apart from the one before
	done, err := h.Tokens.Rotate(t.Context(), operator(h), id, r)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func fails(t *testing.T, err error, kind tenantry.Kind, code string) {
	t.Helper()
	if !errors.Is(err, &tenantry.Error{Kind: kind, Code: code}) {
		t.Errorf("got %v, want %s %s", err, kind, code)
	}
}

func TestOldSecretLivesUntilTheNewOneIsUsed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		done := rotate(t, h, c.ai.id, token.Rotation{})
		if end := h.Now().Add(day); done.PreviousExpiresAt == nil || !done.PreviousExpiresAt.Equal(end.Truncate(time.Microsecond)) {
			t.Errorf("the old secret ends at %v, want %v", done.PreviousExpiresAt, end)
		}
		wants(t, h, "old", c.ai.secret, token.Retiring, "")
		wants(t, h, "new", done.Secret, token.Active, "")
		use(t, h, c.ai.secret)
		wants(t, h, "old after its own use", c.ai.secret, token.Retiring, "")
		use(t, h, done.Secret)
		wants(t, h, "old after the new one's use", c.ai.secret, token.Revoked, token.Superseded)
		wants(t, h, "new", done.Secret, token.Active, "")
		wants(t, h, "the other token", c.cwu.secret, token.Active, "")
	})
}

func TestOldSecretDiesWithTheGracePeriod(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		grace := time.Hour
		done := rotate(t, h, c.ai.id, token.Rotation{Grace: &grace})
		h.Pass(time.Hour - time.Microsecond)
		wants(t, h, "old a moment before", c.ai.secret, token.Retiring, "")
		h.Pass(time.Microsecond)
		wants(t, h, "old", c.ai.secret, token.Revoked, token.Superseded)
		wants(t, h, "new, unused", done.Secret, token.Active, "")
	})
}

func TestHeldOldSecretSurvivesTheFirstUse(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		grace := time.Hour
		done := rotate(t, h, c.ai.id, token.Rotation{Grace: &grace, Hold: true})
		use(t, h, done.Secret)
		wants(t, h, "old", c.ai.secret, token.Retiring, "")
		h.Pass(time.Hour)
		wants(t, h, "old after the grace", c.ai.secret, token.Revoked, token.Superseded)
	})
}

func TestCompromisedSecretDiesAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		second := rotate(t, h, c.ai.id, token.Rotation{})
		third := rotate(t, h, c.ai.id, token.Rotation{Ended: token.Compromised})
		wants(t, h, "first", c.ai.secret, token.Revoked, token.Compromised)
		wants(t, h, "second", second.Secret, token.Revoked, token.Compromised)
		wants(t, h, "third", third.Secret, token.Active, "")
		if third.PreviousExpiresAt != nil {
			t.Errorf("the second ends at %v", third.PreviousExpiresAt)
		}
	})
}

// However long the grace, a rotation never lengthens a life.
func TestRotationNeverLengthensALife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		h.Pass(365*day - time.Hour)
		grace := 30 * day
		rotate(t, h, c.ai.id, token.Rotation{Grace: &grace, Hold: true})
		h.Pass(time.Hour - 3*time.Second)
		wants(t, h, "old", c.ai.secret, token.Retiring, "")
		h.Pass(3 * time.Second)
		wants(t, h, "old at its expiry", c.ai.secret, token.Expired, "")

		// A second rotation does not move the end that the first one set.
		short := time.Minute
		second := rotate(t, h, c.cwu.id, token.Rotation{Grace: &short})
		rotate(t, h, c.cwu.id, token.Rotation{Grace: &grace})
		h.Pass(time.Minute)
		wants(t, h, "first", c.cwu.secret, token.Expired, "")
		wants(t, h, "second", second.Secret, token.Retiring, "")
	})
}

func TestTwoOperatorsAtOnceMakeOneSuccessor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		for try := range 64 {
			h.Pass(2 * time.Second)
			var wait sync.WaitGroup
			errs := make([]error, 2)
			for i := range errs {
				wait.Go(func() { _, errs[i] = h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{}) })
			}
			wait.Wait()
			made, err := h.Tokens.Get(t.Context(), operator(h), c.ai.id)
			if err != nil || made.Current != int64(try)+2 {
				t.Fatalf("try %d: version %d, %v", try, made.Current, err)
			}
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("try %d: %v and %v", try, errs[0], errs[1])
			}
			fails(t, errors.Join(errs...), tenantry.Conflict, "token.rotated_already")
		}
	})
}

func TestRotationUnderAKeyIsOne(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		first := rotate(t, h, c.ai.id, token.Rotation{Key: "deploy-7"})
		again := rotate(t, h, c.ai.id, token.Rotation{Key: "deploy-7"})
		if !again.Repeated || again.Version != first.Version || again.Secret != first.Secret || !again.PreviousExpiresAt.Equal(*first.PreviousExpiresAt) {
			t.Errorf("first %d until %v, again %d until %v, the same secret: %t", first.Version, first.PreviousExpiresAt, again.Version, again.PreviousExpiresAt, again.Secret == first.Secret)
		}
		third := rotate(t, h, c.ai.id, token.Rotation{Key: "deploy-8"})
		late := rotate(t, h, c.ai.id, token.Rotation{Key: "deploy-7"})
		if third.Version != 3 || late.Version != 2 || !late.Secret.Empty() {
			t.Errorf("version %d, then %d with a secret: %t", third.Version, late.Version, !late.Secret.Empty())
		}
	})
}

func TestRotationOfAnotherVersionIsStale(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		rotate(t, h, c.ai.id, token.Rotation{Version: 1})
		_, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{Version: 1})
		fails(t, err, tenantry.Stale, "token.other_version")
		// Whoever names the version may rotate as often as they like.
		if _, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{Version: 2}); err != nil {
			t.Error(err)
		}
	})
}

func TestRevokedTokenIsDeadForGood(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		second := rotate(t, h, c.ai.id, token.Rotation{})
		for range 2 {
			if _, err := h.Tokens.Revoke(t.Context(), operator(h), c.ai.id, 0, token.Compromised); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, h, "first", c.ai.secret, token.Revoked, token.Compromised)
		wants(t, h, "second", second.Secret, token.Revoked, token.Compromised)
		wants(t, h, "the other token", c.cwu.secret, token.Active, "")
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = '' AND cwu_token <> ''`); n != 1 {
			t.Error("the column still holds the dead secret, or lost the other one")
		}
		_, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{})
		fails(t, err, tenantry.Conflict, "token.revoked")
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'token.revoked'`); n != 1 {
			t.Errorf("%d records of it", n)
		}

		// A tenant that lacks a token is given a new version of the same one.
		if n, err := h.Tokens.GenerateMissing(t.Context(), operator(h), 0, func(int64) {}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		made, err := h.Tokens.Get(t.Context(), operator(h), c.ai.id)
		if err != nil || made.Current != 3 || made.RevokedAt != nil {
			t.Errorf("%+v, %v", made, err)
		}
		wants(t, h, "first still", c.ai.secret, token.Revoked, token.Compromised)
	})
}

func TestOneVersionIsRevokedAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		second := rotate(t, h, c.ai.id, token.Rotation{})
		if _, err := h.Tokens.Revoke(t.Context(), operator(h), c.ai.id, 1, token.Leaked); err != nil {
			t.Fatal(err)
		}
		wants(t, h, "first", c.ai.secret, token.Revoked, token.Leaked)
		wants(t, h, "second", second.Secret, token.Active, "")
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token <> ''`); n != 1 {
			t.Error("the column lost the secret that works")
		}
		_, err := h.Tokens.Revoke(t.Context(), operator(h), c.ai.id, 9, token.Leaked)
		fails(t, err, tenantry.NotFound, "token.not_found")
		_, err = h.Tokens.Revoke(t.Context(), operator(h), c.ai.id, 0, "whim")
		fails(t, err, tenantry.Invalid, "token.invalid")
	})
}

func TestFinderEndsTheSecretThatTheyHold(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		second := rotate(t, h, c.ai.id, token.Rotation{})
		for text, want := range map[tenantry.Secret]bool{
			c.ai.secret: true, tenantry.NewSecret("ai_" + "x"): false, tenantry.NewSecret(""): false,
			tenantry.NewSecret("sealed:1:1:abc"): false,
		} {
			found, err := h.Tokens.RevokeHeld(t.Context(), h.SignIn.Holder(), text)
			if err != nil || found != want {
				t.Errorf("found %t, %v, want %t", found, err, want)
			}
		}
		wants(t, h, "found", c.ai.secret, token.Revoked, token.Leaked)
		wants(t, h, "its successor", second.Secret, token.Active, "")
	})
}

func TestSecretsExpireByPolicy(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c, other := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		h.Pass(10 * day)
		wants(t, h, "at ten days", c.ai.secret, token.Active, "")
		week, idle := 7*day, 3*day
		if err := h.Tokens.SetPolicy(t.Context(), operator(h), c.tenant.Key, token.Policy{MaxAge: &week, RotateAfter: &idle}); err != nil {
			t.Fatal(err)
		}
		wants(t, h, "older than the policy allows", c.ai.secret, token.Expired, "")
		wants(t, h, "another tenant's", other.ai.secret, token.Active, "")
		second := rotate(t, h, c.ai.id, token.Rotation{})
		h.Pass(7*day - time.Second)
		wants(t, h, "new", second.Secret, token.Active, "")
		h.Pass(time.Second)
		wants(t, h, "new at seven days", second.Secret, token.Expired, "")

		if err := h.Tokens.SetPolicy(t.Context(), operator(h), other.tenant.Key, token.Policy{IdleAge: &idle}); err != nil {
			t.Fatal(err)
		}
		wants(t, h, "idle", other.ai.secret, token.Expired, token.Unused)
		if err := h.Tokens.RecordUses(t.Context(), []token.Use{{Tenant: other.tenant.Key, Token: other.ai.id, Version: 1, Times: 1, Last: h.Now()}}); err != nil {
			t.Fatal(err)
		}
		wants(t, h, "in use", other.ai.secret, token.Active, "")
		err := h.Tokens.SetPolicy(t.Context(), operator(h), other.tenant.Key, token.Policy{MaxAge: &idle, RotateAfter: &week})
		fails(t, err, tenantry.Invalid, "token.invalid")
	})
}

func TestSecretsDieAfterAYearAndAreDueAfterNinetyDays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		due := func() bool {
			page, err := h.Tokens.List(t.Context(), operator(h), token.Query{Tenant: c.tenant.Key})
			if err != nil {
				t.Fatal(err)
			}
			return page.Items[0].Due && page.Items[1].Due
		}
		h.Pass(90*day - time.Second)
		if due() {
			t.Error("due before ninety days")
		}
		h.Pass(time.Second)
		if !due() {
			t.Error("not due at ninety days")
		}
		h.Pass(275*day - time.Second)
		wants(t, h, "a second before a year", c.ai.secret, token.Active, "")
		h.Pass(time.Second)
		wants(t, h, "after a year", c.ai.secret, token.Expired, "")
	})
}

func TestTenantHasMoreTokensWithNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		ends := h.Now().Add(30 * day)
		made, err := h.Tokens.Create(t.Context(), operator(h), token.Draft{Tenant: c.tenant.Key, Kind: token.AI, Name: "Integración CRM", Scopes: []string{"ai.chat"},
			AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ExpiresAt: &ends})
		if err != nil {
			t.Fatal(err)
		}
		found, err := lookUp(t.Context(), h, made.Secret)
		if err != nil || found.State != token.Active || len(found.Scopes) != 1 || len(found.Addresses) != 1 || found.Tenant != c.tenant.Key {
			t.Errorf("%+v, %v", found, err)
		}
		h.Pass(30 * day)
		wants(t, h, "at its end", made.Secret, token.Expired, "")
		_, err = h.Tokens.Create(t.Context(), operator(h), token.Draft{Tenant: c.tenant.Key, Kind: token.CWU, Name: "Integración CRM"})
		fails(t, err, tenantry.Conflict, "token.name_taken")
		_, err = h.Tokens.Create(t.Context(), operator(h), token.Draft{Tenant: c.tenant.Key, Kind: "api", Name: " x", Scopes: []string{"everything"}, ExpiresAt: &ends})
		var e *tenantry.Error
		if !errors.As(err, &e) || len(e.Fields) != 4 {
			t.Errorf("%v", err)
		}
	})
}

func TestForeignTokenIsMissing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		mine, theirs := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		s := tenantry.NewScope(tenantry.Actor{Kind: "user", ID: "usr_1"}, mine.tenant.Key, tenantry.TokensRead, tenantry.TokensWrite)
		if _, err := h.Tokens.Get(t.Context(), s, mine.ai.id); err != nil {
			t.Error(err)
		}
		nobodys := tenantry.NewTokenID(h.Now(), h.Random)
		for _, id := range []tenantry.TokenID{theirs.ai.id, nobodys} {
			_, err := h.Tokens.Get(t.Context(), s, id)
			fails(t, err, tenantry.NotFound, "token.not_found")
			_, err = h.Tokens.Rotate(t.Context(), s, id, token.Rotation{})
			fails(t, err, tenantry.NotFound, "token.not_found")
			_, err = h.Tokens.Revoke(t.Context(), s, id, 0, token.Leaked)
			fails(t, err, tenantry.NotFound, "token.not_found")
		}
		page, err := h.Tokens.List(t.Context(), s, token.Query{})
		if err != nil || len(page.Items) != 2 || page.Items[0].Tenant != mine.tenant.Key || page.Items[1].Tenant != mine.tenant.Key {
			t.Errorf("%+v, %v", page.Items, err)
		}
		wants(t, h, "theirs", theirs.ai.secret, token.Active, "")
		reader := tenantry.NewScope(tenantry.Actor{Kind: "user", ID: "usr_1"}, mine.tenant.Key, tenantry.TokensRead)
		_, err = h.Tokens.Rotate(t.Context(), reader, mine.ai.id, token.Rotation{})
		fails(t, err, tenantry.Forbidden, "access.forbidden")
	})
}

// The database goes away in the middle of a rotation: nothing of it is there.
func TestRotationIsWholeOrNotAtAll(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		h.Pass(time.Minute)
		h.Exec(t, `ALTER TABLE tenantry_audit RENAME TO gone`) // the last thing that is written
		if _, err := h.Tokens.Rotate(t.Context(), operator(h), c.ai.id, token.Rotation{}); err == nil {
			t.Fatal("rotated without a record")
		}
		h.Exec(t, `ALTER TABLE gone RENAME TO tenantry_audit`)
		wants(t, h, "the secret", c.ai.secret, token.Active, "")
		if n := h.Number(t, `SELECT count(*) FROM tenantry_token_version`); n != 2 {
			t.Errorf("%d versions", n)
		}
		rotate(t, h, c.ai.id, token.Rotation{})
	})
}
