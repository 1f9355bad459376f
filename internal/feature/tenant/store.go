package tenant

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Model is an entry of the catalogue behind the seed's MODEL_CHOICES.
type Model struct {
	Name     string `json:"name"`
	Label    string `json:"label"`
	Provider string `json:"provider"`
	Enabled  bool   `json:"enabled"`
}

// effectiveStatus lets Django's is_active decide between active and suspended,
// since a Django process may switch it; the other statuses are ours alone. A row
// that we have nothing beside yet is Django's word only.
const effectiveStatus = `CASE WHEN s.status IS NULL OR s.status IN ('active', 'suspended')
	THEN CASE WHEN t.is_active THEN 'active' ELSE 'suspended' END ELSE s.status END`

const selectTenants = `SELECT t.id, COALESCE(s.public_id, ''), t.name, t.description, t.model, t.configuration,
	t.max_agents, t.max_documents, t.max_storage_mb, t.ai_token <> '', t.cwu_token <> '',
	` + effectiveStatus + `, COALESCE(s.status_reason, ''), COALESCE(s.status_at, t.updated_at), s.approved_at, COALESCE(s.approved_by, ''), s.delete_after,
	t.created_at, t.updated_at
	FROM tenants_tenantmodel t LEFT JOIN tenantry_tenant s ON s.tenant_id = t.id`

func scanTenant(r *sqldb.Rows) (t Tenant, err error) {
	err = r.Scan(&t.Key, &t.ID, &t.Name, &t.Description, &t.Model, &t.Configuration,
		&t.MaxAgents, &t.MaxDocuments, &t.MaxStorageMB, &t.HasAIToken, &t.HasCWUToken,
		&t.Status, &t.StatusReason, &t.StatusAt, &t.ApprovedAt, &t.ApprovedBy, &t.DeleteAfter, &t.CreatedAt, &t.UpdatedAt)
	if t.Status == Active {
		t.StatusReason = "" // of a suspension that a Django process has ended
	}
	return t, err
}

func selectOne(ctx context.Context, tx *sqldb.Tx, ref Ref) (Tenant, error) {
	where, arg := ` WHERE t.name = ?`, any(ref.name)
	switch {
	case ref == Ref{}: // a name that Django may have stored is not nobody's key
		return Tenant{}, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	case ref.key != 0:
		// Django's column may be 32 bits wide, what was typed may not.
		where, arg = ` WHERE t.id = CAST(? AS bigint)`, ref.key
	case !ref.id.IsZero():
		where, arg = ` WHERE s.public_id = ?`, ref.id
	}
	found, err := sqldb.All(ctx, tx, scanTenant, selectTenants+where, arg)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	}
	if err != nil {
		return Tenant{}, err
	}
	return found[0], nil
}

// position is where a page of a list ended.
type position struct {
	Key  tenantry.TenantKey `json:"k"`
	Name string             `json:"n,omitempty"`
}

