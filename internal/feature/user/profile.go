package user

import (
	"context"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// newProfile is what Django's model gives a profile that says nothing itself.
func newProfile(tenant tenantry.TenantKey) Profile {
	return Profile{Tenant: tenant, Language: "es", Timezone: "UTC", NotificationsEnabled: true, Permissions: sqldb.JSON("{}")}
}

// SaveProfile makes or changes the profile of a person whose home is a tenant.
// Somebody at home elsewhere is a Conflict, see Move.
func (s *Service) SaveProfile(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, ref Ref, c ProfileChange) (Person, error) {
	return s.SaveProfileIf(ctx, scope, tenant, ref, c, "")
}

// SaveProfileIn is SaveProfile within a transaction of the caller's.
func (s *Service) SaveProfileIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, key tenantry.UserKey, c ProfileChange) (Person, error) {
	if err := scope.RequireIn(tenant, tenantry.UsersWrite); err != nil {
		return Person{}, err
	}
	if err := lock(ctx, tx, key); err != nil {
		return Person{}, err
	}
	// A home elsewhere is behind the wall, and must be told from none.
	var p Person
	err := tx.AsProgram(ctx, func() (err error) {
		p, err = selectOne(ctx, tx, 0, ByKey(key))
		return err
	})
	if err != nil {
		return Person{}, err
	}
	switch {
	case p.Profile != nil && p.Profile.Tenant != tenant:
		return Person{}, tenantry.NewError(tenantry.Conflict, "user.home_elsewhere", "username", p.Username)
	case p.Profile == nil && scope.Tenant() != 0:
		// Who is at home with a tenant can be given a password by it. No tenant
		// takes in somebody who was there before.
		return Person{}, tenantry.NewError(tenantry.Forbidden, "user.not_at_home", "username", p.Username)
	}
	return s.saveProfile(ctx, tx, scope, tenant, p, c)
}

func (s *Service) saveProfile(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, p Person, c ProfileChange) (_ Person, err error) {
	m, member, err := selectMembership(ctx, tx, tenant, p.Key)
	if err != nil {
		return Person{}, err
	}
	old := newProfile(tenant)
	old.IsTenantAdmin = administers(m.Role)
	if p.Profile != nil {
		old = *p.Profile
		c = c.without(old)
		if c == (ProfileChange{}) {
			return p, nil
		}
	}
	if err := c.validate(old); err != nil {
		return Person{}, err
	}
	if err := s.mayGrant(ctx, tx, scope, tenant, old, m.Role, c); err != nil {
		return Person{}, err
	}
	now := s.clock()
	action := "user.profile_changed"
	if p.Profile == nil {
		action = "user.profile_created"
		if err := requireTenant(ctx, tx, tenant); err != nil {
			return Person{}, err
		}
		err = insertProfile(ctx, tx, p.Key, c.onto(old), now)
	} else {
		err = updateProfile(ctx, tx, p.Key, c, now)
	}
	if err != nil {
		return Person{}, err
	}
	// The home membership follows is_tenant_admin, unless its role says the same.
	if admin := c.onto(old).IsTenantAdmin; !member || administers(m.Role) != admin {
		role := RoleMember
		if admin {
			role = RoleAdmin
		}
		if err := upsertMembership(ctx, tx, tenant, p.Key, role, now); err != nil {
			return Person{}, err
		}
	}
	if err := s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: action, Subject: p.ID.String(), Detail: c.describe(old)}); err != nil {
		return Person{}, err
	}
	return selectOne(ctx, tx, scope.Tenant(), ByKey(p.Key))
}

