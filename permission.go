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
	KeysWrite      Permission = "keys.write" // the keys that seal columns

	// Who may what in a tenant: roles of its own, grants that end, and the keys of
	// its programs.
	RolesRead     Permission = "roles.read"
	RolesWrite    Permission = "roles.write"
	GrantsWrite   Permission = "grants.write"
	APIKeysRead   Permission = "apikeys.read"
	APIKeysWrite  Permission = "apikeys.write"
	SettingsRead  Permission = "settings.read"
	SettingsWrite Permission = "settings.write"

	ConfigurationRead  Permission = "configuration.read"
	ConfigurationWrite Permission = "configuration.write"
)

// Permissions lists the catalogue in the order in which it is shown.
func Permissions() []Permission {
	return []Permission{
		CanCreateAgents, CanManageDocuments,
		TenantsRead, TenantsWrite, TenantsDelete, UsersRead, UsersWrite, TokensRead, TokensWrite, AuditRead, OperatorsWrite, KeysWrite,
		RolesRead, RolesWrite, GrantsWrite, APIKeysRead, APIKeysWrite, SettingsRead, SettingsWrite,
		ConfigurationRead, ConfigurationWrite,
	}
}
