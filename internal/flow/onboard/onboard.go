// Package onboard is the journey by which a customer arrives: the tenant, its
// first administrator and both its tokens, in one transaction.
package onboard

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow brings customers in.
type Flow struct {
	DB      *sqldb.DB
	Tenants *tenant.Service
	Users   *user.Service
	Tokens  *token.Service
}

// Request is a customer to be made.
type Request struct {
	Tenant tenant.Draft
	Admin  *user.Draft // nil: nobody yet; its tenant is the new one
}

// Result is a customer that has arrived. The tokens are shown now or never.
type Result struct {
	Tenant tenant.Tenant
	Admin  *user.Person
	Tokens token.Pair
}

// Run makes all of it or nothing.
func (f *Flow) Run(ctx context.Context, s tenantry.Scope, r Request) (result Result, err error) {
	if r.Admin != nil {
		// Hashing a password takes as long as it is meant to: not inside the
		// transaction.
		admin, err := f.Users.Prepare(*r.Admin)
		if err != nil {
			return result, err
		}
		r.Admin = &admin
	}
	err = f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error {
		result, err = f.RunIn(ctx, tx, s, r)
		return err
	})
	return result, err
}

// RunIn is Run within a transaction of the caller's.
func (f *Flow) RunIn(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, r Request) (result Result, err error) {
	t, err := f.Tenants.CreateIn(ctx, tx, s, r.Tenant)
	if err != nil {
		return result, err
	}
	if r.Admin != nil {
		admin, yes := *r.Admin, true
		admin.Tenant, admin.Profile.IsTenantAdmin = t.Key, &yes
		p, err := f.Users.CreateIn(ctx, tx, s, admin)
		if err != nil {
			return result, err
		}
		result.Admin = &p
	}
	if result.Tokens, err = f.Tokens.IssueIn(ctx, tx, s, t.Key); err != nil {
		return result, err
	}
	result.Tenant, err = f.Tenants.GetIn(ctx, tx, s, tenant.ByKey(t.Key))
	return result, err
}
