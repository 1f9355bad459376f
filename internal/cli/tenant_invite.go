package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// invitationDocument is an invitation as programs read it, as the API's.
type invitationDocument struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Role      string    `json:"role"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (p *program) tenantInviteCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use: "invite TENANT EMAIL --role ROLE", Short: p.Text.Text("cli.tenant.invite"), Args: exactly(2),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			t, err := p.tenantNamed(ctx, a, s, args[0])
			if err != nil {
				return err
			}
			made, err := a.SignIn.Invite(ctx, s, tenant.ByKey(t.Key), args[1], role, p.Text.Lang())
			if err != nil {
				return err
			}
			if err := a.SignIn.Letters.Deliver(ctx); err != nil {
				return err
			}
			if p.JSON {
				return p.Document(invitationDocument{ID: made.ID.String(), Email: made.Email, Role: made.Role, ExpiresAt: made.ExpiresAt})
			}
			p.Say("invitation.sent", "id", made.ID.String(), "email", made.Email)
			return nil
		}),
	}
	c.Flags().StringVar(&role, "role", "member", p.Text.Text("cli.tenant.invite.role"))
	return c
}
