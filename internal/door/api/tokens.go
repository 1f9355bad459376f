package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// Token is a token as the API shows it. Its secrets are shown when they are made.
type Token struct {
	ID               tenantry.TokenID  `json:"id" doc:"docs.token.id"`
	Tenant           tenantry.TenantID `json:"tenant" doc:"docs.token.tenant"`
	Kind             token.Kind        `json:"kind" enum:"ai,cwu" doc:"docs.token.kind"`
	Home             bool              `json:"home" doc:"docs.token.home"`
	Name             string            `json:"name" doc:"docs.token.name"`
	Scopes           []string          `json:"scopes" nullable:"false" doc:"docs.token.scopes"`
	AllowedAddresses []string          `json:"allowed_addresses" nullable:"false" doc:"docs.token.allowed_addresses"`
	Version          int64             `json:"version" doc:"docs.token.version"`
	Display          string            `json:"display" doc:"docs.token.display"`
	Status           token.State       `json:"status" enum:"active,retiring,expired,revoked" doc:"docs.token.status"`
	StatusReason     token.Reason      `json:"status_reason" doc:"docs.token.status_reason"`
	Due              bool              `json:"due" doc:"docs.token.due"`
	CreatedAt        *time.Time        `json:"created_at" doc:"docs.token.created_at"`
	CreatedBy        string            `json:"created_by" doc:"docs.token.created_by"`
	ExpiresAt        *time.Time        `json:"expires_at" doc:"docs.token.expires_at"`
	LastUsedAt       *time.Time        `json:"last_used_at" doc:"docs.token.last_used_at"`
	Uses             int64             `json:"uses" doc:"docs.token.uses"`
	Versions         []TokenVersion    `json:"versions,omitempty" doc:"docs.token.versions"`
}

// TokenVersion is one secret of a token.
type TokenVersion struct {
	Version     int64        `json:"version" doc:"docs.token.version"`
	Display     string       `json:"display" doc:"docs.token.display"`
	Status      token.State  `json:"status" enum:"active,retiring,expired,revoked" doc:"docs.token.status"`
	Reason      token.Reason `json:"status_reason" doc:"docs.token.status_reason"`
	CreatedAt   *time.Time   `json:"created_at" doc:"docs.token.created_at"`
	ExpiresAt   *time.Time   `json:"expires_at" doc:"docs.token.expires_at"`
	RetireAt    *time.Time   `json:"retire_at" doc:"docs.token.retire_at"`
	FirstUsedAt *time.Time   `json:"first_used_at" doc:"docs.token.first_used_at"`
	LastUsedAt  *time.Time   `json:"last_used_at" doc:"docs.token.last_used_at"`
	LastAddress string       `json:"last_address" doc:"docs.token.last_address"`
	Uses        int64        `json:"uses" doc:"docs.token.uses"`
	RevokedAt   *time.Time   `json:"revoked_at" doc:"docs.token.revoked_at"`
	MisusedAt   *time.Time   `json:"misused_at" doc:"docs.token.misused_at"`
	Misuses     int64        `json:"misuses" doc:"docs.token.misuses"`
}

// NewToken is a token to be made besides the two that every tenant has.
type NewToken struct {
	Tenant           string     `json:"tenant" doc:"docs.token.tenant"`
	Kind             string     `json:"kind" enum:"ai,cwu" doc:"docs.token.kind"`
	Name             string     `json:"name" maxLength:"100" doc:"docs.token.name"`
	Scopes           []string   `json:"scopes,omitempty" doc:"docs.token.scopes"`
	AllowedAddresses []string   `json:"allowed_addresses,omitempty" doc:"docs.token.allowed_addresses"`
	ExpiresAt        *time.Time `json:"expires_at,omitempty" doc:"docs.token.expires_at"`
}

// IssuedToken is a token and its secret, which is shown this once.
type IssuedToken struct {
	Token  Token  `json:"token" doc:"docs.issued.token"`
	Secret string `json:"secret" doc:"docs.issued.secret"`
}

// NewRotation says how to rotate a token.
type NewRotation struct {
	Grace   *string `json:"grace,omitempty" example:"24h" doc:"docs.rotation.grace"`
	Reason  string  `json:"reason,omitempty" enum:"routine,superseded,compromised,leaked,administrative" doc:"docs.rotation.reason"`
	Hold    bool    `json:"hold,omitempty" doc:"docs.rotation.hold"`
	Version int64   `json:"version,omitempty" doc:"docs.rotation.version"`
}

