// Package adopt is the journey by which a database that Django made becomes one
// that Tenantry runs: first a look that changes nothing and says everything,
// then the migrations, then a second look that proves what stayed as it was.
package adopt

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow looks at databases and takes them over.
type Flow struct {
	Tenants *tenant.Service
	Users   *user.Service
	Tokens  *token.Service
}

// Report is what a look at a database found.
type Report struct {
	Engine      sqldb.Engine         `json:"engine"`
	Django      string               `json:"django"` // which versions may have made it: "3.2", "4.1 or newer", "unknown"
	IDs         string               `json:"ids"`    // "integer" or "bigint": the width of Django's keys of tenants
	Applied     []string             `json:"applied"`
	Unknown     []string             `json:"unknown"` // applied migrations of other apps
	Pending     []string             `json:"pending"` // what migrating will apply
	Tables      []Table              `json:"tables"`
	Differences []catalog.Difference `json:"differences"` // from what Django would have made
	Findings    []tenantry.Finding   `json:"findings"`
}

// Table is a table of Django's and what it holds.
type Table struct {
	Name    string   `json:"name"`
	Rows    int64    `json:"rows"`
	Digest  string   `json:"digest"` // SHA-256 of every row, in the order of the key
	columns []string // what the digest covers
}

// Watch is told how many of all rows were read.
type Watch func(done, total int64)

// Inspect looks at a database without writing anything. runner tells what
// migrating would do. Errors: "adopt.not_django" for a database that holds no
// tenants of Django's, and those of Runner.Verify.
func (f *Flow) Inspect(ctx context.Context, db *sqldb.DB, runner *migrate.Runner, reading Watch) (Report, error) {
	if err := db.Check(ctx); err != nil {
		return Report{}, err
	}
	state, err := runner.State(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := runner.Verify(state); err != nil {
		return Report{}, err
	}
	r := Report{Engine: db.Engine(), Unknown: []string{}, Applied: []string{}, Pending: []string{}, Findings: []tenantry.Finding{}}
	plan, err := state.Plan(migrate.Request{})
	if err != nil {
		return Report{}, err
	}
	unfinished := map[string]bool{} // apps with migrations to come
	for _, p := range plan {
		r.Pending = append(r.Pending, p.Key.String())
		unfinished[p.App] = true
	}
	for _, k := range runner.Graph().Keys() {
		if _, ok := state.Applied(k); ok {
			r.Applied = append(r.Applied, k.String())
		}
	}
	for _, u := range state.Unknown {
		r.Unknown = append(r.Unknown, u.Key.String())
	}
	err = db.Read(ctx, func(tx *sqldb.Tx) error {
		found, err := catalog.Read(ctx, tx)
		if err != nil {
			return err
		}
		if _, ok := found.Table("tenants_tenantmodel"); !ok || !slices.Contains(r.Applied, "tenants.0001_initial") {
			return tenantry.NewError(tenantry.Conflict, "adopt.not_django")
		}
		r.Django, r.IDs = madeBy(found)
		if r.Differences, err = differences(found, unfinished); err != nil {
			return err
		}
		if r.Tables, err = readTables(ctx, tx, found, reading); err != nil {
			return err
		}
		// Before the schema is complete there may be no such columns to look at.
		if unfinished["tenants"] && !slices.Contains(r.Applied, "tenants.0003_userprofile") {
			return nil
		}
		r.Findings, err = f.findings(ctx, tx)
		return err
	})
	return r, err
}

func (f *Flow) findings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	tokens, err := f.Tokens.ForeignFindings(ctx, tx)
	if err != nil {
		return nil, err
	}
	people, err := f.Users.Findings(ctx, tx, nil)
	if err != nil {
		return nil, err
	}
	tenants, err := f.Tenants.Findings(ctx, tx, tenant.SeedModels(), nil)
	all := slices.Concat(tokens, people, tenants)
	tenantry.SortFindings(all)
	return all, err
}

// readTables takes the fingerprint of every table of Django's own and of the
// apps beside the seed's.
func readTables(ctx context.Context, tx *sqldb.Tx, c catalog.Catalog, reading Watch) ([]Table, error) {
	var all []Table
	var total int64
	for _, t := range c.Tables {
		if strings.HasPrefix(t.Name, "tenantry_") || t.Name == "django_migrations" || t.Name == "sqlite_sequence" {
			continue
		}
		rows, err := catalog.Count(ctx, tx, t.Name)
		if err != nil {
			return nil, err
		}
		total += rows
		all = append(all, Table{Name: t.Name, columns: keyFirst(t)})
	}
	var done int64
	for i := range all {
		t := &all[i]
		var err error
		t.Rows, t.Digest, err = catalog.Fingerprint(ctx, tx, t.Name, t.columns, func(rows int64) { reading(done+rows, total) })
		if err != nil {
			return nil, err
		}
		done += t.Rows
	}
	return all, nil
}

// keyFirst lists a table's columns by name, those of the primary key in front.
func keyFirst(t catalog.Table) []string {
	var key, rest []string
	for _, c := range t.Columns {
		isKey := slices.ContainsFunc(t.Constraints, func(k catalog.Constraint) bool {
			return k.Kind == catalog.Primary && strings.Contains(k.Definition, c.Name)
		})
		if isKey || c.Name == "id" {
			key = append(key, c.Name)
		} else {
			rest = append(rest, c.Name)
		}
	}
	return append(key, rest...)
}

// Outcome is what a take-over did.
type Outcome struct {
	Applied []string `json:"applied"`
	Tables  []Change `json:"tables"`
}

// Change is a table of Django's before and after.
type Change struct {
	Name      string `json:"name"`
	Before    int64  `json:"rows_before"`
	After     int64  `json:"rows_after"`
	Unchanged bool   `json:"unchanged"` // every row, in every column that was there before
}

// Adopt migrates a database that was inspected and reads it again. An
// interrupted take-over goes on where it stopped when called again.
func (f *Flow) Adopt(ctx context.Context, db *sqldb.DB, runner *migrate.Runner, before Report, watch func(migrate.Event), reading Watch) (Outcome, error) {
	done, err := runner.Run(ctx, migrate.Request{}, watch)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Applied: []string{}}
	for _, p := range done {
		o.Applied = append(o.Applied, p.Key.String())
	}
	err = db.Read(ctx, func(tx *sqldb.Tx) error {
		now, err := catalog.Read(ctx, tx)
		if err != nil {
			return err
		}
		var done, total int64
		for _, t := range before.Tables {
			total += t.Rows
		}
		for _, t := range before.Tables {
			change := Change{Name: t.Name, Before: t.Rows}
			if after, ok := now.Table(t.Name); ok {
				still := slices.DeleteFunc(slices.Clone(t.columns), func(name string) bool {
					return !slices.ContainsFunc(after.Columns, func(c catalog.Column) bool { return c.Name == name })
				})
				rows, digest, err := catalog.Fingerprint(ctx, tx, t.Name, still, func(rows int64) { reading(done+rows, total) })
				if err != nil {
					return err
				}
				done += rows
				change.After, change.Unchanged = rows, digest == t.Digest && len(still) == len(t.columns)
			}
			o.Tables = append(o.Tables, change)
		}
		return nil
	})
	return o, err
}
