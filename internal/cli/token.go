package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/cli/manage"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

func (p *program) tokenCommand() *cobra.Command {
	return p.group("token", "cli.token",
		p.tokenListCommand(), p.tokenShowCommand(), p.tokenCreateCommand(), p.tokenRotateCommand(), p.tokenRevokeCommand(), p.tokenRevealCommand(),
		p.tokenVerifyCommand(), p.tokenPolicyCommand(),
		p.tokenReportCommand("validate", (*token.Service).Validate), p.tokenReportCommand("audit", (*token.Service).Audit),
	)
}

// tokenDocument is a token as programs read it.
type tokenDocument struct {
	ID               string            `json:"id"`
	Tenant           int64             `json:"tenant"` // Django's integer id
	Kind             string            `json:"kind"`
	Home             bool              `json:"home"`
	Name             string            `json:"name,omitempty"`
	Scopes           []string          `json:"scopes"`
	AllowedAddresses []netip.Prefix    `json:"allowed_addresses,omitempty"`
	Version          int64             `json:"version"`
	Display          string            `json:"display"`
	Status           string            `json:"status"`
	StatusReason     string            `json:"status_reason,omitempty"`
	Due              bool              `json:"due"`
	CreatedAt        *time.Time        `json:"created_at"`
	ExpiresAt        *time.Time        `json:"expires_at"`
	LastUsedAt       *time.Time        `json:"last_used_at"`
	Versions         []versionDocument `json:"versions,omitempty"`
}

type versionDocument struct {
	Version     int64      `json:"version"`
	Display     string     `json:"display"`
	Status      string     `json:"status"`
	Reason      string     `json:"status_reason,omitempty"`
	CreatedAt   *time.Time `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	RetireAt    *time.Time `json:"retire_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	LastAddress string     `json:"last_address,omitempty"`
	Uses        int64      `json:"uses"`
	Misuses     int64      `json:"misuses"`
}

func tokenDocumentOf(l token.Listed) tokenDocument {
	d := tokenDocument{
		ID: l.ID.String(), Tenant: int64(l.Tenant), Kind: string(l.Kind), Home: l.Home, Name: l.Name, Scopes: l.Scopes, AllowedAddresses: l.AllowedAddresses,
		Version: l.Newest.Number, Display: l.Newest.Display, Status: string(l.State), StatusReason: string(l.Reason), Due: l.Due,
		CreatedAt: l.CreatedAt, ExpiresAt: l.Newest.ExpiresAt, LastUsedAt: l.Newest.LastUsedAt,
	}
	if len(d.Scopes) == 0 {
		d.Scopes = l.Kind.Scopes()
	}
	return d
}

func (p *program) tokenListCommand() *cobra.Command {
	var q token.Query
	var of, kind string
	c := &cobra.Command{
		Use: "list", Short: p.Text.Text("cli.token.list"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			q.Kind = token.Kind(kind)
			if of != "" {
				t, err := p.tenantNamed(ctx, a, s, of)
				if err != nil {
					return err
				}
				q.Tenant = t.Key
			}
			page, err := a.Tokens.List(ctx, s, q)
			if err != nil {
				return err
			}
			return showList(p, page, tokenDocumentOf, "token.none", []string{"column.tenant", "column.id", "column.kind", "column.name", "column.token", "column.version", "column.status", "column.created", "column.expires", "column.last_used"}, func(l token.Listed) []string {
				state := p.Text.Text("token.state." + string(l.State))
				if l.Due {
					state += ", " + p.Text.Text("token.state.due")
				}
				return []string{fmt.Sprint(l.Tenant), l.ID.String(), string(l.Kind), l.Name, l.Newest.Display, fmt.Sprint(l.Newest.Number), state,
					instant(l.Newest.CreatedAt), instant(l.Newest.ExpiresAt), instant(l.Newest.LastUsedAt)}
			})
		}),
	}
	f := c.Flags()
	f.StringVar(&of, "tenant", "", p.Text.Text("cli.token.tenant"))
	f.StringVar(&kind, "kind", "", p.Text.Text("cli.token.kind"))
	f.BoolVar(&q.Old, "old", false, p.Text.Text("cli.token.old"))
	f.IntVar(&q.Page.Limit, "limit", tenantry.DefaultPageLimit, p.Text.Text("cli.flag.limit"))
	f.StringVar(&q.Page.Cursor, "cursor", "", p.Text.Text("cli.flag.cursor"))
	return c
}

