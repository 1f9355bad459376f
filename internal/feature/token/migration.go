package token

import (
	"context"
	"io"

	"github.com/tenantry/tenantry/internal/base/migrate"
)

// Migration makes known every token that Django's columns hold. Tokens that a
// Django process writes later are found by Reconcile.
func Migration(random io.Reader) migrate.Migration {
	return migrate.Migration{
		Key:     migrate.Key{App: "tenantry", Name: "0005_register_tokens"},
		Depends: []migrate.Key{{App: "tenantry", Name: "0003_people"}, {App: "tenantry", Name: "0004_tokens"}},
		// In place of a file's digest: raise it with the meaning of what is below.
		Sum: "tenantry.0005_register_tokens/1",
		Operations: []migrate.Operation{{
			Describe: "Raw Go operation -> Make every token known by its digest",
			UpFunc: func(ctx context.Context, s *migrate.Step) error {
				total, err := countTenants(ctx, s.Tx)
				if err != nil {
					return err
				}
				return registerAll(ctx, s.Tx, s.Now, random, func(done int64) { s.Progress(done, total) })
			},
			DownFunc: func(ctx context.Context, s *migrate.Step) error {
				for _, statement := range []string{`DELETE FROM tenantry_token_digest`, `DELETE FROM tenantry_token_version`, `DELETE FROM tenantry_token`} {
					if _, err := s.Tx.Exec(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			},
		}},
	}
}
