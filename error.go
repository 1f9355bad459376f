package tenantry

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Kind is the short closed list of ways in which something can go wrong. Doors
// turn a kind into a status or an exit code; nothing else decides on it.
type Kind string

const (
	Invalid         Kind = "invalid"         // the request makes no sense: 422, exit 1
	Usage           Kind = "usage"           // the command line or configuration is wrong: exit 2
	Unauthenticated Kind = "unauthenticated" // no credential, or an unknown one: 401
	Forbidden       Kind = "forbidden"       // known, but not allowed: 403, exit 4
	NotFound        Kind = "not_found"       // missing, or another tenant's: 404, the two never differ
	Conflict        Kind = "conflict"        // contradicts what is stored: 409
	Stale           Kind = "stale"           // somebody else changed it first: 412
	Limited         Kind = "limited"         // a quota or rate is used up: 429
	Busy            Kind = "busy"            // try again shortly: 503 with Retry-After
	Unavailable     Kind = "unavailable"     // something we depend on is down or unfit: 503
	Internal        Kind = "internal"        // a defect of ours: 500
)

// Error is what every floor returns to the one above. It carries no text: Code
// is stable and never translated, and names a message (and a hint, Code +
// ".hint") in the language files; Params fill its placeholders.
type Error struct {
	Kind   Kind
	Code   string
	Params map[string]any
	Fields []FieldError // for Invalid: what is wrong with which field
	cause  error
}

// FieldError says what is wrong with one field of a request. Code names the
// message, as in Error.
type FieldError struct {
	Field  string
	Code   string
	Params map[string]any
}

// NewError makes an error of a kind. params are alternating names and values of
// the placeholders in the message that code names.
func NewError(kind Kind, code string, params ...any) *Error {
	return &Error{Kind: kind, Code: code, Params: pairs(params)}
}

// NewFieldError makes one entry of Error.Fields.
func NewFieldError(field, code string, params ...any) FieldError {
	return FieldError{Field: field, Code: code, Params: pairs(params)}
}

// Because returns the same error with its cause, which is for logs and never
// shown to a caller of the API.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithFields returns the same error with what is wrong field by field.
func (e *Error) WithFields(fields ...FieldError) *Error {
	c := *e
	c.Fields = append(append([]FieldError{}, e.Fields...), fields...)
	return &c
}

// Error is for logs and tests; people are shown the message that Code names.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	writeParams(&b, e.Params)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Code)
		writeParams(&b, f.Params)
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is compare kind and code, so that a prepared *Error can stand
// for all of its sort.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && (t.Code == "" || t.Code == e.Code)
}

// KindOf returns the kind of the outermost *Error in err, Internal when there
// is none, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

func pairs(params []any) map[string]any {
	if len(params) == 0 {
		return nil
	}
	if len(params)%2 != 0 {
		panic("tenantry: error parameters come in pairs")
	}
	m := make(map[string]any, len(params)/2)
	for i := 0; i < len(params); i += 2 {
		m[params[i].(string)] = params[i+1]
	}
	return m
}

func writeParams(b *strings.Builder, params map[string]any) {
	if len(params) == 0 {
		return
	}
	names := make([]string, 0, len(params))
	for n := range params {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		sep := " ("
		if i > 0 {
			sep = ", "
		}
		fmt.Fprintf(b, "%s%s=%v", sep, n, params[n])
	}
	b.WriteString(")")
}
