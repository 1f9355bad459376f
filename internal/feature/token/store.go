package token

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectForUpdate: SQLite's writer is alone; PostgreSQL must keep others, a
// Django process among them, from writing between our reading and our writing.
var selectForUpdate = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE`}

const selectTokens = `SELECT t.tenant_id, t.token_id, t.kind, t.home, t.name, t.scopes, t.allowed_addresses, t.current_version,
	t.expires_at, t.created_at, t.created_by, t.revoked_at, t.revoked_reason FROM tenantry_token t`

func scanToken(r *sqldb.Rows) (t Token, err error) {
	var scopes, addresses sqldb.JSON
	if err := r.Scan(&t.Tenant, &t.ID, &t.Kind, &t.Home, &t.Name, &scopes, &addresses, &t.Current,
		&t.ExpiresAt, &t.CreatedAt, &t.CreatedBy, &t.RevokedAt, &t.RevokedReason); err != nil {
		return t, err
	}
	return t, t.unpack(scopes, addresses)
}

func (t *Token) unpack(scopes, addresses sqldb.JSON) (err error) {
	if t.Scopes, err = list[string](scopes); err != nil {
		return err
	}
	t.AllowedAddresses, err = list[netip.Prefix](addresses)
	return err
}

// list reads a JSON array; nearly all of them are empty.
func list[T any](text sqldb.JSON) (all []T, err error) {
	if string(text) == "[]" {
		return nil, nil
	}
	return all, json.Unmarshal(text, &all)
}

func packed[T any](all []T) (sqldb.JSON, error) {
	if len(all) == 0 {
		return sqldb.JSON("[]"), nil
	}
	return json.Marshal(all)
}

const versionColumns = `v.version, v.display, v.created_at, v.expires_at, v.retire_at, v.retire_on_use, v.first_used_at, v.last_used_at,
	v.uses, v.last_address, v.revoked_at, v.revoked_reason, v.misused_at, v.misuses, v.rotation_key`

func (v *Version) fields() []any {
	return []any{&v.Number, &v.Display, &v.CreatedAt, &v.ExpiresAt, &v.RetireAt, &v.RetireOnUse, &v.FirstUsedAt, &v.LastUsedAt,
		&v.Uses, &v.LastAddress, &v.RevokedAt, &v.RevokedReason, &v.MisusedAt, &v.Misuses, &v.rotationKey}
}

// selectTenantOf finds whose a token is; own limits the search to one tenant
// unless it is zero. A foreign token is missing.
func selectTenantOf(ctx context.Context, tx *sqldb.Tx, own tenantry.TenantKey, id tenantry.TokenID) (tenant tenantry.TenantKey, err error) {
	if own != 0 {
		err = tx.Get(ctx, `SELECT tenant_id FROM tenantry_token WHERE tenant_id = ? AND token_id = ?`, []any{own, id}, &tenant)
	} else {
		err = tx.Get(ctx, `SELECT tenant_id FROM tenantry_token WHERE token_id = ?`, []any{id}, &tenant)
	}
	return tenant, notFound(err)
}

func notFound(err error) error {
	if tenantry.KindOf(err) == tenantry.NotFound {
		return tenantry.NewError(tenantry.NotFound, "token.not_found")
	}
	return err
}

// selectToken reads a token with all its versions.
func selectToken(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.TokenID) (Token, error) {
	found, err := sqldb.All(ctx, tx, scanToken, selectTokens+` WHERE t.tenant_id = ? AND t.token_id = ?`, tenant, id)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "token.not_found")
	}
	if err != nil {
		return Token{}, err
	}
	t := found[0]
	t.Versions, err = sqldb.All(ctx, tx, func(r *sqldb.Rows) (v Version, err error) { return v, r.Scan(v.fields()...) },
		`SELECT `+versionColumns+` FROM tenantry_token_version v WHERE v.tenant_id = ? AND v.token_id = ? ORDER BY v.version DESC`, tenant, id)
	return t, err
}

// lockToken keeps others from changing a token until the transaction ends.
func lockToken(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.TokenID) (current int64, err error) {
	err = tx.Get(ctx, `SELECT current_version FROM tenantry_token WHERE tenant_id = ? AND token_id = ?`+tx.Of(selectForUpdate), []any{tenant, id}, &current)
	return current, notFound(err)
}

// selectPolicy reads what a tenant wants different from the settings.
func selectPolicy(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey) (p Policy, err error) {
	var row policyRow
	err = tx.Get(ctx, `SELECT max_age, rotate_after, grace, idle_age FROM tenantry_token_policy WHERE tenant_id = ?`, []any{tenant}, row.fields()...)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return Policy{}, nil
	}
	return row.policy(), err
}

// policyRow is a policy as it is stored: in seconds.
type policyRow struct{ maxAge, rotateAfter, grace, idleAge *int64 }

func (r *policyRow) fields() []any { return []any{&r.maxAge, &r.rotateAfter, &r.grace, &r.idleAge} }

func (r *policyRow) policy() Policy {
	of := func(seconds *int64) *time.Duration {
		if seconds == nil {
			return nil
		}
		d := time.Duration(*seconds) * time.Second
		return &d
	}
	return Policy{MaxAge: of(r.maxAge), RotateAfter: of(r.rotateAfter), Grace: of(r.grace), IdleAge: of(r.idleAge)}
}

func upsertPolicy(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, p Policy, now time.Time) error {
	seconds := func(d *time.Duration) any {
		if d == nil {
			return nil
		}
		return int64(*d / time.Second)
	}
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_token_policy (tenant_id, max_age, rotate_after, grace, idle_age, updated_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant_id) DO UPDATE SET max_age = excluded.max_age, rotate_after = excluded.rotate_after, grace = excluded.grace,
			idle_age = excluded.idle_age, updated_at = excluded.updated_at`,
		tenant, seconds(p.MaxAge), seconds(p.RotateAfter), seconds(p.Grace), seconds(p.IdleAge), now)
	return err
}

