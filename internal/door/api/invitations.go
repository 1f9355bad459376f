package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/flow/signin"
)

// PasswordResetRequest says whose password is to be set anew.
type PasswordResetRequest struct {
	Username string `json:"username" maxLength:"254" doc:"docs.reset.username"`
}

// PasswordReset is a new password, with the secret that was mailed.
type PasswordReset struct {
	Secret   string `json:"secret" doc:"docs.link.secret"`
	Password string `json:"password" doc:"docs.reset.password"`
}

// Invitation asks somebody to join a tenant.
type Invitation struct {
	ID         tenantry.InvitationID `json:"id" doc:"docs.invitation.id"`
	Email      string                `json:"email" doc:"docs.invitation.email"`
	Role       string                `json:"role" doc:"docs.invitation.role"`
	CreatedAt  time.Time             `json:"created_at" doc:"docs.created_at"`
	CreatedBy  string                `json:"created_by" doc:"docs.invitation.created_by"`
	ExpiresAt  time.Time             `json:"expires_at" doc:"docs.invitation.expires_at"`
	AcceptedAt *time.Time            `json:"accepted_at" doc:"docs.invitation.accepted_at"`
	RevokedAt  *time.Time            `json:"revoked_at" doc:"docs.invitation.revoked_at"`
}

// NewInvitation is whom to ask, and for what.
type NewInvitation struct {
	Email string `json:"email" maxLength:"254" doc:"docs.invitation.email"`
	Role  string `json:"role" maxLength:"50" doc:"docs.invitation.role"`
}

// Acceptance is somebody who joins; only the secret in a session.
type Acceptance struct {
	Secret    string `json:"secret" doc:"docs.link.secret"`
	Username  string `json:"username,omitempty" maxLength:"150" doc:"docs.user.username"`
	Password  string `json:"password,omitempty" doc:"docs.reset.password"`
	FirstName string `json:"first_name,omitempty" maxLength:"150" doc:"docs.user.first_name"`
	LastName  string `json:"last_name,omitempty" maxLength:"150" doc:"docs.user.last_name"`
}

// Accepted is who belongs where now.
type Accepted struct {
	Tenant   tenantry.TenantID `json:"tenant" doc:"docs.tenant.id"`
	User     tenantry.UserID   `json:"user" doc:"docs.user.id"`
	Username string            `json:"username" doc:"docs.user.username"`
}

// InvitationPath is a tenant's invitation in a path.
type InvitationPath struct {
	TenantPath
	Invitation string `path:"invitation" example:"inv_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.invitation.id"`
}

// invitations adds the operations on what is mailed to people.
func (a *API) invitations() {
	tag := []string{"invitations"}
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}/invitations", OperationID: "invite", Tags: tag, DefaultStatus: http.StatusCreated, Errors: errorsOfVerb}, a.invite)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/invitations", OperationID: "listInvitations", Tags: tag, Errors: []int{404, 422}}, a.listInvitations)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/tenants/{id}/invitations/{invitation}", OperationID: "revokeInvitation", Tags: tag, Errors: []int{404, 409, 422}}, a.revokeInvitation)
	forStrangers(a, huma.Operation{Method: http.MethodPost, Path: "/v1/invitations:accept", OperationID: "acceptInvitation", Tags: tag, Errors: errorsOfVerb}, a.acceptInvitation)
	forStrangers(a, huma.Operation{Method: http.MethodPost, Path: "/v1/password-resets", OperationID: "requestPasswordReset", Tags: tagSessions, DefaultStatus: http.StatusAccepted, Errors: []int{413, 415, 422, 429}}, a.requestReset)
	forStrangers(a, huma.Operation{Method: http.MethodPost, Path: "/v1/password-resets:complete", OperationID: "completePasswordReset", Tags: tagSessions, DefaultStatus: http.StatusNoContent, Errors: []int{404, 413, 415, 422}}, a.completeReset)
}

type invitationOutput struct{ Body Invitation }

func invitationOf(i session.Invitation) Invitation {
	return Invitation{ID: i.ID, Email: i.Email, Role: i.Role, CreatedAt: i.CreatedAt, CreatedBy: i.CreatedBy, ExpiresAt: i.ExpiresAt, AcceptedAt: i.AcceptedAt, RevokedAt: i.RevokedAt}
}

func (a *API) invite(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	IdempotencyKey
	Language string `header:"Accept-Language" doc:"docs.param.mail_language"`
}, body NewInvitation) (*invitationOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	made, err := a.SignIn.Invite(ctx, s, ref, body.Email, body.Role, in.Language)
	if err != nil {
		return nil, err
	}
	return &invitationOutput{invitationOf(made)}, nil
}

type invitationsOutput struct{ Body list[Invitation] }

func (a *API) listInvitations(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	PageInput
}) (*invitationsOutput, error) {
	page, err := a.open(s, in.PageInput, "invitations", in.ID)
	if err != nil {
		return nil, err
	}
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.SignIn.Sessions.Invitations(ctx, s, t.Key, page)
	if err != nil {
		return nil, err
	}
	return &invitationsOutput{shownList(a, s, found, invitationOf, "invitations", in.ID)}, nil
}

func (a *API) revokeInvitation(ctx context.Context, s tenantry.Scope, in *InvitationPath) (*invitationOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	id, err := tenantry.ParseInvitationID(in.Invitation)
	if err != nil {
		return nil, tenantry.NewError(tenantry.NotFound, "invitation.not_found")
	}
	i, err := a.SignIn.Sessions.RevokeInvitation(ctx, s, t.Key, id)
	if err != nil {
		return nil, err
	}
	return &invitationOutput{invitationOf(i)}, nil
}

type acceptedOutput struct{ Body Accepted }

func (a *API) acceptInvitation(ctx context.Context, _ *struct{}, body Acceptance) (*acceptedOutput, error) {
	t, p, err := a.SignIn.Accept(ctx, tenantry.NewSecret(body.Secret), callOf(ctx).credential,
		signin.Acceptance{Username: body.Username, Password: tenantry.NewSecret(body.Password), FirstName: body.FirstName, LastName: body.LastName})
	if err != nil {
		return nil, err
	}
	return &acceptedOutput{Accepted{Tenant: t.ID, User: p.ID, Username: p.Username}}, nil
}

type languageInput struct {
	Language string `header:"Accept-Language" doc:"docs.param.mail_language"`
}

func (a *API) requestReset(ctx context.Context, in *languageInput, body PasswordResetRequest) (*struct{}, error) {
	return nil, a.SignIn.RequestReset(ctx, body.Username, in.Language, callOf(ctx).client)
}

func (a *API) completeReset(ctx context.Context, _ *struct{}, body PasswordReset) (*struct{}, error) {
	return nil, a.SignIn.CompleteReset(ctx, tenantry.NewSecret(body.Secret), tenantry.NewSecret(body.Password))
}
