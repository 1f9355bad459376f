package token

import (
	"context"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func updateUses(ctx context.Context, tx *sqldb.Tx, uses []Use) error {
	return inPieces(uses, nil, func(piece []Use) error {
		given, args := tx.Given("g",
			sqldb.Collect("tenant_id", piece, func(u Use) int64 { return int64(u.Tenant) }),
			sqldb.Collect("token_id", piece, func(u Use) string { return u.Token.String() }),
			sqldb.Collect("version", piece, func(u Use) int64 { return u.Version }),
			sqldb.Collect("times", piece, func(u Use) int64 { return u.Times }),
			sqldb.Collect("last", piece, func(u Use) time.Time { return u.Last }),
			sqldb.Collect("address", piece, Use.address))
		_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET uses = uses + g.times,
			first_used_at = COALESCE(first_used_at, g.last),
			last_used_at = CASE WHEN last_used_at > g.last THEN last_used_at ELSE g.last END,
			last_address = CASE WHEN g.address = '' THEN last_address ELSE g.address END
			FROM `+given+`
			WHERE tenantry_token_version.tenant_id = g.tenant_id AND tenantry_token_version.token_id = g.token_id AND tenantry_token_version.version = g.version`, args...)
		return err
	})
}

func (u Use) address() string {
	if !u.Address.IsValid() {
		return ""
	}
	return u.Address.String()
}

func selectMisused(ctx context.Context, tx *sqldb.Tx, m Use) (last *time.Time, err error) {
	err = tx.Get(ctx, `SELECT misused_at FROM tenantry_token_version WHERE tenant_id = ? AND token_id = ? AND version = ?`+tx.Of(selectForUpdate),
		[]any{m.Tenant, m.Token, m.Version}, &last)
	return last, err
}

// updateMisuse counts; the instant moves only with an alarm, so that the next one
// is an hour away however often it happens in between.
func updateMisuse(ctx context.Context, tx *sqldb.Tx, m Use, alarmed bool) error {
	if alarmed {
		_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET misuses = misuses + ?, misused_at = ? WHERE tenant_id = ? AND token_id = ? AND version = ?`,
			m.Times, m.Last, m.Tenant, m.Token, m.Version)
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE tenantry_token_version SET misuses = misuses + ? WHERE tenant_id = ? AND token_id = ? AND version = ?`,
		m.Times, m.Tenant, m.Token, m.Version)
	return err
}
