package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Member is a person's place in a tenant.
type Member struct {
	User      tenantry.UserID `json:"user" doc:"docs.user.id"`
	Username  string          `json:"username" doc:"docs.user.username"`
	Role      string          `json:"role" enum:"owner,admin,member,viewer,billing,auditor,quarantined" doc:"docs.member.role"`
	Home      bool            `json:"home" doc:"docs.member.home"`
	CreatedAt time.Time       `json:"created_at" doc:"docs.created_at"`
}

func memberOf(m user.Membership) Member {
	return Member{User: m.UserID, Username: m.Username, Role: m.Role, Home: m.Home, CreatedAt: m.CreatedAt}
}

// MemberRole is the role that a member is given.
type MemberRole struct {
	Role string `json:"role" enum:"owner,admin,member,viewer,billing,auditor,quarantined" doc:"docs.member.role"`
}

// MemberPath names a member in a path.
type MemberPath struct {
	TenantPath
	User string `path:"user" example:"usr_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.user_id"`
}

// members adds the operations on the members of a tenant.
func (a *API) members() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/members", OperationID: "listMembers", Tags: tagUsers, Errors: []int{404, 422}}, a.listMembers)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: "/v1/tenants/{id}/members/{user}", OperationID: "setMember", Tags: tagUsers, Errors: []int{404, 413, 415, 422}}, a.setMember)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/tenants/{id}/members/{user}", OperationID: "removeMember", Tags: tagUsers, DefaultStatus: http.StatusNoContent, Errors: []int{404, 409}}, a.removeMember)
}

type membersOutput struct{ Body list[Member] }

func (a *API) listMembers(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	PageInput
}) (*membersOutput, error) {
	page, err := a.open(s, in.PageInput, "members", in.ID)
	if err != nil {
		return nil, err
	}
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Users.Members(ctx, s, t.Key, page)
	if err != nil {
		return nil, err
	}
	return &membersOutput{shownList(a, s, found, memberOf, "members", in.ID)}, nil
}

type memberOutput struct{ Body Member }

func (a *API) setMember(ctx context.Context, s tenantry.Scope, in *MemberPath, body MemberRole) (*memberOutput, error) {
	t, ref, err := a.member(ctx, s, in)
	if err != nil {
		return nil, err
	}
	m, err := a.Users.AddMember(ctx, s, t.Key, ref, body.Role)
	if err != nil {
		return nil, err
	}
	return &memberOutput{memberOf(m)}, nil
}

func (a *API) removeMember(ctx context.Context, s tenantry.Scope, in *MemberPath) (*struct{}, error) {
	t, ref, err := a.member(ctx, s, in)
	if err != nil {
		return nil, err
	}
	return nil, a.Users.RemoveMember(ctx, s, t.Key, ref)
}

func (a *API) member(ctx context.Context, s tenantry.Scope, in *MemberPath) (tenant.Tenant, user.Ref, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return t, user.Ref{}, err
	}
	ref, err := UserPath{in.User}.ref()
	return t, ref, err
}
