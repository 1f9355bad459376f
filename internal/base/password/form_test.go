package password

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
)

func TestAFailedVerificationMakesUpForWhatItSaved(t *testing.T) {
	t.Parallel()
	h := Hasher{Iterations: 1000}
	for _, c := range []struct {
		form form
		want int
	}{
		{pbkdf2Form{algorithm: "pbkdf2_sha256", iterations: 260}, 740},
		{pbkdf2Form{algorithm: "pbkdf2_sha1", iterations: 999}, 1},
		{pbkdf2Form{algorithm: "pbkdf2_sha256", iterations: 1000}, 0},
		{pbkdf2Form{algorithm: "pbkdf2_sha256", iterations: 5000}, 0},
		{md5Form{}, 1000},
		{argon2Form{}, 0},
		{bcryptForm{}, 0},
		{scryptForm{}, 0},
	} {
		if got := h.shortfall(c.form); got != c.want {
			t.Errorf("%+v: %d, want %d", c.form, got, c.want)
		}
	}
}

// FuzzVerify looks for stored texts that make Verify panic, match a password
// they were not made from, or show themselves in an error. It runs with small
// limits, so that it tries thousands of texts a second and not one.
func FuzzVerify(f *testing.F) {
	for _, name := range []string{"small_hashes.json", "more_hashes.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		var stored map[string]struct{ Hash string }
		if err := json.Unmarshal(text, &stored); err != nil {
			f.Fatal(err)
		}
		for _, s := range stored {
			f.Add(s.Hash)
		}
	}
	f.Add("pbkdf2_sha256$1$salt$tq2zQmSEqnvbFK7T6rX3lInH5kygpa5lLuMuoi0Ohag=")
	f.Add("scrypt$2$s$1$1$NHd2tdrjyY+hPEDctVBVEzWVIXbvgoCF16Tkiu0gK+P38/UXgtOpCFhVKf1cYSLyrUIMqd1MEZGSJejfKKtS2A==")

	small := limits{iterations: 1000, bcryptCost: 4, memoryKiB: 1 << 10, trafficKiB: 2 << 10}
	h := Hasher{Iterations: 10}
	f.Fuzz(func(t *testing.T, encoded string) {
		ok, upgrade, err := h.verify(tenantry.NewSecret("nobody ever chose this one"), encoded, small)
		if ok || upgrade {
			t.Errorf("%q: ok %v, upgrade %v", encoded, ok, upgrade)
		}
		if err == nil {
			return
		}
		if tenantry.KindOf(err) != tenantry.Invalid {
			t.Errorf("%q: %v", encoded, err)
		}
		if len(err.Error()) > 150 || len(encoded) > 30 && strings.Contains(err.Error(), encoded[len(encoded)-12:]) {
			t.Errorf("%q: the error shows what is stored: %v", encoded, err)
		}
	})
}
