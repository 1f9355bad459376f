// Package integrity asks every room what is wrong with its data and puts the
// answers together. What counts as wrong is each room's to say.
package integrity

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow checks a database.
type Flow struct {
	DB      *sqldb.DB
	Tenants *tenant.Service
	Users   *user.Service
	Tokens  *token.Service
}

// Check returns every finding, the gravest first, from one consistent view.
func (f *Flow) Check(ctx context.Context, s tenantry.Scope) ([]tenantry.Finding, error) {
	if err := s.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	var models []string
	catalogue, err := f.Tenants.Models(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range catalogue {
		models = append(models, m.Name)
	}
	all := []tenantry.Finding{}
	err = f.DB.Read(ctx, func(tx *sqldb.Tx) error {
		for _, room := range []func() ([]tenantry.Finding, error){
			func() ([]tenantry.Finding, error) { return f.Tokens.Findings(ctx, tx) },
			func() ([]tenantry.Finding, error) { return f.Users.Findings(ctx, tx) },
			func() ([]tenantry.Finding, error) { return f.Tenants.Findings(ctx, tx, models) },
			func() ([]tenantry.Finding, error) { return f.Tenants.QuarantineFinding(ctx, tx) },
		} {
			found, err := room()
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	tenantry.SortFindings(all)
	return all, err
}

// Validate is the seed's validate_tenant_data: it returns every finding, and the
// error that the seed raises for the first of its two conditions that does not
// hold: tokens before profiles.
func (f *Flow) Validate(ctx context.Context, s tenantry.Scope) ([]tenantry.Finding, error) {
	all, err := f.Check(ctx, s)
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
