package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

func (p *program) configurationCommand() *cobra.Command {
	return p.group("configuration", "cli.configuration",
		p.configurationListCommand(), p.configurationShowCommand(), p.configurationSetCommand(), p.configurationDeleteCommand(),
		p.configurationHistoryCommand(), p.configurationDiffCommand(), p.configurationRollBackCommand())
}

// configurationDocument is a configuration, or a version of one, as programs read it.
type configurationDocument struct {
	Type      string     `json:"type"`
	Version   int64      `json:"version"`
	Data      sqldb.JSON `json:"data"`
	ChangedAt time.Time  `json:"changed_at"`
	ChangedBy string     `json:"changed_by"`
	Note      string     `json:"note"`
}

func configurationDocumentOf(c tenant.Configuration) configurationDocument {
	return configurationDocument{c.Type, c.Version, c.Data, c.ChangedAt, c.ChangedBy, c.Note}
}

// differenceDocument is one step between two versions.
type differenceDocument struct {
	Path string     `json:"path"`
	Op   string     `json:"op"`
	From sqldb.JSON `json:"from,omitempty"`
	To   sqldb.JSON `json:"to,omitempty"`
}

// ofTenant is the command of a verb upon the configurations of the tenant that
// --tenant names.
func (p *program) ofTenant(use, code string, arguments int, run func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error) *cobra.Command {
	var of string
	c := &cobra.Command{
		Use: use, Short: p.Text.Text(code), Args: exactly(arguments),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			t, err := p.tenantNamed(ctx, a, s, of)
			if err != nil {
				return err
			}
			return run(ctx, a, s, t, args)
		}),
	}
	c.Flags().StringVar(&of, "tenant", "", p.Text.Text("cli.configuration.tenant"))
	return c
}

func (p *program) configurationListCommand() *cobra.Command {
	var page tenantry.Page
	c := p.ofTenant("list", "cli.configuration.list", 0, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, _ []string) error {
		list, err := a.Configurations.List(ctx, s, t.Key, page)
		if err != nil {
			return err
		}
		return p.configurationTable(list)
	})
	p.pageFlags(c, &page)
	return c
}

func (p *program) configurationHistoryCommand() *cobra.Command {
	var page tenantry.Page
	c := p.ofTenant("history TYPE", "cli.configuration.history", 1, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		list, err := a.Configurations.History(ctx, s, t.Key, args[0], page)
		if err != nil {
			return err
		}
		return p.configurationTable(list)
	})
	p.pageFlags(c, &page)
	return c
}

func (p *program) configurationTable(list tenantry.List[tenant.Configuration]) error {
	return showList(p, list, configurationDocumentOf, "configuration.none", []string{"column.type", "column.version", "column.changed", "column.changed_by", "column.note"}, func(c tenant.Configuration) []string {
		return []string{c.Type, fmt.Sprint(c.Version), instant(&c.ChangedAt), c.ChangedBy, c.Note}
	})
}

func (p *program) configurationShowCommand() *cobra.Command {
	var version int64
	c := p.ofTenant("show TYPE", "cli.configuration.show", 1, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		read := a.Configurations.Get
		if version != 0 {
			read = func(ctx context.Context, s tenantry.Scope, of tenantry.TenantKey, name string) (tenant.Configuration, error) {
				return a.Configurations.Version(ctx, s, of, name, version)
			}
		}
		found, err := read(ctx, s, t.Key, args[0])
		if err != nil {
			return err
		}
		if p.JSON {
			return p.Document(configurationDocumentOf(found))
		}
		if found.Data == nil {
			p.Say("configuration.deleted", "type", found.Type)
			return nil
		}
		p.Line(string(found.Data))
		return nil
	})
	c.Flags().Int64Var(&version, "version", 0, p.Text.Text("cli.configuration.version"))
	return c
}

func (p *program) configurationSetCommand() *cobra.Command {
	var note string
	c := p.ofTenant("set TYPE FILE", "cli.configuration.set", 2, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		data, err := p.readDocument(args[1])
		if err != nil {
			return err
		}
		made, err := a.Configurations.Put(ctx, s, t.Key, args[0], data, note, "")
		return p.configurationDone(made, err)
	})
	c.Flags().StringVar(&note, "note", "", p.Text.Text("cli.configuration.note"))
	return c
}

// readDocument reads a file, or - for standard input. What is too long is for the
// room to say, which sees one byte more than it takes.
func (p *program) readDocument(file string) ([]byte, error) {
	const most = 1 << 20
	in := p.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, tenantry.NewError(tenantry.Usage, "cli.configuration.unreadable", "file", clip(file)).Because(err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, tenantry.NewError(tenantry.Usage, "cli.configuration.unreadable", "file", clip(file)).Because(err)
	}
	return data, nil
}

func (p *program) configurationRollBackCommand() *cobra.Command {
	var note string
	c := p.ofTenant("rollback TYPE VERSION", "cli.configuration.rollback", 2, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		version, err := versionNumber(args[1])
		if err != nil {
			return err
		}
		made, err := a.Configurations.RollBack(ctx, s, t.Key, args[0], version, note, "")
		return p.configurationDone(made, err)
	})
	c.Flags().StringVar(&note, "note", "", p.Text.Text("cli.configuration.note"))
	return c
}

func (p *program) configurationDone(c tenant.Configuration, err error) error {
	if err != nil {
		return err
	}
	if p.JSON {
		return p.Document(configurationDocumentOf(c))
	}
	p.Say("configuration.set", "type", c.Type, "version", c.Version)
	return nil
}

func (p *program) configurationDeleteCommand() *cobra.Command {
	return p.ofTenant("delete TYPE", "cli.configuration.delete", 1, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		if err := a.Configurations.Delete(ctx, s, t.Key, args[0], ""); err != nil {
			return err
		}
		if !p.JSON {
			p.Say("configuration.deleted", "type", args[0])
		}
		return nil
	})
}

func (p *program) configurationDiffCommand() *cobra.Command {
	return p.ofTenant("diff TYPE FROM TO", "cli.configuration.diff", 3, func(ctx context.Context, a *app.App, s tenantry.Scope, t tenant.Tenant, args []string) error {
		from, err := versionNumber(args[1])
		if err != nil {
			return err
		}
		to, err := versionNumber(args[2])
		if err != nil {
			return err
		}
		found, err := a.Configurations.Diff(ctx, s, t.Key, args[0], from, to)
		if err != nil {
			return err
		}
		if p.JSON {
			items := make([]differenceDocument, len(found))
			for i, d := range found {
				items[i] = differenceDocument{d.Path, d.Op, d.From, d.To}
			}
			return p.Document(tenantry.List[differenceDocument]{Items: items})
		}
		if len(found) == 0 {
			p.Say("configuration.same")
			return nil
		}
		rows := make([][]string, len(found))
		for i, d := range found {
			rows[i] = []string{d.Path, d.Op, clip(string(d.From)), clip(string(d.To))}
		}
		p.Table([]string{"column.path", "column.op", "column.from", "column.to"}, rows)
		return nil
	})
}

func versionNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, tenantry.NewError(tenantry.Usage, "cli.configuration.bad_version", "version", clip(text))
	}
	return n, nil
}
