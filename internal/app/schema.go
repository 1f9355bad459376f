package app

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
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
