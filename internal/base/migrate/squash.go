package migrate

import (
	"slices"
)

// resolve decides about each squashed migration whether it stands for those that
// it replaces or these stand for themselves. As in Django it does unless a
// database applied some of them and not all; nothing applied is a new database.
func resolve(all []Migration, applied map[Key]bool) []Migration {
	gone := map[Key]bool{}
	instead := map[Key]Key{}
	for _, m := range all {
		if len(m.Replaces) == 0 {
			continue
		}
		count := 0
		for _, r := range m.Replaces {
			if applied[r] {
				count++
			}
		}
		if count == 0 || count == len(m.Replaces) || applied[m.Key] {
			for _, r := range m.Replaces {
				gone[r], instead[r] = true, m.Key
			}
		} else {
			gone[m.Key], instead[m.Key] = true, m.Replaces[len(m.Replaces)-1]
		}
	}
	if len(gone) == 0 {
		return all
	}
	var rest []Migration
	for _, m := range all {
		if gone[m.Key] {
			continue
		}
		m.Depends = slices.Clone(m.Depends)
		for i, d := range m.Depends {
			if k, ok := instead[d]; ok {
				m.Depends[i] = k
			}
		}
		m.Depends = slices.DeleteFunc(m.Depends, func(d Key) bool { return d == m.Key })
		rest = append(rest, m)
	}
	return rest
}

// For returns the graph as it is for a database that has applied these.
func (g *Graph) For(applied map[Key]bool) (*Graph, error) {
	if !slices.ContainsFunc(g.all, func(m Migration) bool { return len(m.Replaces) > 0 }) {
		return g, nil
	}
	return newGraph(g.all, applied)
}

// replaced tells whether a squashed migration stands for this one.
func (g *Graph) replaced(k Key) bool {
	return slices.ContainsFunc(g.all, func(m Migration) bool { return slices.Contains(m.Replaces, k) })
}

// squashedBy completes a history: who applied all of what a squashed migration
// replaces has applied it, though nobody wrote that down yet.
func (s *State) squashedBy(rows map[Key]Entry) {
	for _, k := range s.graph.Keys() {
		m := s.graph.nodes[k]
		if _, ok := s.entries[k]; ok || len(m.Replaces) == 0 {
			continue
		}
		last := Entry{Key: k}
		for _, r := range m.Replaces {
			e, ok := rows[r]
			if !ok {
				last.Key = Key{}
				break
			}
			if e.AppliedAt.After(last.AppliedAt) {
				last.AppliedAt = e.AppliedAt
			}
		}
		if last.Key == k {
			s.entries[k] = last
			s.unwritten = append(s.unwritten, k)
		}
	}
}
