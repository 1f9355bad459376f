// Package signin turns a credential into a scope, and is the only place that
// makes one. What a credential is, and whether it is right, the rooms know: an
// operator's key is room access's, a password room user's, and whether a tenant
// lets anybody in is room tenant's to say.
package signin

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow makes scopes.
type Flow struct {
	Users   *user.Service
	Tenants *tenant.Service
	Access  *access.Service

	DB       *sqldb.DB
	Sessions *session.Service
	Letters  *Letters
}

// The kinds of actor, as the audit records them.
const (
	kindOperator = "operator"
	kindConsole  = "console"
	kindUser     = "user"
	kindKey      = "key"
	kindSystem   = "system"
	kindHolder   = "holder"

	kindInvitation = "invitation"
)

// Bearer makes the scope of whoever brings a credential: an operator's key or a
// tenant's. The error is Unauthenticated for every text that is not a working one;
// what a tenant that lets nobody in says is as for Person.
func (f *Flow) Bearer(ctx context.Context, credential tenantry.Secret) (tenantry.Scope, error) {
	if access.IsTenantKey(credential) {
		return f.tenantKey(ctx, credential)
	}
	if IsSession(credential) {
		return f.Session(ctx, credential)
	}
	return f.OperatorKey(ctx, credential)
}

// OperatorKey makes the scope of whoever holds an operator's key. The error is
// Unauthenticated for every text that is not a working key.
func (f *Flow) OperatorKey(ctx context.Context, key tenantry.Secret) (tenantry.Scope, error) {
	o, err := f.Access.FindByKey(ctx, key)
	if err != nil {
		return tenantry.Scope{}, err
	}
	// A role that is none grants nothing.
	grants, _ := access.OperatorGrants(o.Role)
	return tenantry.NewScope(tenantry.Actor{Kind: kindOperator, ID: o.ID.String(), Name: o.Name}, 0, grants...), nil
}

func (f *Flow) tenantKey(ctx context.Context, credential tenantry.Secret) (tenantry.Scope, error) {
	k, err := f.Access.FindTenantKey(ctx, credential)
	if err != nil {
		return tenantry.Scope{}, err
	}
	t, err := f.Tenants.Get(ctx, f.System("signin"), tenant.ByKey(k.Tenant))
	if tenantry.KindOf(err) == tenantry.NotFound { // it was removed a moment ago
		return tenantry.Scope{}, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
	}
	if err != nil {
		return tenantry.Scope{}, err
	}
	open, err := letsIn(t)
	if err != nil {
		return tenantry.Scope{}, err
	}
	if !open {
		k.Permissions = nil
	}
	return tenantry.NewScope(tenantry.Actor{Kind: kindKey, ID: k.ID.String(), Name: k.Name}, t.Key, k.Permissions...), nil
}

// Console makes the scope of whoever runs the command line: they can read and
// write the database file or its password anyway. name is the account of the
// operating system, for the audit.
func (f *Flow) Console(name string) tenantry.Scope {
	return platform(tenantry.Actor{Kind: kindConsole, Name: name})
}

// System makes the scope of the program's own work; name says which.
func (f *Flow) System(name string) tenantry.Scope {
	return platform(tenantry.Actor{Kind: kindSystem, Name: name})
}

// Holder makes the scope of whoever proves nothing but that they hold a token: it
// may end that token. The room that is asked makes sure of the rest.
func (f *Flow) Holder() tenantry.Scope {
	return tenantry.NewScope(tenantry.Actor{Kind: kindHolder}, 0)
}

func platform(actor tenantry.Actor) tenantry.Scope {
	return tenantry.NewScope(actor, 0, tenantry.Permissions()...)
}

// Person signs somebody in to a tenant that they belong to, or to their home for
// zero. Errors: Unauthenticated "signin.failed" whatever was wrong with name or
// password, Forbidden "access.no_tenant" for who belongs nowhere, NotFound for a
// tenant that is not theirs, Forbidden "access.tenant_suspended" or
// "access.tenant_closed" for one that lets nobody in. In a quarantined tenant
// nobody may do anything.
func (f *Flow) Person(ctx context.Context, username string, password tenantry.Secret, to tenantry.TenantKey) (tenantry.Scope, error) {
	self := f.System("signin")
	p, err := f.Users.Authenticate(ctx, self, username, password)
	if err != nil {
		return tenantry.Scope{}, err
	}
	return f.enter(ctx, self, p, to)
}

// enter makes the scope of somebody who has proven who they are.
func (f *Flow) enter(ctx context.Context, self tenantry.Scope, p user.Person, to tenantry.TenantKey) (tenantry.Scope, error) {
	m, err := f.membership(ctx, self, p, to)
	if err != nil {
		return tenantry.Scope{}, err
	}
	t, err := f.Tenants.Get(ctx, self, tenant.ByKey(m.Tenant))
	if err != nil {
		return tenantry.Scope{}, err
	}
	open, err := letsIn(t)
	if err != nil {
		return tenantry.Scope{}, err
	}
	var permissions []tenantry.Permission
	if open {
		if permissions, err = f.permissionsOf(ctx, self, p, m); err != nil {
			return tenantry.Scope{}, err
		}
	}
	return tenantry.NewScope(tenantry.Actor{Kind: kindUser, ID: p.ID.String(), Name: p.Username}, t.Key, permissions...), nil
}

// membership finds the place to which somebody signs in.
func (f *Flow) membership(ctx context.Context, self tenantry.Scope, p user.Person, to tenantry.TenantKey) (user.Membership, error) {
	if p.Profile != nil {
		// Reading a tenant that Django has just made completes it, without which its
		// people cannot be members. A profile may also have none: see room user.
		if _, err := f.Tenants.Get(ctx, self, tenant.ByKey(p.Profile.Tenant)); err != nil && tenantry.KindOf(err) != tenantry.NotFound {
			return user.Membership{}, err
		}
	}
	all, err := f.Users.Memberships(ctx, self, p.Key)
	if err != nil {
		return user.Membership{}, err
	}
	for _, m := range all {
		if m.Tenant == to || to == 0 && m.Home {
			return m, nil
		}
	}
	if to == 0 {
		return user.Membership{}, tenantry.NewError(tenantry.Forbidden, "access.no_tenant", "username", p.Username)
	}
	return user.Membership{}, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
}

// letsIn tells whether who comes into a tenant may do there what they hold, or
// nothing, as in a quarantined one. The error is of a tenant that lets nobody in.
func letsIn(t tenant.Tenant) (bool, error) {
	switch t.Status {
	case tenant.Active:
		return true, nil
	case tenant.Quarantined:
		return false, nil
	case tenant.Suspended:
		return false, tenantry.NewError(tenantry.Forbidden, "access.tenant_suspended", "tenant", t.Name, "reason", t.StatusReason)
	}
	// Not yet approved, or on its way out.
	return false, tenantry.NewError(tenantry.Forbidden, "access.tenant_closed", "tenant", t.Name, "status", t.Status)
}

// permissionsOf: what the profile says of rights, it says of the home tenant.
func (f *Flow) permissionsOf(ctx context.Context, self tenantry.Scope, p user.Person, m user.Membership) ([]tenantry.Permission, error) {
	standing, err := f.Access.StandingOf(ctx, self, m.Tenant, m.User, m.Role)
	if err != nil {
		return nil, err
	}
	if m.Home && p.Profile != nil {
		standing.IsTenantAdmin, standing.Permissions = p.Profile.IsTenantAdmin, p.Profile.Permissions
	}
	return standing.Effective(), nil
}
