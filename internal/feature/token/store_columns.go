package token

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectHolders finds the versions that have a digest and work.
func selectHolders(ctx context.Context, tx *sqldb.Tx, digest []byte, now time.Time) ([]fresh, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (f fresh, err error) { return f, r.Scan(&f.tenant, &f.id, &f.version) },
		`SELECT tenant_id, token_id, version FROM tenantry_token_version WHERE digest = ? AND revoked_reason = ''
			AND (retire_at IS NULL OR retire_at > ?) AND (expires_at IS NULL OR expires_at > ?) ORDER BY tenant_id, token_id, version`, digest, now, now)
}

// columns are what a tenant's row of Django's is to hold; "" leaves a column.
type columns struct {
	tenant  tenantry.TenantKey
	ai, cwu string
}

func (c *columns) set(k Kind, text string) {
	if k == CWU {
		c.cwu = text
	} else {
		c.ai = text
	}
}

func updateColumns(ctx context.Context, tx *sqldb.Tx, rows []columns, now time.Time) error {
	return inPieces(rows, nil, func(piece []columns) error {
		given, args := tx.Given("g",
			sqldb.Collect("id", piece, func(c columns) int64 { return int64(c.tenant) }),
			sqldb.Collect("ai", piece, func(c columns) string { return c.ai }),
			sqldb.Collect("cwu", piece, func(c columns) string { return c.cwu }))
		_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET
			ai_token = CASE WHEN g.ai = '' THEN tenants_tenantmodel.ai_token ELSE g.ai END,
			cwu_token = CASE WHEN g.cwu = '' THEN tenants_tenantmodel.cwu_token ELSE g.cwu END,
			updated_at = ?
			FROM `+given+` WHERE tenants_tenantmodel.id = g.id`, append([]any{now}, args...)...)
		return err
	})
}

// clearColumn empties Django's column of a token that is no more.
func clearColumn(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, kind Kind, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenants_tenantmodel SET `+kind.column()+` = '', updated_at = ? WHERE id = ?`, now, tenant)
	return err
}

func selectColumn(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, kind Kind) (text string, err error) {
	err = tx.Get(ctx, `SELECT `+kind.column()+` FROM tenants_tenantmodel WHERE id = ?`, []any{tenant}, &text)
	return text, err
}

// missing is a tenant that lacks a token.
type missing struct {
	tenant            tenantry.TenantKey
	needsAI, needsCWU bool
}

func (m missing) kinds() (kinds []Kind) {
	if m.needsAI {
		kinds = append(kinds, AI)
	}
	if m.needsCWU {
		kinds = append(kinds, CWU)
	}
	return kinds
}

// selectMissing finds the next tenants that lack a token, of some or for nil of all.
func selectMissing(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, after tenantry.TenantKey, limit int, lock bool) ([]missing, error) {
	query, args := sqldb.Limited(tx, only, `SELECT id, ai_token = '', cwu_token = '' FROM tenants_tenantmodel
		WHERE (ai_token = '' OR cwu_token = '') AND id > ? AND {id} ORDER BY id LIMIT ?`, after, limit)
	if lock {
		query += tx.Of(selectForUpdate)
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (m missing, err error) {
		return m, r.Scan(&m.tenant, &m.needsAI, &m.needsCWU)
	}, query, args...)
}

func countMissing(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) (n int64, err error) {
	query, args := sqldb.Limited(tx, only, `SELECT COALESCE(SUM(CASE WHEN ai_token = '' THEN 1 ELSE 0 END + CASE WHEN cwu_token = '' THEN 1 ELSE 0 END), 0) FROM tenants_tenantmodel WHERE {id}`)
	err = tx.Get(ctx, query, args, &n)
	return n, err
}

// condition is the filter on one column, in SQL. Underscores in LIKE are not
// escaped because there are none in what it looks for.
func (f filter) condition(column string) (string, []any) {
	switch f.treatment {
	case Encrypt:
		return `(` + column + ` <> '' AND ` + column + ` NOT LIKE 'sealed:%')`, nil
	case Decrypt:
		return column + ` LIKE 'sealed:%'`, nil
	}
	return `(` + column + ` LIKE 'sealed:%' AND ` + column + ` NOT LIKE ?)`, []any{f.newest + "%"}
}

func selectColumns(ctx context.Context, tx *sqldb.Tx, f filter, only []tenantry.TenantKey, after tenantry.TenantKey, limit int, lock bool) ([]columns, error) {
	ai, args := f.condition(AI.column())
	cwu, more := f.condition(CWU.column())
	text, args := sqldb.Limited(tx, only, `SELECT id, ai_token, cwu_token FROM tenants_tenantmodel WHERE id > ? AND (`+ai+` OR `+cwu+`) AND {id} ORDER BY id LIMIT ?`,
		append(append(append([]any{after}, args...), more...), limit)...)
	if lock {
		text += tx.Of(selectForUpdate)
	}
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (c columns, err error) { return c, r.Scan(&c.tenant, &c.ai, &c.cwu) }, text, args...)
}

