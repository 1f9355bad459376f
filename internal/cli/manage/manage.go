// Package manage speaks the commands of the seed's manage.py: the same names,
// flags, order and exact words, so that scripts and habits carry over. Each does
// what its sister in package cli does; here is only the older manner of asking.
package manage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// Env is what the commands work with.
type Env struct {
	*console.Console
	Prog     string // how the program was called, "tenantry manage"
	Version  string
	Columns  int // width of the terminal
	Open     func(ctx context.Context, access sqldb.Access) (*app.App, error)
	Migrator func(ctx context.Context, access sqldb.Access) (*app.Migrator, error)
	Graph    func() (*migrate.Graph, error)
	Replay   func(ctx context.Context, path string, labels []string) ([]string, error)
	Workshop func(ctx context.Context, devDatabase string) (*draft.Workshop, error)
	Lint     func(made draft.Made) ([]lint.Finding, error)
	Drift    func(ctx context.Context, devDatabase string) (sqldb.Engine, draft.Drift, error)

	answers *bufio.Reader // of a person, one reader for all questions
}

// command is one name of manage.py.
type command struct {
	app     string // under which the list of commands shows it
	name    string
	help    string
	declare func(p *argparse.Parser)
	run     func(ctx context.Context, e *Env, v argparse.Values) error
}

func commands() []command {
	return []command{
		checkCommand(), makeMigrationsCommand(), migrateCommand(), showMigrationsCommand(), sqlMigrateCommand(), squashMigrationsCommand(),
		generateTenantTokensCommand(), migrateTenantDataCommand(), validateTenantDataCommand(),
		manageTenantTokensCommand(), rotateTenantTokensCommand(),
		validateTenantTokensCommand(), auditTenantTokensCommand(), encryptTenantTokensCommand(), analyzeUserProfilesCommand(), auditTenantPermissionsCommand(),
	}
}

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, e *Env, args []string) int {
	if len(args) == 0 {
		e.list()
		return 0
	}
	all := commands()
	find := func(name string) *command {
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == name }); i >= 0 {
			return &all[i]
		}
		return nil
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "--help", "-h":
		if name != "help" || len(rest) == 0 {
			e.list()
			return 0
		}
		name, rest = rest[0], []string{"--help"}
	case "--version", "version":
		fmt.Fprintln(e.Out, e.Version)
		return 0
	}
	c := find(name)
	if c == nil {
		e.unknown(name, all)
		return 1
	}
	p := argparse.New(e.Prog+" "+c.name, c.help).Columns(e.Columns)
	p.DjangoOptions(e.Version, c.name != "check")
	c.declare(p)
	v, err := p.Parse(rest)
	var exit *argparse.Exit
	if errors.As(err, &exit) {
		fmt.Fprint(e.Out, exit.Stdout)
		fmt.Fprint(e.Err, exit.Stderr)
		return exit.Code
	}
	if v.Bool("--no-color") {
		e.Color = false
	}
	if v.Bool("--force-color") {
		e.Color = true
	}
	err = c.run(ctx, e, v)
	var silent console.Silent
	switch {
	case err == nil, errors.Is(err, console.ErrFindings), errors.As(err, &silent):
		return e.Fail(err)
	}
	e.Complain(e.Style(console.Danger, "CommandError"), err)
	return console.ExitCode(err)
}

// list is what manage.py prints when it is given no command.
func (e *Env) list() {
	fmt.Fprintf(e.Out, "\nType '%s help <subcommand>' for help on a specific subcommand.\n\nAvailable subcommands:\n", e.Prog)
	last := ""
	all := commands()
	slices.SortFunc(all, func(a, b command) int { return strings.Compare(a.app+" "+a.name, b.app+" "+b.name) })
	for _, c := range all {
		if c.app != last {
			last = c.app
			fmt.Fprintf(e.Out, "\n%s\n", e.Style("31", "["+c.app+"]"))
		}
		fmt.Fprintf(e.Out, "    %s\n", c.name)
	}
}

func (e *Env) unknown(name string, all []command) {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	var near []string
	for _, c := range all {
		if similar(c.name, name) {
			near = append(near, c.name)
		}
	}
	did := ""
	if len(near) > 0 {
		did = ". Did you mean " + near[0] + "?"
	}
	fmt.Fprintf(e.Err, "Unknown command: %s%s\nType '%s help' for usage.\n", argparse.Repr(name), did, e.Prog)
}

// similar tells whether two names share most of their letters in order, as
// Python's difflib would find them close.
func similar(a, b string) bool {
	common := 0
	rest := b
	for _, r := range a {
		if i := strings.IndexRune(rest, r); i >= 0 {
			common++
			rest = rest[i+1:]
		}
	}
	return 2*common*10 >= 6*(len(a)+len(b))
}

// verbosity is Django's -v: 0 is silent, 1 is usual.
func verbosity(v argparse.Values) int64 {
	n, _ := v.Int("--verbosity")
	return n
}

func databaseOption(p *argparse.Parser, help string) {
	p.String("--database", "default", help)
}
