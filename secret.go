package tenantry

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a password, token or key. Whatever prints, marshals or logs it
// shows only that there was one; Reveal is the one way to the text, so that a
// search for Reveal finds every place where a secret leaves.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.text == "" }

// Display is the form by which people recognise a secret they already hold: the
// first six and last four characters, or nothing of a short one.
func (s Secret) Display() string {
	if len(s.text) < 24 {
		return redacted
	}
	return s.text[:6] + "…" + s.text[len(s.text)-4:]
}

func (s Secret) String() string                { return redacted }
func (s Secret) GoString() string              { return redacted }
func (s Secret) Format(f fmt.State, _ rune)    { _, _ = f.Write([]byte(redacted)) }
func (s Secret) LogValue() slog.Value          { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error)  { return []byte(redacted), nil }
func (s *Secret) UnmarshalText(b []byte) error { s.text = string(b); return nil }
