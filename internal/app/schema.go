package app

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// Current returns an error unless the database's schema is the one this program
// was made for. It reads one small table.
func (a *App) Current(ctx context.Context) error {
	g, err := a.Graph()
	if err != nil {
		return err
	}
	runner := a.Runner(a.DB, g)
	state, err := runner.State(ctx)
	if err != nil {
		return err
	}
	if err := runner.Verify(state); err != nil {
		return err
	}
	plan, err := state.Plan(migrate.Request{})
	if err != nil {
		return err
	}
	if len(plan) > 0 {
		return tenantry.NewError(tenantry.Unavailable, "schema.behind", "Count", len(plan))
	}
	return nil
}

// applied tells which migrations the database has.
func (a *App) applied(ctx context.Context) (func(migrate.Key) bool, error) {
	g, err := a.Graph()
	if err != nil {
		return nil, err
	}
	state, err := a.Runner(a.DB, g).State(ctx)
	return func(k migrate.Key) bool { _, there := state.Applied(k); return there }, err
}

// invariants tells what integrity finds wrong with tenants that will hurt somebody,
// for data migrations.
func (a *App) invariants(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) ([]datamigration.Violation, error) {
	found, err := a.Integrity.FindingsIn(ctx, tx, tenants)
	var all []datamigration.Violation
	for _, f := range found {
		if f.Severity == tenantry.Notice {
			continue
		}
		for _, key := range f.Tenants {
			all = append(all, datamigration.Violation{Tenant: key, Code: f.Code})
		}
	}
	return all, err
}
