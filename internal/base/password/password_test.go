package password_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/password"
)

func TestVerifyAgreesWithDjangoOnEveryStoredForm(t *testing.T) {
	t.Parallel()
	preferred := map[string]bool{"pbkdf2_600000": true, "pbkdf2_1000000": true}
	for name, stored := range djangosHashes(t) {
		if stored.Password == nil || strings.HasPrefix(name, "refused_") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, upgrade, err := password.Hasher{}.Verify(tenantry.NewSecret(*stored.Password), stored.Hash)
			if !ok || upgrade == preferred[name] || err != nil {
				t.Errorf("right password: %v, upgrade %v, %v", ok, upgrade, err)
			}
			// Few iterations, so that a refusal has no shortfall to make up for.
			for _, wrong := range []string{"x" + *stored.Password, "wrong"} {
				if ok, upgrade, err := (password.Hasher{Iterations: 1}).Verify(tenantry.NewSecret(wrong), stored.Hash); ok || upgrade || err != nil {
					t.Errorf("%q: %v, upgrade %v, %v", wrong, ok, upgrade, err)
				}
			}
		})
	}
}

func TestVerifyAsksForALongerSaltButNotForFewerIterations(t *testing.T) {
	t.Parallel()
	short := djangosHashes(t)["pbkdf2_sha256_short_salt"] // 1000 iterations
	for iterations, want := range map[int]bool{999: false, 1000: true, 1001: true} {
		h := password.Hasher{Iterations: iterations}
		if _, upgrade, _ := h.Verify(tenantry.NewSecret(*short.Password), short.Hash); upgrade != want {
			t.Errorf("short salt, %d iterations preferred: upgrade %v", iterations, upgrade)
		}
	}
}

func TestVerifyNeverUpgradesForAWrongPassword(t *testing.T) {
	t.Parallel()
	stored := djangosHashes(t)["md5"]
	if ok, upgrade, err := (password.Hasher{}).Verify(tenantry.NewSecret("testpass124"), stored.Hash); ok || upgrade || err != nil {
		t.Errorf("%v, %v, %v", ok, upgrade, err)
	}
}

func TestVerifyCutsBcryptAfter72BytesAsPythonDoes(t *testing.T) {
	t.Parallel()
	all := djangosHashes(t)
	verify := func(name, text string) bool {
		ok, _, err := password.Hasher{Iterations: 1}.Verify(tenantry.NewSecret(text), all[name].Hash)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return ok
	}
	a := strings.Repeat("a", 72)
	for text, want := range map[string]bool{a[:71]: false, a: true, a + "b": true, a + "zzz": true, "b" + a: false} {
		if got := verify("bcrypt_73_bytes", text); got != want {
			t.Errorf("%d bytes %q: %v", len(text), text, got)
		}
	}
	long := *all["bcrypt_sha256_300_bytes"].Password
	if verify("bcrypt_sha256_300_bytes", long[:72]) || verify("bcrypt_sha256_300_bytes", long+"x") {
		t.Error("bcrypt_sha256 has no limit of 72 bytes, yet a shortened or lengthened password matched")
	}
}

func TestVerifyRefusesWhatItCannotCheck(t *testing.T) {
	t.Parallel()
	all := djangosHashes(t)
	const salt, sum32 = "Yq4vT0bWnR2sYq4vT0bWnR", "tq2zQmSEqnvbFK7T6rX3lInH5kygpa5lLuMuoi0Ohag="
	sum64 := strings.SplitN(all["scrypt_small"].Hash, "$", 6)[5]
	bcrypt := strings.TrimPrefix(all["bcrypt"].Hash, "bcrypt$$2b$12$")
	argon2 := func(cost string) string {
		return "argon2$argon2id$v=19$" + cost + "$WXE0dlQwYlduUjJzWXE0dlQwYlduUg$g6pYZhYyMrgvYxRIohcNEg"
	}
	for code, stored := range map[string][]string{
		"password.unknown_algorithm": {
			all["refused_argon2d"].Hash, all["refused_argon2id_v16"].Hash, all["refused_sha1"].Hash, all["refused_crypt"].Hash,
			all["refused_unsalted_md5"].Hash, all["refused_unsalted_md5_with_name"].Hash, all["refused_unsalted_sha1"].Hash,
			"argon2$argon2id$m=256,t=2,p=2$WXE0dlQwYlduUjJzWXE0dlQwYlduUg$ZT5vC4iNnoD5ZhNEC0abkw",
			"plain text", "hunter2$and$so$on", "000000000000$0", "$", "$$", "$2b$04$" + bcrypt, "PBKDF2_SHA256$1$a$b", "pbkdf2_sha512$1$a$b", " ", "\x00", strings.Repeat("x", 1<<20),
		},
		"password.malformed": {
			"pbkdf2_sha256$", "pbkdf2_sha256$$$", "pbkdf2_sha256$1000$" + salt, "pbkdf2_sha256$1000$$" + sum32,
			"pbkdf2_sha256$0$" + salt + "$" + sum32, "pbkdf2_sha256$-1$" + salt + "$" + sum32, "pbkdf2_sha256$+1$" + salt + "$" + sum32,
			"pbkdf2_sha256$01000$" + salt + "$" + sum32, "pbkdf2_sha256$1e3$" + salt + "$" + sum32, "pbkdf2_sha256$１000$" + salt + "$" + sum32,
			"pbkdf2_sha256$99999999999999999999$" + salt + "$" + sum32, "pbkdf2_sha256$1000$" + salt + "$" + sum32 + "\n",
			"pbkdf2_sha256$1000$" + salt + "$" + sum32[:40], "pbkdf2_sha256$1000$" + salt + "$" + sum32 + "$", "pbkdf2_sha1$1000$" + salt + "$" + sum32,
			"pbkdf2_sha256$1000$" + strings.Repeat("s", 2000) + "$" + sum32, "pbkdf2_sha256$1000$" + salt + "$",
			"argon2$", "argon2$argon2", "argon2$argon2id", "argon2$argon2id$v=19$$$", "argon2$argon2x$v=19$m=256,t=2,p=2$c2FsdHNhbHQ$aGFzaA",
			"argon2$argon2id$v=20$m=256,t=2,p=2$c2FsdHNhbHQ$aGFzaA", argon2("m=256,t=2"), argon2("t=2,m=256,p=2"), argon2("m=256,t=0,p=2"),
			argon2("m=256,t=2,p=0"), argon2("m=15,t=2,p=2"), argon2("m=256,t=2,p=2,x=1"), "argon2$argon2id$v=19$m=256,t=2,p=2$c2FsdA$aGFzaA",
			"argon2$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHQ$",
			"bcrypt$", "bcrypt$$2b$", "bcrypt$$2c$12$" + bcrypt, "bcrypt$$2$12$a" + bcrypt, "bcrypt$$2b$03$" + bcrypt, "bcrypt$$2b$32$" + bcrypt,
			"bcrypt$$2b$+9$" + bcrypt, "bcrypt$$2b$12$" + bcrypt + "a", "bcrypt$$2b$12$" + bcrypt[:52], "bcrypt$$2b$12$" + bcrypt[:52] + "!",
			"bcrypt_sha256$$2b$12.", "bcrypt$$2b$12." + bcrypt, "bcrypt$$2b.12$" + bcrypt, "bcrypt$$3b$12$" + bcrypt,
			"scrypt$", "scrypt$1000$" + salt + "$8$1$" + sum64, "scrypt$1$" + salt + "$8$1$" + sum64, "scrypt$1024$$8$1$" + sum64,
			"scrypt$1024$" + salt + "$0$1$" + sum64, "scrypt$1024$" + salt + "$8$-1$" + sum64, "scrypt$1024$" + salt + "$8$1$" + sum32,
			"md5$", "md5$salt", "md5$salt$", "md5$salt$1F9B08AC87E90B51DE611ABAABD042C7", "md5$salt$1f9b",
		},
		"password.too_costly": {
			"pbkdf2_sha256$10000001$" + salt + "$" + sum32, "pbkdf2_sha256$999999999999999999$" + salt + "$" + sum32,
			"bcrypt$$2b$17$" + bcrypt, "bcrypt_sha256$$2b$31$" + bcrypt,
			argon2("m=262145,t=1,p=1"), argon2("m=262144,t=5,p=1"), argon2("m=8,t=131073,p=1"), argon2("m=65536,t=2,p=256"),
			argon2("m=4294967296,t=1,p=1"), argon2("m=999999999999999999,t=999999999999999999,p=999999999999999999"),
			"scrypt$262144$" + salt + "$8$1$" + sum64, "scrypt$16384$" + salt + "$8$65$" + sum64, "scrypt$2$" + salt + "$1048576$1$" + sum64, "scrypt$2$" + salt + "$699050$1$" + sum64,
			"scrypt$2$" + salt + "$1$2097152$" + sum64, "scrypt$576460752303423488$" + salt + "$1$1$" + sum64,
			"scrypt$2$" + salt + "$999999999999999999$999999999999999999$" + sum64,
		},
	} {
		for _, encoded := range stored {
			ok, upgrade, err := password.Hasher{Iterations: 1}.Verify(tenantry.NewSecret("testpass123"), encoded)
			if ok || upgrade || !errors.Is(err, tenantry.NewError(tenantry.Invalid, code)) {
				t.Errorf("%.80q: %v, %v, %v; want %s", encoded, ok, upgrade, err, code)
			}
			if err != nil && (len(err.Error()) > 150 || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "0000000")) {
				t.Errorf("%.80q: the error shows what is stored: %.200v", encoded, err)
			}
		}
	}
}

