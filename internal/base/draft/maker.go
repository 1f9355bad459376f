package draft

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Maker makes migrations of one app for one engine.
type Maker struct {
	Bench *Bench
	App   string
	// Graph are all migrations, the app's among them.
	Graph *migrate.Graph
	// Runner makes the runner that applies a graph, as the program would.
	Runner func(db *sqldb.DB, g *migrate.Graph) *migrate.Runner
	// Without names the runner's own tables.
	Without []string

	current, desired *Scratch
	words            []sqltext.Statement
	squash           *squash // what is squashed, if that is what is done
}

// squash is what a squashed migration takes the place of.
type squash struct {
	replaces, depends []migrate.Key
	previous          string
}

// Twin is the draft of a migration for one engine.
type Twin struct {
	Engine  sqldb.Engine
	Changes []Change
	Back    []Change // how it is undone
	// Left is what the draft does not do, Undone what its way back does not.
	Left, Undone []catalog.Difference
	Text         string // the file, once Prove has run
}

// Empty tells that there is nothing to do, and nothing left.
func (t Twin) Empty() bool { return len(t.Changes) == 0 && len(t.Left) == 0 }

// Prepare replays the migrations of the apps that this one can build on, with
// and without its own, and the schema that is wanted in place of its own.
func (m *Maker) Prepare(ctx context.Context, file, schema string) error {
	if err := m.replayOthers(ctx); err != nil {
		return err
	}
	if m.has() {
		if err := m.run(ctx, m.current, m.Graph, migrate.Request{App: m.App}); err != nil {
			return err
		}
	}
	m.words = sqltext.Split(schema)
	return m.desired.Execute(ctx, file, schema)
}

// replayOthers replays the migrations of the other apps, on which what is current and
// what is desired of this one are to be made.
func (m *Maker) replayOthers(ctx context.Context) error {
	others, err := m.Graph.Before(m.App)
	if err != nil {
		return err
	}
	base, err := m.Bench.Empty(ctx)
	if err != nil {
		return err
	}
	if err := m.run(ctx, base, others, migrate.Request{}); err != nil {
		return err
	}
	if m.current, err = m.Bench.Copy(ctx, base); err != nil {
		return err
	}
	m.desired, err = m.Bench.Copy(ctx, base)
	return err
}

func (m *Maker) has() bool { return slices.Contains(m.Graph.Apps(), m.App) }

func (m *Maker) run(ctx context.Context, s *Scratch, g *migrate.Graph, r migrate.Request) error {
	_, err := m.Runner(s.DB, g).Run(ctx, r, func(migrate.Event) {})
	return err
}

// Candidates are what may have been renamed, with the columns' types, beyond what
// the schema's comments tell.
func (m *Maker) Candidates(ctx context.Context) ([]Rename, []string, error) {
	have, err := Catalog(ctx, m.current.DB, m.Without)
	if err != nil {
		return nil, nil, err
	}
	want, err := Catalog(ctx, m.desired.DB, m.Without)
	if err != nil {
		return nil, nil, err
	}
	all, types := Candidates(have, want)
	hinted := Hints(m.words)
	var left []Rename
	var leftTypes []string
	for i, r := range all {
		if !slices.ContainsFunc(hinted, func(h Rename) bool {
			return h.Table == r.Table && h.To == r.To || h.Table == r.Table && h.Column == r.Column
		}) {
			left, leftTypes = append(left, r), append(leftTypes, types[i])
		}
	}
	return left, leftTypes, nil
}

// Draft finds the changes from what the migrations make to what is wanted, and
// back.
func (m *Maker) Draft(ctx context.Context, renames []Rename) (Twin, error) {
	t := Twin{Engine: m.Bench.Engine()}
	forward, back, err := m.between(ctx, m.current, m.desired, Options{App: m.App, Words: m.words, Renames: append(Hints(m.words), renames...), Without: m.Without})
	t.Changes, t.Left, t.Back, t.Undone = forward.Changes, forward.Left, back.Changes, back.Left
	return t, err
}

