package manage

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

func migrateCommand() command {
	return command{
		app: "django", name: "migrate",
		help: "Updates database schema. Manages both apps with migrations and those without.",
		declare: func(p *argparse.Parser) {
			p.OptionalPositional("app_label", "App label of an application to synchronize the state.")
			p.OptionalPositional("migration_name", "Database state will be brought to the state after that migration. "+
				`Use the name "zero" to unapply all migrations.`)
			p.Flag("--noinput --no-input", "Tells Django to NOT prompt the user for input of any kind.")
			databaseOption(p, `Nominates a database to synchronize. Defaults to the "default" database.`)
			p.Flag("--fake", "Mark migrations as run without actually running them.")
			p.Flag("--fake-initial", "Detect if tables already exist and fake-apply initial migrations if so. Make sure that the "+
				"current database schema matches your initial migration before using this flag. Django will only check for an "+
				"existing table name.")
			p.Flag("--plan", "Shows a list of the migration actions that will be performed.")
			p.Flag("--run-syncdb", "Creates tables for apps without migrations.")
			p.Flag("--check", "Exits with a non-zero status if unapplied migrations exist and does not actually apply migrations.")
			p.Flag("--drift", "Compares the database with what its migrations make, and prints the SQL that mends it; exits with 3 if it differs.")
			p.String("--dev-database", "", "URL of a PostgreSQL server on which scratch databases may be made.")
			p.Flag("--prune", "Delete nonexistent migrations from the django_migrations table.")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			return Migrate(ctx, e, MigrateOptions{
				Request: migrate.Request{App: v.String("app_label"), Target: v.String("migration_name"),
					Fake: v.Bool("--fake"), FakeInitial: v.Bool("--fake-initial")},
				Plan: v.Bool("--plan"), Check: v.Bool("--check"), Drift: v.Bool("--drift"), DevDatabase: v.String("--dev-database"), Verbosity: verbosity(v),
			})
		},
	}
}

// MigrateOptions is what both manners of asking for a migration come to.
type MigrateOptions struct {
	migrate.Request
	Plan, Check, DryRun, Drift bool
	DevDatabase                string
	Verbosity                  int64
}

// Migrate brings the database to a state and tells of it in Django's words.
func Migrate(ctx context.Context, e *Env, o MigrateOptions) error {
	if o.Drift {
		return e.drift(ctx, o.DevDatabase)
	}
	access := sqldb.Create
	if o.Plan || o.Check || o.DryRun {
		access = sqldb.ReadOnly
	}
	m, err := e.Migrator(ctx, access)
	if err != nil {
		return err
	}
	defer m.Close()
	state, err := m.State(ctx)
	if err != nil {
		return err
	}
	if err := state.Graph().Conflict(); err != nil {
		return err
	}
	plan, err := state.Plan(o.Request)
	if err != nil {
		return err
	}
	if err := m.Verify(state); err != nil {
		return err
	}
	switch {
	case o.Check:
		if o.Plan {
			e.plan(plan)
		}
		if len(plan) > 0 {
			return console.Silent(1)
		}
		return nil
	case o.Plan:
		if e.JSON {
			return e.Document(planDocument(plan))
		}
		e.plan(plan)
		return nil
	case e.JSON:
		return e.migrateJSON(ctx, m, o)
	}
	if o.Verbosity > 0 {
		e.headings(state.Graph(), o.Request, plan)
	}
	if o.DryRun {
		return e.rehearse(ctx, m, o)
	}
	progress := (*console.Progress)(nil)
	open := false // a line "  Applying …..." waits for its OK
	defer func() { e.WallsLeft(m) }()
	done, err := m.Run(ctx, o.Request, func(ev migrate.Event) {
		switch {
		case ev.Phase == migrate.Progress:
			if progress == nil {
				progress = e.Progress("migrate.progress", ev.Total)
			}
			progress.At(ev.Done)
			return
		case ev.Phase == migrate.Waiting:
			e.Note("migrate.waiting", "holder", ev.Holder)
			return
		case o.Verbosity == 0:
			return
		}
		switch ev.Phase {
		case migrate.Starting:
			fmt.Fprintf(e.Out, "  %s %s...", doing(ev.Backwards), ev.Migration.Key)
			open = true
		case migrate.Retrying:
			fmt.Fprintln(e.Out, " "+e.Text.Text("migrate.retrying"))
			open = false
		case migrate.Finished:
			fmt.Fprintln(e.Out, e.Style(console.Success, " OK")+took(ev, o.Verbosity))
			open = false
		case migrate.Faked:
			fmt.Fprintln(e.Out, e.Style(console.Success, " FAKED")+took(ev, o.Verbosity))
			open = false
		}
	})
	if progress != nil {
		progress.End()
	}
	if open {
		fmt.Fprintln(e.Out)
	}
	if err == nil && len(done) == 0 && o.Verbosity > 0 {
		fmt.Fprintln(e.Out, "  No migrations to apply.")
	}
	return err
}

func doing(backwards bool) string {
	if backwards {
		return "Unapplying"
	}
	return "Applying"
}

func took(ev migrate.Event, verbosity int64) string {
	if verbosity < 2 {
		return ""
	}
	return fmt.Sprintf(" (%.3fs)", ev.Took.Seconds())
}

