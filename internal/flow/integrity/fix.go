package integrity

import (
	"context"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Request says what to look at and what to put right.
type Request struct {
	Only  tenantry.TenantKey // one tenant, or 0 for all
	Codes []string           // findings to put right; none: all that can be
}

// Plan is what Fix would put right of what was found, and what it would leave.
func (r Request) Plan(found []tenantry.Finding) (fix, leave []tenantry.Finding) {
	fix, leave = []tenantry.Finding{}, []tenantry.Finding{}
	for _, f := range found {
		if r.repairs(f.Code) {
			fix = append(fix, f)
		} else {
			leave = append(leave, f)
		}
	}
	return fix, leave
}

func (r Request) repairs(code string) bool {
	return slices.Contains(Repairable(), code) && (len(r.Codes) == 0 || slices.Contains(r.Codes, code))
}

// Repairable are the findings with a repair that takes nothing from anybody.
func Repairable() []string { return slices.Concat(user.Repairs(), tenant.Repairs(), token.Repairs()) }

// Fix puts right what can be without anybody losing something that works, and
// returns what was done in the form of findings. Rows that hang together are put
// right and recorded in one transaction. Interrupted, it goes on where it
// stopped when called again, for each repair looks for itself what there is to do.
func (f *Flow) Fix(ctx context.Context, s tenantry.Scope, r Request) ([]tenantry.Finding, error) {
	for _, p := range []tenantry.Permission{tenantry.TenantsWrite, tenantry.UsersWrite, tenantry.TokensWrite} {
		if err := s.RequirePlatform(p); err != nil {
			return nil, err
		}
	}
	only := sqldb.Just(r.Only)
	var done []tenantry.Finding
	err := f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error {
		done = nil
		// First what hangs on tenants and people that are gone, then the rows that
		// the missing ones need, tenants before their members.
		for _, room := range []func() ([]tenantry.Finding, error){
			func() ([]tenantry.Finding, error) { return f.Tokens.RepairIn(ctx, tx, s, only, r.repairs) },
			func() ([]tenantry.Finding, error) { return f.Tenants.RepairIn(ctx, tx, s, only, r.repairs) },
			func() ([]tenantry.Finding, error) { return f.Users.RepairIn(ctx, tx, s, only, r.repairs) },
		} {
			repaired, err := room()
			if err != nil {
				return err
			}
			done = append(done, repaired...)
		}
		return nil
	})
	if err != nil || !slices.ContainsFunc(columnFindings, r.repairs) {
		return done, err
	}
	columns, err := f.Tokens.Fix(ctx, s, r.Only)
	for _, c := range []struct {
		code string
		n    int64
	}{
		{"token.unregistered", columns.Reconciled.Registered + columns.Reconciled.Replaced + columns.Reconciled.Withdrawn},
		{"token.duplicate", columns.Rotated}, {"token.missing", columns.Generated}, {"token.plain", columns.Sealed},
	} {
		if c.n > 0 {
			done = append(done, tenantry.Finding{Code: c.code, Severity: tenantry.Warning, Count: c.n})
		}
	}
	return done, err
}

// columnFindings are put right together: each repair of a token column needs the
// one before it.
var columnFindings = []string{"token.unregistered", "token.duplicate", "token.missing", "token.plain"}
