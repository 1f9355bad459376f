package token_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/token"
)

func none(int64) {}

// column reads what Django's column holds.
func column(t *testing.T, h apptest.House, c customer, kind token.Kind) (text string) {
	t.Helper()
	err := h.DB.Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Get(t.Context(), `SELECT `+string(kind)+`_token FROM tenants_tenantmodel WHERE id = ?`, []any{c.tenant.Key}, &text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// django writes a column as a Django process would.
func django(t *testing.T, h apptest.House, c customer, kind token.Kind, text string) {
	t.Helper()
	h.Exec(t, `UPDATE tenants_tenantmodel SET `+string(kind)+`_token = ? WHERE id = ?`, text, c.tenant.Key)
}

func codes(found []tenantry.Finding) (codes []string) {
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	return codes
}

func validate(t *testing.T, h apptest.House) []string {
	t.Helper()
	found, err := h.Tokens.Validate(t.Context(), operator(h))
	if err != nil {
		t.Fatal(err)
	}
	return codes(found)
}

func TestColumnsHoldWhatNobodyCanReadWithoutTheKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		for kind, secret := range map[token.Kind]tenantry.Secret{token.AI: c.ai.secret, token.CWU: c.cwu.secret} {
			text := column(t, h, c, kind)
			if !strings.HasPrefix(text, "sealed:") || strings.Contains(text, secret.Reveal()[4:20]) || len(text) > 255 {
				t.Errorf("%s_token holds %q", kind, text)
			}
		}
		if found := validate(t, h); found != nil {
			t.Errorf("findings: %v", found)
		}
	})
}

// A sealed column that is copied to another tenant, or to the other column, does
// not open.
func TestSealedColumnOpensInItsPlaceOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		one, two := arrive(t, h, "Uno"), arrive(t, h, "Dos")
		django(t, h, two, token.AI, column(t, h, one, token.AI))
		django(t, h, two, token.CWU, column(t, h, one, token.AI))
		if found := validate(t, h); !slices.Equal(found, []string{"token.cannot_open"}) {
			t.Errorf("findings: %v", found)
		}
		_, err := h.Tokens.TreatColumns(t.Context(), operator(h), token.Decrypt, none)
		fails(t, err, tenantry.Conflict, "seal.does_not_open")
		// An older column of the same place opens as what it is, and differs.
		old := column(t, h, one, token.AI)
		rotate(t, h, one.ai.id, token.Rotation{})
		django(t, h, one, token.AI, old)
		if found := validate(t, h); !slices.Contains(found, "token.differs") {
			t.Errorf("findings: %v", found)
		}
	})
}

func TestEveryColumnIsSealedAnewAndOpenedAgain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		var all []customer
		for _, name := range []string{"Uno", "Dos", "Tres"} {
			all = append(all, arrive(t, h, name))
		}
		opened, err := h.Tokens.TreatColumns(t.Context(), operator(h), token.Decrypt, none)
		if err != nil || opened.Done != 6 || column(t, h, all[0], token.AI) != all[0].ai.secret.Reveal() {
			t.Fatalf("%+v, %v, %s", opened, err, column(t, h, all[0], token.AI))
		}
		if found := validate(t, h); !slices.Equal(found, []string{"token.plain"}) {
			t.Errorf("findings: %v", found)
		}
		sealed, err := h.Tokens.TreatColumns(t.Context(), operator(h), token.Encrypt, none)
		if err != nil || sealed.Done != 6 {
			t.Fatalf("%+v, %v", sealed, err)
		}
		if again, err := h.Tokens.TreatColumns(t.Context(), operator(h), token.Encrypt, none); again.Done != 0 || err != nil {
			t.Errorf("%+v, %v", again, err)
		}
		if found := validate(t, h); found != nil {
			t.Errorf("findings: %v", found)
		}
		wants(t, h, "a secret", all[1].cwu.secret, token.Active, "")
	})
}

// Tokens that somebody made longer than a column can hold sealed stay as they are.
func TestTokenTooLongToSealStaysPlain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		django(t, h, c, token.AI, strings.Repeat("x", 250))
		if _, err := h.Tokens.Reconcile(t.Context(), operator(h), none); err != nil {
			t.Fatal(err)
		}
		done, err := h.Tokens.TreatColumns(t.Context(), operator(h), token.Encrypt, none)
		if err != nil || done.TooLong != 1 || done.Done != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		wants(t, h, "the long one", tenantry.NewSecret(strings.Repeat("x", 250)), token.Active, "")
	})
}