// RotatedToken is what came of a rotation. The secret is shown this once.
type RotatedToken struct {
	Token             Token      `json:"token" doc:"docs.issued.token"`
	Secret            string     `json:"secret" doc:"docs.issued.secret"`
	Version           int64      `json:"version" doc:"docs.token.version"`
	PreviousExpiresAt *time.Time `json:"previous_expires_at" doc:"docs.rotation.previous_expires_at"`
}

// NewRevocation says what to revoke of a token and why.
type NewRevocation struct {
	Reason  string `json:"reason" enum:"administrative,compromised,leaked,unused" doc:"docs.revocation.reason"`
	Version int64  `json:"version,omitempty" doc:"docs.revocation.version"`
}

// TokenPolicy is what a tenant wants different from the settings.
type TokenPolicy struct {
	MaxAge      *string `json:"max_age,omitempty" example:"365d" doc:"docs.policy.max_age"`
	RotateAfter *string `json:"rotate_after,omitempty" example:"90d" doc:"docs.policy.rotate_after"`
	Grace       *string `json:"grace,omitempty" example:"24h" doc:"docs.policy.grace"`
	IdleAge     *string `json:"idle_age,omitempty" example:"180d" doc:"docs.policy.idle_age"`
}

// TokenPath names a token in a path.
type TokenPath struct {
	ID string `path:"id" example:"tok_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.token.id"`
}

func (p TokenPath) id() (tenantry.TokenID, error) {
	id, err := tenantry.ParseTokenID(p.ID)
	if err != nil {
		return id, tenantry.NewError(tenantry.NotFound, "token.not_found")
	}
	return id, nil
}

// tokens adds the operations on tokens.
func (a *API) tokens() {
	tag := []string{"tokens"}
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tokens", OperationID: "listTokens", Tags: tag, Errors: []int{404, 422}}, a.listTokens)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens", OperationID: "createToken", Tags: tag, DefaultStatus: http.StatusCreated, Errors: []int{404, 409, 413, 415, 422}}, a.createToken)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tokens/{id}", OperationID: "getToken", Tags: tag, Errors: []int{404, 422}}, a.getToken)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens/{id}:rotate", OperationID: "rotateToken", Tags: tag, Errors: []int{404, 409, 412, 413, 415, 422}}, a.rotateToken)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens/{id}:revoke", OperationID: "revokeToken", Tags: tag, Errors: []int{404, 409, 413, 415, 422}}, a.revokeToken)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/token-policy", OperationID: "getTokenPolicy", Tags: tag, Errors: []int{404, 422}}, a.getTokenPolicy)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: "/v1/tenants/{id}/token-policy", OperationID: "setTokenPolicy", Tags: tag, Errors: []int{404, 413, 415, 422}}, a.setTokenPolicy)
	a.verification()
}

type tokensInput struct {
	PageInput
	Tenant string     `query:"tenant" example:"tnt_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.token_tenant"`
	Kind   token.Kind `query:"kind" enum:"ai,cwu" doc:"docs.token.kind"`
	Old    string     `query:"old" enum:"true" doc:"docs.param.token_old"`
}

type tokensOutput struct{ Body list[Token] }

func (a *API) listTokens(ctx context.Context, s tenantry.Scope, in *tokensInput) (*tokensOutput, error) {
	place := []string{"tokens", in.Tenant, string(in.Kind), in.Old}
	page, err := a.open(s, in.PageInput, place...)
	if err != nil {
		return nil, err
	}
	q := token.Query{Kind: in.Kind, Old: in.Old == "true", Page: page}
	if in.Tenant != "" {
		t, err := a.tenantNamed(ctx, s, in.Tenant)
		if err != nil {
			return nil, err
		}
		q.Tenant = t.Key
	}
	found, err := a.Tokens.List(ctx, s, q)
	if err != nil {
		return nil, err
	}
	out := &tokensOutput{list[Token]{Items: []Token{}, NextCursor: a.seal(s, found.NextCursor, place...)}}
	ids := map[tenantry.TenantKey]tenantry.TenantID{}
	for _, l := range found.Items {
		id, known := ids[l.Tenant]
		if !known {
			t, err := a.Tenants.Get(ctx, s, tenant.ByKey(l.Tenant))
			if err != nil && tenantry.KindOf(err) != tenantry.NotFound {
				return nil, err
			}
			id = t.ID
			ids[l.Tenant] = id
		}
		out.Body.Items = append(out.Body.Items, tokenOf(l, id))
	}
	return out, nil
}

