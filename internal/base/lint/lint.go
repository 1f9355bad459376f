// Package lint reads a migration and says what in it could hurt a running system:
// locks that others wait behind, columns that old rows cannot have, things taken
// away that an older version of the program still reads. It judges the text
// alone; whether a migration makes what it should is base/draft's to prove.
//
// A finding is allowed where somebody says why, in a comment above the statement,
// or at the head of the file for the whole of it:
//
//	-- lint:allow drop nothing has read it since version 3
package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Finding is one thing that could hurt. Code is one of the codes below, and the
// end of its message's.
type Finding struct {
	Code   string `json:"code"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Table  string `json:"table,omitempty"`
	Object string `json:"object,omitempty"` // the column, constraint or index
}

// The codes.
const (
	HotLock            = "hot_lock"             // stops everybody who uses a table that everybody uses
	NotNull            = "not_null"             // rows that are there have no value for it
	SetNotNull         = "set_not_null"         // reads the whole table under a lock
	VolatileDefault    = "volatile_default"     // writes every row anew, each with another value
	Rewrite            = "rewrite"              // writes every row anew under a lock
	Index              = "index"                // writers wait until it is built
	InTransaction      = "in_transaction"       // CONCURRENTLY cannot run in one
	Validates          = "validates"            // reads the whole table under a lock
	Drop               = "drop"                 // an older version may still read it
	Renamed            = "rename"               // an older version knows the old name
	Backfill           = "backfill"             // every row in one transaction
	Irreversible       = "irreversible"         // there is no way back
	Todo               = "todo"                 // the author has not finished
	AllowWithoutReason = "allow_without_reason" // nobody says why
	AllowUnused        = "allow_unused"         // there is nothing to allow
)

// Codes are all of them.
var Codes = []string{HotLock, NotNull, SetNotNull, VolatileDefault, Rewrite, Index, InTransaction, Validates, Drop, Renamed, Backfill,
	Irreversible, Todo, AllowWithoutReason, AllowUnused}

// Migration judges one migration's file. hot are the tables that everybody uses
// all the time. A migration in Go has no text to be judged by.
func Migration(m *migrate.Migration, engine sqldb.Engine, hot []string) []Finding {
	if m.File == "" {
		return nil
	}
	j := &judge{m: m, engine: engine, hot: hot, made: map[string]bool{}}
	ups, downs := 0, 0
	for _, o := range m.Operations {
		ups, downs = ups+len(o.Up), downs+len(o.Down)
		for _, s := range o.Up {
			if h := sqltext.Read(s); h.Verb == "create" && h.Object == "table" {
				j.made[h.Name] = true
			}
		}
	}
	j.rebuilds()
	for _, o := range m.Operations {
		for i, s := range o.Up {
			j.line, j.text = o.UpLines[i], s
			j.statement(s)
		}
	}
	if ups > 0 && downs == 0 {
		j.line = 1
		j.find(Irreversible, "", "")
	}
	for i, line := range strings.Split(m.Text, "\n") {
		if strings.HasPrefix(line, "-- TODO") {
			j.line = i + 1
			j.find(Todo, "", "")
		}
	}
	return j.allowed()
}

// judge is a judgement under way.
type judge struct {
	m       *migrate.Migration
	engine  sqldb.Engine
	hot     []string
	made    map[string]bool // tables that the migration itself makes: nobody uses them yet
	rebuilt map[string]bool // SQLite: tables that are made anew in place
	line    int
	text    string
	found   []Finding
}

func (j *judge) find(code, table, object string) {
	f := Finding{Code: code, File: j.m.File, Line: j.line, Table: table, Object: object}
	if !slices.Contains(j.found, f) {
		j.found = append(j.found, f)
	}
}

func (j *judge) isHot(table string) bool { return slices.Contains(j.hot, table) && !j.made[table] }

// allow is "lint:allow CODE reason".
var allow = regexp.MustCompile(`^\s*--\s*lint:allow\s+([a-z_]+)\s*(.*)$`)

// allowed takes away what a comment allows, and finds comments that are of no
// use.
func (j *judge) allowed() []Finding {
	lines := strings.Split(j.m.Text, "\n")
	head := len(lines)
	var starts []int
	for i, line := range lines {
		if strings.HasPrefix(line, "-- +operation") {
			head = min(head, i+1)
		}
	}
	for _, o := range j.m.Operations {
		starts = append(starts, o.UpLines...)
	}
	slices.Sort(starts)
	for i, line := range lines {
		said := allow.FindStringSubmatch(line)
		if said == nil {
			continue
		}
		at := i + 1
		if said[2] == "" {
			j.found = append(j.found, Finding{Code: AllowWithoutReason, File: j.m.File, Line: at, Object: said[1]})
			continue
		}
		about := at // the statement that follows
		for _, start := range starts {
			if start > at {
				about = start
				break
			}
		}
		before := len(j.found)
		j.found = slices.DeleteFunc(j.found, func(f Finding) bool { return f.Code == said[1] && (at < head || f.Line == about) })
		if len(j.found) == before {
			j.found = append(j.found, Finding{Code: AllowUnused, File: j.m.File, Line: at, Object: said[1]})
		}
	}
	slices.SortStableFunc(j.found, func(a, b Finding) int { return a.Line - b.Line })
	return j.found
}
