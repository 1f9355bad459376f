// Package user is the room of people: their accounts, their profiles and the
// tenants they belong to. It owns Django's tables auth_user (with its links to
// groups and permissions) and tenants_userprofile and, beside them,
// tenantry_user and tenantry_membership. What a role may do is for room access
// to say, what a tenant is for room tenant.
package user

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Person is somebody with an account.
type Person struct {
	Key         tenantry.UserKey
	ID          tenantry.UserID
	Username    string
	Email       string
	FirstName   string
	LastName    string
	IsActive    bool // false: may not sign in, to Django either
	IsStaff     bool // Django's; means nothing to Tenantry
	IsSuperuser bool // Django's; means nothing to Tenantry
	LastLogin   *time.Time
	DateJoined  time.Time
	Profile     *Profile // nil for nobody's, and for a profile in a tenant out of the caller's reach
}

// ETag tells whether two readings of a person are of the same state. It is made of
// everything that can be written, because a Django process may write the rows as
// well and counts nothing.
func (p Person) ETag() string {
	parts := []any{p.Username, p.Email, p.FirstName, p.LastName, p.IsActive}
	if f := p.Profile; f != nil {
		parts = append(parts, f.Tenant, f.Phone, f.Avatar, f.Bio, f.Language, f.Timezone, f.NotificationsEnabled, f.IsTenantAdmin,
			string(f.Permissions), f.UpdatedAt.UnixMicro())
	}
	return tenantry.ETag(parts...)
}

// Profile is what a person is in their home tenant. Django allows one to a
// person; further tenants are memberships only.
type Profile struct {
	Tenant               tenantry.TenantKey
	Phone                string // E.164 when written, or ""; the next four likewise: whatever Django stored when read
	Avatar               string // a path below MEDIA_ROOT, or ""
	Bio                  string
	Language             string // BCP 47
	Timezone             string // IANA
	NotificationsEnabled bool
	IsTenantAdmin        bool       // the seed's word for the role admin
	Permissions          sqldb.JSON // an object of booleans by permission when written; any JSON when read
	CreatedAt            time.Time
	UpdatedAt            time.Time
}

// Membership is a person's place in a tenant.
type Membership struct {
	Tenant    tenantry.TenantKey
	User      tenantry.UserKey
	UserID    tenantry.UserID
	Username  string
	Role      string
	Home      bool // the tenant of the person's profile
	CreatedAt time.Time
}

// The roles that this room gives by itself. Which roles there are is asked of
// the Roles that New is handed.
const (
	RoleOwner  = "owner"
	RoleAdmin  = "admin"  // what Django says with is_tenant_admin
	RoleMember = "member" // what Django says without it
	// RoleQuarantined may do nothing: of people whom a migration put into a tenant
	// because they had none, until somebody places them.
	RoleQuarantined = "quarantined"
)

// Roles tells what a role grants in a tenant, which may have some of its own, and
// whether there is such a role. The transaction is one that writes.
type Roles func(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, role string) (grants []tenantry.Permission, known bool, err error)

// administers tells which roles Django's is_tenant_admin stands for.
func administers(role string) bool { return role == RoleOwner || role == RoleAdmin }

// Ref names a person as people do at the command line: by Django's integer, by
// public id or by user name.
type Ref struct {
	key      tenantry.UserKey
	id       tenantry.UserID
	username string
}

// ByKey, ByID and ByUsername name a person in one way.
func ByKey(k tenantry.UserKey) Ref   { return Ref{key: k} }
func ByID(id tenantry.UserID) Ref    { return Ref{id: id} }
func ByUsername(username string) Ref { return Ref{username: username} }

// ParseRef reads what somebody typed. A number is a key and something that
// looks like a public id is one; everything else is a user name.
func ParseRef(text string) (Ref, error) {
	if key, err := strconv.ParseInt(text, 10, 64); err == nil {
		if key <= 0 {
			return Ref{}, notFound()
		}
		return ByKey(tenantry.UserKey(key)), nil
	}
	if strings.HasPrefix(text, "usr_") {
		id, err := tenantry.ParseUserID(text)
		return ByID(id), err
	}
	name, ok := normalUsername(text)
	if !ok {
		return Ref{}, notFound()
	}
	return ByUsername(name), nil
}

func notFound() error { return tenantry.NewError(tenantry.NotFound, "user.not_found") }
