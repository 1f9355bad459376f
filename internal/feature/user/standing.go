package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Mark tells one password of a person from the next without telling anything of
// either: a session that was opened by another one is over. It is Unauthenticated
// for somebody who may not sign in.
func (s *Service) Mark(ctx context.Context, scope tenantry.Scope, key tenantry.UserKey) (mark string, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return "", err
	}
	var encoded string
	var active bool
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		encoded, active, err = selectPassword(ctx, tx, key)
		return err
	})
	if err == nil && !active || tenantry.KindOf(err) == tenantry.NotFound {
		err = tenantry.NewError(tenantry.Unauthenticated, "signin.failed")
	}
	sum := sha256.Sum256([]byte(encoded))
	return hex.EncodeToString(sum[:]), err
}

// Addressed finds the active people who are called so or have that e-mail
// address, whatever its case; Django does not keep two from having the same one.
func (s *Service) Addressed(ctx context.Context, scope tenantry.Scope, nameOrEmail string) (found []Person, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return nil, err
	}
	name, ok := normalUsername(nameOrEmail)
	if !ok {
		return nil, nil
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		found, err = selectAddressed(ctx, tx, name)
		return err
	})
	return found, err
}

// MayHandOut tells whether a scope may give somebody a role: nobody gives more
// than they hold themselves. Otherwise the error is Forbidden
// "user.cannot_grant", or Invalid for what is no role.
func (s *Service) MayHandOut(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, role string) error {
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error { return s.mayHandOut(ctx, tx, scope, tenant, role) })
}
