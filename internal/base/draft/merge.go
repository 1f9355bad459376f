package draft

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
)

// Branch is a line of migrations that ends in one of an app's leaves.
type Branch struct {
	Name       string   // of the leaf
	Operations []string // beyond what all branches have
}

// Branches lists the branches of an app, one for each of its leaves.
func (w *Workshop) Branches(app string) (all []Branch) {
	for _, g := range w.Graphs {
		leaves := g.Leaves(app)
		times := map[migrate.Key]int{}
		for _, l := range leaves {
			for _, k := range g.Order(l) {
				times[k]++
			}
		}
		for _, l := range leaves {
			b := Branch{Name: l.Name}
			for _, k := range g.Order(l) {
				if k.App == app && times[k] < len(leaves) {
					for _, o := range g.Migration(k).Operations {
						b.Operations = append(b.Operations, o.Describe)
					}
				}
			}
			all = append(all, b)
		}
		return all
	}
	return nil
}

// Commutes tells how what the branches make depends on which of them comes first,
// on any engine. Nothing means that they can be merged.
func (w *Workshop) Commutes(ctx context.Context, app string) ([]catalog.Difference, error) {
	for _, b := range w.Benches {
		if d, err := w.maker(b, app).Commutes(ctx); err != nil || len(d) > 0 {
			return d, err
		}
	}
	return nil, nil
}

// Merge makes the migration that comes after all branches.
func (w *Workshop) Merge(app, name string) Made {
	leaves := slices.Clone(w.leaves(app))
	if name == "" {
		var names []string
		for _, k := range leaves {
			names = append(names, k.Name)
		}
		if name = "merge_" + strings.Join(names, "_"); len(name) > 52 {
			name = "merge"
		}
	}
	made := Made{App: app, Name: w.NextNumber(app) + "_" + name}
	made.Files = []NewFile{{filepath.Join(w.Folder, app, made.Name+".sql"), Render(File{Depends: leaves})}}
	return made
}
