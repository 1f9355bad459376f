package access

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Grant is a permission that a member of a tenant has for a time, beside what their
// role gives. It ends by itself, and with their membership.
type Grant struct {
	Tenant     tenantry.TenantKey
	ID         tenantry.GrantID
	User       tenantry.UserKey
	UserID     tenantry.UserID // filled in by Grants and Give
	Permission tenantry.Permission
	Reason     string
	GrantedAt  time.Time
	GrantedBy  string
	ExpiresAt  time.Time
	RevokedAt  *time.Time
	RevokedBy  string
}

// Live tells whether a grant counts at an instant.
func (g Grant) Live(at time.Time) bool { return g.RevokedAt == nil && at.Before(g.ExpiresAt) }

// GrantDraft is a grant to be given.
type GrantDraft struct {
	User       tenantry.UserKey
	UserID     tenantry.UserID
	Permission tenantry.Permission
	Reason     string
	ExpiresAt  time.Time
}

const (
	longestGrant = 365 * 24 * time.Hour
	reasonLength = 1000
)

// Give gives a member of a tenant a permission until an instant, at most a year
// ahead. Whoever gives it must hold it. Somebody who is no member is NotFound.
func (s *Service) Give(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, d GrantDraft) (Grant, error) {
	if err := scope.RequireIn(tenant, tenantry.GrantsWrite); err != nil {
		return Grant{}, err
	}
	now := s.clock()
	if err := d.validate(now); err != nil {
		return Grant{}, err
	}
	if err := holdsAll(scope, []tenantry.Permission{d.Permission}); err != nil {
		return Grant{}, err
	}
	g := Grant{Tenant: tenant, ID: tenantry.NewGrantID(now, s.random), User: d.User, UserID: d.UserID, Permission: d.Permission, Reason: d.Reason,
		GrantedAt: now, GrantedBy: scope.Actor().Name, ExpiresAt: d.ExpiresAt}
	err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertGrant(ctx, tx, g); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "grant.given", Subject: d.UserID.String(),
			Detail: map[string]any{"grant": g.ID, "permission": g.Permission, "expires_at": g.ExpiresAt, "reason": g.Reason}})
	})
	if tenantry.KindOf(err) == tenantry.Conflict { // only the foreign key to memberships can object
		err = tenantry.NewError(tenantry.NotFound, "user.not_found").Because(err)
	}
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// GrantQuery says which grants to list: of one member or, for zero, of all; those
// that count now or, with Old, also those that are over.
type GrantQuery struct {
	User tenantry.UserKey
	Old  bool
	Page tenantry.Page
}

// Grants reads one page of a tenant's grants, newest first.
func (s *Service) Grants(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, q GrantQuery) (list tenantry.List[Grant], err error) {
	if err := scope.RequireIn(tenant, tenantry.RolesRead); err != nil {
		return list, err
	}
	if q.Page.Cursor != "" {
		if _, err := tenantry.ParseGrantID(q.Page.Cursor); err != nil {
			return list, tenantry.NewError(tenantry.Invalid, "page.bad_cursor").Because(err)
		}
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		list.Items, err = selectGrants(ctx, tx, tenant, q, s.clock())
		return err
	})
	if limit := q.Page.Clamp(); len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.NextCursor = list.Items[limit-1].ID.String()
	}
	return list, err
}

// RevokeGrant ends a grant before its time. Revoking again changes nothing.
func (s *Service) RevokeGrant(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, id tenantry.GrantID) (g Grant, err error) {
	if err := scope.RequireIn(tenant, tenantry.GrantsWrite); err != nil {
		return Grant{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if g, err = selectGrant(ctx, tx, tenant, id); err != nil || g.RevokedAt != nil {
			return err
		}
		now, by := s.clock(), scope.Actor().Name
		changed, err := updateGrantRevoked(ctx, tx, tenant, id, now, by)
		if err != nil || changed == 0 { // somebody else was first
			return err
		}
		g.RevokedAt, g.RevokedBy = &now, by
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "grant.revoked", Subject: g.UserID.String(),
			Detail: map[string]any{"grant": g.ID, "permission": g.Permission}})
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

func (d GrantDraft) validate(now time.Time) error {
	wrong := badPermissions([]tenantry.Permission{d.Permission})
	for i := range wrong {
		wrong[i].Field = "permission"
	}
	if code, params := badText(d.Reason, reasonLength); code != "" {
		wrong = append(wrong, tenantry.NewFieldError("reason", code, params...))
	}
	switch {
	case !d.ExpiresAt.After(now):
		wrong = append(wrong, tenantry.NewFieldError("expires_at", "access.in_the_past"))
	case d.ExpiresAt.After(now.Add(longestGrant)):
		wrong = append(wrong, tenantry.NewFieldError("expires_at", "grant.too_long", "days", int(longestGrant.Hours()/24)))
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "grant.invalid").WithFields(wrong...)
	}
	return nil
}

