package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/feature/access"
)

func (p *program) operatorCommand() *cobra.Command {
	return p.group("operator", "cli.operator", p.operatorCreateCommand(), p.operatorListCommand(), p.operatorRevokeCommand())
}

// operatorDocument is an operator as programs read it.
type operatorDocument struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	Key        string     `json:"key"` // the key itself when it is made, later only how to recognise it
	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

func operatorDocumentOf(o access.Operator) operatorDocument {
	return operatorDocument{ID: o.ID.String(), Name: o.Name, Role: o.Role, Key: o.KeyDisplay, CreatedAt: o.CreatedAt, CreatedBy: o.CreatedBy, LastUsedAt: o.LastUsedAt, RevokedAt: o.RevokedAt}
}

func (p *program) operatorCreateCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use: "create NAME", Short: p.Text.Text("cli.operator.create"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			o, key, err := a.Access.CreateOperator(ctx, s, args[0], role)
			if err != nil {
				return err
			}
			if p.JSON {
				document := operatorDocumentOf(o)
				document.Key = key.Reveal()
				return p.Document(document)
			}
			p.Say("operator.key_shown_once", "name", o.Name)
			p.Line("  " + key.Reveal())
			return nil
		}),
	}
	c.Flags().StringVar(&role, "role", access.OperatorAdmin, p.Text.Text("cli.operator.role"))
	return c
}

func (p *program) operatorListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: p.Text.Text("cli.operator.list"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			all, err := a.Access.ListOperators(ctx, s)
			if err != nil {
				return err
			}
			if p.JSON {
				items := make([]operatorDocument, len(all))
				for i, o := range all {
					items[i] = operatorDocumentOf(o)
				}
				return p.Document(tenantry.List[operatorDocument]{Items: items})
			}
			if len(all) == 0 {
				p.Say("operator.none")
				return nil
			}
			rows := make([][]string, len(all))
			for i, o := range all {
				rows[i] = []string{o.ID.String(), o.Name, o.Role, o.KeyDisplay, o.CreatedAt.UTC().Format(time.RFC3339), instant(o.LastUsedAt), instant(o.RevokedAt)}
			}
			p.Table([]string{"column.id", "column.name", "column.role", "column.access_key", "column.created", "column.last_used", "column.revoked"}, rows)
			return nil
		}),
	}
}

func (p *program) operatorRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke OPERATOR", Short: p.Text.Text("cli.operator.revoke"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			o, err := a.Access.RevokeOperator(ctx, s, args[0])
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(operatorDocumentOf(o))
			}
			p.Say("operator.revoked", "name", o.Name)
			return nil
		}),
	}
}

func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
