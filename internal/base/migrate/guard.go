package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// guard watches over what belongs to somebody else while SQLite tables are
// rebuilt. Dropping a table takes its indexes and triggers along, and copying
// the known columns leaves the others behind, all of it without a word. It also
// tells rows that broke a foreign key before from rows that do so now: one
// orphan would otherwise stop every migration for ever, as it does in Django.
//
// On PostgreSQL tables are altered in place and keys are checked by the engine,
// so the guard there has nothing to do.
type guard struct {
	attached map[string]attachment // indexes and triggers by name
	columns  map[column]bool
	orphans  map[string]bool
}

type attachment struct{ kind, table, sql string }

type column struct{ table, name string }

func newGuard(ctx context.Context, tx *sqldb.Tx) (*guard, error) {
	if tx.Engine() != sqldb.SQLite {
		return &guard{}, nil
	}
	return readGuard(ctx, tx)
}

func readGuard(ctx context.Context, tx *sqldb.Tx) (*guard, error) {
	g := &guard{attached: map[string]attachment{}, columns: map[column]bool{}, orphans: map[string]bool{}}
	rows, err := tx.Query(ctx, `SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a attachment
		var name string
		if err := rows.Scan(&a.kind, &name, &a.table, &a.sql); err != nil {
			return nil, err
		}
		g.attached[name] = a
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	columns, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (c column, err error) { return c, r.Scan(&c.table, &c.name) },
		`SELECT m.name, c.name FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		g.columns[c] = true
	}
	orphans, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (string, error) {
		var table string
		var row, key *int64
		var parent string
		if err := r.Scan(&table, &row, &parent, &key); err != nil {
			return "", err
		}
		id := "?"
		if row != nil {
			id = fmt.Sprint(*row)
		}
		return table + ":" + id + " → " + parent, nil
	}, `SELECT "table", rowid, parent, fkid FROM pragma_foreign_key_check`)
	if err != nil {
		return nil, err
	}
	for _, o := range orphans {
		g.orphans[o] = true
	}
	return g, nil
}

// check compares with what was there before the migration ran: indexes and
// triggers are put back, a lost column or a newly broken foreign key refuses it.
func (g *guard) check(ctx context.Context, tx *sqldb.Tx, p Planned, watch func(Event)) error {
	if tx.Engine() != sqldb.SQLite {
		return nil
	}
	after, err := readGuard(ctx, tx)
	if err != nil {
		return err
	}
	tables := map[string]bool{}
	for c := range after.columns {
		tables[c.table] = true
	}
	text := p.text()
	for c := range g.columns {
		if tables[c.table] && !after.columns[c] && !strings.Contains(text, `"`+c.name+`"`) {
			return tenantry.NewError(tenantry.Conflict, "migrate.would_lose_column",
				"migration", p.Key.String(), "table", c.table, "column", c.name)
		}
	}
	for name, a := range g.attached {
		if _, still := after.attached[name]; still || !tables[a.table] || strings.Contains(text, `"`+name+`"`) {
			continue
		}
		if _, err := tx.Raw(ctx, a.sql); err != nil {
			return tenantry.NewError(tenantry.Conflict, "migrate.would_lose_"+a.kind,
				"migration", p.Key.String(), "table", a.table, "name", name).Because(err)
		}
		watch(Event{Phase: Kept, Migration: p.Migration, Backwards: p.Backwards, Statement: a.kind + " " + name})
	}
	for o := range after.orphans {
		if !g.orphans[o] {
			return tenantry.NewError(tenantry.Conflict, "migrate.breaks_foreign_key", "migration", p.Key.String(), "row", o)
		}
	}
	return nil
}

// text is everything a migration says in SQL: what it does not name is not its
// own.
func (p Planned) text() string {
	var b strings.Builder
	for _, o := range p.Operations {
		for _, statements := range [][]string{o.Up, o.Down} {
			for _, s := range statements {
				b.WriteString(s)
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
