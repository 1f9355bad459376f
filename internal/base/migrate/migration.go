package migrate

import (
	"context"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Key names a migration: "tenants", "0001_initial".
type Key struct{ App, Name string }

func (k Key) String() string { return k.App + "." + k.Name }

func (k Key) less(o Key) bool { return k.App < o.App || k.App == o.App && k.Name < o.Name }

// Migration is one step of one app's schema.
type Migration struct {
	Key
	Depends    []Key
	Operations []Operation
	// Replaces are the migrations that this one is when they are squashed: a
	// database that has applied all of them has applied it.
	Replaces []Key
	// NotAtomic migrations run statement by statement, outside of a transaction,
	// as CREATE INDEX CONCURRENTLY must. One that fails half-way leaves its first
	// half behind, so each statement must bear being repeated.
	NotAtomic bool
	// File and Text are where it was read from; empty for one written in Go.
	File, Text string
	// Sum is the SHA-256, in hex, of what is run; a change of it after the
	// migration was applied is refused.
	Sum string
}

// Operation is one thing a migration does and how it is undone. Either the
// statements or the functions are set, or neither for an operation that only
// Django's models see.
type Operation struct {
	Describe string // as `migrate --plan` prints it: "Create model User"
	Up, Down []string
	// UpLines and DownLines are the lines of the file on which they begin.
	UpLines, DownLines []int
	UpFunc, DownFunc   Func
}

// Func is a step in Go, inside the migration's transaction.
type Func func(ctx context.Context, s *Step) error

// Step is what a migration in Go is handed.
type Step struct {
	Tx       *sqldb.Tx
	Now      time.Time
	Progress func(done, total int64) // may be called as often as wanted
}

// initial tells whether the migration is the first of its app.
func (m *Migration) initial() bool {
	for _, d := range m.Depends {
		if d.App == m.App {
			return false
		}
	}
	return true
}
