package app

import (
	"context"
	"net/url"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/wall"
	people "github.com/tenantry/tenantry/internal/feature/user"
)

// wallSetting is the parameter that names the tenant of a transaction.
const wallSetting = "tenantry.tenant_id"

// Whose rows are whose.
const (
	thisTenant = `nullif(current_setting('` + wallSetting + `', true), '')::bigint`
	ofTenant   = `tenant_id = ` + thisTenant
)

// wallTables says of every table of ours and of Django's whose rows it holds and
// what a tenant's caller may do with them. One of ours that is missing here keeps
// the program from serving.
func wallTables() []wall.Table {
	all := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	read := []string{"SELECT"}
	write := []string{"SELECT", "INSERT", "UPDATE"}
	appended := []string{"SELECT", "INSERT"}
	return []wall.Table{
		{Name: "tenantry_tenant", Own: ofTenant, Grants: read},
		{Name: "tenantry_user", Own: people.Reached("tenantry_user.user_id"), Grants: read},
		{Name: "tenantry_membership", Own: ofTenant, Grants: all},
		{Name: "tenantry_audit", Own: ofTenant, Grants: appended, Program: appended},
		{Name: "tenantry_idempotency", Own: ofTenant, Grants: all},
		{Name: "tenantry_token", Own: ofTenant, Grants: write},
		{Name: "tenantry_token_version", Own: ofTenant, Grants: write},
		{Name: "tenantry_token_digest", Own: ofTenant, Grants: all},
		{Name: "tenantry_token_policy", Own: ofTenant, Grants: all},
		{Name: "tenantry_role", Own: ofTenant, Grants: all},
		{Name: "tenantry_grant", Own: ofTenant, Grants: all},
		{Name: "tenantry_key", Own: ofTenant, Grants: all},
		{Name: "tenantry_key_digest", Own: ofTenant, Grants: all},
		{Name: "tenantry_invitation", Own: ofTenant, Grants: all},
		{Name: "tenantry_session"}, {Name: "tenantry_session_secret"}, {Name: "tenantry_attempt"},
		{Name: "tenantry_link"},
		{Name: "tenantry_configuration_version", Own: ofTenant, Grants: appended},
		{Name: "tenantry_configuration_schema", Grants: read},
		{Name: "tenantry_rollout_item", Own: ofTenant},
		{Name: "tenantry_rollout_attempt", Own: ofTenant},
		{Name: "tenantry_rollout_change", Own: ofTenant},
		{Name: "tenantry_model", Grants: read},
		{Name: "tenantry_operator"}, {Name: "tenantry_instance"}, {Name: "tenantry_seal_key"}, {Name: "tenantry_notice"},
		{Name: "tenantry_token_run"}, {Name: "tenantry_rollout"}, {Name: "tenantry_rollout_wave"}, {Name: "tenantry_rollout_lease"},
		{Name: "tenantry_migration", Program: read}, {Name: "tenantry_lease", Program: read},

		{Name: "tenants_tenantmodel", Own: `id = ` + thisTenant, Grants: []string{"SELECT", "UPDATE"}, Guest: true},
		{Name: "tenants_userprofile", Own: ofTenant, Grants: all, Guest: true},
		{Name: "tenants_tenantconfigurationmodel", Own: ofTenant, Grants: all, Guest: true},
		{Name: "auth_user", Own: people.Reached("auth_user.id"), Guest: true, Grants: people.AccountGrants()},
		{Name: "auth_user_groups", Guest: true}, {Name: "auth_user_user_permissions", Guest: true},
		{Name: "auth_group", Guest: true}, {Name: "auth_group_permissions", Guest: true}, {Name: "auth_permission", Guest: true},
		{Name: "django_content_type", Guest: true}, {Name: "django_migrations", Guest: true, Program: read},
	}
}

// walls is the plan for the role that the settings sign in as. Its two roles carry
// its name, so that what another installation on the same server may do there says
// nothing here.
func (p Program) walls() wall.Plan {
	login, password := credentials(p.DatabaseURL())
	return wall.Plan{Login: login, Password: tenantry.NewSecret(password), Roles: p.roles(), Prefix: "tenantry_", Tables: wallTables()}
}

func (p Program) roles() sqldb.Roles {
	login, _ := credentials(p.DatabaseURL())
	if login == "" {
		return sqldb.Roles{}
	}
	const longest = 63 - len("_tenants") // of a name in PostgreSQL
	if len(login) > longest {
		login = login[:longest]
	}
	return sqldb.Roles{Tenants: login + "_tenants", Program: login + "_program", Setting: wallSetting}
}

// credentials takes the user and the password out of a URL, "" on SQLite.
func credentials(text string) (name, password string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", ""
	}
	password, _ = u.User.Password()
	if q := u.Query(); q.Get("user") != "" {
		return q.Get("user"), q.Get("password")
	}
	return u.User.Username(), password
}

// twoRoles tells whether the tables belong to another role than the one that
// serves.
func (p Program) twoRoles() bool {
	owner, _ := credentials(p.Settings.Database.OwnerURL.Reveal())
	login, _ := credentials(p.DatabaseURL())
	return owner != "" && owner != login
}

// Run migrates, and leaves the walls standing around what there is then.
func (m *Migrator) Run(ctx context.Context, request migrate.Request, watch func(migrate.Event)) (done []migrate.Planned, err error) {
	if !m.program.twoRoles() {
		return m.Runner.Run(ctx, request, watch)
	}
	state, err := m.State(ctx)
	if err != nil {
		return nil, err
	}
	if plan, err := state.Plan(request); err == nil && len(plan) > 0 && plan[0].Backwards {
		// Policies refer to tables that are about to go.
		if err := m.program.walls().Lower(ctx, m.DB); err != nil {
			return nil, err
		}
	}
	if done, err = m.Runner.Run(ctx, request, watch); err != nil {
		return done, err
	}
	return done, m.RaiseWalls(ctx)
}

// RaiseWalls makes the roles, rights and policies that are missing, where another
// role than the owner serves. What the owner may not do is left to Walls.
func (m *Migrator) RaiseWalls(ctx context.Context) (err error) {
	if !m.program.twoRoles() {
		return nil
	}
	for range 5 {
		m.Walls, err = m.program.walls().Raise(ctx, m.DB)
		if err == nil {
			return nil
		}
		// Roles are the whole server's: somebody else may be making the same.
	}
	return err
}

// Inspect tells what is missing of the walls; nothing is on SQLite.
func (m *Migrator) Inspect(ctx context.Context) (r wall.Report, err error) {
	err = m.DB.Read(ctx, func(tx *sqldb.Tx) error {
		r, err = m.program.walls().Inspect(ctx, tx)
		return err
	})
	return r, err
}

// walled refuses to go on unless the walls stand: see DESIGN §4.
func (a *App) walled(ctx context.Context) error {
	var r wall.Report
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		r, err = a.walls().Inspect(ctx, tx)
		return err
	})
	if err != nil || r.Stands() {
		return err
	}
	e := tenantry.NewError(tenantry.Unavailable, "walls.down", "missing", len(r.Statements))
	return e.WithFields(r.Problems...)
}