func (a *API) tenantNamed(ctx context.Context, s tenantry.Scope, id string) (tenant.Tenant, error) {
	ref, err := TenantPath{ID: id}.ref()
	if err != nil {
		return tenant.Tenant{}, err
	}
	return a.Tenants.Get(ctx, s, ref)
}

func tokenOf(l token.Listed, tenant tenantry.TenantID) Token {
	t := Token{
		ID: l.ID, Tenant: tenant, Kind: l.Kind, Home: l.Home, Name: l.Name, Scopes: l.Scopes, AllowedAddresses: []string{},
		Version: l.Newest.Number, Display: l.Newest.Display, Status: l.State, StatusReason: l.Reason, Due: l.Due,
		CreatedAt: l.CreatedAt, CreatedBy: l.CreatedBy, ExpiresAt: l.Newest.ExpiresAt, LastUsedAt: l.Newest.LastUsedAt, Uses: l.Newest.Uses,
	}
	if len(t.Scopes) == 0 {
		t.Scopes = l.Kind.Scopes()
	}
	for _, p := range l.AllowedAddresses {
		t.AllowedAddresses = append(t.AllowedAddresses, p.String())
	}
	return t
}

// shownToken reads what a token is worth now and shows it with its versions.
func (a *API) shownToken(ctx context.Context, s tenantry.Scope, t token.Token) (Token, error) {
	owner, err := a.Tenants.Get(ctx, s, tenant.ByKey(t.Tenant))
	if err != nil {
		return Token{}, err
	}
	var out Token
	all, err := a.Tokens.Standings(ctx, t)
	if err != nil {
		return Token{}, err
	}
	for i, l := range all {
		if i == 0 {
			out = tokenOf(l, owner.ID)
		}
		v, state, reason := l.Newest, l.State, l.Reason
		out.Versions = append(out.Versions, TokenVersion{
			Version: v.Number, Display: v.Display, Status: state, Reason: reason, CreatedAt: v.CreatedAt, ExpiresAt: v.ExpiresAt, RetireAt: v.RetireAt,
			FirstUsedAt: v.FirstUsedAt, LastUsedAt: v.LastUsedAt, LastAddress: v.LastAddress, Uses: v.Uses, RevokedAt: v.RevokedAt, MisusedAt: v.MisusedAt, Misuses: v.Misuses,
		})
	}
	return out, nil
}

type issuedOutput struct {
	Location string `header:"Location" doc:"docs.header.token_location"`
	Body     IssuedToken
}

func (a *API) createToken(ctx context.Context, s tenantry.Scope, _ *IdempotencyKey, body NewToken) (*issuedOutput, error) {
	owner, err := a.tenantNamed(ctx, s, body.Tenant)
	if err != nil {
		return nil, err
	}
	d := token.Draft{Tenant: owner.Key, Kind: token.Kind(body.Kind), Name: body.Name, Scopes: body.Scopes, ExpiresAt: body.ExpiresAt}
	if d.AllowedAddresses, err = networks(body.AllowedAddresses); err != nil {
		return nil, err
	}
	made, err := a.Tokens.Create(ctx, s, d)
	if err != nil {
		return nil, err
	}
	shown, err := a.shownToken(ctx, s, made.Token)
	if err != nil {
		return nil, err
	}
	return &issuedOutput{Location: "/v1/tokens/" + made.Token.ID.String(), Body: IssuedToken{Token: shown, Secret: made.Secret.Reveal()}}, nil
}

// networks reads addresses and networks in CIDR form.
func networks(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(one, one.BitLen())
			}
			if one.Zone() != "" { // it would be left out in silence
				p = netip.Prefix{}
			}
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // callers are compared in the shorter form
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if err != nil || !p.IsValid() {
			return nil, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("allowed_addresses", "field.not_network"))
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

type tokenOutput struct{ Body Token }

func (a *API) getToken(ctx context.Context, s tenantry.Scope, in *TokenPath) (*tokenOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	t, err := a.Tokens.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	shown, err := a.shownToken(ctx, s, t)
	return &tokenOutput{shown}, err
}

type tokenVerb struct {
	TokenPath
	IdempotencyKey
}

type rotatedOutput struct{ Body RotatedToken }

