package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
)

// Graph is all migrations and what depends on what. Orders are Django's, to the
// letter: operators compare the output of the two programs.
type Graph struct {
	nodes    map[Key]*Migration
	parents  map[Key][]Key // sorted
	children map[Key][]Key // sorted
	all      []Migration   // also those that squashed ones stand for
}

// NewGraph checks that names are unique, dependencies exist and nothing depends
// on itself.
func NewGraph(all []Migration) (*Graph, error) { return newGraph(all, nil) }

func newGraph(all []Migration, applied map[Key]bool) (*Graph, error) {
	g := &Graph{nodes: map[Key]*Migration{}, parents: map[Key][]Key{}, children: map[Key][]Key{}, all: all}
	all = resolve(all, applied)
	for i := range all {
		m := &all[i]
		if g.nodes[m.Key] != nil {
			return nil, fmt.Errorf("migrate: %s is there twice", m.Key)
		}
		g.nodes[m.Key] = m
	}
	for key, m := range g.nodes {
		for _, d := range m.Depends {
			if g.nodes[d] == nil {
				return nil, fmt.Errorf("migrate: %s depends on %s, which does not exist", key, d)
			}
			g.parents[key] = append(g.parents[key], d)
			g.children[d] = append(g.children[d], key)
		}
	}
	for _, m := range []map[Key][]Key{g.parents, g.children} {
		for k := range m {
			slices.SortFunc(m[k], compare)
			m[k] = slices.Compact(m[k])
		}
	}
	return g, g.checkCycles()
}

func compare(a, b Key) int {
	if a.less(b) {
		return -1
	}
	if b.less(a) {
		return 1
	}
	return 0
}

func (g *Graph) checkCycles() error {
	const visiting, done = 1, 2
	state := map[Key]int{}
	var visit func(k Key) error
	visit = func(k Key) error {
		switch state[k] {
		case visiting:
			return fmt.Errorf("migrate: %s depends on itself", k)
		case done:
			return nil
		}
		state[k] = visiting
		for _, p := range g.parents[k] {
			if err := visit(p); err != nil {
				return err
			}
		}
		state[k] = done
		return nil
	}
	for _, k := range g.Keys() {
		if err := visit(k); err != nil {
			return err
		}
	}
	return nil
}

// Migration returns one by key, nil when there is none.
func (g *Graph) Migration(k Key) *Migration { return g.nodes[k] }

// Parents returns what a migration depends on, sorted.
func (g *Graph) Parents(k Key) []Key { return g.parents[k] }

// Keys returns all, sorted by app and name.
func (g *Graph) Keys() []Key { return slices.SortedFunc(maps.Keys(g.nodes), compare) }

// Apps returns the apps, sorted.
func (g *Graph) Apps() []string {
	var apps []string
	for _, k := range g.Keys() {
		apps = append(apps, k.App)
	}
	return slices.Compact(apps)
}

// App returns an app's migrations in the order in which they apply, or
// NotFound with code "migrate.no_app".
func (g *Graph) App(app string) ([]Key, error) {
	var keys []Key
	for _, k := range g.Order(g.leaves(app)...) {
		if k.App == app {
			keys = append(keys, k)
		}
	}
	if keys == nil {
		return nil, tenantry.NewError(tenantry.NotFound, "migrate.no_app", "app", app)
	}
	return keys, nil
}

// Find resolves a migration by its name or a prefix of it that no other name of
// the app has. Errors: "migrate.no_app", "migrate.no_migration",
// "migrate.ambiguous".
func (g *Graph) Find(app, prefix string) (Key, error) {
	keys, err := g.App(app)
	if err != nil {
		return Key{}, err
	}
	var found []Key
	for _, k := range keys {
		if k.Name == prefix {
			return k, nil
		}
		if strings.HasPrefix(k.Name, prefix) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Key{}, tenantry.NewError(tenantry.Invalid, "migrate.ambiguous", "app", app, "name", prefix)
	}
	return Key{}, tenantry.NewError(tenantry.NotFound, "migrate.no_migration", "app", app, "name", prefix)
}

