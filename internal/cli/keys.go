package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/cli/manage"
	"github.com/tenantry/tenantry/internal/feature/keyring"
	"github.com/tenantry/tenantry/internal/feature/token"
)

func (p *program) keysCommand() *cobra.Command {
	return p.group("keys", "cli.keys",
		p.keysListCommand(), p.keysAddCommand(), p.keysPromoteCommand(),
		p.keysTreatCommand("encrypt", token.Encrypt), p.keysTreatCommand("reseal", token.Reseal), p.keysTreatCommand("decrypt", token.Decrypt),
		p.keysDropCommand())
}

func (p *program) keysListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: p.Text.Text("cli.keys.list"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			all, err := a.Keyring.List(ctx, s)
			if err != nil {
				return err
			}
			counts := make([]int64, len(all))
			for i, k := range all {
				if counts[i], err = a.Tokens.SealedWith(ctx, s, k.ID); err != nil {
					return err
				}
			}
			if p.JSON {
				type document struct {
					keyring.Key
					Columns int64 `json:"columns"`
				}
				items := make([]document, len(all))
				for i, k := range all {
					items[i] = document{k, counts[i]}
				}
				return p.Document(tenantry.List[document]{Items: items})
			}
			if len(all) == 0 {
				p.Say("keyring.none")
				return nil
			}
			rows := make([][]string, len(all))
			for i, k := range all {
				rows[i] = []string{fmt.Sprint(k.ID), p.yesNo(k.Primary), p.yesNo(k.Held), fmt.Sprint(counts[i])}
			}
			p.Table([]string{"column.key_id", "column.seals", "column.held", "column.columns"}, rows)
			return nil
		}),
	}
}

func (p *program) keysAddCommand() *cobra.Command {
	return &cobra.Command{
		Use: "add", Short: p.Text.Text("cli.keys.add"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			id, err := a.Rekey.Add(ctx, s)
			if err != nil {
				return err
			}
			return p.keyDone("keyring.added", id)
		}),
	}
}

func (p *program) keyDone(code string, id uint32) error {
	if p.JSON {
		return p.Document(map[string]any{"id": id})
	}
	p.Say(code, "key", id)
	return nil
}

func (p *program) keysPromoteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "promote KEY", Short: p.Text.Text("cli.keys.promote"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			id, err := keyID(args[0])
			if err != nil {
				return err
			}
			if err := a.Rekey.Promote(ctx, s, id); err != nil {
				return err
			}
			return p.keyDone("keyring.promoted", id)
		}),
	}
}

func (p *program) keysDropCommand() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "drop KEY", Short: p.Text.Text("cli.keys.drop"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			id, err := keyID(args[0])
			if err != nil {
				return err
			}
			if !yes {
				if err := p.confirmByName(args[0]); err != nil {
					return err
				}
			}
			if err := a.Rekey.Drop(ctx, s, id); err != nil {
				return err
			}
			return p.keyDone("keyring.dropped", id)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, p.Text.Text("cli.flag.yes"))
	return c
}

func keyID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, badFlag("KEY " + clip(text))
	}
	return uint32(id), nil
}

func (p *program) keysTreatCommand(name string, t token.Treatment) *cobra.Command {
	dryRun := false
	c := &cobra.Command{
		Use: name, Short: p.Text.Text("cli.keys." + name), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, _ tenantry.Scope, _ []string) error {
			return manage.TreatColumns(ctx, p.Console, a, t, dryRun)
		}),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, p.Text.Text("cli.flag.dry_run"))
	return c
}
