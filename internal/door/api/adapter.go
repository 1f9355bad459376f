package api

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
	"github.com/tenantry/tenantry/internal/flow/signin"
)

// adapter puts huma's operations on our router, and does before each of them what
// huma must not see undone: who is calling, the body, and whether this was asked
// for before.
type adapter API

// call is what is known of a request when its operation runs.
type call struct {
	scope      tenantry.Scope
	credential tenantry.Secret
	body       []byte
	client     signin.Client // of a stranger
}

type callKey struct{}

func callOf(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Handle adds an operation; huma calls it.
func (a *adapter) Handle(op *huma.Operation, next func(huma.Context)) {
	a.router.Handle(op.Method, op.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admit := a.admit
		if op.Metadata[stranger] != nil {
			admit = a.admitStranger
		}
		c, err := admit(w, r)
		if err != nil {
			a.problems.Write(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		answer := func(w http.ResponseWriter) { next(humago.NewContext(op, r, w)) }
		if key, given := r.Header["Idempotency-Key"]; given && r.Method == http.MethodPost && c.scope.Actor() != (tenantry.Actor{}) {
			a.once(w, r, c, strings.Join(key, ","), answer)
			return
		}
		answer(w)
	}))
}

// admit lets a request in: a credential first, so that strangers learn nothing
// and cost little, then its parts.
func (a *adapter) admit(w http.ResponseWriter, r *http.Request) (c call, err error) {
	if c.credential, err = bearer(r); err != nil {
		return c, err
	}
	if c.scope, err = a.Bearer(r.Context(), c.credential); err != nil {
		return c, err
	}
	web.Note(r.Context(), slog.String("actor", c.scope.Actor().Kind+":"+c.scope.Actor().ID))
	err = a.readParts(w, r, &c)
	return c, err
}

func (a *adapter) readParts(w http.ResponseWriter, r *http.Request, c *call) (err error) {
	if err := checkQuery(r); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		c.body, err = web.ReadBody(w, r, web.MaxBody, "application/json", "application/merge-patch+json")
	}
	return err
}

// bearer takes the credential out of the request (RFC 6750 §2.1).
func bearer(r *http.Request) (tenantry.Secret, error) {
	text, err := bearerText(r)
	return tenantry.NewSecret(text), err
}

// bearerText is bearer for what is asked thousands of times a second. Two
// credentials are none: which one a proxy in between has checked cannot be known.
func bearerText(r *http.Request) (string, error) {
	none := func() error { return tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated") }
	given := r.Header["Authorization"]
	if len(given) != 1 {
		return "", none()
	}
	scheme, credential, _ := strings.Cut(given[0], " ")
	credential = strings.Trim(credential, " ")
	const longest = 1000
	if !strings.EqualFold(scheme, "Bearer") || credential == "" || len(credential) > longest {
		return "", none()
	}
	return credential, nil
}

// checkQuery refuses what net/url would drop or take the first of in silence.
func checkQuery(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return tenantry.NewError(tenantry.Invalid, "request.bad_query").Because(err)
	}
	var wrong []tenantry.FieldError
	for name, values := range query {
		switch {
		case len(values) > 1:
			wrong = append(wrong, tenantry.NewFieldError(name, "field.twice"))
		case !utf8.ValidString(values[0]) || strings.ContainsFunc(values[0], unicode.IsControl):
			wrong = append(wrong, tenantry.NewFieldError(name, "field.not_text"))
		}
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(wrong...)
	}
	return nil
}

// repeated are the headers of an answer that are given again with it.
var repeated = []string{"Content-Type", "Content-Language", "ETag", "Location", "Vary"}

// once answers a request that carries an Idempotency-Key: the first time for
// real, afterwards with what was answered then. An answer that says "try again"
// is not kept.
func (a *adapter) once(w http.ResponseWriter, r *http.Request, c call, key string, answer func(http.ResponseWriter)) {
	claim, first, err := a.Idempotency.Begin(r.Context(), c.scope, idempotency.Request{
		Key: key, Credential: c.credential, Content: append([]byte(r.Method+" "+r.URL.RequestURI()+"\n"), c.body...),
	})
	switch {
	case err != nil:
		a.problems.Write(w, r, err)
		return
	case first != nil:
		for name, value := range first.Header {
			w.Header().Set(name, value)
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(first.Status)
		_, _ = w.Write(first.Body) // the caller has gone
		return
	}
	// What was done must be known, even if the caller does not wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	kept := false
	defer func() {
		if !kept {
			if err := claim.Release(ctx); err != nil {
				a.Log.ErrorContext(ctx, "an idempotency key could not be released", "request_id", web.RequestID(ctx), "error", err)
			}
		}
	}()
	out := &recording{header: http.Header{}, status: http.StatusOK}
	answer(out)
	if out.status < 500 && out.status != http.StatusTooManyRequests {
		header := map[string]string{}
		for _, name := range repeated {
			if value := out.header.Get(name); value != "" {
				header[name] = value
			}
		}
		// Without the record a repetition would be carried out again; while it is
		// missing, it is better refused as still in progress.
		kept = true
		if err := claim.Keep(ctx, idempotency.Answer{Status: out.status, Header: header, Body: out.body.Bytes()}); err != nil {
			a.Log.ErrorContext(ctx, "an answer could not be kept for repetition", "request_id", web.RequestID(ctx), "error", err)
		}
	}
	maps.Copy(w.Header(), out.header)
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body.Bytes())
}

// recording holds an answer back until it has been kept.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }
