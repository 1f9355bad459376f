package manage

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// The seed names audit_tenant_permissions and shows no code: it lists what is wrong
// with who may what, and changes nothing.
func auditTenantPermissionsCommand() command {
	return command{
		app: "tenants", name: "audit_tenant_permissions", help: "Verificar permisos",
		declare: func(p *argparse.Parser) {
			p.Int("--tenant-id", "Verificar un solo tenant")
			p.Int("--dormant-days", "Días sin iniciar sesión desde los que un administrador está inactivo (90)")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			only, _, err := tenantID(v)
			if err != nil {
				return err
			}
			a, err := e.Open(ctx, sqldb.MustExist)
			if err != nil {
				return err
			}
			defer a.Close()
			days, given := v.Int("--dormant-days")
			if !given {
				days = 90
			}
			const longest = 36500
			if days < 1 || days > longest {
				return tenantry.NewError(tenantry.Usage, "check.bad_dormant_days", "max", longest)
			}
			found, err := a.Integrity.Permissions(ctx, a.SignIn.Console(a.Who), only, int(days))
			if err != nil {
				return err
			}
			if e.JSON {
				if err := e.Document(map[string]any{"findings": found}); err != nil {
					return err
				}
			} else {
				Findings(e.Console, found)
			}
			if len(found) > 0 {
				return console.ErrFindings
			}
			return nil
		},
	}
}
