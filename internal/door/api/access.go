package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/explain"
)

// Role is a role as the API shows it.
type Role struct {
	Name        string                `json:"name" doc:"docs.role.name"`
	Label       string                `json:"label" doc:"docs.role.label"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.role.permissions"`
	BuiltIn     bool                  `json:"built_in" doc:"docs.role.built_in"`
	CreatedAt   *time.Time            `json:"created_at" doc:"docs.role.created_at"`
	CreatedBy   string                `json:"created_by" doc:"docs.created_by"`
	UpdatedAt   *time.Time            `json:"updated_at" doc:"docs.role.updated_at"`
}

func roleOf(r access.Role) Role {
	shown := Role{Name: r.Name, Label: r.Label, Permissions: append([]tenantry.Permission{}, r.Permissions...), BuiltIn: r.BuiltIn, CreatedBy: r.CreatedBy}
	if !r.BuiltIn {
		shown.CreatedAt, shown.UpdatedAt = &r.CreatedAt, &r.UpdatedAt
	}
	return shown
}

// NewRole is a role to be made.
type NewRole struct {
	Name        string                `json:"name" maxLength:"30" doc:"docs.role.name"`
	Label       string                `json:"label,omitempty" maxLength:"100" doc:"docs.role.label"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.role.permissions"`
}

// RoleChange is what to write of a role; what is left out stays.
type RoleChange struct {
	Label       *string                `json:"label,omitempty" maxLength:"100" doc:"docs.role.label"`
	Permissions *[]tenantry.Permission `json:"permissions,omitempty" doc:"docs.role.permissions"`
}

// Grant is a permission given for a time, as the API shows it.
type Grant struct {
	ID         tenantry.GrantID    `json:"id" doc:"docs.grant.id"`
	User       tenantry.UserID     `json:"user" doc:"docs.user.id"`
	Permission tenantry.Permission `json:"permission" doc:"docs.grant.permission"`
	Reason     string              `json:"reason" doc:"docs.grant.reason"`
	GrantedAt  time.Time           `json:"granted_at" doc:"docs.grant.granted_at"`
	GrantedBy  string              `json:"granted_by" doc:"docs.grant.granted_by"`
	ExpiresAt  time.Time           `json:"expires_at" doc:"docs.grant.expires_at"`
	RevokedAt  *time.Time          `json:"revoked_at" doc:"docs.grant.revoked_at"`
	RevokedBy  string              `json:"revoked_by" doc:"docs.grant.revoked_by"`
}

func grantOf(g access.Grant) Grant {
	return Grant{ID: g.ID, User: g.UserID, Permission: g.Permission, Reason: g.Reason, GrantedAt: g.GrantedAt, GrantedBy: g.GrantedBy,
		ExpiresAt: g.ExpiresAt, RevokedAt: g.RevokedAt, RevokedBy: g.RevokedBy}
}

// NewGrant is a grant to be given.
type NewGrant struct {
	User       string              `json:"user" doc:"docs.user.id"`
	Permission tenantry.Permission `json:"permission" doc:"docs.grant.permission"`
	Reason     string              `json:"reason" maxLength:"1000" doc:"docs.grant.reason"`
	ExpiresAt  time.Time           `json:"expires_at" doc:"docs.grant.expires_at"`
}

// PermissionEntry is one permission of the catalogue.
type PermissionEntry struct {
	Name      tenantry.Permission `json:"name" doc:"docs.permission.name"`
	Platform  bool                `json:"platform" doc:"docs.permission.platform"`
	Roles     []string            `json:"roles" nullable:"false" doc:"docs.permission.roles"`
	Operators []string            `json:"operators" nullable:"false" doc:"docs.permission.operators"`
}

// MemberAccess is what somebody may do in a tenant, and why.
type MemberAccess struct {
	User        tenantry.UserID   `json:"user" doc:"docs.user.id"`
	Username    string            `json:"username" doc:"docs.user.username"`
	Tenant      tenantry.TenantID `json:"tenant" doc:"docs.tenant.id"`
	Role        string            `json:"role" doc:"docs.member_access.role"`
	Permissions []AccessVerdict   `json:"permissions" nullable:"false" doc:"docs.member_access.permissions"`
	Against     []AccessReason    `json:"against" nullable:"false" doc:"docs.member_access.against"`
}

// AccessVerdict is about one permission.
type AccessVerdict struct {
	Permission tenantry.Permission `json:"permission" doc:"docs.permission.name"`
	Granted    bool                `json:"granted" doc:"docs.member_access.granted"`
	Sources    []AccessSource      `json:"sources" nullable:"false" doc:"docs.member_access.sources"`
}

