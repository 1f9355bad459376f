package tenantry

import (
	"fmt"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// Secret holds a password, token or key. Whatever prints, marshals or logs it
// shows only that there was one; Reveal is the one way to the text, so that a
// search for Reveal finds every place where a secret leaves. Secrets of one text
// are equal.
type Secret struct {
	// Behind a handle, because fmt asks no method of what stands in an unexported
	// field of somebody's struct: it would print a string, and prints a pointer.
	text unique.Handle[string]
}

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.text.Value()
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s == Secret{} }

// Display is the form by which people recognise a secret they already hold: the
// first six and last four characters, or nothing of a short one.
func (s Secret) Display() string {
	text := s.Reveal()
	if len(text) < 24 {
		return redacted
	}
	return text[:6] + "…" + text[len(text)-4:]
}

func (s Secret) String() string                { return redacted }
func (s Secret) GoString() string              { return redacted }
func (s Secret) Format(f fmt.State, _ rune)    { _, _ = f.Write([]byte(redacted)) }
func (s Secret) LogValue() slog.Value          { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error)  { return []byte(redacted), nil }
func (s *Secret) UnmarshalText(b []byte) error { *s = NewSecret(string(b)); return nil }
