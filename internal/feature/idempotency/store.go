package idempotency

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// stored is a row; status 0 is a claim without an answer yet.
type stored struct {
	digest, header, body string
	status               int
}

const here = ` WHERE tenant_id = ? AND caller = ? AND key = ?`

func (p place) args(more ...any) []any { return append([]any{p.tenant, p.caller, p.key}, more...) }

func deleteDead(ctx context.Context, tx *sqldb.Tx, p place, old, abandoned time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_idempotency`+here+` AND (created_at < ? OR status = 0 AND created_at < ?)`, p.args(old, abandoned)...)
	return err
}

func insertClaim(ctx context.Context, tx *sqldb.Tx, p place, digest string) (claimed bool, err error) {
	n, err := tx.Exec(ctx, `INSERT INTO tenantry_idempotency (tenant_id, caller, key, request_digest, status, header, body, created_at)
		VALUES (?, ?, ?, ?, 0, '{}', '', ?) ON CONFLICT DO NOTHING`, p.args(digest, p.at)...)
	return n == 1, err
}

func selectStored(ctx context.Context, tx *sqldb.Tx, p place) (*stored, error) {
	var s stored
	err := tx.Get(ctx, `SELECT request_digest, status, header, body FROM tenantry_idempotency`+here, p.args(), &s.digest, &s.status, &s.header, &s.body)
	if tenantry.KindOf(err) == tenantry.NotFound { // released between the two statements
		return nil, tenantry.NewError(tenantry.Conflict, "idempotency.in_progress").Because(err)
	}
	return &s, err
}

func updateAnswer(ctx context.Context, tx *sqldb.Tx, p place, status int, header, body string) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_idempotency SET status = ?, header = ?, body = ?`+here+` AND status = 0 AND created_at = ?`,
		append([]any{status, header, body}, p.args(p.at)...)...)
	return err
}

func deleteClaim(ctx context.Context, tx *sqldb.Tx, p place) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_idempotency`+here+` AND status = 0 AND created_at = ?`, p.args(p.at)...)
	return err
}

func deleteOld(ctx context.Context, tx *sqldb.Tx, before time.Time) (int64, error) {
	return tx.Exec(ctx, `DELETE FROM tenantry_idempotency WHERE created_at < ?`, before)
}
