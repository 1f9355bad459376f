package token

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Repairs are the findings that RepairIn or Fix puts right.
func Repairs() []string {
	return []string{"token.leftover", "token.wrong_count", "token.not_in_directory", "token.unregistered", "token.duplicate", "token.missing", "token.plain"}
}

// RepairIn makes the directory and the counts of versions what the versions
// themselves say, and takes away tokens of tenants that do not exist. It reports
// what it did in the form of findings. A digest that two working versions have is
// left to somebody's judgement.
func (s *Service) RepairIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, only []tenantry.TenantKey, wanted func(code string) bool) ([]tenantry.Finding, error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return nil, err
	}
	var c tenantry.Findings
	for _, r := range []tenantry.Rule{
		ofToken("token.leftover", tenantry.Warning, deleteLeftovers),
		ofToken("token.wrong_count", tenantry.Critical, updateMiscounted),
		ofToken("token.not_in_directory", tenantry.Critical, insertUnlisted),
		ofToken("token.not_in_directory", tenantry.Critical, updateUnlisted),
	} {
		if !wanted(r.Code) {
			continue
		}
		if err := c.Broken(sqldb.Asking(ctx, tx, only), r); err != nil {
			return nil, err
		}
	}
	for _, f := range c.All() {
		if err := changed(ctx, tx, f.Tenants...); err != nil {
			return nil, err
		}
	}
	return c.All(), s.audit.RecordAll(ctx, tx, scope, audit.Repairs(c.All()))
}

// Fixed is what was put right.
type Fixed struct {
	Reconciled Reconciled `json:"reconciled"`
	Generated  int64      `json:"generated"`
	Rotated    int64      `json:"rotated"` // duplicates, of each all but the oldest
	Sealed     int64      `json:"sealed"`
}

// Fix puts right, for one tenant or for zero for all, what can be without anybody
// losing a token that works: columns that a Django process wrote, missing tokens,
// duplicates, which work for nobody, and with ENCRYPT_TOKENS plain columns.
func (s *Service) Fix(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey) (done Fixed, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return done, err
	}
	only, none := sqldb.Just(tenant), func(int64) {}
	if done.Reconciled, err = s.reconcile(ctx, scope, only, none); err != nil {
		return done, err
	}
	if done.Rotated, err = s.rotateDuplicates(ctx, scope, only); err != nil {
		return done, err
	}
	if done.Generated, err = s.GenerateMissing(ctx, scope, tenant, none); err != nil {
		return done, err
	}
	if s.settings.Encrypt {
		treated, err := s.treatColumns(ctx, scope, Encrypt, only, none)
		done.Sealed = treated.Done
		return done, err
	}
	return done, nil
}

// rotateDuplicates gives every tenant but the oldest that has a token of another
// tenant's a new one.
func (s *Service) rotateDuplicates(ctx context.Context, scope tenantry.Scope, only []tenantry.TenantKey) (n int64, err error) {
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		newer, err := selectNewerDuplicates(ctx, tx, only)
		if err != nil {
			return err
		}
		now := s.clock()
		for _, d := range newer {
			f, err := s.fresh(d.tenant, d.kind, s.settings, now)
			if err != nil {
				return err
			}
			f.id, f.home, f.version = d.id, d.home, d.version+1
			if err := s.rotateIn(ctx, tx, scope, []fresh{f}, Rotation{Ended: Duplicate}, now); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
