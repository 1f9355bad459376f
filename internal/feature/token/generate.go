package token

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// CountMissing tells how many tokens are missing, of one tenant or, for zero,
// of all.
func (s *Service) CountMissing(ctx context.Context, scope tenantry.Scope, only tenantry.TenantKey) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		n, err = countMissing(ctx, tx, sqldb.Just(only))
		return err
	})
	return n, err
}

// batch is how many tenants are dealt with in one transaction: enough to make
// the commits cheap, few enough that other writers get their turn.
const batch = 5000

// GenerateMissing gives every tenant without an ai_token or a cwu_token a new
// one, and leaves those it has alone (the seed's generate_tenant_tokens). only
// limits it to one tenant unless it is zero. It returns how many tokens were
// made. Interrupted, it goes on where it stopped when called again.
func (s *Service) GenerateMissing(ctx context.Context, scope tenantry.Scope, only tenantry.TenantKey, progress func(done int64)) (total int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	for after := tenantry.TenantKey(0); ; {
		var last tenantry.TenantKey
		var tokens int64
		err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
			last, tokens = 0, 0
			found, err := selectMissing(ctx, tx, sqldb.Just(only), after, batch, true)
			if err != nil || len(found) == 0 {
				return err
			}
			last = found[len(found)-1].tenant
			made, err := s.fillIn(ctx, tx, scope, found)
			tokens = int64(len(made))
			return err
		})
		if err != nil {
			return total, err
		}
		if last == 0 {
			return total, nil
		}
		after = last
		total += tokens
		progress(total)
	}
}

// issued is what the audit keeps of made tokens: which, never what.
type issued struct {
	AI  bool `json:"ai"`
	CWU bool `json:"cwu"`
}

// fillIn gives tenants, in the order of their keys, the tokens that they lack. A
// token whose column was emptied gets a new version; nothing that came before it
// works any more.
func (s *Service) fillIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, found []missing) ([]fresh, error) {
	first, last := found[0].tenant, found[len(found)-1].tenant
	homes, err := selectHomeIDs(ctx, tx, first, last)
	if err != nil {
		return nil, err
	}
	policies, err := selectPolicies(ctx, tx, first, last)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	made := make([]fresh, 0, 2*len(found))
	events := make([]audit.Event, len(found))
	var again []tenantry.TenantKey // tenants of which others may remember something
	for i, m := range found {
		settings := s.settings.within(policies[m.tenant])
		for _, kind := range m.kinds() {
			f, err := s.fresh(m.tenant, kind, settings, now)
			if err != nil {
				return nil, err
			}
			f.home = true
			if old, there := homes[m.tenant][kind]; there {
				f.id, f.version = old.ID, old.Current+1
				again = append(again, m.tenant)
			} else {
				f.id, f.version = tenantry.NewTokenID(now, s.random), 1
				f.token = &Token{CreatedBy: scope.Actor().Name}
			}
			made = append(made, f)
		}
		events[i] = audit.Event{Tenant: m.tenant, Action: "token.issued", Detail: issued{AI: m.needsAI, CWU: m.needsCWU}}
	}
	if err := s.write(ctx, tx, made, now); err != nil {
		return nil, err
	}
	if err := endPredecessors(ctx, tx, made, Withdrawn, now); err != nil {
		return nil, err
	}
	if err := changed(ctx, tx, again...); err != nil {
		return nil, err
	}
	return made, s.audit.RecordAll(ctx, tx, scope, events)
}

// write stores fresh secrets everywhere they belong.
func (s *Service) write(ctx context.Context, tx *sqldb.Tx, made []fresh, now time.Time) error {
	if err := s.sealColumns(ctx, tx, made); err != nil {
		return err
	}
	if err := insertFresh(ctx, tx, made); err != nil {
		return err
	}
	if err := advance(ctx, tx, made); err != nil {
		return err
	}
	return writeColumns(ctx, tx, made, now)
}
