package manage

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// generate_tenant_tokens is migrate_tenant_data --generate-tokens without the
// data migration.
func generateTenantTokensCommand() command {
	return command{
		app: "tenants", name: "generate_tenant_tokens",
		help: "Generar tokens para tenants",
		declare: func(p *argparse.Parser) {
			p.Int("--tenant-id", "ID del tenant específico")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			return e.migrateData(ctx, v, datamigration.Request{GenerateTokens: true})
		},
	}
}

func migrateTenantDataCommand() command {
	return command{
		app: "tenants", name: "migrate_tenant_data",
		help: "Migrar datos de tenants",
		declare: func(p *argparse.Parser) {
			p.Int("--tenant-id", "ID del tenant específico a migrar")
			p.Flag("--generate-tokens", "Generar tokens para tenants sin tokens")
			p.Flag("--create-profiles", "Crear perfiles para usuarios sin perfil")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			return e.migrateData(ctx, v, datamigration.Request{
				GenerateTokens: v.Bool("--generate-tokens"), CreateProfiles: v.Bool("--create-profiles"), Migrate: true,
			})
		},
	}
}

// migrateData runs the seed's data migration and prints the seed's words.
func (e *Env) migrateData(ctx context.Context, v argparse.Values, r datamigration.Request) error {
	// The seed asks "if options['tenant_id']", for which 0 is no id and means
	// everybody. An id that names nobody must not.
	if id, given := v.Int("--tenant-id"); given {
		if id <= 0 {
			return tenantry.NewError(tenantry.NotFound, "tenant.no_such_id", "id", id)
		}
		r.Only = tenantry.TenantKey(id)
	}
	a, err := e.Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	return MigrateData(ctx, e.Console, a, r)
}
