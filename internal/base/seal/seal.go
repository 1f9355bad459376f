// Package seal turns text into ciphertext that a database column can hold, and
// back. The keys are a keyset of Tink's (AES-256-GCM), kept in a file or in the
// environment, as it is or wrapped with a key of HashiCorp Vault's transit
// engine; Vault's token, certificates and namespace come from VAULT_…, as
// Vault's own client reads them. What is sealed, and when every text has been
// sealed anew under another key, is its callers' affair.
//
// A key is replaced in four steps: Add, Save everywhere; Promote, Save; seal
// again what is sealed; Drop, Save. At no moment is there a text that a process
// with the keyset of the step before cannot open.
package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry"
)

const (
	prefix = "sealed:"

	// domain keeps what is sealed here apart from anything else that might ever
	// be encrypted with the same keys.
	domain = "tenantry/seal/1"

	maxNote = 16
)

// body is strict, so that each ciphertext has one text.
var body = base64.RawURLEncoding.Strict()

var errNote = errors.New("seal: a note is at most 16 of the characters A-Z a-z 0-9 . _ -")

// Seal encrypts plain with the primary key. The text is
// "sealed:KEYID:NOTE:BODY": for the note anybody can read, BODY is unpadded
// base64url of nonce, ciphertext and tag, 28 bytes longer than plain. aad says
// where the text belongs; it opens only there, under its own note and key id.
// Nonces are random, so a key should seal no more than 2³² texts.
func (k *Keyring) Seal(plain tenantry.Secret, note string, aad ...string) (string, error) {
	if !isNote(note) {
		return "", errNote
	}
	id := k.primary
	// One buffer for what is authenticated and what is encrypted.
	buffer := bind(id, note, aad)
	bound := len(buffer)
	buffer = append(buffer, plain.Reveal()...)
	sealed, err := k.ciphers[id].Encrypt(buffer[bound:], buffer[:bound:bound])
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	text := make([]byte, 0, len(prefix)+10+1+len(note)+1+body.EncodedLen(len(sealed)))
	text = append(text, prefix...)
	text = strconv.AppendUint(text, uint64(id), 10)
	text = append(text, ':')
	text = append(text, note...)
	text = append(text, ':')
	return string(body.AppendEncode(text, sealed)), nil
}

// Open decrypts what Seal made with the same aad. It tries the key that the
// text names and no other. The error is Invalid "seal.not_sealed" for another
// kind of text, Unavailable "seal.unknown_key" when the keyring lacks the key,
// and Conflict "seal.does_not_open" for a text that was damaged or belongs
// elsewhere.
func (k *Keyring) Open(text string, aad ...string) (tenantry.Secret, error) {
	id, note, encoded, ok := split(text)
	if !ok {
		return tenantry.Secret{}, tenantry.NewError(tenantry.Invalid, "seal.not_sealed")
	}
	cipher, ok := k.ciphers[id]
	if !ok {
		return tenantry.Secret{}, tenantry.NewError(tenantry.Unavailable, "seal.unknown_key", "key", id)
	}
	sealed, err := decode(encoded)
	if err != nil {
		return tenantry.Secret{}, doesNotOpen(id)
	}
	plain, err := cipher.Decrypt(sealed, bind(id, note, aad))
	if err != nil {
		return tenantry.Secret{}, doesNotOpen(id)
	}
	return tenantry.NewSecret(string(plain)), nil
}

func doesNotOpen(id uint32) error {
	return tenantry.NewError(tenantry.Conflict, "seal.does_not_open", "key", id)
}

// Sealed reports whether text is meant to be one of Seal's, whole or damaged: a
// damaged one must not pass for plain text.
func Sealed(text string) bool { return strings.HasPrefix(text, prefix) }

// Visible returns what can be read of a sealed text without a key. Nothing of
// it is proven before Open.
func Visible(text string) (key uint32, note string, ok bool) {
	key, note, _, ok = split(text)
	return key, note, ok
}

func split(text string) (key uint32, note, encoded string, ok bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return 0, "", "", false
	}
	number, rest, _ := strings.Cut(rest, ":")
	note, encoded, ok = strings.Cut(rest, ":")
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil || !ok || !isNote(note) || number[0] == '0' && number != "0" {
		return 0, "", "", false
	}
	return uint32(id), note, encoded, true
}

// decode refuses line ends, which encoding/base64 skips.
func decode(encoded string) ([]byte, error) {
	if i := strings.IndexAny(encoded, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return body.DecodeString(encoded)
}

func isNote(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) <= maxNote
}

// bind is the associated data: each part behind its length, so that no two
// lists of parts make the same bytes. It must never change.
func bind(id uint32, note string, aad []string) []byte {
	b := make([]byte, 0, 512)
	b = part(b, domain)
	b = binary.BigEndian.AppendUint32(b, id)
	b = part(b, note)
	for _, a := range aad {
		b = part(b, a)
	}
	return b
}

func part(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