// fresh is a secret that has just been made, and where it goes.
type fresh struct {
	tenant  tenantry.TenantKey
	id      tenantry.TokenID
	kind    Kind
	home    bool
	version int64
	token   *Token // to be made with it; nil: the token is there
	secret  tenantry.Secret
	expires *time.Time
	created *time.Time // nil: nobody knows
	key     string     // of the rotation that made it
	retire  time.Time  // last moment of the versions before it
	column  string     // what Django's column is to hold; "" leaves it alone
}

// insertFresh writes new tokens, their versions and the directory. A digest that
// the directory holds already is a Conflict.
func insertFresh(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	if err := insertTokens(ctx, tx, all); err != nil {
		return err
	}
	return insertDigests(ctx, tx, all)
}

func insertTokens(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	var failure error
	if _, err := tx.Load(ctx, "tenantry_token",
		[]string{"tenant_id", "token_id", "kind", "home", "name", "scopes", "allowed_addresses", "current_version", "expires_at", "created_at", "created_by"},
		func(yield func([]any) bool) {
			for i := range all {
				f := &all[i]
				if f.token == nil {
					continue
				}
				scopes, err := packed(f.token.Scopes)
				addresses, err2 := packed(f.token.AllowedAddresses)
				if failure = firstOf(err, err2); failure != nil {
					return
				}
				if !yield([]any{int64(f.tenant), f.id.String(), string(f.kind), f.home, f.token.Name, scopes, addresses, f.version, f.token.ExpiresAt, f.created, f.token.CreatedBy}) {
					return
				}
			}
		}); err != nil || failure != nil {
		return firstOf(failure, err)
	}
	_, err := tx.Load(ctx, "tenantry_token_version",
		[]string{"tenant_id", "token_id", "version", "digest", "display", "created_at", "expires_at", "rotation_key"},
		func(yield func([]any) bool) {
			for i := range all {
				f := &all[i]
				digest := digestOf(f.secret)
				if !yield([]any{int64(f.tenant), f.id.String(), f.version, digest[:], f.secret.Display(), f.created, f.expires, f.key}) {
					return
				}
			}
		})
	return err
}

