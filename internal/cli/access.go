package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/explain"
)

func (p *program) accessCommand() *cobra.Command {
	return p.group("access", "cli.access", p.accessExplainCommand(), p.accessRolesCommand(), p.accessGrantCommand(), p.accessRevokeGrantCommand(), p.accessGrantsCommand())
}

// explanationDocument is an explanation as programs read it.
type explanationDocument struct {
	User        string            `json:"user"`
	Username    string            `json:"username"`
	Tenant      int64             `json:"tenant"` // Django's integer id
	Role        string            `json:"role"`
	Permissions []verdictDocument `json:"permissions"`
	Against     []reasonDocument  `json:"against"`
}

type verdictDocument struct {
	Permission string           `json:"permission"`
	Granted    bool             `json:"granted"`
	Sources    []sourceDocument `json:"sources"`
}

type sourceDocument struct {
	Kind      string     `json:"kind"`
	Name      string     `json:"name,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

type reasonDocument struct {
	Code       string     `json:"code"`
	Everything bool       `json:"everything"`
	Permission string     `json:"permission,omitempty"`
	Key        string     `json:"key,omitempty"`
	At         *time.Time `json:"at,omitempty"`
}

func explanationDocumentOf(e explain.Explanation) explanationDocument {
	d := explanationDocument{User: e.Person.ID.String(), Username: e.Person.Username, Tenant: int64(e.Tenant.Key), Role: e.Role,
		Permissions: []verdictDocument{}, Against: []reasonDocument{}}
	for _, v := range e.Permissions {
		verdict := verdictDocument{Permission: string(v.Permission), Granted: v.Granted, Sources: []sourceDocument{}}
		for _, s := range v.Sources {
			verdict.Sources = append(verdict.Sources, sourceDocument{Kind: s.Kind, Name: s.Name, ExpiresAt: s.ExpiresAt})
		}
		d.Permissions = append(d.Permissions, verdict)
	}
	for _, r := range e.Against {
		d.Against = append(d.Against, reasonDocument{Code: string(r.Code), Everything: r.Everything, Permission: string(r.Permission), Key: r.Key, At: r.At})
	}
	return d
}

func (p *program) accessExplainCommand() *cobra.Command {
	var only string
	c := p.inTenant(&cobra.Command{Use: "explain USER", Short: p.Text.Text("cli.access.explain"), Args: exactly(1)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error {
			ref, err := user.ParseRef(args[0])
			if err != nil {
				return err
			}
			e, err := a.Explain.Run(ctx, s, tenant.ByKey(at), ref, tenantry.Permission(only))
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(explanationDocumentOf(e))
			}
			rows := make([][]string, len(e.Permissions))
			for i, v := range e.Permissions {
				var why []string
				for _, source := range v.Sources {
					text := p.Text.Text("access.source."+source.Kind, "name", source.Name)
					if source.ExpiresAt != nil {
						text += " (" + instant(source.ExpiresAt) + ")"
					}
					why = append(why, text)
				}
				rows[i] = []string{string(v.Permission), p.yesNo(v.Granted), strings.Join(why, ", ")}
			}
			p.Table([]string{"column.permission", "column.granted", "column.because"}, rows)
			for _, r := range e.Against {
				p.Line("- " + p.Text.Text("explain."+string(r.Code), "key", r.Key, "permission", string(r.Permission), "at", instant(r.At)))
			}
			return nil
		})
	c.Flags().StringVar(&only, "permission", "", p.Text.Text("cli.access.permission"))
	return c
}

// roleDocument is a role as programs read it.
type roleDocument struct {
	Name        string   `json:"name"`
	Label       string   `json:"label,omitempty"`
	BuiltIn     bool     `json:"built_in"`
	Permissions []string `json:"permissions"`
}

func (p *program) accessRolesCommand() *cobra.Command {
	return p.inTenant(&cobra.Command{Use: "roles", Short: p.Text.Text("cli.access.roles"), Args: exactly(0)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, _ []string) error {
			all, err := a.Access.Roles(ctx, s, at)
			if err != nil {
				return err
			}
			if p.JSON {
				items := make([]roleDocument, len(all))
				for i, r := range all {
					items[i] = roleDocument{Name: r.Name, Label: r.Label, BuiltIn: r.BuiltIn, Permissions: names(r.Permissions)}
				}
				return p.Document(tenantry.List[roleDocument]{Items: items})
			}
			rows := make([][]string, len(all))
			for i, r := range all {
				rows[i] = []string{r.Name, r.Label, p.yesNo(!r.BuiltIn), strings.Join(names(r.Permissions), " ")}
			}
			p.Table([]string{"column.name", "column.label", "column.own", "column.permissions"}, rows)
			return nil
		})
}

// grantDocument is a grant as programs read it.
type grantDocument struct {
	ID         string     `json:"id"`
	User       string     `json:"user"`
	Permission string     `json:"permission"`
	Reason     string     `json:"reason"`
	GrantedAt  time.Time  `json:"granted_at"`
	GrantedBy  string     `json:"granted_by"`
	ExpiresAt  time.Time  `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	RevokedBy  string     `json:"revoked_by,omitempty"`
}