func TestKeysAreReplacedWithoutLosingAnything(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		s := operator(h)
		keys, err := h.Keyring.List(t.Context(), s)
		if err != nil || len(keys) != 1 || !keys[0].Primary || !keys[0].Registered {
			t.Fatalf("%+v, %v", keys, err)
		}
		old := keys[0].ID
		id, err := h.Rekey.Add(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		fails(t, h.Rekey.Drop(t.Context(), s, old), tenantry.Conflict, "keyring.in_use")
		if err := h.Rekey.Promote(t.Context(), s, id); err != nil {
			t.Fatal(err)
		}
		fails(t, h.Rekey.Drop(t.Context(), s, old), tenantry.Conflict, "keyring.in_use")
		done, err := h.Rekey.Reseal(t.Context(), s, none)
		if err != nil || done.Done != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
		if err := h.Rekey.Drop(t.Context(), s, old); err != nil {
			t.Fatal(err)
		}
		if found := validate(t, h); found != nil {
			t.Errorf("findings: %v", found)
		}
		fails(t, h.Rekey.Drop(t.Context(), s, id), tenantry.Conflict, "keyring.in_use")
		arrive(t, h, "Dos")
		wants(t, h, "a secret", c.ai.secret, token.Active, "")
	})
}

// A keyset that is lost, and one that is another database's: the error names the
// key, and nothing is sealed that could not be opened.
func TestLostAndWrongKeysAreNamed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		arrive(t, h, "Uno")
		keys, err := h.Keyring.List(t.Context(), operator(h))
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		file := h.KeysetFile()
		if err := os.Rename(file, file+".away"); err != nil {
			t.Fatal(err)
		}
		again := h.Reopen(t)
		create := func() error {
			_, err := again.Tokens.GenerateMissing(t.Context(), operator(again), 0, none)
			return err
		}
		h.Exec(t, `UPDATE tenants_tenantmodel SET ai_token = ''`)
		err = create()
		fails(t, err, tenantry.Unavailable, "keyring.missing")
		var e *tenantry.Error
		if !errors.As(err, &e) || e.Params["keys"] != strconv.FormatUint(uint64(keys[0].ID), 10) {
			t.Errorf("%v does not name the key %d", err, keys[0].ID)
		}
		found, err := again.Tokens.Validate(t.Context(), operator(again))
		if err != nil || !slices.Contains(codes(found), "token.cannot_open") {
			t.Errorf("%v, %v", codes(found), err)
		}

		other := apptest.Other(t, h)
		arrive(t, other, "Ajeno") // makes a keyset of its own
		text, err := os.ReadFile(other.KeysetFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		again = h.Reopen(t)
		fails(t, create(), tenantry.Unavailable, "keyring.foreign")
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE ai_token <> ''`); n != 0 {
			t.Error("sealed with another database's key")
		}
	})
}

// When nothing is sealed with a lost key any more it can be dropped, and a new one
// is made.
func TestLostKeyIsForgottenOnceNothingNeedsIt(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		s := operator(h)
		keys, err := h.Keyring.List(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(h.KeysetFile()); err != nil {
			t.Fatal(err)
		}
		again := h.Reopen(t)
		fails(t, again.Rekey.Drop(t.Context(), s, keys[0].ID), tenantry.Conflict, "keyring.in_use")
		for _, id := range []tenantry.TokenID{c.ai.id, c.cwu.id} {
			if _, err := again.Tokens.Revoke(t.Context(), s, id, 0, token.Administrative); err != nil {
				t.Fatal(err)
			}
		}
		if err := again.Rekey.Drop(t.Context(), s, keys[0].ID); err != nil {
			t.Fatal(err)
		}
		fails(t, again.Rekey.Drop(t.Context(), s, keys[0].ID), tenantry.NotFound, "seal.no_such_key")
		if n, err := again.Tokens.GenerateMissing(t.Context(), s, 0, none); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		if found := validate(t, again); found != nil {
			t.Errorf("findings: %v", found)
		}
	})
}

func TestSecretIsRevealedToAnOperatorAndThatIsRecorded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		_, secret, err := h.Tokens.Reveal(t.Context(), operator(h), c.cwu.id)
		if err != nil || secret != c.cwu.secret {
			t.Errorf("the same secret: %t, %v", secret == c.cwu.secret, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'token.revealed' AND tenant_id = ?`, c.tenant.Key); n != 1 {
			t.Errorf("%d records", n)
		}
		own := tenantry.NewScope(tenantry.Actor{Kind: "user", ID: "usr_1"}, c.tenant.Key, tenantry.Permissions()...)
		if _, _, err := h.Tokens.Reveal(t.Context(), own, c.cwu.id); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Errorf("%v", err)
		}
		if _, err := h.Tokens.Revoke(t.Context(), operator(h), c.cwu.id, 0, token.Leaked); err != nil {
			t.Fatal(err)
		}
		_, _, err = h.Tokens.Reveal(t.Context(), operator(h), c.cwu.id)
		fails(t, err, tenantry.Conflict, "token.not_kept")
	})
}
