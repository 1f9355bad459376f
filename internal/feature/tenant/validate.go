package tenant

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Limits are the seed's TENANT_SETTINGS as far as they bound what may be
// written. Larger values that are stored already stay, and are findings.
type Limits struct {
	DefaultModel string
	MaxAgents    int64
	MaxDocuments int64
	MaxStorageMB int64
	DeleteGrace  time.Duration
}

// What Django's model gives a tenant that says nothing itself.
const (
	defaultAgents    = 10
	defaultDocuments = 1000
	defaultStorageMB = 1000
)

const (
	nameLength          = 255
	descriptionLength   = 10_000
	reasonLength        = 1_000
	configurationLength = 256 << 10
)

// Draft is a tenant to be made. Nil and empty mean the default.
type Draft struct {
	Name          string
	Description   string
	Model         string
	Configuration sqldb.JSON
	MaxAgents     *int64
	MaxDocuments  *int64
	MaxStorageMB  *int64
	// Pending asks for approval before the tenant may act.
	Pending bool
	// Quarantine makes the tenant a place for people who belong nowhere yet.
	Quarantine bool
}

// Change is what to write of a tenant; nil leaves a field alone.
type Change struct {
	Name          *string
	Description   *string
	Model         *string
	Configuration *sqldb.JSON
	MaxAgents     *int64
	MaxDocuments  *int64
	MaxStorageMB  *int64
}

// complete turns a draft into the change that writes every field.
func (d Draft) complete(l Limits) Change {
	or := func(v *int64, fallback int64) *int64 {
		if v == nil {
			return &fallback
		}
		return v
	}
	if d.Model == "" {
		d.Model = l.DefaultModel
	}
	if len(d.Configuration) == 0 {
		d.Configuration = sqldb.JSON("{}")
	}
	return Change{Name: &d.Name, Description: &d.Description, Model: &d.Model, Configuration: &d.Configuration,
		MaxAgents: or(d.MaxAgents, defaultAgents), MaxDocuments: or(d.MaxDocuments, defaultDocuments), MaxStorageMB: or(d.MaxStorageMB, defaultStorageMB)}
}

// validate says field by field what must not be written. What is left unchanged
// of a stored row is not looked at. models are the catalogue's enabled names.
func (c Change) validate(l Limits, models []string) error {
	var wrong []tenantry.FieldError
	bad := func(field, code string, params ...any) {
		wrong = append(wrong, tenantry.NewFieldError(field, code, params...))
	}
	if c.Name != nil {
		switch {
		case strings.TrimSpace(*c.Name) == "":
			bad("name", "field.required")
		case utf8.RuneCountInString(*c.Name) > nameLength:
			bad("name", "field.too_long", "max", nameLength)
		case !printable(*c.Name, false):
			bad("name", "field.not_text")
		case strings.TrimSpace(*c.Name) != *c.Name:
			bad("name", "field.outer_space")
		}
	}
	if c.Description != nil {
		switch {
		case utf8.RuneCountInString(*c.Description) > descriptionLength:
			bad("description", "field.too_long", "max", descriptionLength)
		case !printable(*c.Description, true):
			bad("description", "field.not_text")
		}
	}
	if c.Model != nil && !contains(models, *c.Model) {
		bad("model", "tenant.unknown_model", "model", shorten(*c.Model), "models", strings.Join(models, ", "))
	}
	if c.Configuration != nil {
		switch _, object := c.Configuration.Object(); {
		case len(*c.Configuration) > configurationLength:
			bad("configuration", "field.too_long", "max", configurationLength)
		case !object:
			bad("configuration", "field.not_object")
		case !storableText(*c.Configuration):
			bad("configuration", "field.not_text")
		case !storableNumbers(*c.Configuration):
			bad("configuration", "tenant.number_too_large", "digits", numberLength, "exponent", numberExponent)
		}
	}
	ceiling := func(field string, v *int64, max int64) {
		if v != nil && (*v < 0 || *v > max) {
			bad(field, "field.out_of_range", "min", 0, "max", max)
		}
	}
	ceiling("max_agents", c.MaxAgents, l.MaxAgents)
	ceiling("max_documents", c.MaxDocuments, l.MaxDocuments)
	ceiling("max_storage_mb", c.MaxStorageMB, l.MaxStorageMB)
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "tenant.invalid").WithFields(wrong...)
	}
	return nil
}

// printable tells whether s is text that both engines store and a screen shows:
// valid UTF-8 without control characters, line breaks and tabs apart when
// allowed.
func printable(s string, breaks bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) && !(breaks && (r == '\n' || r == '\r' || r == '\t')) {
			return false
		}
	}
	return true
}

// storableText tells whether every string in a JSON text is one that PostgreSQL's
// jsonb takes as well: JSON itself allows U+0000 and half a surrogate pair, in
// escapes.
func storableText(j sqldb.JSON) bool {
	if !utf8.Valid(j) {
		return false
	}
	for rest := string(j); ; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 {
			return true
		}
		unit, isUnit := escapedUnit(rest[i:])
		switch {
		case !isUnit:
			rest = rest[i+2:]
			continue
		case unit == 0:
			return false
		case utf16.IsSurrogate(unit):
			second, _ := escapedUnit(rest[i+6:])
			if utf16.DecodeRune(unit, second) == unicode.ReplacementChar {
				return false
			}
			i += 6
		}
		rest = rest[i+6:]
	}
}

// escapedUnit reads the UTF-16 code unit at the start of a text, as \u1234.
func escapedUnit(text string) (unit rune, ok bool) {
	if len(text) < 6 || text[:2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil
}

// Bounds of a number in JSON. What a double holds is well within them; without
// any, PostgreSQL refuses some, and keeps 1e131071 in a few bytes that it writes
// out with every digit whenever the row is read.
const (
	numberLength   = 1000
	numberExponent = 308
)

// storableNumbers tells whether every number in a JSON text is within bounds.
func storableNumbers(j sqldb.JSON) bool {
	d := json.NewDecoder(strings.NewReader(string(j)))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return true // at the end: that it is JSON has been seen to
		}
		n, isNumber := token.(json.Number)
		if !isNumber {
			continue
		}
		_, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
		if exponent == "" {
			exponent = "0"
		}
		if e, err := strconv.Atoi(exponent); err != nil || e > numberExponent || e < -numberExponent || len(n) > numberLength {
			return false
		}
	}
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:60]) + "…"
}
