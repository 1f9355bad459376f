package token

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// openRun is an unfinished run and what was asked of it.
type openRun struct {
	Run
	request sqldb.JSON
}

// same tells whether a run was begun with the same request. PostgreSQL keeps
// JSON's values, not its spelling.
func (o openRun) same(request []byte) bool {
	spell := func(text []byte) []byte {
		var v any
		if json.Unmarshal(text, &v) != nil {
			return nil
		}
		out, _ := json.Marshal(v)
		return out
	}
	a := spell(o.request)
	return a != nil && bytes.Equal(a, spell(request))
}

const selectRuns = `SELECT run_id, state, total, done, failed, after_tenant, request FROM tenantry_token_run`

func scanRun(r *sqldb.Rows) (o openRun, err error) {
	return o, r.Scan(&o.ID, &o.State, &o.Total, &o.Done, &o.Failed, &o.after, &o.request)
}

func selectOpenRuns(ctx context.Context, tx *sqldb.Tx) ([]openRun, error) {
	return sqldb.All(ctx, tx, scanRun, selectRuns+` WHERE state <> 'finished' ORDER BY created_at`+tx.Of(selectForUpdate))
}

func selectRun(ctx context.Context, tx *sqldb.Tx, id tenantry.RunID) (Run, error) {
	found, err := sqldb.All(ctx, tx, scanRun, selectRuns+` WHERE run_id = ?`+tx.Of(selectForUpdate), id)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "token.run_not_found")
	}
	if err != nil {
		return Run{}, err
	}
	return found[0].Run, nil
}

func insertRun(ctx context.Context, tx *sqldb.Tx, r Run, request []byte, now time.Time, by string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_token_run (run_id, request, state, after_tenant, total, done, failed, created_at, created_by, updated_at)
		VALUES (?, ?, ?, 0, ?, 0, 0, ?, ?, ?)`, r.ID, sqldb.JSON(request), string(r.State), r.Total, now, by, now)
	return err
}

func updateRun(ctx context.Context, tx *sqldb.Tx, r Run, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_token_run SET state = ?, after_tenant = ?, done = ?, failed = ?, updated_at = ? WHERE run_id = ?`,
		string(r.State), r.after, r.Done, r.Failed, now, r.ID)
	return err
}

// selectLastOf finds the last of the next size tenants, 0 when there are none.
func selectLastOf(ctx context.Context, tx *sqldb.Tx, after, only tenantry.TenantKey, size int) (last tenantry.TenantKey, err error) {
	query, args := `SELECT id FROM tenants_tenantmodel WHERE id > ?`, []any{after}
	if only != 0 {
		query, args = query+` AND id = ?`, append(args, only)
	}
	err = tx.Get(ctx, `SELECT COALESCE(MAX(id), 0) FROM (`+query+` ORDER BY id LIMIT ?) AS page`, append(args, size), &last)
	return last, err
}

// rotatable is a token in Django's column, its current version and its policy.
type rotatable struct {
	token   Token
	version Version
	policy  Policy
}

// standing is the condition for the tokens that stand in Django's columns: of one
// tenant, or of all for zero.
func standing(only tenantry.TenantKey, kinds []Kind) (condition string, args []any) {
	condition = `t.home AND t.revoked_reason = '' AND (t.kind = 'ai' AND m.ai_token <> '' OR t.kind = 'cwu' AND m.cwu_token <> '')
		AND t.kind IN (` + sqldb.Tuples(`?`, len(kinds)) + `)`
	for _, k := range kinds {
		args = append(args, string(k))
	}
	if only != 0 {
		condition, args = condition+` AND t.tenant_id = ?`, append(args, only)
	}
	return condition, args
}

func countRotatable(ctx context.Context, tx *sqldb.Tx, only tenantry.TenantKey, kinds []Kind) (n int64, err error) {
	condition, args := standing(only, kinds)
	err = tx.Get(ctx, `SELECT count(*) FROM tenantry_token t JOIN tenants_tenantmodel m ON m.id = t.tenant_id WHERE `+condition, args, &n)
	return n, err
}

// selectForUpdateOfToken locks the tokens, not what they are joined with.
var selectForUpdateOfToken = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE OF t`}

func selectRotatable(ctx context.Context, tx *sqldb.Tx, after, last, only tenantry.TenantKey, kinds []Kind, lock bool) ([]rotatable, error) {
	wanted, args := standing(only, kinds)
	query := `SELECT t.tenant_id, t.token_id, t.kind, t.current_version, v.created_at, v.expires_at, p.max_age, p.rotate_after, p.grace, p.idle_age
		FROM tenantry_token t
		JOIN tenantry_token_version v ON v.tenant_id = t.tenant_id AND v.token_id = t.token_id AND v.version = t.current_version
		JOIN tenants_tenantmodel m ON m.id = t.tenant_id
		LEFT JOIN tenantry_token_policy p ON p.tenant_id = t.tenant_id
		WHERE ` + wanted + ` AND t.tenant_id > ? AND t.tenant_id <= ? ORDER BY t.tenant_id, t.kind`
	args = append(args, after, last)
	if lock {
		query += tx.Of(selectForUpdateOfToken)
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (o rotatable, err error) {
		var policy policyRow
		dest := []any{&o.token.Tenant, &o.token.ID, &o.token.Kind, &o.token.Current, &o.version.CreatedAt, &o.version.ExpiresAt}
		err = r.Scan(append(dest, policy.fields()...)...)
		o.policy = policy.policy()
		return o, err
	}, query, args...)
}
