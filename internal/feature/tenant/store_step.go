package tenant

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func scanKey(r *sqldb.Rows) (k tenantry.TenantKey, err error) { return k, r.Scan(&k) }

func selectKeys(ctx context.Context, tx *sqldb.Tx, after, only tenantry.TenantKey, limit int) ([]tenantry.TenantKey, error) {
	query, args := `SELECT id FROM tenants_tenantmodel WHERE id > ?`, []any{after}
	if only != 0 {
		query, args = query+` AND id = ?`, append(args, only)
	}
	return sqldb.All(ctx, tx, scanKey, query+` ORDER BY id LIMIT ?`, append(args, limit)...)
}

// lockTenants: SQLite's writer is alone. The rows are locked in the order of their
// keys, so that two who lock many do not wait for each other.
var lockTenants = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE OF m`}

func given(tx *sqldb.Tx, tenants []tenantry.TenantKey) (string, []any) {
	return tx.Given("g", sqldb.Collect("tenant_id", tenants, func(k tenantry.TenantKey) int64 { return int64(k) }))
}

func lockAll(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]tenantry.TenantKey, error) {
	keys, args := given(tx, tenants)
	return sqldb.All(ctx, tx, scanKey, `SELECT m.id FROM `+keys+` JOIN tenants_tenantmodel m ON m.id = g.tenant_id ORDER BY m.id`+tx.Of(lockTenants), args...)
}

// configured is a configuration as it stands.
type configured struct {
	tenant tenantry.TenantKey
	text   sqldb.JSON
}

// oddConfiguration: PostgreSQL holds nothing that is not JSON, SQLite whatever it is
// given, and the two name the kinds of JSON by functions of their own.
var oddConfiguration = sqldb.Twin{
	SQLite:   `(NOT json_valid(m.configuration) OR json_type(m.configuration) <> 'object')`,
	Postgres: `jsonb_typeof(m.configuration) <> 'object'`,
}

func selectOddConfigurations(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]configured, error) {
	keys, args := given(tx, tenants)
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (c configured, err error) { return c, r.Scan(&c.tenant, &c.text) },
		`SELECT m.id, m.configuration FROM `+keys+` JOIN tenants_tenantmodel m ON m.id = g.tenant_id WHERE `+tx.Of(oddConfiguration)+` ORDER BY m.id`, args...)
}

func updateConfiguration(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, text sqldb.JSON, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET configuration = ?, updated_at = ? WHERE id = ?`, text, now, tenant)
	return err
}
