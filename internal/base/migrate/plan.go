package migrate

import (
	"slices"

	"github.com/tenantry/tenantry"
)

// Request says where to go: nowhere named means every app's last migration, an
// app its last, an app and "zero" before its first, an app and a name (or unique
// prefix) exactly there, forwards or backwards.
type Request struct {
	App, Target string
	// Fake records without running. FakeInitial does so only for first
	// migrations whose tables exist already.
	Fake, FakeInitial bool
}

// Zero is the target before an app's first migration.
const Zero = "zero"

// Planned is one migration and the direction in which it is to be taken.
type Planned struct {
	*Migration
	Backwards bool
}

// targets resolves a request to migrations; zero tells that the app's tables are
// to go.
func (g *Graph) targets(r Request) (targets []Key, zero bool, err error) {
	switch {
	case r.App == "" && r.Target == "":
		return g.leaves(""), false, nil
	case r.App == "":
		return nil, false, tenantry.NewError(tenantry.Usage, "migrate.target_without_app")
	}
	if _, err := g.App(r.App); err != nil {
		return nil, false, err
	}
	switch r.Target {
	case "":
		return g.leaves(r.App), false, nil
	case Zero:
		return g.roots(r.App), true, nil
	}
	k, err := g.Find(r.App, r.Target)
	return []Key{k}, false, err
}

// plan lists what has to be done to fulfil a request, in the order of
// `migrate --plan`.
func (g *Graph) plan(r Request, applied map[Key]bool) ([]Planned, error) {
	targets, zero, err := g.targets(r)
	if err != nil {
		return nil, err
	}
	var plan []Planned
	done := map[Key]bool{}
	back := func(from Key) {
		for _, k := range walk(from, g.children) {
			if applied[k] && !done[k] {
				done[k] = true
				plan = append(plan, Planned{g.nodes[k], true})
			}
		}
	}
	for _, t := range targets {
		switch {
		case zero:
			back(t)
		case applied[t] && r.Target != "":
			// Back through the children of the same app only: what other apps hang
			// on the target itself may stay.
			for _, child := range g.children[t] {
				if child.App == t.App {
					back(child)
				}
			}
		default:
			for _, k := range g.Order(t) {
				if !applied[k] && !done[k] {
					done[k] = true
					plan = append(plan, Planned{g.nodes[k], false})
				}
			}
		}
	}
	return plan, nil
}

// inOrder sorts a plan into the order in which it is carried out: forwards, the
// order of the whole graph, whatever was asked for; backwards, as planned.
func (g *Graph) inOrder(plan []Planned) []Planned {
	if len(plan) == 0 || plan[0].Backwards {
		return plan
	}
	order := g.Order()
	place := make(map[Key]int, len(order))
	for i, k := range order {
		place[k] = i
	}
	plan = slices.Clone(plan)
	slices.SortFunc(plan, func(a, b Planned) int { return place[a.Key] - place[b.Key] })
	return plan
}
