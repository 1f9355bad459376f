package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/flow/signin"
)

// SignIn is who somebody says they are, with the proof.
type SignIn struct {
	Username string `json:"username" doc:"docs.user.username"`
	Password string `json:"password" doc:"docs.sign_in.password"`
	Tenant   string `json:"tenant,omitempty" doc:"docs.sign_in.tenant"`
}

// SignedIn is a session just opened, or under a new secret. That is shown this
// once.
type SignedIn struct {
	ID        tenantry.SessionID `json:"id" doc:"docs.session.id"`
	Secret    string             `json:"secret" doc:"docs.signed_in.secret"`
	ExpiresAt time.Time          `json:"expires_at" doc:"docs.session.expires_at"`
}

// CurrentSession is where somebody is signed in.
type CurrentSession struct {
	ID          tenantry.SessionID    `json:"id" doc:"docs.session.id"`
	Person      Actor                 `json:"person" doc:"docs.current_session.person"`
	Tenant      *SessionTenant        `json:"tenant" doc:"docs.current_session.tenant"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.current_session.permissions"`
	Tenants     []SessionTenant       `json:"tenants" nullable:"false" doc:"docs.current_session.tenants"`
	CreatedAt   time.Time             `json:"created_at" doc:"docs.created_at"`
	ExpiresAt   time.Time             `json:"expires_at" doc:"docs.session.expires_at"`
}

// SessionTenant is a tenant that somebody belongs to.
type SessionTenant struct {
	ID     tenantry.TenantID `json:"id" doc:"docs.tenant.id"`
	Name   string            `json:"name" doc:"docs.tenant.name"`
	Role   string            `json:"role" doc:"docs.session_tenant.role"`
	Status tenant.Status     `json:"status" doc:"docs.tenant.status"`
}

// Session is one of somebody's sessions.
type Session struct {
	ID        tenantry.SessionID `json:"id" doc:"docs.session.id"`
	Current   bool               `json:"current" doc:"docs.session.current"`
	Device    string             `json:"device" doc:"docs.session.device"`
	Address   string             `json:"address" doc:"docs.session.address"`
	CreatedAt time.Time          `json:"created_at" doc:"docs.created_at"`
	SeenAt    time.Time          `json:"seen_at" doc:"docs.session.seen_at"`
	ExpiresAt time.Time          `json:"expires_at" doc:"docs.session.expires_at"`
}

// SwitchTenant says where a session is to go.
type SwitchTenant struct {
	Tenant string `json:"tenant" example:"tnt_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.switch.tenant"`
}

// SignedOut says how many sessions ended.
type SignedOut struct {
	Sessions int `json:"sessions" doc:"docs.signed_out.sessions"`
}

// SessionPath is the id in a path.
type SessionPath struct {
	ID string `path:"id" example:"ses_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.session.id"`
}

var tagSessions = []string{"sessions"}

