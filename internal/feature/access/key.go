package access

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"io"
	"strings"

	"github.com/tenantry/tenantry"
)

// A key is a prefix that says whose it is, 256 bits of chance and a checksum. Only
// its SHA-256 is kept: against so much chance a slow hash would protect nothing.
const (
	operatorPrefix = "opk_"
	tenantPrefix   = "tmk_" // tenant management key

	keyBytes       = 32
	checksumLength = 6
)

var keyLength = len(operatorPrefix) + base64.RawURLEncoding.EncodedLen(keyBytes) + checksumLength

func newKey(prefix string, random io.Reader) (tenantry.Secret, error) {
	raw := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return tenantry.Secret{}, err
	}
	text := prefix + base64.RawURLEncoding.EncodeToString(raw)
	return tenantry.NewSecret(text + checksum(text)), nil
}

// wellFormed spares the database every typo, and whatever else is tried.
func wellFormed(prefix, text string) bool {
	if len(text) != keyLength || !strings.HasPrefix(text, prefix) {
		return false
	}
	head := text[:len(text)-checksumLength]
	return checksum(head) == text[len(head):]
}

// checksum is CRC-32 (IEEE) in base 62, most significant digit first, as in the
// tokens of tenants.
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

func digest(key tenantry.Secret) string {
	sum := sha256.Sum256([]byte(key.Reveal()))
	return hex.EncodeToString(sum[:])
}
