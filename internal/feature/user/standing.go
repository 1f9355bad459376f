package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Marked reads a person and the mark of their password, which tells one from the
// next without telling anything of either: a session that was opened by another
// one is over. It is Unauthenticated for somebody who may not sign in.
func (s *Service) Marked(ctx context.Context, scope tenantry.Scope, key tenantry.UserKey) (p Person, mark string, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return Person{}, "", err
	}
	var encoded string
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		if p, err = selectOne(ctx, tx, 0, ByKey(key)); err != nil {
			return err
		}
		encoded, err = selectPassword(ctx, tx, key)
		return err
	})
	if err == nil && !p.IsActive || tenantry.KindOf(err) == tenantry.NotFound {
		err = tenantry.NewError(tenantry.Unauthenticated, "signin.failed")
	}
	if err != nil {
		return Person{}, "", err
	}
	sum := sha256.Sum256([]byte(encoded))
	return p, hex.EncodeToString(sum[:]), nil
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