// selectPage reads one page; own limits it to one tenant unless it is zero.
func selectPage(ctx context.Context, tx *sqldb.Tx, own tenantry.TenantKey, q Query) (list tenantry.List[Tenant], err error) {
	var where []string
	var args []any
	and := func(condition string, a ...any) {
		where = append(where, condition)
		args = append(args, a...)
	}
	if own != 0 {
		and(`t.id = ?`, own)
	}
	if q.Search != "" {
		and(`lower(t.name) LIKE ? ESCAPE '\'`, "%"+likeLiteral(strings.ToLower(q.Search))+"%")
	}
	if q.Model != "" {
		and(`t.model = ?`, q.Model)
	}
	if q.Status != "" {
		and(effectiveStatus+` = ?`, q.Status)
	}
	var after position
	further := q.Page.Cursor != ""
	if further && (json.Unmarshal([]byte(q.Page.Cursor), &after) != nil || !utf8.ValidString(after.Name) || strings.ContainsRune(after.Name, 0)) {
		return list, tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
	}
	order := ` ORDER BY t.id`
	switch q.Sort {
	case Newest:
		order = ` ORDER BY t.id DESC`
		if further {
			and(`t.id < CAST(? AS bigint)`, after.Key)
		}
	case Name:
		order = ` ORDER BY t.name, t.id`
		if further {
			and(`(t.name, t.id) > (?, CAST(? AS bigint))`, after.Name, after.Key)
		}
	default:
		if further {
			and(`t.id > CAST(? AS bigint)`, after.Key)
		}
	}
	text := selectTenants
	if len(where) > 0 {
		text += ` WHERE ` + strings.Join(where, ` AND `)
	}
	limit := q.Page.Clamp()
	list.Items, err = sqldb.All(ctx, tx, scanTenant, text+order+` LIMIT ?`, append(args, limit+1)...)
	if err == nil && len(list.Items) > limit {
		list.Items = list.Items[:limit]
		last := list.Items[limit-1]
		end := position{Key: last.Key}
		if q.Sort == Name {
			end.Name = last.Name
		}
		cursor, err := json.Marshal(end)
		if err != nil {
			return list, err
		}
		list.NextCursor = string(cursor)
	}
	return list, err
}

func likeLiteral(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func countByStatus(ctx context.Context, tx *sqldb.Tx) (map[Status]int64, error) {
	rows, err := tx.Query(ctx, `SELECT `+effectiveStatus+` AS status, count(*)
		FROM tenants_tenantmodel t LEFT JOIN tenantry_tenant s ON s.tenant_id = t.id GROUP BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[Status]int64{}
	for rows.Next() {
		var status Status
		var n int64
		if err := rows.Scan(&status, &n); err != nil {
			return nil, err
		}
		counts[status] = n
	}
	return counts, rows.Err()
}

// insertTenant writes Django's row. No column of it has a database default.
func insertTenant(ctx context.Context, tx *sqldb.Tx, c Change, active bool, now time.Time) (key tenantry.TenantKey, err error) {
	err = tx.Get(ctx, `INSERT INTO tenants_tenantmodel
		(name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
		VALUES (?, ?, ?, '', '', ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{*c.Name, *c.Description, *c.Model, *c.Configuration, active, *c.MaxAgents, *c.MaxDocuments, *c.MaxStorageMB, now, now}, &key)
	return key, err
}

func insertSide(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey, id tenantry.TenantID, status Status, now time.Time, by string) error {
	var approvedAt *time.Time
	if status == Active {
		approvedAt = &now
	} else {
		by = ""
	}
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_tenant (tenant_id, public_id, status, status_reason, status_at, approved_at, approved_by, delete_after)
		VALUES (?, ?, ?, '', ?, ?, ?, NULL)`, key, id, status, now, approvedAt, by)
	return err
}

func updateTenant(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey, c Change, now time.Time) error {
	set := []string{`updated_at = ?`}
	args := []any{now}
	column := func(name string, written bool, value func() any) {
		if written {
			set = append(set, name+` = ?`)
			args = append(args, value())
		}
	}
	column("name", c.Name != nil, func() any { return *c.Name })
	column("description", c.Description != nil, func() any { return *c.Description })
	column("model", c.Model != nil, func() any { return *c.Model })
	column("configuration", c.Configuration != nil, func() any { return *c.Configuration })
	column("max_agents", c.MaxAgents != nil, func() any { return *c.MaxAgents })
	column("max_documents", c.MaxDocuments != nil, func() any { return *c.MaxDocuments })
	column("max_storage_mb", c.MaxStorageMB != nil, func() any { return *c.MaxStorageMB })
	_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET `+strings.Join(set, ", ")+` WHERE id = ?`, append(args, key)...)
	return err
}

type statusChange struct {
	status      Status
	reason      string
	at          time.Time
	deleteAfter *time.Time
}

func updateStatus(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey, c statusChange) error {
	active := c.status == Active || c.status == Quarantined
	if _, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET is_active = ?, updated_at = ? WHERE id = ?`, active, c.at, key); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE tenantry_tenant SET status = ?, status_reason = ?, status_at = ?, delete_after = ? WHERE tenant_id = ?`,
		c.status, c.reason, c.at, c.deleteAfter, key)
	return err
}

func updateApproval(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey, at time.Time, by string) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_tenant SET approved_at = ?, approved_by = ? WHERE tenant_id = ?`, at, by, key)
	return err
}

// lockTenant: SQLite has no row locks and needs none, its writer is alone.
var lockTenant = sqldb.Twin{
	SQLite:   `SELECT id FROM tenants_tenantmodel WHERE id = ?`,
	Postgres: `SELECT id FROM tenants_tenantmodel WHERE id = ? FOR UPDATE`,
}

func lock(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
	err := tx.Get(ctx, tx.Of(lockTenant), []any{key}, &key)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	}
	return err
}

func selectDue(ctx context.Context, tx *sqldb.Tx, now time.Time) ([]Tenant, error) {
	return sqldb.All(ctx, tx, scanTenant, selectTenants+` WHERE s.status = 'deleting' AND s.delete_after <= ? ORDER BY t.id`, now)
}

func deleteTenant(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
	for _, statement := range []string{
		`DELETE FROM tenantry_tenant WHERE tenant_id = ?`,
		`DELETE FROM tenants_tenantconfigurationmodel WHERE tenant_id = ?`,
		`DELETE FROM tenantry_configuration_version WHERE tenant_id = ?`,
		`DELETE FROM tenants_tenantmodel WHERE id = ?`,
	} {
		if _, err := tx.Exec(ctx, statement, key); err != nil {
			return err
		}
	}
	return nil
}

func selectModels(ctx context.Context, tx *sqldb.Tx) ([]Model, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (m Model, err error) {
		return m, r.Scan(&m.Name, &m.Label, &m.Provider, &m.Enabled)
	}, `SELECT name, label, provider, enabled FROM tenantry_model ORDER BY position, name`)
}

func addModel(ctx context.Context, tx *sqldb.Tx, m Model) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_model (name, label, provider, enabled, position)
		SELECT ?, ?, ?, ?, COALESCE(max(position), 0) + 1 FROM tenantry_model`, m.Name, m.Label, m.Provider, m.Enabled)
	return err
}

