package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
)

// Problem is an error as a caller sees it (RFC 9457). Everything but Code is in
// the caller's language.
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	Errors    []FieldProblem `json:"errors,omitempty"`
	RequestID string         `json:"request_id"`

	lang string
	wait int64 // seconds, 0 for what nobody knows
}

// FieldProblem is what is wrong with one field of the request.
type FieldProblem struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Problems turns errors into answers; nothing else of a server does.
type Problems struct {
	Catalog   *locale.Catalog
	Type      string // what comes before the code in a problem's type, "urn:…:"; "" makes every type about:blank
	Challenge string // WWW-Authenticate of a 401
}

// Refuse makes an error that belongs to HTTP itself and has a status of its own.
func Refuse(status int, code string, params ...any) error {
	return &refusal{status, tenantry.NewError(tenantry.Invalid, code, params...)}
}

type refusal struct {
	status int
	err    *tenantry.Error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// Status returns the HTTP status of an error.
func Status(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	switch tenantry.KindOf(err) {
	case "":
		return http.StatusOK
	case tenantry.Invalid:
		return http.StatusUnprocessableEntity
	case tenantry.Usage:
		return http.StatusBadRequest
	case tenantry.Unauthenticated:
		return http.StatusUnauthorized
	case tenantry.Forbidden:
		return http.StatusForbidden
	case tenantry.NotFound:
		return http.StatusNotFound
	case tenantry.Conflict:
		return http.StatusConflict
	case tenantry.Stale:
		return http.StatusPreconditionFailed
	case tenantry.Limited:
		return http.StatusTooManyRequests
	case tenantry.Busy, tenantry.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Write answers with an error.
func (p *Problems) Write(w http.ResponseWriter, r *http.Request, err error) {
	problem := p.Of(r, err)
	h := w.Header()
	h.Del("ETag")
	h.Del("Content-Length")
	p.Prepare(h, problem)
	w.WriteHeader(problem.Status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(problem) // the caller has gone
}

// Prepare sets the headers that go with a problem.
func (p *Problems) Prepare(h http.Header, problem Problem) {
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", problem.lang)
	h.Add("Vary", "Accept-Language")
	if problem.Status == http.StatusUnauthorized && p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if problem.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if problem.wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(problem.wait, 10))
	}
}

// retryAfter is how many seconds to wait with what may pass by itself.
const retryAfter = 2

// Of describes an error to the caller of r, and leaves what the caller must not
// see to the log.
func (p *Problems) Of(r *http.Request, err error) Problem {
	shown := presentable(r.Context(), err)
	status := Status(err)
	if status == http.StatusInternalServerError {
		status = Status(shown) // out of time is not a defect
	}
	printer := p.Catalog.Printer(r.Header.Get("Accept-Language"))
	problem := Problem{Type: "about:blank", Status: status, RequestID: RequestID(r.Context()), lang: printer.Lang()}
	if shown.Code != "" {
		if p.Type != "" {
			problem.Type = p.Type + shown.Code
		}
		problem.Code = shown.Code
		if shown.Kind == tenantry.Limited {
			problem.wait, _ = shown.Params["seconds"].(int64)
		}
		// The fields have entries of their own.
		problem.Detail, _ = printer.Error(&tenantry.Error{Kind: shown.Kind, Code: shown.Code, Params: shown.Params})
	}
	problem.Title = printer.Text("problem." + strconv.Itoa(problem.Status))
	for _, f := range shown.Fields {
		problem.Errors = append(problem.Errors, FieldProblem{Field: clip(f.Field, 100), Code: f.Code, Message: printer.Field(f)})
	}
	return problem
}

// presentable is what of an error may leave the house. A defect, and the state of
// what we depend on, are for the log: their texts name hosts, roles and files.
func presentable(ctx context.Context, err error) *tenantry.Error {
	var e *tenantry.Error
	if !errors.As(err, &e) {
		e = tenantry.NewError(tenantry.Internal, "internal")
	}
	x := exchangeOf(ctx)
	if ctx.Err() != nil && e.Kind == tenantry.Internal {
		e = tenantry.NewError(tenantry.Busy, "busy") // out of time, or the caller has gone
	}
	switch e.Kind {
	case tenantry.Internal:
		x.failure = err
		return tenantry.NewError(tenantry.Internal, "internal")
	case tenantry.Unavailable:
		x.failure = err
		return tenantry.NewError(tenantry.Unavailable, "unavailable")
	case tenantry.Busy:
		return tenantry.NewError(tenantry.Busy, "busy")
	}
	return e
}
