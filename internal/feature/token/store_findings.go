package token

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	selectDuplicateColumns = `WITH held AS (SELECT id, ai_token AS token FROM tenants_tenantmodel WHERE ai_token <> '' AND ai_token NOT LIKE 'sealed:%'
			UNION ALL SELECT id, cwu_token FROM tenants_tenantmodel WHERE cwu_token <> '' AND cwu_token NOT LIKE 'sealed:%')
		SELECT DISTINCT id, id FROM held WHERE token IN (SELECT token FROM held GROUP BY token HAVING count(*) > 1) ORDER BY id`
	selectMissingColumns = `SELECT id, id FROM tenants_tenantmodel WHERE (ai_token = '' OR cwu_token = '') AND {id} ORDER BY id`
	selectAmbiguous      = `SELECT DISTINCT v.tenant_id, v.tenant_id FROM tenantry_token_version v
		WHERE v.digest IN (SELECT digest FROM tenantry_token_digest WHERE ambiguous) AND v.revoked_reason = ''
		AND (v.retire_at IS NULL OR v.retire_at > ?) AND (v.expires_at IS NULL OR v.expires_at > ?) AND {v.tenant_id} ORDER BY v.tenant_id`
	// unlisted is a version v that works and that the directory does not lead to.
	unlisted = `v.revoked_reason = '' AND NOT EXISTS (SELECT 1 FROM tenantry_token_digest d WHERE d.digest = v.digest
		AND (d.ambiguous OR d.tenant_id = v.tenant_id AND d.token_id = v.token_id AND d.version = v.version))`
	selectUnlisted = `SELECT v.token_id, v.tenant_id FROM tenantry_token_version v WHERE ` + unlisted + ` AND {v.tenant_id}`
	// miscounted is a token t whose current version is not its newest.
	miscounted       = `t.current_version <> COALESCE((SELECT max(v.version) FROM tenantry_token_version v WHERE v.tenant_id = t.tenant_id AND v.token_id = t.token_id), 0)`
	selectMiscounted = `SELECT t.token_id, t.tenant_id FROM tenantry_token t WHERE ` + miscounted + ` AND {t.tenant_id}`
	// ownerless: a foreign key forbids it, but on SQLite only to those who ask for it.
	ownerless           = `NOT EXISTS (SELECT 1 FROM tenants_tenantmodel m WHERE m.id = t.tenant_id)`
	selectLeftovers     = `SELECT t.token_id, t.tenant_id FROM tenantry_token t WHERE ` + ownerless + ` AND {t.tenant_id}`
	selectMisusedTokens = `SELECT DISTINCT token_id, tenant_id FROM tenantry_token_version WHERE misused_at > ? ORDER BY token_id`
	// selectStragglers: an older version that was used after a newer one was made.
	selectStragglers = `SELECT DISTINCT v.token_id, v.tenant_id FROM tenantry_token_version v
		JOIN tenantry_token t ON t.tenant_id = v.tenant_id AND t.token_id = v.token_id AND v.version < t.current_version
		JOIN tenantry_token_version n ON n.tenant_id = t.tenant_id AND n.token_id = t.token_id AND n.version = t.current_version
		WHERE v.revoked_reason = '' AND v.last_used_at > n.created_at`
)

// eachList calls fn with the lists of every token that has one.
func eachList(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, fn func(tenant tenantry.TenantKey, id string, scopes, addresses sqldb.JSON)) error {
	text, args := sqldb.Limited(tx, only, `SELECT tenant_id, token_id, scopes, allowed_addresses FROM tenantry_token
		WHERE (scopes <> '[]' OR allowed_addresses <> '[]') AND {tenant_id} ORDER BY tenant_id, token_id`)
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant tenantry.TenantKey
		var id string
		var scopes, addresses sqldb.JSON
		if err := rows.Scan(&tenant, &id, &scopes, &addresses); err != nil {
			return err
		}
		fn(tenant, id, scopes, addresses)
	}
	return rows.Err()
}

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
func selectNewerDuplicates(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]fresh, error) {
	text, args := sqldb.Limited(tx, only, newerDuplicates)
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (f fresh, err error) {
		return f, r.Scan(&f.tenant, &f.id, &f.kind, &f.home, &f.version)
	}, text, args...)
}

const newerDuplicates = `SELECT tenant_id, token_id, kind, home, version FROM (
	SELECT t.tenant_id, t.token_id, t.kind, t.home, v.version, row_number() OVER (PARTITION BY v.digest ORDER BY m.created_at, t.tenant_id, t.token_id) AS place
	FROM tenantry_token_version v
	JOIN tenantry_token t ON t.tenant_id = v.tenant_id AND t.token_id = v.token_id AND t.current_version = v.version
	JOIN tenants_tenantmodel m ON m.id = t.tenant_id
	WHERE v.digest IN (SELECT digest FROM tenantry_token_digest WHERE ambiguous) AND v.revoked_reason = '') AS held
	WHERE place > 1 AND {tenant_id} ORDER BY tenant_id, token_id`

// Each of these finds the rows of the finding of its name again.
const (
	deleteLeftovers  = `DELETE FROM tenantry_token AS t WHERE ` + ownerless + ` AND {t.tenant_id} RETURNING token_id, tenant_id`
	updateMiscounted = `UPDATE tenantry_token AS t SET current_version = (SELECT max(v.version) FROM tenantry_token_version v WHERE v.tenant_id = t.tenant_id AND v.token_id = t.token_id)
		WHERE ` + miscounted + ` AND EXISTS (SELECT 1 FROM tenantry_token_version v WHERE v.tenant_id = t.tenant_id AND v.token_id = t.token_id)
		AND {t.tenant_id} RETURNING token_id, tenant_id`
	insertUnlisted = `INSERT INTO tenantry_token_digest (digest, tenant_id, token_id, version, ambiguous)
		SELECT v.digest, v.tenant_id, v.token_id, v.version, false FROM tenantry_token_version v WHERE ` + unlisted + ` AND {v.tenant_id}
		ON CONFLICT DO NOTHING RETURNING token_id, tenant_id`
	// updateUnlisted takes over a digest that leads to a version that is gone or
	// does not work any more.
	updateUnlisted = `UPDATE tenantry_token_digest SET tenant_id = v.tenant_id, token_id = v.token_id, version = v.version
		FROM tenantry_token_version v WHERE v.digest = tenantry_token_digest.digest AND ` + unlisted + ` AND NOT EXISTS (SELECT 1 FROM tenantry_token_version w
			WHERE w.tenant_id = tenantry_token_digest.tenant_id
				AND w.token_id = tenantry_token_digest.token_id AND w.version = tenantry_token_digest.version AND w.revoked_reason = '')
		AND {v.tenant_id} RETURNING tenantry_token_digest.token_id, tenantry_token_digest.tenant_id`
)
