package token

import (
	"context"
	"fmt"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// ForeignFindings reports what is wrong with the tokens in Django's columns. It
// reads those only, so that it can speak of a database that is not ours yet.
func (s *Service) ForeignFindings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	c := &tenantry.Findings{}
	// A token that two tenants hold names neither: it must not authenticate.
	for _, r := range []tenantry.Rule{ofTenant("token.duplicate", tenantry.Critical, selectDuplicateColumns), ofTenant("token.missing", tenantry.Warning, selectMissingColumns)} {
		if err := c.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), r); err != nil {
			return nil, err
		}
	}
	err := eachColumn(ctx, tx, func(p place, text string) error {
		if !seal.Sealed(text) {
			s.judgeShape(c, p, text)
		}
		return nil
	})
	return c.All(), err
}

// Findings reports what is wrong with the tokens of a database that is ours, of the
// given tenants or, for nil, of all: whether each has both, what stands in the
// columns is what is known, and what is known verifies. It opens what is sealed.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	c, now := &tenantry.Findings{}, s.clock()
	rules := []tenantry.Rule{
		ofTenant("token.duplicate", tenantry.Critical, selectAmbiguous, now, now),
		ofTenant("token.missing", tenantry.Warning, selectMissingColumns),
		ofToken("token.not_in_directory", tenantry.Critical, selectUnlisted),
		ofToken("token.wrong_count", tenantry.Critical, selectMiscounted),
		ofToken("token.leftover", tenantry.Warning, selectLeftovers),
	}
	if only == nil { // a run belongs to no tenant
		rules = append(rules, tenantry.Rule{Code: "token.run_malformed", Severity: tenantry.Warning, Table: "tenantry_token_run",
			Text: `SELECT run_id, CAST(NULL AS bigint) FROM tenantry_token_run WHERE ` + tx.NotJSON("request") + ` ORDER BY run_id`})
	}
	for _, r := range rules {
		if err := c.Broken(sqldb.Asking(ctx, tx, only), r); err != nil {
			return nil, err
		}
	}
	if err := eachList(ctx, tx, only, func(tenant tenantry.TenantKey, id string, scopes, addresses sqldb.JSON) {
		if (&Token{}).unpack(scopes, addresses) != nil { // nobody could read the token
			c.Found("token.list_malformed", tenantry.Critical, "tenantry_token:"+id, tenant)
		}
	}); err != nil {
		return nil, err
	}
	err := s.judgeColumns(ctx, tx, c, only)
	return c.All(), err
}

func ofTenant(code string, severity tenantry.Severity, text string, args ...any) tenantry.Rule {
	return tenantry.Rule{Code: code, Severity: severity, Table: "tenants_tenantmodel", Text: text, Args: args}
}

func ofToken(code string, severity tenantry.Severity, text string, args ...any) tenantry.Rule {
	return tenantry.Rule{Code: code, Severity: severity, Table: "tenantry_token", Text: text, Args: args}
}

// judgeColumns compares every column with what is known of it.
func (s *Service) judgeColumns(ctx context.Context, tx *sqldb.Tx, c *tenantry.Findings, only []tenantry.TenantKey) error {
	ring, ringErr := s.keys.ToOpen(ctx)
	for after := tenantry.TenantKey(0); ; {
		page, err := selectStored(ctx, tx, only, after, batch, false)
		if err != nil || len(page) == 0 {
			return err
		}
		dead, err := selectDead(ctx, tx, strangers(page))
		if err != nil {
			return err
		}
		for _, row := range page {
			for i, kind := range Kinds() {
				s.judge(c, row, i, kind, dead, ring, ringErr)
			}
		}
		after = page[len(page)-1].tenant
	}
}

// Validate reports whether every column and what is known of it agree, and what has
// expired. (The seed's validate_tenant_tokens.)
func (s *Service) Validate(ctx context.Context, scope tenantry.Scope) ([]tenantry.Finding, error) {
	if err := scope.RequirePlatform(tenantry.TokensRead); err != nil {
		return nil, err
	}
	var found []tenantry.Finding
	err := s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) (err error) {
		if found, err = s.Findings(ctx, tx, nil); err != nil {
			return err
		}
		c := &tenantry.Findings{}
		if err := s.judgeLives(ctx, tx, c, s.clock(), false); err != nil {
			return err
		}
		found = append(found, c.All()...)
		return nil
	})
	tenantry.SortFindings(found)
	return found, err
}

