package token

import (
	"context"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Query says which tokens to list.
type Query struct {
	Tenant tenantry.TenantKey // zero: all that the scope reaches
	Kind   Kind               // "": every kind
	Old    bool               // only those whose older version was used after a newer one was made
	Page   tenantry.Page
}

// Listed is a token as a list shows it: with its newest version and what that is
// worth now.
type Listed struct {
	Token
	Newest Version // or, in Standings, each in turn
	State  State
	Reason Reason
	Due    bool
}

// List reads one page of tokens, in the order of tenants.
func (s *Service) List(ctx context.Context, scope tenantry.Scope, q Query) (page tenantry.List[Listed], err error) {
	if err := scope.Require(tenantry.TokensRead); err != nil {
		return page, err
	}
	if q.Tenant != 0 {
		if err := scope.RequireIn(q.Tenant, tenantry.TokensRead); err != nil {
			return page, err
		}
	} else {
		q.Tenant = scope.Tenant()
	}
	if q.Kind != "" && !slices.Contains(Kinds(), q.Kind) {
		return page, tenantry.NewError(tenantry.Invalid, "token.invalid").WithFields(tenantry.NewFieldError("kind", "field.not_one_of", "choices", Kinds()))
	}
	now := s.clock()
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		page, err = selectPage(ctx, tx, q, func(l *Listed, p Policy) { l.judge(s.settings.within(p), now) })
		return err
	})
	return page, err
}

func (l *Listed) judge(settings Settings, now time.Time) {
	life := l.life(l.Newest, settings)
	l.State, l.Reason, _ = life.at(now)
	l.Due = l.State == Active && life.due(now)
}

// Summary is how many tokens there are, and in which state.
type Summary struct {
	Tenants int64
	Tokens  map[Kind]int64
	Missing int64
	States  map[State]int64
	Due     int64
}

// Summarise counts all tokens. It reads every one.
func (s *Service) Summarise(ctx context.Context, scope tenantry.Scope) (sum Summary, err error) {
	if err := scope.RequirePlatform(tenantry.TokensRead); err != nil {
		return sum, err
	}
	now := s.clock()
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		sum = Summary{Tokens: map[Kind]int64{}, States: map[State]int64{}}
		if sum.Tenants, err = countTenants(ctx, tx); err != nil {
			return err
		}
		if sum.Missing, err = countMissing(ctx, tx, nil); err != nil {
			return err
		}
		return eachCurrent(ctx, tx, func(t Token, v Version, p Policy) {
			l := Listed{Token: t, Newest: v}
			l.judge(s.settings.within(p), now)
			sum.Tokens[t.Kind]++
			sum.States[l.State]++
			if l.Due {
				sum.Due++
			}
		})
	})
	return sum, err
}
