// Package api is the way in for programs: the management API under /v1, its
// OpenAPI document and the readable page made of that. It translates requests
// into calls and answers into JSON; what may be done, and to what, the rooms and
// flows decide.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/idempotency"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/explain"
	"github.com/tenantry/tenantry/internal/flow/onboard"
	"github.com/tenantry/tenantry/internal/flow/signin"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

// Deps is what the API stands on.
type Deps struct {
	// Bearer turns a bearer credential into a scope; flow/signin does.
	Bearer  func(ctx context.Context, credential tenantry.Secret) (tenantry.Scope, error)
	SignIn  *signin.Flow
	Tenants *tenant.Service
	Users   *user.Service
	Onboard *onboard.Flow
	Tokens  *token.Service
	Verify  *verify.Flow
	Access  *access.Service
	Explain *explain.Flow
	// Audit reads the record, and Settings what the program goes by.
	Audit    func(ctx context.Context, s tenantry.Scope, q audit.Query) (tenantry.List[audit.Event], error)
	Settings func(s tenantry.Scope) ([]config.Entry, error)
	// What tenants configure, type by type.
	Configurations *tenant.Configurations
	Holder         tenantry.Scope // of whoever proves nothing but that they hold a token
	Proxies        web.Proxies    // whose word about where a request comes from is believed
	Idempotency    *idempotency.Service
	Cursors        web.Sealer
	Catalog        *locale.Catalog
	Log            *slog.Logger
}

// API answers everything under /v1.
type API struct {
	Deps
	router   *web.Router
	problems *web.Problems
	huma     huma.API
}

// NewProblems makes the writer of problems in the form that this API documents.
func NewProblems(catalog *locale.Catalog) *web.Problems {
	return &web.Problems{Catalog: catalog, Type: "urn:tenantry:problem:", Challenge: `Bearer realm="tenantry"`}
}

// New makes the API. A web.Front belongs before it.
func New(d Deps) *API {
	a := &API{Deps: d, problems: NewProblems(d.Catalog)}
	a.router = web.NewRouter(a.problems.Write)
	a.huma = huma.NewAPI(a.config(), (*adapter)(a))

	a.tenants()
	a.users()
	a.members()
	a.tokens()
	a.configurations()
	a.events()
	a.settings()
	a.models()
	a.whoami()
	a.access()
	a.keys()
	a.sessions()
	a.invitations()

	a.publish()
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// operation adds one operation. The handler returns an error as it is: this is
// the one place that hands it on to be answered.
func operation[I, O any](a *API, op huma.Operation, handler func(ctx context.Context, s tenantry.Scope, in *I) (*O, error)) {
	a.describe(&op)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, callOf(ctx).scope, in)
		if err != nil {
			return nil, &failure{err}
		}
		return out, nil
	})
}

// operationWithBody is operation for requests that bring a JSON object.
func operationWithBody[I, B, O any](a *API, op huma.Operation, handler func(ctx context.Context, s tenantry.Scope, in *I, body B) (*O, error)) {
	operation(a, op, func(ctx context.Context, s tenantry.Scope, in *I) (*O, error) {
		var body B
		if err := web.DecodeJSON(callOf(ctx).body, &body); err != nil {
			return nil, err
		}
		return handler(ctx, s, in, body)
	})
	describeBody[B](a, op)
}

// failure carries an error through huma, which asks it for a status.
type failure struct{ err error }

func (f *failure) Error() string             { return f.err.Error() }
func (f *failure) Unwrap() error             { return f.err }
func (f *failure) GetStatus() int            { return web.Status(f.err) }
func (f *failure) ContentType(string) string { return "application/problem+json" }

// list is one page of things.
type list[T any] struct {
	Items      []T    `json:"items" nullable:"false" doc:"docs.list.items"`
	NextCursor string `json:"next_cursor,omitempty" doc:"docs.list.next_cursor"`
}

// shownList is a page of what a room has found, as the API shows it. place is that
// of open.
func shownList[T, S any](a *API, s tenantry.Scope, found tenantry.List[S], show func(S) T, place ...string) list[T] {
	out := list[T]{Items: make([]T, 0, len(found.Items)), NextCursor: a.seal(s, found.NextCursor, place...)}
	for _, item := range found.Items {
		out.Items = append(out.Items, show(item))
	}
	return out
}

// PageInput is what every list takes.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"docs.param.limit"`
	Cursor string `query:"cursor" doc:"docs.param.cursor"`
}

// open turns the input into what a room understands. place says which list it
// is, so that a cursor of another one, or of another's, is refused.
func (a *API) open(s tenantry.Scope, in PageInput, place ...string) (tenantry.Page, error) {
	position, err := a.Cursors.Open(in.Cursor, ownPlace(s, place)...)
	return tenantry.Page{Limit: in.Limit, Cursor: position}, err
}

func (a *API) seal(s tenantry.Scope, position string, place ...string) string {
	return a.Cursors.Seal(position, ownPlace(s, place)...)
}

func ownPlace(s tenantry.Scope, place []string) []string {
	return append([]string{strconv.FormatInt(int64(s.Tenant()), 10)}, place...)
}