func TestVerifyTakesTheCostsThatPeopleConfigure(t *testing.T) {
	t.Parallel()
	const salt = "Yq4vT0bWnR2sYq4vT0bWnR"
	for _, encoded := range []string{
		"pbkdf2_sha1$2000000$" + salt + "$ZR4ABlgdbxPjaezpFS3p7qL1B+M=",                                                     // OWASP: 1,300,000
		"argon2$argon2id$v=19$m=65536,t=3,p=4$WXE0dlQwYlduUjJzWXE0dlQwYlduUg$g6pYZhYyMrgvYxRIohcNEg",                        // RFC 9106, second choice
		"argon2$argon2i$v=19$m=262144,t=1,p=255$WXE0dlQwYlduUjJzWXE0dlQwYlduUg$g6pYZhYyMrgvYxRIohcNEg",                      // the most memory and lanes
		"scrypt$131072$" + salt + "$8$1$" + strings.SplitN(djangosHashes(t)["scrypt_small"].Hash, "$", 6)[5],                // OWASP
		"bcrypt$$2b$13$" + strings.TrimPrefix(djangosHashes(t)["bcrypt"].Hash, "bcrypt$$2b$12$"),                            // one more than Django's
		"argon2$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("c2FsdHNhbHQx", 20) + "$" + strings.Repeat("aGFzaGhhc2hl", 20), // long salt and hash
	} {
		if ok, _, err := (password.Hasher{Iterations: 1}).Verify(tenantry.NewSecret("testpass123"), encoded); ok || err != nil {
			t.Errorf("%.80q: %v, %v", encoded, ok, err)
		}
	}
}

