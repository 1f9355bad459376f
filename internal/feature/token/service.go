package token

import (
	"context"
	"io"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Service holds the rules of tokens.
type Service struct {
	db       *sqldb.DB
	audit    *audit.Log
	settings Settings
	clock    tenantry.Clock
	random   io.Reader
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, settings Settings, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, settings: settings, clock: clock, random: random}
}

// IssueIn gives a new tenant both tokens, within the transaction that makes it.
// A tenant that has one already is a Conflict: replacing a token is a rotation.
func (s *Service) IssueIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey) (Pair, error) {
	if err := scope.RequireIn(tenant, tenantry.TokensWrite); err != nil {
		return Pair{}, err
	}
	pair, err := s.settings.generatePair(s.random)
	if err != nil {
		return Pair{}, err
	}
	n, err := fill(ctx, tx, []missing{{tenant: tenant, ai: pair.AI, cwu: pair.CWU}}, s.clock())
	if err != nil {
		return Pair{}, err
	}
	if n != 1 {
		return Pair{}, tenantry.NewError(tenantry.Conflict, "token.exists")
	}
	return pair, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "token.issued", Detail: made{AI: true, CWU: true}})
}

// made is what the audit keeps of issued tokens: which, never what.
type made struct {
	AI  bool `json:"ai"`
	CWU bool `json:"cwu"`
}

// CountMissing tells how many tokens are missing, of one tenant or, for zero,
// of all.
func (s *Service) CountMissing(ctx context.Context, scope tenantry.Scope, only tenantry.TenantKey) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		n, err = countMissing(ctx, tx, only)
		return err
	})
	return n, err
}

// batch is how many tenants are given tokens in one transaction: enough to make
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
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			last, tokens = 0, 0
			found, err := selectMissing(ctx, tx, only, after, batch)
			if err != nil || len(found) == 0 {
				return err
			}
			events := make([]audit.Event, len(found))
			for i := range found {
				m := &found[i]
				did := made{AI: m.needsAI, CWU: m.needsCWU}
				if m.needsAI {
					if m.ai, err = s.settings.generate(AI, s.random); err != nil {
						return err
					}
					tokens++
				}
				if m.needsCWU {
					if m.cwu, err = s.settings.generate(CWU, s.random); err != nil {
						return err
					}
					tokens++
				}
				events[i] = audit.Event{Tenant: m.tenant, Action: "token.issued", Detail: did}
			}
			last = found[len(found)-1].tenant
			if _, err := fill(ctx, tx, found, s.clock()); err != nil {
				return err
			}
			return s.audit.RecordAll(ctx, tx, scope, events)
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

// Findings reports what is wrong with stored tokens. It reads Django's columns
// only, so that it can speak of a database that is not ours yet.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	return findings(ctx, tx, s.settings)
}
