// Package wall keeps rows of different owners apart on PostgreSQL: roles with no
// more rights than they need, and row security on every table that a plan names.
// A plan is compared with the database; what is missing comes out as statements,
// which whoever may can run. What the tables are for is the caller's to know.
// SQLite has neither roles nor row security, so this package does nothing there.
package wall

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Plan is how the walls are to stand.
type Plan struct {
	// Login is the role that the program signs in as, Password what it is given when
	// it is made; a login may have none.
	Login    string
	Password tenantry.Secret
	sqldb.Roles
	// Prefix begins the names of the product's own tables: each of them must be in
	// the plan.
	Prefix string
	Tables []Table
}

// Table is one table and what the role of tenants may do with it.
type Table struct {
	Name string
	// Own is the condition that tells the rows of the tenant whom a transaction is
	// for, "" for a table that is everybody's.
	Own string
	// Grants is what tenants may do: "SELECT, INSERT", with columns as in GRANT, or
	// "" for nothing.
	Grants []string
	// Program is the same for the program itself, all four by default.
	Program []string
	// Guest says that others use the table too, as roles that know nothing of walls:
	// they see what they saw before, and its owner is not confined.
	Guest bool
}

// Report is how a database differs from a plan.
type Report struct {
	// Problems are what no statement of ours can put right.
	Problems []tenantry.FieldError
	// Statements put the rest right, in their order.
	Statements []string
}

// Stands tells whether nothing is wrong.
func (r Report) Stands() bool { return len(r.Problems) == 0 && len(r.Statements) == 0 }

// Inspect compares a database with the plan. Any role may ask.
func (p Plan) Inspect(ctx context.Context, tx *sqldb.Tx) (r Report, err error) {
	if tx.Engine() != sqldb.Postgres {
		return r, nil
	}
	found, err := look(ctx, tx, p)
	if err != nil {
		return r, err
	}
	p.compareRoles(found, &r)
	whole := true // policies refer to tables that need not be there yet, or any more
	for _, t := range p.Tables {
		_, there := found.tables[t.Name]
		whole = whole && there
	}
	for _, t := range p.Tables {
		if is, there := found.tables[t.Name]; there {
			p.compareGrants(found, t, is, &r)
			if whole {
				p.compareRows(t, is, &r)
			}
		}
	}
	p.compareRest(found, &r)
	return r, nil
}

// Raise puts right what the role of db may put right. What it may not comes back
// for whoever may; an error is anything else.
func (p Plan) Raise(ctx context.Context, db *sqldb.DB) (left Report, err error) {
	if db.Engine() != sqldb.Postgres {
		return left, nil
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		if left, err = p.Inspect(ctx, tx); err != nil {
			return err
		}
		for _, statement := range left.Statements {
			if _, err := tx.Raw(ctx, statement); err != nil {
				return fmt.Errorf("wall: %w", err)
			}
		}
		left.Statements = nil
		return nil
	})
	if tenantry.KindOf(err) == tenantry.Unavailable && isPermission(err) {
		err = db.Read(ctx, func(tx *sqldb.Tx) error {
			left, err = p.Inspect(ctx, tx)
			return err
		})
	}
	return left, err
}