func insertDigests(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	_, err := tx.Load(ctx, "tenantry_token_digest", []string{"digest", "tenant_id", "token_id", "version", "ambiguous"},
		func(yield func([]any) bool) {
			for i := range all {
				f := &all[i]
				digest := digestOf(f.secret)
				if !yield([]any{digest[:], int64(f.tenant), f.id.String(), f.version, false}) {
					return
				}
			}
		})
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// statementRows is how many rows one statement is given as parameters: SQLite
// takes 32,766 of those.
const statementRows = 4000

// advance makes the fresh versions the current ones of tokens that were there.
func advance(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	return inPieces(all, notNew, func(piece []fresh) error {
		given, args := tx.Given("g", versionsOf(piece)...)
		_, err := tx.Exec(ctx, `UPDATE tenantry_token SET current_version = g.version, revoked_at = NULL, revoked_reason = ''
			FROM `+given+` WHERE tenantry_token.tenant_id = g.tenant_id AND tenantry_token.token_id = g.token_id`, args...)
		return err
	})
}

// notNew tells a version of a token that was there from the first of a new one.
func notNew(f fresh) bool { return f.token == nil }

// versionsOf are the columns that name versions.
func versionsOf(all []fresh) []sqldb.Column {
	return []sqldb.Column{
		sqldb.Collect("tenant_id", all, func(f fresh) int64 { return int64(f.tenant) }),
		sqldb.Collect("token_id", all, func(f fresh) string { return f.id.String() }),
		sqldb.Collect("version", all, func(f fresh) int64 { return f.version }),
	}
}

// before is the condition for the working versions that are older than given ones.
const before = ` WHERE tenantry_token_version.tenant_id = g.tenant_id AND tenantry_token_version.token_id = g.token_id
	AND tenantry_token_version.version < g.version AND tenantry_token_version.revoked_reason = ''`

// writeColumns puts fresh home secrets into Django's columns, as Django's save
// would: updated_at moves too.
func writeColumns(ctx context.Context, tx *sqldb.Tx, all []fresh, now time.Time) error {
	var rows []columns
	at := map[tenantry.TenantKey]int{}
	for _, f := range all {
		if !f.home || f.column == "" {
			continue
		}
		i, there := at[f.tenant]
		if !there {
			i = len(rows)
			at[f.tenant] = i
			rows = append(rows, columns{tenant: f.tenant})
		}
		rows[i].set(f.kind, f.column)
	}
	return updateColumns(ctx, tx, rows, now)
}

// inPieces calls do with the wanted elements, at most statementRows at a time.
func inPieces[T any](all []T, wanted func(T) bool, do func(piece []T) error) error {
	piece := make([]T, 0, min(len(all), statementRows))
	for _, one := range all {
		if wanted != nil && !wanted(one) {
			continue
		}
		if piece = append(piece, one); len(piece) == statementRows {
			if err := do(piece); err != nil {
				return err
			}
			piece = piece[:0]
		}
	}
	if len(piece) == 0 {
		return nil
	}
	return do(piece)
}

// retirePredecessors gives the working versions that are older than the fresh ones
// an end: at the fresh one's retire, but never later than they would have
// expired or retired anyway, and with onUse already when the fresh one is used.
func retirePredecessors(ctx context.Context, tx *sqldb.Tx, all []fresh, onUse bool) error {
	return inPieces(all, notNew, func(piece []fresh) error {
		given, args := tx.Given("g", append(versionsOf(piece), sqldb.Collect("latest", piece, func(f fresh) time.Time { return f.retire }))...)
		_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET
			retire_on_use = CASE WHEN retire_at IS NULL THEN `+boolean(tx, onUse)+` ELSE retire_on_use END,
			retire_at = CASE WHEN retire_at < g.latest THEN retire_at WHEN expires_at < g.latest THEN expires_at ELSE g.latest END
			FROM `+given+before, args...)
		return err
	})
}

// endPredecessors revokes the versions that are older than the fresh ones.
func endPredecessors(ctx context.Context, tx *sqldb.Tx, all []fresh, reason Reason, now time.Time) error {
	return inPieces(all, notNew, func(piece []fresh) error {
		given, args := tx.Given("g", versionsOf(piece)...)
		_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET revoked_at = ?, revoked_reason = ? FROM `+given+before,
			append([]any{now, string(reason)}, args...)...)
		return err
	})
}

// boolean is a literal: a bare parameter inside CASE has no type on PostgreSQL.
func boolean(tx *sqldb.Tx, b bool) string {
	switch {
	case tx.Engine() == sqldb.Postgres && b:
		return `true`
	case tx.Engine() == sqldb.Postgres:
		return `false`
	case b:
		return `1`
	}
	return `0`
}

// endVersions revokes every version of a token that still works.
func endVersions(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.TokenID, reason Reason, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET revoked_at = ?, revoked_reason = ?
		WHERE tenant_id = ? AND token_id = ? AND revoked_reason = ''`, now, string(reason), tenant, id)
	return err
}

func endToken(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.TokenID, reason Reason, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_token SET revoked_at = ?, revoked_reason = ? WHERE tenant_id = ? AND token_id = ?`, now, string(reason), tenant, id)
	return err
}

// selectHomeIDs finds the tokens that stand in Django's columns of some tenants.
func selectHomeIDs(ctx context.Context, tx *sqldb.Tx, first, last tenantry.TenantKey) (map[tenantry.TenantKey]map[Kind]Token, error) {
	found, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (t Token, err error) {
		return t, r.Scan(&t.Tenant, &t.Kind, &t.ID, &t.Current)
	}, `SELECT tenant_id, kind, token_id, current_version FROM tenantry_token WHERE tenant_id BETWEEN ? AND ? AND home`, first, last)
	if err != nil {
		return nil, err
	}
	all := map[tenantry.TenantKey]map[Kind]Token{}
	for _, t := range found {
		if all[t.Tenant] == nil {
			all[t.Tenant] = map[Kind]Token{}
		}
		all[t.Tenant][t.Kind] = t
	}
	return all, nil
}

