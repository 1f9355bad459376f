// Package rollout keeps what is known of data migrations that are carried out over
// many tenants: runs, the waves in which tenants take part, what became of each
// tenant, and which process is at work on which of them. It knows nothing of
// what a migration does. Everything is in tables, so that a run survives every
// process that works on it, and several may share one.
package rollout

import (
	"time"

	"github.com/tenantry/tenantry"
)

// State is where a run is.
type State string

const (
	Running   State = "running"
	Paused    State = "paused"    // by somebody, or after the canary wave
	Stopped   State = "stopped"   // by the abort rule
	Finished  State = "finished"  // every tenant has its outcome
	Cancelled State = "cancelled" // given up by somebody
)

// Outcome is what became of a tenant.
type Outcome string

const (
	Waiting     Outcome = "waiting"
	Done        Outcome = "done"
	Unchanged   Outcome = "unchanged"   // there was nothing to do
	Quarantined Outcome = "quarantined" // failed; the others went on
	Gone        Outcome = "gone"        // removed since the run began
)

// Outcomes lists them in the order in which they are shown.
func Outcomes() []Outcome { return []Outcome{Waiting, Done, Unchanged, Quarantined, Gone} }

// Options are the rules of a run. Whoever joins it later has agreed to the same.
type Options struct {
	Canary        int64   `json:"canary"`                   // tenants in the first wave
	CanaryTenants []int64 `json:"canary_tenants,omitempty"` // … or which
	Growth        int64   `json:"growth"`                   // each wave is so many times as large as the one before
	Hold          bool    `json:"hold,omitempty"`           // pause after the first wave
	AbortOver     int64   `json:"abort_over"`               // per cent of a wave that may fail
	Whole         bool    `json:"whole,omitempty"`          // of the platform, not of tenants: one item, 0
}

// Draft is a run to be begun.
type Draft struct {
	Step    string
	Version int64
	Sum     string
	Only    tenantry.TenantKey // one tenant, or zero for all
	Options Options
	// AcceptEdited lets a step run whose meaning changed though its version did not.
	AcceptEdited bool
}

// Run is a data migration that is, or was, carried out.
type Run struct {
	ID        tenantry.RunID
	Step      string
	Version   int64
	Sum       string
	Only      tenantry.TenantKey
	Reverts   string // the run that this one takes back, or ""
	Options   Options
	State     State
	Wave      int64  // under way, from 0
	Code      string // why it is not running
	Cause     string
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time
	EndedAt   *time.Time
	Counts    Counts // of all waves
	Waves     []Wave // filled by Get

	claimed tenantry.TenantKey // the last of the wave that some process took
}

// Counts add up outcomes.
type Counts struct {
	Items       int64 `json:"items"`
	Done        int64 `json:"done"`
	Unchanged   int64 `json:"unchanged"`
	Quarantined int64 `json:"quarantined"`
	Gone        int64 `json:"gone"`
	Changes     int64 `json:"changes"` // rows, or whatever the step counts
}

// Settled is how many have an outcome.
func (c Counts) Settled() int64 { return c.Done + c.Unchanged + c.Quarantined + c.Gone }

func (c *Counts) add(o Counts) {
	c.Items += o.Items
	c.Done += o.Done
	c.Unchanged += o.Unchanged
	c.Quarantined += o.Quarantined
	c.Gone += o.Gone
	c.Changes += o.Changes
}

// Wave is a part of the tenants.
type Wave struct {
	Number    int64
	Counts    Counts
	StartedAt *time.Time
	EndedAt   *time.Time

	tolerated int64 // failures that somebody has accepted
}

// over tells whether more of a wave failed than may.
func (w Wave) over(percent int64) bool {
	return (w.Counts.Quarantined-w.tolerated)*100 > percent*w.Counts.Items
}

// Item is a tenant's part in a run.
type Item struct {
	Tenant    tenantry.TenantKey
	Wave      int64
	Outcome   Outcome
	Attempts  int64
	Changes   int64
	Position  string // how far a part that takes several transactions has come
	Code      string
	Cause     string
	UpdatedAt *time.Time
}

// Attempt is a try that failed.
type Attempt struct {
	Number    int64
	Node      string
	Code      string
	Cause     string
	StartedAt time.Time
	EndedAt   time.Time
}

// Lease is the right to work on a stretch of a wave. It has no clock: its holder
// raises the beat, and who sees the same holder and beat for long enough by
// a clock of their own takes it over (docs/decisions/0002).
type Lease struct {
	Run         tenantry.RunID
	Wave        int64
	First, Last tenantry.TenantKey
	Node        string

	beat int64
}

// Result is what became of one tenant in a transaction.
type Result struct {
	Tenant   tenantry.TenantKey
	Outcome  Outcome
	Changes  int64
	Position string
	Undo     string // what a revert must know; "" is nothing
}
