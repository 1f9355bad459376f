package manage

import (
	"context"
	"strconv"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/flow/integrity"
)

// IntegrityOptions say what to look at, and what to do about what is found.
type IntegrityOptions struct {
	Only   tenantry.TenantKey // one tenant, or 0 for all
	Codes  []string           // findings to put right; none: all that can be
	Fix    bool
	DryRun bool // with Fix: tell and do nothing
	Last   bool // show the server's last check instead
}

// integrityDocument is a check as programs read it.
type integrityDocument struct {
	Findings []tenantry.Finding `json:"findings"`
	// Of --fix: what was put right or, with --dry-run, would be.
	Fixed  []tenantry.Finding `json:"fixed,omitempty"`
	DryRun bool               `json:"dry_run,omitempty"`
	Check  *integrity.Last    `json:"check,omitempty"` // of --last
}

// ReportIntegrity looks, puts right if that is wanted, and shows what is wrong
// then, in the manner of the command that asks.
func ReportIntegrity(ctx context.Context, c *console.Console, a *app.App, o IntegrityOptions, show func([]tenantry.Finding)) error {
	s := a.SignIn.Console(a.Who)
	if o.Last {
		return reportLast(ctx, c, a, s, show)
	}
	if o.DryRun && !o.Fix {
		return tenantry.NewError(tenantry.Usage, "check.dry_run_without_fix")
	}
	found, err := a.Integrity.Check(ctx, s, o.Only)
	if err != nil {
		return err
	}
	d := integrityDocument{Findings: found, DryRun: o.DryRun}
	if o.Fix {
		if d.Fixed, d.Findings, err = fix(ctx, a, s, o, found); err != nil {
			return err
		}
	}
	if c.JSON {
		err = c.Document(d)
	} else {
		if o.Fix {
			repairs(c, d.Fixed, o.DryRun)
		}
		show(d.Findings)
	}
	if err == nil && len(d.Findings) > 0 {
		return console.ErrFindings
	}
	return err
}

// fix puts right, or says what would be, and returns what is wrong afterwards.
func fix(ctx context.Context, a *app.App, s tenantry.Scope, o IntegrityOptions, found []tenantry.Finding) (fixed, left []tenantry.Finding, err error) {
	r := integrity.Request{Only: o.Only, Codes: o.Codes}
	if o.DryRun {
		fixed, _ = r.Plan(found)
		return fixed, found, nil
	}
	if fixed, err = a.Integrity.Fix(ctx, s, r); err != nil {
		return nil, nil, err
	}
	left, err = a.Integrity.Check(ctx, s, o.Only)
	return fixed, left, err
}

// repairs lists what was put right, or would be.
func repairs(c *console.Console, done []tenantry.Finding, dryRun bool) {
	title, nothing := "repairs.title", "repairs.none"
	if dryRun {
		title = "repairs.planned"
	}
	if len(done) == 0 {
		c.Say(nothing)
		return
	}
	c.Line(c.Style(console.Heading, c.Text.Text(title)))
	rows := make([][]string, len(done))
	for i, f := range done {
		rows[i] = []string{f.Code, strconv.FormatInt(f.Count, 10), c.Text.Text("repair." + f.Code)}
	}
	c.Table([]string{"column.code", "column.count", "column.repair"}, rows)
	if dryRun {
		c.Say("dry_run.nothing_changed")
	}
}

// reportLast shows what the server found when it last looked.
func reportLast(ctx context.Context, c *console.Console, a *app.App, s tenantry.Scope, show func([]tenantry.Finding)) error {
	last, err := a.Integrity.Last(ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		err = c.Document(integrityDocument{Findings: last.Findings, Check: &last})
	} else {
		c.Say("check.last", "at", last.Started.Format("2006-01-02 15:04:05 UTC"), "seconds", strconv.FormatFloat(last.Seconds, 'f', 1, 64), "by", last.By)
		show(last.Findings)
	}
	if err == nil && len(last.Findings) > 0 {
		return console.ErrFindings
	}
	return err
}
