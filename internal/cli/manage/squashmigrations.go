package manage

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/cli/console"
)

func squashMigrationsCommand() command {
	return command{
		app: "django", name: "squashmigrations",
		help: "Squashes an existing set of migrations (from first until specified) into a single new one.",
		declare: func(p *argparse.Parser) {
			p.Positional("app_label", "App label of the application to squash migrations for.")
			p.Positional("start_migration_name", "Migrations will be squashed starting from and including this migration, if a second name follows; else until and including it.")
			p.OptionalPositional("migration_name", "Migrations will be squashed until and including this migration.")
			p.Flag("--no-optimize", "Do not try to optimize the squashed operations.")
			p.Flag("--noinput --no-input", "Tells Django to NOT prompt the user for input of any kind.")
			p.String("--squashed-name", "", "Sets the name of the new squashed migration.")
			p.String("--dev-database", "", "URL of a PostgreSQL server on which scratch databases may be made.")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			o := SquashOptions{App: v.String("app_label"), End: v.String("start_migration_name"), Name: v.String("--squashed-name"),
				NoOptimize: v.Bool("--no-optimize"), NoInput: v.Bool("--noinput"), DevDatabase: v.String("--dev-database")}
			if end := v.String("migration_name"); end != "" {
				o.Start, o.End = o.End, end
			}
			return SquashMigrations(ctx, e, o)
		},
	}
}

// SquashOptions is what both manners of asking for a squashed migration come to.
type SquashOptions struct {
	App, Start, End, Name, DevDatabase string
	NoOptimize, NoInput                bool
}

// SquashMigrations makes one migration of several.
func SquashMigrations(ctx context.Context, e *Env, o SquashOptions) error {
	w, err := e.Workshop(ctx, o.DevDatabase)
	if err != nil {
		return err
	}
	defer w.Close()
	theirs, err := w.Apps()
	if err != nil {
		return err
	}
	if err := e.known([]string{o.App}, theirs); err != nil {
		return err
	}
	if !slices.Contains(theirs, o.App) {
		return tenantry.NewError(tenantry.Invalid, "makemigrations.not_theirs", "app", o.App)
	}
	r := draft.SquashRequest{App: o.App, Start: o.Start, End: o.End, Name: o.Name, Optimize: !o.NoOptimize}
	keys, err := w.Squashing(r)
	if err != nil {
		return err
	}
	e.tell(e.Style(console.Heading, "Will squash the following migrations:"))
	for _, k := range keys {
		e.tell(" - " + k.Name)
	}
	if e.asks(o.NoInput) && !e.yes("Do you wish to proceed? [yN] ") {
		return nil
	}
	s, err := w.Squash(ctx, r)
	if err != nil {
		return err
	}
	if o.NoOptimize {
		e.tell(e.Style(console.Heading, "(Skipping optimization.)"))
	} else {
		e.tell(e.Style(console.Heading, "Optimizing..."))
		if s.After < s.Before {
			e.tell(fmt.Sprintf("  Optimized from %d operations to %d operations.", s.Before, s.After))
		} else {
			e.tell("  No optimizations possible.")
		}
	}
	if err := s.Write(); err != nil {
		return err
	}
	for _, f := range s.Files {
		e.tell(e.Style(console.Heading, "Created new squashed migration "+shortPath(f.Path)))
	}
	e.tell("  You should commit this migration but leave the old ones in place;\n" +
		"  the new migration will be used for new installs. Once you are sure\n" +
		"  all instances of the codebase have applied the migrations you squashed,\n" +
		"  you can delete them.")
	for _, t := range s.Twins {
		e.Note("squashmigrations.proven", "engine", string(t.Engine))
	}
	if e.JSON {
		d := squashedDocument{App: o.App, Replaces: []string{}, Files: []madeFile{}, Before: s.Before, After: s.After}
		for _, k := range keys {
			d.Replaces = append(d.Replaces, k.Name)
		}
		for _, f := range s.Files {
			d.Files = append(d.Files, madeFile{shortPath(f.Path), f.Text})
		}
		return e.Document(d)
	}
	return nil
}

// squashedDocument is a squashed migration as programs read it.
type squashedDocument struct {
	App      string     `json:"app"`
	Replaces []string   `json:"replaces"`
	Files    []madeFile `json:"files"`
	Before   int        `json:"operations_before"`
	After    int        `json:"operations_after"`
}
