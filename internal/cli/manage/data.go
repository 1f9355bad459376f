package manage

import (
	"context"
	"fmt"

	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// MigrateData runs the data migration with progress and the seed's words, which
// are the same in every language.
func MigrateData(ctx context.Context, c *console.Console, a *app.App, r datamigration.Request) error {
	var progress *console.Progress
	result, err := a.DataMigration.Run(ctx, a.SignIn.Console(a.Who), r, func(step datamigration.Stage, done, total int64, ended bool) {
		if progress == nil {
			progress = c.Progress("progress."+string(step), total)
		}
		if !ended {
			progress.At(done)
			return
		}
		progress.End()
		progress = nil
		if c.JSON {
			return
		}
		words := map[datamigration.Stage]string{
			datamigration.Tokens: "Tokens generados: %d", datamigration.Profiles: "Perfiles creados: %d", datamigration.Tenants: "Migrados %d tenants",
		}
		c.Line(c.Style(console.Success, fmt.Sprintf(words[step], done)))
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return c.Document(result)
	}
	if r.DryRun {
		c.Say("dry_run.nothing_changed")
	}
	return nil
}
