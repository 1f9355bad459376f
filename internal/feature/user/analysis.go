package user

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Analysis is how the people of a platform and their profiles are spread.
type Analysis struct {
	People          int64   `json:"people"`
	WithProfile     int64   `json:"with_profile"`
	WithoutProfile  int64   `json:"without_profile"`
	Profiles        int64   `json:"profiles"`
	OrphanProfiles  int64   `json:"orphan_profiles"`
	Admins          int64   `json:"admins"` // profiles with is_tenant_admin
	Tenants         int64   `json:"tenants"`
	EmptyTenants    int64   `json:"tenants_without_profiles"`
	ByLanguage      []Share `json:"by_language"`
	ByTimezone      []Share `json:"by_timezone"`
	ByTenant        []Share `json:"by_tenant"`
	Permissions     []Share `json:"permissions"`         // granted, by how many profiles
	UnknownGrants   []Share `json:"unknown_permissions"` // keys that are no permission
	NotPermissions  int64   `json:"permissions_not_object"`
	LanguageValues  int64   `json:"languages"` // how many different ones there are
	TimezoneValues  int64   `json:"timezones"`
	UnknownKeyCount int64   `json:"unknown_permission_keys"`
}

// Share is how many profiles have one value.
type Share struct {
	Value  string             `json:"value"`
	Tenant tenantry.TenantKey `json:"tenant,omitempty"` // of ByTenant
	Count  int64              `json:"count"`
}

// shares is how many values a list of Analysis shows, the most frequent ones.
const shares = 20

// AnalyseIn counts people and profiles. Lists hold the most frequent values.
func (s *Service) AnalyseIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope) (a Analysis, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return a, err
	}
	if err := tx.Get(ctx, `SELECT (SELECT count(*) FROM auth_user),
			(SELECT count(*) FROM auth_user u WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id)),
			(SELECT count(*) FROM tenants_userprofile), (SELECT count(*) FROM tenants_userprofile p WHERE `+orphanProfile+`),
			(SELECT count(*) FROM tenants_userprofile WHERE is_tenant_admin),
			(SELECT count(*) FROM tenants_tenantmodel),
			(SELECT count(*) FROM tenants_tenantmodel t WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = t.id)),
			(SELECT count(DISTINCT language) FROM tenants_userprofile), (SELECT count(DISTINCT timezone) FROM tenants_userprofile)`, nil,
		&a.People, &a.WithoutProfile, &a.Profiles, &a.OrphanProfiles, &a.Admins, &a.Tenants, &a.EmptyTenants, &a.LanguageValues, &a.TimezoneValues); err != nil {
		return a, err
	}
	a.WithProfile = a.People - a.WithoutProfile
	for _, list := range []struct {
		into *[]Share
		text string
	}{
		{&a.ByLanguage, `SELECT language, 0, count(*) FROM tenants_userprofile GROUP BY language ORDER BY 3 DESC, 1 LIMIT ?`},
		{&a.ByTimezone, `SELECT timezone, 0, count(*) FROM tenants_userprofile GROUP BY timezone ORDER BY 3 DESC, 1 LIMIT ?`},
		{&a.ByTenant, `SELECT COALESCE(t.name, ''), n.tenant_id, n.profiles
			FROM (SELECT tenant_id, count(*) AS profiles FROM tenants_userprofile GROUP BY tenant_id ORDER BY 2 DESC, 1 LIMIT ?) AS n
			LEFT JOIN tenants_tenantmodel t ON t.id = n.tenant_id ORDER BY n.profiles DESC, n.tenant_id`},
	} {
		if *list.into, err = sqldb.All(ctx, tx, func(r *sqldb.Rows) (one Share, err error) {
			return one, r.Scan(&one.Value, &one.Tenant, &one.Count)
		}, list.text, shares); err != nil {
			return a, err
		}
		if *list.into == nil {
			*list.into = []Share{}
		}
	}
	return a, a.countGrants(ctx, tx)
}

// countGrants reads each text of permissions once: few occur often.
func (a *Analysis) countGrants(ctx context.Context, tx *sqldb.Tx) error {
	rows, err := tx.Query(ctx, `SELECT CAST(permissions AS text), count(*) FROM tenants_userprofile GROUP BY 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	known, unknown := map[string]int64{}, map[string]int64{}
	for rows.Next() {
		var text string
		var n int64
		if err := rows.Scan(&text, &n); err != nil {
			return err
		}
		members, ok := sqldb.JSON(text).Object()
		if !ok {
			a.NotPermissions += n
			continue
		}
		for name, value := range members {
			switch {
			case !slices.Contains(tenantry.Permissions(), tenantry.Permission(name)):
				unknown[name] += n
			case string(value) == "true":
				known[name] += n
			}
		}
	}
	a.Permissions, a.UnknownGrants, a.UnknownKeyCount = mostFrequent(known), mostFrequent(unknown), int64(len(unknown))
	return rows.Err()
}

func mostFrequent(counts map[string]int64) []Share {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	all := []Share{}
	for _, name := range names[:min(len(names), shares)] {
		all = append(all, Share{Value: name, Count: counts[name]})
	}
	return all
}
