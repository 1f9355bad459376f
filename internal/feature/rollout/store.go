package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectForUpdate: SQLite's writer is alone.
var selectForUpdate = sqldb.Twin{SQLite: ``, Postgres: ` FOR UPDATE`}

const selectRuns = `SELECT run_id, step, step_version, step_sum, only_tenant, reverts, options, state, wave, claimed, code, cause, created_at, created_by, updated_at, ended_at
	FROM tenantry_rollout`

func scanRun(r *sqldb.Rows) (run Run, err error) {
	var options sqldb.JSON
	if err := r.Scan(&run.ID, &run.Step, &run.Version, &run.Sum, &run.Only, &run.Reverts, &options, &run.State, &run.Wave, &run.claimed,
		&run.Code, &run.Cause, &run.CreatedAt, &run.CreatedBy, &run.UpdatedAt, &run.EndedAt); err != nil {
		return run, err
	}
	return run, json.Unmarshal(options, &run.Options)
}

func selectRun(ctx context.Context, tx *sqldb.Tx, id tenantry.RunID) (Run, error) {
	return oneRun(ctx, tx, selectRuns+` WHERE run_id = ?`, id)
}

// lockRun keeps others from moving a run on until the transaction ends.
func lockRun(ctx context.Context, tx *sqldb.Tx, id tenantry.RunID) (Run, error) {
	return oneRun(ctx, tx, selectRuns+` WHERE run_id = ?`+tx.Of(selectForUpdate), id)
}

func oneRun(ctx context.Context, tx *sqldb.Tx, query string, args ...any) (Run, error) {
	found, err := sqldb.All(ctx, tx, scanRun, query, args...)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "rollout.not_found")
	}
	if err != nil {
		return Run{}, err
	}
	return found[0], nil
}

func selectOpen(ctx context.Context, tx *sqldb.Tx, step string, only tenantry.TenantKey) (Run, error) {
	return oneRun(ctx, tx, selectRuns+` WHERE step = ? AND only_tenant = ? AND ended_at IS NULL`+tx.Of(selectForUpdate), step, only)
}

// selectLatest finds the newest run of a step that was not given up.
func selectLatest(ctx context.Context, tx *sqldb.Tx, step string) (Run, error) {
	return oneRun(ctx, tx, selectRuns+` WHERE step = ? AND state <> 'cancelled' ORDER BY created_at DESC, run_id DESC LIMIT 1`, step)
}

func selectPage(ctx context.Context, tx *sqldb.Tx, step string, p tenantry.Page) ([]Run, error) {
	query, args := selectRuns+` WHERE 1 = 1`, []any{}
	if step != "" {
		query, args = query+` AND step = ?`, append(args, step)
	}
	if p.Cursor != "" {
		query, args = query+` AND run_id < ?`, append(args, p.Cursor)
	}
	return sqldb.All(ctx, tx, scanRun, query+` ORDER BY run_id DESC LIMIT ?`, append(args, p.Clamp()+1)...)
}

func insertRun(ctx context.Context, tx *sqldb.Tx, r Run) error {
	options, err := json.Marshal(r.Options)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tenantry_rollout (run_id, step, step_version, step_sum, only_tenant, reverts, options, state, wave, claimed, created_at, created_by, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, -1, ?, ?, ?)`,
		r.ID, r.Step, r.Version, r.Sum, r.Only, r.Reverts, sqldb.JSON(options), string(r.State), r.CreatedAt, r.CreatedBy, r.UpdatedAt)
	return err
}

func updateRun(ctx context.Context, tx *sqldb.Tx, r Run) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout SET step_version = ?, step_sum = ?, state = ?, wave = ?, claimed = ?, code = ?, cause = ?, updated_at = ?, ended_at = ? WHERE run_id = ?`,
		r.Version, r.Sum, string(r.State), r.Wave, r.claimed, r.Code, r.Cause, r.UpdatedAt, r.EndedAt, r.ID)
	return err
}

