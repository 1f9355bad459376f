package app

import (
	"context"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/flow/adopt"
)

// Replay applies every migration to a new SQLite database at path and returns,
// in words, how what they make of Django's apps differs from what Django's
// models ask for. No labels means every app.
func (p Program) Replay(ctx context.Context, path string, labels []string) ([]string, error) {
	p.Settings.Database.URL = tenantry.NewSecret("sqlite:" + path)
	p.Settings.Database.OwnerURL = tenantry.Secret{}
	m, err := p.Migrator(ctx, sqldb.Create)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if _, err := m.Run(ctx, migrate.Request{}, func(migrate.Event) {}); err != nil {
		return nil, err
	}
	found, err := adopt.Compare(ctx, m.DB)
	if err != nil {
		return nil, err
	}
	var words []string
	for app, differences := range found {
		if len(labels) > 0 && !slices.Contains(labels, app) {
			continue
		}
		for _, d := range differences {
			words = append(words, d.String())
		}
	}
	slices.Sort(words)
	return words, nil
}
