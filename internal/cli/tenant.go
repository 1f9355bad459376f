package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

func (p *program) tenantCommand() *cobra.Command {
	return p.group("tenant", "cli.tenant",
		p.tenantListCommand(), p.tenantShowCommand(), p.tenantCreateCommand(), p.tenantUpdateCommand(),
		p.tenantSuspendCommand(),
		p.tenantActCommand("activate", func(ctx context.Context, a *app.App, s tenantry.Scope, r tenant.Ref) (tenant.Tenant, error) {
			return a.Tenants.Activate(ctx, s, r)
		}),
		p.tenantActCommand("approve", func(ctx context.Context, a *app.App, s tenantry.Scope, r tenant.Ref) (tenant.Tenant, error) {
			return a.Tenants.Approve(ctx, s, r)
		}),
		p.tenantDeleteCommand(), p.tenantInviteCommand(), p.tenantPurgeCommand(), p.tenantModelsCommand(), p.tenantCheckCommand(),
	)
}

// tenantDocument is a tenant as programs read it, the same as the API's.
type tenantDocument struct {
	ID            string     `json:"id"`
	Key           int64      `json:"key"` // Django's integer id
	Name          string     `json:"name"`
	Description   string     `json:"description"`
	Model         string     `json:"model"`
	Configuration sqldb.JSON `json:"configuration"`
	MaxAgents     int64      `json:"max_agents"`
	MaxDocuments  int64      `json:"max_documents"`
	MaxStorageMB  int64      `json:"max_storage_mb"`
	HasAIToken    bool       `json:"has_ai_token"`
	HasCWUToken   bool       `json:"has_cwu_token"`
	Status        string     `json:"status"`
	StatusReason  string     `json:"status_reason,omitempty"`
	DeleteAfter   *time.Time `json:"delete_after,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

func documentOf(t tenant.Tenant) tenantDocument {
	return tenantDocument{
		ID: t.ID.String(), Key: int64(t.Key), Name: t.Name, Description: t.Description, Model: t.Model, Configuration: t.Configuration,
		MaxAgents: t.MaxAgents, MaxDocuments: t.MaxDocuments, MaxStorageMB: t.MaxStorageMB, HasAIToken: t.HasAIToken, HasCWUToken: t.HasCWUToken,
		Status: string(t.Status), StatusReason: t.StatusReason, DeleteAfter: t.DeleteAfter, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

func (p *program) tenantListCommand() *cobra.Command {
	var q tenant.Query
	var status, sort string
	c := &cobra.Command{
		Use: "list", Short: p.Text.Text("cli.tenant.list"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			q.Status, q.Sort = tenant.Status(status), tenant.Sort(sort)
			list, err := a.Tenants.List(ctx, s, q)
			if err != nil {
				return err
			}
			return showList(p, list, documentOf, "tenant.none", []string{"column.key", "column.id", "column.name", "column.model", "column.status", "column.tokens"}, func(t tenant.Tenant) []string {
				return []string{fmt.Sprint(t.Key), t.ID.String(), t.Name, t.Model, p.Text.Text("status." + string(t.Status)), tokensHeld(t)}
			})
		}),
	}
	f := c.Flags()
	f.StringVar(&q.Search, "search", "", p.Text.Text("cli.tenant.search"))
	f.StringVar(&status, "status", "", p.Text.Text("cli.tenant.status"))
	f.StringVar(&q.Model, "model", "", p.Text.Text("cli.tenant.model"))
	f.StringVar(&sort, "sort", "", p.Text.Text("cli.tenant.sort"))
	f.IntVar(&q.Page.Limit, "limit", tenantry.DefaultPageLimit, p.Text.Text("cli.flag.limit"))
	f.StringVar(&q.Page.Cursor, "cursor", "", p.Text.Text("cli.flag.cursor"))
	return c
}

func tokensHeld(t tenant.Tenant) string {
	var held []string
	if t.HasAIToken {
		held = append(held, "ai")
	}
	if t.HasCWUToken {
		held = append(held, "cwu")
	}
	return strings.Join(held, " ")
}

func (p *program) tenantShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show TENANT", Short: p.Text.Text("cli.tenant.show"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := tenant.ParseRef(args[0])
			if err != nil {
				return err
			}
			t, err := a.Tenants.Get(ctx, s, ref)
			if err != nil {
				return err
			}
			return p.showTenant(t)
		}),
	}
}

func (p *program) showTenant(t tenant.Tenant) error {
	if p.JSON {
		return p.Document(documentOf(t))
	}
	rows := [][]string{
		{p.Text.Text("column.id"), t.ID.String()},
		{p.Text.Text("column.key"), fmt.Sprint(t.Key)},
		{p.Text.Text("column.name"), t.Name},
		{p.Text.Text("column.description"), t.Description},
		{p.Text.Text("column.model"), t.Model},
		{p.Text.Text("column.status"), strings.TrimSpace(p.Text.Text("status."+string(t.Status)) + " " + t.StatusReason)},
		{"max_agents", fmt.Sprint(t.MaxAgents)},
		{"max_documents", fmt.Sprint(t.MaxDocuments)},
		{"max_storage_mb", fmt.Sprint(t.MaxStorageMB)},
		{p.Text.Text("column.tokens"), tokensHeld(t)},
		{p.Text.Text("column.configuration"), string(t.Configuration)},
		{p.Text.Text("column.created"), t.CreatedAt.UTC().Format(time.RFC3339)},
		{p.Text.Text("column.updated"), t.UpdatedAt.UTC().Format(time.RFC3339)},
	}
	if t.DeleteAfter != nil {
		rows = append(rows, []string{p.Text.Text("column.delete_after"), t.DeleteAfter.UTC().Format(time.RFC3339)})
	}
	p.Table([]string{"column.fact", "column.value"}, rows)
	return nil
}

// fieldFlags are the flags for what can be written of a tenant.
type fieldFlags struct {
	name, description, model, configuration string
	agents, documents, storage              int64
}

func (o *fieldFlags) declare(p *program, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.description, "description", "", p.Text.Text("column.description"))
	f.StringVar(&o.model, "model", "", p.Text.Text("cli.tenant.model"))
	f.StringVar(&o.configuration, "configuration", "", p.Text.Text("cli.tenant.configuration"))
	f.Int64Var(&o.agents, "max-agents", 0, p.Text.Text("cli.tenant.max_agents"))
	f.Int64Var(&o.documents, "max-documents", 0, p.Text.Text("cli.tenant.max_documents"))
	f.Int64Var(&o.storage, "max-storage-mb", 0, p.Text.Text("cli.tenant.max_storage_mb"))
}

// change holds the flags that were given.
func (o *fieldFlags) change(c *cobra.Command) tenant.Change {
	var change tenant.Change
	given := func(flag string) bool { return c.Flags().Changed(flag) }
	if given("name") {
		change.Name = &o.name
	}
	if given("description") {
		change.Description = &o.description
	}
	if given("model") {
		change.Model = &o.model
	}
	if given("configuration") {
		text := sqldb.JSON(o.configuration)
		change.Configuration = &text
	}
	if given("max-agents") {
		change.MaxAgents = &o.agents
	}
	if given("max-documents") {
		change.MaxDocuments = &o.documents
	}
	if given("max-storage-mb") {
		change.MaxStorageMB = &o.storage
	}
	return change
}

func (p *program) tenantCreateCommand() *cobra.Command {
	var o fieldFlags
	var username, email string
	var passwordStdin, pending bool
	c := &cobra.Command{Use: "create NAME", Short: p.Text.Text("cli.tenant.create"), Args: exactly(1)}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		change := o.change(c)
		r := onboard.Request{Tenant: tenant.Draft{
			Name: args[0], Description: o.description, Model: o.model, Configuration: sqldb.JSON(o.configuration),
			MaxAgents: change.MaxAgents, MaxDocuments: change.MaxDocuments, MaxStorageMB: change.MaxStorageMB, Pending: pending,
		}}
		if username != "" {
			r.Admin = &user.Draft{Username: username, Email: email}
			if passwordStdin {
				secret, err := p.readSecret()
				if err != nil {
					return err
				}
				r.Admin.Password = secret
			}
		}
		result, err := a.Onboard.Run(ctx, s, r)
		if err != nil {
			return err
		}
		if p.JSON {
			document := map[string]any{"tenant": documentOf(result.Tenant), "tokens": tokensDocument(result.Tokens)}
			if result.Admin != nil {
				document["admin"] = personDocumentOf(*result.Admin)
			}
			return p.Document(document)
		}
		if err := p.showTenant(result.Tenant); err != nil {
			return err
		}
		p.Line("")
		p.Say("tenant.tokens_shown_once")
		p.Line("  ai_token   " + result.Tokens.AI.Reveal())
		p.Line("  cwu_token  " + result.Tokens.CWU.Reveal())
		return nil
	})
	o.declare(p, c)
	c.Flags().StringVar(&username, "admin", "", p.Text.Text("cli.tenant.admin"))
	c.Flags().StringVar(&email, "admin-email", "", p.Text.Text("cli.tenant.admin_email"))
	c.Flags().BoolVar(&passwordStdin, "admin-password-stdin", false, p.Text.Text("cli.flag.password_stdin"))
	c.Flags().BoolVar(&pending, "pending", false, p.Text.Text("cli.tenant.pending"))
	return c
}

func tokensDocument(t token.Pair) map[string]string {
	return map[string]string{"ai": t.AI.Reveal(), "cwu": t.CWU.Reveal()}
}

func (p *program) tenantUpdateCommand() *cobra.Command {
	var o fieldFlags
	var ifMatch string
	c := &cobra.Command{Use: "update TENANT", Short: p.Text.Text("cli.tenant.update"), Args: exactly(1)}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		ref, err := tenant.ParseRef(args[0])
		if err != nil {
			return err
		}
		t, err := a.Tenants.Update(ctx, s, ref, o.change(c), ifMatch)
		if err != nil {
			return err
		}
		return p.showTenant(t)
	})
	c.Flags().StringVar(&o.name, "name", "", p.Text.Text("column.name"))
	o.declare(p, c)
	c.Flags().StringVar(&ifMatch, "if-match", "", p.Text.Text("cli.tenant.if_match"))
	return c
}

func (p *program) tenantSuspendCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "suspend TENANT --reason TEXT", Short: p.Text.Text("cli.tenant.suspend"), Args: exactly(1)}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		ref, err := tenant.ParseRef(args[0])
		if err != nil {
			return err
		}
		t, err := a.Tenants.Suspend(ctx, s, ref, reason)
		if err != nil {
			return err
		}
		return p.showTenant(t)
	})
	c.Flags().StringVar(&reason, "reason", "", p.Text.Text("cli.tenant.reason"))
	return c
}

// tenantActCommand is a change of status that needs nothing but the tenant.
func (p *program) tenantActCommand(verb string, act func(context.Context, *app.App, tenantry.Scope, tenant.Ref) (tenant.Tenant, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " TENANT", Short: p.Text.Text("cli.tenant." + verb), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := tenant.ParseRef(args[0])
			if err != nil {
				return err
			}
			t, err := act(ctx, a, s, ref)
			if err != nil {
				return err
			}
			return p.showTenant(t)
		}),
	}
}

func (p *program) tenantDeleteCommand() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "delete TENANT", Short: p.Text.Text("cli.tenant.delete"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := tenant.ParseRef(args[0])
			if err != nil {
				return err
			}
			t, err := a.Tenants.Get(ctx, s, ref)
			if err != nil {
				return err
			}
			if !yes {
				if err := p.confirmByName(t.Name); err != nil {
					return err
				}
			}
			if t, err = a.Tenants.Delete(ctx, s, tenant.ByKey(t.Key), t.ETag()); err != nil {
				return err
			}
			return p.showTenant(t)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, p.Text.Text("cli.flag.yes"))
	return c
}

func (p *program) tenantPurgeCommand() *cobra.Command {
	dryRun := false
	c := &cobra.Command{
		Use: "purge", Short: p.Text.Text("cli.tenant.purge"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			removed := []string{}
			if dryRun {
				due, err := a.Tenants.DueForRemoval(ctx, s)
				if err != nil {
					return err
				}
				for _, t := range due {
					removed = append(removed, t.Name)
				}
			} else {
				names, err := a.Offboard.RemoveDue(ctx, s)
				if err != nil {
					return err
				}
				removed = append(removed, names...)
			}
			if p.JSON {
				return p.Document(map[string]any{"removed": removed, "dry_run": dryRun})
			}
			for _, name := range removed {
				p.Line(name)
			}
			p.Say("tenant.purged", "Count", len(removed))
			if dryRun {
				p.Say("dry_run.nothing_changed")
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, p.Text.Text("cli.flag.dry_run"))
	return c
}

func (p *program) tenantModelsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "models", Short: p.Text.Text("cli.tenant.models"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, _ tenantry.Scope, _ []string) error {
			models, err := a.Tenants.Models(ctx)
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(map[string]any{"items": models})
			}
			rows := make([][]string, len(models))
			for i, m := range models {
				rows[i] = []string{m.Name, m.Label, m.Provider, fmt.Sprint(m.Enabled)}
			}
			p.Table([]string{"column.name", "column.label", "column.provider", "column.enabled"}, rows)
			return nil
		}),
	}
}

// confirmByName asks to type the name of what is to be destroyed. Where nobody
// can answer, --yes must have been given.
func (p *program) confirmByName(name string) error {
	if !p.Prompt {
		return tenantry.NewError(tenantry.Usage, "cli.needs_yes")
	}
	fmt.Fprint(p.Err, p.Text.Text("cli.type_the_name", "name", name)+" ")
	line, _ := bufio.NewReader(p.In).ReadString('\n')
	if strings.TrimSpace(line) != name {
		return tenantry.NewError(tenantry.Forbidden, "cli.not_confirmed")
	}
	return nil
}
