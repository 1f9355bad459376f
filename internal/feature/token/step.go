package token

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// What a data migration needs of this room: work on given tenants, within a
// transaction of the caller's, and a way back.

// Issued names a secret that GenerateIn made, never the secret itself.
type Issued struct {
	Token   tenantry.TokenID `json:"token"`
	Version int64            `json:"version"`
}

// CountMissingIn tells how many tokens each of some tenants lacks.
func (s *Service) CountMissingIn(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
	found, err := selectMissing(ctx, tx, tenants, 0, len(tenants), false)
	counts := make(map[tenantry.TenantKey]int64, len(found))
	for _, m := range found {
		counts[m.tenant] = int64(len(m.kinds()))
	}
	return counts, err
}

// GenerateIn is GenerateMissing for some tenants, in the order of their keys.
func (s *Service) GenerateIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey][]Issued, error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return nil, err
	}
	found, err := selectMissing(ctx, tx, tenants, 0, len(tenants), true)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	made, err := s.fillIn(ctx, tx, scope, found)
	if err != nil {
		return nil, err
	}
	all := make(map[tenantry.TenantKey][]Issued, len(found))
	for _, f := range made {
		all[f.tenant] = append(all[f.tenant], Issued{f.id, f.version})
	}
	return all, nil
}

// WithdrawIn takes secrets back that GenerateIn made, unless they have a successor:
// their column is empty again. It returns how many.
func (s *Service) WithdrawIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, all []Issued) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	for _, one := range all {
		current, err := lockToken(ctx, tx, tenant, one.Token)
		if tenantry.KindOf(err) == tenantry.NotFound || err == nil && current != one.Version {
			continue
		}
		if err != nil {
			return n, err
		}
		if err := s.revokeIn(ctx, tx, scope, tenant, one.Token, one.Version, Administrative); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// CountTreatable tells how many columns of each of some tenants a treatment is for.
func (s *Service) CountTreatable(ctx context.Context, tx *sqldb.Tx, t Treatment, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
	fits, err := s.fits(ctx, t)
	if err != nil {
		return nil, err
	}
	found, err := selectColumns(ctx, tx, fits, tenants, 0, len(tenants), false)
	counts := make(map[tenantry.TenantKey]int64, len(found))
	for _, c := range found {
		for _, kind := range Kinds() {
			if fits.this(c.of(kind)) {
				counts[c.tenant]++
			}
		}
	}
	return counts, err
}

// TreatIn is TreatColumns for some tenants, in the order of their keys. One whose
// sealed text would not fit is an Invalid.
func (s *Service) TreatIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, t Treatment, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return nil, err
	}
	fits, err := s.fits(ctx, t)
	if err != nil {
		return nil, err
	}
	found, err := selectColumns(ctx, tx, fits, tenants, 0, len(tenants), true)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	did, err := s.treat(ctx, tx, t, fits, found)
	if err != nil {
		return nil, err
	}
	if did.TooLong > 0 {
		return nil, tenantry.NewError(tenantry.Invalid, "token.does_not_fit")
	}
	return did.of, nil
}
