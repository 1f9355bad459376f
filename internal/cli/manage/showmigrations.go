package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

func showMigrationsCommand() command {
	return command{
		app: "django", name: "showmigrations",
		help: "Shows all available migrations for the current project",
		declare: func(p *argparse.Parser) {
			p.Positionals("app_label", "App labels of applications to limit the output to.")
			databaseOption(p, `Nominates a database to show migrations for. Defaults to the "default" database.`)
			list := p.Flag("--list -l", "Shows a list of all migrations and which are applied. With a verbosity level of 2 or above, the applied datetimes will be included.")
			plan := p.Flag("--plan -p", "Shows all migrations in the order they will be applied. With a verbosity level of 2 or above all direct migration dependencies and reverse dependencies (run_before) will be included.")
			p.Exclusive(list, plan)
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			return ShowMigrations(ctx, e, ShowOptions{Apps: v.Strings("app_label"), Plan: v.Bool("--plan"), Verbosity: verbosity(v)})
		},
	}
}

// ShowOptions is what both manners of asking for the history come to.
type ShowOptions struct {
	Apps      []string
	Plan      bool
	Verbosity int64
}

// ShowMigrations tells in Django's form what is applied and what is not.
func ShowMigrations(ctx context.Context, e *Env, o ShowOptions) error {
	m, err := e.Migrator(ctx, sqldb.ReadOnly)
	if err != nil {
		return err
	}
	defer m.Close()
	g := m.Graph()
	unknown := false
	for _, name := range o.Apps {
		if !slices.Contains(g.Apps(), name) {
			fmt.Fprintf(e.Err, "No installed app with label %s.\n", argparse.Repr(name))
			unknown = true
		}
	}
	if unknown {
		return console.Silent(2)
	}
	state, err := m.State(ctx)
	if err != nil {
		return err
	}
	g = state.Graph()
	apps := slices.Clone(o.Apps)
	if len(apps) == 0 {
		apps = g.Apps()
	}
	slices.Sort(apps)
	apps = slices.Compact(apps)
	switch {
	case e.JSON:
		return e.historyDocument(g, state, apps)
	case o.Plan:
		return e.showPlan(g, state, o)
	}
	for _, name := range apps {
		e.Line(e.Style(console.Bold, name))
		keys, err := g.App(name)
		if err != nil {
			return err
		}
		for _, k := range keys {
			at, applied := state.Applied(k)
			title := k.Name
			if n := len(g.Migration(k).Replaces); n > 0 {
				title += fmt.Sprintf(" (%d squashed migrations)", n)
			}
			line := " [ ] " + title
			if applied {
				line = " [X] " + title
				if o.Verbosity >= 2 {
					line += " (applied at " + at.UTC().Format("2006-01-02 15:04:05") + ")"
				}
			}
			e.Line(line)
		}
	}
	return nil
}

func (e *Env) showPlan(g *migrate.Graph, state migrate.State, o ShowOptions) error {
	var targets []migrate.Key
	for _, name := range o.Apps {
		keys, err := g.App(name)
		if err != nil {
			return err
		}
		targets = append(targets, keys[len(keys)-1])
	}
	order := g.Order(targets...)
	for _, k := range order {
		mark := "[ ] "
		if _, applied := state.Applied(k); applied {
			mark = "[X] "
		}
		depends := ""
		if o.Verbosity >= 2 {
			var names []string
			for _, d := range g.Parents(k) {
				names = append(names, d.String())
			}
			if len(names) > 0 {
				depends = " ... (" + strings.Join(names, ", ") + ")"
			}
		}
		e.Line(mark + " " + k.String() + depends)
	}
	if len(order) == 0 {
		e.Line("(no migrations)")
	}
	return nil
}

func (e *Env) historyDocument(g *migrate.Graph, state migrate.State, apps []string) error {
	type item struct {
		App       string     `json:"app"`
		Name      string     `json:"name"`
		Applied   bool       `json:"applied"`
		AppliedAt *time.Time `json:"applied_at"`
	}
	items := []item{}
	for _, name := range apps {
		keys, err := g.App(name)
		if err != nil {
			return err
		}
		for _, k := range keys {
			i := item{App: k.App, Name: k.Name}
			if at, applied := state.Applied(k); applied {
				i.Applied, i.AppliedAt = true, &at
			}
			items = append(items, i)
		}
	}
	unknown := []string{}
	for _, u := range state.Unknown {
		unknown = append(unknown, u.Key.String())
	}
	return e.Document(map[string]any{"migrations": items, "unknown": unknown})
}
