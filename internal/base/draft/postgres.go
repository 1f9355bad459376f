package draft

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

var q = sqltext.Quote

// onPostgres proposes changes about what is left, in an order in which most of
// them can be made; what cannot yet is proposed again in the next round.
func (d *drafting) onPostgres(ctx context.Context, left []catalog.Difference) error {
	have, err := d.have(ctx)
	if err != nil {
		return err
	}
	p := &postgresDraft{drafting: d, have: have}
	for _, step := range []func(ctx context.Context, l catalog.Difference, o object) error{
		p.dropDependent, p.sameByAnotherName, p.makeType, p.makeFunction, p.dropTable, p.makeTable, p.alterColumns,
		p.makeConstraint, p.makeForeignKey, p.makeIndex, p.rowSecurity, p.makeDependent, p.say, p.dropRest,
	} {
		for _, l := range left {
			if err := step(ctx, l, objectOf(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

type postgresDraft struct {
	*drafting
	have    catalog.Catalog
	altered map[string]bool // tables whose columns were looked at
}

func (p *postgresDraft) make(ctx context.Context, l catalog.Difference, statements ...string) error {
	_, err := p.try(ctx, Change{objectOf(l).whole(), []Phrase{p.phrase(l)}, statements}, nil)
	return err
}

// dropDependent removes what depends on tables: what should go, and what is made
// again in another form.
func (p *postgresDraft) dropDependent(ctx context.Context, l catalog.Difference, o object) error {
	if l.Kind == catalog.Missing {
		return nil
	}
	var statement string
	switch o.sort {
	case "view":
		statement = "DROP " + viewSort(l.Got) + " " + q(o.name)
	case "policy", "trigger":
		statement = "DROP " + strings.ToUpper(o.sort) + " " + q(o.name) + " ON " + q(o.table)
	case "index":
		if p.isRenamed(o) {
			return nil
		}
		statement = "DROP INDEX " + q(o.name)
	case "constraint":
		if p.isRenamed(o) {
			return nil
		}
		statement = "ALTER TABLE " + q(o.table) + " DROP CONSTRAINT " + q(o.name)
	default:
		return nil
	}
	_, err := p.try(ctx, Change{o.whole(), p.dropPhrase(l), []string{statement}}, nil)
	return err
}

func viewSort(definition string) string {
	if strings.HasPrefix(definition, "MATERIALIZED ") {
		return "MATERIALIZED VIEW"
	}
	return "VIEW"
}

// isRenamed tells whether a constraint or index that should go is wanted under
// another name.
func (p *postgresDraft) isRenamed(o object) bool {
	_, ok := p.newName(o)
	return ok
}

func (p *postgresDraft) newName(o object) (string, bool) {
	have, _ := p.have.Table(o.table)
	want, _ := p.want.Table(o.table)
	old, isThere := things(have, o.sort)[o.name]
	if !isThere {
		return "", false
	}
	wanted := things(want, o.sort)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, taken := things(have, o.sort)[name]; !taken && wanted[name] == old {
			return name, true
		}
	}
	return "", false
}

// things are a table's constraints or indexes by name.
func things(t catalog.Table, sort string) map[string]string {
	all := map[string]string{}
	if sort == "index" {
		for _, i := range t.Indexes {
			all[i.Name] = i.String()
		}
		return all
	}
	for _, c := range t.Constraints {
		all[c.Name] = c.Definition
	}
	return all
}

// sameByAnotherName renames constraints and indexes, which keep their names when
// their table gets another one.
func (p *postgresDraft) sameByAnotherName(ctx context.Context, l catalog.Difference, o object) error {
	if l.Kind != catalog.Unexpected || o.sort != "constraint" && o.sort != "index" {
		return nil
	}
	name, ok := p.newName(o)
	if !ok {
		return nil
	}
	statement := "ALTER INDEX " + q(o.name) + " RENAME TO " + q(name)
	if o.sort == "constraint" {
		statement = "ALTER TABLE " + q(o.table) + " RENAME CONSTRAINT " + q(o.name) + " TO " + q(name)
	}
	phrase := Phrase{"Rename " + o.sort + " " + o.name + " on " + o.table + " to " + name, ""}
	_, err := p.try(ctx, Change{o.whole(), []Phrase{phrase}, []string{statement}}, nil)
	return err
}

func (p *postgresDraft) makeType(ctx context.Context, l catalog.Difference, o object) error {
	switch {
	case o.sort == "type" && l.Kind == catalog.Missing:
		for _, t := range p.want.Types {
			if t.Name != o.name {
				continue
			}
			sort := "TYPE"
			if t.Kind == "domain" {
				sort = "DOMAIN"
			}
			return p.make(ctx, l, p.word(strings.ToLower(sort)+" "+o.name, "CREATE "+sort+" "+q(o.name)+" "+t.Definition))
		}
	case o.sort == "type" && l.Kind == catalog.Different:
		if statements := addedLabels(o.name, l.Got, l.Want); len(statements) > 0 {
			return p.make(ctx, l, statements...)
		}
	case o.sort == "sequence" && l.Kind == catalog.Missing:
		return p.make(ctx, l, p.word("sequence "+o.name, "CREATE SEQUENCE "+q(o.name)+" "+l.Want))
	case o.sort == "sequence" && l.Kind == catalog.Different:
		return p.make(ctx, l, "ALTER SEQUENCE "+q(o.name)+" "+l.Want)
	}
	return nil
}

// addedLabels adds to an enumeration what was put behind its last label.
func addedLabels(name, got, want string) (statements []string) {
	const enum = "enum AS ENUM ("
	before, ok := strings.CutPrefix(strings.TrimSuffix(got, ")"), enum)
	after, added := strings.CutPrefix(strings.TrimSuffix(want, ")"), enum+before+", ")
	if !ok || !added {
		return nil
	}
	for _, t := range sqltext.Tokens(after) {
		if t.Kind == sqltext.Text {
			statements = append(statements, "ALTER TYPE "+q(name)+" ADD VALUE "+t.Text)
		}
	}
	return statements
}

// makeFunction also replaces one in its place, where PostgreSQL lets it.
func (p *postgresDraft) makeFunction(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "function" || l.Kind == catalog.Unexpected {
		return nil
	}
	name, _, _ := strings.Cut(o.name, "(")
	create := p.word("function "+name, l.Want)
	if l.Kind == catalog.Different && !strings.Contains(strings.ToUpper(create[:min(len(create), 20)]), "OR REPLACE") {
		create = l.Want
	}
	return p.make(ctx, l, create)
}

func (p *postgresDraft) dropTable(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "table" || l.Kind != catalog.Unexpected {
		return nil
	}
	return p.make(ctx, l, "DROP TABLE "+q(o.name))
}

func (p *postgresDraft) makeTable(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "table" || l.Kind != catalog.Missing {
		return nil
	}
	t, _ := p.want.Table(o.name)
	return p.make(ctx, l, p.word("table "+o.name, createTable(t)))
}

// createTable writes a table out of the catalogue. Foreign keys follow later,
// when all tables are there.
func createTable(t catalog.Table) string {
	columns := slices.Clone(t.Columns)
	slices.SortFunc(columns, func(a, b catalog.Column) int { return a.Position - b.Position })
	var parts []string
	for _, c := range columns {
		text := q(c.Name) + " " + c.String()
		switch c.Identity {
		case catalog.IdentityByDefault:
			text = strings.Replace(text, string(c.Identity), "GENERATED BY DEFAULT AS IDENTITY", 1)
		case catalog.IdentityAlways:
			text = strings.Replace(text, string(c.Identity), "GENERATED ALWAYS AS IDENTITY", 1)
		case catalog.Serial:
			serial := map[string]string{"bigint": "bigserial", "smallint": "smallserial"}[c.Type]
			if serial == "" {
				serial = "serial"
			}
			text = q(c.Name) + " " + serial
		}
		parts = append(parts, text)
	}
	for _, k := range t.Constraints {
		if k.Kind != catalog.Foreign {
			parts = append(parts, "CONSTRAINT "+q(k.Name)+" "+k.Definition)
		}
	}
	create := "CREATE TABLE "
	options := t.Options
	if rest, ok := strings.CutPrefix(options, "UNLOGGED"); ok {
		create, options = "CREATE UNLOGGED TABLE ", strings.TrimPrefix(rest, ", ")
	}
	return strings.TrimSpace(create + q(t.Name) + " (" + strings.Join(parts, ", ") + ") " + options)
}

// alterColumns asks atlas. Where views, policies or triggers hold on to a column
// they are taken away first; the next round makes them again.
func (p *postgresDraft) alterColumns(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "column" || p.altered[o.table] {
		return nil
	}
	if p.altered == nil {
		p.altered = map[string]bool{}
	}
	p.altered[o.table] = true
	left, err := p.left(ctx)
	if err != nil {
		return err
	}
	c := Change{Object: o.whole()}
	var columns []string
	for _, l := range left {
		if its := objectOf(l); its.table == o.table && its.sort == "column" {
			columns = append(columns, its.name)
			c.Phrases = append(c.Phrases, p.phrase(l))
		}
	}
	if c.Statements, _, err = atlasPlan(ctx, p.from, p.to, o.table, columns); err != nil {
		return err
	}
	made, err := p.try(ctx, c, nil)
	if made || err != nil {
		return err
	}
	if p.have, err = p.drafting.have(ctx); err != nil {
		return err
	}
	c.Statements = append(p.clear(o.table), c.Statements...)
	_, err = p.try(ctx, c, nil)
	return err
}

// clear takes away everything that could hold on to a column of a table.
func (p *postgresDraft) clear(table string) (statements []string) {
	for _, v := range slices.Backward(p.have.Views) {
		if sqltext.Mentions(v.Definition, table) {
			statements = append(statements, "DROP "+viewSort(v.Definition)+" IF EXISTS "+q(v.Name)+" CASCADE")
		}
	}
	for _, t := range p.have.Tables {
		for _, policy := range t.Policies {
			if t.Name == table || sqltext.Mentions(policy.Definition, table) {
				statements = append(statements, "DROP POLICY "+q(policy.Name)+" ON "+q(t.Name))
			}
		}
		for _, trigger := range t.Triggers {
			if t.Name == table {
				statements = append(statements, "DROP TRIGGER "+q(trigger.Name)+" ON "+q(t.Name))
			}
		}
	}
	return statements
}

func (p *postgresDraft) makeConstraint(ctx context.Context, l catalog.Difference, o object) error {
	return p.constrain(ctx, l, o, false)
}

// makeForeignKey comes after all keys that it may refer to.
func (p *postgresDraft) makeForeignKey(ctx context.Context, l catalog.Difference, o object) error {
	return p.constrain(ctx, l, o, true)
}

func (p *postgresDraft) constrain(ctx context.Context, l catalog.Difference, o object, foreign bool) error {
	if o.sort != "constraint" || l.Kind == catalog.Unexpected || strings.HasPrefix(l.Want, "FOREIGN") != foreign {
		return nil
	}
	return p.make(ctx, l, "ALTER TABLE "+q(o.table)+" ADD CONSTRAINT "+q(o.name)+" "+l.Want)
}

func (p *postgresDraft) makeIndex(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "index" || l.Kind == catalog.Unexpected {
		return nil
	}
	definition, unique := strings.CutPrefix(l.Want, "UNIQUE ")
	create := "CREATE INDEX "
	if unique {
		create = "CREATE UNIQUE INDEX "
	}
	return p.make(ctx, l, p.word("index "+o.name, create+q(o.name)+" ON "+q(o.table)+" "+definition))
}

func (p *postgresDraft) rowSecurity(ctx context.Context, l catalog.Difference, o object) error {
	if o.sort != "row" {
		return nil
	}
	have, _ := p.have.Table(o.table)
	want, _ := p.want.Table(o.table)
	words := func(is bool, yes, no string) string {
		if is {
			return "ALTER TABLE " + q(o.table) + yes + " ROW LEVEL SECURITY"
		}
		return "ALTER TABLE " + q(o.table) + no + " ROW LEVEL SECURITY"
	}
	var statements []string
	if have.RowSecurity.Enabled != want.RowSecurity.Enabled {
		statements = append(statements, words(want.RowSecurity.Enabled, " ENABLE", " DISABLE"))
	}
	if have.RowSecurity.Forced != want.RowSecurity.Forced {
		statements = append(statements, words(want.RowSecurity.Forced, " FORCE", " NO FORCE"))
	}
	return p.make(ctx, l, statements...)
}

// makeDependent makes policies, triggers and views.
func (p *postgresDraft) makeDependent(ctx context.Context, l catalog.Difference, o object) error {
	if l.Kind == catalog.Unexpected {
		return nil
	}
	switch o.sort {
	case "policy":
		return p.make(ctx, l, p.word("policy "+o.table+" "+o.name, "CREATE POLICY "+q(o.name)+" ON "+q(o.table)+" "+l.Want))
	case "trigger":
		create, state, _ := strings.Cut(l.Want, " DISABLED")
		statements := []string{p.word("trigger "+o.table+" "+o.name, create)}
		if create != l.Want && state == "" {
			statements = append(statements, "ALTER TABLE "+q(o.table)+" DISABLE TRIGGER "+q(o.name))
		}
		return p.make(ctx, l, statements...)
	case "view":
		create, definition := "CREATE VIEW ", l.Want
		if rest, ok := strings.CutPrefix(definition, "MATERIALIZED "); ok {
			create, definition = "CREATE MATERIALIZED VIEW ", rest
		}
		return p.make(ctx, l, p.word("view "+o.name, create+q(o.name)+" "+strings.TrimSuffix(definition, ";")))
	}
	return nil
}

// say makes comments and grants.
func (p *postgresDraft) say(ctx context.Context, l catalog.Difference, o object) error {
	switch o.sort {
	case "comment":
		text := "NULL"
		if l.Kind != catalog.Unexpected {
			text = sqltext.Literal(l.Want)
		}
		return p.make(ctx, l, "COMMENT ON "+o.name+" IS "+text)
	case "grant":
		on, to, ok := strings.Cut(o.name, " to ")
		if !ok {
			return nil
		}
		var statements []string
		switch { // what is so unless it is said: everybody may call a function
		case l.Got == "NOTHING":
			return p.make(ctx, l, "GRANT EXECUTE ON "+on+" TO "+to)
		case l.Want == "NOTHING":
			return p.make(ctx, l, "REVOKE ALL ON "+on+" FROM "+to)
		}
		if l.Kind != catalog.Missing {
			statements = append(statements, "REVOKE "+strings.ReplaceAll(l.Got, " WITH GRANT OPTION", "")+" ON "+on+" FROM "+to)
		}
		if l.Kind != catalog.Unexpected && !strings.Contains(l.Want, "GRANT OPTION") {
			statements = append(statements, "GRANT "+l.Want+" ON "+on+" TO "+to)
		}
		return p.make(ctx, l, statements...)
	}
	return nil
}

// dropRest removes what nothing depends on any more.
func (p *postgresDraft) dropRest(ctx context.Context, l catalog.Difference, o object) error {
	switch {
	case o.sort == "function" && l.Kind == catalog.Different:
		// Where it could be replaced it is what it should be by now.
		if have, err := p.drafting.have(ctx); err != nil || len(catalog.Diff(catalog.Catalog{Engine: have.Engine, Functions: p.want.Functions}, catalog.Catalog{Engine: have.Engine, Functions: have.Functions})) == 0 {
			return err
		}
	case l.Kind != catalog.Unexpected:
		return nil
	}
	switch o.sort {
	case "function":
		sort := "FUNCTION "
		if strings.HasPrefix(l.Got, "CREATE OR REPLACE PROCEDURE") {
			sort = "PROCEDURE "
		}
		_, err := p.try(ctx, Change{o.whole(), p.dropPhrase(l), []string{"DROP " + sort + functionName(o.name)}}, nil)
		return err
	case "sequence":
		return p.make(ctx, l, "DROP SEQUENCE "+q(o.name))
	case "type":
		sort := "TYPE "
		if strings.HasPrefix(l.Got, "domain ") {
			sort = "DOMAIN "
		}
		return p.make(ctx, l, "DROP "+sort+q(o.name))
	}
	return nil
}

// functionName quotes the name of name(arguments).
func functionName(signature string) string {
	name, arguments, _ := strings.Cut(signature, "(")
	return q(name) + "(" + arguments
}
