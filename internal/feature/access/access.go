// Package access is the room of rights: what each role may do, the roles that
// tenants make for themselves, permissions given for a time, the keys of tenants'
// programs, and the operators. It owns tenantry_role, tenantry_grant, tenantry_key
// with its directory tenantry_key_digest, and tenantry_operator. Who has which role
// in which tenant is for room user to keep, and only flow/signin makes a scope of
// it.
package access

import (
	"bytes"
	"encoding/json"
	"maps"
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
	case Member:
		return []tenantry.Permission{tenantry.TenantsRead, tenantry.ConfigurationRead}, true
	case Billing:
		return []tenantry.Permission{tenantry.TenantsRead}, true
	case Viewer:
		return looks(), true
	case Auditor:
		return inOrder(append(looks(), tenantry.AuditRead)), true
	case Quarantined:
		return nil, true
	}
	return nil, false
}

// looks is what somebody who changes nothing may see of a tenant.
func looks() []tenantry.Permission {
	return []tenantry.Permission{tenantry.TenantsRead, tenantry.UsersRead, tenantry.RolesRead, tenantry.APIKeysRead, tenantry.SettingsRead, tenantry.ConfigurationRead}
}

// ofPlatform are the permissions that are not a tenant's to give.
var ofPlatform = []tenantry.Permission{tenantry.OperatorsWrite, tenantry.KeysWrite}

// ofTenant is the catalogue without what is the platform's and what is named.
func ofTenant(without ...tenantry.Permission) []tenantry.Permission {
	return slices.DeleteFunc(tenantry.Permissions(), func(p tenantry.Permission) bool {
		return slices.Contains(ofPlatform, p) || slices.Contains(without, p)
	})
}

// saidTrue lists what an object says true to and is a tenant's to give.
func saidTrue(permissions sqldb.JSON) []tenantry.Permission {
	members, _ := permissions.Object()
	return slices.DeleteFunc(ofTenant(), func(p tenantry.Permission) bool {
		return string(bytes.TrimSpace(members[string(p)])) != "true"
	})
}

func sortedKeys(members map[string]json.RawMessage) []string {
	return slices.Sorted(maps.Keys(members))
}
