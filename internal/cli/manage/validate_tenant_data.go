package manage

import (
	"context"

	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// validate_tenant_data is a function of the seed's data migrations; here it can
// be asked for as well.
func validateTenantDataCommand() command {
	return command{
		app: "tenants", name: "validate_tenant_data",
		help:    "Validar integridad de datos de tenants",
		declare: func(*argparse.Parser) {},
		run: func(ctx context.Context, e *Env, _ argparse.Values) error {
			a, err := e.Open(ctx, sqldb.MustExist)
			if err != nil {
				return err
			}
			defer a.Close()
			findings, failure := a.Integrity.Validate(ctx, a.SignIn.Console(a.Who))
			if findings != nil {
				e.checked(findings)
			}
			return failure
		},
	}
}