// waves cuts tenants in their order into waves that grow: it returns how many are
// in the waves up to each one. The last takes what is left.
func waves(items, first, growth int64) (ends []int64) {
	for size, end := first, int64(0); end < items; size *= growth {
		end = min(end+size, items)
		ends = append(ends, end)
	}
	return ends
}

// insertItems gives every tenant its place in a wave, or the one of a run.
func insertItems(ctx context.Context, tx *sqldb.Tx, r Run) error {
	switch {
	case r.Options.Whole:
		return insertItem(ctx, tx, r.ID, 0)
	case r.Only != 0:
		return insertItem(ctx, tx, r.ID, r.Only)
	}
	from, args := `SELECT id AS tenant_id, 0 AS chosen FROM tenants_tenantmodel`, []any{}
	first := r.Options.Canary
	if n := len(r.Options.CanaryTenants); n > 0 {
		given, values := tx.Given("g", sqldb.Column{Name: "id", Values: r.Options.CanaryTenants})
		from = `SELECT t.id AS tenant_id, CASE WHEN g.id IS NULL THEN 1 ELSE 0 END AS chosen FROM tenants_tenantmodel t LEFT JOIN ` + given + ` ON g.id = t.id`
		args, first = values, int64(n)
	}
	return insertNumbered(ctx, tx, r, from, args, first)
}

func insertNumbered(ctx context.Context, tx *sqldb.Tx, r Run, from string, args []any, first int64) error {
	var items int64
	if err := tx.Get(ctx, `SELECT count(*) FROM (`+from+`) AS f`, args, &items); err != nil {
		return err
	}
	wave := strings.Builder{}
	ends := waves(items, first, r.Options.Growth)
	for i, end := range ends[:max(len(ends)-1, 0)] {
		fmt.Fprintf(&wave, ` WHEN place <= %d THEN %d`, end, i)
	}
	number := fmt.Sprint(max(len(ends)-1, 0))
	if wave.Len() > 0 {
		number = `CASE` + wave.String() + ` ELSE ` + number + ` END`
	}
	if _, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_item (tenant_id, run_id, wave, state)
		SELECT tenant_id, ?, `+number+`, 'waiting' FROM (SELECT tenant_id, row_number() OVER (ORDER BY chosen, tenant_id) AS place FROM (`+from+`) AS f) AS n`,
		append([]any{r.ID.String()}, args...)...); err != nil {
		return err
	}
	before := int64(0)
	for i, end := range ends {
		if err := insertWave(ctx, tx, r.ID, int64(i), end-before); err != nil {
			return err
		}
		before = end
	}
	if len(ends) == 0 {
		return insertWave(ctx, tx, r.ID, 0, 0)
	}
	return nil
}

func insertItem(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, tenant tenantry.TenantKey) error {
	if _, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_item (tenant_id, run_id, wave, state) VALUES (?, ?, 0, 'waiting')`, tenant, run); err != nil {
		return err
	}
	return insertWave(ctx, tx, run, 0, 1)
}

// insertReverted makes an item of everything that a run changed.
func insertReverted(ctx context.Context, tx *sqldb.Tx, r Run) error {
	return insertNumbered(ctx, tx, r, `SELECT tenant_id, 0 AS chosen FROM tenantry_rollout_item WHERE run_id = ? AND changes > 0`, []any{r.Reverts}, r.Options.Canary)
}

// insertLate makes a wave of the tenants that came to be while the run went on.
func insertLate(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave int64) (int64, error) {
	n, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_item (tenant_id, run_id, wave, state) SELECT t.id, ?, CAST(? AS bigint), 'waiting' FROM tenants_tenantmodel t
		WHERE NOT EXISTS (SELECT 1 FROM tenantry_rollout_item i WHERE i.tenant_id = t.id AND i.run_id = ?)`, run.String(), wave, run)
	if err != nil || n == 0 {
		return n, err
	}
	return n, insertWave(ctx, tx, run, wave, n)
}

func insertWave(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave, items int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_wave (run_id, wave, items) VALUES (?, ?, ?)`, run, wave, items)
	return err
}

