package draft

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// SquashRequest says which migrations become one.
type SquashRequest struct {
	App        string
	Start, End string // names or beginnings of them; no start is the first
	Name       string // after the number; "" for squashed_END
	Optimize   bool   // draft anew what they make together, where they hold no data
}

// Squash is a squashed migration. Nothing is written yet.
type Squash struct {
	Made
	Replaces      []migrate.Key
	Before, After int // operations
}

// Squashing lists the migrations that a request is about.
func (w *Workshop) Squashing(r SquashRequest) ([]migrate.Key, error) {
	g := w.Graphs[Engines[0]]
	end, err := g.Find(r.App, r.End)
	if err != nil {
		return nil, err
	}
	before := map[migrate.Key]bool{}
	if r.Start != "" {
		start, err := g.Find(r.App, r.Start)
		if err != nil {
			return nil, err
		}
		order := g.Order(end)
		if !slices.Contains(order, start) {
			return nil, tenantry.NewError(tenantry.Invalid, "squashmigrations.not_before", "start", start.String(), "end", end.String())
		}
		for _, k := range g.Order(start) {
			before[k] = k != start
		}
	}
	var keys []migrate.Key
	for _, k := range g.Order(end) {
		if k.App != r.App || before[k] {
			continue
		}
		if len(g.Migration(k).Replaces) > 0 {
			return nil, tenantry.NewError(tenantry.Conflict, "squashmigrations.squashed", "migration", k.String())
		}
		keys = append(keys, k)
	}
	if len(keys) < 2 {
		return nil, tenantry.NewError(tenantry.Invalid, "squashmigrations.one")
	}
	return keys, nil
}

// Squash makes one migration of several, and proves on every engine that it makes
// the same.
func (w *Workshop) Squash(ctx context.Context, r SquashRequest) (Squash, error) {
	keys, err := w.Squashing(r)
	if err != nil {
		return Squash{}, err
	}
	if len(w.Benches) < len(Engines) {
		return Squash{}, tenantry.NewError(tenantry.Unavailable, "squashmigrations.no_server")
	}
	s := Squash{Made: Made{App: r.App, Name: squashedName(keys, r.Name)}, Replaces: keys}
	for _, engine := range Engines {
		m := w.maker(w.bench(engine), r.App)
		t, before, err := m.squashed(ctx, keys, s.Name, r.Optimize)
		if err != nil {
			return s, err
		}
		if len(t.Left)+len(t.Undone) > 0 {
			d := append(t.Left, t.Undone...)[0]
			return s, tenantry.NewError(tenantry.Conflict, "squashmigrations.differs", "engine", string(engine), "difference", oneLine(d.String()))
		}
		s.Twins = append(s.Twins, t)
		s.Before, s.After = max(s.Before, before), max(s.After, len(t.Changes))
	}
	s.Files = w.files(s.Made)
	return s, nil
}

// squashedName is Django's: 0001_squashed_0004_name.
func squashedName(keys []migrate.Key, name string) string {
	number, _, _ := strings.Cut(keys[0].Name, "_")
	if name == "" {
		name = "squashed_" + keys[len(keys)-1].Name
	}
	return number + "_" + name
}

// squashed makes the squashed migration for one engine; before is how many
// operations it had been.
func (m *Maker) squashed(ctx context.Context, keys []migrate.Key, name string, optimize bool) (t Twin, before int, err error) {
	sq := &squash{replaces: keys, previous: migrate.Zero}
	data := false
	var kept []Change
	var back []migrate.Operation
	for _, k := range keys {
		migration := m.Graph.Migration(k)
		for _, p := range migration.Depends {
			switch {
			case slices.Contains(keys, p):
			case p.App == m.App:
				sq.previous = p.Name
				fallthrough
			default:
				if !slices.Contains(sq.depends, p) {
					sq.depends = append(sq.depends, p)
				}
			}
		}
		for _, o := range migration.Operations {
			before++
			kept = append(kept, Change{Phrases: []Phrase{{Text: o.Describe}}, Statements: o.Up})
			back = append(back, o)
			data = data || slices.ContainsFunc(o.Up, holdsData)
		}
	}
	if err := m.prepareSquash(ctx, sq, keys[len(keys)-1]); err != nil {
		return t, before, err
	}
	if optimize && !data {
		forward, undo, err := m.between(ctx, m.current, m.desired, Options{App: m.App, Words: m.said(keys), Without: m.Without})
		if err != nil {
			return t, before, err
		}
		t = Twin{Engine: m.Bench.Engine(), Changes: forward.Changes, Back: undo.Changes, Left: forward.Left, Undone: undo.Left}
		if len(t.Left)+len(t.Undone) == 0 && len(t.Changes) < before {
			if err := m.Prove(ctx, &t, name); err == nil && len(t.Left)+len(t.Undone) == 0 {
				return t, before, nil
			}
		}
	}
	t = Twin{Engine: m.Bench.Engine(), Changes: kept}
	t.Text = m.render(t, back)
	_, err = m.replay(ctx, &t, migrate.Key{App: m.App, Name: name})
	return t, before, err
}

// prepareSquash makes the databases before and after the migrations.
func (m *Maker) prepareSquash(ctx context.Context, sq *squash, end migrate.Key) error {
	m.squash = sq
	if err := m.replayOthers(ctx); err != nil {
		return err
	}
	if sq.previous != migrate.Zero {
		if err := m.run(ctx, m.current, m.Graph, migrate.Request{App: m.App, Target: sq.previous}); err != nil {
			return err
		}
	}
	return m.run(ctx, m.desired, m.Graph, migrate.Request{App: m.App, Target: end.Name})
}

// said are the statements of the migrations, of which the last about a thing may
// still be the one that makes it as it is.
func (m *Maker) said(keys []migrate.Key) (all []sqltext.Statement) {
	for _, k := range keys {
		for _, o := range m.Graph.Migration(k).Operations {
			for _, s := range o.Up {
				h := sqltext.Read(s)
				all = slices.DeleteFunc(all, func(old sqltext.Statement) bool {
					o := sqltext.Read(old.Text)
					same := o.Object == h.Object && o.Name == h.Name
					altered := h.Object == "table" && o.Object == "table" && o.Name == h.Name
					return same || altered
				})
				if h.Verb == "create" {
					all = append(all, sqltext.Statement{Text: s})
				}
			}
		}
	}
	return all
}

// holdsData tells whether a statement changes rows, other than to move them from
// a table to its successor.
func holdsData(statement string) bool {
	h := sqltext.Read(statement)
	switch h.Verb {
	case "create", "alter", "drop", "comment", "grant", "revoke":
		return false
	case "insert":
		return !strings.HasPrefix(h.Table, "new__")
	}
	return true
}
