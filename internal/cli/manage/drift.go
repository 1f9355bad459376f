package manage

import (
	"context"
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// drift is `migrate --drift`. What it prints is a script: differences as comments,
// then the statements that mend them.
func (e *Env) drift(ctx context.Context, devDatabase string) error {
	engine, d, err := e.Drift(ctx, devDatabase)
	if err != nil {
		return err
	}
	if e.JSON {
		if err := e.Document(driftOf(d)); err != nil {
			return err
		}
	} else {
		e.showDrift(engine, d)
	}
	if len(d.Differences) > 0 {
		return console.ErrFindings
	}
	return nil
}

type driftDocument struct {
	Differences []catalog.Difference `json:"differences"`
	Repair      []string             `json:"repair"`
	Left        []catalog.Difference `json:"left"`
	Proven      bool                 `json:"proven"`
	NotCompared []string             `json:"not_compared"`
}

func driftOf(d draft.Drift) driftDocument {
	return driftDocument{append([]catalog.Difference{}, d.Differences...), append([]string{}, d.Repair...),
		append([]catalog.Difference{}, d.Left...), d.Proven, append([]string{}, d.Others...)}
}

func (e *Env) showDrift(engine sqldb.Engine, d draft.Drift) {
	if len(d.Others) > 0 {
		e.Note("drift.not_compared", "objects", strings.Join(d.Others, ", "))
	}
	if len(d.Differences) == 0 {
		e.Say("drift.none")
		return
	}
	for _, l := range d.Differences {
		e.Line("-- " + strings.Join(strings.Fields(l.String()), " "))
	}
	if len(d.Repair) > 0 {
		if engine == sqldb.SQLite { // tables may have to be rebuilt
			e.Line("PRAGMA foreign_keys = off;\nPRAGMA legacy_alter_table = on;")
		}
		e.Line("BEGIN;")
		for _, s := range d.Repair {
			if draft.DestroysData(s) {
				e.Line("-- " + e.Text.Text("drift.destroys"))
			}
			e.Line(strings.TrimSuffix(s, ";") + ";")
		}
		e.Line("COMMIT;")
	}
	for _, l := range d.Left {
		e.Line("-- " + draft.Todo + " " + strings.Join(strings.Fields(l.String()), " "))
	}
	if d.Proven {
		e.Note("drift.proven")
	} else {
		e.Note("drift.unproven")
	}
}
