package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
)

// order is a body with a field of every sort that the doors have.
type order struct {
	Name    string          `json:"name"`
	Note    *string         `json:"note,omitempty"`
	Count   int64           `json:"count"`
	Most    *int64          `json:"most"`
	Urgent  bool            `json:"urgent"`
	Tags    []string        `json:"tags"`
	Buyer   *buyer          `json:"buyer"`
	Lines   []buyer         `json:"lines"`
	Free    json.RawMessage `json:"free"`
	Ours    int64           `json:"-"`
	Private int64
}

type buyer struct {
	Name string `json:"name"`
}

func TestWellFormedBodyIsRead(t *testing.T) {
	t.Parallel()
	const text = ` {"name": "ñ\u00f1\ud83d\ude80", "note": "", "count": -9223372036854775808, "most": 0, "urgent": true, "tags": ["a", ""],
		"buyer": {"name": "Ana"}, "lines": [{}, {"name": "x"}], "free": {"n": 12345678901234567890, "x": null, "Name": 1, "name": 2}} ` + "\n"
	var got order
	if err := web.DecodeJSON([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	note, most := "", int64(0)
	want := order{Name: "ññ🚀", Note: &note, Count: -9223372036854775808, Most: &most, Urgent: true, Tags: []string{"a", ""}, Buyer: &buyer{"Ana"},
		Lines: []buyer{{}, {"x"}}, Free: json.RawMessage(`{"n": 12345678901234567890, "x": null, "Name": 1, "name": 2}`)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}

func TestBodiesThatCouldBeMisreadAreRefused(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"free": ` + strings.Repeat("[", n) + "1" + strings.Repeat("]", n) + `}` }
	for body, want := range map[string]string{ // "" for fine; code, then field and its code
		`{}`: "",
		``:   "json.syntax", ` `: "json.syntax", `{`: "json.syntax", `{"name"`: "json.syntax", `{"name": }`: "json.syntax", `{"name": "a",}`: "json.syntax",
		`{} {}`: "json.syntax", `{}x`: "json.syntax", `{'name': 1}`: "json.syntax", `{"count": 01}`: "json.syntax", `{name: 1}`: "json.syntax",
		`{"free": [1 2]}`: "json.syntax", "\ufeff{}": "json.syntax", `{"free": NaN}`: "json.syntax", "{\"name\": \"a\nb\"}": "json.syntax",
		"{\"name\": \"\xff\"}": "json.not_utf8",
		`{"name": "\u0000"}`:   "json.nul", `{"free": ["a\u0000"]}`: "json.nul", `{"\u0000": 1}`: "json.nul", `{"free": {"a\u0000": 1}}`: "json.nul",
		deep(31): "", deep(32): "json.too_deep", deep(100_000): "json.too_deep",
		`null`: "request.invalid  field.not_object", `[]`: "request.invalid  field.not_object", `"x"`: "request.invalid  field.not_object",
		`{"surprise": 1}`:               "request.invalid surprise field.unknown",
		`{"Name": "a"}`:                 "request.invalid Name field.unknown",
		`{"": 1}`:                       "request.invalid  field.unknown",
		`{"-": 1}`:                      "request.invalid - field.unknown",
		`{"Ours": 1}`:                   "request.invalid Ours field.unknown",
		`{"Private": 1}`:                "request.invalid Private field.unknown",
		`{"name": "a", "name": "a"}`:    "request.invalid name field.twice",
		`{"buyer": {"x": 1}}`:           "request.invalid buyer.x field.unknown",
		`{"lines": [{}, {"name": 1}]}`:  "request.invalid lines[1].name field.not_string",
		`{"name": null}`:                "request.invalid name field.not_string",
		`{"note": null}`:                "request.invalid note field.not_string",
		`{"name": ["a"]}`:               "request.invalid name field.not_string",
		`{"count": "1"}`:                "request.invalid count field.not_integer",
		`{"count": 1.0}`:                "request.invalid count field.not_integer",
		`{"count": 1e2}`:                "request.invalid count field.not_integer",
		`{"count": 1e999999}`:           "request.invalid count field.not_integer",
		`{"most": 9223372036854775808}`: "request.invalid most field.not_integer",
		`{"urgent": 1}`:                 "request.invalid urgent field.not_boolean",
		`{"urgent": "true"}`:            "request.invalid urgent field.not_boolean",
		`{"tags": "a"}`:                 "request.invalid tags field.not_list",
		`{"tags": [1]}`:                 "request.invalid tags[0] field.not_string",
		`{"buyer": []}`:                 "request.invalid buyer field.not_object",
		`{"buyer": null}`:               "request.invalid buyer field.not_object",
		`{"free": null}`:                "",
	} {
		var got order
		err := web.DecodeJSON([]byte(body), &got)
		found := ""
		if e := (*tenantry.Error)(nil); errors.As(err, &e) {
			found = e.Code
			for _, f := range e.Fields {
				found += " " + f.Field + " " + f.Code
			}
			if e.Kind != tenantry.Invalid {
				t.Errorf("%.60s: kind %s", body, e.Kind)
			}
		}
		if found != want {
			t.Errorf("%.60s: %q, want %q", body, found, want)
		}
	}
}

func TestWrongFieldsAreSaidAtOnceButNotWithoutEnd(t *testing.T) {
	t.Parallel()
	var got order
	err := web.DecodeJSON([]byte(`{"name": 1, "count": "x", "surprise": {"a": 1}}`), &got)
	var e *tenantry.Error
	if !errors.As(err, &e) || len(e.Fields) != 3 {
		t.Errorf("%v", err)
	}
	err = web.DecodeJSON([]byte(`{"tags": [`+strings.Repeat("1,", 10_000)+`1]}`), &got)
	if !errors.As(err, &e) || len(e.Fields) != 20 {
		t.Errorf("%d fields", len(e.Fields))
	}
}

// Whatever is let in, encoding/json reads without surprise; whatever it would
// refuse is refused.
func FuzzDecodeJSONIsStricterThanTheLibrary(f *testing.F) {
	for _, text := range []string{`{}`, `{"name": "a", "count": 1, "tags": ["b"], "buyer": {"name": "c"}, "free": {"x": [1.5e3, null]}}`, `{"name": "a", "name": "b"}`,
		`{"NAME": "a"}`, `{"free": [[[[]]]]}`, `{"name": "\u0000"}`, `[1 2]`, `{"count": 1e5}`, "{\"name\": \"\xff\"}", `{"": 0}`, `{"name":"\ud800"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got order
		if web.DecodeJSON(body, &got) != nil {
			return
		}
		if bytes.ContainsRune(got.Free, 0) || strings.ContainsRune(got.Name, 0) {
			t.Errorf("NUL was let in: %q", body)
		}
		var want order
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Errorf("%q was let in: %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: library (-), got (+):\n%s", body, diff)
		}
		// A name that stands there twice or in another case would be lost.
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) != nil {
			t.Errorf("%q is no object", body)
		}
		for name := range members {
			if name != strings.ToLower(name) {
				t.Errorf("%q: %q was let in", body, name)
			}
		}
	})
}

func TestEmptyIsWhatHoldsNothing(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{"": true, " \r\n\t": true, "{}": false, "null": false} {
		if web.IsEmpty([]byte(body)) != want {
			t.Errorf("%q: %v", body, !want)
		}
	}
}
