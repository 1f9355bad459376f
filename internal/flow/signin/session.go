package signin

import (
	"context"
	"net/netip"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Client is what is known of the machine that somebody signs in from.
type Client struct {
	Address netip.Addr
	Device  string
}

// Signed is an answer to somebody who signs in: a session and its secret.
type Signed struct {
	Session session.Session
	Secret  tenantry.Secret
}

// IsSession tells by its form whether a credential is a session's secret.
func IsSession(credential tenantry.Secret) bool {
	return strings.HasPrefix(credential.Reveal(), session.Prefix)
}

// Session makes the scope of whoever is signed in by a session, anew each time:
// what they may do now, in the tenant where the session is, if that lets anybody
// in. Errors: Unauthenticated for what opens no session, and those of Person.
func (f *Flow) Session(ctx context.Context, credential tenantry.Secret) (tenantry.Scope, error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return tenantry.Scope{}, err
	}
	return f.scopeOf(ctx, o)
}

func (f *Flow) scopeOf(ctx context.Context, o owner) (tenantry.Scope, error) {
	scope, err := f.enter(ctx, f.System("session"), o.person, o.session.Tenant)
	if tenantry.KindOf(err) == tenantry.NotFound { // the membership ended; the session lives on elsewhere
		err = tenantry.NewError(tenantry.Forbidden, "session.tenant_left")
	}
	return scope, err
}

// SignIn opens a session for who proves to be somebody. Errors: Limited and Busy
// before anything is looked at, and those of Person.
func (f *Flow) SignIn(ctx context.Context, username string, password tenantry.Secret, to string, from Client) (Signed, error) {
	try := session.Try{What: "signin", Account: username, Address: from.Address}
	leave, err := f.Sessions.Enter(ctx, try)
	if err != nil {
		return Signed{}, err
	}
	defer leave()
	self := f.System("signin")
	p, err := f.Users.Authenticate(ctx, self, username, password)
	if err != nil {
		return Signed{}, f.failed(ctx, try, err)
	}
	if err := f.Sessions.Succeeded(ctx, try); err != nil {
		return Signed{}, err
	}
	key, err := f.place(ctx, self, p, to)
	if err != nil {
		return Signed{}, err
	}
	return f.open(ctx, p, key, from)
}

// Here is where somebody is signed in, and where else they might be.
type Here struct {
	Session     session.Session
	Person      user.Person
	Tenant      tenant.Tenant         // the zero one if they no longer belong to it
	Permissions []tenantry.Permission // in the tenant, none while it lets nobody in
	Tenants     []Place
}

// Place is a tenant that somebody belongs to.
type Place struct {
	ID     tenantry.TenantID
	Name   string
	Role   string
	Status tenant.Status
}

// Here describes a session to its person, also one whose tenant is suspended: it
// says so, and which others there are.
func (f *Flow) Here(ctx context.Context, credential tenantry.Secret) (here Here, err error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return Here{}, err
	}
	here.Session, here.Person = o.session, o.person
	all, err := f.Users.Memberships(ctx, o.self, o.person.Key)
	if err != nil {
		return Here{}, err
	}
	for _, m := range all {
		t, err := f.Tenants.Get(ctx, o.self, tenant.ByKey(m.Tenant))
		if tenantry.KindOf(err) == tenantry.NotFound {
			continue
		}
		if err != nil {
			return Here{}, err
		}
		here.Tenants = append(here.Tenants, Place{ID: t.ID, Name: t.Name, Role: m.Role, Status: t.Status})
		if m.Tenant == o.session.Tenant {
			here.Tenant = t
		}
	}
	scope, err := f.scopeOf(ctx, o)
	if err != nil && tenantry.KindOf(err) != tenantry.Forbidden {
		return Here{}, err
	}
	here.Permissions = scope.Permissions()
	return here, nil
}

// Rotate gives a session another secret; the old one dies.
func (f *Flow) Rotate(ctx context.Context, credential tenantry.Secret) (Signed, error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return Signed{}, err
	}
	x, secret, err := f.Sessions.Rotate(ctx, o.self, credential, 0)
	return Signed{x, secret}, err
}