// Standing is all that decides over what somebody may do in a tenant.
type Standing struct {
	Role          string
	Own           *Role // the tenant's own role of that name, nil for none
	IsTenantAdmin bool  // what the profile says, at home only
	Permissions   sqldb.JSON
	Grants        []Grant // that count now
}

// Source is one reason why somebody holds a permission.
type Source struct {
	Permission tenantry.Permission
	Kind       string // one of those below
	Name       string // of the role, or the id of the grant
	ExpiresAt  *time.Time
}

// The kinds of source.
const (
	ByRole        = "role"
	ByOwnRole     = "own_role"
	ByTenantAdmin = "is_tenant_admin"
	ByProfile     = "profile"
	ByGrant       = "grant"
)

// SourceKinds lists the kinds of source.
func SourceKinds() []string { return []string{ByRole, ByOwnRole, ByTenantAdmin, ByProfile, ByGrant} }

// Sources lists every reason why somebody holds something. Keys that are not in the
// catalogue, values other than true, JSON that is no object and roles that do not
// exist give nothing, and to the quarantined nothing gives anything.
func (st Standing) Sources() (all []Source) {
	if st.Role == Quarantined {
		return nil
	}
	add := func(kind, name string, permissions []tenantry.Permission) {
		for _, p := range permissions {
			all = append(all, Source{Permission: p, Kind: kind, Name: name})
		}
	}
	if grants, known := Grants(st.Role); known {
		add(ByRole, st.Role, grants)
	} else if st.Own != nil {
		add(ByOwnRole, st.Role, st.Own.Permissions)
	}
	if st.IsTenantAdmin {
		grants, _ := Grants(Admin)
		add(ByTenantAdmin, Admin, grants)
	}
	add(ByProfile, "", saidTrue(st.Permissions))
	for _, g := range st.Grants {
		for _, p := range inOrder([]tenantry.Permission{g.Permission}) {
			all = append(all, Source{Permission: p, Kind: ByGrant, Name: g.ID.String(), ExpiresAt: &g.ExpiresAt})
		}
	}
	return all
}

// Effective lists what somebody may do, in the catalogue's order: what has a source.
func (st Standing) Effective() (held []tenantry.Permission) {
	sources := st.Sources()
	for _, p := range tenantry.Permissions() {
		for _, s := range sources {
			if s.Permission == p {
				held = append(held, p)
				break
			}
		}
	}
	return held
}

// StandingOf reads what the room knows of a member in a role: the tenant's own role
// of that name and the grants that count now.
func (s *Service) StandingOf(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, user tenantry.UserKey, role string) (st Standing, err error) {
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		st, _, err = s.StandingIn(ctx, tx, scope, tenant, user, role)
		return err
	})
	return st, err
}

// StandingIn is StandingOf within a transaction of the caller's. over are the grants
// that count no more.
func (s *Service) StandingIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, user tenantry.UserKey, role string) (st Standing, over []Grant, err error) {
	if err := scope.RequireIn(tenant, tenantry.RolesRead); err != nil {
		return st, nil, err
	}
	st.Role = role
	own, ok, err := selectRole(ctx, tx, roleColumns+` WHERE tenant_id = ? AND name = ?`, tenant, role)
	if err != nil {
		return st, nil, err
	}
	if ok {
		st.Own = &own
	}
	all, err := selectGrantsOf(ctx, tx, tenant, user)
	now := s.clock()
	for _, g := range all {
		if g.Live(now) {
			st.Grants = append(st.Grants, g)
		} else {
			over = append(over, g)
		}
	}
	return st, over, err
}

// Ignored is a key of a profile's permissions that grants nothing, and why.
type Ignored struct {
	Key     string
	Unknown bool // or its value is neither true nor false
}

// IgnoredIn lists what in a profile's permissions is meant to grant something and
// does not; object is false for what is no object at all.
func IgnoredIn(permissions sqldb.JSON) (ignored []Ignored, object bool) {
	members, object := permissions.Object()
	for _, name := range sortedKeys(members) {
		var b bool
		switch known := len(inOrder([]tenantry.Permission{tenantry.Permission(name)})) > 0; {
		case !known:
			ignored = append(ignored, Ignored{Key: name, Unknown: true})
		case json.Unmarshal(members[name], &b) != nil || string(members[name]) == "null":
			ignored = append(ignored, Ignored{Key: name})
		}
	}
	return ignored, object
}
