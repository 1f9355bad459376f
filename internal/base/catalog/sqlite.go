package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// readSQLite reads SQLite's pragmas as tables, all tables in one statement
// each, and takes from the text of CREATE TABLE what no pragma tells: names of
// constraints, CHECK, DEFERRABLE, AUTOINCREMENT, generated columns.
func readSQLite(ctx context.Context, tx *sqldb.Tx, b *builder) error {
	texts := map[string]declared{}
	err := each(ctx, tx, `
		SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master
		WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' AND type IN ('table', 'view', 'trigger')
		ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END`,
		func(r *sqldb.Rows) error {
			var sort, name, table, text string
			if err := r.Scan(&sort, &name, &table, &text); err != nil {
				return err
			}
			switch sort {
			case "table":
				d := parseTable(text)
				texts[name] = d
				b.tables[name] = &Table{Name: name, Options: d.options, Constraints: d.checks}
			case "view":
				b.catalog.Views = append(b.catalog.Views, View{Name: name, Definition: render(tokenize(text))})
			case "trigger":
				b.trigger(table, Trigger{name, render(tokenize(text))})
			}
			return nil
		})
	if err != nil {
		return err
	}
	for _, read := range []func(context.Context, *sqldb.Tx, *builder, map[string]declared) error{
		readSQLiteColumns, readSQLiteForeignKeys, readSQLiteIndexes,
	} {
		if err := read(ctx, tx, b, texts); err != nil {
			return err
		}
	}
	return nil
}

func readSQLiteColumns(ctx context.Context, tx *sqldb.Tx, b *builder, texts map[string]declared) error {
	keys := map[string][]string{} // columns of primary keys, in the key's order
	err := each(ctx, tx, `
		SELECT m.name, c.name, c.cid + 1, c.type, c."notnull", coalesce(c.dflt_value, ''), c.pk
		FROM sqlite_master m, pragma_table_xinfo(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'
		ORDER BY m.name, c.pk, c.cid`,
		func(r *sqldb.Rows) error {
			var table string
			var c Column
			var key int
			if err := r.Scan(&table, &c.Name, &c.Position, &c.Type, &c.NotNull, &c.Default, &key); err != nil {
				return err
			}
			d := texts[table]
			c.Type = strings.TrimSuffix(strings.ToLower(strings.Join(strings.Fields(c.Type), " ")), " generated always")
			if extra := d.collations[lower(c.Name)]; extra != "" {
				c.Type += " COLLATE " + extra
			}
			if c.Default != "" {
				c.Default = render(tokenize(c.Default))
			}
			if expression := d.generated[lower(c.Name)]; expression != "" {
				c.Default = "GENERATED ALWAYS AS " + expression
			}
			if key > 0 {
				keys[table] = append(keys[table], c.Name)
				if d.autoincrement {
					c.Identity = Autoincrement
				}
			}
			t := b.table(table)
			t.Columns = append(t.Columns, c)
			return nil
		})
	for table, columns := range keys {
		b.constrain(table, texts, Primary, columns, "PRIMARY KEY "+list(columns))
	}
	return err
}

func readSQLiteForeignKeys(ctx context.Context, tx *sqldb.Tx, b *builder, texts map[string]declared) error {
	type foreign struct {
		table, parent, onUpdate, onDelete string
		from, to                          []string
	}
	var all []*foreign
	err := each(ctx, tx, `
		SELECT m.name, k.seq, k."table", k."from", coalesce(k."to", ''), k.on_update, k.on_delete
		FROM sqlite_master m, pragma_foreign_key_list(m.name) k
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'
		ORDER BY m.name, k.id, k.seq`,
		func(r *sqldb.Rows) error {
			var f foreign
			var seq int
			var from, to string
			if err := r.Scan(&f.table, &seq, &f.parent, &from, &to, &f.onUpdate, &f.onDelete); err != nil {
				return err
			}
			if seq == 0 {
				all = append(all, &f)
			}
			last := all[len(all)-1]
			last.from = append(last.from, from)
			if to != "" { // without it the parent's primary key is meant
				last.to = append(last.to, to)
			}
			return nil
		})
	for _, f := range all {
		definition := fmt.Sprintf("FOREIGN KEY %s REFERENCES %s", list(f.from), f.parent)
		if len(f.to) > 0 {
			definition += list(f.to)
		}
		if f.onUpdate != "NO ACTION" {
			definition += " ON UPDATE " + f.onUpdate
		}
		if f.onDelete != "NO ACTION" {
			definition += " ON DELETE " + f.onDelete
		}
		if texts[f.table].deferred[list(lowered(f.from))] {
			definition += " DEFERRABLE INITIALLY DEFERRED"
		}
		b.constrain(f.table, texts, Foreign, f.from, definition)
	}
	return err
}

func readSQLiteIndexes(ctx context.Context, tx *sqldb.Tx, b *builder, texts map[string]declared) error {
	type index struct {
		table, name, origin, text string
		unique                    bool
		columns, terms            []string
	}
	var all []*index
	err := each(ctx, tx, `
		SELECT m.name, i.name, i."unique", i.origin, coalesce(x.sql, ''), coalesce(c.name, ''), c."desc", coalesce(c.coll, 'BINARY')
		FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) c
		LEFT JOIN sqlite_master x ON x.type = 'index' AND x.name = i.name
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND c.key = 1
		ORDER BY m.name, i.name, c.seqno`,
		func(r *sqldb.Rows) error {
			var i index
			var column, collation string
			var descending bool
			err := r.Scan(&i.table, &i.name, &i.unique, &i.origin, &i.text, &column, &descending, &collation)
			if err != nil {
				return err
			}
			if len(all) == 0 || all[len(all)-1].name != i.name {
				all = append(all, &i)
			}
			last := all[len(all)-1]
			term := column
			if collation != "BINARY" {
				term += " COLLATE " + lower(collation)
			}
			if descending {
				term += " DESC"
			}
			last.columns, last.terms = append(last.columns, column), append(last.terms, term)
			return nil
		})
	for _, i := range all {
		switch i.origin {
		case "u":
			b.constrain(i.table, texts, Unique, i.columns, "UNIQUE "+list(i.terms))
		case "c":
			definition := list(i.terms)
			// An expression has no column name, and no pragma tells WHERE.
			expressions, where := parseIndex(i.text)
			if slices.Contains(i.columns, "") {
				definition = expressions
			}
			if where != "" {
				definition += " WHERE " + where
			}
			t := b.table(i.table)
			t.Indexes = append(t.Indexes, Index{Name: i.name, Unique: i.unique, Definition: definition})
		}
	}
	return err
}

// constrain adds a constraint under the name that the table's text gives it.
func (b *builder) constrain(table string, texts map[string]declared, kind ConstraintKind, columns []string, definition string) {
	name := texts[table].names[constraintKey(kind, lowered(columns))]
	t := b.table(table)
	t.Constraints = append(t.Constraints, Constraint{Name: name, Kind: kind, Definition: definition})
}

func list(columns []string) string { return "(" + strings.Join(columns, ", ") + ")" }
