package draft

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Workshop makes the migrations of apps that lie in a folder, one folder for each
// app, for all engines at once.
type Workshop struct {
	Folder string
	// Benches are for the engines that can be drafted for.
	Benches []*Bench
	// Graphs are all migrations as each engine sees them, of both engines.
	Graphs map[sqldb.Engine]*migrate.Graph
	Runner func(db *sqldb.DB, g *migrate.Graph) *migrate.Runner
	// Without names the runner's own tables.
	Without []string
}

// Engines are all engines, in the order in which their files are shown.
var Engines = []sqldb.Engine{sqldb.Postgres, sqldb.SQLite}

// Close removes every scratch database.
func (w *Workshop) Close() {
	for _, b := range w.Benches {
		b.Close()
	}
}

// Made is a new migration. Nothing is written yet.
type Made struct {
	App, Name string
	Twins     []Twin
	Files     []NewFile
	// NotDrafted is the engine that there was no server for.
	NotDrafted sqldb.Engine
}

// NewFile is a file to be written, or one that was.
type NewFile struct{ Path, Text string }

// Empty tells that nothing has to be done.
func (m Made) Empty() bool {
	return !slices.ContainsFunc(m.Twins, func(t Twin) bool { return !t.Empty() })
}

// Operations are what it does, in words, on any engine.
func (m Made) Operations() (all []string) {
	for _, t := range m.Twins {
		for _, c := range t.Changes {
			for _, p := range c.Phrases {
				if !slices.Contains(all, p.Text) {
					all = append(all, p.Text)
				}
			}
		}
	}
	return all
}

// Unfinished tells that something was left to the author.
func (m Made) Unfinished() bool {
	return slices.ContainsFunc(m.Twins, func(t Twin) bool { return len(t.Left)+len(t.Undone) > 0 })
}

// Request says what is asked of Make.
type Request struct {
	App     string
	Name    string // without its number; "" for what it does
	Renames []Rename
	// Ask is asked about every column or table that looks renamed; nil to assume
	// that none was.
	Ask func(r Rename, columnType string) bool
}

// Apps lists the apps of the folder, those that have no migration yet among them.
func (w *Workshop) Apps() ([]string, error) { return AppsIn(w.Folder) }

// AppsIn lists the apps of a folder of apps: its folders with SQL files.
func AppsIn(folder string) (apps []string, err error) {
	if folder == "" {
		return nil, nil
	}
	files, err := fs.Glob(os.DirFS(folder), "*/*.sql")
	for _, f := range files {
		apps = append(apps, filepath.Dir(f))
	}
	return slices.Compact(apps), err
}

// Make drafts and proves what is missing between an app's migrations and its
// schema, on every engine that there is a bench for.
func (w *Workshop) Make(ctx context.Context, r Request) (Made, error) {
	made := Made{App: r.App}
	if err := w.finished(r.App); err != nil {
		return made, err
	}
	name, only, err := w.missingTwin(r.App)
	if err != nil {
		return made, err
	}
	var makers []*Maker
	for _, engine := range Engines {
		bench := w.bench(engine)
		switch {
		case bench == nil:
			made.NotDrafted = engine
			continue
		case only != "" && only != engine:
			continue
		}
		file, text, err := w.schema(r.App, engine)
		if err != nil || file == "" {
			return made, err
		}
		m := w.maker(bench, r.App)
		if err := m.Prepare(ctx, file, text); err != nil {
			return made, err
		}
		if r.Ask != nil {
			if err := w.ask(ctx, m, &r); err != nil {
				return made, err
			}
		}
		t, err := m.Draft(ctx, r.Renames)
		if err != nil {
			return made, err
		}
		makers, made.Twins = append(makers, m), append(made.Twins, t)
	}
	if made.Empty() {
		return made, nil
	}
	if made.Name = name; name == "" {
		made.Name = w.name(r, made.Twins)
	}
	for i := range made.Twins {
		if err := makers[i].Prove(ctx, &made.Twins[i], made.Name); err != nil {
			return made, err
		}
	}
	made.Files = w.files(made)
	return made, nil
}

func (w *Workshop) maker(b *Bench, app string) *Maker {
	return &Maker{Bench: b, App: app, Graph: w.Graphs[b.Engine()], Runner: w.Runner, Without: w.Without}
}

func (w *Workshop) bench(engine sqldb.Engine) *Bench {
	for _, b := range w.Benches {
		if b.Engine() == engine {
			return b
		}
	}
	return nil
}

