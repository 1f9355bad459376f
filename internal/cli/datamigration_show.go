package cli

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// runDocument is a run as programs read it.
type runDocument struct {
	ID          string          `json:"id"`
	Step        string          `json:"step"`
	Version     int64           `json:"version"`
	Tenant      int64           `json:"tenant,omitempty"` // Django's integer id, of a run for one
	Reverts     string          `json:"reverts,omitempty"`
	State       string          `json:"state"`
	Code        string          `json:"code,omitempty"`
	Cause       string          `json:"cause,omitempty"`
	Counts      rollout.Counts  `json:"counts"`
	Waves       []waveDocument  `json:"waves"`
	CreatedAt   time.Time       `json:"created_at"`
	CreatedBy   string          `json:"created_by"`
	EndedAt     *time.Time      `json:"ended_at"`
	Quarantined []itemDocument  `json:"quarantined"`
	Options     rollout.Options `json:"options"`
}

type waveDocument struct {
	Wave int64 `json:"wave"`
	rollout.Counts
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

type itemDocument struct {
	Tenant   int64             `json:"tenant"`
	Name     string            `json:"name,omitempty"`
	Outcome  string            `json:"outcome"`
	Wave     int64             `json:"wave"`
	Attempts int64             `json:"attempts"`
	Changes  int64             `json:"changes"`
	Code     string            `json:"code,omitempty"`
	Cause    string            `json:"cause,omitempty"`
	Tries    []attemptDocument `json:"tries,omitempty"`
}

type attemptDocument struct {
	Attempt   int64     `json:"attempt"`
	Node      string    `json:"node"`
	Code      string    `json:"code"`
	Cause     string    `json:"cause"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
}

func runDocumentOf(r rollout.Run) runDocument {
	d := runDocument{ID: r.ID.String(), Step: r.Step, Version: r.Version, Tenant: int64(r.Only), Reverts: r.Reverts, State: string(r.State), Code: r.Code, Cause: r.Cause,
		Counts: r.Counts, Waves: []waveDocument{}, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, EndedAt: r.EndedAt, Quarantined: []itemDocument{}, Options: r.Options}
	for _, w := range r.Waves {
		d.Waves = append(d.Waves, waveDocument{w.Number + 1, w.Counts, w.StartedAt, w.EndedAt})
	}
	return d
}

// shownFailures is how many tenants in quarantine are shown without being asked for.
const shownFailures = 20

func (p *program) showRun(ctx context.Context, a *app.App, s tenantry.Scope, run rollout.Run) error {
	limit := shownFailures
	if p.JSON {
		limit = everyItem
	}
	failed, err := p.items(ctx, a, s, run, rollout.Quarantined, limit)
	if err != nil {
		return err
	}
	if p.JSON {
		d := runDocumentOf(run)
		d.Quarantined = failed
		return p.Document(d)
	}
	p.Say("rollout.line", "run", run.ID.String(), "step", run.Step, "state", p.Text.Text("rollout.state."+string(run.State)))
	if run.Reverts != "" {
		p.Say("rollout.reverts", "run", run.Reverts)
	}
	var rows [][]string
	for _, w := range run.Waves {
		rows = append(rows, append([]string{fmt.Sprint(w.Number + 1)}, cells(w.Counts)...))
	}
	if len(run.Waves) > 1 {
		rows = append(rows, append([]string{"="}, cells(run.Counts)...))
	}
	p.Table([]string{"column.wave", "column.items", "column.done", "column.unchanged", "column.quarantined", "column.gone", "column.changes"}, rows)
	if len(failed) > 0 {
		p.Line("")
		p.itemTable(failed)
		if more := run.Counts.Quarantined - int64(len(failed)); more > 0 {
			p.Say("rollout.more", "count", more)
		}
	}
	switch {
	case run.State == rollout.Paused:
		p.Say("rollout.go_on", "run", run.ID.String())
	case run.State == rollout.Finished && run.Counts.Quarantined > 0:
		p.Say("rollout.try_again", "run", run.ID.String())
	}
	return nil
}

func cells(c rollout.Counts) []string {
	return []string{fmt.Sprint(c.Items), fmt.Sprint(c.Done), fmt.Sprint(c.Unchanged), fmt.Sprint(c.Quarantined), fmt.Sprint(c.Gone), fmt.Sprint(c.Changes)}
}

func (p *program) itemTable(items []itemDocument) {
	rows := make([][]string, len(items))
	for i, d := range items {
		rows[i] = []string{fmt.Sprint(d.Tenant), d.Name, p.Text.Text("rollout.outcome." + d.Outcome), fmt.Sprint(d.Wave), fmt.Sprint(d.Attempts), fmt.Sprint(d.Changes), d.Cause}
	}
	p.Table([]string{"column.tenant", "column.name", "column.outcome", "column.wave", "column.attempts", "column.changes", "column.cause"}, rows)
}

// everyItem asks items for all.
const everyItem = math.MaxInt

// items reads the first tenants of a run with one outcome, with their names.
func (p *program) items(ctx context.Context, a *app.App, s tenantry.Scope, run rollout.Run, outcome rollout.Outcome, limit int) ([]itemDocument, error) {
	const page = 1000
	all := []itemDocument{}
	for after := tenantry.TenantKey(-1); len(all) < limit; {
		found, err := a.Rollouts.Items(ctx, s, run.ID, outcome, after, min(page, limit-len(all)))
		if err != nil || len(found) == 0 {
			return all, err
		}
		keys := make([]tenantry.TenantKey, len(found))
		for i, f := range found {
			keys[i] = f.Tenant
		}
		names, err := a.Tenants.Names(ctx, s, keys)
		if err != nil {
			return all, err
		}
		for _, f := range found {
			d := itemDocumentOf(f)
			d.Name = names[f.Tenant]
			all = append(all, d)
		}
		after = keys[len(keys)-1]
	}
	return all, nil
}

func itemDocumentOf(i rollout.Item) itemDocument {
	return itemDocument{Tenant: int64(i.Tenant), Outcome: string(i.Outcome), Wave: i.Wave + 1, Attempts: i.Attempts, Changes: i.Changes, Code: i.Code, Cause: i.Cause}
}

func (p *program) showRunCommand() *cobra.Command {
	var of, outcome string
	c := &cobra.Command{
		Use: "show RUN", Short: p.Text.Text("cli.datamigration.show"), Args: exactly(1),
		RunE: p.withRun(func(ctx context.Context, a *app.App, s tenantry.Scope, id tenantry.RunID) error {
			run, err := a.Rollouts.Get(ctx, s, id)
			if err != nil {
				return err
			}
			if of == "" && outcome == "" {
				return p.showRun(ctx, a, s, run)
			}
			var items []itemDocument
			if of != "" {
				items, err = p.oneItem(ctx, a, s, run, of)
			} else {
				if !slices.Contains(rollout.Outcomes(), rollout.Outcome(outcome)) {
					return tenantry.NewError(tenantry.Usage, "cli.bad_flag", "reason", fmt.Sprint("--outcome ", rollout.Outcomes()))
				}
				items, err = p.items(ctx, a, s, run, rollout.Outcome(outcome), everyItem)
			}
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(tenantry.List[itemDocument]{Items: items})
			}
			p.itemTable(items)
			for _, d := range items {
				for _, t := range d.Tries {
					p.Say("rollout.try", "attempt", t.Attempt, "at", t.EndedAt.Format(time.RFC3339), "node", t.Node, "cause", t.Cause)
				}
			}
			return nil
		}),
	}
	c.Flags().StringVar(&of, "tenant", "", p.Text.Text("cli.datamigration.flag.show_tenant"))
	c.Flags().StringVar(&outcome, "outcome", "", p.Text.Text("cli.datamigration.flag.outcome"))
	return c
}

// oneItem is a tenant's part in a run, with the tries that failed. The tenant may be
// gone: then only its number is known.
func (p *program) oneItem(ctx context.Context, a *app.App, s tenantry.Scope, run rollout.Run, of string) ([]itemDocument, error) {
	t, err := p.tenantNamed(ctx, a, s, of)
	key := t.Key
	if err != nil {
		n, bad := strconv.ParseInt(of, 10, 64)
		if bad != nil || tenantry.KindOf(err) != tenantry.NotFound {
			return nil, err
		}
		key = tenantry.TenantKey(n)
	}
	found, err := a.Rollouts.Items(ctx, s, run.ID, "", key-1, 1)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Tenant != key {
		return nil, tenantry.NewError(tenantry.NotFound, "rollout.no_item", "tenant", of, "run", run.ID.String())
	}
	d := itemDocumentOf(found[0])
	tries, err := a.Rollouts.Attempts(ctx, s, run.ID, key)
	for _, t := range tries {
		d.Tries = append(d.Tries, attemptDocument{t.Number, t.Node, t.Code, t.Cause, t.StartedAt, t.EndedAt})
	}
	return []itemDocument{d}, err
}

func (p *program) runsCommand() *cobra.Command {
	var step string
	var page tenantry.Page
	c := &cobra.Command{
		Use: "runs", Short: p.Text.Text("cli.datamigration.runs"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			list, err := a.Rollouts.List(ctx, s, step, page)
			if err != nil {
				return err
			}
			if p.JSON {
				items := make([]runDocument, len(list.Items))
				for i, r := range list.Items {
					items[i] = runDocumentOf(r)
				}
				return p.Document(tenantry.List[runDocument]{Items: items, NextCursor: list.NextCursor})
			}
			rows := make([][]string, len(list.Items))
			for i, r := range list.Items {
				rows[i] = []string{r.ID.String(), r.Step, p.Text.Text("rollout.state." + string(r.State)), fmt.Sprintf("%d/%d", r.Counts.Settled(), r.Counts.Items),
					fmt.Sprint(r.Counts.Quarantined), r.CreatedAt.Format(time.RFC3339), r.CreatedBy}
			}
			p.Table([]string{"column.run", "column.step", "column.status", "column.settled", "column.quarantined", "column.created", "column.by"}, rows)
			return nil
		}),
	}
	c.Flags().StringVar(&step, "step", "", p.Text.Text("cli.datamigration.flag.step"))
	c.Flags().IntVar(&page.Limit, "limit", 0, p.Text.Text("cli.flag.limit"))
	c.Flags().StringVar(&page.Cursor, "cursor", "", p.Text.Text("cli.flag.cursor"))
	return c
}

func (p *program) stepsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "steps", Short: p.Text.Text("cli.datamigration.steps"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			all, err := a.DataMigration.Steps()
			if err != nil {
				return err
			}
			type document struct {
				Name       string   `json:"name"`
				Version    int64    `json:"version"`
				Summary    string   `json:"summary"`
				Depends    []string `json:"depends"`
				Revertible bool     `json:"revertible"`
				LastRun    string   `json:"last_run,omitempty"`
				LastState  string   `json:"last_state,omitempty"`
			}
			items := make([]document, len(all))
			rows := make([][]string, len(all))
			for i, step := range all {
				d := document{Name: step.Name, Version: step.Version, Summary: p.Text.Text(step.Summary), Depends: []string{}, Revertible: step.Revert != nil}
				for _, key := range step.Depends {
					d.Depends = append(d.Depends, key.String())
				}
				last, err := a.Rollouts.List(ctx, s, step.Name, tenantry.Page{Limit: 1})
				if err != nil {
					return err
				}
				state := ""
				if len(last.Items) > 0 {
					d.LastRun, d.LastState = last.Items[0].ID.String(), string(last.Items[0].State)
					state = p.Text.Text("rollout.state." + d.LastState)
				}
				items[i] = d
				rows[i] = []string{d.Name, fmt.Sprint(d.Version), state, p.yesNo(d.Revertible), d.Summary}
			}
			if p.JSON {
				return p.Document(tenantry.List[document]{Items: items})
			}
			p.Table([]string{"column.step", "column.version", "column.last_run", "column.revertible", "column.meaning"}, rows)
			return nil
		}),
	}
}

func (p *program) planCommand() *cobra.Command {
	var of string
	c := &cobra.Command{
		Use: "plan STEP", Short: p.Text.Text("cli.datamigration.plan"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			step, only, err := p.stepFor(ctx, a, s, args[0], of)
			if err != nil {
				return err
			}
			return p.plan(ctx, a, s, step, only)
		}),
	}
	c.Flags().StringVar(&of, "tenant", "", p.Text.Text("cli.datamigration.flag.tenant"))
	return c
}

// plan counts what a step would change.
func (p *program) plan(ctx context.Context, a *app.App, s tenantry.Scope, step datamigration.Step, only tenantry.TenantKey) error {
	progress := p.Progress("progress.datamigration", 0)
	planned, tenants, err := a.DataMigration.Plan(ctx, s, step, only, func(n int64) { progress.Of(n, n) })
	progress.End()
	if err != nil {
		return err
	}
	var changes int64
	for _, n := range planned {
		changes += n
	}
	if p.JSON {
		return p.Document(map[string]any{"step": step.Name, "version": step.Version, "tenants": tenants, "to_change": len(planned), "changes": changes, "dry_run": true})
	}
	p.Say("rollout.planned", "step", step.Name, "tenants", tenants, "concerned", len(planned), "changes", changes)
	p.Say("dry_run.nothing_changed")
	return nil
}
