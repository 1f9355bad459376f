package manage

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// The seed names these commands and shows no code: validate looks whether columns
// and directory agree, audit also at what has become of the tokens, encrypt
// seals what is plain. All three are views of one service.

func validateTenantTokensCommand() command {
	return tokenReport("validate_tenant_tokens", "Validar tokens", (*token.Service).Validate)
}

func auditTenantTokensCommand() command {
	return tokenReport("audit_tenant_tokens", "Auditoría de tokens", (*token.Service).Audit)
}

// Report is one of the two looks at tokens.
type Report func(*token.Service, context.Context, tenantry.Scope) ([]tenantry.Finding, error)

func tokenReport(name, help string, look Report) command {
	return command{
		app: "tenants", name: name, help: help,
		declare: func(p *argparse.Parser) {
			p.Flag("--fix", "Corregir lo que se puede corregir sin riesgo")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			a, err := e.Open(ctx, sqldb.MustExist)
			if err != nil {
				return err
			}
			defer a.Close()
			return ReportTokens(ctx, e.Console, a, look, v.Bool("--fix"))
		},
	}
}

// ReportTokens shows what is wrong with tokens, after having put right what can be
// when that is wanted.
func ReportTokens(ctx context.Context, c *console.Console, a *app.App, look Report, fix bool) error {
	s := a.SignIn.Console(a.Who)
	var fixed *token.Fixed
	if fix {
		done, err := a.Tokens.Fix(ctx, s, 0)
		if err != nil {
			return err
		}
		fixed = &done
	}
	found, err := look(a.Tokens, ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		if found == nil {
			found = []tenantry.Finding{}
		}
		if err := c.Document(map[string]any{"findings": found, "fixed": fixed}); err != nil {
			return err
		}
	} else {
		if fixed != nil {
			c.Say("token.fixed", "registered", fixed.Reconciled.Registered, "replaced", fixed.Reconciled.Replaced, "withdrawn", fixed.Reconciled.Withdrawn,
				"generated", fixed.Generated, "rotated", fixed.Rotated, "sealed", fixed.Sealed)
		}
		Findings(c, found)
	}
	if len(found) > 0 {
		return console.ErrFindings
	}
	return nil
}

// Findings lists findings, or says that there are none.
func Findings(c *console.Console, found []tenantry.Finding) {
	if len(found) == 0 {
		c.Say("findings.none")
		return
	}
	c.Line(c.Style(console.Heading, c.Text.Text("findings.title")))
	rows := make([][]string, len(found))
	for i, f := range found {
		rows[i] = []string{c.Text.Text("severity." + string(f.Severity)), f.Code, c.Finding(f), strings.Join(f.Rows, " ")}
	}
	c.Table([]string{"column.severity", "column.code", "column.finding", "column.rows"}, rows)
}

func encryptTenantTokensCommand() command {
	return command{
		app: "tenants", name: "encrypt_tenant_tokens", help: "Encriptación de tokens",
		declare: func(p *argparse.Parser) {
			p.Flag("--dry-run", "Contar sin cambiar nada")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			a, err := e.Open(ctx, sqldb.MustExist)
			if err != nil {
				return err
			}
			defer a.Close()
			return TreatColumns(ctx, e.Console, a, token.Encrypt, v.Bool("--dry-run"))
		},
	}
}

// TreatColumns seals, seals anew or opens every token column, with progress.
func TreatColumns(ctx context.Context, c *console.Console, a *app.App, t token.Treatment, dryRun bool) error {
	s := a.SignIn.Console(a.Who)
	if t == token.Encrypt && !a.Settings.Tokens.Encrypt {
		return tenantry.NewError(tenantry.Conflict, "token.encryption_off")
	}
	total, err := a.Tokens.CountColumns(ctx, s, t)
	if err != nil {
		return err
	}
	done := token.Treated{Done: total}
	if !dryRun {
		progress := c.Progress("progress.columns", total)
		done, err = a.Tokens.TreatColumns(ctx, s, t, progress.At)
		progress.End()
		if err != nil {
			return err
		}
	}
	if c.JSON {
		return c.Document(map[string]any{"treatment": t, "done": done.Done, "too_long": done.TooLong, "dry_run": dryRun})
	}
	words := map[token.Treatment]string{token.Encrypt: "Tokens encriptados: %d", token.Reseal: "Tokens reencriptados: %d", token.Decrypt: "Tokens desencriptados: %d"}
	c.Line(c.Style(console.Success, fmt.Sprintf(words[t], done.Done)))
	if dryRun {
		c.Say("dry_run.nothing_changed")
	}
	if done.TooLong > 0 {
		c.Note("token.too_long_to_seal", "Count", done.TooLong)
		return console.ErrFindings
	}
	return nil
}
