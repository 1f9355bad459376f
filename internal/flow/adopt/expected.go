package adopt

import (
	"context"
	"embed"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/wall"
)

// The catalogues of Django's tables after the last migration, one for each
// engine. `make verify` proves them fresh.
//
//go:embed expected.sqlite.json expected.postgres.json
var expected embed.FS

// Expected returns what Django's tables should look like on an engine.
func Expected(engine string) (c catalog.Catalog, err error) {
	text, err := expected.ReadFile("expected." + engine + ".json")
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

// OfDjango keeps of a catalogue the tables that Django's migrations make.
func OfDjango(c catalog.Catalog) catalog.Catalog {
	return c.Only(func(table string) bool {
		return appOf(table) != ""
	})
}

// appOf tells which of the three apps makes a table, "" for none.
func appOf(table string) string {
	switch {
	case table == "django_content_type":
		return "contenttypes"
	case slices.Contains([]string{"auth_user", "auth_group", "auth_permission", "auth_group_permissions", "auth_user_groups", "auth_user_user_permissions"}, table):
		return "auth"
	case slices.Contains([]string{"tenants_tenantmodel", "tenants_userprofile", "tenants_tenantconfigurationmodel"}, table):
		return "tenants"
	}
	return ""
}

// madeBy tells from its traces which Django made a database and how wide it
// made the keys of tenants.
func madeBy(c catalog.Catalog) (version, ids string) {
	version, ids = "unknown", "bigint"
	for _, t := range c.Tables {
		for _, col := range t.Columns {
			switch {
			// PostgreSQL: identity columns replaced serial ones in Django 4.1.
			case t.Name == "auth_user" && col.Name == "id" && col.Identity == catalog.Serial:
				version = "3.2 to 4.0"
			case t.Name == "auth_user" && col.Name == "id" && col.Identity == catalog.IdentityByDefault:
				version = "4.1 or newer"
			// SQLite: only the order in which admin's columns were rebuilt tells.
			case t.Name == "django_admin_log" && col.Name == "action_time" && version == "unknown" && col.Position == 2:
				version = "3.2"
			case t.Name == "django_admin_log" && col.Name == "action_time" && version == "unknown" && col.Position == len(t.Columns):
				version = "4.0 or newer"
			case t.Name == "tenants_tenantmodel" && col.Name == "id" && col.Type == "integer" && c.Engine != "sqlite",
				t.Name == "tenants_userprofile" && col.Name == "tenant_id" && col.Type == "integer":
				ids = "integer"
			}
		}
	}
	return version, ids
}

// differences compares Django's tables with what they should be. What migrations
// yet to come will make is not missing; both widths of keys and both ways of
// numbering rows are Django's own.
func differences(found catalog.Catalog, unfinished map[string]bool) ([]catalog.Difference, error) {
	want, err := Expected(string(found.Engine))
	if err != nil {
		return nil, err
	}
	real := []catalog.Difference{}
	for _, d := range catalog.Diff(alike(want), alike(OfDjango(wall.Apart(found)))) {
		table, _, _ := strings.Cut(strings.TrimPrefix(d.Object, "table "), " ")
		if d.Kind != catalog.Unexpected && unfinished[appOf(table)] {
			continue
		}
		real = append(real, d)
	}
	return real, nil
}

// alike takes out of a catalogue what may differ between versions of Django.
func alike(c catalog.Catalog) catalog.Catalog {
	c.Tables = slices.Clone(c.Tables)
	for i := range c.Tables {
		t := &c.Tables[i]
		t.Columns = slices.Clone(t.Columns)
		for j := range t.Columns {
			col := &t.Columns[j]
			if col.Identity == catalog.Serial {
				col.Identity, col.Default = catalog.IdentityByDefault, ""
			}
			if (col.Name == "id" || strings.HasSuffix(col.Name, "_id")) && (col.Type == "integer" || col.Type == "bigint") {
				col.Type = "integer or bigint"
			}
		}
	}
	return c
}

// Compare says, app by app, how a fully migrated database's tables of Django's
// differ from what they should be.
func Compare(ctx context.Context, db *sqldb.DB) (map[string][]catalog.Difference, error) {
	var found catalog.Catalog
	if err := db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = catalog.Read(ctx, tx)
		return err
	}); err != nil {
		return nil, err
	}
	all, err := differences(found, nil)
	byApp := map[string][]catalog.Difference{}
	for _, d := range all {
		table, _, _ := strings.Cut(strings.TrimPrefix(d.Object, "table "), " ")
		byApp[appOf(table)] = append(byApp[appOf(table)], d)
	}
	return byApp, err
}
