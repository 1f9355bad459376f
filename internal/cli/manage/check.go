package manage

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

func checkCommand() command {
	return command{
		app: "django", name: "check",
		help: "Checks the entire Django project for potential problems.",
		declare: func(p *argparse.Parser) {
			p.Positionals("args", "").Metavar("app_label")
			p.Strings("--tag -t", "Run only checks labeled with given tag.").Metavar("TAGS")
			p.Flag("--list-tags", "List available tags.")
			p.Flag("--deploy", "Check deployment settings.")
			p.Choice("--fail-level", []string{"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"}, "ERROR",
				"Message level that will cause the command to exit with a non-zero status. Default is ERROR.")
			p.Strings("--database", "Run database related checks against these aliases.").Metavar("DATABASES")
			p.Int("--tenant-id", "With \"check tenants\": ID of the only tenant to look at.")
			p.Flag("--fix", "With \"check tenants\": put right what can be without anybody losing something.")
			p.Flag("--dry-run", "With --fix: tell what would be put right and change nothing.")
			p.Flag("--last", "With \"check tenants\": show what the last check of the server found.")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			if v.Bool("--list-tags") {
				e.Line("database")
				e.Line("models")
				return nil
			}
			for _, tag := range v.Strings("--tag") {
				if tag != "database" && tag != "models" {
					return tenantry.NewError(tenantry.NotFound, "check.no_tag", "tag", tag)
				}
			}
			o := IntegrityOptions{Fix: v.Bool("--fix"), DryRun: v.Bool("--dry-run"), Last: v.Bool("--last")}
			only, given, err := tenantID(v)
			if err != nil {
				return err
			}
			labels := v.Strings("args")
			if !slices.Contains(labels, "tenants") && (given || o.Fix || o.DryRun || o.Last) {
				return tenantry.NewError(tenantry.Usage, "check.without_tenants")
			}
			o.Only = only
			return check(ctx, e, labels, o)
		},
	}
}

// check is Django's system check, and for `check tenants` what the seed means
// by it: "verificar integridad de tenants". Without a label it looks at the
// program only and needs no database, as Django's does.
func check(ctx context.Context, e *Env, labels []string, o IntegrityOptions) error {
	g, err := e.Graph()
	if err != nil {
		return err
	}
	for _, label := range labels {
		if !slices.Contains(g.Apps(), label) {
			return tenantry.NewError(tenantry.NotFound, "migrate.no_app", "app", label)
		}
	}
	if !slices.Contains(labels, "tenants") {
		if e.JSON {
			return e.Document(map[string]any{"findings": []tenantry.Finding{}})
		}
		e.checked(nil)
		return nil
	}
	a, err := e.Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	return ReportIntegrity(ctx, e.Console, a, o, e.checked)
}

// tenantID is the flag --tenant-id, which must not name nobody: the seed takes 0
// for everybody.
func tenantID(v argparse.Values) (only tenantry.TenantKey, given bool, err error) {
	id, given := v.Int("--tenant-id")
	if given && id <= 0 {
		return 0, true, tenantry.NewError(tenantry.NotFound, "tenant.no_such_id", "id", id)
	}
	return tenantry.TenantKey(id), given, nil
}

// checked prints findings in the form of Django's system check.
func (e *Env) checked(findings []tenantry.Finding) {
	if len(findings) == 0 {
		e.Line("System check identified no issues (0 silenced).")
		return
	}
	fmt.Fprintln(e.Err, "System check identified some issues:")
	level := tenantry.Severity("")
	for _, f := range findings {
		if f.Severity != level {
			level = f.Severity
			fmt.Fprintf(e.Err, "\n%s:\n", djangoLevel(level))
		}
		fmt.Fprintf(e.Err, "%s: (%s) %s\n", rows(f), f.Code, e.Finding(f))
	}
	issues := "issues"
	if len(findings) == 1 {
		issues = "issue"
	}
	fmt.Fprintf(e.Err, "\nSystem check identified %d %s (0 silenced).\n", len(findings), issues)
}

func djangoLevel(s tenantry.Severity) string {
	switch s {
	case tenantry.Critical:
		return "CRITICALS"
	case tenantry.Warning:
		return "WARNINGS"
	}
	return "INFOS"
}

// rows names the first row of a finding, as Django names a model.
func rows(f tenantry.Finding) string {
	if len(f.Rows) == 0 {
		return "?"
	}
	return f.Rows[0]
}