func replaceModel(ctx context.Context, tx *sqldb.Tx, m Model) (int64, error) {
	return tx.Exec(ctx, `UPDATE tenantry_model SET label = ?, provider = ?, enabled = ? WHERE name = ?`, m.Label, m.Provider, m.Enabled, m.Name)
}

// fillMissing gives the tenants that Django made their rows beside Django's. The
// public id carries the time at which Django made the tenant, so that ids sort
// by age whoever made them. watch is told now and then how many of how many are done.
func fillMissing(ctx context.Context, tx *sqldb.Tx, now time.Time, random io.Reader, watch func(done, total int64)) (int64, error) {
	type row struct {
		key     tenantry.TenantKey
		active  bool
		created time.Time
	}
	missing, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (m row, err error) {
		return m, r.Scan(&m.key, &m.active, &m.created)
	}, `SELECT t.id, t.is_active, t.created_at FROM tenants_tenantmodel t
		WHERE NOT EXISTS (SELECT 1 FROM tenantry_tenant s WHERE s.tenant_id = t.id) ORDER BY t.id`)
	if err != nil || len(missing) == 0 {
		return 0, err
	}
	return tx.Load(ctx, "tenantry_tenant",
		[]string{"tenant_id", "public_id", "status", "status_reason", "status_at", "approved_at", "approved_by", "delete_after"},
		func(yield func([]any) bool) {
			for i, m := range missing {
				if i%1000 == 0 {
					watch(int64(i), int64(len(missing)))
				}
				status := Active
				if !m.active {
					status = Suspended
				}
				if !yield([]any{m.key, tenantry.NewTenantID(m.created, random).String(), string(status), "", now, nil, "", nil}) {
					return
				}
			}
		})
}
