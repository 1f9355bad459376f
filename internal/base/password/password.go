// Package password writes and verifies password hashes in the forms in which
// Django stores them (auth_user.password), and judges new passwords. It begins
// and ends with the text of one hash: who signs in, how often somebody may try
// and where the hash is kept are its callers' affair.
package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tenantry/tenantry"
)

// DefaultIterations is what Django 4.2 writes, and OWASP's figure for
// PBKDF2-HMAC-SHA256.
const DefaultIterations = 600_000

// saltLength is Django's: the fewest letters and digits with 128 bits.
const saltLength = 22

// maxEncoded is generous: Django's column holds 128 characters.
const maxEncoded = 1024

// Hasher writes the preferred form, pbkdf2_sha256, and verifies every form. It
// keeps no state and may be used from many goroutines. A verification may hold
// up to 256 MiB (Django's own argon2: 100 MiB), so whoever takes requests limits
// how many run at once.
type Hasher struct {
	Iterations int       // of what Hash writes; DefaultIterations for zero
	Random     io.Reader // salts; only Hash needs it
}

// Hash returns what to store for a password, exactly as Django writes it:
// "pbkdf2_sha256$<iterations>$<22 letters and digits>$<base64>". The password
// is not judged; see Validate. It fails when Random does, and for Iterations
// that Verify would refuse.
func (h Hasher) Hash(password tenantry.Secret) (string, error) {
	if h.iterations() > serverLimits.iterations {
		return "", tooCostly("pbkdf2_sha256", "iterations=%d", h.iterations())
	}
	salt, err := alphanumeric(h.Random, saltLength)
	if err != nil {
		return "", err
	}
	sum, err := pbkdf2.Key(sha256.New, password.Reveal(), []byte(salt), h.iterations(), sha256.Size)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return fmt.Sprintf("pbkdf2_sha256$%d$%s$%s", h.iterations(), salt, base64.StdEncoding.EncodeToString(sum)), nil
}

// Verify reports whether encoded was made from password. upgrade says that
// encoded should now be replaced by what Hash makes of this password: it is of
// another algorithm or of fewer iterations, or its salt is short. More
// iterations are left alone (Django 5.2 writes 1,000,000), and upgrade is never
// true unless ok is, so that a wrong password cannot replace a right one.
//
// An unusable password (empty, or "!…") matches nothing and is no error. A
// stored text that cannot be checked is one, of kind Invalid:
// "password.unknown_algorithm", "password.malformed", or "password.too_costly"
// for cost parameters that would hold up the server. Refusals take at least as
// long as Burn, save those by a slow algorithm at its own pace.
func (h Hasher) Verify(password tenantry.Secret, encoded string) (ok, upgrade bool, err error) {
	return h.verify(password, encoded, serverLimits)
}

func (h Hasher) verify(password tenantry.Secret, encoded string, most limits) (ok, upgrade bool, err error) {
	if !Usable(encoded) {
		h.Burn(password)
		return false, false, nil
	}
	f, err := parse(encoded, most)
	if err != nil {
		h.Burn(password)
		return false, false, err
	}
	if ok, err = f.matches(password.Reveal()); err != nil {
		return false, false, fmt.Errorf("password: %w", err)
	}
	if !ok {
		burn(password, h.shortfall(f))
		return false, false, nil
	}
	return true, h.improves(f), nil
}

// Burn spends the work of verifying a password in the preferred form. Call it
// for a user name that does not exist, so that the time an answer takes does
// not tell which names do.
func (h Hasher) Burn(password tenantry.Secret) {
	burn(password, h.iterations())
}

// Usable reports whether there is a password at all: not for "" nor for what
// Unusable makes.
func Usable(encoded string) bool {
	return encoded != "" && !strings.HasPrefix(encoded, "!")
}

// Unusable returns what Django's set_unusable_password stores for somebody who
// signs in by other means: "!" and 40 letters and digits. They are random so
// that whatever is derived from the stored text, as Django's password reset
// links are, cannot be guessed.
func Unusable(random io.Reader) (string, error) {
	suffix, err := alphanumeric(random, 40)
	if err != nil {
		return "", err
	}
	return "!" + suffix, nil
}

func (h Hasher) iterations() int {
	if h.Iterations <= 0 {
		return DefaultIterations
	}
	return h.Iterations
}

// improves reports whether Hash would write something better than f.
func (h Hasher) improves(f form) bool {
	stored, ok := f.(pbkdf2Form)
	if !ok || stored.algorithm != "pbkdf2_sha256" {
		return true
	}
	if stored.iterations != h.iterations() {
		return stored.iterations < h.iterations()
	}
	return len(stored.salt) < saltLength
}

// shortfall is how many iterations a failed verification of f was short of the
// preferred form. Without them a quick refusal would tell that the name exists
// and that its password is an old one. bcrypt, scrypt and argon2 are slow at a
// pace of their own, which iterations cannot even out.
func (h Hasher) shortfall(f form) int {
	switch f := f.(type) {
	case pbkdf2Form:
		return max(0, h.iterations()-f.iterations)
	case md5Form:
		return h.iterations()
	}
	return 0
}

func burn(password tenantry.Secret, iterations int) {
	if iterations > 0 {
		// It fails only where FIPS mode dislikes a salt or a length, and these are fine.
		_, _ = pbkdf2.Key(sha256.New, password.Reveal(), []byte("nobody has this salt.."), iterations, sha256.Size)
	}
}

// alphanumeric returns n characters of Django's RANDOM_STRING_CHARS, each as
// likely as the others.
func alphanumeric(random io.Reader, n int) (string, error) {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if random == nil {
		return "", errors.New("password: no source of randomness")
	}
	text := make([]byte, 0, n)
	var b [1]byte
	for len(text) < n {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("password: no randomness: %w", err)
		}
		// Six bits make 64 values; the two too many are thrown away, since a
		// remainder would favour the first characters.
		if i := int(b[0] & 63); i < len(characters) {
			text = append(text, characters[i])
		}
	}
	return string(text), nil
}