// headings are the lines with which Django begins.
func (e *Env) headings(g *migrate.Graph, r migrate.Request, plan []migrate.Planned) {
	e.Line(e.Style(console.Heading, "Operations to perform:"))
	label := func(s string) string { return e.Style(console.Bold, s) }
	switch {
	case r.Target == migrate.Zero:
		fmt.Fprintf(e.Out, "%s%s\n", label("  Unapply all migrations: "), r.App)
	case r.Target != "":
		key, _ := g.Find(r.App, r.Target)
		fmt.Fprintf(e.Out, "%s%s, from %s\n", label("  Target specific migration: "), key.Name, r.App)
	case r.App != "":
		fmt.Fprintf(e.Out, "%s%s\n", label("  Apply all migrations: "), r.App)
	default:
		fmt.Fprintf(e.Out, "%s%s\n", label("  Apply all migrations: "), strings.Join(g.Apps(), ", "))
	}
	e.Line(e.Style(console.Heading, "Running migrations:"))
	if len(plan) > 0 && plan[0].Backwards {
		e.Line("  Rendering model states..." + e.Style(console.Success, " DONE"))
	}
}

// plan is `migrate --plan`.
func (e *Env) plan(plan []migrate.Planned) {
	e.Line("Planned operations:")
	if len(plan) == 0 {
		e.Line("  No planned migration operations.")
	}
	for _, p := range plan {
		e.Line(e.Style(console.Heading, p.Key.String()))
		for _, text := range describe(p) {
			e.Line("    " + text)
		}
	}
}

// describe lists a migration's operations as Django does: in the order of the
// file even backwards, and "Undo" before all but its raw operations.
func describe(p migrate.Planned) []string {
	lines := []string{}
	for _, o := range p.Operations {
		text := o.Describe
		if p.Backwards && !strings.HasPrefix(text, "Raw ") {
			text = "Undo " + text
		}
		lines = append(lines, text)
	}
	return lines
}

type plannedDocument struct {
	App        string   `json:"app"`
	Name       string   `json:"name"`
	Backwards  bool     `json:"backwards"`
	Operations []string `json:"operations"`
}

func planDocument(plan []migrate.Planned) map[string]any {
	list := []plannedDocument{}
	for _, p := range plan {
		list = append(list, plannedDocument{p.App, p.Name, p.Backwards, describe(p)})
	}
	return map[string]any{"plan": list}
}

// rehearse is `migrate --dry-run`: what would be done, with rows and time.
func (e *Env) rehearse(ctx context.Context, m *app.Migrator, o MigrateOptions) error {
	r, err := m.OnCopy(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	done, err := r.Rehearse(ctx, o.Request, func(ev migrate.Event) {
		switch ev.Phase {
		case migrate.Starting:
			fmt.Fprintf(e.Out, "  %s %s\n", doing(ev.Backwards), ev.Migration.Key)
		case migrate.Ran:
			fmt.Fprintf(e.Out, "    %s\n", ev.Statement)
			e.Line("      " + e.Text.Text("migrate.statement_cost", "rows", ev.Rows, "ms", fmt.Sprintf("%.1f", ev.Took.Seconds()*1000)))
		case migrate.Kept:
			e.Line("      " + e.Text.Text("migrate.kept", "what", ev.Statement))
		case migrate.Progress:
			e.Line("      " + e.Text.Text("migrate.rows_done", "rows", ev.Done))
		}
	})
	if err != nil {
		return err
	}
	if len(done) == 0 {
		fmt.Fprintln(e.Out, "  No migrations to apply.")
	}
	e.Say("migrate.dry_run")
	return nil
}

func (e *Env) migrateJSON(ctx context.Context, m *app.Migrator, o MigrateOptions) error {
	type item struct {
		plannedDocument
		Faked      bool     `json:"faked"`
		DurationMS float64  `json:"duration_ms"`
		Statements []string `json:"statements,omitempty"`
		Rows       int64    `json:"rows"`
	}
	items := []item{}
	var current item
	watch := func(ev migrate.Event) {
		switch ev.Phase {
		case migrate.Starting:
			p := migrate.Planned{Migration: ev.Migration, Backwards: ev.Backwards}
			current = item{plannedDocument: plannedDocument{p.App, p.Name, p.Backwards, describe(p)}}
		case migrate.Ran:
			if o.DryRun {
				current.Statements = append(current.Statements, ev.Statement)
			}
			current.Rows += ev.Rows
		case migrate.Finished, migrate.Faked:
			current.Faked = ev.Phase == migrate.Faked
			current.DurationMS = ev.Took.Seconds() * 1000
			items = append(items, current)
		}
	}
	var err error
	if o.DryRun {
		var r *app.Migrator
		if r, err = m.OnCopy(ctx); err == nil {
			defer r.Close()
			_, err = r.Rehearse(ctx, o.Request, watch)
		}
	} else {
		_, err = m.Run(ctx, o.Request, watch)
	}
	if err != nil {
		return err
	}
	return e.Document(map[string]any{"migrations": items, "dry_run": o.DryRun})
}

// WallsLeft prints what somebody with more rights than the owner has must run.
func (e *Env) WallsLeft(m *app.Migrator) {
	if len(m.Walls.Statements) == 0 {
		return
	}
	e.Note("walls.left")
	for _, s := range m.Walls.Statements {
		fmt.Fprintln(e.Err, s+";")
	}
}
