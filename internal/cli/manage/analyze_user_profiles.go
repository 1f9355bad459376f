package manage

import (
	"context"
	"strconv"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// The seed names analyze_user_profiles and shows no code: it counts profiles, lists
// what is wrong with them, and takes away those that belong to nobody when asked.
func analyzeUserProfilesCommand() command {
	return command{
		app: "tenants", name: "analyze_user_profiles", help: "Análisis de perfiles",
		declare: func(p *argparse.Parser) {
			p.Flag("--fix", "Eliminar los perfiles huérfanos")
			p.Flag("--dry-run", "Con --fix: contar sin cambiar nada")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			a, err := e.Open(ctx, sqldb.MustExist)
			if err != nil {
				return err
			}
			defer a.Close()
			o := IntegrityOptions{Fix: v.Bool("--fix"), DryRun: v.Bool("--dry-run"), Codes: []string{"user.orphan_profile"}}
			if o.DryRun && !o.Fix {
				return tenantry.NewError(tenantry.Usage, "check.dry_run_without_fix")
			}
			s := a.SignIn.Console(a.Who)
			var fixed []tenantry.Finding
			if o.Fix {
				_, found, err := a.Integrity.Profiles(ctx, s)
				if err != nil {
					return err
				}
				if fixed, _, err = fix(ctx, a, s, o, found); err != nil {
					return err
				}
			}
			analysis, found, err := a.Integrity.Profiles(ctx, s)
			if err != nil {
				return err
			}
			if e.JSON {
				if found == nil {
					found = []tenantry.Finding{}
				}
				err = e.Document(map[string]any{"analysis": analysis, "findings": found, "fixed": fixed, "dry_run": o.DryRun})
			} else {
				e.analysis(analysis)
				if o.Fix {
					repairs(e.Console, fixed, o.DryRun)
				}
				Findings(e.Console, found)
			}
			if err == nil && len(found) > 0 {
				return console.ErrFindings
			}
			return err
		},
	}
}

// analysis prints the counts and, below them, the most frequent values.
func (e *Env) analysis(a user.Analysis) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	e.Table([]string{"column.fact", "column.value"}, [][]string{
		{"people", number(a.People)}, {"with_profile", number(a.WithProfile)}, {"without_profile", number(a.WithoutProfile)},
		{"profiles", number(a.Profiles)}, {"orphan_profiles", number(a.OrphanProfiles)}, {"admins", number(a.Admins)},
		{"tenants", number(a.Tenants)}, {"tenants_without_profiles", number(a.EmptyTenants)},
		{"languages", number(a.LanguageValues)}, {"timezones", number(a.TimezoneValues)},
		{"permissions_not_object", number(a.NotPermissions)}, {"unknown_permission_keys", number(a.UnknownKeyCount)},
	})
	for _, list := range []struct {
		code string
		all  []user.Share
	}{
		{"analysis.by_language", a.ByLanguage}, {"analysis.by_timezone", a.ByTimezone}, {"analysis.by_tenant", a.ByTenant},
		{"analysis.permissions", a.Permissions}, {"analysis.unknown_permissions", a.UnknownGrants},
	} {
		if len(list.all) == 0 {
			continue
		}
		rows := make([][]string, len(list.all))
		for i, one := range list.all {
			value := one.Value
			if one.Tenant != 0 {
				value = number(int64(one.Tenant)) + " " + value
			}
			rows[i] = []string{value, number(one.Count)}
		}
		e.Line("")
		e.Line(e.Style(console.Heading, e.Text.Text(list.code)))
		e.Table([]string{"column.value", "column.profiles"}, rows)
	}
	e.Line("")
}