// Order returns the targets and all they depend on, each after its
// dependencies; all migrations when no target is named.
func (g *Graph) Order(targets ...Key) []Key {
	if len(targets) == 0 {
		targets = g.leaves("")
	}
	var order []Key
	seen := map[Key]bool{}
	for _, t := range targets {
		for _, k := range walk(t, g.parents) {
			if !seen[k] {
				seen[k] = true
				order = append(order, k)
			}
		}
	}
	return order
}

// walk is the depth-first order of Django's iterative_dfs: an explicit stack, so
// that of several neighbours the last by name comes first.
func walk(start Key, neighbours map[Key][]Key) []Key {
	type visit struct {
		key       Key
		processed bool
	}
	var order []Key
	seen := map[Key]bool{}
	stack := []visit{{key: start}}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		switch {
		case seen[v.key]:
		case v.processed:
			seen[v.key] = true
			order = append(order, v.key)
		default:
			stack = append(stack, visit{v.key, true})
			for _, n := range neighbours[v.key] {
				stack = append(stack, visit{key: n})
			}
		}
	}
	return order
}

// leaves returns the last migrations of an app, or of every app: those without
// children in their own app.
func (g *Graph) leaves(app string) []Key { return g.ends(app, g.children) }

// Leaves returns the last migrations of an app: several, when two people each
// added one.
func (g *Graph) Leaves(app string) []Key { return g.leaves(app) }

// Conflict returns an error that names the apps with several last migrations, as
// Django refuses them.
func (g *Graph) Conflict() error {
	var all []string
	for _, app := range g.Apps() {
		if leaves := g.leaves(app); len(leaves) > 1 {
			names := make([]string, len(leaves))
			for i, k := range leaves {
				names[i] = k.Name
			}
			all = append(all, strings.Join(names, ", ")+" in "+app)
		}
	}
	if all == nil {
		return nil
	}
	return tenantry.NewError(tenantry.Conflict, "migrate.conflict", "leaves", strings.Join(all, "; "))
}

// Before returns the graph without an app and without what depends on it. An app
// whose own migrations depend on such a one is refused, "migrate.entangled".
func (g *Graph) Before(app string) (*Graph, error) {
	after := map[Key]bool{}
	for _, k := range g.Keys() {
		if k.App == app {
			for _, n := range walk(k, g.children) {
				after[n] = true
			}
		}
	}
	var rest []Migration
	for _, k := range g.Keys() {
		if !after[k] {
			rest = append(rest, *g.nodes[k])
			continue
		}
		if k.App != app {
			continue
		}
		for _, p := range g.parents[k] {
			if after[p] && p.App != app {
				return nil, tenantry.NewError(tenantry.Conflict, "migrate.entangled", "migration", k.String(), "dependency", p.String())
			}
		}
	}
	return NewGraph(rest)
}

// AppliedGraph returns the graph of what the database has applied.
func (s State) AppliedGraph() (*Graph, error) {
	var applied []Migration
	for _, k := range s.graph.Keys() {
		if _, ok := s.Applied(k); ok {
			applied = append(applied, *s.graph.nodes[k])
		}
	}
	return NewGraph(applied)
}

// With returns the graph with one more migration, from the text of its file.
func (g *Graph) With(k Key, text string) (*Graph, error) {
	m, err := Parse(k, text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", k, err)
	}
	all := []Migration{m}
	for _, k := range g.Keys() {
		all = append(all, *g.nodes[k])
	}
	return NewGraph(all)
}

// roots returns the first migrations of an app.
func (g *Graph) roots(app string) []Key { return g.ends(app, g.parents) }

func (g *Graph) ends(app string, neighbours map[Key][]Key) []Key {
	var ends []Key
	for _, k := range g.Keys() {
		if app != "" && k.App != app {
			continue
		}
		if !slices.ContainsFunc(neighbours[k], func(n Key) bool { return n.App == k.App }) {
			ends = append(ends, k)
		}
	}
	return ends
}
