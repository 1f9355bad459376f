package user

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// What a data migration needs of this room: people in parts, within a transaction of
// the caller's, and a way back.

// CountUnplacedIn is CountMissingProfiles in a transaction of the caller's.
func (s *Service) CountUnplacedIn(ctx context.Context, tx *sqldb.Tx, p Placement) (int64, error) {
	return countUnplaced(ctx, tx, p)
}

// PlaceNextIn gives the next people without a profile one, at most limit of them,
// and returns who they were. Nobody is left when it returns fewer.
func (s *Service) PlaceNextIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, p Placement, after tenantry.UserKey, limit int64) ([]tenantry.UserKey, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return nil, err
	}
	found, err := selectUnplaced(ctx, tx, p, after, limit)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	p.After, p.Upto = after, found[len(found)-1]
	if _, err := placeAll(ctx, tx, p, s.clock()); err != nil {
		return nil, err
	}
	return found, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: p.Tenant, Action: "user.profiles_created", Detail: map[string]any{"count": len(found)}})
}

// TakeBackIn takes the profiles of people away whom PlaceNextIn placed on a tenant,
// of those that nobody has changed since. It returns how many.
func (s *Service) TakeBackIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, people []tenantry.UserKey) (int64, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil || len(people) == 0 {
		return 0, err
	}
	n, err := deleteUntouched(ctx, tx, tenant, people)
	if err != nil || n == 0 {
		return n, err
	}
	return n, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "user.profiles_removed", Detail: map[string]any{"count": n}})
}
