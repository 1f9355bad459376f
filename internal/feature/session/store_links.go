package session

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func insertLink(ctx context.Context, tx *sqldb.Tx, l Link, digest string, now time.Time) error {
	var user any
	if l.User != 0 {
		user = l.User
	}
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_link (digest, purpose, user_id, active_tenant, subject, mark, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, digest, string(l.Purpose), user, l.Tenant, l.Subject, l.Mark, now, l.ExpiresAt)
	return err
}

func selectLink(ctx context.Context, tx *sqldb.Tx, digest string) (l Link, err error) {
	err = tx.Get(ctx, `SELECT purpose, COALESCE(user_id, 0), active_tenant, subject, mark, expires_at, used_at FROM tenantry_link WHERE digest = ?`,
		[]any{digest}, &l.Purpose, &l.User, &l.Tenant, &l.Subject, &l.Mark, &l.ExpiresAt, &l.UsedAt)
	return l, err
}

func updateUsed(ctx context.Context, tx *sqldb.Tx, digest string, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE tenantry_link SET used_at = ? WHERE digest = ? AND used_at IS NULL AND expires_at > ?`, now, digest, now)
	return n == 1, err
}

func updateUnused(ctx context.Context, tx *sqldb.Tx, digest string) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_link SET used_at = NULL WHERE digest = ?`, digest)
	return err
}

func deleteLinksLongOver(ctx context.Context, tx *sqldb.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM tenantry_link WHERE expires_at < ?`, before)
	return err
}

const invitationColumns = `SELECT tenant_id, invitation_id, email, role, created_at, created_by, expires_at, accepted_at, accepted_by, revoked_at FROM tenantry_invitation`

func scanInvitation(r *sqldb.Rows) (i Invitation, err error) {
	err = r.Scan(&i.Tenant, &i.ID, &i.Email, &i.Role, &i.CreatedAt, &i.CreatedBy, &i.ExpiresAt, &i.AcceptedAt, &i.AcceptedBy, &i.RevokedAt)
	return i, err
}

func insertInvitation(ctx context.Context, tx *sqldb.Tx, i Invitation) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry_invitation (tenant_id, invitation_id, email, role, created_at, created_by, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, i.Tenant, i.ID, i.Email, i.Role, i.CreatedAt, i.CreatedBy, i.ExpiresAt)
	return err
}

func selectInvitation(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.InvitationID) (Invitation, error) {
	found, err := sqldb.All(ctx, tx, scanInvitation, invitationColumns+` WHERE tenant_id = ? AND invitation_id = ?`, tenant, id)
	if err == nil && len(found) == 0 {
		err = tenantry.NewError(tenantry.NotFound, "invitation.not_found")
	}
	if err != nil {
		return Invitation{}, err
	}
	return found[0], nil
}

func selectInvitations(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, before string, most int) ([]Invitation, error) {
	if before == "" {
		return sqldb.All(ctx, tx, scanInvitation, invitationColumns+` WHERE tenant_id = ? ORDER BY invitation_id DESC LIMIT ?`, tenant, most)
	}
	return sqldb.All(ctx, tx, scanInvitation, invitationColumns+` WHERE tenant_id = ? AND invitation_id < ? ORDER BY invitation_id DESC LIMIT ?`, tenant, before, most)
}

func updateInvitationRevoked(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.InvitationID, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE tenantry_invitation SET revoked_at = ? WHERE tenant_id = ? AND invitation_id = ? AND accepted_at IS NULL AND revoked_at IS NULL`, now, tenant, id)
	return n == 1, err
}

func updateInvitationAccepted(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.InvitationID, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE tenantry_invitation SET accepted_at = ? WHERE tenant_id = ? AND invitation_id = ? AND accepted_at IS NULL AND revoked_at IS NULL`, now, tenant, id)
	return n == 1, err
}

func updateInvitationAcceptedBy(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, id tenantry.InvitationID, by tenantry.UserID) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry_invitation SET accepted_by = ? WHERE tenant_id = ? AND invitation_id = ?`, by, tenant, id)
	return err
}
