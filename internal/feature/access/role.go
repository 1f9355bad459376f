package access

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Role is a role: one that every tenant has, or a tenant's own.
type Role struct {
	Tenant      tenantry.TenantKey
	Name        string // what a membership says
	Label       string // what people read; "" of those that every tenant has
	Permissions []tenantry.Permission
	BuiltIn     bool
	CreatedAt   time.Time
	CreatedBy   string
	UpdatedAt   time.Time
}

// ETag names the state of a tenant's own role.
func (r Role) ETag() string {
	return tenantry.ETag(r.Name, r.Label, string(listJSON(r.Permissions)), r.UpdatedAt.UnixMicro())
}

// RoleDraft is a role to be made.
type RoleDraft struct {
	Name        string
	Label       string
	Permissions []tenantry.Permission
}

// RoleChange is what to write of a role; nil stays.
type RoleChange struct {
	Label       *string
	Permissions *[]tenantry.Permission
}

// TenantPermissions lists the permissions that are a tenant's to give.
func TenantPermissions() []tenantry.Permission { return ofTenant() }

// GrantsIn lists what a role grants in a tenant, its own roles among them; known is
// false when there is no such role. The transaction must be one that writes: what
// it reads stays so until it ends.
func GrantsIn(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, role string) (permissions []tenantry.Permission, known bool, err error) {
	if permissions, known = Grants(role); known {
		return permissions, true, nil
	}
	r, known, err := selectRole(ctx, tx, tx.Of(sharedRole), tenant, role)
	return r.Permissions, known, err
}

// Roles lists the roles of a tenant: those that every tenant has, then its own by
// name.
func (s *Service) Roles(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey) (all []Role, err error) {
	if err := scope.RequireIn(tenant, tenantry.RolesRead); err != nil {
		return nil, err
	}
	for _, name := range Roles() {
		all = append(all, builtIn(tenant, name))
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		own, err := selectRoles(ctx, tx, tenant)
		all = append(all[:len(Roles())], own...)
		return err
	})
	return all, err
}

// Role reads one role of a tenant.
func (s *Service) Role(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string) (r Role, err error) {
	if err := scope.RequireIn(tenant, tenantry.RolesRead); err != nil {
		return Role{}, err
	}
	if slices.Contains(Roles(), name) {
		return builtIn(tenant, name), nil
	}
	if !roleName.MatchString(name) {
		return Role{}, roleNotFound()
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		found, ok, err := selectRole(ctx, tx, roleColumns+` WHERE tenant_id = ? AND name = ?`, tenant, name)
		if err == nil && !ok {
			err = roleNotFound()
		}
		r = found
		return err
	})
	return r, err
}

// CreateRole makes a role of a tenant's own. Nobody puts into it what they do not
// hold.
func (s *Service) CreateRole(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, d RoleDraft) (Role, error) {
	if err := scope.RequireIn(tenant, tenantry.RolesWrite); err != nil {
		return Role{}, err
	}
	if err := d.validate(); err != nil {
		return Role{}, err
	}
	if err := holdsAll(scope, d.Permissions); err != nil {
		return Role{}, err
	}
	now := s.clock()
	r := Role{Tenant: tenant, Name: d.Name, Label: d.Label, Permissions: inOrder(d.Permissions), CreatedAt: now, CreatedBy: scope.Actor().Name, UpdatedAt: now}
	err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertRole(ctx, tx, r); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "role.created", Subject: r.Name, Detail: map[string]any{"permissions": r.Permissions}})
	})
	if tenantry.KindOf(err) == tenantry.Conflict {
		err = tenantry.NewError(tenantry.Conflict, "role.name_taken", "name", d.Name).Because(err)
	}
	if err != nil {
		return Role{}, err
	}
	return r, nil
}

// UpdateRole changes a role of a tenant's own, and with it what everybody in it may
// do. What is put in, and what is taken out, whoever changes it must hold. ifMatch
// is the ETag of what was read, or "" not to care.
func (s *Service) UpdateRole(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, c RoleChange, ifMatch string) (r Role, err error) {
	if err := scope.RequireIn(tenant, tenantry.RolesWrite); err != nil {
		return Role{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		old, err := lockRole(ctx, tx, tenant, name, ifMatch)
		if err != nil {
			return err
		}
		d := RoleDraft{Name: old.Name, Label: old.Label, Permissions: old.Permissions}
		set(&d.Label, c.Label)
		set(&d.Permissions, c.Permissions)
		if err := d.validate(); err != nil {
			return err
		}
		r = old
		r.Label, r.Permissions = d.Label, inOrder(d.Permissions)
		if r.Label == old.Label && slices.Equal(r.Permissions, old.Permissions) {
			return nil
		}
		if err := holdsAll(scope, difference(old.Permissions, r.Permissions)); err != nil {
			return err
		}
		r.UpdatedAt = s.clock()
		if err := updateRole(ctx, tx, r); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "role.changed", Subject: name,
			Detail: map[string]any{"permissions": []any{old.Permissions, r.Permissions}}})
	})
	if err != nil {
		return Role{}, err
	}
	return r, nil
}

