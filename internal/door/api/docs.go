package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/web"
)

var (
	//go:embed docs.html
	docsText string
	//go:embed docs.css
	docsStyle []byte
)

// docsPage answers with the document as a page: made here, of our own files only,
// and the same without JavaScript.
func (a *API) docsPage() http.Handler {
	pages := map[string][]byte{}
	for _, lang := range locale.Languages() {
		pages[lang] = a.renderDocs(a.Catalog.Printer(lang))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang, _ := locale.Match(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Language", lang)
		h.Add("Vary", "Accept-Language")
		h.Set("Content-Security-Policy", web.PagePolicy)
		_, _ = w.Write(pages[lang]) // the caller has gone
	})
}

func (a *API) renderDocs(p *locale.Printer) []byte {
	page := docs{printer: p, Lang: p.Lang()}
	if err := json.Unmarshal(a.document(p), &page); err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document cannot be read: %v", err)) // it is part of the program
	}
	t := template.Must(template.New("docs").Parse(docsText))
	var out bytes.Buffer
	if err := t.Execute(&out, &page); err != nil {
		panic(fmt.Sprintf("api: the page of the documentation cannot be made: %v", err))
	}
	return out.Bytes()
}

// docs is the page: as much of an OpenAPI document as ours has.
type docs struct {
	printer *locale.Printer
	Lang    string `json:"-"`
	Info    struct{ Title, Version, Description string }
	Tags    []struct{ Name, Description string }
	Paths   map[string]map[string]docsOperation
	Parts   struct {
		Schemas map[string]docsSchema
		Ways    map[string]struct{ Description string } `json:"securitySchemes"`
	} `json:"components"`
}

type docsOperation struct {
	Method, Path         string `json:"-"`
	ID                   string `json:"operationId"`
	Summary, Description string
	Tags                 []string
	Parameters           []struct {
		Name, In, Description string
		Schema                docsSchema
	}
	RequestBody struct {
		Content map[string]struct{ Schema docsSchema }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema docsSchema }
	}
}

type docsSchema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []any
	Default     any
	Minimum     *int64
	Maximum     *int64
	MaxLength   *int64 `json:"maxLength"`
	Items       *docsSchema
	Required    []string
	Properties  map[string]docsSchema
}

// T is a text of the page around the document.
func (d *docs) T(code string) string { return d.printer.Text("docs.page." + code) }

// Languages are those that the page is in.
func (d *docs) Languages() []string { return locale.Languages() }

// Of lists the operations of a tag, by path and then as one would use them.
func (d *docs) Of(tag string) []docsOperation {
	order := []string{"get", "post", "patch", "delete"}
	var found []docsOperation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range order {
			op, ok := d.Paths[path][method]
			if ok && slices.Contains(op.Tags, tag) {
				op.Method, op.Path = strings.ToUpper(method), path
				found = append(found, op)
			}
		}
	}
	return found
}

// Names lists the schemas.
func (d *docs) Names() []string { return slices.Sorted(maps.Keys(d.Parts.Schemas)) }

// Schema returns a schema by name.
func (d *docs) Schema(name string) docsSchema { return d.Parts.Schemas[name] }

// Body returns the schema of an operation's body, without a type for none.
func (o docsOperation) Body() docsSchema { return o.RequestBody.Content["application/json"].Schema }

// Answer is one status of an operation and the schema of its body.
type Answer struct {
	Status, Description string
	Schema              docsSchema
}

// Answers lists an operation's answers by status.
func (o docsOperation) Answers() (all []Answer) {
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		answer := Answer{Status: status, Description: r.Description}
		for _, media := range r.Content {
			answer.Schema = media.Schema
		}
		all = append(all, answer)
	}
	return all
}

// Name returns the name of the schema that this one refers to, "" for none.
func (s docsSchema) Name() string { return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:] }

// Fields lists the names of the properties, the required first.
func (s docsSchema) Fields() []string {
	names := slices.Sorted(maps.Keys(s.Properties))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case s.Requires(a) == s.Requires(b):
			return 0
		case s.Requires(a):
			return -1
		}
		return 1
	})
	return names
}

// Field returns a property.
func (s docsSchema) Field(name string) docsSchema { return s.Properties[name] }

// Requires tells whether a property must be there.
func (s docsSchema) Requires(name string) bool { return slices.Contains(s.Required, name) }

// Sort says in a few words what a value is: "string, date-time", "1 … 500".
func (s docsSchema) Sort() string {
	var parts []string
	types, _ := s.Type.([]any)
	if one, ok := s.Type.(string); ok {
		types = []any{one}
	}
	for _, t := range types {
		parts = append(parts, fmt.Sprint(t))
	}
	text := strings.Join(parts, " | ")
	if s.Format != "" && s.Format != "int64" {
		text += ", " + s.Format
	}
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		text += fmt.Sprintf(", %d … %d", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		text += fmt.Sprintf(", ≥ %d", *s.Minimum)
	}
	if s.MaxLength != nil {
		text += fmt.Sprintf(", ≤ %d", *s.MaxLength)
	}
	return text
}
