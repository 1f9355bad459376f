package draft

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// master is what SQLite keeps of the statements that made a database: the exact
// text of everything that can be wanted.
type master struct{ kind, name, table, sql string }

func readMaster(ctx context.Context, db *sqldb.DB) (all []master, err error) {
	err = db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(ctx, tx, func(r *sqldb.Rows) (m master, err error) { return m, r.Scan(&m.kind, &m.name, &m.table, &m.sql) },
			`SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid`)
		return err
	})
	return all, err
}

// madeBy is the statement that makes something, "" where there is none.
func madeBy(all []master, kind, name string) string {
	for _, m := range all {
		if m.kind == kind && m.name == name {
			return m.sql
		}
	}
	return ""
}

// onSQLite proposes changes about what is left.
func (d *drafting) onSQLite(ctx context.Context, left []catalog.Difference) error {
	have, err := readMaster(ctx, d.from)
	if err != nil {
		return err
	}
	want, err := readMaster(ctx, d.to)
	if err != nil {
		return err
	}
	drop := func(kind, name string) string {
		return "DROP " + strings.ToUpper(kind) + " " + sqltext.Quote(name)
	}
	// Views and triggers first: they speak of tables as they are.
	for _, l := range left {
		o := objectOf(l)
		if l.Kind != catalog.Missing && (o.sort == "view" || o.sort == "trigger") && madeBy(have, o.sort, o.name) != "" {
			if _, err := d.try(ctx, Change{o.whole(), d.dropPhrase(l), []string{drop(o.sort, o.name)}}, nil); err != nil {
				return err
			}
		}
	}
	done := map[string]bool{}
	for _, l := range left {
		o := objectOf(l)
		switch {
		case o.sort == "table" && l.Kind == catalog.Missing:
			_, err = d.try(ctx, Change{o.whole(), []Phrase{d.phrase(l)}, withIndexes(want, o.name, madeBy(want, "table", o.name))}, nil)
		case o.sort == "table" && l.Kind == catalog.Unexpected:
			_, err = d.try(ctx, Change{o.whole(), []Phrase{d.phrase(l)}, []string{drop("table", o.name)}}, nil)
		case o.table != "" && o.sort != "trigger" && !done[o.table]:
			done[o.table] = true
			err = d.alterOnSQLite(ctx, o.table, left, have, want)
		}
		if err != nil {
			return err
		}
	}
	for _, sort := range []string{"view", "trigger"} {
		for _, m := range want {
			if m.kind != sort {
				continue
			}
			l := slices.IndexFunc(left, func(l catalog.Difference) bool {
				o := objectOf(l)
				return o.sort == sort && o.name == m.name && l.Kind != catalog.Unexpected
			})
			if l < 0 {
				continue
			}
			if _, err := d.try(ctx, Change{objectOf(left[l]).whole(), []Phrase{d.phrase(left[l])}, []string{m.sql}}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropPhrase says that something goes, unless it only goes to come back.
func (d *drafting) dropPhrase(l catalog.Difference) []Phrase {
	if l.Kind == catalog.Different {
		return nil
	}
	return []Phrase{d.phrase(l)}
}

func withIndexes(all []master, table, create string) []string {
	statements := []string{create}
	for _, m := range all {
		if m.kind == "index" && m.table == table {
			statements = append(statements, m.sql)
		}
	}
	return statements
}

// alterOnSQLite changes a table, in place if SQLite can and that leads there,
// otherwise by building it anew.
func (d *drafting) alterOnSQLite(ctx context.Context, table string, left []catalog.Difference, have, want []master) error {
	c := Change{Object: "table " + table}
	onlyIndexes := true
	for _, l := range left {
		if o := objectOf(l); o.table == table && o.sort != "trigger" {
			c.Phrases = append(c.Phrases, d.phrase(l))
			onlyIndexes = onlyIndexes && o.sort == "index"
		}
	}
	if onlyIndexes { // their own words are better than atlas's
		c.Statements = d.indexesOnSQLite(table, left, want)
		_, err := d.try(ctx, c, nil)
		return err
	}
	statements, inPlace, err := atlasPlan(ctx, d.from, d.to, table, nil)
	if err != nil {
		return err
	}
	if drops := dropColumns(table, left); drops != nil { // which atlas would rebuild a table for
		statements, inPlace = drops, true
	}
	if inPlace {
		c.Statements = append(ownWords(table, statements, want), d.indexesOnSQLite(table, left, want)...)
		made, err := d.try(ctx, c, func(tx *sqldb.Tx) (bool, error) {
			now, err := catalog.Read(ctx, tx)
			return d.same(now, table), err
		})
		if made || err != nil {
			return err
		}
	}
	c.Statements = rebuild(d.want, table, have, want)
	_, err = d.try(ctx, c, nil)
	return err
}

// ownWords puts what the schema says in the place of what atlas understood of it,
// which is without the length of a varchar and without collations. Statements
// about indexes are left out: they come from the schema, too.
func ownWords(table string, statements []string, want []master) (better []string) {
	create := madeBy(want, "table", table)
	for _, s := range statements {
		h := sqltext.Read(s)
		if h.Object == "index" {
			continue
		}
		if len(h.Rest) > 2 && h.Rest[0].IsWord("add") && h.Rest[1].IsWord("column") {
			if text := sqltext.ColumnText(create, h.Rest[2].Text); text != "" {
				s = "ALTER TABLE " + sqltext.Quote(table) + " ADD COLUMN " + text
			}
		}
		better = append(better, s)
	}
	return better
}

// dropColumns takes columns away, if that is all there is to do to a table.
func dropColumns(table string, left []catalog.Difference) (statements []string) {
	for _, l := range left {
		o := objectOf(l)
		switch {
		case o.table != table || o.sort == "trigger" || o.sort == "index":
		case o.sort == "column" && l.Kind == catalog.Unexpected:
			statements = append(statements, "ALTER TABLE "+sqltext.Quote(table)+" DROP COLUMN "+sqltext.Quote(o.name))
		default:
			return nil
		}
	}
	return statements
}

// same tells whether a table is as it should be, but for its triggers.
func (d *drafting) same(now catalog.Catalog, table string) bool {
	only := func(c catalog.Catalog) catalog.Catalog {
		c = c.Only(func(name string) bool { return name == table })
		for i := range c.Tables {
			c.Tables[i].Triggers = nil
		}
		return c
	}
	return len(catalog.Diff(only(d.want), only(now))) == 0
}

func (d *drafting) indexesOnSQLite(table string, left []catalog.Difference, want []master) (statements []string) {
	for _, l := range left {
		o := objectOf(l)
		if o.table != table || o.sort != "index" {
			continue
		}
		if l.Kind != catalog.Missing {
			statements = append(statements, "DROP INDEX "+sqltext.Quote(o.name))
		}
	}
	for _, m := range want {
		if m.kind == "index" && m.table == table && slices.ContainsFunc(left, func(l catalog.Difference) bool {
			o := objectOf(l)
			return o.sort == "index" && o.name == m.name && l.Kind != catalog.Unexpected
		}) {
			statements = append(statements, m.sql)
		}
	}
	return statements
}

// rebuild makes a table anew beside the old one, moves the rows that both have
// columns for, and puts indexes and triggers back, which go with the old table.
func rebuild(wanted catalog.Catalog, table string, have, want []master) []string {
	create, old := madeBy(want, "table", table), madeBy(have, "table", table)
	t, _ := wanted.Table(table)
	slices.SortFunc(t.Columns, func(a, b catalog.Column) int { return a.Position - b.Position })
	before := map[string]bool{}
	for _, c := range sqltext.Columns(old) {
		before[strings.ToLower(c.Name)] = true
	}
	var names, values []string
	for _, c := range t.Columns {
		if strings.HasPrefix(c.Default, "GENERATED") || !before[strings.ToLower(c.Name)] {
			continue
		}
		name := sqltext.Quote(c.Name)
		names = append(names, name)
		if c.NotNull && c.Default != "" { // it may have been NULL before
			name = "coalesce(" + name + ", " + c.Default + ")"
		}
		values = append(values, name)
	}
	var gone []string
	for name := range before {
		if !slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return strings.EqualFold(c.Name, name) }) {
			gone = append(gone, sqltext.Quote(name))
		}
	}
	slices.Sort(gone)
	building := "new__" + table
	statements := []string{sqltext.Rename(create, building)}
	if len(names) > 0 {
		statements = append(statements, "INSERT INTO "+sqltext.Quote(building)+" ("+strings.Join(names, ", ")+") SELECT "+strings.Join(values, ", ")+" FROM "+sqltext.Quote(table))
	}
	drop := "DROP TABLE " + sqltext.Quote(table) + " /* rebuilt */"
	if len(gone) > 0 { // the runner refuses to lose what a migration does not name
		drop = "DROP TABLE " + sqltext.Quote(table) + " /* with " + strings.Join(gone, ", ") + " */"
	}
	statements = append(statements, drop, "ALTER TABLE "+sqltext.Quote(building)+" RENAME TO "+sqltext.Quote(table))
	for _, m := range want {
		if (m.kind == "index" || m.kind == "trigger") && m.table == table {
			statements = append(statements, m.sql)
		}
	}
	return statements
}