// between drafts both ways. Neither of the two databases is changed.
func (m *Maker) between(ctx context.Context, from, to *Scratch, o Options) (forward, back Draft, err error) {
	work, err := m.Bench.Copy(ctx, from)
	if err != nil {
		return forward, back, err
	}
	if forward, err = Between(ctx, work.DB, to.DB, o); err != nil {
		return forward, back, err
	}
	var again []Rename
	for _, r := range slices.Backward(o.Renames) {
		undo := Rename{Table: r.To, To: r.Table}
		if r.Column != "" {
			undo = Rename{r.Table, r.To, r.Column}
		}
		again = append(again, undo)
	}
	if work, err = m.Bench.Copy(ctx, work); err != nil {
		return forward, back, err
	}
	back, err = Between(ctx, work.DB, from.DB, Options{App: o.App, Renames: again, Without: o.Without})
	return forward, back, err
}

// Prove writes the file and runs it as the program would: forwards, backwards and
// forwards again, on a copy of what the migrations before it make. What it does
// not make of that is in Left and Undone afterwards.
func (m *Maker) Prove(ctx context.Context, t *Twin, name string) error {
	key := migrate.Key{App: m.App, Name: name}
	for _, paired := range []bool{true, false} {
		operations, ok := t.operations(paired)
		if !ok {
			continue
		}
		t.Text = m.render(*t, operations)
		done, err := m.replay(ctx, t, key)
		if err != nil && paired {
			continue // undone in another order it may be possible
		}
		if err != nil || done || !paired {
			return err
		}
	}
	return nil
}

// replay runs the file there, back and there again. It tells whether both ends
// are as they were when the changes were drafted.
func (m *Maker) replay(ctx context.Context, t *Twin, key migrate.Key) (bool, error) {
	with, err := m.Graph.With(key, t.Text)
	if err != nil {
		return false, err
	}
	copied, err := m.Bench.Copy(ctx, m.current)
	if err != nil {
		return false, err
	}
	previous := migrate.Zero
	switch {
	case m.squash != nil:
		previous = m.squash.previous
	case m.has():
		previous = m.Graph.Leaves(m.App)[0].Name
	}
	same := func(as *Scratch) ([]catalog.Difference, error) {
		want, err := Catalog(ctx, as.DB, m.Without)
		if err != nil {
			return nil, err
		}
		got, err := Catalog(ctx, copied.DB, m.Without)
		return catalog.Diff(want, got), err
	}
	var left, undone []catalog.Difference
	for _, step := range []struct {
		to   string
		as   *Scratch
		into *[]catalog.Difference
	}{{key.Name, m.desired, &left}, {previous, m.current, &undone}, {key.Name, m.desired, &left}} {
		if step.to == previous && len(t.Back) == 0 && len(t.Changes) == 0 {
			continue
		}
		if err := m.run(ctx, copied, with, migrate.Request{App: m.App, Target: step.to}); err != nil {
			return false, err
		}
		if *step.into, err = same(step.as); err != nil {
			return false, err
		}
	}
	drafted := len(t.Left) == len(left) && len(t.Undone) == len(undone)
	if !drafted {
		t.Left, t.Undone = left, undone
		operations, _ := t.operations(false)
		t.Text = m.render(*t, operations)
	}
	return drafted, nil
}

func (m *Maker) render(t Twin, operations []migrate.Operation) string {
	f := File{Operations: operations, Left: t.Left, Undone: t.Undone}
	if m.squash != nil {
		f.Replaces, f.Depends = m.squash.replaces, m.squash.depends
	} else {
		f.Depends = m.depends(t.Changes)
	}
	return Render(f)
}

