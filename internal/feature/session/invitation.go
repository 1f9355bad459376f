package session

import (
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Invitation asks somebody to join a tenant in a role.
type Invitation struct {
	ID         tenantry.InvitationID
	Tenant     tenantry.TenantKey
	Email      string
	Role       string
	CreatedAt  time.Time
	CreatedBy  string
	ExpiresAt  time.Time
	AcceptedAt *time.Time
	AcceptedBy tenantry.UserID
	RevokedAt  *time.Time
}

const emailLength = 254

// Invite makes an invitation and the secret that goes to its address alone.
// Whether the inviter may hand out the role, the caller has asked.
func (s *Service) Invite(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, email, role string) (Invitation, tenantry.Secret, error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Invitation{}, tenantry.Secret{}, err
	}
	if a, err := mail.ParseAddress(email); err != nil || a.Name != "" || a.Address != email || utf8.RuneCountInString(email) > emailLength || !strings.Contains(email, "@") {
		return Invitation{}, tenantry.Secret{}, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("email", "user.bad_email"))
	}
	now := s.clock()
	made := Invitation{ID: tenantry.NewInvitationID(now, s.random), Tenant: tenant, Email: email, Role: role,
		CreatedAt: now, CreatedBy: scope.Actor().Name, ExpiresAt: now.Add(InvitationLasts)}
	var secret tenantry.Secret
	err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) (err error) {
		if err := insertInvitation(ctx, tx, made); err != nil {
			return err
		}
		secret, err = s.newLink(ctx, tx, Link{Purpose: ForInvitation, Tenant: tenant, Subject: made.ID.String(), ExpiresAt: made.ExpiresAt})
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "invitation.created", Subject: made.ID.String(), Detail: map[string]any{"role": role}})
	})
	return made, secret, err
}

// Invitations reads one page of a tenant's invitations, newest first. The cursor
// is the id of the last one seen.
func (s *Service) Invitations(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, page tenantry.Page) (list tenantry.List[Invitation], err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersRead); err != nil {
		return list, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) (err error) {
		list.Items, err = selectInvitations(ctx, tx, tenant, page.Cursor, page.Clamp()+1)
		return err
	})
	if len(list.Items) > page.Clamp() {
		list.Items = list.Items[:page.Clamp()]
		list.NextCursor = list.Items[len(list.Items)-1].ID.String()
	}
	return list, err
}

// RevokeInvitation makes an invitation good for nothing. Revoking again changes
// nothing; one that was accepted is a Conflict.
func (s *Service) RevokeInvitation(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, id tenantry.InvitationID) (i Invitation, err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Invitation{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if i, err = selectInvitation(ctx, tx, tenant, id); err != nil || i.RevokedAt != nil {
			return err
		}
		now := s.clock()
		revoked, err := updateInvitationRevoked(ctx, tx, tenant, id, now)
		if err != nil {
			return err
		}
		if !revoked {
			return tenantry.NewError(tenantry.Conflict, "invitation.accepted")
		}
		i.RevokedAt = &now
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "invitation.revoked", Subject: id.String()})
	})
	return i, err
}

// AcceptIn uses up the secret of an invitation and returns what it promises. The
// caller keeps the promise, in the same transaction, to by.
func (s *Service) AcceptIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, secret tenantry.Secret, l Link) (Invitation, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return Invitation{}, err
	}
	if err := s.useLink(ctx, tx, secret); err != nil {
		return Invitation{}, err
	}
	id, err := tenantry.ParseInvitationID(l.Subject)
	if err != nil {
		return Invitation{}, noLink()
	}
	accepted, err := updateInvitationAccepted(ctx, tx, l.Tenant, id, s.clock())
	if err == nil && !accepted {
		err = noLink()
	}
	if err != nil {
		return Invitation{}, err
	}
	return selectInvitation(ctx, tx, l.Tenant, id)
}

// AcceptedIn writes down who accepted.
func (s *Service) AcceptedIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, i Invitation, by tenantry.UserID) error {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return err
	}
	if err := updateInvitationAcceptedBy(ctx, tx, i.Tenant, i.ID, by); err != nil {
		return err
	}
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: i.Tenant, Action: "invitation.accepted", Subject: i.ID.String(), Detail: map[string]any{"user": by.String(), "role": i.Role}})
}
