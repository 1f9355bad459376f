package instance

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectValue returns "" for a name that has none.
func selectValue(ctx context.Context, tx *sqldb.Tx, name string) (value string, err error) {
	err = tx.Get(ctx, `SELECT value FROM tenantry_instance WHERE name = ?`, []any{name}, &value)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return "", nil
	}
	return value, err
}

// insertValue leaves a value alone that another process was quicker to make.
func insertValue(ctx context.Context, tx *sqldb.Tx, name, value string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_instance (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`, name, value)
	return err
}
