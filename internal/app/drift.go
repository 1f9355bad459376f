package app

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/wall"
	"github.com/tenantry/tenantry/internal/flow/adopt"
)

// Drift compares the database with what the migrations make that it has applied.
// It is read only; the migrations are replayed on a scratch database.
func (p Program) Drift(ctx context.Context) (draft.Drift, error) {
	m, err := p.Migrator(ctx, sqldb.ReadOnly)
	if err != nil {
		return draft.Drift{}, err
	}
	defer m.Close()
	if m.DB == nil {
		return draft.Drift{}, nil // what is not there is as nothing applied makes it
	}
	state, err := m.State(ctx)
	if err != nil {
		return draft.Drift{}, err
	}
	if err := m.Verify(state); err != nil {
		return draft.Drift{}, err
	}
	applied, err := state.AppliedGraph()
	if err != nil {
		return draft.Drift{}, err
	}
	b, err := draft.NewBench(ctx, m.DB.Engine(), p.scratchServer(), p.Random)
	if err != nil {
		return draft.Drift{}, err
	}
	defer b.Close()
	return draft.FindDrift(ctx, m.DB, b, applied, func(db *sqldb.DB, g *migrate.Graph) *migrate.Runner {
		return migrate.New(db, g, p.migration())
	}, draft.DriftOptions{Without: runnersOwn, Alike: asOtherDjangosMakeIt, Apart: func(got catalog.Catalog) catalog.Catalog {
		r := p.roles()
		return wall.Apart(got, r.Tenants, r.Program)
	}})
}

// asOtherDjangosMakeIt lets Django's tables be as a Django of another version or
// with another DEFAULT_AUTO_FIELD makes them, as adopt does: with serial columns,
// and ids of either width.
func asOtherDjangosMakeIt(want, got catalog.Catalog) catalog.Catalog {
	django := adopt.OfDjango(want)
	want.Tables = slices.Clone(want.Tables)
	for i, t := range want.Tables {
		there, ok := got.Table(t.Name)
		if _, isDjangos := django.Table(t.Name); !ok || !isDjangos {
			continue
		}
		t.Columns = slices.Clone(t.Columns)
		for j, c := range t.Columns {
			k := slices.IndexFunc(there.Columns, func(o catalog.Column) bool { return o.Name == c.Name })
			if k < 0 {
				continue
			}
			is := there.Columns[k]
			if (c.Name == "id" || strings.HasSuffix(c.Name, "_id")) && (is.Type == "integer" || is.Type == "bigint") {
				c.Type = is.Type
			}
			if c.Identity == catalog.IdentityByDefault && is.Identity == catalog.Serial {
				c.Identity = catalog.Serial
			}
			t.Columns[j] = c
		}
		want.Tables[i] = t
	}
	return want
}
