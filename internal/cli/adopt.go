package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/cli/manage"
	"github.com/tenantry/tenantry/internal/flow/adopt"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

type adoptOptions struct {
	yes, generateTokens, createProfiles bool
}

func (p *program) adoptCommand() *cobra.Command {
	var o adoptOptions
	c := &cobra.Command{
		Use: "adopt --database URL", Short: p.Text.Text("cli.adopt"), Long: p.Text.Text("cli.adopt.long"), Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return p.adopt(c.Context(), o) },
	}
	f := c.Flags()
	f.BoolVar(&o.yes, "yes", false, p.Text.Text("cli.adopt.yes"))
	f.BoolVar(&o.generateTokens, "generate-tokens", false, p.Text.Text("cli.adopt.generate_tokens"))
	f.BoolVar(&o.createProfiles, "create-profiles", false, p.Text.Text("cli.adopt.create_profiles"))
	return c
}

func (p *program) adopt(ctx context.Context, o adoptOptions) error {
	prog, err := p.program()
	if err != nil {
		return err
	}
	foreign, err := prog.OpenForeign(ctx)
	if err != nil {
		return err
	}
	defer foreign.Close()
	g, err := prog.Graph()
	if err != nil {
		return err
	}
	looking := p.Progress("adopt.reading", 0)
	report, err := foreign.Adopt.Inspect(ctx, foreign.DB, prog.Runner(foreign.DB, g), looking.Of)
	looking.End()
	if err != nil {
		return err
	}
	if !o.yes {
		if p.JSON {
			err = p.Document(map[string]any{"report": report, "adopted": false})
		} else {
			p.report(report)
			p.Say("adopt.nothing_done")
		}
		if err == nil && len(report.Findings) > 0 {
			return console.ErrFindings
		}
		return err
	}
	if !p.JSON {
		p.report(report)
	}
	foreign.Close()
	m, err := prog.Migrator(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer m.Close()
	var bar, again *console.Progress
	outcome, err := foreign.Adopt.Adopt(ctx, m.DB, m.Runner, report, func(e migrate.Event) {
		switch e.Phase {
		case migrate.Waiting:
			p.Note("migrate.waiting", "holder", e.Holder)
		case migrate.Progress:
			if bar == nil {
				bar = p.Progress("migrate.progress", e.Total)
			}
			bar.At(e.Done)
		case migrate.Finished, migrate.Faked:
			if bar != nil {
				bar.End()
				bar = nil
			}
			if !p.JSON {
				p.Line(fmt.Sprintf("  Applying %s... OK", e.Migration.Key))
			}
		}
	}, func(done, total int64) {
		if again == nil {
			again = p.Progress("adopt.reading_again", total)
		}
		again.At(done)
	})
	for _, left := range []*console.Progress{bar, again} {
		if left != nil {
			left.End()
		}
	}
	if err == nil {
		err = m.RaiseWalls(ctx)
	}
	if err != nil {
		return err
	}
	p.managed().WallsLeft(m)
	if p.JSON {
		return p.adoptedDocument(ctx, report, outcome, o)
	}
	p.outcome(outcome)
	if prog.Settings.Tokens.Encrypt {
		p.Note("adopt.tokens_sealed")
	}
	if !o.generateTokens && !o.createProfiles {
		p.Say("adopt.done")
		return nil
	}
	a, err := prog.Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	err = manage.MigrateData(ctx, p.Console, a, datamigration.Request{GenerateTokens: o.generateTokens, CreateProfiles: o.createProfiles, Migrate: true})
	if err == nil {
		p.Say("adopt.done")
	}
	return err
}

// adoptedDocument runs what is left to do and puts everything into one document.
func (p *program) adoptedDocument(ctx context.Context, report adopt.Report, outcome adopt.Outcome, o adoptOptions) error {
	document := map[string]any{"report": report, "adopted": true, "outcome": outcome}
	if o.generateTokens || o.createProfiles {
		a, err := p.open(ctx, sqldb.MustExist)
		if err != nil {
			return err
		}
		defer a.Close()
		result, err := a.DataMigration.Run(ctx, a.SignIn.Console(a.Who),
			datamigration.Request{GenerateTokens: o.generateTokens, CreateProfiles: o.createProfiles, Migrate: true},
			func(datamigration.Stage, int64, int64, bool) {})
		if err != nil {
			return err
		}
		document["data"] = result
	}
	return p.Document(document)
}

// report shows what a look at the database found.
func (p *program) report(r adopt.Report) {
	p.Line(p.Style(console.Heading, p.Text.Text("adopt.title")))
	p.Table([]string{"column.fact", "column.value"}, [][]string{
		{p.Text.Text("adopt.engine"), string(r.Engine)},
		{p.Text.Text("adopt.django"), r.Django},
		{p.Text.Text("adopt.ids"), r.IDs},
		{p.Text.Text("adopt.applied"), fmt.Sprint(len(r.Applied))},
		{p.Text.Text("adopt.unknown"), fmt.Sprint(len(r.Unknown))},
		{p.Text.Text("adopt.pending"), strings.Join(r.Pending, ", ")},
	})
	p.Line("")
	rows := make([][]string, len(r.Tables))
	for i, t := range r.Tables {
		rows[i] = []string{t.Name, fmt.Sprint(t.Rows), p.model(t)}
	}
	p.Table([]string{"column.table", "column.rows", "column.holds"}, rows)
	p.Line("")
	if len(r.Differences) == 0 {
		p.Say("adopt.no_differences")
	} else {
		p.Line(p.Style(console.Heading, p.Text.Text("adopt.differences")))
		for _, d := range r.Differences {
			p.Line("  " + d.String())
		}
	}
	if len(r.Findings) > 0 {
		p.Line("")
	}
	manage.Findings(p.Console, r.Findings)
}

// modelsOfDjango are the tables that people know by the name of a model, those of
// the seed by its verbose_name. Other tables only link these, or are not ours to
// name.
var modelsOfDjango = []string{
	"auth_group", "auth_permission", "auth_user", "tenants_tenantconfigurationmodel", "tenants_tenantmodel", "tenants_userprofile",
}

// model is what the rows of a table are: one is a Tenant, seven are Tenants.
func (p *program) model(t adopt.Table) string {
	if !slices.Contains(modelsOfDjango, t.Name) {
		return ""
	}
	return p.Text.Text("model."+t.Name, "Count", t.Rows)
}

// outcome shows each of Django's tables before and after.
func (p *program) outcome(o adopt.Outcome) {
	rows := make([][]string, len(o.Tables))
	for i, t := range o.Tables {
		same := p.Text.Text("adopt.unchanged")
		if !t.Unchanged {
			same = p.Text.Text("adopt.changed")
		}
		rows[i] = []string{t.Name, fmt.Sprint(t.Before), fmt.Sprint(t.After), same}
	}
	p.Table([]string{"column.table", "column.before", "column.after", "column.content"}, rows)
}