func TestVerifyRefusesAnUnusablePasswordWithoutAnError(t *testing.T) {
	t.Parallel()
	made, err := password.Unusable(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^![A-Za-z0-9]{40}$`).MatchString(made) {
		t.Errorf("Unusable made %q", made)
	}
	md5 := djangosHashes(t)["md5"]
	for _, encoded := range []string{"", "!", made, djangosHashes(t)["unusable"].Hash, "!" + md5.Hash} {
		for _, text := range []string{"", "!", "testpass123", encoded} {
			ok, upgrade, err := password.Hasher{Iterations: 1}.Verify(tenantry.NewSecret(text), encoded)
			if ok || upgrade || err != nil || password.Usable(encoded) {
				t.Errorf("%q, %q: %v, %v, %v", encoded, text, ok, upgrade, err)
			}
		}
	}
	if !password.Usable(md5.Hash) {
		t.Error("an md5 password is usable")
	}
}

func TestHashWritesWhatDjangoWrites(t *testing.T) {
	t.Parallel()
	written := regexp.MustCompile(`^pbkdf2_sha256\$600000\$[A-Za-z0-9]{22}\$[A-Za-z0-9+/]{43}=$`)
	h := password.Hasher{Random: rand.Reader}
	secret := tenantry.NewSecret("contraseña-日本-🔑")
	one, err := h.Hash(secret)
	if err != nil || !written.MatchString(one) {
		t.Fatalf("%q, %v", one, err)
	}
	if two, _ := h.Hash(secret); two == one {
		t.Error("two hashes of one password are the same")
	}
	if ok, upgrade, err := h.Verify(secret, one); !ok || upgrade || err != nil {
		t.Errorf("round trip: %v, %v, %v", ok, upgrade, err)
	}
	h.Iterations = password.DefaultIterations + 1
	if ok, upgrade, err := h.Verify(secret, one); !ok || !upgrade || err != nil {
		t.Errorf("with one more iteration preferred: %v, %v, %v", ok, upgrade, err)
	}
}

func TestHashTakesItsSaltFromRandomWithoutBias(t *testing.T) {
	t.Parallel()
	// 62 and 63 (and the same with the upper bits set) have no character.
	random := append([]byte{62, 63, 0xff, 0xfe}, make([]byte, 22)...)
	h := password.Hasher{Iterations: 1000, Random: bytes.NewReader(random)}
	got, err := h.Hash(tenantry.NewSecret("testpass123"))
	// hashlib.pbkdf2_hmac("sha256", b"testpass123", b"a" * 22, 1000)
	want := "pbkdf2_sha256$1000$aaaaaaaaaaaaaaaaaaaaaa$0bsaVaKD6GZtKNJEZ+K6huRX6QM2AhM3k5uK2sTW93I="
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := h.Hash(tenantry.NewSecret("testpass123")); err == nil || got != "" {
		t.Errorf("without randomness left: %q, %v", got, err)
	}
	if got, err := (password.Hasher{}).Hash(tenantry.NewSecret("testpass123")); err == nil || got != "" {
		t.Errorf("without a source of randomness: %q, %v", got, err)
	}
}

func TestHashWritesNothingThatVerifyWouldRefuse(t *testing.T) {
	t.Parallel()
	h := password.Hasher{Iterations: 10_000_001, Random: rand.Reader}
	if got, err := h.Hash(tenantry.NewSecret("x")); !errors.Is(err, tenantry.NewError(tenantry.Invalid, "password.too_costly")) {
		t.Errorf("%q, %v", got, err)
	}
	h.Iterations = -1
	if got, err := h.Hash(tenantry.NewSecret("x")); err != nil || !strings.HasPrefix(got, "pbkdf2_sha256$600000$") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBurnNeedsNothing(t *testing.T) {
	t.Parallel()
	password.Hasher{}.Burn(tenantry.NewSecret(""))
}

type djangosHash struct {
	Hash     string
	Password *string // none for an unusable password
	Note     string
}

// djangosHashes is what Django 3.2, 4.2 and 5.2 and the libraries beneath them
// really wrote. Names that begin with "refused_" are forms that Verify refuses.
func djangosHashes(t *testing.T) map[string]djangosHash {
	t.Helper()
	all := make(map[string]djangosHash)
	for _, name := range []string{"small_hashes.json", "more_hashes.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != 35 {
		t.Fatalf("%d hashes: %v", len(all), slices.Sorted(maps.Keys(all)))
	}
	return all
}
