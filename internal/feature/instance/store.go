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

func upsertValue(ctx context.Context, tx *sqldb.Tx, name, value string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_instance (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// swapValue replaces a value that is still the one that was seen; "" is none.
func swapValue(ctx context.Context, tx *sqldb.Tx, name, seen, value string) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO tenantry_instance (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE tenantry_instance.value = ?`, name, value, seen)
	return n == 1, err
}
