package user

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports what is wrong with stored people and profiles, of the given
// tenants or, for nil, of all. It needs Django's tables only, so that it can speak
// of a database that is not ours yet.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	ours, err := hasMemberships(ctx, tx)
	if err != nil {
		return nil, err
	}
	unadministered := `NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = t.id AND p.is_tenant_admin)`
	// Whoever has no profile concerns the tenants that they are a member of.
	strangers := `SELECT u.id, CAST(NULL AS bigint) FROM auth_user u`
	if ours {
		unadministered += ` AND NOT EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = t.id AND m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `')
			AND NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = m.tenant_id AND p.user_id = m.user_id))`
		strangers = `SELECT u.id, m.tenant_id FROM auth_user u LEFT JOIN tenantry_membership m ON m.user_id = u.id`
		if only != nil {
			strangers = `SELECT u.id, m.tenant_id FROM tenantry_membership m JOIN auth_user u ON u.id = m.user_id AND {m.tenant_id}`
		}
	}
	all, err := tenantry.Broken(sqldb.Asking(ctx, tx, only),
		// On SQLite one such row stops every later migration of Django's.
		profiles("user.orphan_profile", tenantry.Critical, profileOfNobody, profileNowhere),
		tenantry.Rule{Code: "user.no_profile", Severity: tenantry.Warning, Table: "auth_user",
			Text: strangers + ` WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id) ORDER BY u.id`},
		tenantry.Rule{Code: "user.tenant_without_admin", Severity: tenantry.Notice, Table: "tenants_tenantmodel",
			Text: `SELECT t.id, t.id FROM tenants_tenantmodel t WHERE ` + unadministered + ` AND {t.id} ORDER BY t.id`},
		people("user.password_unknown", tenantry.Notice, only, unknownAlgorithm),
		people("user.password_unusable", tenantry.Notice, only, `u.password = '' OR substr(u.password, 1, 1) = '!'`),
	)
	if err != nil {
		return nil, err
	}
	odd, err := oddProfiles(ctx, tx, only)
	return append(all, odd...), err
}

// OwnFindings reports where Django's people and profiles and ours beside them
// disagree.
func (s *Service) OwnFindings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	return tenantry.Broken(sqldb.Asking(ctx, tx, only),
		notRegistered(only), notMember(),
		// Django's word counts at home; what is stored is only late.
		profiles("user.role_differs", tenantry.Notice, `EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = p.tenant_id AND m.user_id = p.user_id
			AND `+roleDiffers+`)`),
		// Foreign keys forbid these two, but on SQLite only to those who ask for them.
		tenantry.Rule{Code: "user.leftover", Severity: tenantry.Warning, Table: "tenantry_user", Text: `SELECT s.user_id, m.tenant_id
			FROM tenantry_user s LEFT JOIN tenantry_membership m ON m.user_id = s.user_id
			WHERE ` + leftoverUser + ` AND ` + ofTenants(only, `s.user_id`) + ` ORDER BY s.user_id`},
		tenantry.Rule{Code: "user.leftover_membership", Severity: tenantry.Warning, Table: "tenantry_membership",
			Text: either(`SELECT m.tenant_id || '/' || m.user_id, m.tenant_id FROM tenantry_membership m WHERE {m.tenant_id} AND `, memberNobody, memberOfNothing) + ` ORDER BY 2, 1`},
	)
}

// RoleFindings reports members in roles that their tenant does not have; known tells
// which it has.
func (s *Service) RoleFindings(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, known func(tenant tenantry.TenantKey, role string) bool) ([]tenantry.Finding, error) {
	var c tenantry.Findings
	text, args := sqldb.Limited(tx, only, `SELECT DISTINCT tenant_id, role FROM tenantry_membership WHERE {tenant_id} ORDER BY tenant_id, role`)
	all, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (m Membership, err error) {
		err = r.Scan(&m.Tenant, &m.Role)
		return m, err
	}, text, args...)
	for _, m := range all {
		if known(m.Tenant, m.Role) {
			continue
		}
		members, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (key tenantry.UserKey, err error) {
			err = r.Scan(&key)
			return key, err
		}, `SELECT user_id FROM tenantry_membership WHERE tenant_id = ? AND role = ? ORDER BY user_id`, m.Tenant, m.Role)
		if err != nil {
			return nil, err
		}
		for _, key := range members {
			c.Found("user.unknown_role", tenantry.Warning, fmt.Sprintf("tenantry_membership:%d/%d", m.Tenant, key), m.Tenant)
		}
	}
	return c.All(), err
}

// DormantAdmins reports who administers a tenant and has not signed in since an
// instant, nor come after it: an account that nobody would miss if it were taken.
func (s *Service) DormantAdmins(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey, since time.Time, days int) ([]tenantry.Finding, error) {
	return tenantry.Broken(sqldb.Asking(ctx, tx, only), tenantry.Rule{Code: "user.dormant_admin", Severity: tenantry.Warning, Table: "auth_user", Args: []any{since, since},
		Params: map[string]any{"days": days},
		Text: `SELECT u.id, m.tenant_id FROM tenantry_membership m JOIN auth_user u ON u.id = m.user_id
			LEFT JOIN tenants_userprofile p ON p.user_id = m.user_id AND p.tenant_id = m.tenant_id
			WHERE u.is_active AND (p.is_tenant_admin OR p.user_id IS NULL AND m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `'))
			AND u.date_joined < ? AND (u.last_login IS NULL OR u.last_login < ?) AND {m.tenant_id} ORDER BY u.id, m.tenant_id`})
}