func (p *program) tokenShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show TOKEN", Short: p.Text.Text("cli.token.show"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			id, err := tenantry.ParseTokenID(args[0])
			if err != nil {
				return err
			}
			t, err := a.Tokens.Get(ctx, s, id)
			if err != nil {
				return err
			}
			return p.showToken(ctx, a, t)
		}),
	}
}

// showToken shows a token with its versions.
func (p *program) showToken(ctx context.Context, a *app.App, t token.Token) error {
	d, err := p.wholeToken(ctx, a, t)
	if err != nil {
		return err
	}
	if p.JSON {
		return p.Document(d)
	}
	p.Table([]string{"column.fact", "column.value"}, [][]string{
		{p.Text.Text("column.id"), d.ID}, {p.Text.Text("column.tenant"), fmt.Sprint(d.Tenant)}, {p.Text.Text("column.kind"), d.Kind},
		{p.Text.Text("column.name"), d.Name}, {p.Text.Text("column.scopes"), strings.Join(d.Scopes, " ")}, {p.Text.Text("column.status"), p.Text.Text("token.state." + d.Status)},
	})
	p.Line("")
	rows := make([][]string, len(d.Versions))
	for i, v := range d.Versions {
		rows[i] = []string{fmt.Sprint(v.Version), v.Display, p.Text.Text("token.state." + v.Status), v.Reason, instant(v.CreatedAt), instant(v.ExpiresAt), instant(v.RetireAt), instant(v.LastUsedAt), fmt.Sprint(v.Uses), v.LastAddress}
	}
	p.Table([]string{"column.version", "column.token", "column.status", "column.reason", "column.created", "column.expires", "column.retires", "column.last_used", "column.uses", "column.address"}, rows)
	return nil
}

func (p *program) wholeToken(ctx context.Context, a *app.App, t token.Token) (tokenDocument, error) {
	var d tokenDocument
	all, err := a.Tokens.Standings(ctx, t)
	if err != nil {
		return d, err
	}
	for i, l := range all {
		if i == 0 {
			d = tokenDocumentOf(l)
		}
		v, state, reason := l.Newest, l.State, l.Reason
		d.Versions = append(d.Versions, versionDocument{Version: v.Number, Display: v.Display, Status: string(state), Reason: string(reason), CreatedAt: v.CreatedAt,
			ExpiresAt: v.ExpiresAt, RetireAt: v.RetireAt, LastUsedAt: v.LastUsedAt, LastAddress: v.LastAddress, Uses: v.Uses, Misuses: v.Misuses})
	}
	return d, nil
}

// issuedDocument is a token with a secret that is shown this once.
type issuedDocument struct {
	Token             tokenDocument `json:"token"`
	Secret            string        `json:"secret"`
	PreviousExpiresAt *time.Time    `json:"previous_expires_at,omitempty"`
	Repeated          bool          `json:"repeated,omitempty"`
}

func (p *program) issued(d issuedDocument) error {
	if p.JSON {
		return p.Document(d)
	}
	if d.Secret == "" {
		p.Say("token.repeated", "version", d.Token.Version)
		return nil
	}
	p.Say("token.secret_shown_once", "id", d.Token.ID, "version", d.Token.Version)
	p.Line("  " + d.Secret)
	if d.PreviousExpiresAt != nil {
		p.Say("token.previous_until", "at", instant(d.PreviousExpiresAt))
	}
	return nil
}

