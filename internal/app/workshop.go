package app

import (
	"context"
	"os"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/migrations"
)

// ours are the apps of the program itself. Those of operators and plugin authors
// lie in the folder that migrations.dir names.
var ours = []string{"auth", "contenttypes", "tenants", "tenantry"}

// runnersOwn are the tables that every runner makes, whatever is migrated.
var runnersOwn = []string{"django_migrations", "tenantry_migration", "tenantry_lease"}

// graphFor loads the migrations for an engine: ours, and the operator's.
func (p Program) graphFor(engine sqldb.Engine) (*migrate.Graph, error) {
	all, err := migrate.Read(migrations.Files, engine)
	if err != nil {
		return nil, err
	}
	all = append(all, tenant.Migration(p.Random), user.Migration(p.Random), token.Migration(p.Random))
	if folder := p.Settings.Migrations.Dir; folder != "" {
		if _, err := os.ReadDir(folder); err != nil {
			return nil, tenantry.NewError(tenantry.Unavailable, "migrations.no_folder", "path", folder).Because(err)
		}
		theirs, err := migrate.Read(os.DirFS(folder), engine)
		if err != nil {
			return nil, tenantry.NewError(tenantry.Invalid, "migrations.bad_file", "path", folder, "cause", err.Error()).Because(err)
		}
		for _, m := range theirs {
			if slices.Contains(ours, m.App) {
				return nil, tenantry.NewError(tenantry.Invalid, "migrations.app_taken", "app", m.App, "path", folder)
			}
		}
		g, err := migrate.NewGraph(append(all, theirs...))
		if err != nil {
			return nil, tenantry.NewError(tenantry.Invalid, "migrations.bad_file", "path", folder, "cause", err.Error()).Because(err)
		}
		return g, nil
	}
	return migrate.NewGraph(all)
}

// Workshop is where migrations of operators' apps are drafted. Scratch databases
// of PostgreSQL are made on the server of migrations.dev_database, else on that
// of the database; without either there are none.
func (p Program) Workshop(ctx context.Context) (*draft.Workshop, error) {
	w := &draft.Workshop{Folder: p.Settings.Migrations.Dir, Graphs: map[sqldb.Engine]*migrate.Graph{}, Without: runnersOwn,
		Runner: func(db *sqldb.DB, g *migrate.Graph) *migrate.Runner {
			o := p.migration()
			return migrate.New(db, g, o)
		}}
	for _, engine := range draft.Engines {
		g, err := p.graphFor(engine)
		if err != nil {
			return nil, err
		}
		w.Graphs[engine] = g
		server := p.scratchServer()
		if engine == sqldb.Postgres && server == "" {
			continue
		}
		b, err := draft.NewBench(ctx, engine, server, p.Random)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.Benches = append(w.Benches, b)
	}
	return w, nil
}

// scratchServer is a URL on the PostgreSQL server for scratch databases.
func (p Program) scratchServer() string {
	for _, u := range []tenantry.Secret{p.Settings.Migrations.DevDatabase, p.Settings.Database.OwnerURL, p.Settings.Database.URL} {
		if isPostgres(u) {
			return u.Reveal()
		}
	}
	return ""
}
