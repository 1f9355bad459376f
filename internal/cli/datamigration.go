package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/cli/console"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

func (p *program) dataMigrationCommand() *cobra.Command {
	return p.group("datamigration", "cli.datamigration",
		p.stepsCommand(), p.planCommand(), p.startCommand(), p.runsCommand(), p.showRunCommand(),
		p.resumeCommand(), p.retryCommand(), p.revertCommand(),
		p.stateCommand("pause", (*rollout.Service).Pause), p.stateCommand("cancel", (*rollout.Service).Cancel))
}

// paceFlags are how a process works on a run.
type paceFlags struct {
	workers, rest        int
	rate, attempts       int64
	transaction, latency time.Duration
	soak, timeout        time.Duration
}

func (f *paceFlags) bind(p *program, c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&f.workers, "workers", 0, p.Text.Text("cli.datamigration.flag.workers"))
	flags.Int64Var(&f.rate, "rate", 0, p.Text.Text("cli.datamigration.flag.rate"))
	flags.DurationVar(&f.latency, "max-latency", 0, p.Text.Text("cli.datamigration.flag.latency"))
	flags.DurationVar(&f.transaction, "transaction", 0, p.Text.Text("cli.datamigration.flag.transaction"))
	flags.IntVar(&f.rest, "rest", -1, p.Text.Text("cli.datamigration.flag.rest"))
	flags.DurationVar(&f.soak, "soak", 0, p.Text.Text("cli.datamigration.flag.soak"))
	flags.DurationVar(&f.timeout, "timeout", 0, p.Text.Text("cli.datamigration.flag.timeout"))
	flags.Int64Var(&f.attempts, "attempts", 3, p.Text.Text("cli.datamigration.flag.attempts"))
}

func (f *paceFlags) pace(a *app.App) (datamigration.Pace, error) {
	pace := a.Pace()
	for _, bad := range []struct {
		flag  string
		wrong bool
	}{
		{"--workers 1…64", f.workers < 0 || f.workers > 64}, {"--rate 1…", f.rate < 0}, {"--max-latency 1ms…", f.latency < 0}, {"--transaction 1ms…", f.transaction < 0},
		{"--rest 0…90", f.rest < -1 || f.rest > 90}, {"--soak 0s…", f.soak < 0}, {"--timeout 1s…", f.timeout < 0 || f.timeout > 0 && f.timeout < time.Second}, {"--attempts 1…", f.attempts < 1},
	} {
		if bad.wrong {
			return pace, tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", bad.flag)
		}
	}
	given := func(to *time.Duration, value time.Duration) {
		if value > 0 {
			*to = value
		}
	}
	given(&pace.Transaction, f.transaction)
	given(&pace.Timeout, f.timeout)
	if f.workers > 0 {
		pace.Workers = f.workers
	}
	if f.rest >= 0 {
		pace.Rest = f.rest
	}
	pace.Rate, pace.Latency, pace.Soak, pace.Attempts = f.rate, f.latency, f.soak, f.attempts
	return pace, nil
}

func (p *program) startCommand() *cobra.Command {
	var of string
	var canaries []string
	var options rollout.Options
	var dryRun, acceptEdited bool
	var pace paceFlags
	c := &cobra.Command{
		Use: "start STEP", Short: p.Text.Text("cli.datamigration.start"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			step, only, err := p.stepFor(ctx, a, s, args[0], of)
			if err != nil {
				return err
			}
			if dryRun {
				return p.plan(ctx, a, s, step, only)
			}
			how, err := pace.pace(a)
			if err != nil {
				return err
			}
			for _, text := range canaries {
				t, err := p.tenantNamed(ctx, a, s, text)
				if err != nil {
					return err
				}
				options.CanaryTenants = append(options.CanaryTenants, int64(t.Key))
			}
			run, joined, err := a.DataMigration.Start(ctx, s, step, only, options, acceptEdited)
			if err != nil {
				return err
			}
			if joined {
				p.Note("rollout.joined", "run", run.ID.String())
			}
			return p.carry(ctx, a, s, run, how)
		}),
	}
	flags := c.Flags()
	flags.StringVar(&of, "tenant", "", p.Text.Text("cli.datamigration.flag.tenant"))
	flags.Int64Var(&options.Canary, "canary", 10, p.Text.Text("cli.datamigration.flag.canary"))
	flags.StringArrayVar(&canaries, "canary-tenant", nil, p.Text.Text("cli.datamigration.flag.canary_tenant"))
	flags.Int64Var(&options.Growth, "growth", 10, p.Text.Text("cli.datamigration.flag.growth"))
	flags.BoolVar(&options.Hold, "hold", false, p.Text.Text("cli.datamigration.flag.hold"))
	flags.Int64Var(&options.AbortOver, "abort-over", 5, p.Text.Text("cli.datamigration.flag.abort_over"))
	flags.BoolVar(&dryRun, "dry-run", false, p.Text.Text("cli.flag.dry_run"))
	flags.BoolVar(&acceptEdited, "accept-edited", false, p.Text.Text("cli.datamigration.flag.accept_edited"))
	pace.bind(p, c)
	return c
}

