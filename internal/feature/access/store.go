package access

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const operatorColumns = `SELECT operator_id, name, role, key_display, created_at, created_by, last_used_at, revoked_at FROM tenantry_operator`

func scanOperator(r *sqldb.Rows) (o Operator, err error) {
	err = r.Scan(&o.ID, &o.Name, &o.Role, &o.KeyDisplay, &o.CreatedAt, &o.CreatedBy, &o.LastUsedAt, &o.RevokedAt)
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
		(operator_id, name, role, key_digest, key_display, created_at, created_by, last_used_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)`, o.ID, o.Name, o.Role, digest, o.KeyDisplay, o.CreatedAt, o.CreatedBy)
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

// Roles of a tenant's own.

const roleColumns = `SELECT tenant_id, name, label, permissions, created_at, created_by, updated_at FROM tenantry_role`

func scanRole(r *sqldb.Rows) (role Role, err error) {
	var stored sqldb.JSON
	err = r.Scan(&role.Tenant, &role.Name, &role.Label, &stored, &role.CreatedAt, &role.CreatedBy, &role.UpdatedAt)
	role.Permissions = grantable(stored)
	return role, err
}

// lockedRole and sharedRole: who gives a role away keeps it from being changed or
// deleted until that is done. SQLite's writer is alone and needs neither.
var (
	lockedRole = sqldb.Twin{SQLite: roleColumns + ` WHERE tenant_id = ? AND name = ?`, Postgres: roleColumns + ` WHERE tenant_id = ? AND name = ? FOR UPDATE`}
	sharedRole = sqldb.Twin{SQLite: roleColumns + ` WHERE tenant_id = ? AND name = ?`, Postgres: roleColumns + ` WHERE tenant_id = ? AND name = ? FOR SHARE`}
)

// selectRole reads a role with one of the texts above; ok is false for none.
func selectRole(ctx context.Context, tx *sqldb.Tx, text string, tenant tenantry.TenantKey, name string) (r Role, ok bool, err error) {
	found, err := sqldb.All(ctx, tx, scanRole, text, tenant, name)
	if err != nil || len(found) == 0 {
		return r, false, err
	}
	return found[0], true, nil
}

func selectRoles(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey) ([]Role, error) {
	return sqldb.All(ctx, tx, scanRole, roleColumns+` WHERE tenant_id = ? ORDER BY name`, tenant)
}

// selectStoredRoles reads every role of some tenants as it is stored.
func selectStoredRoles(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, each func(tenant tenantry.TenantKey, name string, permissions sqldb.JSON)) error {
	text, args := sqldb.Limited(tx, only, `SELECT tenant_id, name, permissions FROM tenantry_role WHERE {tenant_id} ORDER BY tenant_id, name`)
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant tenantry.TenantKey
		var name string
		var permissions sqldb.JSON
		if err := rows.Scan(&tenant, &name, &permissions); err != nil {
			return err
		}
		each(tenant, name, permissions)
	}
	return rows.Err()
}

func insertRole(ctx context.Context, tx *sqldb.Tx, r Role) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_role (tenant_id, name, label, permissions, created_at, created_by, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		r.Tenant, r.Name, r.Label, listJSON(r.Permissions), r.CreatedAt, r.CreatedBy, r.UpdatedAt)
	return err
}

func updateRole(ctx context.Context, tx *sqldb.Tx, r Role) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_role SET label = ?, permissions = ?, updated_at = ? WHERE tenant_id = ? AND name = ?`,
		r.Label, listJSON(r.Permissions), r.UpdatedAt, r.Tenant, r.Name)
	return err
}

func deleteRole(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_role WHERE tenant_id = ? AND name = ?`, tenant, name)
	return err
}

// Grants.

const grantColumns = `SELECT g.tenant_id, g.grant_id, g.user_id, COALESCE(u.public_id, ''), g.permission, g.reason, g.granted_at, g.granted_by, g.expires_at, g.revoked_at, g.revoked_by
	FROM tenantry_grant g LEFT JOIN tenantry_user u ON u.user_id = g.user_id`

func scanGrant(r *sqldb.Rows) (g Grant, err error) {
	err = r.Scan(&g.Tenant, &g.ID, &g.User, &g.UserID, &g.Permission, &g.Reason, &g.GrantedAt, &g.GrantedBy, &g.ExpiresAt, &g.RevokedAt, &g.RevokedBy)
	return g, err
}

func insertGrant(ctx context.Context, tx *sqldb.Tx, g Grant) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_grant (tenant_id, grant_id, user_id, permission, reason, granted_at, granted_by, expires_at, revoked_at, revoked_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, '')`, g.Tenant, g.ID, g.User, string(g.Permission), g.Reason, g.GrantedAt, g.GrantedBy, g.ExpiresAt)
	return err
}

