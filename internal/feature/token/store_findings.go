package token

import (
	"context"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	selectDuplicateColumns = `WITH held AS (SELECT id, ai_token AS token FROM tenants_tenantmodel WHERE ai_token <> '' AND ai_token NOT LIKE 'sealed:%'
			UNION ALL SELECT id, cwu_token FROM tenants_tenantmodel WHERE cwu_token <> '' AND cwu_token NOT LIKE 'sealed:%')
		SELECT DISTINCT id FROM held WHERE token IN (SELECT token FROM held GROUP BY token HAVING count(*) > 1) ORDER BY id`
	selectMissingColumns = `SELECT id FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = '' ORDER BY id`
	selectAmbiguous      = `SELECT DISTINCT v.tenant_id FROM tenantry_token_version v
		WHERE v.digest IN (SELECT digest FROM tenantry_token_digest WHERE ambiguous) AND v.revoked_reason = ''
		AND (v.retire_at IS NULL OR v.retire_at > ?) AND (v.expires_at IS NULL OR v.expires_at > ?) ORDER BY v.tenant_id`
	selectMisusedTokens = `SELECT DISTINCT token_id FROM tenantry_token_version WHERE misused_at > ? ORDER BY token_id`
	// selectStragglers: an older version that was used after a newer one was made.
	selectStragglers = `SELECT DISTINCT v.token_id FROM tenantry_token_version v
		JOIN tenantry_token t ON t.tenant_id = v.tenant_id AND t.token_id = v.token_id AND v.version < t.current_version
		JOIN tenantry_token_version n ON n.tenant_id = t.tenant_id AND n.token_id = t.token_id AND n.version = t.current_version
		WHERE v.revoked_reason = '' AND v.last_used_at > n.created_at ORDER BY v.token_id`
)

// eachColumn calls fn with every token that stands in a column of Django's.
func eachColumn(ctx context.Context, tx *sqldb.Tx, fn func(p place, text string) error) error {
	rows, err := tx.Query(ctx, `SELECT id, ai_token, cwu_token FROM tenants_tenantmodel WHERE ai_token <> '' OR cwu_token <> '' ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c columns
		if err := rows.Scan(&c.tenant, &c.ai, &c.cwu); err != nil {
			return err
		}
		for _, kind := range Kinds() {
			if text := c.of(kind); text != "" {
				if err := fn(place{c.tenant, kind}, text); err != nil {
					return err
				}
			}
		}
	}
	return rows.Err()
}

// eachCurrent calls fn with every token and its newest version.
func eachCurrent(ctx context.Context, tx *sqldb.Tx, fn func(Token, Version, Policy)) error {
	rows, err := tx.Query(ctx, `SELECT t.tenant_id, t.token_id, t.kind, t.current_version, t.expires_at, t.revoked_at, t.revoked_reason,
			p.max_age, p.rotate_after, p.grace, p.idle_age, `+versionColumns+`
		FROM tenantry_token t
		JOIN tenantry_token_version v ON v.tenant_id = t.tenant_id AND v.token_id = t.token_id AND v.version = t.current_version
		LEFT JOIN tenantry_token_policy p ON p.tenant_id = t.tenant_id ORDER BY t.tenant_id, t.token_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t Token
		var v Version
		var policy policyRow
		dest := append([]any{&t.Tenant, &t.ID, &t.Kind, &t.Current, &t.ExpiresAt, &t.RevokedAt, &t.RevokedReason}, policy.fields()...)
		if err := rows.Scan(append(dest, v.fields()...)...); err != nil {
			return err
		}
		fn(t, v, policy.policy())
	}
	return rows.Err()
}

// selectNewerDuplicates finds the current versions whose secret another tenant had
// before: all of a digest's but the oldest tenant's.
func selectNewerDuplicates(ctx context.Context, tx *sqldb.Tx) ([]fresh, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (f fresh, err error) {
		return f, r.Scan(&f.tenant, &f.id, &f.kind, &f.home, &f.version)
	}, `SELECT tenant_id, token_id, kind, home, version FROM (
		SELECT t.tenant_id, t.token_id, t.kind, t.home, v.version, row_number() OVER (PARTITION BY v.digest ORDER BY m.created_at, t.tenant_id, t.token_id) AS place
		FROM tenantry_token_version v
		JOIN tenantry_token t ON t.tenant_id = v.tenant_id AND t.token_id = v.token_id AND t.current_version = v.version
		JOIN tenants_tenantmodel m ON m.id = t.tenant_id
		WHERE v.digest IN (SELECT digest FROM tenantry_token_digest WHERE ambiguous) AND v.revoked_reason = '') AS held
		WHERE place > 1 ORDER BY tenant_id, token_id`)
}