// operations lays the changes and their contraries out: each beside its own, or
// the whole way back at the end. Operations are undone last first.
func (t *Twin) operations(paired bool) (operations []migrate.Operation, ok bool) {
	at := map[string]int{}
	for _, c := range t.Changes {
		if _, twice := at[c.Object]; twice && paired {
			return nil, false
		}
		at[c.Object] = len(operations)
		operations = append(operations, migrate.Operation{Describe: c.Describe(), Up: c.Statements})
	}
	seen := map[string]bool{}
	for _, c := range t.Back {
		i, known := at[c.Object]
		if paired && (!known || seen[c.Object]) {
			return nil, false
		}
		seen[c.Object] = true
		if !paired {
			i = len(operations) - 1
		}
		if i >= 0 {
			operations[i].Down = append(operations[i].Down, c.Statements...)
		}
	}
	return operations, true
}

// depends lists what a migration with these changes must come after: the app's
// last ones, and the last of each app whose tables it speaks of.
func (m *Maker) depends(changes []Change) (keys []migrate.Key) {
	if m.has() {
		keys = m.Graph.Leaves(m.App)
	}
	known := map[migrate.Key]bool{}
	if len(keys) > 0 {
		for _, k := range m.Graph.Order(keys...) {
			known[k] = true
		}
	}
	for _, app := range m.Graph.Apps() {
		if app == m.App {
			continue
		}
		members, _ := m.Graph.App(app)
		if slices.ContainsFunc(members, func(k migrate.Key) bool {
			return !known[k] && slices.ContainsFunc(changes, func(c Change) bool { return mentionsTableOf(c, m.Graph.Migration(k)) })
		}) {
			keys = append(keys, m.Graph.Leaves(app)...)
		}
	}
	return keys
}

func mentionsTableOf(c Change, of *migrate.Migration) bool {
	for _, o := range of.Operations {
		for _, s := range o.Up {
			if h := sqltext.Read(s); h.Verb == "create" && h.Object == "table" &&
				slices.ContainsFunc(c.Statements, func(s string) bool { return sqltext.Mentions(s, h.Name) }) {
				return true
			}
		}
	}
	return false
}

// NextNumber is the number of an app's next migration, "0003".
func NextNumber(graphs ...*migrate.Graph) func(app string) string {
	return func(app string) string {
		last := 0
		for _, g := range graphs {
			for _, k := range g.Keys() {
				if k.App != app {
					continue
				}
				// What a squashed migration stands for has taken its number already.
				for _, k := range append(slices.Clone(g.Migration(k).Replaces), k) {
					last = max(last, number(k.Name))
				}
			}
		}
		return fmt.Sprintf("%04d", last+1)
	}
}

// squashedTo finds the last number in the name of a squashed migration, as Django
// does where the ones that it replaced are gone.
var squashedTo = regexp.MustCompile(`_squashed_(\d+)`)

func number(name string) int {
	digits, _, _ := strings.Cut(name, "_")
	if m := squashedTo.FindStringSubmatch(name); m != nil {
		digits = m[1]
	}
	n, _ := strconv.Atoi(digits) // a name without a number counts as none
	return n
}

// Commutes tells how two ways of reaching an app's leaves differ, each leaf's
// branch taken first once.
func (m *Maker) Commutes(ctx context.Context) ([]catalog.Difference, error) {
	leaves := m.Graph.Leaves(m.App)
	var first catalog.Catalog
	for i := range leaves {
		s, err := m.Bench.Empty(ctx)
		if err != nil {
			return nil, err
		}
		for j := range leaves {
			if err := m.run(ctx, s, m.Graph, migrate.Request{App: m.App, Target: leaves[(i+j)%len(leaves)].Name}); err != nil {
				return nil, tenantry.NewError(tenantry.Conflict, "makemigrations.branches_conflict", "app", m.App, "cause", rootText(err)).Because(err)
			}
		}
		c, err := Catalog(ctx, s.DB, m.Without)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = c
		} else if d := catalog.Diff(first, c); len(d) > 0 {
			return d, nil
		}
	}
	return nil, nil
}