func (p *program) tokenCreateCommand() *cobra.Command {
	var d token.Draft
	var kind, expires string
	var allowed []string
	c := &cobra.Command{
		Use: "create TENANT NAME", Short: p.Text.Text("cli.token.create"), Args: exactly(2),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			t, err := p.tenantNamed(ctx, a, s, args[0])
			if err != nil {
				return err
			}
			d.Tenant, d.Name, d.Kind = t.Key, args[1], token.Kind(kind)
			for _, text := range allowed {
				network, err := netip.ParsePrefix(text)
				if one, alone := netip.ParseAddr(text); alone == nil {
					network, err = one.Prefix(one.BitLen())
				}
				if err != nil {
					return badFlag("--allow " + clip(text))
				}
				d.AllowedAddresses = append(d.AllowedAddresses, network.Masked())
			}
			if expires != "" {
				in, err := config.ParseDuration(expires)
				if err != nil {
					return badFlag("--expires-in " + clip(expires))
				}
				at := a.Clock().Add(in)
				d.ExpiresAt = &at
			}
			made, err := a.Tokens.Create(ctx, s, d)
			if err != nil {
				return err
			}
			whole, err := p.wholeToken(ctx, a, made.Token)
			if err != nil {
				return err
			}
			return p.issued(issuedDocument{Token: whole, Secret: made.Secret.Reveal()})
		}),
	}
	f := c.Flags()
	f.StringVar(&kind, "kind", "ai", p.Text.Text("cli.token.kind"))
	f.StringSliceVar(&d.Scopes, "scope", nil, p.Text.Text("cli.token.scope"))
	f.StringSliceVar(&allowed, "allow", nil, p.Text.Text("cli.token.allow"))
	f.StringVar(&expires, "expires-in", "", p.Text.Text("cli.token.expires_in"))
	return c
}

func badFlag(reason string) error {
	return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", reason)
}

type tokenRotateOptions struct {
	all, due, compromised, hold, dryRun, yes bool
	of, kind, grace, key, secretsTo, pause   string
	version                                  int64
	abortOver                                int
}

func (p *program) tokenRotateCommand() *cobra.Command {
	var o tokenRotateOptions
	c := &cobra.Command{
		Use: "rotate [TOKEN]", Short: p.Text.Text("cli.token.rotate"), Long: p.Text.Text("cli.token.rotate.long"), Args: atMost(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			var grace *time.Duration
			if o.grace != "" {
				d, err := config.ParseDuration(o.grace)
				if err != nil {
					return badFlag("--grace " + clip(o.grace))
				}
				grace = &d
			}
			var ended token.Reason
			if o.compromised {
				ended = token.Compromised
			}
			if len(args) == 1 {
				return p.rotateOne(ctx, a, s, args[0], token.Rotation{Ended: ended, Grace: grace, Hold: o.hold, Version: o.version, Key: o.key})
			}
			return p.rotateMany(ctx, a, s, o, ended, grace)
		}),
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, p.Text.Text("cli.token.all"))
	f.BoolVar(&o.due, "due", false, p.Text.Text("cli.token.due"))
	f.StringVar(&o.of, "tenant", "", p.Text.Text("cli.token.tenant"))
	f.StringVar(&o.kind, "kind", "both", p.Text.Text("cli.token.kind_or_both"))
	f.BoolVar(&o.compromised, "compromised", false, p.Text.Text("cli.token.compromised"))
	f.StringVar(&o.grace, "grace", "", p.Text.Text("cli.token.grace"))
	f.BoolVar(&o.hold, "hold", false, p.Text.Text("cli.token.hold"))
	f.Int64Var(&o.version, "version", 0, p.Text.Text("cli.token.version"))
	f.StringVar(&o.key, "key", "", p.Text.Text("cli.token.key"))
	f.StringVar(&o.secretsTo, "secrets-to", "", p.Text.Text("cli.token.secrets_to"))
	f.StringVar(&o.pause, "pause", "0s", p.Text.Text("cli.token.pause"))
	f.IntVar(&o.abortOver, "abort-over", 10, p.Text.Text("cli.token.abort_over"))
	f.BoolVar(&o.dryRun, "dry-run", false, p.Text.Text("cli.flag.dry_run"))
	f.BoolVar(&o.yes, "yes", false, p.Text.Text("cli.flag.yes"))
	return c
}

