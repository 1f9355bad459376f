package user_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// system is the program's own scope, by which signing in is recorded.
var system = tenantry.NewScope(tenantry.Actor{Kind: "system", Name: "signin"}, 0, tenantry.Permissions()...)

// djangosPasswords reads the passwords of the people in Django's database.
func djangosPasswords(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../base/password/testdata/small_hashes.json")
	fine(t, err)
	var hashes map[string]struct{ Password *string }
	fine(t, json.Unmarshal(text, &hashes))
	all := map[string]string{}
	for name, hash := range map[string]string{"josé.ñúñez": "pbkdf2_260000", "admin": "pbkdf2_600000", "maria": "pbkdf2_1000000", "sha1user": "pbkdf2_sha1",
		"argon": "argon2", "bcrypt256": "bcrypt_sha256", "bcryptraw": "bcrypt", "scrypt1": "scrypt_p1", "scrypt5": "scrypt_p5"} {
		all[name] = *hashes[hash].Password
	}
	return all
}

func TestEveryHashOfDjangosSignsIn(t *testing.T) {
	passwords := djangosPasswords(t)
	adopted(t, func(t *testing.T, h *house) {
		for name, text := range passwords {
			before := must(h.users.Get(t.Context(), operator, user.ByUsername(name)))(t)
			p, err := h.users.Authenticate(t.Context(), system, name, tenantry.NewSecret(text))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if p.Key != before.Key || p.LastLogin == nil || !p.LastLogin.Equal(noon.Add(123456000)) {
				t.Errorf("%s: key %d, last login %v", name, p.Key, p.LastLogin)
			}
		}
		// What was made with more iterations than ours stays; other algorithms go.
		if n := h.count(t, `SELECT count(*) FROM auth_user WHERE password LIKE 'pbkdf2_sha256$1000$%'`); n != 6 {
			t.Errorf("%d hashes upgraded, want those of the 6 other algorithms", n)
		}
		for name, text := range passwords {
			if _, err := h.users.Authenticate(t.Context(), system, name, tenantry.NewSecret(text)); err != nil {
				t.Errorf("%s, again: %v", name, err)
			}
		}
		if n := h.count(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'signin.succeeded' AND actor_kind = 'system'`); n != 18 {
			t.Errorf("%d recorded, want 18", n)
		}
	})
}

func TestEveryRefusalIsTheSame(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		h.exec(t, `UPDATE auth_user SET password = 'sha1$abc$def' WHERE username = 'bcryptraw'`)
		h.exec(t, `UPDATE auth_user SET password = 'in clear' WHERE username = 'bcrypt256'`)
		var first string
		for _, c := range []struct{ name, password, reason string }{
			{"admin", "wrong", "wrong_password"},
			{"admin", "", "wrong_password"},
			{"admin", strings.Repeat("a", 1<<20), "too_long"},
			{"nobody", "testpass123", "unknown"},
			{"", "testpass123", "unknown"},
			{strings.Repeat("x", 10<<20), "testpass123", "unknown"},
			{"a\x00b", "testpass123", "unknown"},
			{"viejo", "testpass123", "inactive"},
			{"sinclave", "testpass123", "wrong_password"},
			{"bcryptraw", "testpass123", "unreadable_hash"},
			{"bcrypt256", "in clear", "unreadable_hash"},
		} {
			p, err := h.users.Authenticate(t.Context(), system, c.name, tenantry.NewSecret(c.password))
			wantError(t, err, "signin.failed", "")
			if tenantry.KindOf(err) != tenantry.Unauthenticated || p.Key != 0 {
				t.Errorf("%.20q: %v, %+v", c.name, tenantry.KindOf(err), p)
			}
			if first == "" {
				first = err.Error()
			}
			if err.Error() != first {
				t.Errorf("%.20q: %q differs from %q", c.name, err, first)
			}
			if n := h.count(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'signin.failed' AND CAST(detail AS text) LIKE ?`, "%"+c.reason+"%"); n == 0 {
				t.Errorf("%.20q: %s is not on record", c.name, c.reason)
			}
		}
		if n := h.count(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'signin.failed'`); n != 11 {
			t.Errorf("%d refusals recorded, want 11", n)
		}
		if n := h.count(t, `SELECT count(*) FROM auth_user WHERE last_login > ?`, noon); n != 0 {
			t.Error("a refusal moved last_login")
		}
	})
}

func TestSetPasswordReplacesAndTakesAway(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		ref, secret := user.ByUsername("sinclave"), tenantry.NewSecret("correct horse battery")
		fine(t, h.users.SetPassword(t.Context(), operator, ref, secret))
		must(h.users.Authenticate(t.Context(), system, "sinclave", secret))(t)
		err := h.users.SetPassword(t.Context(), operator, ref, tenantry.NewSecret("sinclave1"))
		wantError(t, err, "password.unacceptable", "password password.similar_to_user_name")
		fine(t, h.users.SetPassword(t.Context(), operator, ref, tenantry.Secret{}))
		_, err = h.users.Authenticate(t.Context(), system, "sinclave", secret)
		wantError(t, err, "signin.failed", "")
		must(h.users.Deactivate(t.Context(), operator, user.ByUsername("admin")))(t)
		_, err = h.users.Authenticate(t.Context(), system, "admin", tenantry.NewSecret("testpass123"))
		wantError(t, err, "signin.failed", "")
		must(h.users.Activate(t.Context(), operator, user.ByUsername("admin")))(t)
		must(h.users.Authenticate(t.Context(), system, "admin", tenantry.NewSecret("testpass123")))(t)
	})
}