// AccessSource is one reason why somebody holds a permission.
type AccessSource struct {
	Kind      string     `json:"kind" enum:"role,own_role,is_tenant_admin,profile,grant" doc:"docs.member_access.kind"`
	Name      string     `json:"name" doc:"docs.member_access.name"`
	ExpiresAt *time.Time `json:"expires_at" doc:"docs.member_access.expires_at"`
}

// AccessReason is something that speaks against.
type AccessReason struct {
	Code       explain.ReasonCode  `json:"code" doc:"docs.member_access.code"`
	Everything bool                `json:"everything" doc:"docs.member_access.everything"`
	Permission tenantry.Permission `json:"permission,omitempty" doc:"docs.permission.name"`
	Key        string              `json:"key,omitempty" doc:"docs.member_access.key"`
	At         *time.Time          `json:"at,omitempty" doc:"docs.member_access.at"`
}

// access adds the operations on roles, grants and what they come to.
func (a *API) access() {
	tag := []string{"access"}
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/permissions", OperationID: "listPermissions", Tags: tag, Errors: []int{422}}, a.listPermissions)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/roles", OperationID: "listRoles", Tags: tag, Errors: []int{404, 422}}, a.listRoles)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/roles", OperationID: "createRole", Tags: tag, DefaultStatus: http.StatusCreated, Errors: []int{404, 409, 413, 415, 422}}, a.createRole)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/roles/{name}", OperationID: "getRole", Tags: tag, Errors: []int{404, 422}}, a.getRole)
	operationWithBody(a, huma.Operation{Method: http.MethodPatch, Path: "/v1/tenants/{id}/roles/{name}", OperationID: "updateRole", Tags: tag, Errors: []int{404, 409, 412, 413, 415, 422}}, a.updateRole)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/tenants/{id}/roles/{name}", OperationID: "deleteRole", Tags: tag, DefaultStatus: http.StatusNoContent, Errors: []int{404, 409, 412, 422}}, a.deleteRole)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/grants", OperationID: "listGrants", Tags: tag, Errors: []int{404, 422}}, a.listGrants)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/grants", OperationID: "createGrant", Tags: tag, DefaultStatus: http.StatusCreated, Errors: []int{404, 409, 413, 415, 422}}, a.createGrant)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/grants/{grant}:revoke", OperationID: "revokeGrant", Tags: tag, Errors: errorsOfVerb}, a.revokeGrant)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/members/{user}/access", OperationID: "explainAccess", Tags: tag, Errors: []int{404, 422}}, a.explainAccess)
}

type permissionsOutput struct{ Body list[PermissionEntry] }

func (a *API) listPermissions(_ context.Context, _ tenantry.Scope, _ *struct{}) (*permissionsOutput, error) {
	out := &permissionsOutput{}
	for _, p := range tenantry.Permissions() {
		e := PermissionEntry{Name: p, Platform: !slices.Contains(access.TenantPermissions(), p), Roles: []string{}, Operators: []string{}}
		for _, role := range access.Roles() {
			if grants, _ := access.Grants(role); slices.Contains(grants, p) {
				e.Roles = append(e.Roles, role)
			}
		}
		for _, role := range access.OperatorRoles() {
			if grants, _ := access.OperatorGrants(role); slices.Contains(grants, p) {
				e.Operators = append(e.Operators, role)
			}
		}
		out.Body.Items = append(out.Body.Items, e)
	}
	return out, nil
}

type rolesOutput struct{ Body list[Role] }

func (a *API) listRoles(ctx context.Context, s tenantry.Scope, in *TenantPath) (*rolesOutput, error) {
	key, err := a.inTenant(ctx, s, *in)
	if err != nil {
		return nil, err
	}
	all, err := a.Access.Roles(ctx, s, key)
	if err != nil {
		return nil, err
	}
	out := &rolesOutput{}
	for _, r := range all {
		out.Body.Items = append(out.Body.Items, roleOf(r))
	}
	return out, nil
}

// RolePath names a role of a tenant.
type RolePath struct {
	TenantPath
	Name string `path:"name" example:"support" doc:"docs.role.name"`
}

type roleOutput struct {
	ETag string `header:"ETag" doc:"docs.header.etag"`
	Body Role
}

func shownRole(r access.Role, err error) (*roleOutput, error) {
	if err != nil {
		return nil, err
	}
	return &roleOutput{ETag: r.ETag(), Body: roleOf(r)}, nil
}

func (a *API) createRole(ctx context.Context, s tenantry.Scope, in *verbInput, body NewRole) (*roleOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	return shownRole(a.Access.CreateRole(ctx, s, key, access.RoleDraft{Name: body.Name, Label: body.Label, Permissions: body.Permissions}))
}

func (a *API) getRole(ctx context.Context, s tenantry.Scope, in *RolePath) (*roleOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	return shownRole(a.Access.Role(ctx, s, key, in.Name))
}

