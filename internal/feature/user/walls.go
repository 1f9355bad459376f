package user

// Reached is the condition by which row security tells that the person in a column
// is one of a tenant's: what its caller sees of memberships and profiles is
// confined by the policies on those.
func Reached(column string) string {
	return `EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.user_id = ` + column + `) OR EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = ` + column + `)`
}

// AccountGrants is what a tenant's caller may do with accounts. Hashes of passwords
// are for sign-in, which is the program's own work.
func AccountGrants() []string {
	return []string{"SELECT (id, username, email, first_name, last_name, is_active, is_staff, is_superuser, last_login, date_joined)", "UPDATE"}
}
