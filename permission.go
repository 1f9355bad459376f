package tenantry

// Permission is one thing that a caller may do. The catalogue is closed: what
// is not in Permissions grants nothing, wherever it is written.
type Permission string

const (
	// The seed's own two, as keys of tenants_userprofile.permissions.
	CanCreateAgents    Permission = "can_create_agents"
	CanManageDocuments Permission = "can_manage_documents"

	TenantsRead    Permission = "tenants.read"
	TenantsWrite   Permission = "tenants.write"
	TenantsDelete  Permission = "tenants.delete"
	UsersRead      Permission = "users.read"
	UsersWrite     Permission = "users.write"
	TokensRead     Permission = "tokens.read"
	TokensWrite    Permission = "tokens.write"
	AuditRead      Permission = "audit.read"
	OperatorsWrite Permission = "operators.write"
	KeysWrite      Permission = "keys.write"
)

// Permissions lists the catalogue in the order in which it is shown.
func Permissions() []Permission {
	return []Permission{
		CanCreateAgents, CanManageDocuments,
		TenantsRead, TenantsWrite, TenantsDelete, UsersRead, UsersWrite, TokensRead, TokensWrite, AuditRead, OperatorsWrite, KeysWrite,
	}
}
