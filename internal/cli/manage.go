package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/cli/manage"
)

// manageCommand hands everything behind `manage` to package manage, whose
// grammar is argparse's and not ours. It speaks Spanish unless told otherwise,
// as the seed does.
func (p *program) manageCommand() *cobra.Command {
	return &cobra.Command{
		Use: "manage COMMAND", Short: p.Text.Text("cli.manage"),
		DisableFlagParsing: true,
		PersistentPreRunE:  func(*cobra.Command, []string) error { return nil }, // RunE does it, once it knows the flags
		RunE: func(c *cobra.Command, args []string) error {
			args = flagsInFront(c, args)
			if err := c.Root().PersistentPreRunE(c, args); err != nil {
				return err
			}
			if code := manage.Run(c.Context(), p.manage(), args); code != 0 {
				return console.Silent(code)
			}
			return nil
		},
	}
}

// flagsInFront reads the flags of ours that stand before the name of a command
// of manage's, and returns the rest. What begins otherwise is manage's to judge.
func flagsInFront(c *cobra.Command, args []string) []string {
	flags := c.InheritedFlags()
	flags.SetInterspersed(false)
	flags.Usage = func() {} // --help is manage's, too
	if err := flags.Parse(args); err != nil {
		return args
	}
	return flags.Args()
}

// manage is the environment of manage's commands, in Spanish or in what was
// asked for outright.
func (p *program) manage() *manage.Env {
	e := p.managed()
	lang := p.lang
	if lang == "" {
		lang = lookup(p.env, "TENANTRY_LANG")
	}
	if lang == "" {
		lang = "es"
	}
	inSpanish := *p.Console
	inSpanish.Text = p.catalog.Printer(lang)
	e.Console = &inSpanish
	return e
}

// managed is the same environment in the caller's own language, for those of
// our commands that share their work with manage's.
func (p *program) managed() *manage.Env {
	return &manage.Env{
		Console: p.Console, Prog: "tenantry manage", Version: versionText(),
		Columns: argparse.TerminalColumns(lookup(p.env, "COLUMNS"), 0),
		Open:    p.open,
		Migrator: func(ctx context.Context, access sqldb.Access) (*app.Migrator, error) {
			prog, err := p.program()
			if err != nil {
				return nil, err
			}
			return prog.Migrator(ctx, access)
		},
		Graph: func() (*migrate.Graph, error) {
			prog, err := p.program()
			if err != nil {
				return nil, err
			}
			return prog.Graph()
		},
		Workshop: func(ctx context.Context, devDatabase string) (*draft.Workshop, error) {
			prog, err := p.programWith(devDatabase)
			if err != nil {
				return nil, err
			}
			return prog.Workshop(ctx)
		},
		Lint: func(made draft.Made) ([]lint.Finding, error) {
			prog, err := p.program()
			if err != nil {
				return nil, err
			}
			return prog.LintDraft(made), nil
		},
		Drift: func(ctx context.Context, devDatabase string) (sqldb.Engine, draft.Drift, error) {
			prog, err := p.programWith(devDatabase)
			if err != nil {
				return "", draft.Drift{}, err
			}
			engine, err := sqldb.EngineOf(prog.DatabaseURL())
			if err != nil {
				return "", draft.Drift{}, err
			}
			d, err := prog.Drift(ctx)
			return engine, d, err
		},
		Replay: func(ctx context.Context, path string, labels []string) ([]string, error) {
			prog, err := p.program()
			if err != nil {
				return nil, err
			}
			return prog.Replay(ctx, path, labels)
		},
	}
}

// programWith is the program with a server for scratch databases, unless that is
// "".
func (p *program) programWith(devDatabase string) (app.Program, error) {
	prog, err := p.program()
	if err != nil || devDatabase == "" {
		return prog, err
	}
	prog.Settings.Migrations.DevDatabase = tenantry.NewSecret(devDatabase)
	return prog, prog.Settings.Validate()
}
