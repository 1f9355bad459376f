package manage

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// manage_tenant_tokens, with the seed's flags.
func manageTenantTokensCommand() command {
	return command{
		app: "tenants", name: "manage_tenant_tokens",
		help: "Gestionar tokens de tenants",
		declare: func(p *argparse.Parser) {
			p.Flag("--rotate", "Rotar tokens existentes")
			p.Int("--tenant-id", "ID del tenant específico")
			p.Choice("--token-type", []string{"ai", "cwu", "both"}, "both", "Tipo de token a gestionar")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			if !v.Bool("--rotate") {
				return e.tokenInformation(ctx, v)
			}
			return e.rotate(ctx, v, kindsOf(v.String("--token-type")))
		},
	}
}

// rotate_tenant_tokens is manage_tenant_tokens --rotate. Without an id it asks
// first, for it would be everybody's.
func rotateTenantTokensCommand() command {
	return command{
		app: "tenants", name: "rotate_tenant_tokens",
		help: "Rotar tokens existentes",
		declare: func(p *argparse.Parser) {
			p.Int("--tenant-id", "ID del tenant específico")
			p.Flag("--yes", "No preguntar antes de rotar los tokens de todos los tenants")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			if !v.Given("--tenant-id") && !v.Bool("--yes") {
				if err := e.confirm("cli.token.rotate_everybody"); err != nil {
					return err
				}
			}
			return e.rotate(ctx, v, token.Kinds())
		},
	}
}

func kindsOf(choice string) []token.Kind {
	if choice == "both" {
		return token.Kinds()
	}
	return []token.Kind{token.Kind(choice)}
}

// confirm asks a question that is answered with yes or no, in either language.
func (e *Env) confirm(code string) error {
	if !e.Prompt {
		return tenantry.NewError(tenantry.Usage, "cli.needs_yes")
	}
	fmt.Fprint(e.Err, e.Text.Text(code)+" ")
	line, _ := bufio.NewReader(e.In).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes", "s", "si", "sí":
		return nil
	}
	return tenantry.NewError(tenantry.Forbidden, "cli.declined")
}

// named opens the house and finds the tenant that --tenant-id names, 0 for all.
func (e *Env) named(ctx context.Context, v argparse.Values) (*app.App, tenantry.TenantKey, error) {
	id, given := v.Int("--tenant-id")
	missing := tenantry.NewError(tenantry.NotFound, "tenant.no_such_id", "id", id)
	if given && id <= 0 { // the seed would take 0 for everybody
		return nil, 0, missing
	}
	a, err := e.Open(ctx, sqldb.MustExist)
	if err != nil || !given {
		return a, 0, err
	}
	t, err := a.Tenants.Get(ctx, a.SignIn.Console(a.Who), tenant.ByKey(tenantry.TenantKey(id)))
	if err != nil {
		a.Close()
		if tenantry.KindOf(err) == tenantry.NotFound {
			err = missing
		}
		return nil, 0, err
	}
	return a, t.Key, nil
}

func (e *Env) rotate(ctx context.Context, v argparse.Values, kinds []token.Kind) error {
	a, only, err := e.named(ctx, v)
	if err != nil {
		return err
	}
	defer a.Close()
	return RotateTokens(ctx, e.Console, a, Rotation{Bulk: token.Bulk{Kinds: kinds, Only: int64(only), AbortOver: 10}})
}

// Rotation is a rotation of many tokens at the command line.
type Rotation struct {
	token.Bulk
	DryRun    bool
	SecretsTo string // a file that is given the new secrets, a JSON object in each line
}

// rotationDocument is what came of it, for programs.
type rotationDocument struct {
	Run      string            `json:"run,omitempty"`
	Rotated  int64             `json:"rotated"`
	Failed   int64             `json:"failed"`
	Total    int64             `json:"total"`
	Resumed  bool              `json:"resumed"`
	DryRun   bool              `json:"dry_run"`
	Failures []failureDocument `json:"failures"`
}

type failureDocument struct {
	Tenant int64  `json:"tenant"`
	Cause  string `json:"cause"`
}

