// Package cli is the command line: one file for each command, which reads its
// flags, calls one service or flow and shows what came of it. Package manage
// speaks the seed's manage.py.
package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/lifecycle"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/version"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// program is what every command shares: the flags before its own, and the way
// from them to an open house.
type program struct {
	*console.Console
	env          []string
	catalog      *locale.Catalog
	configFile   string
	settingFlags []settingFlag
	output       string
	lang         string
	acceptEdited bool
}

// settingFlag is a flag that sets a setting. Its name is shorter than the key
// where people type it often: --database for database.url.
type settingFlag struct {
	key, flag string
	value     *string
}

// Main runs a command line and returns its exit code.
func Main(args []string, in io.Reader, out, err io.Writer, env []string) int {
	p := &program{env: env, Console: console.New(in, out, err, func(name string) string { return lookup(env, name) }), catalog: locale.New()}
	p.Text = p.catalog.Printer(p.languages(langOf(args))...)
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	ctx, stop := lifecycle.UntilSignal(context.Background())
	defer stop()
	failure := root.ExecuteContext(ctx)
	if failure != nil && ctx.Err() != nil && errors.Is(failure, context.Canceled) {
		failure = tenantry.NewError(tenantry.Busy, "interrupted").Because(failure)
	}
	return p.Fail(failure)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "tenantry",
		Short:         p.Text.Text("cli.tenantry"),
		Long:          p.Text.Text("cli.tenantry.long"),
		Args:          p.noSuchCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch p.output {
			case "table":
			case "json":
				p.JSON = true
			default:
				return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", "--output table|json")
			}
			if p.lang != "" {
				if _, ours := locale.Match(p.lang); !ours {
					return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", "--lang es|en")
				}
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", err.Error())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	flags := root.PersistentFlags()
	flags.StringVar(&p.configFile, "config", "", p.Text.Text("cli.flag.config"))
	flags.StringVarP(&p.output, "output", "o", "table", p.Text.Text("cli.flag.output"))
	flags.StringVar(&p.lang, "lang", "", p.Text.Text("cli.flag.lang"))
	p.settingFlags = []settingFlag{
		{"database.url", "--database", flags.String("database", "", p.Text.Text("cli.flag.database"))},
		{"data_dir", "--data-dir", flags.String("data-dir", "", p.Text.Text("cli.flag.data_dir"))},
		{"migrations.dir", "--migrations-dir", flags.String("migrations-dir", "", p.Text.Text("cli.flag.migrations_dir"))},
	}
	root.AddCommand(
		p.serveCommand(), p.adoptCommand(),
		p.migrateCommand(), p.makeMigrationsCommand(), p.showMigrationsCommand(), p.sqlMigrateCommand(), p.squashMigrationsCommand(), p.lintMigrationsCommand(), p.dataMigrationCommand(),
		p.tenantCommand(), p.userCommand(), p.tokenCommand(), p.keysCommand(), p.operatorCommand(), p.wallsCommand(), p.accessCommand(), p.keyCommand(),
		p.configurationCommand(), p.configCommand(), p.versionCommand(), p.manageCommand(),
	)
	return root
}

// noSuchCommand makes an unknown first word wrong usage, with the nearest name.
func (p *program) noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := strings.Join(c.SuggestionsFor(args[0]), ", ")
	return tenantry.NewError(tenantry.Usage, "cli.unknown_command", "command", clip(args[0]), "parent", c.CommandPath(), "near", near)
}

// exactly wants n arguments, named as in the command's usage.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return tenantry.NewError(tenantry.Usage, "cli.arguments", "usage", c.UseLine())
	}
}

func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return tenantry.NewError(tenantry.Usage, "cli.arguments", "usage", c.UseLine())
	}
}

// group is a command that only holds others.
func (p *program) group(use, code string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: p.Text.Text(code), Args: p.noSuchCommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	g.AddCommand(commands...)
	return g
}

// sources says where settings come from: the flags given before or after the
// command count last.
func (p *program) sources() config.Sources {
	var given []config.Given
	for _, f := range p.settingFlags {
		if *f.value != "" {
			given = append(given, config.Given{Key: f.key, Flag: f.flag, Value: *f.value})
		}
	}
	return app.Sources(p.configFile, p.env, given)
}

// program reads the settings and makes what the house is built with.
func (p *program) program() (app.Program, error) {
	var s app.Settings
	if err := config.Load(&s, p.sources()); err != nil {
		return app.Program{}, err
	}
	prog := app.NewProgram(s, time.Now, rand.Reader)
	prog.AcceptEdited = p.acceptEdited
	return prog, nil
}

// open opens the house on a database that exists and is current.
func (p *program) open(ctx context.Context, access sqldb.Access) (*app.App, error) {
	prog, err := p.program()
	if err != nil {
		return nil, err
	}
	return prog.Open(ctx, access)
}

// withApp runs a command that needs the house, as whoever sits at the console.
func (p *program) withApp(run func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a, err := p.open(c.Context(), sqldb.MustExist)
		if err != nil {
			return err
		}
		defer a.Close()
		return run(c.Context(), a, a.SignIn.Console(a.Who), args)
	}
}

// languages lists what to negotiate the language from: --lang, TENANTRY_LANG,
// then the locale (CONVENTIONS, Command line).
func (p *program) languages(flag string) []string {
	tags := []string{flag}
	for _, name := range []string{"TENANTRY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		tags = append(tags, lookup(p.env, name))
	}
	return tags
}

// langOf finds --lang before cobra has parsed anything: help texts are needed
// while the commands are being built.
func langOf(args []string) string {
	for i, a := range args {
		if value, ok := strings.CutPrefix(a, "--lang="); ok {
			return value
		}
		if a == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

func lookup(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

func versionText() string { return version.String() }
