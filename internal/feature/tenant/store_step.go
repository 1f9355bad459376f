package tenant

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func scanKey(r *sqldb.Rows) (k tenantry.TenantKey, err error) { return k, r.Scan(&k) }

func selectKeys(ctx context.Context, tx *sqldb.Tx, after, only tenantry.TenantKey, limit int) ([]tenantry.TenantKey, error) {
	query, args := sqldb.Limited(tx, sqldb.Just(only), `SELECT id FROM tenants_tenantmodel WHERE id > ? AND {id} ORDER BY id LIMIT ?`, after, limit)
	return sqldb.All(ctx, tx, scanKey, query, args...)
}

// lockTenants: SQLite's writer is alone. The rows are locked in the order of their
// keys, so that two who lock many do not wait for each other.
var lockTenants = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE`}

func lockAll(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]tenantry.TenantKey, error) {
	query, args := sqldb.Limited(tx, tenants, `SELECT id FROM tenants_tenantmodel WHERE {id} ORDER BY id`)
	return sqldb.All(ctx, tx, scanKey, query+tx.Of(lockTenants), args...)
}

func selectNames(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]string, error) {
	query, args := sqldb.Limited(tx, tenants, `SELECT id, name FROM tenants_tenantmodel WHERE {id}`)
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := make(map[tenantry.TenantKey]string, len(tenants))
	for rows.Next() {
		var key tenantry.TenantKey
		var name string
		if err := rows.Scan(&key, &name); err != nil {
			return nil, err
		}
		names[key] = name
	}
	return names, rows.Err()
}

// configured is a configuration as it stands.
type configured struct {
	tenant tenantry.TenantKey
	text   sqldb.JSON
}

// selectOddConfigurations finds what tenant.configuration_malformed and
// tenant.configuration_not_object do.
func selectOddConfigurations(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]configured, error) {
	query, args := sqldb.Limited(tx, tenants, `SELECT t.id, t.configuration FROM tenants_tenantmodel t
		WHERE (`+tx.NotJSON("t.configuration")+` OR `+notObject+`) AND {t.id} ORDER BY t.id LIMIT ?`, blanks, len(tenants))
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (c configured, err error) { return c, r.Scan(&c.tenant, &c.text) }, query, args...)
}

func selectConfiguration(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey) (text sqldb.JSON, err error) {
	err = tx.Get(ctx, `SELECT configuration FROM tenants_tenantmodel WHERE id = ?`, []any{tenant}, &text)
	return text, err
}

// updateConfiguration returns the configuration as it stands now: PostgreSQL writes JSON
// its own way.
func updateConfiguration(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, text sqldb.JSON, now time.Time) (stored sqldb.JSON, err error) {
	err = tx.Get(ctx, `UPDATE tenants_tenantmodel SET configuration = ?, updated_at = ? WHERE id = ? RETURNING configuration`, []any{text, now, tenant}, &stored)
	return stored, err
}