const (
	profileOfNobody    = `NOT EXISTS (SELECT 1 FROM auth_user u WHERE u.id = p.user_id)`
	profileNowhere     = `NOT EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = p.tenant_id)`
	orphanProfile      = profileOfNobody + ` OR ` + profileNowhere
	roleDiffers        = `p.is_tenant_admin <> (m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `'))`
	leftoverUser       = `NOT EXISTS (SELECT 1 FROM auth_user u WHERE u.id = s.user_id)`
	memberNobody       = `NOT EXISTS (SELECT 1 FROM auth_user u WHERE u.id = m.user_id)`
	memberOfNothing    = `NOT EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = m.tenant_id)`
	leftoverMembership = memberNobody + ` OR ` + memberOfNothing
)

// notRegistered and notMember: a Django process made them a moment ago, and whoever
// reads them first fills it in.
func notRegistered(only []tenantry.TenantKey) tenantry.Rule {
	return people("user.not_registered", tenantry.Notice, only, `NOT EXISTS (SELECT 1 FROM tenantry_user s WHERE s.user_id = u.id)`)
}

func notMember() tenantry.Rule {
	return profiles("user.not_a_member", tenantry.Notice, `EXISTS (SELECT 1 FROM auth_user u WHERE u.id = p.user_id)
		AND EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = p.tenant_id)
		AND NOT EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = p.tenant_id AND m.user_id = p.user_id)`)
}

// profiles is a rule about rows p of Django's profiles, broken in one way or another.
func profiles(code string, severity tenantry.Severity, broken ...string) tenantry.Rule {
	return tenantry.Rule{Code: code, Severity: severity, Table: "tenants_userprofile",
		Text: either(`SELECT p.id, p.tenant_id FROM tenants_userprofile p WHERE {p.tenant_id} AND `, broken...) + ` ORDER BY 1`}
}

// either asks for the rows of which one condition or another holds, each by itself:
// PostgreSQL answers an OR of two that ask other tables by reading both whole.
func either(query string, conditions ...string) string {
	all := make([]string, len(conditions))
	for i, c := range conditions {
		all[i] = query + `(` + c + `)`
	}
	return strings.Join(all, ` UNION `)
}

// people is a rule about rows u of Django's people, who concern the tenant that
// they are at home with.
func people(code string, severity tenantry.Severity, only []tenantry.TenantKey, broken string) tenantry.Rule {
	from := `auth_user u LEFT JOIN tenants_userprofile p ON p.user_id = u.id WHERE`
	if only != nil { // beginning with the profiles, which an index finds
		from = `tenants_userprofile p JOIN auth_user u ON u.id = p.user_id WHERE {p.tenant_id} AND`
	}
	return tenantry.Rule{Code: code, Severity: severity, Table: "auth_user", Text: `SELECT u.id, p.tenant_id FROM ` + from + ` (` + broken + `) ORDER BY u.id`}
}

