package token

import (
	"crypto/sha256"
	"strconv"
	"unsafe"

	"github.com/tenantry/tenantry"
)

// Digest is the SHA-256 of a secret, by which it is known. A secret is 256 bits of
// chance, so a slow hash would protect nothing.
type Digest [sha256.Size]byte

// DigestOf hashes a presented text.
func DigestOf(text string) Digest { return sha256.Sum256(bytesOf(text)) }

func digestOf(secret tenantry.Secret) Digest { return DigestOf(secret.Reveal()) }

// bytesOf reads a string as bytes where it stands: a copy would be an allocation
// in every verification. Nobody writes to it.
func bytesOf(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

func itoa(n int) string { return strconv.Itoa(n) }
