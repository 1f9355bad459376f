package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// sessionDocument is a session as programs read it, as the API's.
type sessionDocument struct {
	ID        string    `json:"id"`
	TenantKey int64     `json:"tenant_key"`
	Device    string    `json:"device"`
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (p *program) userSessionsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sessions USER", Short: p.Text.Text("cli.user.sessions"), Args: exactly(1),
		RunE: p.withPerson(func(ctx context.Context, a *app.App, s tenantry.Scope, u user.Person) error {
			all, err := a.Sessions.ListOf(ctx, s, u.Key)
			if err != nil {
				return err
			}
			if p.JSON {
				items := make([]sessionDocument, len(all))
				for i, x := range all {
					items[i] = sessionDocument{ID: x.ID.String(), TenantKey: int64(x.Tenant), Device: x.Device, Address: x.Address,
						CreatedAt: x.CreatedAt, SeenAt: x.SeenAt, ExpiresAt: x.ExpiresAt}
				}
				return p.Document(tenantry.List[sessionDocument]{Items: items})
			}
			if len(all) == 0 {
				p.Say("session.none", "username", u.Username)
				return nil
			}
			rows := make([][]string, len(all))
			for i, x := range all {
				rows[i] = []string{x.ID.String(), x.Address, x.Device, instant(&x.CreatedAt), instant(&x.SeenAt), instant(&x.ExpiresAt)}
			}
			p.Table([]string{"column.id", "column.address_from", "column.device", "column.created", "column.last_used", "column.expires"}, rows)
			return nil
		}),
	}
}

func (p *program) userSignOutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sign-out USER", Short: p.Text.Text("cli.user.sign_out"), Args: exactly(1),
		RunE: p.withPerson(func(ctx context.Context, a *app.App, s tenantry.Scope, u user.Person) error {
			n, err := a.Sessions.CloseAllOf(ctx, s, u.Key, session.Revoked)
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(map[string]int{"sessions": n})
			}
			p.Say("session.signed_out", "username", u.Username, "sessions", n)
			return nil
		}),
	}
}

// withPerson hands over the person that the command names.
func (p *program) withPerson(run func(ctx context.Context, a *app.App, s tenantry.Scope, u user.Person) error) func(*cobra.Command, []string) error {
	return p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		ref, err := user.ParseRef(args[0])
		if err != nil {
			return err
		}
		u, err := a.Users.Get(ctx, s, ref)
		if err != nil {
			return err
		}
		return run(ctx, a, s, u)
	})
}
