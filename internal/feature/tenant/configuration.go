package tenant

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Configuration is what a tenant has configured of one type: the seed's
// TenantConfigurationModel. Django keeps what is in force, in the newest of its
// rows; the versions of it are ours.
type Configuration struct {
	Type      string
	Version   int64
	Data      sqldb.JSON // an object when written; any JSON when read; nil where a version says that it was deleted
	ChangedAt time.Time
	ChangedBy string // Elsewhere for what a Django process wrote
	Note      string
	Rows      int64 // how many rows of the type Django's table has; only the newest counts
}

// Elsewhere is who changed a configuration behind our back: a Django process. When
// is not known, only when it was noticed.
const Elsewhere = "elsewhere"

// ETag tells whether two readings are of the same version.
func (c Configuration) ETag() string {
	return tenantry.ETag(c.Type, c.Version, string(c.Data))
}

// The limits of a configuration; config_type's is Django's.
const (
	typeLength         = 50
	noteLength         = 1000
	documentLength     = 64 << 10
	configurationDepth = 32
)

func validateType(name string) error {
	for _, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.-", r)) {
			name = ""
			break
		}
	}
	if name == "" || len(name) > typeLength {
		return badConfiguration("type", "configuration.bad_type", "max", typeLength)
	}
	return nil
}

// validateDocument says what must not be written as a configuration or schema.
func validateDocument(field string, data sqldb.JSON) error {
	_, object := data.Object()
	switch {
	case len(data) > documentLength:
		return badConfiguration(field, "field.too_long", "max", documentLength)
	case !object:
		return badConfiguration(field, "field.not_object")
	case !storableText(data):
		return badConfiguration(field, "field.not_text")
	case !storableNumbers(data):
		return badConfiguration(field, "tenant.number_too_large", "digits", numberLength, "exponent", numberExponent)
	}
	return plainShape(field, data)
}

// plainShape refuses what readers of JSON disagree over: brackets that nest deep,
// and names that are given twice.
func plainShape(field string, data sqldb.JSON) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var names []map[string]bool // of the objects that are open; nil for a list
	isName := false             // the next text is a member's name
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return badConfiguration(field, "field.not_object")
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{':
				names = append(names, map[string]bool{})
			case '[':
				names = append(names, nil)
			default:
				names = names[:len(names)-1]
			}
			if len(names) > configurationDepth {
				return badConfiguration(field, "configuration.too_deep", "max", configurationDepth)
			}
			isName = len(names) > 0 && names[len(names)-1] != nil
			continue
		case string:
			if isName {
				open := names[len(names)-1]
				if open[v] {
					return badConfiguration(field, "configuration.name_twice", "name", shorten(v))
				}
				open[v] = true
				isName = false
				continue
			}
		}
		isName = len(names) > 0 && names[len(names)-1] != nil
	}
}

func validateNote(note string) error {
	switch {
	case utf8.RuneCountInString(note) > noteLength:
		return badConfiguration("note", "field.too_long", "max", noteLength)
	case !printable(note, true):
		return badConfiguration("note", "field.not_text")
	}
	return nil
}

func badConfiguration(field, code string, params ...any) error {
	return tenantry.NewError(tenantry.Invalid, "configuration.invalid").WithFields(tenantry.NewFieldError(field, code, params...))
}

func noConfiguration() error { return tenantry.NewError(tenantry.NotFound, "configuration.not_found") }

// sameDocument compares two texts of JSON by what they say: Django and PostgreSQL
// spell in ways of their own.
func sameDocument(a, b sqldb.JSON) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := document(a)
	y, errY := document(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// document reads JSON with its numbers as they are written.
func document(data sqldb.JSON) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
