package password

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

// bcryptMax is how much of a password bcrypt looks at. Python's bcrypt (before
// its release 5) drops the rest silently, so that is what was stored.
const bcryptMax = 72

// bcryptForm is "bcrypt$" or "bcrypt_sha256$" and the string of bcrypt itself,
// "$2b$<cost>$<22 of salt><31 of hash>". bcrypt_sha256 hashes the lower-case
// hexadecimal digits of the password's SHA-256, which have no limit.
type bcryptForm struct {
	prehashed bool
	crypt     string
}

func parseBcrypt(algorithm, crypt string, most limits) (form, error) {
	if !isBcrypt(crypt) {
		return nil, malformed(algorithm)
	}
	cost, err := strconv.Atoi(crypt[4:6])
	if err != nil || cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, malformed(algorithm)
	}
	if cost > most.bcryptCost {
		return nil, tooCostly(algorithm, "cost=%d", cost)
	}
	return bcryptForm{prehashed: algorithm == "bcrypt_sha256", crypt: crypt}, nil
}

func (f bcryptForm) matches(password string) (bool, error) {
	text := []byte(password)
	if f.prehashed {
		sum := sha256.Sum256(text)
		text = []byte(hex.EncodeToString(sum[:]))
	}
	err := bcrypt.CompareHashAndPassword([]byte(f.crypt), text[:min(len(text), bcryptMax)])
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// isBcrypt is stricter than the library, which takes any version letter and
// any separator. 2a, 2b, 2x and 2y differ only in bugs that passwords of up to
// 72 bytes do not meet, and Python treats them alike.
func isBcrypt(crypt string) bool {
	if len(crypt) != 60 || crypt[:2] != "$2" || crypt[3] != '$' || crypt[6] != '$' {
		return false
	}
	switch crypt[2] {
	case 'a', 'b', 'x', 'y':
	default:
		return false
	}
	for _, c := range []byte(crypt[4:6]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	for _, c := range []byte(crypt[7:]) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '/') {
			return false
		}
	}
	return true
}
