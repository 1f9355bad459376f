package token

import (
	"encoding/base64"
	"hash/crc32"
	"io"
	"strings"

	"github.com/tenantry/tenantry"
)

// generate makes a secret: the seed's prefix and token_urlsafe(Length), and
// behind them six characters of checksum, so that a typo is told from a token
// without asking the database and scanners for leaked secrets have a pattern.
func (s Settings) generate(kind Kind, random io.Reader) (tenantry.Secret, error) {
	raw := make([]byte, s.Length)
	if _, err := io.ReadFull(random, raw); err != nil {
		return tenantry.Secret{}, err
	}
	prefix := s.prefix(kind)
	body := base64.RawURLEncoding.EncodedLen(s.Length)
	text := make([]byte, len(prefix)+body, len(prefix)+body+checksumLength)
	copy(text, prefix)
	base64.RawURLEncoding.Encode(text[len(prefix):], raw)
	sum := checksum(string(text))
	return tenantry.NewSecret(string(append(text, sum[:]...))), nil
}

// Shape is what can be said of a text without asking anybody.
type Shape int

const (
	Malformed  Shape = iota // cannot be a token, or is one with a typo
	Ours                    // with a checksum that is right
	Seed                    // as Django made them, without a checksum
	OtherShape              // may have been put into the column by somebody
)

// longest is what Django's column holds.
const longest = 255

const checksumLength = 6

// ShapeOf tells the shape of a text and, of Ours and Seed, the kind of token.
// It costs no allocation: it stands before every verification.
func (s *Settings) ShapeOf(text string) (Shape, Kind) {
	if text == "" || len(text) > longest {
		return Malformed, ""
	}
	for _, kind := range [...]Kind{AI, CWU} {
		rest, ok := strings.CutPrefix(text, s.prefix(kind))
		if !ok {
			continue
		}
		body := base64.RawURLEncoding.EncodedLen(s.Length)
		switch len(rest) {
		case body + checksumLength:
			if !Checked(text) || !urlSafe(rest[:body]) {
				return Malformed, ""
			}
			return Ours, kind
		case body:
			if urlSafe(rest) {
				return Seed, kind
			}
		}
		break
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return Malformed, "" // a header cannot carry it, and look-alikes are not letters
		}
	}
	return OtherShape, ""
}

func urlSafe(text string) bool {
	for i := range len(text) {
		if !inURLSafe[text[i]] {
			return false
		}
	}
	return true
}

// inURLSafe is the alphabet of token_urlsafe, looked up rather than compared: the
// characters of a token are chance, which no processor foresees.
var inURLSafe = func() (in [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		in[c] = true
	}
	return in
}()

// Checked tells whether a text carries its own checksum. Tokens that Django made
// have none and are valid all the same.
func Checked(text string) bool {
	if len(text) <= checksumLength {
		return false
	}
	head, tail := text[:len(text)-checksumLength], text[len(text)-checksumLength:]
	sum := checksum(head)
	return string(sum[:]) == tail
}

// checksum is CRC-32 (IEEE) in base 62, most significant digit first.
func checksum(text string) (b [checksumLength]byte) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := crc32.ChecksumIEEE(bytesOf(text))
	for i := range b {
		b[checksumLength-1-i] = digits[n%62]
		n /= 62
	}
	return b
}

// Pattern is what a scanner for leaked secrets looks for, in RE2 syntax, one for
// each kind.
func (s Settings) Pattern(kind Kind) string {
	body := base64.RawURLEncoding.EncodedLen(s.Length)
	return `\b` + s.prefix(kind) + `[A-Za-z0-9_-]{` + itoa(body) + `}[0-9A-Za-z]{` + itoa(checksumLength) + `}\b`
}