// sessions adds the operations by which people sign in and out.
func (a *API) sessions() {
	a.huma.OpenAPI().Components.SecuritySchemes["session"] = &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "docs.session_secret"}
	forStrangers(a, huma.Operation{Method: http.MethodPost, Path: "/v1/session", OperationID: "signIn", Tags: tagSessions, DefaultStatus: http.StatusCreated, Errors: []int{404, 413, 415, 422, 429}}, a.signIn)
	forSession(a, huma.Operation{Method: http.MethodGet, Path: "/v1/session", OperationID: "getSession", Tags: tagSessions, Errors: []int{422}}, a.getSession)
	forSession(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/session", OperationID: "signOut", Tags: tagSessions, DefaultStatus: http.StatusNoContent, Errors: []int{422}}, a.signOut)
	forSession(a, huma.Operation{Method: http.MethodPost, Path: "/v1/session:rotate", OperationID: "rotateSession", Tags: tagSessions, Errors: []int{413, 415, 422}}, a.rotateSession)
	forSessionWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/session:switch", OperationID: "switchTenant", Tags: tagSessions, Errors: []int{404, 413, 415, 422}}, a.switchTenant)
	forSession(a, huma.Operation{Method: http.MethodGet, Path: "/v1/session/all", OperationID: "listSessions", Tags: tagSessions, Errors: []int{422}}, a.listSessions)
	forSession(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/session/all", OperationID: "signOutEverywhere", Tags: tagSessions, Errors: []int{422}}, a.signOutEverywhere)
	forSession(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/session/all/{id}", OperationID: "endSession", Tags: tagSessions, DefaultStatus: http.StatusNoContent, Errors: []int{404, 422}}, a.endSession)
}

type signedInOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         SignedIn
}

func signedIn(x signin.Signed, err error) (*signedInOutput, error) {
	if err != nil {
		return nil, err
	}
	return &signedInOutput{"no-store", SignedIn{ID: x.Session.ID, Secret: x.Secret.Reveal(), ExpiresAt: x.Session.ExpiresAt}}, nil
}

func (a *API) signIn(ctx context.Context, _ *struct{}, body SignIn) (*signedInOutput, error) {
	return signedIn(a.SignIn.SignIn(ctx, body.Username, tenantry.NewSecret(body.Password), body.Tenant, callOf(ctx).client))
}

type sessionOutput struct{ Body CurrentSession }

func (a *API) getSession(ctx context.Context, secret tenantry.Secret, _ *struct{}) (*sessionOutput, error) {
	here, err := a.SignIn.Here(ctx, secret)
	if err != nil {
		return nil, err
	}
	x := here.Session
	out := &sessionOutput{CurrentSession{ID: x.ID, Person: Actor{Kind: "user", ID: here.Person.ID.String(), Name: here.Person.Username},
		Permissions: here.Permissions, Tenants: []SessionTenant{}, CreatedAt: x.CreatedAt, ExpiresAt: x.ExpiresAt}}
	if out.Body.Permissions == nil {
		out.Body.Permissions = []tenantry.Permission{}
	}
	for _, p := range here.Tenants {
		place := SessionTenant{ID: p.ID, Name: p.Name, Role: p.Role, Status: p.Status}
		if p.ID == here.Tenant.ID {
			out.Body.Tenant = &place
		}
		out.Body.Tenants = append(out.Body.Tenants, place)
	}
	return out, nil
}

func (a *API) signOut(ctx context.Context, secret tenantry.Secret, _ *struct{}) (*struct{}, error) {
	return nil, a.SignIn.SignOut(ctx, secret)
}

func (a *API) rotateSession(ctx context.Context, secret tenantry.Secret, _ *struct{}) (*signedInOutput, error) {
	return signedIn(a.SignIn.Rotate(ctx, secret))
}

func (a *API) switchTenant(ctx context.Context, secret tenantry.Secret, _ *struct{}, body SwitchTenant) (*signedInOutput, error) {
	if body.Tenant == "" {
		return nil, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("tenant", "field.required"))
	}
	return signedIn(a.SignIn.Switch(ctx, secret, body.Tenant))
}

type sessionsOutput struct{ Body list[Session] }

func (a *API) listSessions(ctx context.Context, secret tenantry.Secret, _ *struct{}) (*sessionsOutput, error) {
	all, this, err := a.SignIn.OwnSessions(ctx, secret)
	if err != nil {
		return nil, err
	}
	out := &sessionsOutput{list[Session]{Items: []Session{}}}
	for _, x := range all {
		out.Body.Items = append(out.Body.Items, sessionOf(x, this))
	}
	return out, nil
}

func sessionOf(x session.Session, this tenantry.SessionID) Session {
	return Session{ID: x.ID, Current: x.ID == this, Device: x.Device, Address: x.Address,
		CreatedAt: x.CreatedAt, SeenAt: x.SeenAt, ExpiresAt: x.ExpiresAt}
}

type signedOutOutput struct{ Body SignedOut }

func (a *API) signOutEverywhere(ctx context.Context, secret tenantry.Secret, _ *struct{}) (*signedOutOutput, error) {
	n, err := a.SignIn.SignOutEverywhere(ctx, secret)
	return &signedOutOutput{SignedOut{n}}, err
}

func (a *API) endSession(ctx context.Context, secret tenantry.Secret, in *SessionPath) (*struct{}, error) {
	id, err := tenantry.ParseSessionID(in.ID)
	if err != nil {
		return nil, tenantry.NewError(tenantry.NotFound, "session.not_found")
	}
	return nil, a.SignIn.EndOwn(ctx, secret, id)
}