func (p *program) rotateOne(ctx context.Context, a *app.App, s tenantry.Scope, text string, r token.Rotation) error {
	id, err := tenantry.ParseTokenID(text)
	if err != nil {
		return err
	}
	done, err := a.Tokens.Rotate(ctx, s, id, r)
	if err != nil {
		return err
	}
	whole, err := p.wholeToken(ctx, a, done.Token)
	if err != nil {
		return err
	}
	return p.issued(issuedDocument{Token: whole, Secret: done.Secret.Reveal(), PreviousExpiresAt: done.PreviousExpiresAt, Repeated: done.Repeated})
}

func (p *program) rotateMany(ctx context.Context, a *app.App, s tenantry.Scope, o tokenRotateOptions, ended token.Reason, grace *time.Duration) error {
	if !o.all && !o.due && o.of == "" {
		return badFlag("TOKEN | --tenant TENANT | --due | --all")
	}
	r := manage.Rotation{DryRun: o.dryRun, SecretsTo: o.secretsTo, Bulk: token.Bulk{Due: o.due, Ended: ended, Grace: grace, Hold: o.hold, AbortOver: o.abortOver}}
	switch o.kind {
	case "both":
		r.Kinds = token.Kinds()
	case string(token.AI), string(token.CWU):
		r.Kinds = []token.Kind{token.Kind(o.kind)}
	default:
		return badFlag("--kind ai|cwu|both")
	}
	var err error
	if r.Pause, err = config.ParseDuration(o.pause); err != nil {
		return badFlag("--pause " + clip(o.pause))
	}
	if o.of != "" {
		t, err := p.tenantNamed(ctx, a, s, o.of)
		if err != nil {
			return err
		}
		r.Only = int64(t.Key)
	} else if !o.yes && !o.dryRun {
		n, err := a.Tokens.CountBulk(ctx, s, r.Bulk)
		if err != nil {
			return err
		}
		if err := p.confirmByName(fmt.Sprint(n)); err != nil {
			return err
		}
	}
	return manage.RotateTokens(ctx, p.Console, a, r)
}

func (p *program) tokenRevokeCommand() *cobra.Command {
	var reason string
	var version int64
	c := &cobra.Command{
		Use: "revoke TOKEN", Short: p.Text.Text("cli.token.revoke"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			id, err := tenantry.ParseTokenID(args[0])
			if err != nil {
				return err
			}
			t, err := a.Tokens.Revoke(ctx, s, id, version, token.Reason(reason))
			if err != nil {
				return err
			}
			return p.showToken(ctx, a, t)
		}),
	}
	c.Flags().StringVar(&reason, "reason", string(token.Administrative), p.Text.Text("cli.token.reason"))
	c.Flags().Int64Var(&version, "version", 0, p.Text.Text("cli.token.only_version"))
	return c
}

func (p *program) tokenRevealCommand() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "reveal TOKEN", Short: p.Text.Text("cli.token.reveal"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			id, err := tenantry.ParseTokenID(args[0])
			if err != nil {
				return err
			}
			if !yes {
				if err := p.confirmByName(args[0]); err != nil {
					return err
				}
			}
			t, secret, err := a.Tokens.Reveal(ctx, s, id)
			if err != nil {
				return err
			}
			whole, err := p.wholeToken(ctx, a, t)
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(issuedDocument{Token: whole, Secret: secret.Reveal()})
			}
			p.Line(secret.Reveal())
			return nil
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, p.Text.Text("cli.flag.yes"))
	return c
}

func (p *program) tokenVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: p.Text.Text("cli.token.verify"), Long: p.Text.Text("cli.token.verify.long"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			if p.Prompt {
				fmt.Fprint(p.Err, p.Text.Text("cli.token.verify.prompt")+" ")
			}
			line, _ := bufio.NewReader(p.In).ReadString('\n')
			v, err := a.Verifier().Verify(ctx, strings.TrimRight(line, "\r\n"), verify.Question{Examine: true})
			if err != nil {
				return err
			}
			if err := p.showVerdict(v); err != nil {
				return err
			}
			if v.Code != verify.Valid {
				return console.ErrFindings
			}
			return nil
		}),
	}
}

