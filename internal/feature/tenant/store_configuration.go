package tenant

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectTypes reads the names of one type more than the page holds.
func selectTypes(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, page tenantry.Page) ([]string, error) {
	where, args := `tenant_id = ?`, []any{tenant}
	if page.Cursor != "" {
		where, args = where+` AND config_type > ?`, append(args, page.Cursor)
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (name string, err error) { return name, r.Scan(&name) },
		`SELECT DISTINCT config_type FROM tenants_tenantconfigurationmodel WHERE `+where+` ORDER BY config_type LIMIT ?`, append(args, page.Clamp()+1)...)
}

// selectInForce reads what is in force of a type, Data nil for nothing, and
// by which version of it. seen is false if Django has written since that version.
func selectInForce(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name string) (c Configuration, seen bool, err error) {
	if name == "" || len(name) > 4*typeLength || !printable(name, false) {
		return c, true, noConfiguration()
	}
	newest, err := selectVersions(ctx, tx, tenant, name, 0, 1)
	if err != nil {
		return c, false, err
	}
	c.Type = name
	if len(newest) > 0 {
		c = newest[0]
	}
	var data sqldb.JSON
	err = tx.Get(ctx, `SELECT config_data, (SELECT count(*) FROM tenants_tenantconfigurationmodel o WHERE o.tenant_id = c.tenant_id AND o.config_type = c.config_type)
		FROM tenants_tenantconfigurationmodel c WHERE c.tenant_id = ? AND c.config_type = ? ORDER BY c.id DESC LIMIT 1`, []any{tenant, name}, &data, &c.Rows)
	if tenantry.KindOf(err) == tenantry.NotFound {
		err = nil
	}
	seen = sameDocument(c.Data, data)
	c.Data = data
	return c, seen, err
}

// upsertConfiguration writes Django's newest row of a type, or its first, and
// returns what stands there now.
func upsertConfiguration(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, old Configuration, data sqldb.JSON) (stored sqldb.JSON, err error) {
	if old.Rows == 0 {
		err = tx.Get(ctx, `INSERT INTO tenants_tenantconfigurationmodel (tenant_id, config_type, config_data) VALUES (?, ?, ?) RETURNING config_data`,
			[]any{tenant, old.Type, data}, &stored)
		return stored, err
	}
	err = tx.Get(ctx, `UPDATE tenants_tenantconfigurationmodel SET config_data = ? WHERE id =
		(SELECT max(id) FROM tenants_tenantconfigurationmodel WHERE tenant_id = ? AND config_type = ?) RETURNING config_data`,
		[]any{data, tenant, old.Type}, &stored)
	return stored, err
}

func deleteConfiguration(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenants_tenantconfigurationmodel WHERE tenant_id = ? AND config_type = ?`, tenant, name)
	return err
}

const selectVersionRows = `SELECT config_type, version, data, changed_at, changed_by, note FROM tenantry_configuration_version WHERE tenant_id = ? AND config_type = ?`

func scanVersion(r *sqldb.Rows) (c Configuration, err error) {
	return c, r.Scan(&c.Type, &c.Version, &c.Data, &c.ChangedAt, &c.ChangedBy, &c.Note)
}

// selectVersions reads versions before one, or all for zero, newest first.
func selectVersions(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name string, before int64, limit int) ([]Configuration, error) {
	where, args := ``, []any{tenant, name}
	if before > 0 {
		where, args = ` AND version < ?`, append(args, before)
	}
	return sqldb.All(ctx, tx, scanVersion, selectVersionRows+where+` ORDER BY version DESC LIMIT ?`, append(args, limit)...)
}

func selectVersion(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name string, version int64) (Configuration, error) {
	found, err := sqldb.All(ctx, tx, scanVersion, selectVersionRows+` AND version = ?`, tenant, name, version)
	if err == nil && len(found) == 0 {
		err = noConfiguration()
	}
	if err != nil {
		return Configuration{}, err
	}
	return found[0], nil
}

func insertVersion(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, c Configuration) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_configuration_version (tenant_id, config_type, version, data, changed_at, changed_by, note) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		tenant, c.Type, c.Version, c.Data, c.ChangedAt, c.ChangedBy, c.Note)
	return err
}

func selectSchemas(ctx context.Context, tx *sqldb.Tx, name string) ([]ConfigurationSchema, error) {
	where, args := ``, []any(nil)
	if name != "" {
		where, args = ` WHERE config_type = ?`, []any{name}
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (c ConfigurationSchema, err error) {
		return c, r.Scan(&c.Type, &c.Schema, &c.UpdatedAt, &c.UpdatedBy)
	}, `SELECT config_type, "schema", updated_at, updated_by FROM tenantry_configuration_schema`+where+` ORDER BY config_type`, args...)
}

func upsertSchema(ctx context.Context, tx *sqldb.Tx, c ConfigurationSchema) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_configuration_schema (config_type, "schema", updated_at, updated_by) VALUES (?, ?, ?, ?)
		ON CONFLICT (config_type) DO UPDATE SET "schema" = excluded."schema", updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		c.Type, c.Schema, c.UpdatedAt, c.UpdatedBy)
	return err
}

func deleteSchema(ctx context.Context, tx *sqldb.Tx, name string) (int64, error) {
	return tx.Exec(ctx, `DELETE FROM tenantry_configuration_schema WHERE config_type = ?`, name)
}
