package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/feature/access"
)

// Key is a tenant's management key as the API shows it. Its text is shown when it is
// made.
type Key struct {
	ID          tenantry.KeyID        `json:"id" doc:"docs.key.id"`
	Name        string                `json:"name" doc:"docs.key.name"`
	Display     string                `json:"display" doc:"docs.key.display"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.key.permissions"`
	ExpiresAt   *time.Time            `json:"expires_at" doc:"docs.key.expires_at"`
	CreatedAt   time.Time             `json:"created_at" doc:"docs.created_at"`
	CreatedBy   string                `json:"created_by" doc:"docs.created_by"`
	LastUsedAt  *time.Time            `json:"last_used_at" doc:"docs.key.last_used_at"`
	RevokedAt   *time.Time            `json:"revoked_at" doc:"docs.key.revoked_at"`
}

func keyOf(k access.Key) Key {
	return Key{ID: k.ID, Name: k.Name, Display: k.Display, Permissions: k.Permissions, ExpiresAt: k.ExpiresAt,
		CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
}

// NewKey is a key to be made.
type NewKey struct {
	Name        string                `json:"name" maxLength:"150" doc:"docs.key.name"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.key.permissions"`
	ExpiresAt   *time.Time            `json:"expires_at,omitempty" doc:"docs.key.expires_at"`
}

// IssuedKey is a key just made. Its secret is shown this once.
type IssuedKey struct {
	Key    Key    `json:"key" doc:"docs.issued_key.key"`
	Secret string `json:"secret" doc:"docs.issued_key.secret"`
}

// keys adds the operations on the management keys of tenants.
func (a *API) keys() {
	tag := []string{"access"}
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/keys", OperationID: "listKeys", Tags: tag, Errors: []int{404, 422}}, a.listKeys)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/keys", OperationID: "createKey", Tags: tag, DefaultStatus: http.StatusCreated, Errors: []int{404, 409, 413, 415, 422}}, a.createKey)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/keys/{key}:revoke", OperationID: "revokeKey", Tags: tag, Errors: errorsOfVerb}, a.revokeKey)
}

// inTenant finds the tenant of a path: what is asked there is asked of it.
func (a *API) inTenant(ctx context.Context, s tenantry.Scope, p TenantPath) (tenantry.TenantKey, error) {
	ref, err := p.ref()
	if err != nil {
		return 0, err
	}
	key, _, err := a.Tenants.Locate(ctx, s, ref)
	return key, err
}

// noBody refuses a body where a verb takes none; {} is none.
func noBody(ctx context.Context) error {
	body := callOf(ctx).body
	if web.IsEmpty(body) {
		return nil
	}
	return web.DecodeJSON(body, &struct{}{})
}

type keysInput struct {
	TenantPath
	PageInput
}

type keysOutput struct{ Body list[Key] }

func (a *API) listKeys(ctx context.Context, s tenantry.Scope, in *keysInput) (*keysOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	page, err := a.open(s, in.PageInput, "keys", in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Access.Keys(ctx, s, key, page)
	if err != nil {
		return nil, err
	}
	return &keysOutput{shownList(a, s, found, keyOf, "keys", in.ID)}, nil
}

type issuedKeyOutput struct{ Body IssuedKey }

func (a *API) createKey(ctx context.Context, s tenantry.Scope, in *verbInput, body NewKey) (*issuedKeyOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	k, secret, err := a.Access.CreateKey(ctx, s, key, access.KeyDraft{Name: body.Name, Permissions: body.Permissions, ExpiresAt: body.ExpiresAt})
	if err != nil {
		return nil, err
	}
	return &issuedKeyOutput{IssuedKey{Key: keyOf(k), Secret: secret.Reveal()}}, nil
}

type keyOutput struct{ Body Key }

func (a *API) revokeKey(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	IdempotencyKey
	Key string `path:"key" example:"key_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.key.id"`
}) (*keyOutput, error) {
	if err := noBody(ctx); err != nil {
		return nil, err
	}
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	id, err := tenantry.ParseKeyID(in.Key)
	if err != nil {
		return nil, tenantry.NewError(tenantry.NotFound, "key.not_found")
	}
	k, err := a.Access.RevokeKey(ctx, s, key, id.String())
	if err != nil {
		return nil, err
	}
	return &keyOutput{keyOf(k)}, nil
}
