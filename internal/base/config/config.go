// Package config reads a program's settings once, at the top, into a struct
// that is handed down from there: defaults, then a TOML file, then environment
// variables, then flags, each over the one before. It knows how settings are
// written and where they came from; what they mean, and which combinations make
// sense, belongs to the program that owns the struct.
//
// The struct says everything through tags:
//
//	type Settings struct {
//		Listen   string `koanf:"listen" default:"127.0.0.1:8080" doc:"address to serve on"`
//		Database struct {
//			URL tenantry.Secret `koanf:"url" secret:"url" doc:"where the data is"`
//		} `koanf:"database"`
//	}
//
// A key is the dotted path of koanf tags, "database.url"; its variable is the
// prefix and the key in capitals, TENANTRY_DATABASE_URL. A field is a string,
// int, bool, time.Duration ("15s", "12h", "30d"), []string or tenantry.Secret.
// secret:"url" hides the password inside a URL, secret:"all" (and a Secret
// without the tag) the whole value.
package config

import (
	"errors"
	"maps"
	"path"
	"reflect"
	"sort"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"github.com/tenantry/tenantry"
)

// Sources says where settings may come from. The zero value means defaults only.
type Sources struct {
	File         string   // path of a TOML file, "" for none
	FileRequired bool     // the file was asked for by name, so that a missing one is an error
	Env          []string // "NAME=value", as os.Environ gives it
	EnvPrefix    string   // variables that start with it are ours, "TENANTRY_"; "" reads none
	EnvIgnore    []string // patterns (path.Match) of variables with the prefix that are not settings
	Flags        []Given  // the flags that were given; of two for one key the later counts
}

// Given is a flag of the command line: the key that it sets, how it is written
// there ("--database" for database.url) and what it was given.
type Given struct{ Key, Flag, Value string }

// Source names the layer that decided a value.
type Source string

const (
	Default     Source = "default"
	File        Source = "file"
	Environment Source = "environment"
	Flag        Source = "flag"
)

// Entry is one setting as a person may see it: secrets are redacted.
type Entry struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source Source `json:"source"`
	Where  string `json:"where,omitempty"` // "tenantry.toml:7", the variable or the flag; "" for a default
	Env    string `json:"env,omitempty"`   // the variable that would set it
	Doc    string `json:"doc"`
}

// Load fills dst, a pointer to a struct, from its sources. If dst has a method
// Validate() error, Load calls it last, and adds to an error that names a "key"
// where that key's value came from.
//
// Errors are of kind Usage: config.unknown_key, config.bad_value,
// config.not_found, config.unreadable, config.syntax. It panics when the struct
// itself is wrong, which is a defect and not a setting.
func Load(dst any, from Sources) error {
	_, err := Describe(dst, from)
	return err
}

// Describe is Load that also lists every setting in the order of the struct,
// with its value and where that came from.
func Describe(dst any, from Sources) ([]Entry, error) {
	fields := fieldsOf(dst, from.EnvPrefix)
	layers := []func(fieldSet, Sources) (layer, error){defaults, readFile, readEnvironment, readFlags}

	merged := koanf.New(".")
	origins := map[string]origin{}
	for _, read := range layers {
		l, err := read(fields, from)
		if err != nil {
			return nil, err
		}
		if err := merged.Load(confmap.Provider(l.values, "."), nil); err != nil {
			return nil, err
		}
		maps.Copy(origins, l.origins)
	}
	if err := merged.Unmarshal("", dst); err != nil {
		return nil, err
	}
	if v, ok := dst.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, placed(err, origins)
		}
	}
	return entries(dst, fields, origins), nil
}

// layer is what one source says, by key, checked and in the fields' own types.
type layer struct {
	values  map[string]any
	origins map[string]origin
}

type origin struct {
	source Source
	where  string
}

func newLayer() layer { return layer{values: map[string]any{}, origins: map[string]origin{}} }

func (l layer) set(key string, value any, o origin) {
	l.values[key], l.origins[key] = value, o
}

func defaults(fields fieldSet, _ Sources) (layer, error) {
	l := newLayer()
	for _, f := range fields.list {
		value, ok := f.fromText(f.preset)
		if !ok {
			panic("config: default of " + f.key + " is not " + f.expected())
		}
		l.set(f.key, value, origin{source: Default})
	}
	return l, nil
}

func readEnvironment(fields fieldSet, from Sources) (layer, error) {
	l := newLayer()
	if from.EnvPrefix == "" {
		return l, nil
	}
	for _, pair := range from.Env {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, from.EnvPrefix) || ignored(name, from.EnvIgnore) {
			continue
		}
		// Keys have underscores of their own, so a variable's name cannot be turned
		// back into a key: it is looked up among the variables of the known keys.
		f, known := fields.byEnv[name]
		if !known {
			return l, unknownKey(name, "env", nearest(name, fields.envNames()))
		}
		value, ok := f.fromText(text)
		if !ok {
			return l, badValue(f, name, text)
		}
		l.set(f.key, value, origin{Environment, name})
	}
	return l, nil
}

func readFlags(fields fieldSet, from Sources) (layer, error) {
	l := newLayer()
	for _, given := range from.Flags {
		f, known := fields.byKey[given.Key]
		if !known {
			return l, unknownKey(given.Key, given.Flag, nearest(given.Key, fields.keys()))
		}
		value, ok := f.fromText(given.Value)
		if !ok {
			return l, badValue(f, given.Flag, given.Value)
		}
		l.set(given.Key, value, origin{Flag, given.Flag})
	}
	return l, nil
}

func ignored(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

func entries(dst any, fields fieldSet, origins map[string]origin) []Entry {
	v := reflect.ValueOf(dst).Elem()
	list := make([]Entry, 0, len(fields.list))
	for _, f := range fields.list {
		o := origins[f.key]
		list = append(list, Entry{
			Key: f.key, Value: f.show(v.FieldByIndex(f.index).Interface()),
			Source: o.source, Where: o.where, Env: f.env, Doc: f.doc,
		})
	}
	return list
}

// placed adds to an error that names a key where the key's value came from.
func placed(err error, origins map[string]origin) error {
	var e *tenantry.Error
	if !errors.As(err, &e) {
		return err
	}
	key, _ := e.Params["key"].(string)
	o, known := origins[key]
	if !known {
		return err
	}
	c := *e
	c.Params = maps.Clone(e.Params)
	c.Params["where"] = o.where
	if o.source == Default {
		c.Params["where"] = string(Default)
	}
	return &c
}

func unknownKey(key, where, suggestion string) error {
	return tenantry.NewError(tenantry.Usage, "config.unknown_key",
		"key", clip(key), "where", where, "suggestion", suggestion)
}

func badValue(f field, where, text string) error {
	shown := clip(text)
	if f.secret != "" {
		shown = redacted
	}
	return tenantry.NewError(tenantry.Usage, "config.bad_value",
		"key", f.key, "where", where, "value", shown, "expected", f.expected())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
