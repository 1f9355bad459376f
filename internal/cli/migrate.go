package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry/internal/cli/manage"
)

func (p *program) migrateCommand() *cobra.Command {
	var o manage.MigrateOptions
	c := &cobra.Command{
		Use: "migrate [APP [NAME|zero]]", Short: p.Text.Text("cli.migrate"), Long: p.Text.Text("cli.migrate.long"), Args: atMost(2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Request.App, o.Request.Target = at(args, 0), at(args, 1)
			return manage.Migrate(c.Context(), p.managed(), o)
		},
	}
	o.Verbosity = 1
	f := c.Flags()
	f.BoolVar(&o.Plan, "plan", false, p.Text.Text("cli.migrate.plan"))
	f.BoolVar(&o.Check, "check", false, p.Text.Text("cli.migrate.check"))
	f.BoolVar(&o.DryRun, "dry-run", false, p.Text.Text("cli.migrate.dry_run"))
	f.BoolVar(&o.Drift, "drift", false, p.Text.Text("cli.migrate.drift"))
	f.StringVar(&o.DevDatabase, "dev-database", "", p.Text.Text("cli.flag.dev_database"))
	f.BoolVar(&o.Request.Fake, "fake", false, p.Text.Text("cli.migrate.fake"))
	f.BoolVar(&o.Request.FakeInitial, "fake-initial", false, p.Text.Text("cli.migrate.fake_initial"))
	f.BoolVar(&p.acceptEdited, "accept-edited", false, p.Text.Text("cli.migrate.accept_edited"))
	return c
}

func (p *program) showMigrationsCommand() *cobra.Command {
	var o manage.ShowOptions
	c := &cobra.Command{
		Use: "showmigrations [APP...]", Short: p.Text.Text("cli.showmigrations"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Apps = args
			return manage.ShowMigrations(c.Context(), p.managed(), o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Plan, "plan", false, p.Text.Text("cli.showmigrations.plan"))
	f.Int64VarP(&o.Verbosity, "verbosity", "v", 1, p.Text.Text("cli.flag.verbosity"))
	return c
}

func (p *program) sqlMigrateCommand() *cobra.Command {
	backwards := false
	c := &cobra.Command{
		Use: "sqlmigrate APP NAME", Short: p.Text.Text("cli.sqlmigrate"), Args: exactly(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return manage.SQLMigrate(p.managed(), args[0], args[1], backwards)
		},
	}
	c.Flags().BoolVar(&backwards, "backwards", false, p.Text.Text("cli.sqlmigrate.backwards"))
	return c
}

func (p *program) makeMigrationsCommand() *cobra.Command {
	o := manage.MakeOptions{Verbosity: 1}
	c := &cobra.Command{
		Use: "makemigrations [APP...]", Short: p.Text.Text("cli.makemigrations"), Long: p.Text.Text("cli.makemigrations.long"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Apps = args
			return manage.MakeMigrations(c.Context(), p.managed(), o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, p.Text.Text("cli.makemigrations.dry_run"))
	f.BoolVar(&o.Check, "check", false, p.Text.Text("cli.makemigrations.check"))
	f.StringVarP(&o.Name, "name", "n", "", p.Text.Text("cli.makemigrations.name"))
	f.BoolVar(&o.Empty, "empty", false, p.Text.Text("cli.makemigrations.empty"))
	f.BoolVar(&o.Merge, "merge", false, p.Text.Text("cli.makemigrations.merge"))
	f.BoolVar(&o.NoInput, "no-input", false, p.Text.Text("cli.makemigrations.no_input"))
	f.StringArrayVar(&o.Renames, "rename", nil, p.Text.Text("cli.makemigrations.rename"))
	f.StringVar(&o.DevDatabase, "dev-database", "", p.Text.Text("cli.flag.dev_database"))
	f.Int64VarP(&o.Verbosity, "verbosity", "v", 1, p.Text.Text("cli.flag.verbosity"))
	return c
}

func (p *program) squashMigrationsCommand() *cobra.Command {
	var o manage.SquashOptions
	c := &cobra.Command{
		Use: "squashmigrations APP [START] NAME", Short: p.Text.Text("cli.squashmigrations"), Long: p.Text.Text("cli.squashmigrations.long"),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 3 {
				return nil
			}
			return exactly(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.App, o.End = args[0], args[1]
			if len(args) == 3 {
				o.Start, o.End = args[1], args[2]
			}
			return manage.SquashMigrations(c.Context(), p.managed(), o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.NoOptimize, "no-optimize", false, p.Text.Text("cli.squashmigrations.no_optimize"))
	f.BoolVar(&o.NoInput, "no-input", false, p.Text.Text("cli.makemigrations.no_input"))
	f.StringVar(&o.Name, "squashed-name", "", p.Text.Text("cli.squashmigrations.name"))
	f.StringVar(&o.DevDatabase, "dev-database", "", p.Text.Text("cli.flag.dev_database"))
	return c
}

func (p *program) lintMigrationsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lintmigrations [APP...]", Short: p.Text.Text("cli.lintmigrations"), Long: p.Text.Text("cli.lintmigrations.long"),
		RunE: func(c *cobra.Command, args []string) error {
			prog, err := p.program()
			if err != nil {
				return err
			}
			findings, err := prog.LintMigrations(args)
			if err != nil {
				return err
			}
			return p.managed().ShowLint(findings)
		},
	}
}

func at(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}
