package token

import (
	"context"
	"net/netip"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Held is what the directory knows of a secret that somebody holds.
type Held struct {
	Digest    Digest
	Tenant    tenantry.TenantKey
	Token     tenantry.TokenID
	Kind      Kind
	Version   int64
	Ambiguous bool // several tenants have it: it names none of them
	State     State
	Reason    Reason    // why it ended
	Until     time.Time // State holds until then if nobody does anything; zero is for ever
	Scopes    []string
	Addresses []netip.Prefix
	// FirstUse: an older version ends when this one is first used, which is now.
	FirstUse bool
}

const selectHeld = `SELECT d.digest, d.tenant_id, d.token_id, d.version, d.ambiguous, t.kind, t.scopes, t.allowed_addresses, t.expires_at, t.revoked_reason,
	p.max_age, p.rotate_after, p.grace, p.idle_age,
	v.first_used_at IS NULL AND v.version > 1 AND EXISTS (SELECT 1 FROM tenantry_token_version o WHERE o.tenant_id = v.tenant_id AND o.token_id = v.token_id
		AND o.version < v.version AND o.retire_on_use AND o.revoked_reason = ''),
	` + versionColumns + `
	FROM tenantry_token_digest d
	JOIN tenantry_token_version v ON v.tenant_id = d.tenant_id AND v.token_id = d.token_id AND v.version = d.version
	JOIN tenantry_token t ON t.tenant_id = d.tenant_id AND t.token_id = d.token_id
	LEFT JOIN tenantry_token_policy p ON p.tenant_id = d.tenant_id`

func (s *Service) scanHeld(r *sqldb.Rows, now time.Time) (h Held, err error) {
	var t Token
	var v Version
	var policy policyRow
	var scopes, addresses sqldb.JSON
	var digest []byte
	var ended Reason
	dest := []any{&digest, &h.Tenant, &h.Token, &h.Version, &h.Ambiguous, &h.Kind, &scopes, &addresses, &t.ExpiresAt, &ended}
	dest = append(append(append(dest, policy.fields()...), &h.FirstUse), v.fields()...)
	if err := r.Scan(dest...); err != nil {
		return h, err
	}
	if err := t.unpack(scopes, addresses); err != nil {
		return h, err
	}
	copy(h.Digest[:], digest)
	h.Scopes, h.Addresses = t.Scopes, t.AllowedAddresses
	if len(h.Scopes) == 0 {
		h.Scopes = h.Kind.Scopes()
	}
	h.State, h.Reason, h.Until = life{version: v, tokenExpires: t.ExpiresAt, tokenRevoked: ended, settings: s.settings.within(policy.policy())}.at(now)
	return h, nil
}

// LookUpIn finds what is known of a digest, and what it is worth at an instant. One
// that nobody has ever had is NotFound.
func (s *Service) LookUpIn(ctx context.Context, tx *sqldb.Tx, d Digest, now time.Time) (Held, error) {
	found, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (Held, error) { return s.scanHeld(r, now) }, selectHeld+` WHERE d.digest = ?`, d[:])
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "token.not_found")
	}
	if err != nil {
		return Held{}, err
	}
	return found[0], nil
}

// UsableIn lists the versions that work, of the tenants from first to last, to be
// remembered before anybody asks.
func (s *Service) UsableIn(ctx context.Context, tx *sqldb.Tx, first, last tenantry.TenantKey, now time.Time) (all []Held, err error) {
	// The directory is found by digest only; without one it would be read whole for
	// every stretch of tenants.
	rows, err := tx.Query(ctx, selectHeld+` WHERE v.tenant_id BETWEEN ? AND ? AND d.digest = v.digest AND v.revoked_reason = ''`, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		h, err := s.scanHeld(rows, now)
		if err != nil {
			return nil, err
		}
		if !h.Ambiguous && !h.FirstUse && (h.State == Active || h.State == Retiring) {
			all = append(all, h)
		}
	}
	return all, rows.Err()
}

// Begin notes the first use of a version, which ends the versions before it that
// wait for that.
func (s *Service) Begin(ctx context.Context, h Held) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := lockToken(ctx, tx, h.Tenant, h.Token); err != nil {
			return err
		}
		now := s.clock()
		ended, err := endOnUse(ctx, tx, h, now)
		if err != nil || ended == 0 {
			return err
		}
		return changed(ctx, tx, h.Tenant)
	})
}
