package api

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// NewUser is a person to be made.
type NewUser struct {
	Tenant    string         `json:"tenant,omitempty" example:"tnt_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.new_user.tenant"`
	Username  string         `json:"username" maxLength:"150" doc:"docs.user.username"`
	Email     string         `json:"email,omitempty" maxLength:"254" doc:"docs.user.email"`
	FirstName string         `json:"first_name,omitempty" maxLength:"150" doc:"docs.user.first_name"`
	LastName  string         `json:"last_name,omitempty" maxLength:"150" doc:"docs.user.last_name"`
	Password  string         `json:"password,omitempty" doc:"docs.new_tenant.password"`
	Profile   *ProfileFields `json:"profile,omitempty" doc:"docs.new_user.profile"`
}

// UserChange is what to write of an account; what is left out stays.
type UserChange struct {
	Email     *string `json:"email,omitempty" maxLength:"254" doc:"docs.user.email"`
	FirstName *string `json:"first_name,omitempty" maxLength:"150" doc:"docs.user.first_name"`
	LastName  *string `json:"last_name,omitempty" maxLength:"150" doc:"docs.user.last_name"`
}

// ProfileFields is what to write of a profile; what is left out stays.
type ProfileFields struct {
	Phone                *string     `json:"phone,omitempty" doc:"docs.profile.phone"`
	Bio                  *string     `json:"bio,omitempty" maxLength:"10000" doc:"docs.profile.bio"`
	Language             *string     `json:"language,omitempty" maxLength:"10" doc:"docs.profile.language"`
	Timezone             *string     `json:"timezone,omitempty" maxLength:"50" doc:"docs.profile.timezone"`
	NotificationsEnabled *bool       `json:"notifications_enabled,omitempty" doc:"docs.profile.notifications_enabled"`
	IsTenantAdmin        *bool       `json:"is_tenant_admin,omitempty" doc:"docs.profile.is_tenant_admin"`
	Permissions          *jsonObject `json:"permissions,omitempty" doc:"docs.profile.permissions"`
}

func (f ProfileFields) change() user.ProfileChange {
	c := user.ProfileChange{Phone: f.Phone, Bio: f.Bio, Language: f.Language, Timezone: f.Timezone,
		NotificationsEnabled: f.NotificationsEnabled, IsTenantAdmin: f.IsTenantAdmin}
	if f.Permissions != nil {
		permissions := f.Permissions.stored()
		c.Permissions = &permissions
	}
	return c
}

// NewPassword is a password to be set.
type NewPassword struct {
	Password *string `json:"password" doc:"docs.new_password.password"`
}

// UserPath is a person's id in a path.
type UserPath struct {
	ID string `path:"id" example:"usr_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.user_id"`
}

func (p UserPath) ref() (user.Ref, error) {
	id, err := tenantry.ParseUserID(p.ID)
	if err != nil {
		return user.Ref{}, tenantry.NewError(tenantry.NotFound, "user.not_found")
	}
	return user.ByID(id), nil
}

type userOutput struct {
	ETag string `header:"ETag" doc:"docs.header.etag"`
	Body User
}

// shownUser makes the answer of what a call has come to.
func (a *API) shownUser(ctx context.Context, s tenantry.Scope, p user.Person, err error) (*userOutput, error) {
	if err != nil {
		return nil, err
	}
	homes, err := a.homes(ctx, s, []user.Person{p})
	if err != nil {
		return nil, err
	}
	return &userOutput{ETag: p.ETag(), Body: userOf(p, homes)}, nil
}

type createdUserOutput struct {
	Location string `header:"Location" doc:"docs.header.location"`
	ETag     string `header:"ETag" doc:"docs.header.etag"`
	Body     User
}

