package test

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// What is one text on SQLite and another on PostgreSQL comes to the same tables.
func TestMigrationTwinsMakeTheSameTables(t *testing.T) {
	t.Parallel()
	made := map[sqldb.Engine][]string{}
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		d := sqldbtest.New(t, engine)
		m := productMigrator(t, d)
		runTo(t, m, migrate.Request{})
		made[engine] = inCommon(everyTable(t, m.DB).Only(func(table string) bool { return strings.HasPrefix(table, "tenantry_") }))
	}
	if n := len(made[sqldb.SQLite]); n < 30 {
		t.Fatalf("only %d columns, constraints and indexes found", n)
	}
	if diff := gocmp.Diff(made[sqldb.SQLite], made[sqldb.Postgres]); diff != "" {
		t.Errorf("(-SQLite +PostgreSQL):\n%s", diff)
	}
}

// inCommon writes down of a catalogue what both engines can say, in one way. What
// an engine says alone is not compared: SQLite keeps no names of constraints
// unless they are declared, and PostgreSQL alone has row security, methods of
// indexes, and sequences that may be owned or not.
func inCommon(c catalog.Catalog) (lines []string) {
	for _, t := range c.Tables {
		for _, col := range t.Columns {
			numbers := ""
			if col.Identity != catalog.NoIdentity {
				numbers = " numbers its rows"
				if c.Engine == sqldb.SQLite { // whose only such column is integer, 64 bits wide
					col.Type = "bigint"
				}
			}
			lines = append(lines, fmt.Sprintf("%s column %s: %s null=%t default %q%s", t.Name, col.Name, commonType(col.Type), !col.NotNull, commonText(col.Default), numbers))
		}
		for _, k := range t.Constraints {
			// A document in a text column is held to be one by a CHECK of its own.
			if k.Kind == catalog.Check && strings.Contains(strings.ToLower(k.Definition), "json_valid") {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s", t.Name, k.Kind, commonText(k.Definition)))
		}
		for _, i := range t.Indexes {
			if strings.Contains(i.Definition, "_pattern_ops") { // for LIKE, which SQLite does by itself
				continue
			}
			lines = append(lines, fmt.Sprintf("%s index %s unique=%t: %s", t.Name, i.Name, i.Unique, commonText(i.Definition)))
		}
	}
	slices.Sort(lines)
	return lines
}

// commonType is SQLite's word for a type.
func commonType(of string) string {
	base, length, sized := strings.Cut(of, "(")
	word := cmp.Or(map[string]string{
		"timestamp with time zone": "datetime", "character varying": "varchar", "boolean": "bool", "jsonb": "text", "bytea": "blob", "double precision": "real",
	}[base], base)
	if sized {
		word += "(" + length
	}
	return word
}

var (
	casts      = regexp.MustCompile(`::(character varying|timestamp with time zone|\w+)(\(\d+\))?(\[\])?`)
	anyOfArray = regexp.MustCompile(`(\S+) = ANY \(ARRAY\[(.*?)\]\)`)
)

// commonText is an expression without what PostgreSQL adds when it prints one.
func commonText(text string) string {
	text = strings.TrimPrefix(text, "USING btree ")
	text = casts.ReplaceAllString(text, "")
	text = anyOfArray.ReplaceAllString(text, "$1 IN ($2)")
	text = strings.NewReplacer("(", "", ")", "", `"`, "", " ", "").Replace(text)
	switch text = strings.ToLower(text); text {
	case "true":
		return "1"
	case "false":
		return "0"
	}
	return text
}

// Every migration of the product, those in Go too, is applied, undone and applied
// again in its place in the order, with rows in the tables from the moment that
// there are tables for them.
func TestEveryMigrationRunsForwardsBackwardsAndForwards(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		m := productMigrator(t, d)
		order := m.Graph().Order()
		for i, key := range order {
			if key.App == "tenantry" && order[i-1].App != "tenantry" {
				insertPeople(t, m.DB)
			}
			before := everyTable(t, m.DB)
			runTo(t, m, migrate.Request{App: key.App, Target: key.Name})
			after := everyTable(t, m.DB)
			runTo(t, m, migrate.Request{App: key.App, Target: previous(order[:i], key.App)})
			for _, d := range catalog.Diff(before, everyTable(t, m.DB)) {
				t.Errorf("%s undone: %v", key, d)
			}
			runTo(t, m, migrate.Request{App: key.App, Target: key.Name})
			for _, d := range catalog.Diff(after, everyTable(t, m.DB)) {
				t.Errorf("%s applied again: %v", key, d)
			}
		}
		if state, err := m.State(t.Context()); err != nil {
			t.Fatal(err)
		} else if plan, err := state.Plan(migrate.Request{}); err != nil || len(plan) > 0 {
			t.Errorf("left to do: %v, error %v", plan, err)
		}
	})
}

// previous is the migration before, of an app whose migrations are a line.
func previous(order []migrate.Key, app string) string {
	for _, k := range slices.Backward(order) {
		if k.App == app {
			return k.Name
		}
	}
	return migrate.Zero
}

// productMigrator applies migrations as the product does, to a database that is
// nobody else's.
func productMigrator(t *testing.T, d sqldbtest.Database) *app.Migrator {
	t.Helper()
	s := app.Settings{Database: app.DatabaseSettings{URL: tenantry.NewSecret(d.URL), MaxConnections: 2},
		Migrations: app.MigrationSettings{Lease: time.Minute, LockTimeout: 5 * time.Second}}
	m, err := app.NewProgram(s, time.Now, rand.Reader).Migrator(t.Context(), sqldb.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func runTo(t *testing.T, m *app.Migrator, r migrate.Request) {
	t.Helper()
	if _, err := m.Run(t.Context(), r, func(migrate.Event) {}); err != nil {
		t.Fatalf("migrate %s %s: %v", r.App, r.Target, err)
	}
}

// everyTable is the catalogue without the runner's own tables, which appear with
// the first run and stay.
func everyTable(t *testing.T, db *sqldb.DB) (c catalog.Catalog) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		c, err = catalog.Read(t.Context(), tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Only(func(table string) bool {
		return !slices.Contains([]string{"django_migrations", "tenantry_migration", "tenantry_lease"}, table)
	})
}
