package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/feature/access"
)

func (p *program) keyCommand() *cobra.Command {
	return p.group("key", "cli.key", p.keyCreateCommand(), p.keyListCommand(), p.keyRevokeCommand())
}

// keyDocument is a tenant's management key as programs read it.
type keyDocument struct {
	ID          string     `json:"id"`
	Tenant      int64      `json:"tenant"` // Django's integer id
	Name        string     `json:"name"`
	Key         string     `json:"key"` // the key itself when it is made, later only how to recognise it
	Permissions []string   `json:"permissions"`
	ExpiresAt   *time.Time `json:"expires_at"`
	CreatedAt   time.Time  `json:"created_at"`
	CreatedBy   string     `json:"created_by"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
}

func keyDocumentOf(k access.Key) keyDocument {
	return keyDocument{ID: k.ID.String(), Tenant: int64(k.Tenant), Name: k.Name, Key: k.Display, Permissions: names(k.Permissions), ExpiresAt: k.ExpiresAt,
		CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
}

func names(permissions []tenantry.Permission) []string {
	all := make([]string, len(permissions))
	for i, p := range permissions {
		all[i] = string(p)
	}
	return all
}

// inTenant runs a command about one tenant, which a flag names.
func (p *program) inTenant(c *cobra.Command, run func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error) *cobra.Command {
	var of string
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		if of == "" {
			return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", "--tenant TENANT")
		}
		t, err := p.tenantNamed(ctx, a, s, of)
		if err != nil {
			return err
		}
		return run(ctx, a, s, t.Key, args)
	})
	c.Flags().StringVar(&of, "tenant", "", p.Text.Text("cli.access.tenant"))
	return c
}

// later turns "30d" into an instant.
func later(a *app.App, text string) (time.Time, error) {
	d, err := config.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", "--for 30d")
	}
	return a.Clock().Add(d), nil
}

func (p *program) keyCreateCommand() *cobra.Command {
	var permissions []string
	var length string
	c := p.inTenant(&cobra.Command{Use: "create NAME", Short: p.Text.Text("cli.key.create"), Args: exactly(1)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error {
			d := access.KeyDraft{Name: args[0]}
			for _, name := range permissions {
				d.Permissions = append(d.Permissions, tenantry.Permission(name))
			}
			if length != "" {
				ends, err := later(a, length)
				if err != nil {
					return err
				}
				d.ExpiresAt = &ends
			}
			k, secret, err := a.Access.CreateKey(ctx, s, at, d)
			if err != nil {
				return err
			}
			if p.JSON {
				document := keyDocumentOf(k)
				document.Key = secret.Reveal()
				return p.Document(document)
			}
			p.Say("key.shown_once", "name", k.Name)
			p.Line("  " + secret.Reveal())
			return nil
		})
	f := c.Flags()
	f.StringSliceVar(&permissions, "permission", nil, p.Text.Text("cli.key.permission"))
	f.StringVar(&length, "for", "", p.Text.Text("cli.key.for"))
	return c
}

func (p *program) keyListCommand() *cobra.Command {
	var page tenantry.Page
	c := p.inTenant(&cobra.Command{Use: "list", Short: p.Text.Text("cli.key.list"), Args: exactly(0)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, _ []string) error {
			found, err := a.Access.Keys(ctx, s, at, page)
			if err != nil {
				return err
			}
			return showList(p, found, keyDocumentOf, "key.none", []string{"column.id", "column.name", "column.access_key", "column.permissions", "column.created", "column.expires", "column.last_used", "column.revoked"}, func(k access.Key) []string {
				return []string{k.ID.String(), k.Name, k.Display, strings.Join(names(k.Permissions), " "), instant(&k.CreatedAt), instant(k.ExpiresAt), instant(k.LastUsedAt), instant(k.RevokedAt)}
			})
		})
	p.pageFlags(c, &page)
	return c
}

func (p *program) keyRevokeCommand() *cobra.Command {
	return p.inTenant(&cobra.Command{Use: "revoke KEY", Short: p.Text.Text("cli.key.revoke"), Args: exactly(1)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error {
			k, err := a.Access.RevokeKey(ctx, s, at, args[0])
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(keyDocumentOf(k))
			}
			p.Say("key.revoked", "name", k.Name)
			return nil
		})
}
