package draft

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Options says what else is known about two databases.
type Options struct {
	// App is left out at the front of names.
	App string
	// Words are the statements that made what is wanted, to be repeated where
	// they serve.
	Words []sqltext.Statement
	// Renames are known beforehand: what one database calls so, the other calls so.
	Renames []Rename
	// Without names tables that are nobody's business: the runner's own.
	Without []string
	// Look leaves more out of what is read; nil to look at everything.
	Look func(catalog.Catalog) catalog.Catalog
	// Alike returns what is wanted, changed to what is there where both will do.
	Alike func(want, got catalog.Catalog) catalog.Catalog
}

// Draft is what was found.
type Draft struct {
	Changes []Change
	// Left is how the two databases still differ after the changes.
	Left []catalog.Difference
}

// drafting is a draft under way.
type drafting struct {
	app      string
	from, to *sqldb.DB
	o        Options
	want     catalog.Catalog
	words    map[string]string // by "table shop_order"
	changes  []Change
}

// rounds bounds how often what is left is looked at again: what depends on
// something that was made only then.
const rounds = 8

// Between finds the changes that make one database like another, and makes them:
// from is changed, to is only read.
func Between(ctx context.Context, from, to *sqldb.DB, o Options) (Draft, error) {
	d := &drafting{app: o.App, from: from, to: to, o: o, words: wordsOf(o.Words)}
	var err error
	if d.want, err = d.look(ctx, to); err != nil {
		return Draft{}, err
	}
	for _, r := range o.Renames {
		if err := d.rename(ctx, r); err != nil {
			return Draft{}, err
		}
	}
	propose := d.onSQLite
	if from.Engine() == sqldb.Postgres {
		propose = d.onPostgres
	}
	for range rounds {
		left, err := d.left(ctx)
		if err != nil || len(left) == 0 {
			return Draft{Changes: merged(d.changes)}, err
		}
		before := len(d.changes)
		if err := propose(ctx, left); err != nil {
			return Draft{}, err
		}
		if len(d.changes) == before {
			return Draft{merged(d.changes), left}, nil
		}
	}
	left, err := d.left(ctx)
	return Draft{merged(d.changes), left}, err
}

func (d *drafting) have(ctx context.Context) (catalog.Catalog, error) { return d.look(ctx, d.from) }

func (d *drafting) look(ctx context.Context, at *sqldb.DB) (catalog.Catalog, error) {
	c, err := Catalog(ctx, at, d.o.Without)
	if d.o.Look != nil {
		c = d.o.Look(c)
	}
	return c, err
}

func (d *drafting) left(ctx context.Context) ([]catalog.Difference, error) {
	have, err := d.have(ctx)
	if d.o.Alike != nil {
		return catalog.Diff(d.o.Alike(d.want, have), have), err
	}
	return catalog.Diff(d.want, have), err
}

// try makes a change and keeps it if it can be made, and judge, which may be nil,
// agrees to what became of it.
func (d *drafting) try(ctx context.Context, c Change, judge func(tx *sqldb.Tx) (bool, error)) (bool, error) {
	if len(c.Statements) == 0 {
		return false, nil
	}
	agreed := true
	var failed error
	err := d.from.Write(ctx, func(tx *sqldb.Tx) (err error) {
		for _, statement := range c.Statements {
			if _, failed = tx.Raw(ctx, strings.TrimSuffix(statement, ";")); failed != nil {
				return failed
			}
		}
		if judge != nil {
			if agreed, err = judge(tx); err != nil {
				return err
			}
		}
		if !agreed {
			return errDeclined
		}
		return nil
	})
	switch {
	case err == nil:
		d.changes = append(d.changes, c)
		return true, nil
	case failed != nil || !agreed: // the statement is refused, which is an answer
		return false, ctx.Err()
	}
	return false, err
}

// merged puts changes of one object that follow each other into one.
func merged(changes []Change) []Change {
	var all []Change
	for _, c := range changes {
		if n := len(all); n > 0 && all[n-1].Object == c.Object {
			last := &all[n-1]
			last.Statements = append(slices.Clone(last.Statements), c.Statements...)
			for _, p := range c.Phrases {
				if !slices.Contains(last.Phrases, p) {
					last.Phrases = append(last.Phrases, p)
				}
			}
			continue
		}
		all = append(all, c)
	}
	return all
}

// wordsOf finds the statements that make things, by what they make.
func wordsOf(statements []sqltext.Statement) map[string]string {
	words := map[string]string{}
	for _, s := range statements {
		h := sqltext.Read(s.Text)
		if h.Verb != "create" || h.Name == "" {
			continue
		}
		key := h.Object + " " + h.Name
		if h.Object == "trigger" || h.Object == "policy" {
			key = h.Object + " " + h.Table + " " + h.Name
		}
		if words[key] != "" { // functions of one name, for one: only the catalogue tells them apart
			words[key] = ambiguous
			continue
		}
		words[key] = strings.TrimSuffix(s.Text, ";")
	}
	return words
}

const ambiguous = "\x00"

// word is a statement of the desired schema itself, or what the catalogue says.
func (d *drafting) word(key, otherwise string) string {
	if w := d.words[key]; w != "" && w != ambiguous {
		return w
	}
	return otherwise
}