func (a *API) updateRole(ctx context.Context, s tenantry.Scope, in *struct {
	RolePath
	IfMatching
}, body RoleChange) (*roleOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	return shownRole(a.Access.UpdateRole(ctx, s, key, in.Name, access.RoleChange{Label: body.Label, Permissions: body.Permissions}, in.IfMatch))
}

func (a *API) deleteRole(ctx context.Context, s tenantry.Scope, in *struct {
	RolePath
	IfMatching
}) (*struct{}, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	return &struct{}{}, a.Access.DeleteRole(ctx, s, key, in.Name, in.IfMatch)
}

type grantsInput struct {
	TenantPath
	PageInput
	User string `query:"user" example:"usr_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.grant_user"`
	Old  string `query:"old" enum:"true" doc:"docs.param.grant_old"`
}

type grantsOutput struct{ Body list[Grant] }

func (a *API) listGrants(ctx context.Context, s tenantry.Scope, in *grantsInput) (*grantsOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	place := []string{"grants", in.ID, in.User, in.Old}
	page, err := a.open(s, in.PageInput, place...)
	if err != nil {
		return nil, err
	}
	q := access.GrantQuery{Old: in.Old != "", Page: page}
	if in.User != "" {
		p, err := a.person(ctx, s, in.User)
		if err != nil {
			return nil, err
		}
		q.User = p.Key
	}
	found, err := a.Access.Grants(ctx, s, key, q)
	if err != nil {
		return nil, err
	}
	return &grantsOutput{shownList(a, s, found, grantOf, place...)}, nil
}

type grantOutput struct{ Body Grant }

func (a *API) createGrant(ctx context.Context, s tenantry.Scope, in *verbInput, body NewGrant) (*grantOutput, error) {
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	p, err := a.person(ctx, s, body.User)
	if err != nil {
		return nil, err
	}
	g, err := a.Access.Give(ctx, s, key, access.GrantDraft{User: p.Key, UserID: p.ID, Permission: body.Permission, Reason: body.Reason, ExpiresAt: body.ExpiresAt})
	if err != nil {
		return nil, err
	}
	return &grantOutput{grantOf(g)}, nil
}

func (a *API) revokeGrant(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	IdempotencyKey
	Grant string `path:"grant" example:"gra_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.grant.id"`
}) (*grantOutput, error) {
	if err := noBody(ctx); err != nil {
		return nil, err
	}
	key, err := a.inTenant(ctx, s, in.TenantPath)
	if err != nil {
		return nil, err
	}
	id, err := tenantry.ParseGrantID(in.Grant)
	if err != nil {
		return nil, tenantry.NewError(tenantry.NotFound, "grant.not_found")
	}
	g, err := a.Access.RevokeGrant(ctx, s, key, id)
	if err != nil {
		return nil, err
	}
	return &grantOutput{grantOf(g)}, nil
}

// person finds somebody by their public id; what cannot be one is missing like any
// other.
func (a *API) person(ctx context.Context, s tenantry.Scope, text string) (user.Person, error) {
	id, err := tenantry.ParseUserID(text)
	if err != nil {
		return user.Person{}, tenantry.NewError(tenantry.NotFound, "user.not_found")
	}
	return a.Users.Get(ctx, s, user.ByID(id))
}

type explainInput struct {
	TenantPath
	User       string `path:"user" example:"usr_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.user.id"`
	Permission string `query:"permission" maxLength:"60" doc:"docs.param.permission"`
}

type explainOutput struct{ Body MemberAccess }

func (a *API) explainAccess(ctx context.Context, s tenantry.Scope, in *explainInput) (*explainOutput, error) {
	at, err := in.ref()
	if err != nil {
		return nil, err
	}
	id, err := tenantry.ParseUserID(in.User)
	if err != nil {
		return nil, tenantry.NewError(tenantry.NotFound, "user.not_found")
	}
	e, err := a.Explain.Run(ctx, s, at, user.ByID(id), tenantry.Permission(in.Permission))
	if err != nil {
		return nil, err
	}
	out := &explainOutput{MemberAccess{User: e.Person.ID, Username: e.Person.Username, Tenant: e.Tenant.ID, Role: e.Role, Permissions: []AccessVerdict{}, Against: []AccessReason{}}}
	for _, v := range e.Permissions {
		verdict := AccessVerdict{Permission: v.Permission, Granted: v.Granted, Sources: []AccessSource{}}
		for _, source := range v.Sources {
			verdict.Sources = append(verdict.Sources, AccessSource{Kind: source.Kind, Name: source.Name, ExpiresAt: source.ExpiresAt})
		}
		out.Body.Permissions = append(out.Body.Permissions, verdict)
	}
	for _, r := range e.Against {
		out.Body.Against = append(out.Body.Against, AccessReason{Code: r.Code, Everything: r.Everything, Permission: r.Permission, Key: r.Key, At: r.At})
	}
	return out, nil
}
