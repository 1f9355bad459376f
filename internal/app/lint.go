package app

import (
	"path/filepath"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// djangos are the apps whose migrations are Django's history, word for word. They
// are not ours to better, so they are not linted.
var djangos = []string{"auth", "contenttypes", "tenants"}

// hot are the tables that every verification of a token or every sign-in reads: a
// lock on one of them stops everybody.
var hot = []string{"tenants_tenantmodel", "tenants_userprofile", "auth_user", "tenantry_tenant", "tenantry_user",
	"tenantry_token", "tenantry_token_version", "tenantry_token_digest"}

// LintMigrations judges migrations on both engines: ours and the operator's,
// without Django's. No app means every one.
func (p Program) LintMigrations(apps []string) ([]lint.Finding, error) {
	var all []lint.Finding
	known := slices.Clone(ours)
	for _, engine := range draft.Engines {
		g, err := p.graphFor(engine)
		if err != nil {
			return nil, err
		}
		known = append(known, g.Apps()...)
		for _, k := range g.Keys() {
			if slices.Contains(djangos, k.App) || len(apps) > 0 && !slices.Contains(apps, k.App) {
				continue
			}
			for _, f := range p.lintOne(g.Migration(k), engine) {
				if !slices.Contains(all, f) {
					all = append(all, f)
				}
			}
		}
	}
	for _, app := range apps {
		if !slices.Contains(known, app) {
			return nil, tenantry.NewError(tenantry.NotFound, "migrate.no_app", "app", app)
		}
	}
	return all, nil
}

func (p Program) lintOne(m *migrate.Migration, engine sqldb.Engine) []lint.Finding {
	found := lint.Migration(m, engine, hot)
	for i := range found {
		if !slices.Contains(ours, m.App) {
			found[i].File = filepath.Join(p.Settings.Migrations.Dir, found[i].File)
		} else {
			found[i].File = "migrations/" + found[i].File
		}
	}
	return found
}

// LintDraft judges a migration that was just drafted.
func (p Program) LintDraft(made draft.Made) []lint.Finding {
	var all []lint.Finding
	for _, t := range made.Twins {
		g, err := migrate.Parse(migrate.Key{App: made.App, Name: made.Name}, t.Text)
		if err != nil {
			continue // it was proven, so it can be read
		}
		for _, f := range made.Files {
			if f.Text == t.Text {
				g.File = f.Path
			}
		}
		g.Text = t.Text
		for _, f := range lint.Migration(&g, t.Engine, hot) {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}
