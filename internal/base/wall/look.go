package wall

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// state is what the catalogue says.
type state struct {
	schema    string
	roles     map[string]role
	member    map[string]bool // roles of the plan that the login is a member of
	strangers []string        // other roles that it is a member of
	usage     map[string]bool // roles that may look into the schema
	later     bool            // the program may use what is made in it later
	tables    map[string]table
	sequences map[string]map[string]bool // by role: sequences that it may use
}

type role struct{ super, bypass, login, inherits, owns bool }

type table struct {
	owner           string
	secured, forced bool
	policies        map[string]policy
	grants          map[string]map[string]bool // by role: "SELECT", "SELECT(id)"
	sequences       []string
}

type policy struct {
	permissive                   bool
	command, roles, using, check string
}

func look(ctx context.Context, tx *sqldb.Tx, p Plan) (s state, err error) {
	s = state{roles: map[string]role{}, member: map[string]bool{}, usage: map[string]bool{}, tables: map[string]table{}, sequences: map[string]map[string]bool{}}
	if err := tx.Get(ctx, `SELECT current_schema()`, nil, &s.schema); err != nil {
		return s, err
	}
	if err := tx.Get(ctx, `SELECT EXISTS (SELECT 1 FROM pg_default_acl d, aclexplode(d.defaclacl) a JOIN pg_roles g ON g.oid = a.grantee
		WHERE d.defaclnamespace = current_schema()::regnamespace AND d.defaclobjtype = 'S' AND g.rolname = ? AND a.privilege_type = 'USAGE')`, []any{p.Program}, &s.later); err != nil {
		return s, err
	}
	ours := []any{p.Login, p.Tenants, p.Program}
	for _, part := range []struct {
		query string
		args  []any
		read  func(r *sqldb.Rows) error
	}{
		{`SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolinherit,
			EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace),
			has_schema_privilege(oid, current_schema(), 'USAGE') FROM pg_roles r WHERE rolname IN (?, ?, ?)`, ours, s.readRole},
		{`SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles l ON l.oid = m.member WHERE l.rolname = ? ORDER BY 1`, []any{p.Login}, func(r *sqldb.Rows) error {
			var name string
			err := r.Scan(&name)
			if name == p.Tenants || name == p.Program {
				s.member[name] = true
			} else {
				s.strangers = append(s.strangers, name)
			}
			return err
		}},
		{`SELECT relname, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity FROM pg_class
			WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace`, nil, s.readTable},
		{`SELECT tablename, policyname, permissive = 'PERMISSIVE', cmd, array_to_string(roles, ','), COALESCE(qual, ''), COALESCE(with_check, '')
			FROM pg_policies WHERE schemaname = current_schema()`, nil, s.readPolicy},
		{`SELECT c.relname, c.relkind = 'S', g.rolname, a.privilege_type, '' FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles g ON g.oid = a.grantee
			WHERE c.relnamespace = current_schema()::regnamespace AND g.rolname IN (?, ?, ?)
			UNION ALL SELECT c.relname, false, g.rolname, a.privilege_type, t.attname FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid,
			aclexplode(t.attacl) a JOIN pg_roles g ON g.oid = a.grantee
			WHERE c.relnamespace = current_schema()::regnamespace AND g.rolname IN (?, ?, ?)`, append(ours, ours...), s.readGrant},
		{`SELECT t.relname, s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
			JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S' AND s.relnamespace = current_schema()::regnamespace ORDER BY 1, 2`, nil, func(r *sqldb.Rows) error {
			var of, name string
			err := r.Scan(&of, &name)
			t := s.tables[of]
			t.sequences = append(t.sequences, name)
			s.tables[of] = t
			return err
		}},
	} {
		rows, err := tx.Query(ctx, part.query, part.args...)
		if err != nil {
			return s, err
		}
		for rows.Next() {
			if err := part.read(rows); err != nil {
				rows.Close()
				return s, err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s state) readRole(r *sqldb.Rows) error {
	var name string
	var is role
	var usage bool
	err := r.Scan(&name, &is.super, &is.bypass, &is.login, &is.inherits, &is.owns, &usage)
	s.roles[name], s.usage[name] = is, usage
	return err
}

func (s state) readTable(r *sqldb.Rows) error {
	t := table{policies: map[string]policy{}, grants: map[string]map[string]bool{}}
	var name string
	err := r.Scan(&name, &t.owner, &t.secured, &t.forced)
	s.tables[name] = t
	return err
}

func (s state) readPolicy(r *sqldb.Rows) error {
	var of, name string
	var is policy
	err := r.Scan(&of, &name, &is.permissive, &is.command, &is.roles, &is.using, &is.check)
	is.using, is.check = normal(is.using), normal(is.check)
	s.tables[of].policies[name] = is
	return err
}

func (s state) readGrant(r *sqldb.Rows) error {
	var name, to, right, column string
	var sequence bool
	if err := r.Scan(&name, &sequence, &to, &right, &column); err != nil {
		return err
	}
	if sequence {
		if s.sequences[to] == nil {
			s.sequences[to] = map[string]bool{}
		}
		if right == "USAGE" {
			s.sequences[to][name] = true
		}
		return nil
	}
	t, there := s.tables[name]
	if !there {
		return nil
	}
	if t.grants[to] == nil {
		t.grants[to] = map[string]bool{}
	}
	if column != "" {
		right += "(" + column + ")"
	}
	t.grants[to][right] = true
	return nil
}

var (
	casts  = regexp.MustCompile(`::[a-z ]+[a-z]`)
	blanks = regexp.MustCompile(`[\s()"]+`)
)

// normal is a condition without what PostgreSQL adds when it shows one: casts,
// brackets, blanks, capitals.
func normal(condition string) string {
	return strings.ToLower(blanks.ReplaceAllString(casts.ReplaceAllString(condition, ""), ""))
}

// expand is "SELECT (id, name)" right by right.
func expand(grant string) []string {
	right, columns, some := strings.Cut(grant, "(")
	right = strings.TrimSpace(right)
	if !some {
		return []string{right}
	}
	var all []string
	for _, c := range strings.Split(strings.TrimSuffix(strings.TrimSpace(columns), ")"), ",") {
		all = append(all, right+"("+strings.TrimSpace(c)+")")
	}
	return all
}

func inserts(grants []string) bool {
	for _, g := range grants {
		if strings.HasPrefix(g, "INSERT") {
			return true
		}
	}
	return false
}

func equal(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

func isPermission(err error) bool {
	var e *tenantry.Error
	return errors.As(err, &e) && e.Code == "database.permission"
}
