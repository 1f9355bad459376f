package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// User is a person as the API shows them.
type User struct {
	ID         tenantry.UserID `json:"id" doc:"docs.user.id"`
	Username   string          `json:"username" doc:"docs.user.username"`
	Email      string          `json:"email" doc:"docs.user.email"`
	FirstName  string          `json:"first_name" doc:"docs.user.first_name"`
	LastName   string          `json:"last_name" doc:"docs.user.last_name"`
	IsActive   bool            `json:"is_active" doc:"docs.user.is_active"`
	LastLogin  *time.Time      `json:"last_login" doc:"docs.user.last_login"`
	DateJoined time.Time       `json:"date_joined" doc:"docs.user.date_joined"`
	Profile    *Profile        `json:"profile,omitempty" doc:"docs.user.profile"`
}

// Profile is what a person is in their home tenant.
type Profile struct {
	Tenant               tenantry.TenantID `json:"tenant" doc:"docs.profile.tenant"`
	Phone                string            `json:"phone" doc:"docs.profile.phone"`
	Bio                  string            `json:"bio" doc:"docs.profile.bio"`
	Language             string            `json:"language" doc:"docs.profile.language"`
	Timezone             string            `json:"timezone" doc:"docs.profile.timezone"`
	NotificationsEnabled bool              `json:"notifications_enabled" doc:"docs.profile.notifications_enabled"`
	IsTenantAdmin        bool              `json:"is_tenant_admin" doc:"docs.profile.is_tenant_admin"`
	Permissions          storedJSON        `json:"permissions" doc:"docs.profile.permissions"`
	CreatedAt            time.Time         `json:"created_at" doc:"docs.created_at"`
	UpdatedAt            time.Time         `json:"updated_at" doc:"docs.updated_at"`
}

func userOf(p user.Person, tenants map[tenantry.TenantKey]tenantry.TenantID) User {
	u := User{
		ID: p.ID, Username: p.Username, Email: p.Email, FirstName: p.FirstName, LastName: p.LastName,
		IsActive: p.IsActive, LastLogin: p.LastLogin, DateJoined: p.DateJoined,
	}
	if f := p.Profile; f != nil {
		u.Profile = &Profile{
			Tenant: tenants[f.Tenant], Phone: f.Phone, Bio: f.Bio, Language: f.Language, Timezone: f.Timezone,
			NotificationsEnabled: f.NotificationsEnabled, IsTenantAdmin: f.IsTenantAdmin, Permissions: storedJSON(f.Permissions),
			CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
		}
	}
	return u
}

// users adds the operations on people.
func (a *API) users() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/users", OperationID: "listUsers", Tags: tagUsers, Errors: []int{404, 422}}, a.listUsers)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/users", OperationID: "createUser", Tags: tagUsers, DefaultStatus: http.StatusCreated, Errors: []int{404, 409, 413, 415, 422}}, a.createUser)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/users/{id}", OperationID: "getUser", Tags: tagUsers, Errors: []int{404}}, a.getUser)
	operationWithBody(a, huma.Operation{Method: http.MethodPatch, Path: "/v1/users/{id}", OperationID: "updateUser", Tags: tagUsers, Errors: []int{404, 412, 413, 415, 422}}, a.updateUser)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/users/{id}", OperationID: "deleteUser", Tags: tagUsers, DefaultStatus: http.StatusNoContent, Errors: []int{404, 409}}, a.deleteUser)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/users/{id}:activate", OperationID: "activateUser", Tags: tagUsers, Errors: errorsOfVerb}, a.activateUser)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/users/{id}:deactivate", OperationID: "deactivateUser", Tags: tagUsers, Errors: errorsOfVerb}, a.deactivateUser)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: "/v1/users/{id}/password", OperationID: "setUserPassword", Tags: tagUsers, DefaultStatus: http.StatusNoContent, Errors: []int{404, 413, 415, 422}}, a.setUserPassword)
	operationWithBody(a, huma.Operation{Method: http.MethodPatch, Path: "/v1/users/{id}/profile", OperationID: "updateUserProfile", Tags: tagUsers, Errors: []int{404, 409, 412, 413, 415, 422}}, a.updateUserProfile)
}

var tagUsers = []string{"users"}

type usersInput struct {
	PageInput
	Search string    `query:"search" maxLength:"255" doc:"docs.param.user_search"`
	Tenant string    `query:"tenant" example:"tnt_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.user_tenant"`
	Active string    `query:"active" enum:"true,false" doc:"docs.param.active"`
	Sort   user.Sort `query:"sort" enum:"-created,username" doc:"docs.param.user_sort"`
}

type usersOutput struct{ Body list[User] }

func (a *API) listUsers(ctx context.Context, s tenantry.Scope, in *usersInput) (*usersOutput, error) {
	page, err := a.open(s, in.PageInput, "users", string(in.Sort), in.Tenant)
	if err != nil {
		return nil, err
	}
	query := user.Query{Search: in.Search, Sort: in.Sort, Page: page}
	if in.Active != "" {
		active, _ := strconv.ParseBool(in.Active) // one of the two, says the enum
		query.Active = &active
	}
	if in.Tenant != "" {
		t, err := a.tenantNamed(ctx, s, in.Tenant)
		if err != nil {
			return nil, err
		}
		query.Tenant = t.Key
	}
	found, err := a.Users.List(ctx, s, query)
	if err != nil {
		return nil, err
	}
	homes, err := a.homes(ctx, s, found.Items)
	if err != nil {
		return nil, err
	}
	show := func(p user.Person) User { return userOf(p, homes) }
	return &usersOutput{shownList(a, s, found, show, "users", string(in.Sort), in.Tenant)}, nil
}

// homes finds the public ids of the tenants where people are at home. A tenant
// that is gone or out of reach has none.
func (a *API) homes(ctx context.Context, s tenantry.Scope, people []user.Person) (map[tenantry.TenantKey]tenantry.TenantID, error) {
	ids := map[tenantry.TenantKey]tenantry.TenantID{}
	for _, p := range people {
		if p.Profile == nil {
			continue
		}
		key := p.Profile.Tenant
		if _, known := ids[key]; known {
			continue
		}
		t, err := a.Tenants.Get(ctx, s, tenant.ByKey(key))
		if err != nil && tenantry.KindOf(err) != tenantry.NotFound {
			return nil, err
		}
		ids[key] = t.ID
	}
	return ids, nil
}
