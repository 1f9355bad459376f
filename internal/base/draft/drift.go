package draft

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Drift is how a database in use differs from what its migrations make, and what
// would mend it.
type Drift struct {
	Differences []catalog.Difference
	// Repair are statements that make the database what it should be.
	Repair []string
	// Left is what they do not mend.
	Left []catalog.Difference
	// Proven tells that a copy of the database's schema was made and mended.
	Proven bool
	// Others are tables, views and functions that no migration here makes. They
	// are somebody else's and are not compared.
	Others []string
}

// DriftOptions says what is not drift.
type DriftOptions struct {
	Without []string // the runner's own tables
	// Alike returns what is wanted, changed to what is there where both will do;
	// nil when nothing will.
	Alike func(want, got catalog.Catalog) catalog.Catalog
	// Apart takes out of what is there what no migration makes; nil takes nothing.
	Apart func(got catalog.Catalog) catalog.Catalog
}

// FindDrift compares a database in use, which is only read, with a scratch
// database on which the migrations of the graph ran.
func FindDrift(ctx context.Context, live *sqldb.DB, b *Bench, g *migrate.Graph, runner func(db *sqldb.DB, g *migrate.Graph) *migrate.Runner, o DriftOptions) (Drift, error) {
	var d Drift
	made, err := b.Empty(ctx)
	if err != nil {
		return d, err
	}
	if _, err := runner(made.DB, g).Run(ctx, migrate.Request{}, func(migrate.Event) {}); err != nil {
		return d, err
	}
	want, err := Catalog(ctx, made.DB, o.Without)
	if err != nil {
		return d, err
	}
	got, err := Catalog(ctx, live, o.Without)
	if err != nil {
		return d, err
	}
	apart := o.Apart
	if apart == nil {
		apart = func(c catalog.Catalog) catalog.Catalog { return c }
	}
	got = apart(got)
	prefixes := g.Apps()
	ours := func(c catalog.Catalog) catalog.Catalog {
		return c.Kept(func(name string) bool { return isOurs(name, prefixes, want) })
	}
	look := func(c catalog.Catalog) catalog.Catalog { return ours(apart(c)) }
	for _, left := range catalog.Diff(got, ours(got)) {
		if o := objectOf(left); o.sort != "comment" && o.sort != "grant" {
			d.Others = append(d.Others, left.Object)
		}
	}
	options := Options{Without: o.Without, Look: look}
	wanted := want
	if o.Alike != nil {
		wanted = o.Alike(want, ours(got))
		options.Alike = o.Alike
	}
	if d.Differences = catalog.Diff(wanted, ours(got)); len(d.Differences) == 0 {
		return d, nil
	}
	// A copy of what is there, made out of what should be: its repair can be tried.
	like, err := b.Copy(ctx, made)
	if err != nil {
		return d, err
	}
	there, err := Between(ctx, like.DB, live, Options{Without: o.Without, Look: look})
	if err != nil {
		return d, err
	}
	back, err := Between(ctx, like.DB, made.DB, options)
	if err != nil {
		return d, err
	}
	for _, c := range back.Changes {
		d.Repair = append(d.Repair, c.Statements...)
	}
	d.Left = append(there.Left, back.Left...)
	d.Proven = len(d.Left) == 0
	return d, nil
}

// isOurs tells whether an object is of an app whose migrations are known: one of
// those that they make, or one with the app's name in front.
func isOurs(name string, apps []string, made catalog.Catalog) bool {
	name, _, _ = strings.Cut(name, "(")
	if slices.ContainsFunc(apps, func(app string) bool { return strings.HasPrefix(name, app+"_") }) {
		return true
	}
	if _, ok := made.Table(name); ok {
		return true
	}
	return slices.ContainsFunc(made.Views, func(v catalog.View) bool { return v.Name == name }) ||
		slices.ContainsFunc(made.Functions, func(f catalog.Function) bool { return strings.HasPrefix(f.Name, name+"(") }) ||
		slices.ContainsFunc(made.Types, func(t catalog.Type) bool { return t.Name == name }) ||
		slices.ContainsFunc(made.Sequences, func(s catalog.Sequence) bool { return s.Name == name })
}

// DestroysData tells whether a statement takes rows or columns away for good.
func DestroysData(statement string) bool {
	h := sqltext.Read(statement)
	if h.Verb == "drop" && h.Object == "table" {
		return !strings.HasPrefix(h.Name, "new__") && !strings.Contains(statement, "/* rebuilt */")
	}
	return h.Verb == "alter" && h.Object == "table" && sqltext.Has(h.Rest, "drop", "column")
}
