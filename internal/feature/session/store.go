package session

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const sessionColumns = `s.session_id, s.user_id, s.person, s.active_tenant, s.mark, s.address, s.device,
	s.created_at, s.seen_at, s.expires_at, s.ended_at, s.end_reason`

func (x *Session) columns() []any {
	return []any{&x.ID, &x.User, &x.Person, &x.Tenant, &x.Mark, &x.Address, &x.Device,
		&x.CreatedAt, &x.SeenAt, &x.ExpiresAt, &x.EndedAt, &x.EndReason}
}

func insertSession(ctx context.Context, tx *sqldb.Tx, x Session) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_session
		(session_id, user_id, person, active_tenant, mark, address, device, created_at, seen_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		x.ID, x.User, x.Person, x.Tenant, x.Mark, x.Address, x.Device, x.CreatedAt, x.SeenAt, x.ExpiresAt)
	return err
}

func insertSecret(ctx context.Context, tx *sqldb.Tx, id tenantry.SessionID, digest string, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_session_secret (digest, session_id, created_at) VALUES (?, ?, ?)`, digest, id, now)
	return err
}

func selectBySecret(ctx context.Context, tx *sqldb.Tx, digest string) (x Session, replaced bool, err error) {
	var at *time.Time
	err = tx.Get(ctx, `SELECT `+sessionColumns+`, k.replaced_at FROM tenantry_session_secret k
		JOIN tenantry_session s ON s.session_id = k.session_id WHERE k.digest = ?`, []any{digest}, append(x.columns(), &at)...)
	return x, at != nil, err
}

// selectOpen reads the sessions of a person that have neither ended nor expired
// nor been left alone for too long.
func selectOpen(ctx context.Context, tx *sqldb.Tx, user tenantry.UserKey, now, seenAfter time.Time) ([]Session, error) {
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (x Session, err error) {
		err = r.Scan(x.columns()...)
		return x, err
	}, `SELECT `+sessionColumns+` FROM tenantry_session s
		WHERE s.user_id = ? AND s.ended_at IS NULL AND s.expires_at > ? AND s.seen_at > ? ORDER BY s.session_id DESC`, user, now, seenAfter)
}

// replaceSecret reports whether the secret was the one that works: of two at once
// one finds it so.
func replaceSecret(ctx context.Context, tx *sqldb.Tx, id tenantry.SessionID, digest string, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE tenantry_session_secret SET replaced_at = ? WHERE digest = ? AND session_id = ? AND replaced_at IS NULL
		AND EXISTS (SELECT 1 FROM tenantry_session s WHERE s.session_id = tenantry_session_secret.session_id AND s.ended_at IS NULL)`, now, digest, id)
	return n == 1, err
}

func updateTenant(ctx context.Context, tx *sqldb.Tx, id tenantry.SessionID, to tenantry.TenantKey) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_session SET active_tenant = ? WHERE session_id = ?`, to, id)
	return err
}

// updateSeen never moves the instant back: several processes may be at it.
func updateSeen(ctx context.Context, tx *sqldb.Tx, id tenantry.SessionID, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_session SET seen_at = ? WHERE session_id = ? AND seen_at < ?`, now, id, now)
	return err
}

func updateEnded(ctx context.Context, tx *sqldb.Tx, id tenantry.SessionID, why Reason, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE tenantry_session SET ended_at = ?, end_reason = ? WHERE session_id = ? AND ended_at IS NULL`, now, string(why), id)
	return n == 1, err
}

// deleteLongOver takes away what nobody will look up any more; secrets go with
// their sessions.
func deleteLongOver(ctx context.Context, tx *sqldb.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_session WHERE expires_at < ?`, before)
	return err
}

// attempts are how often somebody has failed in a row.
type attempts struct {
	failures     int64
	blockedUntil *time.Time
	updatedAt    time.Time
}

func selectAttempts(ctx context.Context, tx *sqldb.Tx, subject string) (a attempts, err error) {
	err = tx.Get(ctx, `SELECT failures, blocked_until, updated_at FROM tenantry_attempt WHERE subject = ?`, []any{subject}, &a.failures, &a.blockedUntil, &a.updatedAt)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return attempts{}, nil
	}
	return a, err
}

// upsertFailure counts one more failure, from 1 if the last is long ago, and
// returns how many there are.
func upsertFailure(ctx context.Context, tx *sqldb.Tx, subject string, now, forgotten time.Time) (n int64, err error) {
	err = tx.Get(ctx, `INSERT INTO tenantry_attempt (subject, failures, updated_at) VALUES (?, 1, ?)
		ON CONFLICT (subject) DO UPDATE SET updated_at = excluded.updated_at,
		failures = CASE WHEN tenantry_attempt.updated_at < ? THEN 1 ELSE tenantry_attempt.failures + 1 END RETURNING failures`,
		[]any{subject, now, forgotten}, &n)
	return n, err
}

func updateBlocked(ctx context.Context, tx *sqldb.Tx, subject string, until time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_attempt SET blocked_until = ? WHERE subject = ?`, until, subject)
	return err
}

func deleteAttempts(ctx context.Context, tx *sqldb.Tx, subject string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_attempt WHERE subject = ?`, subject)
	return err
}

func deleteForgottenAttempts(ctx context.Context, tx *sqldb.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_attempt WHERE updated_at < ?`, before)
	return err
}
