package tenant

import (
	"context"
	"io"

	"github.com/tenantry/tenantry/internal/base/migrate"
)

// Migration gives every tenant that a database already holds its row in
// tenantry_tenant. Tenants that a Django process adds later are given theirs
// when they are first read.
func Migration(random io.Reader) migrate.Migration {
	return migrate.Migration{
		Key:     migrate.Key{App: "tenantry", Name: "0002_tenants"},
		Depends: []migrate.Key{{App: "tenantry", Name: "0001_initial"}},
		// In place of a file's digest: raise it with the meaning of what is below.
		Sum: "tenantry.0002_tenants/1",
		Operations: []migrate.Operation{{
			Describe: "Raw Go operation -> Give every tenant its public id",
			UpFunc: func(ctx context.Context, s *migrate.Step) error {
				n, err := fillMissing(ctx, s.Tx, s.Now, random, s.Progress)
				s.Progress(n, n)
				return err
			},
			DownFunc: func(ctx context.Context, s *migrate.Step) error {
				_, err := s.Tx.Exec(ctx, `DELETE FROM tenantry_tenant`)
				return err
			},
		}},
	}
}
