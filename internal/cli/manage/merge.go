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
	merged, documents := false, []madeDocument{}
	for _, app := range apps {
		branches := w.Branches(app)
		if len(branches) < 2 {
			continue
		}
		merged = true
		e.tell(e.Style(console.Heading, "Merging "+app))
		for _, b := range branches {
			e.tell("  " + e.Style(console.Bold, "Branch "+b.Name))
			for _, text := range b.Operations {
				e.tell("    - " + text)
			}
		}
		differences, err := w.Commutes(ctx, app)
		if err != nil {
			return err
		}
		if len(differences) > 0 {
			return tenantry.NewError(tenantry.Conflict, "makemigrations.branches_conflict", "app", app, "cause", differences[0].String())
		}
		if e.asks(o.NoInput) {
			fmt.Fprint(e.Out, "\nMerging will only work if the operations printed above do not conflict\n"+
				"with each other (working on different fields or models)\n")
			if !e.yes("Should these migration branches be merged? [y/N] ") {
				continue
			}
		}
		made := w.Merge(app, o.Name)
		documents = append(documents, documentOf(made))
		if o.DryRun || o.Check {
			continue
		}
		if err := made.Write(); err != nil {
			return err
		}
		e.tell("\nCreated new merge migration " + shortPath(made.Files[0].Path))
	}
	if !merged {
		e.tell("No conflicts detected to merge.")
	}
	if e.JSON {
		if err := e.Document(madeDocuments(documents, len(documents) > 0 && !o.DryRun && !o.Check)); err != nil {
			return err
		}
	}
	if merged && o.Check {
		return console.Silent(1)
	}
	return nil
}