func grantDocumentOf(g access.Grant) grantDocument {
	return grantDocument{ID: g.ID.String(), User: g.UserID.String(), Permission: string(g.Permission), Reason: g.Reason,
		GrantedAt: g.GrantedAt, GrantedBy: g.GrantedBy, ExpiresAt: g.ExpiresAt, RevokedAt: g.RevokedAt, RevokedBy: g.RevokedBy}
}

func (p *program) accessGrantCommand() *cobra.Command {
	var length, reason string
	c := p.inTenant(&cobra.Command{Use: "grant USER PERMISSION", Short: p.Text.Text("cli.access.grant"), Args: exactly(2)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error {
			ref, err := user.ParseRef(args[0])
			if err != nil {
				return err
			}
			who, err := a.Users.Get(ctx, s, ref)
			if err != nil {
				return err
			}
			ends, err := later(a, length)
			if err != nil {
				return err
			}
			g, err := a.Access.Give(ctx, s, at, access.GrantDraft{User: who.Key, UserID: who.ID, Permission: tenantry.Permission(args[1]), Reason: reason, ExpiresAt: ends})
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(grantDocumentOf(g))
			}
			p.Say("grant.given", "id", g.ID.String(), "permission", string(g.Permission), "username", who.Username, "until", instant(&g.ExpiresAt))
			return nil
		})
	c.Flags().StringVar(&length, "for", "", p.Text.Text("cli.access.for"))
	c.Flags().StringVar(&reason, "reason", "", p.Text.Text("cli.access.reason"))
	return c
}

func (p *program) accessGrantsCommand() *cobra.Command {
	var q access.GrantQuery
	c := p.inTenant(&cobra.Command{Use: "grants", Short: p.Text.Text("cli.access.grants"), Args: exactly(0)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, _ []string) error {
			found, err := a.Access.Grants(ctx, s, at, q)
			if err != nil {
				return err
			}
			return showList(p, found, grantDocumentOf, "grant.none", []string{"column.id", "column.user", "column.permission", "column.reason", "column.granted_by", "column.expires", "column.revoked"}, func(g access.Grant) []string {
				return []string{g.ID.String(), g.UserID.String(), string(g.Permission), g.Reason, g.GrantedBy, instant(&g.ExpiresAt), instant(g.RevokedAt)}
			})
		})
	c.Flags().BoolVar(&q.Old, "old", false, p.Text.Text("cli.access.old"))
	p.pageFlags(c, &q.Page)
	return c
}

func (p *program) accessRevokeGrantCommand() *cobra.Command {
	return p.inTenant(&cobra.Command{Use: "revoke-grant GRANT", Short: p.Text.Text("cli.access.revoke_grant"), Args: exactly(1)},
		func(ctx context.Context, a *app.App, s tenantry.Scope, at tenantry.TenantKey, args []string) error {
			id, err := tenantry.ParseGrantID(args[0])
			if err != nil {
				return err
			}
			g, err := a.Access.RevokeGrant(ctx, s, at, id)
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(grantDocumentOf(g))
			}
			p.Say("grant.revoked", "id", g.ID.String())
			return nil
		})
}