// stepFor finds a step and, if one is named, the tenant it is to be run for.
func (p *program) stepFor(ctx context.Context, a *app.App, s tenantry.Scope, name, of string) (step datamigration.Step, only tenantry.TenantKey, err error) {
	if step, err = a.DataMigration.Step(name); err != nil || of == "" {
		return step, 0, err
	}
	t, err := p.tenantNamed(ctx, a, s, of)
	return step, t.Key, err
}

func (p *program) resumeCommand() *cobra.Command {
	var keepFailed bool
	c := p.carryCommand("resume", func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error) {
		return a.DataMigration.Resume(ctx, s, id, keepFailed)
	})
	c.Flags().BoolVar(&keepFailed, "keep-failed", false, p.Text.Text("cli.datamigration.flag.keep_failed"))
	return c
}

func (p *program) retryCommand() *cobra.Command {
	var failed bool
	c := p.carryCommand("retry", func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error) {
		if !failed {
			return rollout.Run{}, tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", "--failed")
		}
		return a.DataMigration.Retry(ctx, s, id)
	})
	c.Flags().BoolVar(&failed, "failed", true, p.Text.Text("cli.datamigration.flag.failed"))
	return c
}

func (p *program) revertCommand() *cobra.Command {
	var yes bool
	c := p.carryCommand("revert", func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error) {
		if !yes {
			if err := p.confirmByName(id.String()); err != nil {
				return rollout.Run{}, err
			}
		}
		return a.DataMigration.StartRevert(ctx, s, id)
	})
	c.Flags().BoolVar(&yes, "yes", false, p.Text.Text("cli.flag.yes"))
	return c
}

// carryCommand lets a run go on, or one that takes it back, and works on it.
func (p *program) carryCommand(verb string, begin func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) (rollout.Run, error)) *cobra.Command {
	var pace paceFlags
	c := &cobra.Command{
		Use: verb + " RUN", Short: p.Text.Text("cli.datamigration." + verb), Args: exactly(1),
		RunE: p.withRun(func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) error {
			how, err := pace.pace(a)
			if err != nil {
				return err
			}
			run, err := begin(ctx, a, s, id)
			if err != nil {
				return err
			}
			return p.carry(ctx, a, s, run, how)
		}),
	}
	pace.bind(p, c)
	return c
}

// stateCommand changes the state of a run and does no work on it.
func (p *program) stateCommand(verb string, change func(*rollout.Service, context.Context, tenantry.Scope, tenantry.RunID) (rollout.Run, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " RUN", Short: p.Text.Text("cli.datamigration." + verb), Args: exactly(1),
		RunE: p.withRun(func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) error {
			if _, err := change(a.Rollouts, ctx, s, id); err != nil {
				return err
			}
			run, err := a.Rollouts.Get(ctx, s, id)
			if err != nil {
				return err
			}
			return p.showRun(ctx, a, s, run)
		}),
	}
}

// withRun runs a command on one run.
func (p *program) withRun(do func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) error) func(*cobra.Command, []string) error {
	return p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		id, err := tenantry.ParseRunID(args[0])
		if err != nil {
			return err
		}
		return do(ctx, a, s, id)
	})
}

// carry works on a run with progress, and shows what came of it.
func (p *program) carry(ctx context.Context, a *app.App, s tenantry.Scope, run rollout.Run, pace datamigration.Pace) error {
	progress := p.Progress("progress.datamigration", run.Counts.Items)
	run, err := a.DataMigration.Carry(ctx, s, run.ID, pace, a.Holder, func(r rollout.Run) {
		progress.Failed(r.Counts.Quarantined)
		progress.Of(r.Counts.Settled(), r.Counts.Items)
	})
	progress.End()
	if err != nil {
		if run.State == rollout.Running && tenantry.KindOf(err) != tenantry.Conflict {
			p.Note("rollout.interrupted", "run", run.ID.String())
		}
		return err
	}
	if err := p.showRun(ctx, a, s, run); err != nil {
		return err
	}
	switch {
	case run.State == rollout.Stopped:
		return tenantry.NewError(tenantry.Conflict, "rollout.over", "failed", run.Counts.Quarantined, "wave", run.Wave+1, "run", run.ID.String())
	case run.State == rollout.Finished && run.Counts.Quarantined > 0:
		return console.ErrFindings
	}
	return nil
}
