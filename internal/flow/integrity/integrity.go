// Package integrity asks every room what is wrong with its data and puts the
// answers together. What counts as wrong is each room's to say.
package integrity

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/instance"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow checks a database.
type Flow struct {
	DB       *sqldb.DB
	Tenants  *tenant.Service
	Users    *user.Service
	Tokens   *token.Service
	Access   *access.Service
	Audit    *audit.Log
	Instance *instance.Service
	Clock    tenantry.Clock
	Holder   string // this process, among those that share the database
}

// Check returns every finding, the gravest first, from one consistent view: of one
// tenant, which must exist, or for zero of all.
func (f *Flow) Check(ctx context.Context, s tenantry.Scope, only tenantry.TenantKey) (all []tenantry.Finding, err error) {
	if err := s.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	err = f.DB.As(s).Read(ctx, func(tx *sqldb.Tx) error {
		if only != 0 {
			if _, err := f.Tenants.GetIn(ctx, tx, s, tenant.ByKey(only)); err != nil {
				return err
			}
		}
		all, err = f.look(ctx, tx, sqldb.Just(only))
		return err
	})
	return all, err
}

// FindingsIn returns what is wrong with some tenants, the gravest first, as the
// transaction sees it. It costs what those tenants cost to read, however many
// others there are. Rows that belong to no tenant are found by Check alone.
func (f *Flow) FindingsIn(ctx context.Context, tx *sqldb.Tx, keys []tenantry.TenantKey) ([]tenantry.Finding, error) {
	if len(keys) == 0 { // not "all"
		return []tenantry.Finding{}, nil
	}
	return f.look(ctx, tx, keys)
}

func (f *Flow) look(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	catalogue, err := f.Tenants.ModelsIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	models := make([]string, len(catalogue))
	for i, m := range catalogue {
		models[i] = m.Name
	}
	all := []tenantry.Finding{}
	rooms := []func() ([]tenantry.Finding, error){
		func() ([]tenantry.Finding, error) { return f.Tokens.Findings(ctx, tx, only) },
		func() ([]tenantry.Finding, error) { return f.Users.Findings(ctx, tx, only) },
		func() ([]tenantry.Finding, error) { return f.Users.OwnFindings(ctx, tx, only) },
		func() ([]tenantry.Finding, error) { return f.Tenants.Findings(ctx, tx, models, only) },
		func() ([]tenantry.Finding, error) { return f.Tenants.OwnFindings(ctx, tx, only) },
		func() ([]tenantry.Finding, error) { return f.access(ctx, tx, only) },
	}
	if only == nil {
		rooms = append(rooms, func() ([]tenantry.Finding, error) { return f.Audit.Findings(ctx, tx) })
	}
	for _, room := range rooms {
		found, err := room()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	tenantry.SortFindings(all)
	return all, nil
}

// Profiles says how people's profiles are spread (the seed's analyze_user_profiles),
// and returns what is wrong with people and profiles, from the same view.
func (f *Flow) Profiles(ctx context.Context, s tenantry.Scope) (a user.Analysis, found []tenantry.Finding, err error) {
	if err := s.RequirePlatform(tenantry.UsersRead); err != nil {
		return a, nil, err
	}
	err = f.DB.As(s).Read(ctx, func(tx *sqldb.Tx) error {
		if a, err = f.Users.AnalyseIn(ctx, tx, s); err != nil {
			return err
		}
		if found, err = f.Users.Findings(ctx, tx, nil); err != nil {
			return err
		}
		ours, err := f.Users.OwnFindings(ctx, tx, nil)
		found = append(found, ours...)
		return err
	})
	tenantry.SortFindings(found)
	return a, found, err
}

// Validate is the seed's validate_tenant_data: it returns every finding, and the
// error that the seed raises for the first of its two conditions that does not
// hold: tokens before profiles.
func (f *Flow) Validate(ctx context.Context, s tenantry.Scope) ([]tenantry.Finding, error) {
	all, err := f.Check(ctx, s, 0)
	if err != nil {
		return nil, err
	}
	for _, condition := range []struct{ finding, code string }{
		{"token.missing", "validate.tenants_without_tokens"},
		{"user.no_profile", "validate.users_without_profile"},
	} {
		for _, found := range all {
			if found.Code == condition.finding {
				return all, tenantry.NewError(tenantry.Conflict, condition.code, "count", found.Count)
			}
		}
	}
	return all, nil
}

// access is what is wrong with who may what: it is known to two rooms.
func (f *Flow) access(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	known, err := f.Access.KnownIn(ctx, tx, only)
	if err != nil {
		return nil, err
	}
	found, err := f.Users.RoleFindings(ctx, tx, only, known)
	if err != nil {
		return nil, err
	}
	more, err := f.Access.Findings(ctx, tx, only)
	return append(found, more...), err
}
