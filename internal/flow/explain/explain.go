// Package explain answers why somebody may do something in a tenant, or may not.
// What gives and what ignores a permission is room access's to say; this joins it
// with who the person is, which room user knows, and with the tenant they want in.
package explain

import (
	"context"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow explains.
type Flow struct {
	DB      *sqldb.DB
	Tenants *tenant.Service
	Users   *user.Service
	Access  *access.Service
}

// Explanation is what somebody may do in a tenant, and why.
type Explanation struct {
	Person      user.Person
	Tenant      tenant.Tenant
	Role        string // "" for who is no member
	Permissions []Verdict
	Against     []Reason
}

// Verdict is about one permission. It is held if it has a source and no reason keeps
// its person out altogether.
type Verdict struct {
	Permission tenantry.Permission
	Granted    bool
	Sources    []access.Source
}

// Reason is something that speaks against, or that was meant to grant something and
// does not.
type Reason struct {
	Code       ReasonCode
	Everything bool                // it takes every permission away
	Permission tenantry.Permission // that it is about, "" for several
	Key        string              // of the profile's permissions, or the id of a grant
	At         *time.Time
}

// ReasonCode is a sort of reason; with "explain." before it, it names its message.
type ReasonCode string

const (
	Inactive     ReasonCode = "inactive"
	NotMember    ReasonCode = "not_member"
	Quarantined  ReasonCode = "quarantined"  // the person's role
	TenantClosed ReasonCode = "tenant_state" // suspended, waiting, on its way out, quarantined
	UnknownRole  ReasonCode = "unknown_role"
	UnknownKey   ReasonCode = "unknown_key"
	NotBoolean   ReasonCode = "not_boolean"
	NotObject    ReasonCode = "not_object"
	Elsewhere    ReasonCode = "elsewhere" // the profile is of another tenant
	GrantExpired ReasonCode = "grant_expired"
	GrantRevoked ReasonCode = "grant_revoked"
)

// ReasonCodes lists the sorts of reason.
func ReasonCodes() []ReasonCode {
	return []ReasonCode{Inactive, NotMember, Quarantined, TenantClosed, UnknownRole, UnknownKey, NotBoolean, NotObject, Elsewhere, GrantExpired, GrantRevoked}
}

// Run explains what a person may do in a tenant: of one permission, or for "" of all
// that a tenant can give. It says of everybody what sign-in would let them do.
func (f *Flow) Run(ctx context.Context, s tenantry.Scope, at tenant.Ref, who user.Ref, only tenantry.Permission) (e Explanation, err error) {
	all := access.TenantPermissions()
	if only != "" {
		if !slices.Contains(tenantry.Permissions(), only) {
			return e, tenantry.NewError(tenantry.Invalid, "explain.no_such_permission", "permission", clip(string(only)))
		}
		all = []tenantry.Permission{only}
	}
	// Both readings complete what a Django process has made a moment ago.
	if e.Tenant, err = f.Tenants.Get(ctx, s, at); err != nil {
		return e, err
	}
	if err := s.RequireIn(e.Tenant.Key, tenantry.UsersRead); err != nil {
		return e, err
	}
	if _, err := f.Users.Members(ctx, s, e.Tenant.Key, tenantry.Page{Limit: 1}); err != nil {
		return e, err
	}
	if e.Person, err = f.Users.Get(ctx, s, who); err != nil {
		return e, err
	}
	err = f.DB.As(s).Read(ctx, func(tx *sqldb.Tx) error {
		e.Permissions, e.Against = nil, nil
		return f.look(ctx, tx, s, &e, all)
	})
	return e, err
}

func (f *Flow) look(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, e *Explanation, all []tenantry.Permission) (err error) {
	if e.Tenant, err = f.Tenants.GetIn(ctx, tx, s, tenant.ByKey(e.Tenant.Key)); err != nil {
		return err
	}
	if e.Person, err = f.Users.GetIn(ctx, tx, s, user.ByKey(e.Person.Key)); err != nil {
		return err
	}
	m, member, err := f.Users.MembershipIn(ctx, tx, s, e.Tenant.Key, e.Person.Key)
	if err != nil {
		return err
	}
	standing, over, err := f.Access.StandingIn(ctx, tx, s, e.Tenant.Key, e.Person.Key, m.Role)
	if err != nil {
		return err
	}
	if m.Home && e.Person.Profile != nil {
		standing.IsTenantAdmin, standing.Permissions = e.Person.Profile.IsTenantAdmin, e.Person.Profile.Permissions
	}
	e.Role = m.Role
	e.keptOut(member)
	e.ignored(m, member, standing, over)
	sources := standing.Sources()
	if !member {
		sources = nil
	}
	out := slices.ContainsFunc(e.Against, func(r Reason) bool { return r.Everything })
	for _, p := range all {
		v := Verdict{Permission: p}
		for _, source := range sources {
			if source.Permission == p {
				v.Sources = append(v.Sources, source)
			}
		}
		v.Granted = len(v.Sources) > 0 && !out
		e.Permissions = append(e.Permissions, v)
	}
	return nil
}

// keptOut lists what takes every permission away.
func (e *Explanation) keptOut(member bool) {
	against := func(holds bool, code ReasonCode, key string) {
		if holds {
			e.Against = append(e.Against, Reason{Code: code, Everything: true, Key: key})
		}
	}
	against(!e.Person.IsActive, Inactive, "")
	against(!member, NotMember, "")
	against(e.Role == access.Quarantined, Quarantined, "")
	against(e.Tenant.Status != tenant.Active, TenantClosed, string(e.Tenant.Status))
}

// ignored lists what was meant to grant something and does not.
func (e *Explanation) ignored(m user.Membership, member bool, st access.Standing, over []access.Grant) {
	add := func(r Reason) { e.Against = append(e.Against, r) }
	if _, known := access.Grants(m.Role); member && !known && st.Own == nil {
		add(Reason{Code: UnknownRole, Key: m.Role})
	}
	if member && m.Home && e.Person.Profile != nil {
		keys, object := access.IgnoredIn(st.Permissions)
		if !object {
			add(Reason{Code: NotObject})
		}
		for _, k := range keys {
			if k.Unknown {
				add(Reason{Code: UnknownKey, Key: clip(k.Key)})
			} else {
				add(Reason{Code: NotBoolean, Key: k.Key, Permission: tenantry.Permission(k.Key)})
			}
		}
	} else if member && e.Person.Profile != nil && e.Person.Profile.IsTenantAdmin {
		add(Reason{Code: Elsewhere})
	}
	for _, g := range over {
		r := Reason{Code: GrantExpired, Permission: g.Permission, Key: g.ID.String(), At: &g.ExpiresAt}
		if g.RevokedAt != nil {
			r.Code, r.At = GrantRevoked, g.RevokedAt
		}
		add(r)
	}
}

func clip(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
