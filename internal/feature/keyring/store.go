package keyring

import (
	"context"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// lock: of two machines that seal a database for the first time at the same moment
// one must see what the other did. SQLite's writer is alone.
func lock(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Engine() == sqldb.SQLite {
		return nil
	}
	_, err := tx.Raw(ctx, `LOCK TABLE tenantry_seal_key IN SHARE ROW EXCLUSIVE MODE`)
	return err
}

func selectKeys(ctx context.Context, tx *sqldb.Tx) ([]uint32, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (id uint32, err error) {
		var wide int64
		err = r.Scan(&wide)
		return uint32(wide), err
	}, `SELECT key_id FROM tenantry_seal_key ORDER BY created_at, key_id`)
}

func insertKey(ctx context.Context, tx *sqldb.Tx, id uint32, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_seal_key (key_id, created_at) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING`, int64(id), now)
	return err
}

func deleteKey(ctx context.Context, tx *sqldb.Tx, id uint32) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_seal_key WHERE key_id = ?`, int64(id))
	return err
}