// Switch takes a session to another tenant of its person's, named by its public
// id, under another secret. One that is not theirs is NotFound.
func (f *Flow) Switch(ctx context.Context, credential tenantry.Secret, to string) (Signed, error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return Signed{}, err
	}
	key, err := f.place(ctx, o.self, o.person, to)
	if err != nil {
		return Signed{}, err
	}
	x, secret, err := f.Sessions.Rotate(ctx, o.self, credential, key)
	return Signed{x, secret}, err
}

// SignOut ends a session.
func (f *Flow) SignOut(ctx context.Context, credential tenantry.Secret) error {
	o, err := f.own(ctx, credential)
	if err != nil {
		return err
	}
	return f.Sessions.Close(ctx, o.self, o.session, session.SignedOut)
}

// SignOutEverywhere ends every session of a session's person.
func (f *Flow) SignOutEverywhere(ctx context.Context, credential tenantry.Secret) (int, error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return 0, err
	}
	return f.Sessions.CloseAllOf(ctx, o.self, o.person.Key, session.Everywhere)
}

// OwnSessions lists the sessions of a session's person, and says which is this
// one.
func (f *Flow) OwnSessions(ctx context.Context, credential tenantry.Secret) (all []session.Session, this tenantry.SessionID, err error) {
	o, err := f.own(ctx, credential)
	if err != nil {
		return nil, this, err
	}
	all, err = f.Sessions.ListOf(ctx, o.self, o.person.Key)
	return all, o.session.ID, err
}

// EndOwn ends another session of a session's person.
func (f *Flow) EndOwn(ctx context.Context, credential tenantry.Secret, id tenantry.SessionID) error {
	o, err := f.own(ctx, credential)
	if err != nil {
		return err
	}
	return f.Sessions.CloseOf(ctx, o.self, o.person.Key, id, session.Revoked)
}

// owner is somebody in a session. self lets the rooms do, in their name, what is
// theirs to do with their own account; it never leaves this package.
type owner struct {
	session session.Session
	person  user.Person
	self    tenantry.Scope
}

// own finds whose session a credential opens, and ends one whose person may no
// longer sign in or has another password since.
func (f *Flow) own(ctx context.Context, credential tenantry.Secret) (o owner, err error) {
	system := f.System("session")
	if o.session, err = f.Sessions.Find(ctx, system, credential); err != nil {
		return owner{}, err
	}
	var mark string
	o.person, mark, err = f.Users.Marked(ctx, system, o.session.User)
	over := session.Inactive
	switch {
	case err == nil && mark == o.session.Mark:
		o.self = platform(actorOf(o.person))
		return o, nil
	case err == nil:
		over = session.Password
	case tenantry.KindOf(err) != tenantry.Unauthenticated:
		return owner{}, err
	}
	if err := f.Sessions.Close(ctx, system, o.session, over); err != nil {
		return owner{}, err
	}
	return owner{}, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
}

// place is the tenant to which somebody goes: the one with that public id, or
// their home for "". It is one that would let them in.
func (f *Flow) place(ctx context.Context, self tenantry.Scope, p user.Person, to string) (tenantry.TenantKey, error) {
	var key tenantry.TenantKey
	if to != "" {
		id, err := tenantry.ParseTenantID(to)
		if err != nil {
			return 0, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
		}
		t, err := f.Tenants.Get(ctx, self, tenant.ByID(id))
		if err != nil {
			return 0, err
		}
		key = t.Key
	}
	scope, err := f.enter(ctx, f.System("signin"), p, key)
	return scope.Tenant(), err
}

func (f *Flow) open(ctx context.Context, p user.Person, to tenantry.TenantKey, from Client) (Signed, error) {
	system := f.System("signin")
	_, mark, err := f.Users.Marked(ctx, system, p.Key)
	if err != nil {
		return Signed{}, err
	}
	x, secret, err := f.Sessions.Open(ctx, platform(actorOf(p)), session.Start{User: p.Key, Person: p.ID, Tenant: to, Mark: mark,
		Address: text(from.Address), Device: from.Device})
	return Signed{x, secret}, err
}

// failed counts a refusal against whoever tried. That a process is busy is
// nobody's failure.
func (f *Flow) failed(ctx context.Context, try session.Try, err error) error {
	if tenantry.KindOf(err) == tenantry.Unauthenticated {
		if err := f.Sessions.Failed(ctx, try); err != nil {
			return err
		}
	}
	return err
}

func actorOf(p user.Person) tenantry.Actor {
	return tenantry.Actor{Kind: kindUser, ID: p.ID.String(), Name: p.Username}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
