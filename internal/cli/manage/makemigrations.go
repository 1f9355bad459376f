package manage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// makemigrations looks for changes that no migration makes: it replays the
// migrations on a database of its own and compares what they make with what
// Django's models ask for. There is no drafting of new migrations yet.
func makeMigrationsCommand() command {
	return command{
		app: "django", name: "makemigrations",
		help: "Creates new migration(s) for apps.",
		declare: func(p *argparse.Parser) {
			p.Positionals("app_label", "Specify the app label(s) to create migrations for.")
			p.Flag("--dry-run", "Just show what migrations would be made; don't actually write them.")
			p.Flag("--check", "Exit with a non-zero status if model changes are missing migrations and don't actually write them.")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			g, err := e.Graph()
			if err != nil {
				return err
			}
			labels := v.Strings("app_label")
			unknown := false
			for _, label := range labels {
				if !slices.Contains(g.Apps(), label) {
					fmt.Fprintf(e.Err, "No installed app with label %s.\n", argparse.Repr(label))
					unknown = true
				}
			}
			if unknown {
				return console.Silent(2)
			}
			return e.lookForChanges(ctx, labels)
		},
	}
}

func (e *Env) lookForChanges(ctx context.Context, labels []string) error {
	folder, err := os.MkdirTemp("", "tenantry-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	differences, err := e.Replay(ctx, filepath.Join(folder, "replay.sqlite3"), labels)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return tenantry.NewError(tenantry.Conflict, "makemigrations.changes", "changes", strings.Join(differences, "; "))
	}
	switch len(labels) {
	case 0:
		e.Line("No changes detected")
	case 1:
		e.Line("No changes detected in app '" + labels[0] + "'")
	default:
		e.Line("No changes detected in apps '" + strings.Join(labels, "', '") + "'")
	}
	return nil
}
