package session

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/credential"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Link is a secret that works once, for a while: whoever has it was reached at an
// address.
type Link struct {
	Purpose   Purpose
	User      tenantry.UserKey   // whose, zero for an invitation
	Tenant    tenantry.TenantKey // of an invitation
	Subject   string             // the invitation
	Mark      string             // of the password at that time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// Purpose is what a link is good for.
type Purpose string

const (
	ForPassword   Purpose = "password"
	ForInvitation Purpose = "invitation"
)

// NewPasswordLink makes the secret by which a person can set a new password.
func (s *Service) NewPasswordLink(ctx context.Context, scope tenantry.Scope, user tenantry.UserKey, mark string) (secret tenantry.Secret, err error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return tenantry.Secret{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		secret, err = s.newLink(ctx, tx, Link{Purpose: ForPassword, User: user, Mark: mark, ExpiresAt: s.clock().Add(PasswordLasts)})
		return err
	})
	return secret, err
}

// FindLink tells what a secret is good for that works still. Every other is the
// same error, NotFound "link.not_found".
func (s *Service) FindLink(ctx context.Context, scope tenantry.Scope, secret tenantry.Secret, p Purpose) (l Link, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return Link{}, err
	}
	if !credential.WellFormed(linkPrefix, secret) {
		return Link{}, noLink()
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		l, err = selectLink(ctx, tx, credential.Digest(secret))
		return err
	})
	if tenantry.KindOf(err) == tenantry.NotFound || err == nil && (l.Purpose != p || l.UsedAt != nil || !s.clock().Before(l.ExpiresAt)) {
		err = noLink()
	}
	if err != nil {
		return Link{}, err
	}
	return l, nil
}

// UseLink uses a secret up; of two at once one succeeds. Restore makes it good
// again, for who was refused for another reason.
func (s *Service) UseLink(ctx context.Context, scope tenantry.Scope, secret tenantry.Secret) error {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error { return s.useLink(ctx, tx, secret) })
}

// Restore undoes UseLink.
func (s *Service) Restore(ctx context.Context, scope tenantry.Scope, secret tenantry.Secret) error {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error { return updateUnused(ctx, tx, credential.Digest(secret)) })
}

func (s *Service) newLink(ctx context.Context, tx *sqldb.Tx, l Link) (tenantry.Secret, error) {
	secret, err := credential.New(linkPrefix, s.random)
	if err != nil {
		return tenantry.Secret{}, err
	}
	now := s.clock()
	// Links are found before anybody knows whose they are, so they are no tenant's.
	return secret, tx.AsProgram(ctx, func() error {
		if err := deleteLinksLongOver(ctx, tx, now.Add(-kept)); err != nil {
			return err
		}
		return insertLink(ctx, tx, l, credential.Digest(secret), now)
	})
}

func (s *Service) useLink(ctx context.Context, tx *sqldb.Tx, secret tenantry.Secret) error {
	now := s.clock()
	used, err := updateUsed(ctx, tx, credential.Digest(secret), now)
	if err == nil && !used {
		err = noLink()
	}
	return err
}

func noLink() error { return tenantry.NewError(tenantry.NotFound, "link.not_found") }