// mayGrant: nobody gives, or takes, more than they hold themselves.
func (s *Service) mayGrant(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, old Profile, role string, c ProfileChange) error {
	if c.IsTenantAdmin != nil && *c.IsTenantAdmin != old.IsTenantAdmin {
		if err := s.mayHandOut(ctx, tx, scope, tenant, RoleAdmin); err != nil {
			return err
		}
		if err := s.mayTakeAway(ctx, tx, scope, tenant, role); err != nil {
			return err
		}
	}
	if c.Permissions == nil {
		return nil
	}
	before := granted(old.Permissions)
	for _, p := range granted(*c.Permissions) {
		if !slices.Contains(before, p) && !scope.May(p) {
			return tenantry.NewError(tenantry.Forbidden, "user.cannot_grant", "permission", string(p))
		}
	}
	return nil
}

// mayHandOut is mayGrant for a role, which must be one.
func (s *Service) mayHandOut(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, role string) error {
	grants, known, err := s.roles(ctx, tx, tenant, role)
	if err != nil {
		return err
	}
	if !known {
		return tenantry.NewError(tenantry.Invalid, "user.invalid").
			WithFields(tenantry.NewFieldError("role", "user.unknown_role", "role", shorten(role)))
	}
	return holdsAll(scope, grants)
}

// mayTakeAway is mayHandOut for a role that is stored. One that is no role grants
// nothing, so anybody may take it.
func (s *Service) mayTakeAway(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, role string) error {
	grants, _, err := s.roles(ctx, tx, tenant, role)
	if err != nil {
		return err
	}
	return holdsAll(scope, grants)
}

func holdsAll(scope tenantry.Scope, grants []tenantry.Permission) error {
	for _, p := range grants {
		if !scope.May(p) {
			return tenantry.NewError(tenantry.Forbidden, "user.cannot_grant", "permission", string(p))
		}
	}
	return nil
}

// Move gives a person another home tenant, or their first, and a role there;
// "" means member. What they were allowed in the old one ends with it. Only an
// operator moves people: it takes from one customer and gives to another.
func (s *Service) Move(ctx context.Context, scope tenantry.Scope, ref Ref, to tenantry.TenantKey, role string) (p Person, err error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return Person{}, err
	}
	if role == "" {
		role = RoleMember
	}
	seen, err := s.Get(ctx, scope, ref)
	if err != nil {
		return Person{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.mayHandOut(ctx, tx, scope, to, role); err != nil {
			return err
		}
		if err := lock(ctx, tx, seen.Key); err != nil {
			return err
		}
		old, err := selectOne(ctx, tx, 0, ByKey(seen.Key))
		if err != nil {
			return err
		}
		if old.Profile != nil && old.Profile.Tenant == to {
			p = old
			return nil
		}
		if err := requireTenant(ctx, tx, to); err != nil {
			return err
		}
		if err := s.rehome(ctx, tx, scope, old, to, role); err != nil {
			return err
		}
		p, err = selectOne(ctx, tx, 0, ByKey(old.Key))
		return err
	})
	return p, err
}

func (s *Service) rehome(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, old Person, to tenantry.TenantKey, role string) error {
	now := s.clock()
	moved := audit.Event{Tenant: to, Action: "user.moved_in", Subject: old.ID.String(), Detail: map[string]any{"role": role}}
	if old.Profile == nil {
		f := newProfile(to)
		f.IsTenantAdmin = administers(role)
		if err := insertProfile(ctx, tx, old.Key, f, now); err != nil {
			return err
		}
	} else {
		f := *old.Profile
		f.Tenant, f.IsTenantAdmin, f.Permissions = to, administers(role), withoutGrants(f.Permissions)
		if err := updateHome(ctx, tx, old.Key, f, now); err != nil {
			return err
		}
		if _, err := deleteMembership(ctx, tx, old.Profile.Tenant, old.Key); err != nil {
			return err
		}
		left := audit.Event{Tenant: old.Profile.Tenant, Action: "user.moved_out", Subject: old.ID.String()}
		if err := s.audit.Record(ctx, tx, scope, left); err != nil {
			return err
		}
	}
	if err := upsertMembership(ctx, tx, to, old.Key, role, now); err != nil {
		return err
	}
	return s.audit.Record(ctx, tx, scope, moved)
}

