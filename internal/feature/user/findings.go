package user

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Findings reports what is wrong with stored people and profiles. It needs
// Django's tables only, so that it can speak of a database that is not ours yet.
func (s *Service) Findings(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	ours, err := hasMemberships(ctx, tx)
	if err != nil {
		return nil, err
	}
	administered := `EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = t.id AND p.is_tenant_admin)`
	if ours {
		administered += ` OR EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = t.id AND m.role IN ('` + RoleOwner + `', '` + RoleAdmin + `')
			AND NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = m.tenant_id AND p.user_id = m.user_id))`
	}
	var all []tenantry.Finding
	for _, q := range []struct {
		code     string
		severity tenantry.Severity
		table    string
		text     string
	}{
		// On SQLite one such row stops every later migration of Django's.
		{"user.orphan_profile", tenantry.Critical, "tenants_userprofile", `SELECT p.id FROM tenants_userprofile p
			WHERE NOT EXISTS (SELECT 1 FROM auth_user u WHERE u.id = p.user_id)
			OR NOT EXISTS (SELECT 1 FROM tenants_tenantmodel t WHERE t.id = p.tenant_id) ORDER BY p.id`},
		{"user.no_profile", tenantry.Warning, "auth_user", `SELECT u.id FROM auth_user u
			WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id) ORDER BY u.id`},
		{"user.tenant_without_admin", tenantry.Notice, "tenants_tenantmodel", `SELECT t.id FROM tenants_tenantmodel t
			WHERE NOT (` + administered + `) ORDER BY t.id`},
		{"user.password_unknown", tenantry.Notice, "auth_user", `SELECT id FROM auth_user WHERE ` + unknownAlgorithm + ` ORDER BY id`},
		{"user.password_unusable", tenantry.Notice, "auth_user", `SELECT id FROM auth_user WHERE password = '' OR substr(password, 1, 1) = '!' ORDER BY id`},
	} {
		n, ids, err := tx.Sample(ctx, tenantry.FindingRows, q.text)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		for i := range ids {
			ids[i] = q.table + ":" + ids[i]
		}
		all = append(all, tenantry.Finding{Code: q.code, Severity: q.severity, Count: n, Rows: ids})
	}
	odd, err := oddProfiles(ctx, tx)
	return append(all, odd...), err
}

// unknownAlgorithm finds hashes of a form that base/password does not check, by
// the name before the first dollar sign.
const unknownAlgorithm = `password <> '' AND substr(password, 1, 1) <> '!'
	AND substr(password, 1, 14) <> 'pbkdf2_sha256$' AND substr(password, 1, 12) <> 'pbkdf2_sha1$' AND substr(password, 1, 7) <> 'argon2$'
	AND substr(password, 1, 14) <> 'bcrypt_sha256$' AND substr(password, 1, 7) <> 'bcrypt$' AND substr(password, 1, 7) <> 'scrypt$'
	AND substr(password, 1, 4) <> 'md5$'`

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
func oddProfiles(ctx context.Context, tx *sqldb.Tx) ([]tenantry.Finding, error) {
	notObject := tenantry.Finding{Code: "user.permissions_not_object", Severity: tenantry.Warning}
	unknown := tenantry.Finding{Code: "user.unknown_permission", Severity: tenantry.Warning}
	timezone := tenantry.Finding{Code: "user.bad_timezone", Severity: tenantry.Warning}
	language := tenantry.Finding{Code: "user.bad_language", Severity: tenantry.Warning}
	phone := tenantry.Finding{Code: "user.bad_phone", Severity: tenantry.Notice}
	goodZone, goodLanguage := remembered(isTimezone), remembered(isLanguage)
	isObject := remembered(func(text string) bool { _, ok := sqldb.JSON(text).Object(); return ok })
	inCatalogue := remembered(allInCatalogue)

	rows, err := tx.Query(ctx, `SELECT id, phone, language, timezone, permissions FROM tenants_userprofile ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var number, tag, zone string
		var permissions sqldb.JSON
		if err := rows.Scan(&id, &number, &tag, &zone, &permissions); err != nil {
			return nil, err
		}
		for _, f := range []struct {
			finding *tenantry.Finding
			wrong   bool
		}{
			{&notObject, !isObject(string(permissions))},
			{&unknown, !inCatalogue(string(permissions))},
			{&timezone, !goodZone(zone)},
			{&language, !goodLanguage(tag)},
			{&phone, number != "" && !isPhone(number)},
		} {
			if !f.wrong {
				continue
			}
			f.finding.Count++
			if len(f.finding.Rows) < tenantry.FindingRows {
				f.finding.Rows = append(f.finding.Rows, fmt.Sprintf("tenants_userprofile:%d", id))
			}
		}
	}
	found := []tenantry.Finding{notObject, unknown, timezone, language, phone}
	return slices.DeleteFunc(found, func(f tenantry.Finding) bool { return f.Count == 0 }), rows.Err()
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
