// Package credential makes the secrets that programs hold: a prefix that tells
// what it is, 32 random bytes and a checksum, by which a typo is known without a
// look-up and a scanner finds what leaked. What a credential opens, and where its
// digest is kept, is for its callers to say. Passwords, which people think up,
// are package password's.
package credential

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"io"
	"strings"

	"github.com/tenantry/tenantry"
)

const (
	randomBytes    = 32
	checksumLength = 6
)

// New makes a credential: prefix, 43 characters of URL-safe base64, 6 of
// checksum.
func New(prefix string, random io.Reader) (tenantry.Secret, error) {
	raw := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return tenantry.Secret{}, err
	}
	text := prefix + base64.RawURLEncoding.EncodeToString(raw)
	return tenantry.NewSecret(text + checksum(text)), nil
}

// WellFormed tells whether a text can be a credential of that prefix, which
// spares the database every typo and whatever else is tried.
func WellFormed(prefix string, c tenantry.Secret) bool {
	text := c.Reveal()
	if len(text) != len(prefix)+base64.RawURLEncoding.EncodedLen(randomBytes)+checksumLength || !strings.HasPrefix(text, prefix) {
		return false
	}
	head := text[:len(text)-checksumLength]
	return checksum(head) == text[len(head):]
}

// Digest is what is kept of a credential: SHA-256, in hex. It needs no salt,
// since nobody guesses 32 random bytes.
func Digest(c tenantry.Secret) string {
	sum := sha256.Sum256([]byte(c.Reveal()))
	return hex.EncodeToString(sum[:])
}

// checksum is CRC-32 (IEEE) in base 62, most significant digit first.
func checksum(text string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := crc32.ChecksumIEEE([]byte(text))
	var b [checksumLength]byte
	for i := range b {
		b[checksumLength-1-i] = digits[n%62]
		n /= 62
	}
	return string(b[:])
}