// selectWaves reads the waves of a run, with what processes at work have done so far.
func selectWaves(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID) ([]Wave, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (w Wave, err error) {
		c := &w.Counts
		return w, r.Scan(&w.Number, &c.Items, &c.Done, &c.Unchanged, &c.Quarantined, &c.Gone, &c.Changes, &w.tolerated, &w.StartedAt, &w.EndedAt)
	}, `SELECT w.wave, w.items, w.done + COALESCE(l.done, 0), w.unchanged + COALESCE(l.unchanged, 0), w.failed + COALESCE(l.failed, 0), w.gone + COALESCE(l.gone, 0),
		w.changes + COALESCE(l.changes, 0), w.tolerated, w.started_at, w.ended_at
		FROM tenantry_rollout_wave w LEFT JOIN (SELECT wave, CAST(SUM(done) AS bigint) AS done, CAST(SUM(unchanged) AS bigint) AS unchanged, CAST(SUM(failed) AS bigint) AS failed,
			CAST(SUM(gone) AS bigint) AS gone, CAST(SUM(changes) AS bigint) AS changes FROM tenantry_rollout_lease WHERE run_id = ? GROUP BY wave) l ON l.wave = w.wave
		WHERE w.run_id = ? ORDER BY w.wave`, run, run)
}

func startWave(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave int64, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_wave SET started_at = ? WHERE run_id = ? AND wave = ? AND started_at IS NULL`, now, run, wave)
	return err
}

func endWave(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave int64, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_wave SET ended_at = ? WHERE run_id = ? AND wave = ?`, now, run, wave)
	return err
}

// selectStretch finds the end of the next stretch of a wave, of at most size items;
// ok is false when there is none left.
func selectStretch(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave int64, after tenantry.TenantKey, size int64) (first, last tenantry.TenantKey, ok bool, err error) {
	var n int64
	err = tx.Get(ctx, `SELECT count(*), COALESCE(MIN(tenant_id), 0), COALESCE(MAX(tenant_id), 0) FROM (SELECT tenant_id FROM tenantry_rollout_item
		WHERE run_id = ? AND wave = ? AND tenant_id > ? AND state = 'waiting' ORDER BY tenant_id LIMIT ?) AS s`, []any{run, wave, after, size}, &n, &first, &last)
	return first, last, n > 0, err
}

func insertLease(ctx context.Context, tx *sqldb.Tx, l Lease) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_lease (run_id, wave, first_tenant, last_tenant, node, beat) VALUES (?, ?, ?, ?, ?, 1)`, l.Run, l.Wave, l.First, l.Last, l.Node)
	return err
}

func selectLeases(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID) ([]Lease, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (l Lease, err error) {
		return l, r.Scan(&l.Run, &l.Wave, &l.First, &l.Last, &l.Node, &l.beat)
	}, `SELECT run_id, wave, first_tenant, last_tenant, node, beat FROM tenantry_rollout_lease WHERE run_id = ? ORDER BY wave, first_tenant`, run)
}

func (l Lease) where() (string, []any) {
	return ` WHERE run_id = ? AND wave = ? AND first_tenant = ? AND node = ?`, []any{l.Run, l.Wave, l.First, l.Node}
}

// beat shows that the holder lives, and adds to what it has done. It fails when the
// lease is somebody else's by now, and keeps it until the transaction ends.
func beat(ctx context.Context, tx *sqldb.Tx, l Lease, c Counts) error {
	where, args := l.where()
	n, err := tx.Exec(ctx, `UPDATE tenantry_rollout_lease SET beat = beat + 1, done = done + ?, unchanged = unchanged + ?, failed = failed + ?, gone = gone + ?, changes = changes + ?`+where,
		append([]any{c.Done, c.Unchanged, c.Quarantined, c.Gone, c.Changes}, args...)...)
	if err == nil && n == 0 {
		err = tenantry.NewError(tenantry.Busy, "rollout.lease_lost")
	}
	return err
}

func takeLease(ctx context.Context, tx *sqldb.Tx, l Lease, node string) (bool, error) {
	where, args := l.where()
	n, err := tx.Exec(ctx, `UPDATE tenantry_rollout_lease SET node = ?, beat = beat + 1`+where+` AND beat = ?`, append(append([]any{node}, args...), l.beat)...)
	return n > 0, err
}

func freeLease(ctx context.Context, tx *sqldb.Tx, l Lease) error {
	where, args := l.where()
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_lease SET node = '', beat = beat + 1`+where, args...)
	return err
}

