package token

import (
	"context"
	"fmt"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// missing is a tenant that lacks a token, and what it is to be given.
type missing struct {
	tenant            tenantry.TenantKey
	needsAI, needsCWU bool
	ai, cwu           tenantry.Secret
}

// selectForUpdate: SQLite's writer is alone; PostgreSQL must keep a Django
// process from writing a token between our reading and our writing.
var selectForUpdate = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE`}

func selectMissing(ctx context.Context, tx *sqldb.Tx, only, after tenantry.TenantKey, limit int) ([]missing, error) {
	query, args := `SELECT id, ai_token = '', cwu_token = '' FROM tenants_tenantmodel WHERE (ai_token = '' OR cwu_token = '') AND id > ?`, []any{after}
	if only != 0 {
		query, args = query+` AND id = ?`, append(args, only)
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (m missing, err error) {
		return m, r.Scan(&m.tenant, &m.needsAI, &m.needsCWU)
	}, query+` ORDER BY id LIMIT ?`+tx.Of(selectForUpdate), append(args, limit)...)
}

func countMissing(ctx context.Context, tx *sqldb.Tx, only tenantry.TenantKey) (n int64, err error) {
	query, args := `SELECT COALESCE(SUM(CASE WHEN ai_token = '' THEN 1 ELSE 0 END + CASE WHEN cwu_token = '' THEN 1 ELSE 0 END), 0) FROM tenants_tenantmodel`, []any(nil)
	if only != 0 {
		query, args = query+` WHERE id = ?`, append(args, only)
	}
	err = tx.Get(ctx, query, args, &n)
	return n, err
}

// fill writes tokens where there are none and returns how many tenants it
// touched. A token that is there is never replaced.
func fill(ctx context.Context, tx *sqldb.Tx, rows []missing, now time.Time) (int64, error) {
	args := make([]any, 0, 1+3*len(rows))
	args = append(args, now)
	for _, m := range rows {
		args = append(args, m.tenant, m.ai.Reveal(), m.cwu.Reveal())
	}
	return tx.Exec(ctx, `UPDATE tenants_tenantmodel SET
			ai_token = CASE WHEN tenants_tenantmodel.ai_token = '' THEN v.ai ELSE tenants_tenantmodel.ai_token END,
			cwu_token = CASE WHEN tenants_tenantmodel.cwu_token = '' THEN v.cwu ELSE tenants_tenantmodel.cwu_token END,
			updated_at = ?
		FROM (SELECT column1 AS id, column2 AS ai, column3 AS cwu FROM (VALUES `+sqldb.Tuples(`(CAST(? AS bigint), ?, ?)`, len(rows))+`) AS given) AS v
		WHERE tenants_tenantmodel.id = v.id AND (tenants_tenantmodel.ai_token = '' OR tenants_tenantmodel.cwu_token = '')`, args...)
}

func findings(ctx context.Context, tx *sqldb.Tx, s Settings) ([]tenantry.Finding, error) {
	var all []tenantry.Finding
	report := func(code string, severity tenantry.Severity, query string) error {
		n, ids, err := tx.Sample(ctx, tenantry.FindingRows, query)
		if err == nil && n > 0 {
			for i := range ids {
				ids[i] = "tenants_tenantmodel:" + ids[i]
			}
			all = append(all, tenantry.Finding{Code: code, Severity: severity, Count: n, Rows: ids})
		}
		return err
	}
	// A token that two tenants hold names neither: it must not authenticate.
	if err := report("token.duplicate", tenantry.Critical, `SELECT id FROM tenants_tenantmodel WHERE
			(ai_token <> '' AND ai_token IN (SELECT ai_token FROM tenants_tenantmodel GROUP BY ai_token HAVING count(*) > 1)) OR
			(cwu_token <> '' AND cwu_token IN (SELECT cwu_token FROM tenants_tenantmodel GROUP BY cwu_token HAVING count(*) > 1))
			ORDER BY id`); err != nil {
		return nil, err
	}
	if err := report("token.missing", tenantry.Warning, `SELECT id FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = '' ORDER BY id`); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT id, ai_token, cwu_token FROM tenants_tenantmodel WHERE ai_token <> '' OR cwu_token <> '' ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	odd := tenantry.Finding{Code: "token.odd_shape", Severity: tenantry.Notice}
	for rows.Next() {
		var id int64
		var ai, cwu string
		if err := rows.Scan(&id, &ai, &cwu); err != nil {
			return nil, err
		}
		if ai != "" && !s.shaped(AI, ai) || cwu != "" && !s.shaped(CWU, cwu) {
			odd.Count++
			if len(odd.Rows) < tenantry.FindingRows {
				odd.Rows = append(odd.Rows, fmt.Sprintf("tenants_tenantmodel:%d", id))
			}
		}
	}
	if odd.Count > 0 {
		all = append(all, odd)
	}
	return all, rows.Err()
}
