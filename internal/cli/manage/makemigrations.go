package manage

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/argparse"
	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// makeMigrationsCommand looks for changes that no migration makes. Django's own
// apps have no schema to be edited: their migrations are replayed and compared
// with what Django's models ask for. Apps in migrations.dir have one, and what is
// missing between it and their migrations becomes a new migration.
func makeMigrationsCommand() command {
	return command{
		app: "django", name: "makemigrations",
		help: "Creates new migration(s) for apps.",
		declare: func(p *argparse.Parser) {
			p.Positionals("app_label", "Specify the app label(s) to create migrations for.")
			p.Flag("--dry-run", "Just show what migrations would be made; don't actually write them.")
			p.Flag("--merge", "Enable fixing of migration conflicts.")
			p.Flag("--empty", "Create an empty migration.")
			p.Flag("--noinput --no-input", "Tells Django to NOT prompt the user for input of any kind.")
			p.String("-n --name", "", "Use this name for migration file(s).")
			p.Flag("--check", "Exit with a non-zero status if model changes are missing migrations and don't actually write them.")
			p.Strings("--rename", "TABLE=NEW or TABLE.COLUMN=NEW: what was renamed in the schema. May be repeated.")
			p.String("--dev-database", "", "URL of a PostgreSQL server on which scratch databases may be made.")
		},
		run: func(ctx context.Context, e *Env, v argparse.Values) error {
			return MakeMigrations(ctx, e, MakeOptions{
				Apps: v.Strings("app_label"), DryRun: v.Bool("--dry-run"), Check: v.Bool("--check"), Merge: v.Bool("--merge"), Empty: v.Bool("--empty"),
				NoInput: v.Bool("--noinput"), Name: v.String("--name"), Renames: v.Strings("--rename"), DevDatabase: v.String("--dev-database"),
				Verbosity: verbosity(v),
			})
		},
	}
}

// MakeOptions is what both manners of asking for new migrations come to.
type MakeOptions struct {
	Apps                                 []string
	DryRun, Check, Merge, Empty, NoInput bool
	Name                                 string
	Renames                              []string
	DevDatabase                          string
	Verbosity                            int64
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// MakeMigrations writes the migrations that are missing, and tells of it in
// Django's words.
func MakeMigrations(ctx context.Context, e *Env, o MakeOptions) error {
	if o.Name != "" && !identifier.MatchString(o.Name) {
		return tenantry.NewError(tenantry.Invalid, "makemigrations.bad_name", "name", o.Name)
	}
	request := draft.Request{Name: o.Name}
	for _, text := range o.Renames {
		r, err := draft.ParseRename(text)
		if err != nil {
			return err
		}
		request.Renames = append(request.Renames, r)
	}
	w, err := e.Workshop(ctx, o.DevDatabase)
	if err != nil {
		return err
	}
	defer w.Close()
	theirs, err := w.Apps()
	if err != nil {
		return err
	}
	if err := e.known(o.Apps, theirs); err != nil {
		return err
	}
	asked := func(app string) bool { return len(o.Apps) == 0 || slices.Contains(o.Apps, app) }
	wanted := slices.DeleteFunc(theirs, func(app string) bool { return !asked(app) })
	g, err := e.Graph()
	if err != nil {
		return err
	}
	switch {
	case o.Merge:
		return e.merge(ctx, w, wanted, o)
	case g.Conflict() != nil:
		return g.Conflict()
	case o.Empty:
		return e.emptyMigrations(w, wanted, o)
	}
	if len(wanted) < len(o.Apps) || len(o.Apps) == 0 {
		if err := e.lookForChanges(ctx, o.Apps); err != nil {
			return err
		}
	}
	if e.asks(o.NoInput) {
		request.Ask = e.askRename
	}
	var all []draft.Made
	for _, app := range wanted {
		request.App = app
		made, err := w.Make(ctx, request)
		if err != nil {
			return err
		}
		if !made.Empty() || made.NotDrafted != "" {
			all = append(all, made)
		}
	}
	return e.made(all, o)
}

// known refuses labels that no app has, as Django does.
func (e *Env) known(labels, theirs []string) error {
	g, err := e.Graph()
	if err != nil {
		return err
	}
	unknown := false
	for _, label := range labels {
		if !slices.Contains(g.Apps(), label) && !slices.Contains(theirs, label) {
			fmt.Fprintf(e.Err, "No installed app with label %s.\n", argparse.Repr(label))
			unknown = true
		}
	}
	if unknown {
		return console.Silent(2)
	}
	return nil
}

// made writes what was made, shows it and decides the exit code.
func (e *Env) made(all []draft.Made, o MakeOptions) error {
	changes, unfinished := false, false
	var documents []madeDocument
	for _, m := range all {
		unfinished = unfinished || m.Unfinished() || m.NotDrafted != ""
		if m.Empty() && len(m.Files) == 0 {
			e.Note("makemigrations.not_drafted", "app", m.App, "engine", string(m.NotDrafted))
			continue
		}
		changes = true
		if !o.Check && !o.DryRun {
			if err := m.Write(); err != nil {
				return err
			}
		}
		findings, err := e.Lint(m)
		if err != nil {
			return err
		}
		if e.JSON {
			d := documentOf(m)
			d.Findings = append([]lint.Finding{}, findings...)
			documents = append(documents, d)
			continue
		}
		e.showMade(m, o)
		for _, f := range findings {
			f.File = shortPath(f.File)
			fmt.Fprintln(e.Err, e.lintLine(f))
			fmt.Fprintln(e.Err, "    "+e.Text.Message("lint."+f.Code+".hint", lintParams(f)))
		}
	}
	switch {
	case e.JSON:
		if documents == nil {
			documents = []madeDocument{}
		}
		if err := e.Document(madeDocuments(documents, changes && !o.Check && !o.DryRun)); err != nil {
			return err
		}
	case !changes:
		e.noChanges(o.Apps)
	}
	switch {
	case changes && o.Check:
		return console.Silent(1)
	case unfinished:
		return console.ErrFindings
	}
	return nil
}

type madeDocument struct {
	App        string         `json:"app"`
	Name       string         `json:"name"`
	Files      []madeFile     `json:"files"`
	Operations []string       `json:"operations"`
	Left       []string       `json:"left"`
	Findings   []lint.Finding `json:"findings"`
	NotDrafted string         `json:"not_drafted,omitempty"`
}

func madeDocuments(all []madeDocument, written bool) map[string]any {
	return map[string]any{"migrations": all, "written": written}
}

type madeFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

func documentOf(m draft.Made) madeDocument {
	d := madeDocument{App: m.App, Name: m.Name, Files: []madeFile{}, Operations: append([]string{}, m.Operations()...), Left: []string{},
		Findings: []lint.Finding{}, NotDrafted: string(m.NotDrafted)}
	for _, f := range m.Files {
		d.Files = append(d.Files, madeFile{shortPath(f.Path), f.Text})
	}
	for _, t := range m.Twins {
		for _, l := range append(slices.Clone(t.Left), t.Undone...) {
			d.Left = append(d.Left, string(t.Engine)+": "+l.String())
		}
	}
	return d
}

func (e *Env) showMade(m draft.Made, o MakeOptions) {
	if o.Verbosity > 0 {
		e.Line(e.Style(console.Heading, "Migrations for '"+m.App+"':"))
		for _, f := range m.Files {
			e.Line("  " + e.Style(console.Bold, shortPath(f.Path)))
		}
		for _, text := range m.Operations() {
			e.Line("    - " + text)
		}
	}
	if o.DryRun && o.Verbosity >= 3 {
		for _, f := range m.Files {
			e.Line(e.Style(console.Heading, "Full migrations file '"+filepath.Base(f.Path)+"':"))
			fmt.Fprint(e.Out, f.Text)
		}
	}
	for _, t := range m.Twins {
		for _, l := range append(slices.Clone(t.Left), t.Undone...) {
			e.Note("makemigrations.left", "engine", string(t.Engine), "difference", l.String())
		}
		if len(t.Left)+len(t.Undone) == 0 {
			e.Note("makemigrations.proven", "engine", string(t.Engine))
		}
	}
	if m.NotDrafted != "" {
		e.Note("makemigrations.not_drafted", "app", m.App, "engine", string(m.NotDrafted))
	}
}

// shortPath is a path from here, as Django prints it, unless it leads upwards.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, absolute); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return absolute
}

