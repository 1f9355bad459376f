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
	c := &collection{}
	// A token that two tenants hold names neither: it must not authenticate.
	if err := c.sample(ctx, tx, "token.duplicate", tenantry.Critical, "tenants_tenantmodel:", selectDuplicateColumns); err != nil {
		return nil, err
	}
	if err := c.sample(ctx, tx, "token.missing", tenantry.Warning, "tenants_tenantmodel:", selectMissingColumns); err != nil {
		return nil, err
	}
	err := eachColumn(ctx, tx, func(p place, text string) error {
		if !seal.Sealed(text) {
			s.judgeShape(c, p, text)
		}
		return nil
	})
	return c.all(), err
}

// Findings reports what is wrong with the tokens of a database that is ours, as far
// as it shows without opening what is sealed.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	c := &collection{}
	if err := c.sample(ctx, tx, "token.duplicate", tenantry.Critical, "tenants_tenantmodel:", selectAmbiguous, s.clock(), s.clock()); err != nil {
		return nil, err
	}
	if err := c.sample(ctx, tx, "token.missing", tenantry.Warning, "tenants_tenantmodel:", selectMissingColumns); err != nil {
		return nil, err
	}
	if err := eachColumn(ctx, tx, func(p place, text string) error {
		if seal.Sealed(text) {
			return nil
		}
		s.judgeShape(c, p, text)
		if s.settings.Encrypt {
			c.add("token.plain", tenantry.Warning, p.row())
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return c.all(), nil
}

// Validate reports whether every column and what is known of it agree: it opens
// what is sealed and looks for what a Django process has written since. (The
// seed's validate_tenant_tokens.)
func (s *Service) Validate(ctx context.Context, scope tenantry.Scope) ([]tenantry.Finding, error) {
	if err := scope.RequirePlatform(tenantry.TokensRead); err != nil {
		return nil, err
	}
	ring, ringErr := s.keys.ToOpen(ctx)
	var found []tenantry.Finding
	err := s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if found, err = s.Findings(ctx, tx); err != nil {
			return err
		}
		c := &collection{}
		for after := tenantry.TenantKey(0); ; {
			page, err := selectStored(ctx, tx, after, batch, false)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
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
		if err := s.judgeLives(ctx, tx, c, s.clock(), false); err != nil {
			return err
		}
		found = append(found, c.all()...)
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
	c := &collection{}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error { return s.judgeLives(ctx, tx, c, s.clock(), true) })
	found = append(found, c.all()...)
	tenantry.SortFindings(found)
	return found, err
}

// judge compares one column with what is known of it.
func (s *Service) judge(c *collection, row stored, i int, kind Kind, dead map[Digest]bool, ring *seal.Keyring, ringErr error) {
	p, text, k := place{row.tenant, kind}, row.of(kind), row.known[i]
	switch row.difference(i, kind) {
	case unknown, replaced, withdrawn, closed:
		if dead[DigestOf(text)] {
			c.add("token.dead_in_column", tenantry.Critical, p.row())
		} else {
			c.add("token.unregistered", tenantry.Warning, p.row())
		}
	}
	if !seal.Sealed(text) {
		return
	}
	if ringErr != nil {
		c.add("token.cannot_open", tenantry.Critical, p.row(), "key", keyOf(text))
		return
	}
	secret, version, err := p.open(ring, text)
	if err != nil {
		c.add("token.cannot_open", tenantry.Critical, p.row(), "key", keyOf(text))
		return
	}
	digest := digestOf(secret)
	if k.version != 0 && (version != k.version || string(digest[:]) != string(k.digest)) {
		c.add("token.differs", tenantry.Critical, p.row())
	}
	s.judgeShape(c, p, secret.Reveal())
}

func keyOf(text string) uint32 {
	key, _, _ := seal.Visible(text)
	return key
}

// weak is fewer characters than 128 bits of chance have in URL-safe base64.
const weak = 22

func (s *Service) judgeShape(c *collection, p place, text string) {
	shape, kind := s.settings.ShapeOf(text)
	switch {
	case len(text) < weak:
		c.add("token.weak", tenantry.Warning, p.row())
	case shape == Malformed:
		c.add("token.malformed", tenantry.Warning, p.row()) // it does not verify
	case shape == OtherShape || kind != p.kind:
		c.add("token.odd_shape", tenantry.Notice, p.row())
	}
}

func (p place) row() string { return fmt.Sprintf("tenants_tenantmodel:%d", p.tenant) }

// recently is how far back misuse and silence are looked for.
const recently = 30 * 24 * time.Hour

// judgeLives looks at every token's current version, and for course at how it and
// those before it are used.
func (s *Service) judgeLives(ctx context.Context, tx *sqldb.Tx, c *collection, now time.Time, course bool) error {
	if err := eachCurrent(ctx, tx, func(t Token, v Version, p Policy) {
		l := t.life(v, s.settings.within(p))
		row := "tenantry_token:" + t.ID.String()
		state, _, _ := l.at(now)
		switch {
		case !course && state == Expired:
			c.add("token.expired", tenantry.Warning, row)
		case !course, state == Revoked, state == Expired:
		case l.due(now):
			c.add("token.due", tenantry.Notice, row)
		}
		if course && state == Active && v.CreatedAt != nil && v.FirstUsedAt == nil && now.Sub(*v.CreatedAt) > recently {
			c.add("token.never_used", tenantry.Notice, row)
		}
	}); err != nil || !course {
		return err
	}
	if err := c.sample(ctx, tx, "token.used_after_end", tenantry.Warning, "tenantry_token:", selectMisusedTokens, now.Add(-recently)); err != nil {
		return err
	}
	return c.sample(ctx, tx, "token.old_in_use", tenantry.Notice, "tenantry_token:", selectStragglers)
}

// collection gathers findings, with the first rows of each.
type collection struct{ found []tenantry.Finding }

func (c *collection) all() []tenantry.Finding { return c.found }

func (c *collection) add(code string, severity tenantry.Severity, row string, detail ...any) {
	for i := range c.found {
		f := &c.found[i]
		if f.Code != code {
			continue
		}
		f.Count++
		if len(f.Rows) < tenantry.FindingRows && f.Rows[len(f.Rows)-1] != row {
			f.Rows = append(f.Rows, row)
		}
		return
	}
	f := tenantry.Finding{Code: code, Severity: severity, Count: 1, Rows: []string{row}}
	if len(detail) > 0 { // one name and its value
		f.Params = map[string]any{detail[0].(string): detail[1]}
	}
	c.found = append(c.found, f)
}

func (c *collection) sample(ctx context.Context, tx *sqldb.Tx, code string, severity tenantry.Severity, table, query string, args ...any) error {
	n, ids, err := tx.Sample(ctx, tenantry.FindingRows, query, args...)
	if err == nil && n > 0 {
		for i := range ids {
			ids[i] = table + ids[i]
		}
		c.found = append(c.found, tenantry.Finding{Code: code, Severity: severity, Count: n, Rows: ids})
	}
	return err
}