// ofTenants is the condition that a column names somebody of the tenants in
// question: a member.
func ofTenants(only []tenantry.TenantKey, column string) string {
	if only == nil {
		return `true`
	}
	return column + ` IN (SELECT o.user_id FROM tenantry_membership o WHERE {o.tenant_id})`
}

// unknownAlgorithm finds hashes of a form that base/password does not check, by
// the name before the first dollar sign.
const unknownAlgorithm = `u.password <> '' AND substr(u.password, 1, 1) <> '!'
	AND substr(u.password, 1, 14) <> 'pbkdf2_sha256$' AND substr(u.password, 1, 12) <> 'pbkdf2_sha1$' AND substr(u.password, 1, 7) <> 'argon2$'
	AND substr(u.password, 1, 14) <> 'bcrypt_sha256$' AND substr(u.password, 1, 7) <> 'bcrypt$' AND substr(u.password, 1, 7) <> 'scrypt$'
	AND substr(u.password, 1, 4) <> 'md5$'`

// membershipTable tells whether Tenantry has migrated the database: a statement
// that names a missing table would end the transaction on PostgreSQL.
var membershipTable = sqldb.Twin{
	SQLite:   `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tenantry_membership'`,
	Postgres: `SELECT CASE WHEN to_regclass('tenantry_membership') IS NULL THEN 0 ELSE 1 END`,
}

func hasMemberships(ctx context.Context, tx *sqldb.Tx) (bool, error) {
	var n int
	err := tx.Get(ctx, tx.Of(membershipTable), nil, &n)
	return n > 0, err
}

// oddProfiles reads every profile once and judges what SQL cannot. Few values
// occur often, so each is judged once.
func oddProfiles(ctx context.Context, tx *sqldb.Tx, only []tenantry.TenantKey) ([]tenantry.Finding, error) {
	var c tenantry.Findings
	goodZone, goodLanguage := remembered(isTimezone), remembered(isLanguage)
	isJSON := remembered(func(text string) bool { return json.Valid([]byte(text)) })
	isObject := remembered(func(text string) bool { _, ok := sqldb.JSON(text).Object(); return ok })
	inCatalogue := remembered(allInCatalogue)

	text, args := sqldb.Limited(tx, only, `SELECT id, tenant_id, phone, language, timezone, permissions FROM tenants_userprofile WHERE {tenant_id} ORDER BY id`)
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var tenant tenantry.TenantKey
		var number, tag, zone string
		var permissions sqldb.JSON
		if err := rows.Scan(&id, &tenant, &number, &tag, &zone, &permissions); err != nil {
			return nil, err
		}
		granted := string(permissions)
		note := func(wrong bool, code string, severity tenantry.Severity) {
			if wrong {
				c.Found(code, severity, fmt.Sprintf("tenants_userprofile:%d", id), tenant)
			}
		}
		note(!isJSON(granted), "user.permissions_malformed", tenantry.Critical)
		note(isJSON(granted) && !isObject(granted), "user.permissions_not_object", tenantry.Warning)
		note(!inCatalogue(granted), "user.unknown_permission", tenantry.Warning)
		note(!goodZone(zone), "user.bad_timezone", tenantry.Warning)
		note(!goodLanguage(tag), "user.bad_language", tenantry.Warning)
		note(number != "" && !isPhone(number), "user.bad_phone", tenantry.Notice)
	}
	return c.All(), rows.Err()
}

// allInCatalogue tells whether an object's members are permissions, each true or
// false. What is no object is another finding.
func allInCatalogue(text string) bool {
	members, _ := sqldb.JSON(text).Object()
	for name, value := range members {
		if !slices.Contains(tenantry.Permissions(), tenantry.Permission(name)) || !isBoolean(value) {
			return false
		}
	}
	return true
}

// remembered keeps the answers to the first values asked about. The bound is for
// a column in which every value is another.
func remembered(judge func(string) bool) func(string) bool {
	const most = 10_000
	known := map[string]bool{}
	return func(value string) bool {
		if verdict, ok := known[value]; ok {
			return verdict
		}
		verdict := judge(value)
		if len(known) < most {
			known[value] = verdict
		}
		return verdict
	}
}
