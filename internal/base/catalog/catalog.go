// Package catalog reads what a database says about itself, normalised, and says
// how two databases differ. It never changes anything: making and changing
// tables is base/migrate's, running statements base/sqldb's.
package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Catalog is what there is in one database: on PostgreSQL in the current
// schema. Everything is sorted by name, so that equal databases are equal
// values. Statistics and storage parameters are not read; sequences, types,
// comments and grants only by ReadWhole.
type Catalog struct {
	Engine    sqldb.Engine
	Tables    []Table
	Views     []View
	Functions []Function // PostgreSQL only
	Sequences []Sequence `json:",omitempty"`
	Types     []Type     `json:",omitempty"`
	Comments  []Comment  `json:",omitempty"`
	Grants    []Grant    `json:",omitempty"`
}

// Table is one table and all that belongs to it.
type Table struct {
	Name        string
	Options     string // "STRICT", "PARTITION BY RANGE (day)", … or ""
	Columns     []Column
	Constraints []Constraint
	Indexes     []Index // without those that only carry out a constraint
	Triggers    []Trigger
	Policies    []Policy    // PostgreSQL only
	RowSecurity RowSecurity // PostgreSQL only
}

// Column is one column. Position counts from 1 and is not compared: on SQLite
// the same history gives different orders.
type Column struct {
	Name     string
	Position int
	Type     string // PostgreSQL: as format_type writes it; SQLite: as declared, lower case
	NotNull  bool
	Default  string // an expression, "GENERATED ALWAYS AS (…) STORED", or ""
	Identity Identity
}

// Identity says how a column numbers its rows by itself.
type Identity string

const (
	NoIdentity        Identity = ""
	IdentityByDefault Identity = "identity by default"
	IdentityAlways    Identity = "identity always"
	Serial            Identity = "serial" // a default from a sequence that the column owns
	Autoincrement     Identity = "autoincrement"
)

// Constraint is one constraint. SQLite's have a name only if one was declared.
type Constraint struct {
	Name       string
	Kind       ConstraintKind
	Definition string // "UNIQUE (name)", …
}

// ConstraintKind is what a constraint demands.
type ConstraintKind string

const (
	Primary   ConstraintKind = "primary"
	Unique    ConstraintKind = "unique"
	Foreign   ConstraintKind = "foreign"
	Check     ConstraintKind = "check"
	Exclusion ConstraintKind = "exclusion"
)

// Index is an index that somebody asked for. Definition is what follows the
// table's name in CREATE INDEX.
type Index struct {
	Name       string
	Unique     bool
	Definition string
}

// Trigger is a trigger, with its whole CREATE TRIGGER.
type Trigger struct{ Name, Definition string }

// Policy is a row security policy: whom it lets do what to which rows.
type Policy struct{ Name, Definition string }

// RowSecurity says whether a table's policies apply, and whether they do to its
// owner as well.
type RowSecurity struct{ Enabled, Forced bool }

// View is a view; a materialised one and a view's options show in Definition.
type View struct {
	Name, Definition string
	Triggers         []Trigger `json:",omitempty"` // INSTEAD OF …
}

// Function is a function or procedure. Name includes the types of its
// arguments.
type Function struct{ Name, Definition string }

// Read reads the catalogue of the database that tx is on.
func Read(ctx context.Context, tx *sqldb.Tx) (Catalog, error) {
	c := Catalog{Engine: tx.Engine()}
	b := builder{catalog: &c, tables: map[string]*Table{}, onViews: map[string][]Trigger{}}
	read := readSQLite
	if c.Engine == sqldb.Postgres {
		read = readPostgres
	}
	if err := read(ctx, tx, &b); err != nil {
		return Catalog{}, err
	}
	b.finish()
	return c, nil
}

// Table returns a table by name; ok is false when there is none.
func (c Catalog) Table(name string) (t Table, ok bool) {
	i, ok := slices.BinarySearchFunc(c.Tables, name, func(t Table, name string) int {
		return strings.Compare(t.Name, name)
	})
	if !ok {
		return Table{}, false
	}
	return c.Tables[i], true
}

// Only returns the catalogue of some of the tables, without views and
// functions, which belong to no table.
func (c Catalog) Only(wanted func(table string) bool) Catalog {
	return Catalog{Engine: c.Engine, Tables: only(c.Tables, func(t Table) bool { return wanted(t.Name) })}
}