// CountMissingProfiles tells for how many people CreateMissingProfilesIn would
// make a profile.
func (s *Service) CountMissingProfiles(ctx context.Context, scope tenantry.Scope, p Placement) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		n, err = countUnplaced(ctx, tx, p)
		return err
	})
	return n, err
}

// CreateMissingProfilesIn gives every person without a profile one on the
// placement's tenant (the seed's create_user_profiles), and a membership that
// allows nothing unless they are members there already. The tenant must have its
// row in tenantry_tenant. It returns how many profiles were made.
func (s *Service) CreateMissingProfilesIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, p Placement) (int64, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return 0, err
	}
	f := newProfile(p.Tenant)
	if err := (ProfileChange{Language: &p.Language, Timezone: &p.Timezone}).validate(f); err != nil {
		return 0, err
	}
	if err := requireTenant(ctx, tx, p.Tenant); err != nil {
		return 0, err
	}
	// First of all, so that whoever had a profile before becomes a member by it and
	// is not taken for one of the new.
	if _, err := fillMissing(ctx, tx, s.random, func(int64, int64) {}); err != nil {
		return 0, err
	}
	made, err := placeAll(ctx, tx, p, s.clock())
	if err != nil || made == 0 {
		return made, err
	}
	return made, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: p.Tenant, Action: "user.profiles_created", Detail: map[string]any{"count": made}})
}

// RemoveProfilesIn takes the profiles and memberships of a tenant that is being
// removed; the people stay. It returns how many profiles there were.
func (s *Service) RemoveProfilesIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey) (int64, error) {
	if err := scope.RequirePlatform(tenantry.TenantsDelete); err != nil {
		return 0, err
	}
	n, err := deleteOfTenant(ctx, tx, tenant)
	if err != nil {
		return 0, err
	}
	return n, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "user.profiles_removed", Detail: map[string]any{"count": n}})
}

// onto is the profile that a change makes of another.
func (c ProfileChange) onto(f Profile) Profile {
	set(&f.Phone, c.Phone)
	set(&f.Avatar, c.Avatar)
	set(&f.Bio, c.Bio)
	set(&f.Language, c.Language)
	set(&f.Timezone, c.Timezone)
	set(&f.NotificationsEnabled, c.NotificationsEnabled)
	set(&f.IsTenantAdmin, c.IsTenantAdmin)
	if c.Permissions != nil {
		f.Permissions = *c.Permissions
	}
	return f
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// without drops from a change what is so already.
func (c ProfileChange) without(f Profile) ProfileChange {
	drop(&c.Phone, f.Phone)
	drop(&c.Avatar, f.Avatar)
	drop(&c.Bio, f.Bio)
	drop(&c.Language, f.Language)
	drop(&c.Timezone, f.Timezone)
	drop(&c.NotificationsEnabled, f.NotificationsEnabled)
	drop(&c.IsTenantAdmin, f.IsTenantAdmin)
	if c.Permissions != nil && sameJSON(*c.Permissions, f.Permissions) {
		c.Permissions = nil
	}
	return c
}

func drop[T comparable](p **T, stored T) {
	if *p != nil && **p == stored {
		*p = nil
	}
}

// describe is what the audit keeps of a change: before and after of what decides
// over rights, and only the names of what is personal.
func (c ProfileChange) describe(old Profile) map[string]any {
	detail := map[string]any{}
	for name, written := range map[string]bool{"phone": c.Phone != nil, "avatar": c.Avatar != nil, "bio": c.Bio != nil,
		"language": c.Language != nil, "timezone": c.Timezone != nil, "notifications_enabled": c.NotificationsEnabled != nil} {
		if written {
			detail[name] = "changed"
		}
	}
	if c.IsTenantAdmin != nil {
		detail["is_tenant_admin"] = []any{old.IsTenantAdmin, *c.IsTenantAdmin}
	}
	if c.Permissions != nil {
		detail["permissions"] = []any{granted(old.Permissions), granted(*c.Permissions)}
	}
	return detail
}