// DeleteRole takes a role of a tenant's own away. One that somebody is in is a
// Conflict: they would silently lose what it grants.
func (s *Service) DeleteRole(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name, ifMatch string) error {
	if err := scope.RequireIn(tenant, tenantry.RolesWrite); err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := lockRole(ctx, tx, tenant, name, ifMatch); err != nil {
			return err
		}
		n, err := s.held(ctx, tx, tenant, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return tenantry.NewError(tenantry.Conflict, "role.in_use", "name", name, "count", n)
		}
		if err := deleteRole(ctx, tx, tenant, name); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "role.deleted", Subject: name})
	})
}

func lockRole(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, name, ifMatch string) (Role, error) {
	if slices.Contains(Roles(), name) {
		return Role{}, tenantry.NewError(tenantry.Conflict, "role.built_in", "name", name)
	}
	if !roleName.MatchString(name) {
		return Role{}, roleNotFound()
	}
	r, ok, err := selectRole(ctx, tx, tx.Of(lockedRole), tenant, name)
	switch {
	case err != nil:
		return Role{}, err
	case !ok:
		return Role{}, roleNotFound()
	case ifMatch != "" && ifMatch != "*" && ifMatch != r.ETag():
		return Role{}, tenantry.NewError(tenantry.Stale, "role.stale", "name", name)
	}
	return r, nil
}

func builtIn(tenant tenantry.TenantKey, name string) Role {
	grants, _ := Grants(name)
	return Role{Tenant: tenant, Name: name, Permissions: grants, BuiltIn: true}
}

func roleNotFound() error { return tenantry.NewError(tenantry.NotFound, "role.not_found") }

// roleName: what a membership stores, and what stands in a path.
var roleName = regexp.MustCompile(`^[a-z][a-z0-9_-]{1,29}$`)

const labelLength = 100

func (d RoleDraft) validate() error {
	var wrong []tenantry.FieldError
	switch {
	case !roleName.MatchString(d.Name):
		wrong = append(wrong, tenantry.NewFieldError("name", "role.bad_name"))
	case slices.Contains(Roles(), d.Name):
		wrong = append(wrong, tenantry.NewFieldError("name", "role.name_built_in", "name", d.Name))
	}
	if code, params := badText(d.Label, labelLength); code != "" && d.Label != "" {
		wrong = append(wrong, tenantry.NewFieldError("label", code, params...))
	}
	wrong = append(wrong, badPermissions(d.Permissions)...)
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "role.invalid").WithFields(wrong...)
	}
	return nil
}

// badPermissions says what of a list is not a tenant's to give.
func badPermissions(all []tenantry.Permission) (wrong []tenantry.FieldError) {
	for _, p := range all {
		switch {
		case slices.Contains(ofPlatform, p):
			wrong = append(wrong, tenantry.NewFieldError("permissions", "access.of_platform", "permission", string(p)))
		case !slices.Contains(tenantry.Permissions(), p):
			wrong = append(wrong, tenantry.NewFieldError("permissions", "access.unknown_permission", "permission", shorten(string(p))))
		}
	}
	return wrong
}

// holdsAll: nobody gives, or takes, more than they hold themselves.
func holdsAll(scope tenantry.Scope, permissions []tenantry.Permission) error {
	for _, p := range permissions {
		if !scope.May(p) {
			return tenantry.NewError(tenantry.Forbidden, "access.cannot_grant", "permission", string(p))
		}
	}
	return nil
}

// grantable reads a stored list and leaves out what is not a tenant's to give:
// neither a statement behind our back nor an older program's words open anything.
func grantable(stored sqldb.JSON) []tenantry.Permission {
	var all []tenantry.Permission
	if json.Unmarshal(stored, &all) != nil {
		return []tenantry.Permission{}
	}
	return inOrder(all)
}

// inOrder is a list in the catalogue's order, each once, of what is a tenant's to
// give. It is never nil.
func inOrder(all []tenantry.Permission) []tenantry.Permission {
	return slices.DeleteFunc(ofTenant(), func(p tenantry.Permission) bool { return !slices.Contains(all, p) })
}

// difference lists what is in one of two lists alone.
func difference(a, b []tenantry.Permission) (all []tenantry.Permission) {
	for _, p := range tenantry.Permissions() {
		if slices.Contains(a, p) != slices.Contains(b, p) {
			all = append(all, p)
		}
	}
	return all
}

func listJSON(permissions []tenantry.Permission) sqldb.JSON {
	text, _ := json.Marshal(append([]tenantry.Permission{}, permissions...)) // strings can be marshalled
	return text
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// badText says what is wrong with a line that people read, "" for nothing.
func badText(text string, longest int) (code string, params []any) {
	switch {
	case strings.TrimSpace(text) == "":
		return "field.required", nil
	case utf8.RuneCountInString(text) > longest:
		return "field.too_long", []any{"max", longest}
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "field.not_text", nil
	case strings.TrimSpace(text) != text:
		return "field.outer_space", nil
	}
	return "", nil
}

func shorten(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return strings.ToValidUTF8(text, "")
}
