package catalog

import (
	"fmt"
	"strings"
)

// Difference is one thing in which a database is not as it should be.
type Difference struct {
	Kind   DifferenceKind `json:"kind"`
	Object string         `json:"object"` // "table tenants_tenantmodel column model"
	Want   string         `json:"want,omitempty"`
	Got    string         `json:"got,omitempty"`
}

// DifferenceKind is how something differs.
type DifferenceKind string

const (
	Missing    DifferenceKind = "missing"
	Unexpected DifferenceKind = "unexpected"
	Different  DifferenceKind = "different"
)

// String gives the difference on one line.
func (d Difference) String() string {
	switch {
	case d.Kind == Different:
		return fmt.Sprintf("different %s: want %s, got %s", d.Object, orNothing(d.Want), orNothing(d.Got))
	case strings.HasSuffix(d.Object, d.Want+d.Got): // nothing to add, or already said
		return fmt.Sprintf("%s %s", d.Kind, d.Object)
	}
	return fmt.Sprintf("%s %s: %s", d.Kind, d.Object, d.Want+d.Got)
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Diff says how got differs from want, sorted by table and then by sort of
// object. A missing or unexpected table is one difference. A rename is two: the
// old name is missing and the new one unexpected. The order of columns does not
// count. Two engines cannot be compared: that is the only difference then.
func Diff(want, got Catalog) []Difference {
	if want.Engine != got.Engine {
		return []Difference{{Different, "engine", string(want.Engine), string(got.Engine)}}
	}
	var found []Difference
	match(&found, "table ", want.Tables, got.Tables, func(t Table) string { return t.Name }, nil)
	for _, w := range want.Tables {
		if g, ok := got.Table(w.Name); ok {
			found = append(found, diffTable(w, g)...)
		}
	}
	match(&found, "view ", want.Views, got.Views,
		func(v View) string { return v.Name }, func(v View) string { return v.Definition })
	for _, w := range want.Views {
		for _, g := range got.Views {
			if w.Name == g.Name {
				match(&found, "view "+w.Name+" trigger ", w.Triggers, g.Triggers,
					func(t Trigger) string { return t.Name }, func(t Trigger) string { return t.Definition })
			}
		}
	}
	match(&found, "function ", want.Functions, got.Functions,
		func(f Function) string { return f.Name }, func(f Function) string { return f.Definition })
	match(&found, "sequence ", want.Sequences, got.Sequences,
		func(s Sequence) string { return s.Name }, func(s Sequence) string { return s.Definition })
	match(&found, "type ", want.Types, got.Types,
		func(t Type) string { return t.Name }, func(t Type) string { return t.Kind + " " + t.Definition })
	match(&found, "comment on ", want.Comments, got.Comments,
		func(n Comment) string { return n.On }, func(n Comment) string { return n.Text })
	match(&found, "grant on ", want.Grants, got.Grants,
		func(g Grant) string { return g.On + " to " + g.To }, func(g Grant) string { return g.Rights })
	return found
}

func diffTable(want, got Table) []Difference {
	var found []Difference
	of := "table " + want.Name
	if want.Options != got.Options {
		found = append(found, Difference{Different, of + " options", want.Options, got.Options})
	}
	if want.RowSecurity != got.RowSecurity {
		found = append(found, Difference{Different, of + " row security", want.RowSecurity.String(), got.RowSecurity.String()})
	}
	match(&found, of+" column ", want.Columns, got.Columns, func(c Column) string { return c.Name }, Column.String)
	match(&found, of+" constraint ", want.Constraints, got.Constraints, Constraint.key, func(c Constraint) string { return c.Definition })
	match(&found, of+" index ", want.Indexes, got.Indexes, func(i Index) string { return i.Name }, Index.String)
	match(&found, of+" trigger ", want.Triggers, got.Triggers,
		func(t Trigger) string { return t.Name }, func(t Trigger) string { return t.Definition })
	match(&found, of+" policy ", want.Policies, got.Policies,
		func(p Policy) string { return p.Name }, func(p Policy) string { return p.Definition })
	return found
}

// match compares two sorted lists by key and then by text; without text the
// keys are all that is compared. Equal keys, which only unnamed constraints that
// say the same have, are matched by number.
func match[T any](found *[]Difference, of string, want, got []T, key, text func(T) string) {
	if text == nil {
		text = func(T) string { return "" }
	}
	left := map[string][]T{}
	for _, g := range got {
		left[key(g)] = append(left[key(g)], g)
	}
	for _, w := range want {
		k := key(w)
		same := left[k]
		if len(same) == 0 {
			*found = append(*found, Difference{Missing, of + k, text(w), ""})
			continue
		}
		left[k] = same[1:]
		if text(w) != text(same[0]) {
			*found = append(*found, Difference{Different, of + k, text(w), text(same[0])})
		}
	}
	for _, g := range got {
		if k := key(g); len(left[k]) > 0 {
			left[k] = left[k][1:]
			*found = append(*found, Difference{Unexpected, of + k, "", text(g)})
		}
	}
}

// String is the column as one would declare it, without its name.
func (c Column) String() string {
	parts := []string{c.Type}
	if c.Type == "" {
		parts = nil
	}
	if c.NotNull {
		parts = append(parts, "NOT NULL")
	}
	if c.Default != "" {
		if !strings.HasPrefix(c.Default, "GENERATED") {
			parts = append(parts, "DEFAULT")
		}
		parts = append(parts, c.Default)
	}
	if c.Identity != NoIdentity {
		parts = append(parts, string(c.Identity))
	}
	return strings.Join(parts, " ")
}

// key is what a constraint is known by: its name, or what it says.
func (c Constraint) key() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Definition
}

// String is the index as one would declare it, without its name and table.
func (i Index) String() string {
	if i.Unique {
		return "UNIQUE " + i.Definition
	}
	return i.Definition
}

// String is "off", "on" or "on and forced".
func (r RowSecurity) String() string {
	switch {
	case r.Enabled && r.Forced:
		return "on and forced"
	case r.Enabled:
		return "on"
	case r.Forced:
		return "forced but off"
	}
	return "off"
}
