package user

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func upsertMembership(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, key tenantry.UserKey, role string, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_membership (tenant_id, user_id, role, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role`, tenant, key, role, now)
	return err
}

func deleteMembership(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, key tenantry.UserKey) (int64, error) {
	return tx.Exec(ctx, `DELETE FROM tenantry_membership WHERE tenant_id = ? AND user_id = ?`, tenant, key)
}

// effectiveRole lets Django's is_tenant_admin decide at home whether somebody
// administers the tenant, since a Django process may switch it.
const effectiveRole = `CASE WHEN p.user_id IS NULL OR p.is_tenant_admin = (m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `')) THEN m.role
	WHEN p.is_tenant_admin THEN '` + RoleAdmin + `' ELSE '` + RoleMember + `' END`

const selectMemberships = `SELECT m.tenant_id, m.user_id, s.public_id, u.username, ` + effectiveRole + `, p.user_id IS NOT NULL, m.created_at
	FROM tenantry_membership m JOIN tenantry_user s ON s.user_id = m.user_id JOIN auth_user u ON u.id = m.user_id
	LEFT JOIN tenants_userprofile p ON p.user_id = m.user_id AND p.tenant_id = m.tenant_id`

func scanMembership(r *sqldb.Rows) (m Membership, err error) {
	err = r.Scan(&m.Tenant, &m.User, &m.UserID, &m.Username, &m.Role, &m.Home, &m.CreatedAt)
	return m, err
}

// selectMembership reads somebody's place in a tenant; ok is false for none.
func selectMembership(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, key tenantry.UserKey) (m Membership, ok bool, err error) {
	found, err := sqldb.All(ctx, tx, scanMembership, selectMemberships+` WHERE m.tenant_id = ? AND m.user_id = ?`, tenant, key)
	if err != nil || len(found) == 0 {
		return m, false, err
	}
	return found[0], true, nil
}

func countRole(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, role string) (n int64, err error) {
	err = tx.Get(ctx, `SELECT count(*) FROM tenantry_membership WHERE tenant_id = ? AND role = ?`, []any{tenant, role}, &n)
	return n, err
}

func selectMembershipsOf(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey) ([]Membership, error) {
	return sqldb.All(ctx, tx, scanMembership, selectMemberships+` WHERE m.user_id = ? ORDER BY m.tenant_id`, key)
}

// selectMembers reads one page of a tenant's members in the order of their keys,
// and tells whether somebody at home there is not among its members yet.
func selectMembers(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, page tenantry.Page) (list tenantry.List[Membership], complete bool, err error) {
	var after position
	if page.Cursor != "" && json.Unmarshal([]byte(page.Cursor), &after) != nil {
		return list, true, tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
	}
	var missing int64
	if err := tx.Get(ctx, `SELECT count(*) FROM (SELECT 1 FROM tenants_userprofile p JOIN auth_user u ON u.id = p.user_id
		JOIN tenantry_tenant t ON t.tenant_id = p.tenant_id WHERE p.tenant_id = ?
		AND NOT EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = p.tenant_id AND m.user_id = p.user_id) LIMIT 1) AS missing`,
		[]any{tenant}, &missing); err != nil {
		return list, true, err
	}
	limit := page.Clamp()
	list.Items, err = sqldb.All(ctx, tx, scanMembership, selectMemberships+` WHERE m.tenant_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`,
		tenant, after.Key, limit+1)
	if err == nil && len(list.Items) > limit {
		list.Items = list.Items[:limit]
		cursor, err := json.Marshal(position{Key: list.Items[limit-1].User})
		if err != nil {
			return list, true, err
		}
		list.NextCursor = string(cursor)
	}
	return list, missing == 0, err
}