// endLease adds what was done under a lease to the wave.
func endLease(ctx context.Context, tx *sqldb.Tx, l Lease) error {
	var c Counts
	where, args := l.where()
	err := tx.Get(ctx, `DELETE FROM tenantry_rollout_lease`+where+` RETURNING done, unchanged, failed, gone, changes`, args, &c.Done, &c.Unchanged, &c.Quarantined, &c.Gone, &c.Changes)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return nil // somebody took it over, and what it had done with it
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE tenantry_rollout_wave SET done = done + ?, unchanged = unchanged + ?, failed = failed + ?, gone = gone + ?, changes = changes + ? WHERE run_id = ? AND wave = ?`,
		c.Done, c.Unchanged, c.Quarantined, c.Gone, c.Changes, l.Run, l.Wave)
	return err
}

const selectItems = `SELECT tenant_id, wave, state, attempts, changes, position, code, cause, updated_at FROM tenantry_rollout_item`

func scanItem(r *sqldb.Rows) (i Item, err error) {
	return i, r.Scan(&i.Tenant, &i.Wave, &i.Outcome, &i.Attempts, &i.Changes, &i.Position, &i.Code, &i.Cause, &i.UpdatedAt)
}

// lockWaiting finds the items of a stretch that wait, and keeps others from them.
func lockWaiting(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, wave int64, first, last tenantry.TenantKey, limit int) ([]Item, error) {
	return sqldb.All(ctx, tx, scanItem, selectItems+` WHERE run_id = ? AND wave = ? AND tenant_id BETWEEN ? AND ? AND state = 'waiting' ORDER BY tenant_id LIMIT ?`+tx.Of(selectForUpdate),
		run, wave, first, last, limit)
}

func selectItemPage(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, outcome Outcome, after tenantry.TenantKey, limit int) ([]Item, error) {
	query, args := selectItems+` WHERE run_id = ? AND tenant_id > ?`, []any{run, after}
	if outcome != "" {
		query, args = query+` AND state = ?`, append(args, string(outcome))
	}
	return sqldb.All(ctx, tx, scanItem, query+` ORDER BY tenant_id LIMIT ?`, append(args, limit)...)
}

func updateItems(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, all []Result, now time.Time) error {
	given, args := tx.Given("g",
		sqldb.Collect("tenant_id", all, func(r Result) int64 { return int64(r.Tenant) }),
		sqldb.Collect("state", all, func(r Result) string { return string(r.Outcome) }),
		sqldb.Collect("changes", all, func(r Result) int64 { return r.Changes }),
		sqldb.Collect("position", all, func(r Result) string { return r.Position }))
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_item SET state = g.state, position = g.position, changes = tenantry_rollout_item.changes + g.changes, code = '', cause = '', updated_at = ?,
		attempts = attempts + CASE WHEN g.state = 'waiting' THEN 0 ELSE 1 END
		FROM `+given+` WHERE tenantry_rollout_item.tenant_id = g.tenant_id AND tenantry_rollout_item.run_id = ?`, append(append([]any{now}, args...), run)...)
	return err
}