func (a *API) rotateToken(ctx context.Context, s tenantry.Scope, in *tokenVerb, body NewRotation) (*rotatedOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r := token.Rotation{Hold: body.Hold, Version: body.Version, Key: in.IdempotencyKey.IdempotencyKey}
	if r.Grace, err = duration("grace", body.Grace); err != nil {
		return nil, err
	}
	switch body.Reason {
	case "", "routine", string(token.Superseded): // the old secret lives on for a while
	default:
		r.Ended = token.Reason(body.Reason)
	}
	done, err := a.Tokens.Rotate(ctx, s, id, r)
	if err != nil {
		return nil, err
	}
	shown, err := a.shownToken(ctx, s, done.Token)
	if err != nil {
		return nil, err
	}
	return &rotatedOutput{RotatedToken{Token: shown, Secret: done.Secret.Reveal(), Version: done.Version, PreviousExpiresAt: done.PreviousExpiresAt}}, nil
}

// duration reads one as settings are written: 30s, 12h, 30d.
func duration(field string, text *string) (*time.Duration, error) {
	if text == nil {
		return nil, nil
	}
	d, err := config.ParseDuration(*text)
	if err != nil {
		return nil, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError(field, "field.not_duration"))
	}
	return &d, nil
}

func (a *API) revokeToken(ctx context.Context, s tenantry.Scope, in *tokenVerb, body NewRevocation) (*tokenOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	t, err := a.Tokens.Revoke(ctx, s, id, body.Version, token.Reason(body.Reason))
	if err != nil {
		return nil, err
	}
	shown, err := a.shownToken(ctx, s, t)
	return &tokenOutput{shown}, err
}

type policyOutput struct{ Body TokenPolicy }

func (a *API) getTokenPolicy(ctx context.Context, s tenantry.Scope, in *TenantPath) (*policyOutput, error) {
	owner, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := a.Tokens.Policy(ctx, s, owner.Key)
	if err != nil {
		return nil, err
	}
	return &policyOutput{policyOf(p)}, nil
}

func policyOf(p token.Policy) TokenPolicy {
	text := func(d *time.Duration) *string {
		if d == nil {
			return nil
		}
		s := config.FormatDuration(*d)
		return &s
	}
	return TokenPolicy{MaxAge: text(p.MaxAge), RotateAfter: text(p.RotateAfter), Grace: text(p.Grace), IdleAge: text(p.IdleAge)}
}

func (a *API) setTokenPolicy(ctx context.Context, s tenantry.Scope, in *TenantPath, body TokenPolicy) (*policyOutput, error) {
	owner, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	var p token.Policy
	for _, one := range []struct {
		field string
		text  *string
		into  **time.Duration
	}{{"max_age", body.MaxAge, &p.MaxAge}, {"rotate_after", body.RotateAfter, &p.RotateAfter}, {"grace", body.Grace, &p.Grace}, {"idle_age", body.IdleAge, &p.IdleAge}} {
		if *one.into, err = duration(one.field, one.text); err != nil {
			return nil, err
		}
	}
	if err := a.Tokens.SetPolicy(ctx, s, owner.Key, p); err != nil {
		return nil, err
	}
	return &policyOutput{policyOf(p)}, nil
}

// verification documents the routes of Verifier, which huma does not serve.
func (a *API) verification() {
	tag := []string{"verification"}
	public(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens:verify", OperationID: "verifyToken", Tags: tag, Errors: []int{400, 413, 415, 422}}, new(Verification), new(Verdict))
	public(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens:batchVerify", OperationID: "verifyTokens", Tags: tag, Errors: []int{400, 413, 415, 422}}, new(Batch), new(Verdicts))
	public(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tokens:revoke", OperationID: "revokeHeldToken", Tags: tag, Errors: []int{400, 413, 415, 422}}, new(HeldRevocation), new(HeldRevoked))
	public(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tokens:pattern", OperationID: "tokenPattern", Tags: tag}, nil, new(list[Pattern]))
	public(a, huma.Operation{Method: http.MethodGet, Path: "/v1/auth", OperationID: "authorizeRequest", Tags: tag, Errors: []int{401, 403},
		Parameters: []*huma.Param{
			{Name: "kind", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"ai", "cwu"}}, Description: "docs.verify.kind"},
			{Name: "permission", In: "query", Schema: &huma.Schema{Type: huma.TypeString}, Description: "docs.verify.permission"},
		}}, nil, nil)
}
