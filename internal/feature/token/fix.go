package token

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Fixed is what was put right.
type Fixed struct {
	Reconciled Reconciled `json:"reconciled"`
	Generated  int64      `json:"generated"`
	Rotated    int64      `json:"rotated"` // duplicates, of each all but the oldest
	Sealed     int64      `json:"sealed"`
}

// Fix puts right what can be without anybody losing a token that works: columns
// that a Django process wrote, missing tokens, duplicates, which work for nobody,
// and with ENCRYPT_TOKENS plain columns.
func (s *Service) Fix(ctx context.Context, scope tenantry.Scope) (done Fixed, err error) {
	none := func(int64) {}
	if done.Reconciled, err = s.Reconcile(ctx, scope, none); err != nil {
		return done, err
	}
	if done.Rotated, err = s.rotateDuplicates(ctx, scope); err != nil {
		return done, err
	}
	if done.Generated, err = s.GenerateMissing(ctx, scope, 0, none); err != nil {
		return done, err
	}
	if s.settings.Encrypt {
		treated, err := s.TreatColumns(ctx, scope, Encrypt, none)
		done.Sealed = treated.Done
		return done, err
	}
	return done, nil
}

// rotateDuplicates gives every tenant but the oldest that has a token of another
// tenant's a new one.
func (s *Service) rotateDuplicates(ctx context.Context, scope tenantry.Scope) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		newer, err := selectNewerDuplicates(ctx, tx)
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
