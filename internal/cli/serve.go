package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// demoDir is the demo's data folder, apart from a real one's.
const demoDir = "tenantry-demo"

func (p *program) serveCommand() *cobra.Command {
	var o app.ServeOptions
	c := &cobra.Command{
		Use: "serve", Short: p.Text.Text("cli.serve"), Long: p.Text.Text("cli.serve.long"), Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return p.serve(c.Context(), o) },
	}
	f := c.Flags()
	f.BoolVar(&o.Demo, "demo", false, p.Text.Text("cli.serve.demo"))
	f.BoolVar(&o.NoMigrate, "no-migrate", false, p.Text.Text("cli.serve.no_migrate"))
	p.settingFlags = append(p.settingFlags,
		settingFlag{"listen", "--listen", f.String("listen", "", p.Text.Text("cli.serve.listen"))},
		settingFlag{"operations.listen", "--operations-listen", f.String("operations-listen", "", p.Text.Text("cli.serve.operations_listen"))})
	return c
}

func (p *program) serve(ctx context.Context, o app.ServeOptions) error {
	prog, err := p.program()
	if err != nil {
		return err
	}
	if o.Demo {
		if !prog.Settings.Database.URL.Empty() {
			return tenantry.NewError(tenantry.Usage, "demo.not_with_database")
		}
		if !slices.ContainsFunc(p.sources().Flags, func(g config.Given) bool { return g.Key == "data_dir" }) && lookup(p.env, "TENANTRY_DATA_DIR") == "" {
			prog.Settings.DataDir = demoDir
		}
	}
	if !prog.Settings.Tenants.EnableTenantIsolation {
		p.Note("serve.isolation_off")
	}
	o.Catalog = p.catalog
	var s app.Settings
	if o.Settings, err = config.Describe(&s, p.sources()); err != nil {
		return err
	}
	return prog.Serve(ctx, o, p.welcome)
}

// servingDocument is what `serve --output json` prints once it is ready.
type servingDocument struct {
	Address    string `json:"address"`
	Operations string `json:"operations"`
	Tenants    int64  `json:"tenants,omitempty"`
	Operator   string `json:"operator,omitempty"`
	Key        string `json:"key,omitempty"`
}

// welcome tells whoever started the server what there is now.
func (p *program) welcome(s app.Serving) {
	base := "http://" + s.Address
	if p.JSON {
		_ = p.Document(servingDocument{Address: base, Operations: "http://" + s.Operations, Tenants: s.Tenants, Operator: s.Operator, Key: s.Key.Reveal()})
		return
	}
	if s.New {
		p.Say("serve.created", "place", s.Database)
	}
	if s.Tenants > 0 {
		p.Say("serve.demo", "Count", s.Tenants)
	}
	switch {
	case !s.Key.Empty():
		p.Say("serve.first_operator", "name", s.Operator)
		p.Line("  " + s.Key.Reveal())
	case s.NoOperator:
		p.Say("serve.no_operator")
	}
	p.Line("")
	for _, row := range [][2]string{
		{"serve.page", base + "/"}, {"serve.api", base + "/v1/tenants"}, {"serve.docs", base + "/v1/docs"}, {"serve.operations", "http://" + s.Operations + "/readyz"},
	} {
		p.Line("  " + pad(p.Text.Text(row[0]), 16) + row[1])
	}
	p.Line("")
	p.Line(p.Style(console.Success, p.Text.Text("serve.ready")))
}

// pad fills a label with blanks up to a width.
func pad(s string, width int) string {
	for n := len([]rune(s)); n < width; n++ {
		s += " "
	}
	return s
}
