package draft

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// atlasPlan asks atlas how one table becomes another. On SQLite inPlace tells
// whether it can be altered where it is; when it must be rebuilt, that is all that
// is asked of atlas, because what it would build is not exact. On PostgreSQL it
// speaks of columns only: constraints and indexes are taken from the catalogue,
// whose text says more (DEFERRABLE, EXCLUDE, INCLUDE); and only of those asked for.
func atlasPlan(ctx context.Context, from, to *sqldb.DB, table string, columns []string) (statements []string, inPlace bool, err error) {
	var have, want *schema.Schema
	var driver migrate.Driver
	inspect := func(db *sqldb.DB, into **schema.Schema) error {
		return db.Standard(func(handle *sql.DB) (err error) {
			if driver, err = open(db.Engine(), handle); err != nil {
				return err
			}
			*into, err = driver.InspectSchema(ctx, "", &schema.InspectOptions{Tables: []string{table}, Mode: schema.InspectTables})
			return err
		})
	}
	if err := inspect(to, &want); err != nil {
		return nil, false, err
	}
	if err := inspect(from, &have); err != nil {
		return nil, false, err
	}
	have.Name, want.Name = "", ""
	var plan *migrate.Plan
	err = from.Standard(func(handle *sql.DB) error {
		driver, err := open(from.Engine(), handle)
		if err != nil {
			return err
		}
		changes, err := driver.SchemaDiff(have, want)
		if err != nil {
			return err
		}
		if from.Engine() == sqldb.Postgres {
			changes = ofColumns(changes, columns)
		}
		plan, err = driver.PlanChanges(ctx, "draft", changes, func(o *migrate.PlanOptions) { o.SchemaQualifier = new(string) })
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for _, c := range plan.Changes {
		if from.Engine() == sqldb.SQLite && sqltext.Read(c.Cmd).Verb != "alter" && sqltext.Read(c.Cmd).Object != "index" {
			return nil, false, nil
		}
		statements = append(statements, doubleQuoted(c.Cmd))
	}
	return statements, true, nil
}

func open(engine sqldb.Engine, handle *sql.DB) (migrate.Driver, error) {
	if engine == sqldb.SQLite {
		return sqlite.Open(handle)
	}
	return postgres.Open(handle)
}

func ofColumns(changes []schema.Change, wanted []string) []schema.Change {
	var some []schema.Change
	for _, c := range changes {
		m, ok := c.(*schema.ModifyTable)
		if !ok {
			continue
		}
		var columns []schema.Change
		for _, c := range m.Changes {
			name := ""
			switch c := c.(type) {
			case *schema.AddColumn:
				name = c.C.Name
			case *schema.DropColumn:
				name = c.C.Name
			case *schema.ModifyColumn:
				name = c.To.Name
			}
			if slices.Contains(wanted, name) {
				columns = append(columns, c)
			}
		}
		if len(columns) > 0 {
			some = append(some, &schema.ModifyTable{T: m.T, Changes: columns})
		}
	}
	return some
}

// doubleQuoted writes names as the rest of the program does: atlas uses
// backticks for SQLite.
func doubleQuoted(statement string) string {
	var b strings.Builder
	at := 0
	for _, t := range sqltext.Tokens(statement) {
		from, to := t.Span()
		if t.Kind == sqltext.Name && statement[from] == '`' {
			b.WriteString(statement[at:from] + sqltext.Quote(t.Text))
			at = to
		}
	}
	return b.String() + statement[at:]
}
