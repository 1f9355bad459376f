package user

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// AddMember makes a person a member of a tenant in a role, or gives a member
// another role. A tenant's own administrators reach its people only; bringing in
// somebody else is an operator's to do.
func (s *Service) AddMember(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, ref Ref, role string) (m Membership, err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Membership{}, err
	}
	p, err := s.Get(ctx, scope, ref)
	if err != nil {
		return Membership{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		m, err = s.AddMemberIn(ctx, tx, scope, tenant, p.Key, role)
		return err
	})
	return m, err
}

// AddMemberIn is AddMember within a transaction of the caller's.
func (s *Service) AddMemberIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, key tenantry.UserKey, role string) (Membership, error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Membership{}, err
	}
	if err := s.mayHandOut(ctx, tx, scope, tenant, role); err != nil {
		return Membership{}, err
	}
	if err := lock(ctx, tx, key); err != nil {
		return Membership{}, err
	}
	p, err := selectOne(ctx, tx, scope.Tenant(), ByKey(key))
	if err != nil {
		return Membership{}, err
	}
	if err := requireTenant(ctx, tx, tenant); err != nil {
		return Membership{}, err
	}
	old, member, err := selectMembership(ctx, tx, tenant, key)
	if err != nil {
		return Membership{}, err
	}
	if member && old.Role == role {
		return old, nil
	}
	if member {
		if err := s.mayTakeAway(ctx, tx, scope, tenant, old.Role); err != nil {
			return Membership{}, err
		}
	}
	now := s.clock()
	if err := upsertMembership(ctx, tx, tenant, key, role, now); err != nil {
		return Membership{}, err
	}
	// Django's is_tenant_admin keeps in step at home.
	if p.Profile != nil && p.Profile.Tenant == tenant {
		if err := updateTenantAdmin(ctx, tx, key, administers(role), now); err != nil {
			return Membership{}, err
		}
	}
	if err := s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "user.role_given", Subject: p.ID.String(),
		Detail: map[string]any{"from": old.Role, "to": role}}); err != nil {
		return Membership{}, err
	}
	m, _, err := selectMembership(ctx, tx, tenant, key)
	return m, err
}

// RemoveMember ends a membership. The one of the home tenant ends with Move or
// with the person.
func (s *Service) RemoveMember(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, ref Ref) error {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return err
	}
	p, err := s.Get(ctx, scope, ref)
	if err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, p.Key); err != nil {
			return err
		}
		m, member, err := selectMembership(ctx, tx, tenant, p.Key)
		switch {
		case err != nil:
			return err
		case !member:
			return notFound()
		case m.Home:
			return tenantry.NewError(tenantry.Conflict, "user.at_home", "username", p.Username)
		}
		if err := s.mayTakeAway(ctx, tx, scope, tenant, m.Role); err != nil {
			return err
		}
		if _, err := deleteMembership(ctx, tx, tenant, p.Key); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "user.member_removed", Subject: p.ID.String(),
			Detail: map[string]any{"role": m.Role}})
	})
}

// Members reads one page of a tenant's members.
func (s *Service) Members(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, page tenantry.Page) (list tenantry.List[Membership], err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersRead); err != nil {
		return list, err
	}
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		list, complete, err = selectMembers(ctx, tx, tenant, page)
		return complete, err
	})
	return list, err
}

// Memberships lists every tenant that a person belongs to.
func (s *Service) Memberships(ctx context.Context, scope tenantry.Scope, key tenantry.UserKey) (all []Membership, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return nil, err
	}
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		p, err := selectOne(ctx, tx, 0, ByKey(key))
		if err != nil {
			return true, err
		}
		all, err = selectMembershipsOf(ctx, tx, key)
		complete = p.Profile == nil
		for _, m := range all {
			complete = complete || m.Home
		}
		return complete, err
	})
	return all, err
}

// MembershipIn reads somebody's place in a tenant; ok is false for none.
func (s *Service) MembershipIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, key tenantry.UserKey) (m Membership, ok bool, err error) {
	if err := scope.RequireIn(tenant, tenantry.UsersRead); err != nil {
		return m, false, err
	}
	return selectMembership(ctx, tx, tenant, key)
}

// CountRole tells how many members of a tenant are in a role.
func CountRole(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, role string) (int64, error) {
	return countRole(ctx, tx, tenant, role)
}