// Lower takes our policies away, so that what they refer to can be dropped. The
// tables of the plan stay closed to tenants meanwhile.
func (p Plan) Lower(ctx context.Context, db *sqldb.DB) error {
	if db.Engine() != sqldb.Postgres {
		return nil
	}
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		found, err := look(ctx, tx, p)
		if err != nil {
			return err
		}
		for _, t := range p.Tables {
			is := found.tables[t.Name]
			for name := range is.policies {
				if _, err := tx.Raw(ctx, `DROP POLICY `+quote(name)+` ON `+quote(t.Name)); err != nil {
					return err
				}
			}
			if t.Guest && is.secured {
				if _, err := tx.Raw(ctx, `ALTER TABLE `+quote(t.Name)+` DISABLE ROW LEVEL SECURITY`); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (p Plan) compareRoles(found state, r *Report) {
	say := func(format string, args ...any) { r.Statements = append(r.Statements, fmt.Sprintf(format, args...)) }
	for _, name := range []string{p.Tenants, p.Program} {
		role, there := found.roles[name]
		switch {
		case !there:
			say(`CREATE ROLE %s NOLOGIN`, quote(name))
		case role.super || role.bypass:
			r.Problems = append(r.Problems, tenantry.NewFieldError(name, "walls.role_above"))
		case role.owns:
			r.Problems = append(r.Problems, tenantry.NewFieldError(name, "walls.role_owns"))
		case role.login:
			say(`ALTER ROLE %s NOLOGIN`, quote(name))
		}
	}
	login, there := found.roles[p.Login]
	switch {
	case !there && !p.Password.Empty():
		say(`CREATE ROLE %s LOGIN NOINHERIT PASSWORD %s`, quote(p.Login), literal(p.Password.Reveal()))
	case !there:
		say(`CREATE ROLE %s LOGIN NOINHERIT`, quote(p.Login))
	case login.super || login.bypass:
		r.Problems = append(r.Problems, tenantry.NewFieldError(p.Login, "walls.role_above"))
		return
	case login.owns:
		r.Problems = append(r.Problems, tenantry.NewFieldError(p.Login, "walls.role_owns"))
		return
	case login.inherits:
		say(`ALTER ROLE %s NOINHERIT`, quote(p.Login))
	}
	for _, name := range []string{p.Tenants, p.Program} {
		if !found.member[name] {
			say(`GRANT %s TO %s`, quote(name), quote(p.Login))
		}
	}
	for _, name := range found.strangers { // another role of the login would be a way around
		r.Problems = append(r.Problems, tenantry.NewFieldError(p.Login, "walls.member_of", "role", name))
	}
	for _, name := range []string{p.Tenants, p.Program} {
		if !found.usage[name] {
			say(`GRANT USAGE ON SCHEMA %s TO %s`, quote(found.schema), quote(name))
		}
	}
	if !found.later { // tables that come after this, such as those of Django's next migration
		say(`ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %s`, quote(found.schema), quote(p.Program))
		say(`ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT USAGE, SELECT ON SEQUENCES TO %s`, quote(found.schema), quote(p.Program))
	}
}

// compareGrants asks for exactly the rights of the plan.
func (p Plan) compareGrants(found state, t Table, is table, r *Report) {
	program := t.Program
	if program == nil {
		program = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	}
	for _, side := range []struct {
		role   string
		grants []string
	}{{p.Tenants, t.Grants}, {p.Program, program}, {p.Login, nil}} {
		want := map[string]bool{}
		for _, g := range side.grants {
			for _, one := range expand(g) {
				want[one] = true
			}
		}
		if has := is.grants[side.role]; !equal(want, has) {
			if len(has) > 0 {
				r.Statements = append(r.Statements, `REVOKE ALL ON `+quote(t.Name)+` FROM `+quote(side.role))
			}
			if len(side.grants) > 0 {
				r.Statements = append(r.Statements, `GRANT `+strings.Join(side.grants, ", ")+` ON `+quote(t.Name)+` TO `+quote(side.role))
			}
		}
	}
	for _, sequence := range is.sequences {
		for _, role := range []string{p.Tenants, p.Program} {
			if (role == p.Program || inserts(t.Grants)) && !found.sequences[role][sequence] {
				r.Statements = append(r.Statements, `GRANT USAGE, SELECT ON SEQUENCE `+quote(sequence)+` TO `+quote(role))
			}
		}
	}
}

// compareRows asks for row security with the policies of the plan and no others.
func (p Plan) compareRows(t Table, is table, r *Report) {
	want := p.policies(t, is)
	if (len(want) > 0) != is.secured {
		word := "ENABLE"
		if is.secured {
			word = "DISABLE"
		}
		r.Statements = append(r.Statements, `ALTER TABLE `+quote(t.Name)+` `+word+` ROW LEVEL SECURITY`)
	}
	if forced := len(want) > 0 && !t.Guest; forced != is.forced {
		word := "FORCE"
		if is.forced {
			word = "NO FORCE"
		}
		r.Statements = append(r.Statements, `ALTER TABLE `+quote(t.Name)+` `+word+` ROW LEVEL SECURITY`)
	}
	for _, name := range slices.Sorted(maps.Keys(is.policies)) {
		has := is.policies[name]
		if w, wanted := want[name]; !wanted || w != has {
			r.Statements = append(r.Statements, `DROP POLICY `+quote(name)+` ON `+quote(t.Name))
		}
	}
	for _, name := range policyNames {
		if w, wanted := want[name]; wanted && is.policies[name] != w {
			r.Statements = append(r.Statements, p.create(t, is, name))
		}
	}
}

// compareRest looks for tables of the product that the plan has forgotten, and lets
// the program use the others that are there.
func (p Plan) compareRest(found state, r *Report) {
	planned := map[string]bool{}
	for _, t := range p.Tables {
		planned[t.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(found.tables)) {
		switch {
		case planned[name]:
		case strings.HasPrefix(name, p.Prefix):
			r.Problems = append(r.Problems, tenantry.NewFieldError(name, "walls.table_unplanned"))
		default: // an app of the operator's, or another one of Django's
			p.compareGrants(found, Table{Name: name, Guest: true}, found.tables[name], r)
		}
	}
}

// The policies that stand on a table of somebody's rows.
const (
	policyTenant    = "tenantry_tenant"
	policyProgram   = "tenantry_program"
	policyOwner     = "tenantry_owner"
	policyEverybody = "tenantry_everybody"
)

var policyNames = []string{policyTenant, policyProgram, policyOwner, policyEverybody}

// policies is what must stand on a table, in the form in which look reads them.
func (p Plan) policies(t Table, is table) map[string]policy {
	switch {
	case t.Own == "":
		return nil
	case t.Guest:
		// Restrictive for tenants alone: everybody else, Django above all, sees what they
		// saw before there was a policy.
		return map[string]policy{
			policyTenant:    {permissive: false, command: "ALL", roles: p.Tenants, using: normal(t.Own), check: normal(t.Own)},
			policyEverybody: {permissive: true, command: "ALL", roles: "public", using: "true", check: "true"},
		}
	}
	return map[string]policy{
		policyTenant:  {permissive: true, command: "ALL", roles: p.Tenants, using: normal(t.Own), check: normal(t.Own)},
		policyProgram: {permissive: true, command: "ALL", roles: p.Program, using: "true", check: "true"},
		policyOwner:   {permissive: true, command: "ALL", roles: is.owner, using: "true", check: "true"},
	}
}

func (p Plan) create(t Table, is table, name string) string {
	kind, to, condition := "PERMISSIVE", "", "true"
	switch name {
	case policyTenant:
		to, condition = quote(p.Tenants), t.Own
		if t.Guest {
			kind = "RESTRICTIVE"
		}
	case policyProgram:
		to = quote(p.Program)
	case policyOwner:
		to = quote(is.owner)
	case policyEverybody:
		to = "PUBLIC"
	}
	return fmt.Sprintf(`CREATE POLICY %s ON %s AS %s FOR ALL TO %s USING (%s) WITH CHECK (%s)`, quote(name), quote(t.Name), kind, to, condition, condition)
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func literal(text string) string {
	quoted := `'` + strings.ReplaceAll(text, `'`, `''`) + `'`
	if strings.Contains(text, `\`) {
		quoted = ` E` + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