// only is what is wanted of a list, nil when that is nothing.
func only[T any](all []T, wanted func(T) bool) (some []T) {
	for _, one := range all {
		if wanted(one) {
			some = append(some, one)
		}
	}
	return some
}

// Without returns the catalogue without some of the tables and what is said of
// them, their sequences and their columns.
func (c Catalog) Without(tables []string) Catalog {
	isTheirs := func(on string) bool {
		for _, t := range tables {
			if strings.HasSuffix(on, " "+t) || strings.Contains(on, " "+t+".") || strings.HasSuffix(on, " "+t+"_id_seq") || strings.HasSuffix(on, " "+t+"_pkey") {
				return true
			}
		}
		return false
	}
	left := c
	left.Tables = only(c.Tables, func(t Table) bool { return !slices.Contains(tables, t.Name) })
	left.Comments = only(c.Comments, func(n Comment) bool { return !isTheirs(n.On) })
	left.Grants = only(c.Grants, func(g Grant) bool { return !isTheirs(g.On) })
	return left
}

// Kept returns of a catalogue what has a name that is wanted, and what is said of
// that.
func (c Catalog) Kept(wanted func(name string) bool) Catalog {
	var gone []string
	keep := func(name string) bool {
		if !wanted(name) {
			name, _, _ = strings.Cut(name, "(")
			gone = append(gone, name)
			return false
		}
		return true
	}
	left := c
	left.Tables = only(c.Tables, func(t Table) bool { return keep(t.Name) })
	left.Views = only(c.Views, func(v View) bool { return keep(v.Name) })
	left.Functions = only(c.Functions, func(f Function) bool { return keep(f.Name) })
	left.Sequences = only(c.Sequences, func(s Sequence) bool { return keep(s.Name) })
	left.Types = only(c.Types, func(t Type) bool { return keep(t.Name) })
	about := func(on string) bool { // of something that is gone: TABLE t, COLUMN t.c, TRIGGER g ON t
		_, name, _ := strings.Cut(on, " ")
		if _, table, ok := strings.Cut(name, " ON "); ok {
			name = table
		}
		name = strings.Trim(strings.Split(strings.Split(name, ".")[0], "(")[0], `"`)
		if sequenceOf, ok := strings.CutSuffix(name, "_seq"); ok {
			for _, g := range gone {
				if strings.HasPrefix(sequenceOf, g+"_") {
					return true
				}
			}
		}
		return slices.Contains(gone, name)
	}
	left.Comments = only(c.Comments, func(n Comment) bool { return !about(n.On) })
	left.Grants = only(c.Grants, func(g Grant) bool { return !about(g.On) })
	return left
}

// builder gathers rows that arrive by sort of object into tables.
type builder struct {
	catalog *Catalog
	tables  map[string]*Table
	onViews map[string][]Trigger
}

// trigger files a trigger under its table or view.
func (b *builder) trigger(on string, t Trigger) {
	if table := b.tables[on]; table != nil {
		table.Triggers = append(table.Triggers, t)
	} else {
		b.onViews[on] = append(b.onViews[on], t)
	}
}

// table returns the table under construction; rows of tables that appeared
// after the list of tables was read are gathered and forgotten.
func (b *builder) table(name string) *Table {
	t := b.tables[name]
	if t == nil {
		return &Table{}
	}
	return t
}

func (b *builder) finish() {
	for _, t := range b.tables {
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(t.Constraints, func(a, b Constraint) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Definition, b.Definition))
		})
		slices.SortFunc(t.Indexes, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(t.Triggers, func(a, b Trigger) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(t.Policies, func(a, b Policy) int { return strings.Compare(a.Name, b.Name) })
		b.catalog.Tables = append(b.catalog.Tables, *t)
	}
	for i, v := range b.catalog.Views {
		b.catalog.Views[i].Triggers = b.onViews[v.Name]
		slices.SortFunc(b.catalog.Views[i].Triggers, func(a, b Trigger) int { return strings.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(b.catalog.Tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(b.catalog.Views, func(a, b View) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(b.catalog.Functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
}

// each runs a query and hands its rows to scan one by one.
func each(ctx context.Context, tx *sqldb.Tx, query string, scan func(r *sqldb.Rows) error) error {
	_, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (struct{}, error) { return struct{}{}, scan(r) }, query)
	return err
}
