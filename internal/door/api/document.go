package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/yaml"

	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/web"
)

// The document's texts are codes of messages, "docs.…", until it is written in a
// language: so the page of the documentation has them in each, and the program
// has them in one place.

func (a *API) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Tenantry", Version: "v1", Description: "docs.intro",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Tags: []*huma.Tag{
				{Name: "tenants", Description: "docs.tag.tenants"},
				{Name: "users", Description: "docs.tag.users"},
				{Name: "tokens", Description: "docs.tag.tokens"},
				{Name: "verification", Description: "docs.tag.verification"},
				{Name: "configurations", Description: "docs.tag.configurations"},
				{Name: "audit", Description: "docs.tag.audit"},
				{Name: "settings", Description: "docs.tag.settings"},
				{Name: "models", Description: "docs.tag.models"},
				{Name: "access", Description: "docs.tag.access"},
				{Name: "sessions", Description: "docs.tag.sessions"},
				{Name: "invitations", Description: "docs.tag.invitations"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"operatorKey": {Type: "http", Scheme: "bearer", Description: "docs.operator_key"},
				},
			},
			Security: []map[string][]string{{"operatorKey": {}}},
		},
		Formats:                      huma.DefaultFormats,
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{a.present},
	}
}

// IdempotencyKey documents the header that the adapter reads; huma looks into
// embedded structs only if their names are exported.
type IdempotencyKey struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"docs.param.idempotency_key"`
}

// describe completes an operation's documentation from its id and the statuses
// that it answers with besides the usual ones.
func (a *API) describe(op *huma.Operation) {
	op.Summary = "docs." + op.OperationID
	op.Description = op.Summary + ".long"
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[web.Problem](), true, "")
	op.Responses = map[string]*huma.Response{}
	for _, status := range slices.Concat([]int{401, 403, 503}, op.Errors) {
		r := &huma.Response{
			Description: "docs.status." + strconv.Itoa(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
		switch status {
		case http.StatusUnauthorized:
			r.Headers = map[string]*huma.Param{"WWW-Authenticate": {Schema: &huma.Schema{Type: huma.TypeString}}}
		case http.StatusServiceUnavailable:
			r.Headers = map[string]*huma.Param{"Retry-After": {Schema: &huma.Schema{Type: huma.TypeInteger}}}
		}
		op.Responses[strconv.Itoa(status)] = r
	}
	op.Errors = nil
}

// public documents an operation that needs no credential and that huma does not
// serve: in and out are what it takes and answers, nil for nothing.
func public(a *API, op huma.Operation, in, out any) {
	document := a.huma.OpenAPI()
	refuses := slices.Contains(op.Errors, http.StatusUnauthorized)
	a.describe(&op)
	if !refuses {
		delete(op.Responses, "401")
		delete(op.Responses, "403")
	}
	op.Security = []map[string][]string{{}}
	of := func(v any) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: document.Components.Schemas.Schema(reflect.TypeOf(v).Elem(), true, "")}}
	}
	if in != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: of(in)}
	}
	if out != nil {
		op.Responses["200"] = &huma.Response{Content: of(out)}
	} else {
		op.Responses["204"] = &huma.Response{}
	}
	document.AddOperation(&op)
}

// describeBody documents the body of a registered operation. huma is not told
// before, so that it leaves bodies to web.DecodeJSON, which is stricter.
func describeBody[B any](a *API, op huma.Operation) {
	document := a.huma.OpenAPI()
	schema := document.Components.Schemas.Schema(reflect.TypeFor[B](), true, "")
	at := document.Paths[op.Path]
	registered := map[string]*huma.Operation{http.MethodPost: at.Post, http.MethodPatch: at.Patch, http.MethodPut: at.Put}[op.Method]
	registered.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// publish puts the document and its page on the router.
func (a *API) publish() {
	document := a.huma.OpenAPI()
	for name := range document.Components.Schemas.Map() {
		if name == "ErrorModel" || name == "ErrorDetail" { // huma's own form of errors, which nobody sees
			delete(document.Components.Schemas.Map(), name)
		}
	}
	for _, at := range document.Paths {
		for _, op := range []*huma.Operation{at.Get, at.Post, at.Put, at.Patch, at.Delete} {
			if op != nil {
				completeResponses(op)
			}
		}
	}
	inEnglish := a.document(a.Catalog.Printer("en"))
	a.router.Handle(http.MethodGet, "/v1/openapi.json", fixed("application/openapi+json", inEnglish))
	a.router.Handle(http.MethodGet, "/v1/openapi.yaml", fixed("application/openapi+yaml", toYAML(inEnglish)))
	a.router.Handle(http.MethodGet, "/v1/docs", a.docsPage())
	a.router.Handle(http.MethodGet, "/v1/docs/style.css", fixed("text/css; charset=utf-8", docsStyle))
}

// completeResponses describes the successful answers, which huma calls by their
// status, and their replay.
func completeResponses(op *huma.Operation) {
	for status, r := range op.Responses {
		if status[0] != '2' {
			continue
		}
		r.Description = "docs.status." + status
		if op.Method == http.MethodPost {
			if r.Headers == nil {
				r.Headers = map[string]*huma.Param{}
			}
			r.Headers["Idempotency-Replayed"] = &huma.Param{Schema: &huma.Schema{Type: huma.TypeBoolean}, Description: "docs.header.replayed"}
		}
	}
}

var messageCode = regexp.MustCompile(`"docs\.[A-Za-z0-9_.]+"`)

// document writes the OpenAPI document, as JSON, in a language.
func (a *API) document(p *locale.Printer) []byte {
	coded, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document cannot be written: %v", err)) // it is part of the program
	}
	text := messageCode.ReplaceAllFunc(coded, func(code []byte) []byte {
		var quoted bytes.Buffer
		encoder := json.NewEncoder(&quoted)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(p.Text(string(code[1 : len(code)-1]))) // a string can be encoded
		return bytes.TrimSpace(quoted.Bytes())
	})
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document is not JSON: %v", err))
	}
	return append(indented.Bytes(), '\n')
}

// Document returns the OpenAPI document as it is reviewed, in YAML.
func (a *API) Document() []byte { return toYAML(a.document(a.Catalog.Printer("en"))) }

func toYAML(document []byte) []byte {
	var out bytes.Buffer
	if err := yaml.Convert(&out, bytes.NewReader(document)); err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document cannot be written as YAML: %v", err))
	}
	return out.Bytes()
}

// fixed answers with something that only another build changes.
func fixed(contentType string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(content) // the caller has gone
	})
}
