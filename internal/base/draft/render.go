package draft

import (
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
)

// File is what a migration file says.
type File struct {
	About      string // a comment at its head
	Depends    []migrate.Key
	Replaces   []migrate.Key
	Operations []migrate.Operation
	// Left and Undone become lines that begin with TODO.
	Left, Undone []catalog.Difference
}

// Render writes a migration file, as base/migrate reads it.
func Render(f File) string {
	var b strings.Builder
	if f.About != "" {
		b.WriteString("-- " + f.About + "\n")
	}
	keys := func(directive string, all []migrate.Key) {
		if len(all) == 0 {
			return
		}
		b.WriteString("-- +" + directive)
		for _, k := range all {
			b.WriteString(" " + k.String())
		}
		b.WriteByte('\n')
	}
	keys("replaces", f.Replaces)
	keys("depends", f.Depends)
	statements := func(directive string, all []string) {
		if len(all) == 0 {
			return
		}
		b.WriteString("-- +" + directive + "\n")
		for _, s := range all {
			b.WriteString(ended(s) + "\n")
		}
	}
	if len(f.Operations) == 0 && len(f.Left) > 0 {
		f.Operations = []migrate.Operation{{Describe: "Make what could not be drafted"}}
	}
	for _, o := range f.Operations {
		b.WriteString("-- +operation " + o.Describe + "\n")
		statements("up", o.Up)
		statements("down", o.Down)
	}
	for _, d := range f.Left {
		b.WriteString("-- " + Todo + " the schema wants it, and this does not make it: " + oneLine(d.String()) + "\n")
	}
	for _, d := range f.Undone {
		b.WriteString("-- " + Todo + " the way back does not lead there: " + oneLine(d.String()) + "\n")
	}
	return b.String()
}

// Todo begins a comment about something that a draft left to its author.
const Todo = "TODO"

// HasTodo tells whether a migration file was left unfinished.
func HasTodo(text string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "-- "+Todo) {
			return true
		}
	}
	return false
}

func ended(statement string) string {
	return strings.TrimRight(strings.TrimSuffix(strings.TrimSpace(statement), ";"), " \n") + ";"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
