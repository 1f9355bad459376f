// Package token is the room of the two tokens that every tenant has: ai_… for
// calls to AI services and cwu_… for the "Chat With Us" widget. It owns the
// columns ai_token and cwu_token of Django's tenants_tenantmodel; the rest of
// that row belongs to room tenant.
package token

import (
	"encoding/base64"
	"hash/crc32"
	"io"
	"strings"

	"github.com/tenantry/tenantry"
)

// Kind is what a token is for.
type Kind string

const (
	AI  Kind = "ai"
	CWU Kind = "cwu"
)

// Settings are the seed's TOKEN_SETTINGS as far as they shape new tokens.
type Settings struct {
	AIPrefix, CWUPrefix string
	Length              int // random bytes; the seed's TOKEN_LENGTH of 32 gives 43 characters
}

// Pair is both tokens of a tenant, in clear. They are shown once.
type Pair struct{ AI, CWU tenantry.Secret }

// generate makes a token: the seed's prefix and token_urlsafe(Length), and
// behind them six characters of checksum, so that a typo is told from a token
// without asking the database and scanners for leaked secrets have a pattern.
func (s Settings) generate(kind Kind, random io.Reader) (tenantry.Secret, error) {
	raw := make([]byte, s.Length)
	if _, err := io.ReadFull(random, raw); err != nil {
		return tenantry.Secret{}, err
	}
	prefix := s.AIPrefix
	if kind == CWU {
		prefix = s.CWUPrefix
	}
	text := prefix + base64.RawURLEncoding.EncodeToString(raw)
	return tenantry.NewSecret(text + checksum(text)), nil
}

func (s Settings) generatePair(random io.Reader) (p Pair, err error) {
	if p.AI, err = s.generate(AI, random); err != nil {
		return p, err
	}
	p.CWU, err = s.generate(CWU, random)
	return p, err
}

const checksumLength = 6

// Checked tells whether a text carries its own checksum. Tokens that Django made
// have none and are valid all the same.
func Checked(text string) bool {
	if len(text) <= checksumLength {
		return false
	}
	head, tail := text[:len(text)-checksumLength], text[len(text)-checksumLength:]
	return checksum(head) == tail
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

// shaped tells whether a stored token looks like one of the seed's or ours.
func (s Settings) shaped(kind Kind, text string) bool {
	prefix := s.AIPrefix
	if kind == CWU {
		prefix = s.CWUPrefix
	}
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return false
	}
	plain := base64.RawURLEncoding.EncodedLen(s.Length)
	if len(rest) != plain && !(len(rest) == plain+checksumLength && Checked(text)) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(rest[:plain])
	return err == nil
}
