package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/cli/manage"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// tenantCheckCommand is `manage check tenants` in our own manner.
func (p *program) tenantCheckCommand() *cobra.Command {
	var o manage.IntegrityOptions
	c := &cobra.Command{
		Use: "check [TENANT]", Short: p.Text.Text("cli.tenant.check"), Args: atMost(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			if len(args) == 1 {
				ref, err := tenant.ParseRef(args[0])
				if err != nil {
					return err
				}
				t, err := a.Tenants.Get(ctx, s, ref)
				if err != nil {
					return err
				}
				o.Only = t.Key
			}
			return manage.ReportIntegrity(ctx, p.Console, a, o, func(found []tenantry.Finding) { manage.Findings(p.Console, found) })
		}),
	}
	c.Flags().BoolVar(&o.Fix, "fix", false, p.Text.Text("cli.tenant.check.fix"))
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, p.Text.Text("cli.flag.dry_run"))
	c.Flags().BoolVar(&o.Last, "last", false, p.Text.Text("cli.tenant.check.last"))
	return c
}