// insertChanges keeps what a revert must know. One tenant may come in several parts,
// many have one each.
func insertChanges(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, all []Result) error {
	if len(all) == 1 {
		if all[0].Undo == "" {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO tenantry_rollout_change (tenant_id, run_id, part, undo)
			SELECT CAST(? AS bigint), ?, COALESCE(MAX(part) + 1, 0), ? FROM tenantry_rollout_change WHERE tenant_id = ? AND run_id = ?`,
			all[0].Tenant, run.String(), all[0].Undo, all[0].Tenant, run)
		return err
	}
	_, err := tx.Load(ctx, "tenantry_rollout_change", []string{"tenant_id", "run_id", "part", "undo"}, func(yield func([]any) bool) {
		for _, r := range all {
			if r.Undo != "" && !yield([]any{int64(r.Tenant), run.String(), int64(0), r.Undo}) {
				return
			}
		}
	})
	return err
}

func selectChanges(ctx context.Context, tx *sqldb.Tx, run string, tenants []tenantry.TenantKey) (map[tenantry.TenantKey][]string, error) {
	query, args := sqldb.Limited(tx, tenants, `SELECT tenant_id, undo FROM tenantry_rollout_change WHERE {tenant_id} AND run_id = ? ORDER BY tenant_id, part DESC`, run)
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	kept := make(map[tenantry.TenantKey][]string, len(tenants))
	for rows.Next() {
		var tenant tenantry.TenantKey
		var undo string
		if err := rows.Scan(&tenant, &undo); err != nil {
			return nil, err
		}
		kept[tenant] = append(kept[tenant], undo)
	}
	return kept, rows.Err()
}

func updateFailed(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, tenant tenantry.TenantKey, outcome Outcome, a Attempt) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_item SET state = ?, attempts = ?, code = ?, cause = ?, updated_at = ? WHERE tenant_id = ? AND run_id = ?`,
		string(outcome), a.Number, a.Code, a.Cause, a.EndedAt, tenant, run)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tenantry_rollout_attempt (tenant_id, run_id, attempt, node, code, cause, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		tenant, run, a.Number, a.Node, a.Code, a.Cause, a.StartedAt, a.EndedAt)
	return err
}

func selectAttempts(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID, tenant tenantry.TenantKey) ([]Attempt, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (a Attempt, err error) {
		return a, r.Scan(&a.Number, &a.Node, &a.Code, &a.Cause, &a.StartedAt, &a.EndedAt)
	}, `SELECT attempt, node, code, cause, started_at, ended_at FROM tenantry_rollout_attempt WHERE tenant_id = ? AND run_id = ? ORDER BY attempt`, tenant, run)
}

// releaseFailed lets every item that failed wait again, and tells the first wave in
// which any does.
func releaseFailed(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID) (n, wave int64, err error) {
	if n, err = tx.Exec(ctx, `UPDATE tenantry_rollout_item SET state = 'waiting' WHERE run_id = ? AND state = 'quarantined'`, run); err != nil {
		return n, 0, err
	}
	if _, err = tx.Exec(ctx, `UPDATE tenantry_rollout_wave SET failed = 0, tolerated = 0 WHERE run_id = ? AND failed > 0`, run); err != nil {
		return n, 0, err
	}
	err = tx.Get(ctx, `SELECT COALESCE(MIN(wave), 0) FROM tenantry_rollout_item WHERE run_id = ? AND state = 'waiting'`, []any{run}, &wave)
	return n, wave, err
}

// endLeases takes every process off a run: what they have done counts, what they
// are about to do will fail.
func endLeases(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID) error {
	all, err := selectLeases(ctx, tx, run)
	for _, l := range all {
		if err == nil {
			err = endLease(ctx, tx, l)
		}
	}
	return err
}

func tolerate(ctx context.Context, tx *sqldb.Tx, run tenantry.RunID) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_rollout_wave SET tolerated = failed WHERE run_id = ?`, run)
	return err
}