// finished refuses to build on a draft that was left unfinished.
func (w *Workshop) finished(app string) error {
	for _, g := range w.Graphs {
		for _, k := range g.Leaves(app) {
			if HasTodo(g.Migration(k).Text) {
				return tenantry.NewError(tenantry.Conflict, "makemigrations.todo", "file", filepath.Join(w.Folder, g.Migration(k).File))
			}
		}
	}
	return nil
}

// missingTwin finds the one migration that an engine lacks and the other has,
// because there was no server when it was drafted.
func (w *Workshop) missingTwin(app string) (name string, only sqldb.Engine, err error) {
	for _, engine := range Engines {
		for _, other := range Engines {
			for _, k := range w.Graphs[other].Keys() {
				if k.App != app || w.Graphs[engine].Migration(k) != nil {
					continue
				}
				if name != "" {
					return "", "", tenantry.NewError(tenantry.Conflict, "makemigrations.twins_missing", "app", app, "names", name+", "+k.Name)
				}
				name, only = k.Name, engine
			}
		}
	}
	if only != "" && w.bench(only) == nil { // reported as not drafted, and the other goes on
		return "", "", nil
	}
	return name, only, nil
}

func (w *Workshop) ask(ctx context.Context, m *Maker, r *Request) error {
	candidates, types, err := m.Candidates(ctx)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for i, c := range candidates {
		known := slices.ContainsFunc(r.Renames, func(k Rename) bool {
			return k.Table == c.Table && k.Column == c.Column || k.Table == c.Table && k.To == c.To
		})
		if known || taken[c.Table+"."+c.Column] || taken[c.Table+"="+c.To] || !r.Ask(c, types[i]) {
			continue
		}
		taken[c.Table+"."+c.Column], taken[c.Table+"="+c.To] = true, true
		r.Renames = append(r.Renames, c)
	}
	return nil
}

func (w *Workshop) name(r Request, twins []Twin) string {
	number := w.NextNumber(r.App)
	if r.Name != "" {
		return number + "_" + r.Name
	}
	most := twins[0].Changes
	for _, t := range twins {
		if len(t.Changes) > len(most) {
			most = t.Changes
		}
	}
	return number + "_" + Name(number == "0001", most)
}

// NextNumber is the number of an app's next migration, "0003".
func (w *Workshop) NextNumber(app string) string {
	var graphs []*migrate.Graph
	for _, g := range w.Graphs {
		graphs = append(graphs, g)
	}
	return NextNumber(graphs...)(app)
}

// schema reads the file that says what an app's schema should be on an engine;
// no file is no wish.
func (w *Workshop) schema(app string, engine sqldb.Engine) (file, text string, err error) {
	for _, name := range []string{migrate.Schema + "." + string(engine) + ".sql", migrate.Schema + ".sql"} {
		file = filepath.Join(w.Folder, app, name)
		b, err := os.ReadFile(file)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, string(b), err
		}
	}
	return "", "", nil
}

// files lays the twins out: one file where both say the same.
func (w *Workshop) files(made Made) (files []NewFile) {
	path := filepath.Join(w.Folder, made.App, made.Name)
	if len(made.Twins) == len(Engines) && made.Twins[0].Text == made.Twins[1].Text {
		return []NewFile{{path + ".sql", made.Twins[0].Text}}
	}
	for _, t := range made.Twins {
		files = append(files, NewFile{path + "." + string(t.Engine) + ".sql", t.Text})
	}
	return files
}

// Empty makes a migration for its author to fill in.
func (w *Workshop) Empty(r Request) Made {
	name := w.NextNumber(r.App) + "_" + strings.TrimPrefix(r.Name, "_")
	if r.Name == "" {
		name = w.NextNumber(r.App) + "_custom"
	}
	made := Made{App: r.App, Name: name}
	text := Render(File{Depends: w.leaves(r.App)}) + `-- Say what it does, then do it and undo it. Two files, NAME.sqlite.sql and
-- NAME.postgres.sql, where the engines differ.
-- +operation Raw SQL operation
-- +up
-- +down
`
	made.Files = []NewFile{{filepath.Join(w.Folder, r.App, name+".sql"), text}}
	return made
}

func (w *Workshop) leaves(app string) []migrate.Key {
	for _, g := range w.Graphs {
		return g.Leaves(app)
	}
	return nil
}

// Write writes the files. One that exists is not overwritten.
func (m Made) Write() error {
	for _, f := range m.Files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o777); err != nil {
			return tenantry.NewError(tenantry.Unavailable, "makemigrations.unwritable", "file", f.Path).Because(err)
		}
		out, err := os.OpenFile(f.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err == nil {
			_, err = out.WriteString(f.Text)
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			return tenantry.NewError(tenantry.Unavailable, "makemigrations.unwritable", "file", f.Path).Because(err)
		}
	}
	return nil
}
