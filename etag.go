package tenantry

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// ETag is the entity tag (RFC 9110 §8.8.3) of a state that is told by some values,
// in their order. It is made of content rather than of a counter, because a Django
// process may write the same rows and counts nothing.
func ETag(state ...any) string {
	h := sha256.New()
	for _, v := range state {
		text := fmt.Sprint(v)
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}
