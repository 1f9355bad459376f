package access

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const operatorColumns = `SELECT operator_id, name, key_display, created_at, created_by, last_used_at, revoked_at FROM tenantry_operator`

func scanOperator(r *sqldb.Rows) (o Operator, err error) {
	err = r.Scan(&o.ID, &o.Name, &o.KeyDisplay, &o.CreatedAt, &o.CreatedBy, &o.LastUsedAt, &o.RevokedAt)
	return o, err
}

func one(found []Operator, err error) (Operator, error) {
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "operator.not_found")
	}
	if err != nil {
		return Operator{}, err
	}
	return found[0], nil
}

func selectByDigest(ctx context.Context, tx *sqldb.Tx, digest string) (Operator, error) {
	return one(sqldb.All(ctx, tx, scanOperator, operatorColumns+` WHERE key_digest = ?`, digest))
}

// selectOperator looks for an id, or for a name where there is none.
func selectOperator(ctx context.Context, tx *sqldb.Tx, id tenantry.OperatorID, name string) (Operator, error) {
	if !id.IsZero() {
		return one(sqldb.All(ctx, tx, scanOperator, operatorColumns+` WHERE operator_id = ?`, id))
	}
	return one(sqldb.All(ctx, tx, scanOperator, operatorColumns+` WHERE name = ?`, name))
}

func selectOperators(ctx context.Context, tx *sqldb.Tx) ([]Operator, error) {
	return sqldb.All(ctx, tx, scanOperator, operatorColumns+` ORDER BY operator_id`)
}

func anyOperator(ctx context.Context, tx *sqldb.Tx) (bool, error) {
	var n int
	err := tx.Get(ctx, `SELECT count(*) FROM (SELECT 1 FROM tenantry_operator WHERE revoked_at IS NULL LIMIT 1) AS working`, nil, &n)
	return n > 0, err
}

func insertOperator(ctx context.Context, tx *sqldb.Tx, o Operator, digest string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_operator
		(operator_id, name, key_digest, key_display, created_at, created_by, last_used_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)`, o.ID, o.Name, digest, o.KeyDisplay, o.CreatedAt, o.CreatedBy)
	return err
}

// updateLastUsed never moves the instant back: several processes may be at it.
func updateLastUsed(ctx context.Context, tx *sqldb.Tx, id tenantry.OperatorID, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_operator SET last_used_at = ? WHERE operator_id = ? AND (last_used_at IS NULL OR last_used_at < ?)`, now, id, now)
	return err
}

func updateRevoked(ctx context.Context, tx *sqldb.Tx, id tenantry.OperatorID, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_operator SET revoked_at = ? WHERE operator_id = ? AND revoked_at IS NULL`, now, id)
	return err
}
