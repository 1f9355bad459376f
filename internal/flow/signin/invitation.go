package signin

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Invite asks somebody by mail to join a tenant. Errors: those of the rooms
// tenant and user for what the inviter may not do, Invalid for an address that is
// none.
func (f *Flow) Invite(ctx context.Context, scope tenantry.Scope, to tenant.Ref, email, role, lang string) (session.Invitation, error) {
	t, err := f.Tenants.Get(ctx, scope, to)
	if err != nil {
		return session.Invitation{}, err
	}
	if err := scope.RequireIn(t.Key, tenantry.UsersWrite); err != nil {
		return session.Invitation{}, err
	}
	if err := f.Users.MayHandOut(ctx, scope, t.Key, role); err != nil {
		return session.Invitation{}, err
	}
	made, secret, err := f.Sessions.Invite(ctx, scope, t.Key, email, role)
	if err != nil {
		return session.Invitation{}, err
	}
	return made, f.Letters.post(func(ctx context.Context) error {
		return f.Letters.send(ctx, lang, email, "mail.invitation", "/invitation", secret, "tenant", t.Name, "by", made.CreatedBy)
	})
}

// Acceptance is somebody new who joins.
type Acceptance struct {
	Username, FirstName, LastName string
	Password                      tenantry.Secret
}

// Accept keeps the promise of an invitation: to the person in a session, or, where
// there is none, to somebody new at home in that tenant. Errors: NotFound
// "link.not_found", Conflict "invitation.already_member", those of making a
// person.
func (f *Flow) Accept(ctx context.Context, secret, credential tenantry.Secret, a Acceptance) (tenant.Tenant, user.Person, error) {
	system := f.System("invitation")
	link, err := f.Sessions.FindLink(ctx, system, secret, session.ForInvitation)
	if err != nil {
		return tenant.Tenant{}, user.Person{}, err
	}
	t, err := f.Tenants.Get(ctx, system, tenant.ByKey(link.Tenant))
	if err != nil {
		return tenant.Tenant{}, user.Person{}, err
	}
	var p user.Person
	if credential.Empty() {
		p, err = f.join(ctx, secret, link, a)
	} else {
		p, err = f.joinToo(ctx, secret, link, credential)
	}
	return t, p, err
}

// join makes somebody new. Their address is the one that the invitation reached.
func (f *Flow) join(ctx context.Context, secret tenantry.Secret, link session.Link, a Acceptance) (p user.Person, err error) {
	if a.Password.Empty() {
		return p, tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("password", "field.required"))
	}
	d, err := f.Users.Prepare(user.Draft{Username: a.Username, FirstName: a.FirstName, LastName: a.LastName, Password: a.Password, Tenant: link.Tenant})
	if err != nil {
		return p, err
	}
	scope := platform(tenantry.Actor{Kind: kindInvitation, ID: link.Subject, Name: d.Username})
	err = f.DB.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		i, err := f.Sessions.AcceptIn(ctx, tx, scope, secret, link)
		if err != nil {
			return err
		}
		d.Email = i.Email
		if p, err = f.Users.CreateIn(ctx, tx, scope, d); err != nil {
			return err
		}
		if _, err := f.Users.AddMemberIn(ctx, tx, scope, i.Tenant, p.Key, i.Role); err != nil {
			return err
		}
		return f.Sessions.AcceptedIn(ctx, tx, scope, i, p.ID)
	})
	return p, err
}

// joinToo makes the person in a session a member as well.
func (f *Flow) joinToo(ctx context.Context, secret tenantry.Secret, link session.Link, credential tenantry.Secret) (user.Person, error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return user.Person{}, err
	}
	all, err := f.Users.Memberships(ctx, o.self, o.person.Key)
	if err != nil {
		return user.Person{}, err
	}
	for _, m := range all {
		if m.Tenant == link.Tenant { // an invitation takes no rights away
			return user.Person{}, tenantry.NewError(tenantry.Conflict, "invitation.already_member")
		}
	}
	err = f.DB.As(o.self).Write(ctx, func(tx *sqldb.Tx) error {
		i, err := f.Sessions.AcceptIn(ctx, tx, o.self, secret, link)
		if err != nil {
			return err
		}
		if _, err := f.Users.AddMemberIn(ctx, tx, o.self, i.Tenant, o.person.Key, i.Role); err != nil {
			return err
		}
		return f.Sessions.AcceptedIn(ctx, tx, o.self, i, o.person.ID)
	})
	return o.person, err
}