func (p *program) showVerdict(v verify.Verdict) error {
	document := map[string]any{"valid": v.Code == verify.Valid, "code": v.Code}
	rows := [][]string{{p.Text.Text("column.code"), string(v.Code)}}
	if v.Tenant != nil {
		document["tenant"], document["token_id"], document["version"], document["kind"] = v.Tenant.ID.String(), v.Token.String(), v.Version, v.Kind
		rows = append(rows, []string{p.Text.Text("column.tenant"), v.Tenant.ID.String() + " " + v.Tenant.Name},
			[]string{p.Text.Text("column.token"), v.Token.String()}, []string{p.Text.Text("column.version"), fmt.Sprint(v.Version)}, []string{p.Text.Text("column.kind"), string(v.Kind)})
	}
	if p.JSON {
		return p.Document(document)
	}
	p.Table([]string{"column.fact", "column.value"}, rows)
	return nil
}

func (p *program) tokenPolicyCommand() *cobra.Command {
	set := map[string]*string{}
	c := &cobra.Command{
		Use: "policy TENANT", Short: p.Text.Text("cli.token.policy"), Long: p.Text.Text("cli.token.policy.long"), Args: exactly(1),
	}
	for _, name := range []string{"max-age", "rotate-after", "grace", "idle-age"} {
		set[name] = c.Flags().String(name, "", p.Text.Text("cli.token.policy."+strings.ReplaceAll(name, "-", "_")))
	}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		t, err := p.tenantNamed(ctx, a, s, args[0])
		if err != nil {
			return err
		}
		policy, err := a.Tokens.Policy(ctx, s, t.Key)
		if err != nil {
			return err
		}
		parts := map[string]**time.Duration{"max-age": &policy.MaxAge, "rotate-after": &policy.RotateAfter, "grace": &policy.Grace, "idle-age": &policy.IdleAge}
		written := false
		for name, text := range set {
			if !c.Flags().Changed(name) {
				continue
			}
			written = true
			if *text == "default" {
				*parts[name] = nil
				continue
			}
			d, err := config.ParseDuration(*text)
			if err != nil {
				return badFlag("--" + name + " " + clip(*text))
			}
			*parts[name] = &d
		}
		if written {
			if err := a.Tokens.SetPolicy(ctx, s, t.Key, policy); err != nil {
				return err
			}
		}
		return p.showPolicy(policy, a.Tokens.Settings())
	})
	return c
}

func (p *program) showPolicy(policy token.Policy, settings *token.Settings) error {
	document := map[string]any{}
	var rows [][]string
	for _, one := range []struct {
		name string
		own  *time.Duration
		all  time.Duration
	}{{"max_age", policy.MaxAge, settings.MaxAge}, {"rotate_after", policy.RotateAfter, settings.RotateAfter}, {"grace", policy.Grace, settings.Grace}, {"idle_age", policy.IdleAge, settings.IdleAge}} {
		value, origin := one.all, p.Text.Text("token.policy.settings")
		if one.own != nil {
			value, origin = *one.own, p.Text.Text("token.policy.tenant")
			document[one.name] = config.FormatDuration(value)
		} else {
			document[one.name] = nil
		}
		rows = append(rows, []string{one.name, config.FormatDuration(value), origin})
	}
	if p.JSON {
		return p.Document(document)
	}
	p.Table([]string{"column.fact", "column.value", "column.origin"}, rows)
	return nil
}

func (p *program) tokenReportCommand(name string, look manage.Report) *cobra.Command {
	fix := false
	c := &cobra.Command{
		Use: name, Short: p.Text.Text("cli.token." + name), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, _ tenantry.Scope, _ []string) error {
			return manage.ReportTokens(ctx, p.Console, a, look, fix)
		}),
	}
	c.Flags().BoolVar(&fix, "fix", false, p.Text.Text("cli.token.fix"))
	return c
}
