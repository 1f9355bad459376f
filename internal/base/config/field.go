package config

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
)

// field is one setting, as the struct's tags declare it.
type field struct {
	key, env, doc string
	preset        string // its default, as text
	secret        string // "", "url" or "all"
	kind          kind
	index         []int
}

type kind int

const (
	text kind = iota
	integer
	boolean
	duration
	list
	secret
)

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[string]():          text,
	reflect.TypeFor[int]():             integer,
	reflect.TypeFor[bool]():            boolean,
	reflect.TypeFor[time.Duration]():   duration,
	reflect.TypeFor[[]string]():        list,
	reflect.TypeFor[tenantry.Secret](): secret,
}

// fieldSet is all fields in the order of the struct.
type fieldSet struct {
	list  []field
	byKey map[string]field
	byEnv map[string]field
}

// fieldsOf reads the tags of *dst. It panics on what only a programmer can mend.
func fieldsOf(dst any, envPrefix string) fieldSet {
	t := reflect.TypeOf(dst)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		panic("config: the destination must be a pointer to a struct")
	}
	s := fieldSet{byKey: map[string]field{}, byEnv: map[string]field{}}
	s.add(t.Elem(), "", nil, envPrefix)
	return s
}

func (s *fieldSet) add(t reflect.Type, prefix string, index []int, envPrefix string) {
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("koanf")
		if name == "" {
			continue
		}
		f := field{
			key: prefix + name, doc: sf.Tag.Get("doc"), preset: sf.Tag.Get("default"), secret: sf.Tag.Get("secret"),
			index: append(append([]int{}, index...), i),
		}
		k, plain := kinds[sf.Type]
		switch {
		case plain:
			f.kind = k
		case sf.Type.Kind() == reflect.Struct:
			s.add(sf.Type, f.key+".", f.index, envPrefix)
			continue
		default:
			panic("config: " + f.key + " has a type that settings do not have: " + sf.Type.String())
		}
		if f.kind == secret && f.secret == "" {
			f.secret = "all"
		}
		if envPrefix != "" {
			f.env = envPrefix + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
			if twin, taken := s.byEnv[f.env]; taken {
				panic("config: " + twin.key + " and " + f.key + " would both be " + f.env)
			}
			s.byEnv[f.env] = f
		}
		s.byKey[f.key] = f
		s.list = append(s.list, f)
	}
}

func (s fieldSet) keys() []string {
	names := make([]string, len(s.list))
	for i, f := range s.list {
		names[i] = f.key
	}
	return names
}

func (s fieldSet) envNames() []string {
	names := make([]string, len(s.list))
	for i, f := range s.list {
		names[i] = f.env
	}
	return names
}

// isSection reports whether known keys lie below this one.
func (s fieldSet) isSection(key string) bool {
	for _, f := range s.list {
		if strings.HasPrefix(f.key, key+".") {
			return true
		}
	}
	return false
}

// expected shows how a value is written. It is an example and not a sentence,
// so that it needs no translation.
func (f field) expected() string {
	switch f.kind {
	case integer:
		return "0, 1, 2, …"
	case boolean:
		return "true | false"
	case duration:
		return "15s, 12h, 30d, …"
	case list:
		return `["…", "…"]`
	}
	return `"…"`
}

// fromText reads a value from a variable, a flag or a default tag. A secret
// stays text here: only the last step puts it into its tenantry.Secret.
func (f field) fromText(s string) (any, bool) {
	switch f.kind {
	case integer:
		n, err := strconv.Atoi(s)
		return n, err == nil
	case boolean:
		b, err := strconv.ParseBool(s)
		return b, err == nil
	case duration:
		d, err := ParseDuration(s)
		return d, err == nil
	case list:
		return splitList(s), true
	}
	return s, true
}

// fromTOML takes a value of a file, which must be of the TOML type that fits:
// a number in quotes is more likely a mistake than a wish.
func (f field) fromTOML(v any) (any, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), f.kind == integer
	case bool:
		return v, f.kind == boolean
	case string:
		switch f.kind {
		case text, secret:
			return v, true
		case duration:
			return f.fromText(v)
		}
	case []any:
		items := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			items[i] = s
		}
		return items, f.kind == list
	}
	return nil, false
}

// show writes a value for people, without what is secret in it.
func (f field) show(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case tenantry.Secret:
		s = v.Reveal() // redacted below
	case int:
		s = strconv.Itoa(v)
	case bool:
		s = strconv.FormatBool(v)
	case time.Duration:
		s = FormatDuration(v)
	case []string:
		s = strings.Join(v, ",")
	}
	switch {
	case s == "" || f.secret == "":
		return s
	case f.secret == "url":
		return redactURL(s)
	}
	return redacted
}

const redacted = "[redacted]"

// redactURL hides the passwords of a URL. What cannot be told apart with
// certainty is hidden whole: an unescaped "#", "?" or "/" in a password moves
// the rest of it, up to the "@", into another part of the URL.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return redacted
	}
	if u.Host+u.Opaque != "" && strings.Contains(u.Opaque+u.Path+u.RawQuery+u.Fragment, "@") {
		return redacted
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return redacted
	}
	for _, name := range []string{"password", "sslpassword"} { // as libpq and pgx take them
		if query.Has(name) {
			query.Set(name, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

func splitList(s string) []string {
	items := []string{}
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// clip keeps a message one line of bearable length, whatever was typed.
func clip(s string) string {
	const longest = 80
	r := []rune(strings.ToValidUTF8(s[:min(len(s), 4*longest)], "\uFFFD"))
	if len(r) > longest || len(s) > 4*longest {
		return string(r[:min(len(r), longest)]) + "…"
	}
	return string(r)
}