// RotateTokens rotates with progress and the seed's words, which are the same in
// every language.
func RotateTokens(ctx context.Context, c *console.Console, a *app.App, r Rotation) error {
	s := a.SignIn.Console(a.Who)
	if r.DryRun {
		n, err := a.Tokens.CountBulk(ctx, s, r.Bulk)
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Document(rotationDocument{Rotated: n, Total: n, DryRun: true, Failures: []failureDocument{}})
		}
		c.Line(c.Style(console.Success, fmt.Sprintf("Tokens rotados: %d", n)))
		c.Say("dry_run.nothing_changed")
		return nil
	}
	if r.SecretsTo != "" {
		file, err := os.OpenFile(r.SecretsTo, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return tenantry.NewError(tenantry.Unavailable, "token.secrets_file", "path", r.SecretsTo).Because(err)
		}
		defer file.Close()
		r.Deliver = func(all []token.Delivered) error {
			if err := writeSecrets(file, all); err != nil {
				return tenantry.NewError(tenantry.Unavailable, "token.secrets_file", "path", r.SecretsTo).Because(err)
			}
			return nil
		}
	}
	var progress *console.Progress
	run, err := a.Tokens.RotateAll(ctx, s, r.Bulk, func(run token.Run) {
		if progress == nil {
			progress = c.Progress("progress.rotation", run.Total)
			if run.Resumed {
				c.Note("token.run_resumed", "run", run.ID.String(), "done", run.Done, "total", run.Total)
			}
		}
		progress.At(run.Done + run.Failed)
	})
	if progress != nil {
		progress.End()
	}
	for _, f := range run.Failures {
		message, _ := c.Text.Error(f.Cause)
		c.Note("token.run_failure", "tenant", int64(f.Tenant), "cause", message)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		document := rotationDocument{Run: run.ID.String(), Rotated: run.Done, Failed: run.Failed, Total: run.Total, Resumed: run.Resumed, Failures: []failureDocument{}}
		for _, f := range run.Failures {
			message, _ := c.Text.Error(f.Cause)
			document.Failures = append(document.Failures, failureDocument{int64(f.Tenant), message})
		}
		if err := c.Document(document); err != nil {
			return err
		}
	} else {
		c.Line(c.Style(console.Success, fmt.Sprintf("Tokens rotados: %d", run.Done)))
		if run.Done > 0 && r.SecretsTo == "" && a.Settings.Tokens.Encrypt {
			c.Note("token.secrets_sealed")
		}
	}
	if run.Failed > 0 {
		return console.ErrFindings
	}
	return nil
}

// writeSecrets appends new secrets and makes sure that they are on the disk before
// they become valid.
func writeSecrets(file *os.File, all []token.Delivered) error {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "{\"tenant\": %d, \"token_id\": %q, \"kind\": %q, \"version\": %d, \"secret\": %q}\n",
			d.Tenant, d.Token.String(), d.Kind, d.Version, d.Secret.Reveal())
	}
	if _, err := file.WriteString(b.String()); err != nil {
		return err
	}
	return file.Sync()
}

// tokenInformation is the seed's get_token_info, printed as Python prints a dict.
func (e *Env) tokenInformation(ctx context.Context, v argparse.Values) error {
	a, only, err := e.named(ctx, v)
	if err != nil {
		return err
	}
	defer a.Close()
	s := a.SignIn.Console(a.Who)
	if only == 0 {
		sum, err := a.Tokens.Summarise(ctx, s)
		if err != nil {
			return err
		}
		if e.JSON {
			return e.Document(map[string]any{"tenants": sum.Tenants, "ai_tokens": sum.Tokens[token.AI], "cwu_tokens": sum.Tokens[token.CWU],
				"missing": sum.Missing, "active": sum.States[token.Active], "retiring": sum.States[token.Retiring], "expired": sum.States[token.Expired],
				"revoked": sum.States[token.Revoked], "due": sum.Due})
		}
		e.Line(fmt.Sprintf("Información de tokens: {'tenants': %d, 'ai_tokens': %d, 'cwu_tokens': %d, 'missing': %d, 'active': %d, 'retiring': %d, 'expired': %d, 'revoked': %d, 'due': %d}",
			sum.Tenants, sum.Tokens[token.AI], sum.Tokens[token.CWU], sum.Missing, sum.States[token.Active], sum.States[token.Retiring], sum.States[token.Expired], sum.States[token.Revoked], sum.Due))
		return nil
	}
	page, err := a.Tokens.List(ctx, s, token.Query{Tenant: only, Page: tenantry.Page{Limit: tenantry.MaxPageLimit}})
	if err != nil {
		return err
	}
	t, err := a.Tenants.Get(ctx, s, tenant.ByKey(only))
	if err != nil {
		return err
	}
	if e.JSON {
		tokens := []map[string]any{}
		for _, l := range page.Items {
			tokens = append(tokens, map[string]any{"id": l.ID.String(), "kind": l.Kind, "name": l.Name, "display": l.Newest.Display, "version": l.Newest.Number, "status": l.State, "due": l.Due})
		}
		return e.Document(map[string]any{"tenant_id": int64(only), "name": t.Name, "tokens": tokens})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Información de tokens: {'tenant_id': %d, 'name': %s", only, argparse.Repr(t.Name))
	for _, l := range page.Items {
		name := string(l.Kind) + "_token"
		if !l.Home {
			name = l.Name
		}
		fmt.Fprintf(&b, ", %s: {'token': %s, 'version': %d, 'status': '%s', 'due': %s}", argparse.Repr(name), argparse.Repr(l.Newest.Display), l.Newest.Number, l.State, python(l.Due))
	}
	b.WriteString("}")
	e.Line(b.String())
	return nil
}

func python(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
