package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tenantry/tenantry"
)

// Sealer makes the cursors of lists: opaque to callers, and good only where they
// were given out.
type Sealer struct{ Key []byte } // 32 bytes of chance

const (
	sealLength   = 16 // of HMAC-SHA-256, cut as RFC 2104 §5 allows
	cursorLength = 8 << 10
)

// Seal makes a cursor of a position, "" of "". parts say where it belongs: the
// route, whose list it is, in which order.
func (s Sealer) Seal(position string, parts ...string) string {
	if position == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.sum(position, parts), position...))
}

// Open returns the position in a cursor. The error is Invalid,
// "page.bad_cursor", for everything that Seal did not make of the same parts.
func (s Sealer) Open(cursor string, parts ...string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	bad := tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
	// encoding/base64 passes over line breaks.
	if len(cursor) > cursorLength || strings.ContainsAny(cursor, "\r\n") {
		return "", bad
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) <= sealLength {
		return "", bad
	}
	position := string(text[sealLength:])
	if !hmac.Equal(text[:sealLength], s.sum(position, parts)) {
		return "", bad
	}
	return position, nil
}

func (s Sealer) sum(position string, parts []string) []byte {
	h := hmac.New(sha256.New, s.Key)
	for _, part := range append([]string{position}, parts...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return h.Sum(nil)[:sealLength]
}