// selectPolicies reads the policies of a range of tenants, which few have.
func selectPolicies(ctx context.Context, tx *sqldb.Tx, first, last tenantry.TenantKey) (map[tenantry.TenantKey]Policy, error) {
	rows, err := tx.Query(ctx, `SELECT tenant_id, max_age, rotate_after, grace, idle_age FROM tenantry_token_policy WHERE tenant_id BETWEEN ? AND ?`, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[tenantry.TenantKey]Policy{}
	for rows.Next() {
		var tenant tenantry.TenantKey
		var row policyRow
		if err := rows.Scan(append([]any{&tenant}, row.fields()...)...); err != nil {
			return nil, err
		}
		all[tenant] = row.policy()
	}
	return all, rows.Err()
}

func endVersion(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.TokenID, version int64, reason Reason, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET revoked_at = ?, revoked_reason = ?
		WHERE tenant_id = ? AND token_id = ? AND version = ? AND revoked_reason = ''`, now, string(reason), tenant, id, version)
	return err
}

// endOnUse ends the versions that wait for a newer one's first use, and notes it.
func endOnUse(ctx context.Context, tx *sqldb.Tx, h Held, now time.Time) (ended int64, err error) {
	if ended, err = tx.Exec(ctx, `UPDATE tenantry_token_version SET revoked_at = ?, revoked_reason = 'superseded'
		WHERE tenant_id = ? AND token_id = ? AND version < ? AND retire_on_use AND revoked_reason = ''`, now, h.Tenant, h.Token, h.Version); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE tenantry_token_version SET first_used_at = ?
		WHERE tenant_id = ? AND token_id = ? AND version = ? AND first_used_at IS NULL`, now, h.Tenant, h.Token, h.Version)
	return ended, err
}

// selectPage reads a page of tokens, each with its newest version.
func selectPage(ctx context.Context, tx *sqldb.Tx, q Query, judge func(*Listed, Policy)) (page tenantry.List[Listed], err error) {
	query := `SELECT t.tenant_id, t.token_id, t.kind, t.home, t.name, t.scopes, t.allowed_addresses, t.current_version,
		t.expires_at, t.created_at, t.created_by, t.revoked_at, t.revoked_reason, p.max_age, p.rotate_after, p.grace, p.idle_age, ` + versionColumns + `
		FROM tenantry_token t
		JOIN tenantry_token_version v ON v.tenant_id = t.tenant_id AND v.token_id = t.token_id AND v.version = t.current_version
		LEFT JOIN tenantry_token_policy p ON p.tenant_id = t.tenant_id WHERE true`
	var args []any
	if q.Tenant != 0 {
		query, args = query+` AND t.tenant_id = ?`, append(args, q.Tenant)
	}
	if q.Kind != "" {
		query, args = query+` AND t.kind = ?`, append(args, string(q.Kind))
	}
	if q.Old {
		query += ` AND EXISTS (SELECT 1 FROM tenantry_token_version o WHERE o.tenant_id = t.tenant_id AND o.token_id = t.token_id
			AND o.version < t.current_version AND o.revoked_reason = '' AND o.last_used_at > v.created_at)`
	}
	if q.Page.Cursor != "" {
		var after position
		if json.Unmarshal([]byte(q.Page.Cursor), &after) != nil {
			return page, tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
		}
		query, args = query+` AND (t.tenant_id, t.token_id) > (CAST(? AS bigint), ?)`, append(args, after.Tenant, after.Token)
	}
	limit := q.Page.Clamp()
	page.Items, err = sqldb.All(ctx, tx, func(r *sqldb.Rows) (l Listed, err error) {
		var scopes, addresses sqldb.JSON
		var policy policyRow
		dest := []any{&l.Tenant, &l.ID, &l.Kind, &l.Home, &l.Name, &scopes, &addresses, &l.Current,
			&l.ExpiresAt, &l.CreatedAt, &l.CreatedBy, &l.RevokedAt, &l.RevokedReason}
		if err := r.Scan(append(append(dest, policy.fields()...), l.Newest.fields()...)...); err != nil {
			return l, err
		}
		judge(&l, policy.policy())
		return l, l.unpack(scopes, addresses)
	}, query+` ORDER BY t.tenant_id, t.token_id LIMIT ?`, append(args, limit+1)...)
	if err != nil || len(page.Items) <= limit {
		return page, err
	}
	page.Items = page.Items[:limit]
	last := page.Items[limit-1]
	cursor, err := json.Marshal(position{Tenant: last.Tenant, Token: last.ID.String()})
	page.NextCursor = string(cursor)
	return page, err
}

// position is where a page of a list ended.
type position struct {
	Tenant tenantry.TenantKey `json:"t"`
	Token  string             `json:"k"`
}