func (e *Env) noChanges(labels []string) {
	switch len(labels) {
	case 0:
		e.Line("No changes detected")
	case 1:
		e.Line("No changes detected in app '" + labels[0] + "'")
	default:
		e.Line("No changes detected in apps '" + strings.Join(labels, "', '") + "'")
	}
}

func (e *Env) lookForChanges(ctx context.Context, labels []string) error {
	folder, err := os.MkdirTemp("", "tenantry-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	differences, err := e.Replay(ctx, filepath.Join(folder, "replay.sqlite3"), labels)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return tenantry.NewError(tenantry.Conflict, "makemigrations.changes", "changes", strings.Join(differences, "; "))
	}
	return nil
}

// askRename asks in Django's words.
func (e *Env) askRename(r draft.Rename, columnType string) bool {
	if r.Column == "" {
		return e.yes(fmt.Sprintf("Was the model %s renamed to %s? [y/N] ", r.Table, r.To))
	}
	return e.yes(fmt.Sprintf("Was %s.%s renamed to %s.%s (a %s)? [y/N] ", r.Table, r.Column, r.Table, r.To, columnType))
}

// asks tells whether there is somebody to ask.
func (e *Env) asks(noInput bool) bool { return e.Prompt && !noInput && !e.JSON }

// tell is a line for people, beside a document for programs where one was asked for.
func (e *Env) tell(line string) {
	if e.JSON {
		fmt.Fprintln(e.Err, line)
		return
	}
	e.Line(line)
}

func (e *Env) yes(question string) bool {
	fmt.Fprint(e.Out, question)
	if e.answers == nil {
		e.answers = bufio.NewReader(e.In)
	}
	answer, _ := e.answers.ReadString('\n')
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "s")
}

func (e *Env) emptyMigrations(w *draft.Workshop, apps []string, o MakeOptions) error {
	if len(o.Apps) == 0 {
		return tenantry.NewError(tenantry.Invalid, "makemigrations.empty_without_app")
	}
	for _, app := range o.Apps {
		if !slices.Contains(apps, app) {
			return tenantry.NewError(tenantry.Invalid, "makemigrations.not_theirs", "app", app)
		}
	}
	var all []draft.Made
	for _, app := range apps {
		all = append(all, w.Empty(draft.Request{App: app, Name: o.Name}))
	}
	documents := []madeDocument{}
	for _, m := range all {
		if !o.DryRun && !o.Check {
			if err := m.Write(); err != nil {
				return err
			}
		}
		documents = append(documents, documentOf(m))
		if !e.JSON {
			e.showMade(m, o)
		}
	}
	if e.JSON {
		return e.Document(madeDocuments(documents, !o.DryRun && !o.Check))
	}
	return nil
}
