package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/flow/signin"
)

// stranger marks operations that are for whoever has no credential yet, or only
// the one that they are about: those of sessions must work where the session's
// tenant lets nobody in.
const stranger = "stranger"

// forStrangers adds an operation that no credential opens.
func forStrangers[I, B, O any](a *API, op huma.Operation, handler func(ctx context.Context, in *I, body B) (*O, error)) {
	op.Metadata = map[string]any{stranger: true}
	op.Security = []map[string][]string{{}}
	operationWithBody(a, op, func(ctx context.Context, _ tenantry.Scope, in *I, body B) (*O, error) { return handler(ctx, in, body) })
}

// forSession adds an operation on the session that the request is made in.
func forSession[I, O any](a *API, op huma.Operation, handler func(ctx context.Context, session tenantry.Secret, in *I) (*O, error)) {
	op.Metadata = map[string]any{stranger: true}
	op.Security = []map[string][]string{{"session": {}}}
	operation(a, op, func(ctx context.Context, _ tenantry.Scope, in *I) (*O, error) {
		c := callOf(ctx)
		if c.credential.Empty() {
			return nil, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
		}
		return handler(ctx, c.credential, in)
	})
}

// forSessionWithBody is forSession for requests that bring a JSON object.
func forSessionWithBody[I, B, O any](a *API, op huma.Operation, handler func(ctx context.Context, session tenantry.Secret, in *I, body B) (*O, error)) {
	forSession(a, op, func(ctx context.Context, session tenantry.Secret, in *I) (*O, error) {
		var body B
		if err := web.DecodeJSON(callOf(ctx).body, &body); err != nil {
			return nil, err
		}
		return handler(ctx, session, in, body)
	})
	describeBody[B](a, op)
}

// admitStranger lets in whoever comes, with the credential that they may bring.
func (a *adapter) admitStranger(w http.ResponseWriter, r *http.Request) (c call, err error) {
	if len(r.Header["Authorization"]) > 0 {
		if c.credential, err = bearer(r); err != nil {
			return c, err
		}
	}
	c.client = signin.Client{Address: a.Proxies.ClientOf(r), Device: r.UserAgent()}
	err = a.readParts(w, r, &c)
	return c, err
}