func countColumns(ctx context.Context, tx *sqldb.Tx, f filter) (n int64, err error) {
	ai, args := f.condition(AI.column())
	cwu, more := f.condition(CWU.column())
	err = tx.Get(ctx, `SELECT COALESCE(SUM(CASE WHEN `+ai+` THEN 1 ELSE 0 END + CASE WHEN `+cwu+` THEN 1 ELSE 0 END), 0) FROM tenants_tenantmodel`, append(args, more...), &n)
	return n, err
}

func countSealedWith(ctx context.Context, tx *sqldb.Tx, begins string) (n int64, err error) {
	err = tx.Get(ctx, `SELECT COALESCE(SUM(CASE WHEN ai_token LIKE ? THEN 1 ELSE 0 END + CASE WHEN cwu_token LIKE ? THEN 1 ELSE 0 END), 0) FROM tenants_tenantmodel`,
		[]any{begins + "%", begins + "%"}, &n)
	return n, err
}

func countTenants(ctx context.Context, tx *sqldb.Tx) (n int64, err error) {
	err = tx.Get(ctx, `SELECT count(*) FROM tenants_tenantmodel`, nil, &n)
	return n, err
}

// selectStored reads a page of Django's rows, of some tenants or for nil of all, and
// what is known of their tokens.
func selectStored(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, after tenantry.TenantKey, limit int, lock bool) ([]stored, error) {
	query, args := sqldb.Limited(tx, only, `SELECT id, ai_token, cwu_token FROM tenants_tenantmodel WHERE id > ? AND {id} ORDER BY id LIMIT ?`, after, limit)
	if lock {
		query += tx.Of(selectForUpdate)
	}
	page, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (s stored, err error) { return s, r.Scan(&s.tenant, &s.ai, &s.cwu) }, query, args...)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	at := make(map[tenantry.TenantKey]int, len(page))
	for i, row := range page {
		at[row.tenant] = i
	}
	query, args = sqldb.Limited(tx, only, `SELECT t.tenant_id, t.kind, t.token_id, t.current_version, v.digest, v.revoked_reason <> ''
		FROM tenantry_token t JOIN tenantry_token_version v ON v.tenant_id = t.tenant_id AND v.token_id = t.token_id AND v.version = t.current_version
		WHERE t.tenant_id BETWEEN ? AND ? AND t.home AND {t.tenant_id}`, page[0].tenant, page[len(page)-1].tenant)
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant tenantry.TenantKey
		var kind Kind
		var k known
		if err := rows.Scan(&tenant, &kind, &k.id, &k.version, &k.digest, &k.ended); err != nil {
			return nil, err
		}
		i, there := at[tenant]
		if !there {
			continue
		}
		if kind == CWU {
			page[i].known[1] = k
		} else {
			page[i].known[0] = k
		}
	}
	return page, rows.Err()
}