func (a *API) createUser(ctx context.Context, s tenantry.Scope, _ *IdempotencyKey, body NewUser) (*createdUserOutput, error) {
	d := user.Draft{Username: body.Username, Email: body.Email, FirstName: body.FirstName, LastName: body.LastName,
		Password: tenantry.NewSecret(body.Password), Tenant: s.Tenant()} // of a tenant's caller, unless another is named
	if body.Tenant != "" {
		t, err := a.tenantNamed(ctx, s, body.Tenant)
		if err != nil {
			return nil, err
		}
		d.Tenant = t.Key
	}
	if body.Profile != nil {
		if d.Tenant == 0 {
			return nil, tenantry.NewError(tenantry.Invalid, "user.invalid").WithFields(tenantry.NewFieldError("tenant", "field.required"))
		}
		d.Profile = body.Profile.change()
	}
	p, err := a.Users.Create(ctx, s, d)
	shown, err := a.shownUser(ctx, s, p, err)
	if err != nil {
		return nil, err
	}
	return &createdUserOutput{Location: "/v1/users/" + p.ID.String(), ETag: shown.ETag, Body: shown.Body}, nil
}

func (a *API) getUser(ctx context.Context, s tenantry.Scope, in *UserPath) (*userOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	p, err := a.Users.Get(ctx, s, ref)
	return a.shownUser(ctx, s, p, err)
}

type userWriteInput struct {
	UserPath
	IfMatching
}

func (a *API) updateUser(ctx context.Context, s tenantry.Scope, in *userWriteInput, body UserChange) (*userOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	p, err := a.Users.Update(ctx, s, ref, user.AccountChange{Email: body.Email, FirstName: body.FirstName, LastName: body.LastName}, in.IfMatch)
	return a.shownUser(ctx, s, p, err)
}

func (a *API) deleteUser(ctx context.Context, s tenantry.Scope, in *UserPath) (*struct{}, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return nil, a.Users.Remove(ctx, s, ref)
}

type userVerbInput struct {
	UserPath
	IdempotencyKey
}

func (in *userVerbInput) refOfBareVerb(ctx context.Context) (user.Ref, error) {
	if err := bare(ctx); err != nil {
		return user.Ref{}, err
	}
	return in.ref()
}

// bare refuses a body of a verb that takes none; {} is none.
func bare(ctx context.Context) error {
	if body := callOf(ctx).body; !web.IsEmpty(body) {
		return web.DecodeJSON(body, &struct{}{})
	}
	return nil
}

func (a *API) activateUser(ctx context.Context, s tenantry.Scope, in *userVerbInput) (*userOutput, error) {
	ref, err := in.refOfBareVerb(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.Users.Activate(ctx, s, ref)
	return a.shownUser(ctx, s, p, err)
}

func (a *API) deactivateUser(ctx context.Context, s tenantry.Scope, in *userVerbInput) (*userOutput, error) {
	ref, err := in.refOfBareVerb(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.Users.Deactivate(ctx, s, ref)
	return a.shownUser(ctx, s, p, err)
}

func (a *API) setUserPassword(ctx context.Context, s tenantry.Scope, in *UserPath, body NewPassword) (*struct{}, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	if body.Password == nil {
		return nil, tenantry.NewError(tenantry.Invalid, "user.invalid").WithFields(tenantry.NewFieldError("password", "field.required"))
	}
	return nil, a.Users.SetPassword(ctx, s, ref, tenantry.NewSecret(*body.Password))
}

func (a *API) updateUserProfile(ctx context.Context, s tenantry.Scope, in *userWriteInput, body ProfileFields) (*userOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	home, err := a.homeOf(ctx, s, ref)
	if err != nil {
		return nil, err
	}
	p, err := a.Users.SaveProfileIf(ctx, s, home, ref, body.change(), in.IfMatch)
	return a.shownUser(ctx, s, p, err)
}

// homeOf is the tenant whose profile of a person a caller writes: a tenant's own,
// or wherever the person is at home.
func (a *API) homeOf(ctx context.Context, s tenantry.Scope, ref user.Ref) (tenantry.TenantKey, error) {
	if s.Tenant() != 0 {
		return s.Tenant(), nil
	}
	p, err := a.Users.Get(ctx, s, ref)
	if err != nil {
		return 0, err
	}
	if p.Profile == nil {
		return 0, tenantry.NewError(tenantry.Conflict, "user.no_home", "username", p.Username)
	}
	return p.Profile.Tenant, nil
}