// Audit reports what Validate does, and what has become of the tokens: due for
// rotation, never used, used after their end, old ones still in use. (The
// seed's audit_tenant_tokens.)
func (s *Service) Audit(ctx context.Context, scope tenantry.Scope) ([]tenantry.Finding, error) {
	found, err := s.Validate(ctx, scope)
	if err != nil {
		return nil, err
	}
	c := &tenantry.Findings{}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error { return s.judgeLives(ctx, tx, c, s.clock(), true) })
	found = append(found, c.All()...)
	tenantry.SortFindings(found)
	return found, err
}

// judge compares one column with what is known of it.
func (s *Service) judge(c *tenantry.Findings, row stored, i int, kind Kind, dead map[Digest]bool, ring *seal.Keyring, ringErr error) {
	p, text, k := place{row.tenant, kind}, row.of(kind), row.known[i]
	switch row.difference(i, kind) {
	case unknown, replaced, withdrawn, closed:
		if dead[DigestOf(text)] {
			c.Found("token.dead_in_column", tenantry.Critical, p.row(), p.tenant)
		} else {
			c.Found("token.unregistered", tenantry.Warning, p.row(), p.tenant)
		}
	}
	if text == "" {
		return
	}
	if !seal.Sealed(text) {
		if s.judgeShape(c, p, text); s.settings.Encrypt {
			c.Found("token.plain", tenantry.Warning, p.row(), p.tenant)
		}
		return
	}
	if ringErr != nil {
		c.Found("token.cannot_open", tenantry.Critical, p.row(), p.tenant).Params = map[string]any{"key": keyOf(text)}
		return
	}
	secret, version, err := p.open(ring, text)
	if err != nil {
		c.Found("token.cannot_open", tenantry.Critical, p.row(), p.tenant).Params = map[string]any{"key": keyOf(text)}
		return
	}
	digest := digestOf(secret)
	if k.version != 0 && (version != k.version || string(digest[:]) != string(k.digest)) {
		c.Found("token.differs", tenantry.Critical, p.row(), p.tenant)
	}
	s.judgeShape(c, p, secret.Reveal())
}

func keyOf(text string) uint32 {
	key, _, _ := seal.Visible(text)
	return key
}

// weak is fewer characters than 128 bits of chance have in URL-safe base64.
const weak = 22

func (s *Service) judgeShape(c *tenantry.Findings, p place, text string) {
	shape, kind := s.settings.ShapeOf(text)
	switch {
	case len(text) < weak:
		c.Found("token.weak", tenantry.Warning, p.row(), p.tenant)
	case shape == Malformed:
		c.Found("token.malformed", tenantry.Warning, p.row(), p.tenant) // it does not verify
	case shape == OtherShape || kind != p.kind:
		c.Found("token.odd_shape", tenantry.Notice, p.row(), p.tenant)
	}
}

func (p place) row() string { return fmt.Sprintf("tenants_tenantmodel:%d", p.tenant) }

// recently is how far back misuse and silence are looked for.
const recently = 30 * 24 * time.Hour

// judgeLives looks at every token's current version, and for course at how it and
// those before it are used.
func (s *Service) judgeLives(ctx context.Context, tx *sqldb.Tx, c *tenantry.Findings, now time.Time, course bool) error {
	if err := eachCurrent(ctx, tx, func(t Token, v Version, p Policy) {
		l := t.life(v, s.settings.within(p))
		row := "tenantry_token:" + t.ID.String()
		state, _, _ := l.at(now)
		switch {
		case !course && state == Expired:
			c.Found("token.expired", tenantry.Warning, row, t.Tenant)
		case !course, state == Revoked, state == Expired:
		case l.due(now):
			c.Found("token.due", tenantry.Notice, row, t.Tenant)
		}
		if course && state == Active && v.CreatedAt != nil && v.FirstUsedAt == nil && now.Sub(*v.CreatedAt) > recently {
			c.Found("token.never_used", tenantry.Notice, row, t.Tenant)
		}
	}); err != nil || !course {
		return err
	}
	if err := c.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), ofToken("token.used_after_end", tenantry.Warning, selectMisusedTokens, now.Add(-recently))); err != nil {
		return err
	}
	return c.Broken(sqldb.Asking[tenantry.TenantKey](ctx, tx, nil), ofToken("token.old_in_use", tenantry.Notice, selectStragglers))
}
