package tenantry

import (
	"database/sql/driver"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"
)

// TenantKey and UserKey are Django's integer ids, the internal keys of tenants
// and people: tenants_tenantmodel.id and auth_user.id. Zero is nobody's.
type (
	TenantKey int64
	UserKey   int64
)

// Clock tells the program's time. Instants are handed down, never read inside
// SQL or deep in a room, so that tests and replays decide what time it is.
type Clock func() time.Time

// Public ids, as interfaces show them.
type (
	TenantID   = ID[tenantKind]   // tnt_…
	UserID     = ID[userKind]     // usr_…
	EventID    = ID[eventKind]    // evt_…
	OperatorID = ID[operatorKind] // opr_…
	TokenID    = ID[tokenKind]    // tok_…
	RunID      = ID[runKind]      // run_…
	GrantID    = ID[grantKind]    // gra_…
	KeyID      = ID[keyKind]      // key_…

	SessionID    = ID[sessionKind]    // ses_…
	InvitationID = ID[invitationKind] // inv_…
)

type (
	tenantKind   struct{}
	userKind     struct{}
	eventKind    struct{}
	operatorKind struct{}
	tokenKind    struct{}
	runKind      struct{}
	grantKind    struct{}
	keyKind      struct{}

	sessionKind    struct{}
	invitationKind struct{}
)

func (tenantKind) prefix() string   { return "tnt_" }
func (userKind) prefix() string     { return "usr_" }
func (eventKind) prefix() string    { return "evt_" }
func (operatorKind) prefix() string { return "opr_" }
func (tokenKind) prefix() string    { return "tok_" }
func (runKind) prefix() string      { return "run_" }
func (grantKind) prefix() string    { return "gra_" }
func (keyKind) prefix() string      { return "key_" }

func (sessionKind) prefix() string    { return "ses_" }
func (invitationKind) prefix() string { return "inv_" }

// ID is a public id: a UUIDv7 (RFC 9562 §5.7), so that ids sort by the time
// they were made, written as its kind's prefix and 26 characters of lower-case
// Crockford base32. It is stored and transmitted in that form.
type ID[K interface{ prefix() string }] struct{ uuid [16]byte }

// crockford has no padding; 16 bytes are preceded by two zero bits, as ULID
// does it, so that the text sorts like the bytes.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const idTextLength = 26

// The makers of public ids, each for the instant at which its thing came to be.
func NewTenantID(at time.Time, random io.Reader) TenantID     { return newID[tenantKind](at, random) }
func NewUserID(at time.Time, random io.Reader) UserID         { return newID[userKind](at, random) }
func NewEventID(at time.Time, random io.Reader) EventID       { return newID[eventKind](at, random) }
func NewOperatorID(at time.Time, random io.Reader) OperatorID { return newID[operatorKind](at, random) }
func NewTokenID(at time.Time, random io.Reader) TokenID       { return newID[tokenKind](at, random) }
func NewRunID(at time.Time, random io.Reader) RunID           { return newID[runKind](at, random) }
func NewGrantID(at time.Time, random io.Reader) GrantID       { return newID[grantKind](at, random) }
func NewKeyID(at time.Time, random io.Reader) KeyID           { return newID[keyKind](at, random) }

func NewSessionID(at time.Time, random io.Reader) SessionID { return newID[sessionKind](at, random) }
func NewInvitationID(at time.Time, random io.Reader) InvitationID {
	return newID[invitationKind](at, random)
}

// ParseTenantID and its sisters read the text form. The error is Invalid with
// code "id.malformed".
func ParseTenantID(text string) (TenantID, error)     { return parseID[tenantKind](text) }
func ParseUserID(text string) (UserID, error)         { return parseID[userKind](text) }
func ParseOperatorID(text string) (OperatorID, error) { return parseID[operatorKind](text) }
func ParseTokenID(text string) (TokenID, error)       { return parseID[tokenKind](text) }
func ParseRunID(text string) (RunID, error)           { return parseID[runKind](text) }
func ParseGrantID(text string) (GrantID, error)       { return parseID[grantKind](text) }
func ParseKeyID(text string) (KeyID, error)           { return parseID[keyKind](text) }

func ParseSessionID(text string) (SessionID, error)       { return parseID[sessionKind](text) }
func ParseInvitationID(text string) (InvitationID, error) { return parseID[invitationKind](text) }

// newID panics if random fails, which the operating system's source does not.
func newID[K interface{ prefix() string }](at time.Time, random io.Reader) ID[K] {
	var id ID[K]
	if _, err := io.ReadFull(random, id.uuid[6:]); err != nil {
		panic(fmt.Sprintf("tenantry: no randomness: %v", err))
	}
	ms := uint64(max(0, at.UnixMilli())) // Django may have stored a year before 1970
	for i := range 6 {
		id.uuid[i] = byte(ms >> (8 * (5 - i)))
	}
	id.uuid[6] = id.uuid[6]&0x0f | 0x70
	id.uuid[8] = id.uuid[8]&0x3f | 0x80
	return id
}

func parseID[K interface{ prefix() string }](text string) (ID[K], error) {
	var id ID[K]
	var k K
	rest, ok := strings.CutPrefix(text, k.prefix())
	if !ok || len(rest) != idTextLength || rest[0] > '7' {
		return id, malformedID(k.prefix(), text)
	}
	// 26 characters hold 130 bits; six leading zero characters make 20 bytes of
	// which the last 16 are the id.
	var wide [20]byte
	if _, err := crockford.Decode(wide[:], []byte("000000"+rest)); err != nil {
		return id, malformedID(k.prefix(), text)
	}
	copy(id.uuid[:], wide[4:])
	return id, nil
}

func malformedID(prefix, text string) *Error {
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return NewError(Invalid, "id.malformed", "prefix", prefix, "value", text)
}

// IsZero reports whether the id was never set.
func (id ID[K]) IsZero() bool { return id.uuid == [16]byte{} }

// String returns the text form, or "" for the zero id.
func (id ID[K]) String() string {
	var room [40]byte
	b, _ := id.AppendText(room[:0])
	return string(b)
}

// AppendText appends the text form, "" for the zero id.
func (id ID[K]) AppendText(b []byte) ([]byte, error) {
	if id.IsZero() {
		return b, nil
	}
	var wide [20]byte
	copy(wide[4:], id.uuid[:])
	var k K
	b = append(b, k.prefix()...)
	at := len(b)
	b = crockford.AppendEncode(b, wide[:])
	return append(b[:at], b[at+6:]...), nil // in place: the six leading zeros go
}

func (id ID[K]) MarshalText() ([]byte, error) { return id.AppendText(nil) }

func (id *ID[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID[K]{}
		return nil
	}
	p, err := parseID[K](string(b))
	if err != nil {
		return err
	}
	*id = p
	return nil
}

// Value stores the text form.
func (id ID[K]) Value() (driver.Value, error) { return id.String(), nil }

// Scan reads the text form; NULL and "" give the zero id.
func (id *ID[K]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID[K]{}
		return nil
	case string:
		return id.UnmarshalText([]byte(v))
	case []byte:
		return id.UnmarshalText(v)
	}
	return fmt.Errorf("tenantry: cannot read an id from %T", src)
}
