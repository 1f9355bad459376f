package user

import (
	"context"
	"io"

	"github.com/tenantry/tenantry/internal/base/migrate"
)

// Migration gives every person that a database already holds their row in
// tenantry_user, and every profile its membership. People whom a Django process
// adds later are given theirs when they are first read.
func Migration(random io.Reader) migrate.Migration {
	return migrate.Migration{
		Key:     migrate.Key{App: "tenantry", Name: "0003_people"},
		Depends: []migrate.Key{{App: "tenantry", Name: "0002_tenants"}},
		// In place of a file's digest: raise it with the meaning of what is below.
		Sum: "tenantry.0003_people/1",
		Operations: []migrate.Operation{{
			Describe: "Raw Go operation -> Give every person a public id and a membership",
			UpFunc: func(ctx context.Context, s *migrate.Step) error {
				n, err := fillMissing(ctx, s.Tx, random, s.Progress)
				s.Progress(n, n)
				return err
			},
			DownFunc: func(ctx context.Context, s *migrate.Step) error {
				for _, statement := range []string{`DELETE FROM tenantry_membership`, `DELETE FROM tenantry_user`} {
					if _, err := s.Tx.Exec(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			},
		}},
	}
}
