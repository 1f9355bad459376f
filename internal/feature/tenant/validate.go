package tenant

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
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
		case holdsNUL(*c.Configuration):
			bad("configuration", "field.not_text")
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

// holdsNUL finds what JSON allows and PostgreSQL's jsonb does not.
func holdsNUL(j sqldb.JSON) bool {
	var v any
	d := json.NewDecoder(strings.NewReader(string(j)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return false
	}
	var walk func(v any) bool
	walk = func(v any) bool {
		switch v := v.(type) {
		case string:
			return strings.ContainsRune(v, 0)
		case []any:
			for _, e := range v {
				if walk(e) {
					return true
				}
			}
		case map[string]any:
			for k, e := range v {
				if strings.ContainsRune(k, 0) || walk(e) {
					return true
				}
			}
		}
		return false
	}
	return walk(v)
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
