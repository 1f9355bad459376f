package web

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
)

// maxDepth is how deep the brackets of a JSON body may nest.
const maxDepth = 32

// DecodeJSON reads one JSON object into a pointer to a struct, and is stricter
// than encoding/json, which lets a program misread what somebody meant: a member
// that the struct does not have, a name in another case or given twice, null or
// a value of another type, invalid UTF-8 and U+0000 are errors, each with the
// place where it is. A type that unmarshals itself (json.RawMessage) takes
// whatever stands there, as it stands.
//
// Errors are Invalid: "json.syntax", "json.not_utf8", "json.too_deep",
// "json.nul", and "request.invalid" with fields.
func DecodeJSON(body []byte, into any) error {
	if !utf8.Valid(body) {
		return tenantry.NewError(tenantry.Invalid, "json.not_utf8")
	}
	d := &decoding{tokens: json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	err := d.value(reflect.TypeOf(into).Elem(), "", 0)
	if err == nil {
		if _, end := d.tokens.Token(); end != io.EOF {
			err = d.syntax()
		}
	}
	if err != nil {
		return err
	}
	if len(d.wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(d.wrong...)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return tenantry.NewError(tenantry.Invalid, "json.syntax", "offset", len(body)).Because(err)
	}
	return nil
}

// decoding walks through a body beside the type that it is to fill.
type decoding struct {
	tokens *json.Decoder
	wrong  []tenantry.FieldError
}

// value reads one value. t is nil where any type will do.
func (d *decoding) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return tenantry.NewError(tenantry.Invalid, "json.too_deep", "max", maxDepth)
	}
	t = expected(t)
	token, err := d.tokens.Token()
	if err != nil {
		return d.syntax()
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			d.check(t, path, reflect.Slice)
			return d.array(t, path, depth)
		}
		d.check(t, path, reflect.Struct)
		return d.object(t, path, depth)
	case string:
		if strings.ContainsRune(v, 0) {
			return tenantry.NewError(tenantry.Invalid, "json.nul", "field", path)
		}
		d.check(t, path, reflect.String)
	case json.Number:
		if t != nil && t.Kind() == reflect.Int64 {
			if _, err := strconv.ParseInt(v.String(), 10, 64); err != nil {
				d.add(path, "field.not_integer")
			}
			return nil
		}
		d.check(t, path, reflect.Int64)
	case bool:
		d.check(t, path, reflect.Bool)
	default: // null
		d.check(t, path, reflect.Invalid)
	}
	return nil
}

func (d *decoding) array(t reflect.Type, path string, depth int) error {
	var element reflect.Type
	if t != nil && t.Kind() == reflect.Slice {
		element = t.Elem()
	}
	for i := 0; d.tokens.More(); i++ {
		if err := d.value(element, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	return d.end()
}

func (d *decoding) object(t reflect.Type, path string, depth int) error {
	seen := map[string]bool{}
	for d.tokens.More() {
		token, err := d.tokens.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return d.syntax()
		}
		if strings.ContainsRune(name, 0) {
			return tenantry.NewError(tenantry.Invalid, "json.nul", "field", path)
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		if seen[name] {
			d.add(at, "field.twice")
		}
		seen[name] = true
		var member reflect.Type
		if t != nil && t.Kind() == reflect.Struct {
			if member = memberOf(t, name); member == nil {
				d.add(at, "field.unknown")
			}
		}
		if err := d.value(member, at, depth+1); err != nil {
			return err
		}
	}
	return d.end()
}

func (d *decoding) end() error {
	if _, err := d.tokens.Token(); err != nil {
		return d.syntax()
	}
	return nil
}

// check compares the sort of value that stands in the body with the wanted one.
func (d *decoding) check(t reflect.Type, path string, found reflect.Kind) {
	if t == nil || t.Kind() == found {
		return
	}
	switch t.Kind() {
	case reflect.String:
		d.add(path, "field.not_string")
	case reflect.Int64:
		d.add(path, "field.not_integer")
	case reflect.Bool:
		d.add(path, "field.not_boolean")
	case reflect.Slice:
		d.add(path, "field.not_list")
	default:
		d.add(path, "field.not_object")
	}
}

func (d *decoding) add(path, code string) {
	const most = 20 // of a body that is wrong throughout, nobody reads more
	if len(d.wrong) < most {
		d.wrong = append(d.wrong, tenantry.NewFieldError(path, code))
	}
}

func (d *decoding) syntax() error {
	return tenantry.NewError(tenantry.Invalid, "json.syntax", "offset", d.tokens.InputOffset())
}

// expected returns the type behind pointers, nil for one that reads itself.
func expected(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	return t
}

func memberOf(t reflect.Type, name string) reflect.Type {
	for i := range t.NumField() {
		// Without a tag, or with "-", a field is the program's own.
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name && tag != "" && tag != "-" {
			return t.Field(i).Type
		}
	}
	return nil
}

// IsEmpty tells whether a body holds nothing, for verbs that need none.
func IsEmpty(body []byte) bool { return len(bytes.TrimSpace(body)) == 0 }
