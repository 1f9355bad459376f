package manage

import (
	"context"
	"fmt"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// merge is `makemigrations --merge`: where two people each added a migration, one
// more that comes after both. Before that both orders are tried.
func (e *Env) merge(ctx context.Context, w *draft.Workshop, apps []string, o MakeOptions) error {
	merged := false
	for _, app := range apps {
		branches := w.Branches(app)
		if len(branches) < 2 {
			continue
		}
		merged = true
		e.Line(e.Style(console.Heading, "Merging "+app))
		for _, b := range branches {
			e.Line("  " + e.Style(console.Bold, "Branch "+b.Name))
			for _, text := range b.Operations {
				e.Line("    - " + text)
			}
		}
		differences, err := w.Commutes(ctx, app)
		if err != nil {
			return err
		}
		if len(differences) > 0 {
			return tenantry.NewError(tenantry.Conflict, "makemigrations.branches_conflict", "app", app, "cause", differences[0].String())
		}
		if e.Prompt && !o.NoInput {
			fmt.Fprint(e.Out, "\nMerging will only work if the operations printed above do not conflict\n"+
				"with each other (working on different fields or models)\n")
			if !e.yes("Should these migration branches be merged? [y/N] ") {
				continue
			}
		}
		made := w.Merge(app, o.Name)
		if o.DryRun || o.Check {
			continue
		}
		if err := made.Write(); err != nil {
			return err
		}
		fmt.Fprintf(e.Out, "\nCreated new merge migration %s\n", shortPath(made.Files[0].Path))
	}
	if !merged {
		e.Line("No conflicts detected to merge.")
	} else if o.Check {
		return console.Silent(1)
	}
	return nil
}
