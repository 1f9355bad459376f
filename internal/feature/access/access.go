// Package access is the room of rights: what each role may do, and the
// operators who may do everything. It owns tenantry_operator. Who has which role
// in which tenant is for room user to keep, and only flow/signin makes a scope of
// it.
package access

import (
	"bytes"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// The roles of a tenant's people, as stored.
const (
	Owner       = "owner"
	Admin       = "admin"  // the seed's is_tenant_admin
	Member      = "member" // reads, and what the profile's permissions add
	Viewer      = "viewer"
	Billing     = "billing"
	Auditor     = "auditor"
	Quarantined = "quarantined" // nobody has placed this person yet: nothing at all
)

// Roles lists every role in the order in which they are shown.
func Roles() []string { return []string{Owner, Admin, Member, Viewer, Billing, Auditor, Quarantined} }

// Grants lists what a role may do in its tenant, in the catalogue's order; known
// is false when there is no such role.
func Grants(role string) (permissions []tenantry.Permission, known bool) {
	switch role {
	case Owner:
		return ofTenant(), true
	case Admin:
		return ofTenant(tenantry.TenantsDelete), true
	case Member, Billing:
		return []tenantry.Permission{tenantry.TenantsRead}, true
	case Viewer:
		return []tenantry.Permission{tenantry.TenantsRead, tenantry.UsersRead}, true
	case Auditor:
		return []tenantry.Permission{tenantry.TenantsRead, tenantry.UsersRead, tenantry.AuditRead}, true
	case Quarantined:
		return nil, true
	}
	return nil, false
}

// ofPlatform are the permissions that are not a tenant's to give.
var ofPlatform = []tenantry.Permission{tenantry.OperatorsWrite, tenantry.KeysWrite}

// ofTenant is the catalogue without what is the platform's and what is named.
func ofTenant(without ...tenantry.Permission) []tenantry.Permission {
	return slices.DeleteFunc(tenantry.Permissions(), func(p tenantry.Permission) bool {
		return slices.Contains(ofPlatform, p) || slices.Contains(without, p)
	})
}

// Effective lists what somebody may do in a tenant: what the role grants, what
// the profile's permissions say true to, and everything of an admin where the
// profile says is_tenant_admin. Keys that are not in the catalogue, values other
// than true, JSON that is no object and roles that do not exist grant nothing,
// and the quarantined are granted nothing by anything.
func Effective(role string, isTenantAdmin bool, permissions sqldb.JSON) []tenantry.Permission {
	if role == Quarantined {
		return nil
	}
	held, _ := Grants(role)
	if isTenantAdmin {
		more, _ := Grants(Admin)
		held = append(held, more...)
	}
	members, _ := permissions.Object()
	return slices.DeleteFunc(tenantry.Permissions(), func(p tenantry.Permission) bool {
		said := string(bytes.TrimSpace(members[string(p)])) == "true" && !slices.Contains(ofPlatform, p)
		return !said && !slices.Contains(held, p)
	})
}
