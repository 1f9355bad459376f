package tenantry

// Actor is who acts, as the audit records it.
type Actor struct {
	Kind string `json:"kind"` // "operator", "console", "user", "key", "system"
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Scope is who is calling and what they may touch. It is the first parameter
// of every service method after the context. The tenant in it comes from the
// credential, never from the request. Only sign-in makes one: NewScope may be
// called from flow/signin and nowhere else, which a test of the house enforces;
// the zero Scope may do nothing.
type Scope struct {
	actor       Actor
	tenant      TenantKey
	platform    bool
	wall        int64
	permissions map[Permission]bool
}

// NewScope is for flow/signin. A tenant of zero makes the scope of an operator,
// who sees every tenant.
func NewScope(actor Actor, tenant TenantKey, permissions ...Permission) Scope {
	s := Scope{actor: actor, tenant: tenant, platform: tenant == 0, wall: int64(tenant), permissions: make(map[Permission]bool, len(permissions))}
	for _, p := range permissions {
		s.permissions[p] = true
	}
	return s
}

// Actor returns who acts.
func (s Scope) Actor() Actor { return s.actor }

// Tenant returns the caller's own tenant, zero for an operator.
func (s Scope) Tenant() TenantKey { return s.tenant }

// Wall is the key of the tenant whose rows alone the scope's transactions see, zero
// for those of the program and its operators. It is the scope's own tenant, unless
// Behind has set it.
func (s Scope) Wall() int64 { return s.wall }

// Behind returns the scope with its transactions confined to one tenant, by the
// database where it can: an operator who looks at one customer needs no more. It
// never widens what a scope reaches.
func (s Scope) Behind(tenant TenantKey) Scope {
	if s.wall == 0 {
		s.wall = int64(tenant)
	}
	return s
}

// May reports whether the scope holds a permission.
func (s Scope) May(p Permission) bool { return s.permissions[p] }

// Permissions returns what the scope holds, in the catalogue's order.
func (s Scope) Permissions() []Permission {
	var held []Permission
	for _, p := range Permissions() {
		if s.permissions[p] {
			held = append(held, p)
		}
	}
	return held
}

// Require returns a Forbidden error naming the permission unless it is held.
func (s Scope) Require(p Permission) error {
	if s.permissions[p] {
		return nil
	}
	if s.actor == (Actor{}) {
		return NewError(Unauthenticated, "access.unauthenticated")
	}
	return NewError(Forbidden, "access.forbidden", "permission", string(p))
}

// RequireIn is Require for something that belongs to a tenant. Another
// tenant's answers exactly like a missing one.
func (s Scope) RequireIn(tenant TenantKey, p Permission) error {
	if !s.platform && s.tenant != tenant {
		return NewError(NotFound, "tenant.not_found")
	}
	return s.Require(p)
}

// Reaches reports whether rows of a tenant are within the scope.
func (s Scope) Reaches(tenant TenantKey) bool {
	return s.actor != (Actor{}) && (s.platform || s.tenant == tenant)
}

// RequirePlatform is Require for what only an operator does.
func (s Scope) RequirePlatform(p Permission) error {
	if err := s.Require(p); err != nil {
		return err
	}
	if !s.platform {
		return NewError(Forbidden, "access.forbidden", "permission", string(p))
	}
	return nil
}