// insertAdopted is insertFresh for secrets that somebody else made, of which
// several may be the same: such a digest names nobody.
func insertAdopted(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	if len(all) == 0 {
		return nil
	}
	taken, err := selectTaken(ctx, tx, all)
	if err != nil {
		return err
	}
	var doubled []Digest
	unique := make([]fresh, 0, len(all))
	for _, f := range all {
		if digest := digestOf(f.secret); taken[digest] {
			doubled = append(doubled, digest)
		} else {
			taken[digest] = true
			unique = append(unique, f)
		}
	}
	if err := insertTokens(ctx, tx, all); err != nil {
		return err
	}
	if err := insertDigests(ctx, tx, unique); err != nil {
		return err
	}
	if err := advance(ctx, tx, all); err != nil {
		return err
	}
	for _, digest := range doubled {
		if _, err := tx.Exec(ctx, `UPDATE tenantry_token_digest SET ambiguous = `+boolean(tx, true)+` WHERE digest = ?`, digest[:]); err != nil {
			return err
		}
	}
	return nil
}

// selectDead tells which of some digests were ended here: by anything but a Django
// process's own writing.
func selectDead(ctx context.Context, tx *sqldb.Tx, digests []Digest) (map[Digest]bool, error) {
	dead := map[Digest]bool{}
	return dead, inPieces(digests, nil, func(piece []Digest) error {
		given, args := tx.Given("g", sqldb.Collect("digest", piece, func(d Digest) []byte { return d[:] }))
		found, err := sqldb.All(ctx, tx, scanDigest, `SELECT d.digest FROM tenantry_token_digest d
			JOIN `+given+` ON d.digest = g.digest
			JOIN tenantry_token_version v ON v.tenant_id = d.tenant_id AND v.token_id = d.token_id AND v.version = d.version
			WHERE v.revoked_reason NOT IN ('', 'replaced', 'withdrawn')`, args...)
		for _, d := range found {
			dead[d] = true
		}
		return err
	})
}

func scanDigest(r *sqldb.Rows) (d Digest, err error) {
	var b []byte
	err = r.Scan(&b)
	copy(d[:], b)
	return d, err
}

// selectTaken tells which digests the directory holds already.
func selectTaken(ctx context.Context, tx *sqldb.Tx, all []fresh) (map[Digest]bool, error) {
	taken := make(map[Digest]bool, len(all))
	return taken, inPieces(all, nil, func(piece []fresh) error {
		given, args := tx.Given("g", sqldb.Collect("digest", piece, func(f fresh) []byte { d := digestOf(f.secret); return d[:] }))
		found, err := sqldb.All(ctx, tx, scanDigest, `SELECT d.digest FROM tenantry_token_digest d JOIN `+given+` ON d.digest = g.digest`, args...)
		for _, d := range found {
			taken[d] = true
		}
		return err
	})
}

// resolveDuplicates gives a digest that several tenants had to the one that is left
// with it. There is nothing to look at nearly always, which an index tells.
func resolveDuplicates(ctx context.Context, tx *sqldb.Tx, now time.Time) error {
	doubled, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (digest []byte, err error) { return digest, r.Scan(&digest) },
		`SELECT digest FROM tenantry_token_digest WHERE ambiguous`)
	if err != nil {
		return err
	}
	for _, digest := range doubled {
		holders, err := selectHolders(ctx, tx, digest, now)
		if err != nil {
			return err
		}
		if len(holders) != 1 {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE tenantry_token_digest SET tenant_id = ?, token_id = ?, version = ?, ambiguous = `+boolean(tx, false)+` WHERE digest = ?`,
			holders[0].tenant, holders[0].id, holders[0].version, digest); err != nil {
			return err
		}
	}
	return nil
}