func selectGrant(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.GrantID) (Grant, error) {
	found, err := sqldb.All(ctx, tx, scanGrant, grantColumns+` WHERE g.tenant_id = ? AND g.grant_id = ?`, tenant, id)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "grant.not_found")
	}
	if err != nil {
		return Grant{}, err
	}
	return found[0], nil
}

func selectGrantsOf(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, user tenantry.UserKey) ([]Grant, error) {
	return sqldb.All(ctx, tx, scanGrant, grantColumns+` WHERE g.tenant_id = ? AND g.user_id = ? ORDER BY g.grant_id`, tenant, user)
}

// selectGrants reads a page and one grant more.
func selectGrants(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, q GrantQuery, now time.Time) ([]Grant, error) {
	text, args := grantColumns+` WHERE g.tenant_id = ?`, []any{tenant}
	if q.User != 0 {
		text, args = text+` AND g.user_id = ?`, append(args, q.User)
	}
	if !q.Old {
		text, args = text+` AND g.revoked_at IS NULL AND g.expires_at > ?`, append(args, now)
	}
	if q.Page.Cursor != "" {
		text, args = text+` AND g.grant_id < ?`, append(args, q.Page.Cursor)
	}
	return sqldb.All(ctx, tx, scanGrant, text+` ORDER BY g.grant_id DESC LIMIT ?`, append(args, q.Page.Clamp()+1)...)
}

func updateGrantRevoked(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.GrantID, now time.Time, by string) (int64, error) {
	return tx.Exec(ctx, `UPDATE tenantry_grant SET revoked_at = ?, revoked_by = ? WHERE tenant_id = ? AND grant_id = ? AND revoked_at IS NULL`, now, by, tenant, id)
}

// Keys of tenants. The directory is global: by it a digest finds its tenant.

const keyColumns = `SELECT k.tenant_id, k.key_id, k.name, k.display, k.permissions, k.expires_at, k.created_at, k.created_by, k.last_used_at, k.revoked_at FROM tenantry_key k`

func scanKey(r *sqldb.Rows) (k Key, err error) {
	var stored sqldb.JSON
	err = r.Scan(&k.Tenant, &k.ID, &k.Name, &k.Display, &stored, &k.ExpiresAt, &k.CreatedAt, &k.CreatedBy, &k.LastUsedAt, &k.RevokedAt)
	k.Permissions = grantable(stored)
	return k, err
}

func oneKey(found []Key, err error) (Key, error) {
	if err == nil && len(found) == 0 {
		err = keyNotFound()
	}
	if err != nil {
		return Key{}, err
	}
	return found[0], nil
}

func insertKey(ctx context.Context, tx *sqldb.Tx, k Key, digest string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO tenantry_key (tenant_id, key_id, name, digest, display, permissions, expires_at, created_at, created_by, last_used_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)`, k.Tenant, k.ID, k.Name, digest, k.Display, listJSON(k.Permissions), k.ExpiresAt, k.CreatedAt, k.CreatedBy); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_key_digest (digest, tenant_id, key_id) VALUES (?, ?, ?)`, digest, k.Tenant, k.ID)
	return err
}

func selectKeyByDigest(ctx context.Context, tx *sqldb.Tx, digest string) (Key, error) {
	return oneKey(sqldb.All(ctx, tx, scanKey, keyColumns+` JOIN tenantry_key_digest d ON d.tenant_id = k.tenant_id AND d.key_id = k.key_id AND d.digest = k.digest
		WHERE d.digest = ?`, digest))
}

// selectKey looks for an id, or for a name where there is none.
func selectKey(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.KeyID, name string) (Key, error) {
	if !id.IsZero() {
		return oneKey(sqldb.All(ctx, tx, scanKey, keyColumns+` WHERE k.tenant_id = ? AND k.key_id = ?`, tenant, id))
	}
	return oneKey(sqldb.All(ctx, tx, scanKey, keyColumns+` WHERE k.tenant_id = ? AND k.name = ?`, tenant, name))
}

// selectKeys reads a page and one key more.
func selectKeys(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, page tenantry.Page) ([]Key, error) {
	text, args := keyColumns+` WHERE k.tenant_id = ?`, []any{tenant}
	if page.Cursor != "" {
		text, args = text+` AND k.key_id < ?`, append(args, page.Cursor)
	}
	return sqldb.All(ctx, tx, scanKey, text+` ORDER BY k.key_id DESC LIMIT ?`, append(args, page.Clamp()+1)...)
}

func updateKeyUsed(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.KeyID, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_key SET last_used_at = ? WHERE tenant_id = ? AND key_id = ? AND (last_used_at IS NULL OR last_used_at < ?)`, now, tenant, id, now)
	return err
}

func updateKeyRevoked(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.KeyID, now time.Time) (int64, error) {
	return tx.Exec(ctx, `UPDATE tenantry_key SET revoked_at = ? WHERE tenant_id = ? AND key_id = ? AND revoked_at IS NULL`, now, tenant, id)
}
