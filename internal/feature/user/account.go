package user

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Update writes the fields of a change to an account. ifMatch is the ETag that the
// caller read, or "" not to care; another state in between is Stale.
func (s *Service) Update(ctx context.Context, scope tenantry.Scope, ref Ref, c AccountChange, ifMatch string) (Person, error) {
	if c.Email != nil {
		email := normalEmail(*c.Email)
		c.Email = &email
	}
	return s.alter(ctx, scope, ref, func(tx *sqldb.Tx, old Person) error {
		if err := matches(old, ifMatch); err != nil {
			return err
		}
		c := c.without(old) // in a copy: the transaction may run again
		if c == (AccountChange{}) {
			return nil
		}
		var wrong problems
		wrong.addAccount(c)
		if err := wrong.err(); err != nil {
			return err
		}
		if err := updateAccount(ctx, tx, old.Key, c); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, old, "user.updated", c.describe())
	})
}

// SaveProfileIf is SaveProfile for whoever has read the person before: ifMatch is
// the ETag of that, or "" not to care.
func (s *Service) SaveProfileIf(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, ref Ref, c ProfileChange, ifMatch string) (p Person, err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Person{}, err
	}
	seen, err := s.Get(ctx, scope, ref)
	if err != nil {
		return Person{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, seen.Key); err != nil {
			return err
		}
		old, err := selectOne(ctx, tx, scope.Tenant(), ByKey(seen.Key))
		if err != nil {
			return err
		}
		if err := matches(old, ifMatch); err != nil {
			return err
		}
		p, err = s.SaveProfileIn(ctx, tx, scope, tenant, seen.Key, c)
		return err
	})
	return p, err
}

func matches(p Person, ifMatch string) error {
	if ifMatch != "" && ifMatch != "*" && ifMatch != p.ETag() {
		return tenantry.NewError(tenantry.Stale, "user.stale")
	}
	return nil
}

// without drops from a change what is so already.
func (c AccountChange) without(p Person) AccountChange {
	drop(&c.Email, p.Email)
	drop(&c.FirstName, p.FirstName)
	drop(&c.LastName, p.LastName)
	return c
}

// describe names what was written. The record keeps no personal data.
func (c AccountChange) describe() map[string]any {
	detail := map[string]any{}
	for name, value := range map[string]*string{"email": c.Email, "first_name": c.FirstName, "last_name": c.LastName} {
		if value != nil {
			detail[name] = "changed"
		}
	}
	return detail
}
