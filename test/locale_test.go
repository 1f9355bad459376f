package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
	"github.com/tenantry/tenantry/internal/flow/explain"
	"github.com/tenantry/tenantry/internal/flow/integrity"
)

const root = ".."

// wording is one language's message: its forms, "other" alone unless it counts.
type wording map[string]string

func TestLanguagesCarryTheSameKeysAndPlaceholders(t *testing.T) {
	t.Parallel()
	languages := locale.Languages()
	reference := messages(t, languages[0])
	for _, lang := range languages[1:] {
		translated := messages(t, lang)
		if d := cmp.Diff(slices.Sorted(maps.Keys(reference)), slices.Sorted(maps.Keys(translated))); d != "" {
			t.Errorf("keys of %s (-) and %s (+):\n%s", languages[0], lang, d)
		}
		for code, w := range reference {
			other, ok := translated[code]
			if !ok {
				continue
			}
			if d := cmp.Diff(w.actions(), other.actions()); d != "" {
				t.Errorf("placeholders of %s in %s (-) and %s (+):\n%s", code, languages[0], lang, d)
			}
			if d := cmp.Diff(slices.Sorted(maps.Keys(w)), slices.Sorted(maps.Keys(other))); d != "" {
				t.Errorf("forms of %s in %s (-) and %s (+):\n%s", code, languages[0], lang, d)
			}
		}
	}
}

func TestMessagesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, lang := range locale.Languages() {
		all := messages(t, lang)
		for code, w := range all {
			if parent, isHint := strings.CutSuffix(code, ".hint"); isHint && all[parent] == nil {
				t.Errorf("%s: %s is the hint of nothing", lang, code)
			}
			if w["other"] == "" {
				t.Errorf("%s: %s has no text", lang, code)
			}
			for form, text := range w {
				if strings.TrimSpace(text) != text || strings.ContainsAny(text, "\n\r") {
					t.Errorf("%s: %s (%s) is not one tidy line: %q", lang, code, form, text)
				}
				if _, err := template.New("").Parse(text); err != nil {
					t.Errorf("%s: %s (%s): %v", lang, code, form, err)
				}
			}
		}
	}
}

// TestEveryErrorHasAMessage reads the source for everything that is said with a
// literal code: the code must be in the language files, and what its message and
// hint ask for must be among the parameters given. Said is what is passed as the
// "code string" or the "headings []string" of any function, NewError, Text and a
// closure of three lines alike, what stands in the column "code" of a table, and
// the Code of a Finding.
func TestEveryErrorHasAMessage(t *testing.T) {
	t.Parallel()
	all := messages(t, locale.Languages()[0])
	made := 0
	for _, s := range sayings(t) {
		made++
		if s.begins {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(all)), func(code string) bool { return strings.HasPrefix(code, s.code) }) {
				t.Errorf("%s: no message begins with %s", s.at, s.code)
			}
			continue
		}
		w, known := all[s.code]
		if !known {
			t.Errorf("%s: no message for %s", s.at, s.code)
			continue
		}
		if !s.literal {
			continue
		}
		for _, name := range append(w.names(), all[s.code+".hint"].names()...) {
			if !slices.Contains(s.params, name) {
				t.Errorf("%s: the message of %s asks for %s, which is not given", s.at, s.code, name)
			}
		}
	}
	if made < 100 {
		t.Errorf("only %d codes found: does this test still read the source?", made)
	}
}

// TestEveryErrorOfACommandSaysWhatToDo wants a hint for every code that an error
// is made of, except where errors only ever go out over HTTP, as a problem
// document has no place for one, and in argparse, which has Python's words.
func TestEveryErrorOfACommandSaysWhatToDo(t *testing.T) {
	t.Parallel()
	all := messages(t, locale.Languages()[0])
	made := 0
	files, err := house()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.isTest() || f.within("internal/door", "internal/base/web", "internal/feature/idempotency", "internal/base/argparse") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 || lastWord(call.Fun) != "NewError" && lastWord(call.Fun) != "fail" {
				return true
			}
			if code, ok := literal(call.Args[1]); ok {
				made++
				if all[code+".hint"] == nil {
					t.Errorf("%s: %s has no hint", f.at(call), code)
				}
			}
			return true
		})
	}
	if made < 80 {
		t.Errorf("only %d errors found: does this test still read the source?", made)
	}
}

// TestCodesMadeAtRunTimeHaveMessages holds the codes whose end is a value.
func TestCodesMadeAtRunTimeHaveMessages(t *testing.T) {
	t.Parallel()
	all := messages(t, locale.Languages()[0])
	var statuses []string
	for _, status := range tenant.Statuses() {
		statuses = append(statuses, string(status))
	}
	var outcomes []string
	for _, o := range rollout.Outcomes() {
		outcomes = append(outcomes, string(o))
	}
	for prefix, ends := range map[string][]string{
		"severity.":           {string(tenantry.Notice), string(tenantry.Warning), string(tenantry.Critical)},
		"progress.":           {string(datamigration.Tokens), string(datamigration.Profiles), string(datamigration.Tenants)},
		"status.":             statuses,
		"rollout.state.":      {string(rollout.Running), string(rollout.Paused), string(rollout.Stopped), string(rollout.Finished), string(rollout.Cancelled)},
		"rollout.outcome.":    outcomes,
		"cli.datamigration.":  {"pause", "cancel", "resume", "retry", "revert"},
		"datamigration.bad_":  {"name", "line", "parameter"},
		"migrate.would_lose_": {"index", "trigger"}, // what SQLite attaches to a table
		"cli.tenant.":         {"activate", "approve"},
		"lint.":               lintCodes(),
		"problem.":            {"400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "422", "429", "500", "503"},
		"access.source.":      access.SourceKinds(),
		"explain.":            reasonCodes(),
		"cli.user.":           {"show", "activate", "deactivate"},
		"repair.":             integrity.Repairable(),
		"model.":              {"auth_group", "auth_permission", "auth_user", "tenants_tenantconfigurationmodel", "tenants_tenantmodel", "tenants_userprofile"},
	} {
		for _, end := range ends {
			if all[prefix+end] == nil {
				t.Errorf("no message for %s%s", prefix, end)
			}
		}
	}
}

// reasonCodes are what `access explain` says against.
func reasonCodes() (all []string) {
	for _, code := range explain.ReasonCodes() {
		all = append(all, string(code))
	}
	return all
}

// lintCodes are the codes of findings about migrations, and of their hints.
func lintCodes() (all []string) {
	for _, code := range lint.Codes {
		all = append(all, code, code+".hint")
	}
	return all
}

var (
	action      = regexp.MustCompile(`\{\{[^}]*\}\}`)
	placeholder = regexp.MustCompile(`\.(\w+)`)
)

// actions lists what is between braces in any form, each once.
func (w wording) actions() []string {
	var found []string
	for _, text := range w {
		found = append(found, action.FindAllString(text, -1)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// names lists the parameters that the actions ask for.
func (w wording) names() []string {
	var found []string
	for _, a := range w.actions() {
		for _, m := range placeholder.FindAllStringSubmatch(a, -1) {
			found = append(found, m[1])
		}
	}
	return found
}

func messages(t *testing.T, lang string) map[string]wording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "internal", "base", "locale", lang+".toml"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := toml.Unmarshal(data, &raw); err != nil {
		t.Fatalf("%s: %v", lang, err)
	}
	all := map[string]wording{}
	for code, value := range raw {
		w := wording{}
		switch v := value.(type) {
		case string:
			w["other"] = v
		case map[string]any:
			for form, text := range v {
				s, ok := text.(string)
				if !ok || !slices.Contains([]string{"one", "many", "other"}, form) {
					t.Errorf("%s: %s: %s is not a form", lang, code, form)
				}
				w[form] = s
			}
		default:
			t.Errorf("%s: %s is not a text", lang, code)
		}
		all[code] = w
	}
	return all
}

// saying is one place in the source where a message is named.
type saying struct {
	at      token.Position
	code    string
	begins  bool // code is only how it begins; the rest is made at run time
	params  []string
	literal bool // the parameters stand there one by one
}

// speaker is a function that is given codes: where its parameters stand, -1 for
// those that it does not have.
type speaker struct {
	code, headings, params int
	prefix                 string // of the message, before the code
}

// sayings reads the source twice: for the functions that are given codes, then
// for the codes that they are given.
func sayings(t *testing.T) []saying {
	t.Helper()
	positions := token.NewFileSet()
	source := parseSource(t, positions)
	speakers := map[string]speaker{} // by name; by folder and name if unexported
	for path, file := range source {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if s, ok := asSpeaker(n.Type, n.Body); ok {
					speakers[scoped(path, n.Name.Name)] = s
				}
			case *ast.AssignStmt:
				for i, right := range n.Rhs {
					name, named := n.Lhs[i].(*ast.Ident)
					if f, ok := right.(*ast.FuncLit); ok && named {
						if s, ok := asSpeaker(f.Type, f.Body); ok {
							speakers[scoped(path, name.Name)] = s
						}
					}
				}
			}
			return true
		})
	}
	var all []saying
	for path, file := range source {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := speakers[scoped(path, lastWord(n.Fun))]; ok {
					all = append(all, s.sayings(n, positions)...)
				}
			case *ast.FuncDecl:
				all = append(all, tabled(n, positions)...)
			case *ast.CompositeLit:
				for _, lit := range findingsIn(n) {
					if s, ok := asSaying(codeOf(lit), "finding."); ok {
						s.at = positions.Position(lit.Pos())
						all = append(all, s)
					}
				}
			}
			return true
		})
	}
	return all
}

func parseSource(t *testing.T, positions *token.FileSet) map[string]*ast.File {
	t.Helper()
	source := map[string]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source[path], err = parser.ParseFile(positions, path, nil, parser.SkipObjectResolution)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// scoped keeps two packages' unexported functions of one name apart.
func scoped(path, name string) string {
	if ast.IsExported(name) {
		return name
	}
	return filepath.Dir(path) + "." + name
}

func asSpeaker(f *ast.FuncType, body *ast.BlockStmt) (speaker, bool) {
	s := speaker{code: -1, headings: -1, params: -1}
	position := 0
	for _, field := range f.Params.List {
		for _, name := range field.Names {
			switch list, isList := field.Type.(*ast.ArrayType); {
			case name.Name == "code" && lastWord(field.Type) == "string":
				s.code = position
			case name.Name == "headings" && isList && lastWord(list.Elt) == "string":
				s.headings = position
			case name.Name == "params":
				if _, ok := field.Type.(*ast.Ellipsis); ok {
					s.params = position
				}
			}
			position++
		}
	}
	s.prefix = prefixIn(body)
	return s, s.code >= 0 || s.headings >= 0
}

// prefixIn is "finding." in a function that makes findings of its codes, or rules
// for them: their messages are apart from those of errors.
func prefixIn(body *ast.BlockStmt) (prefix string) {
	if body == nil {
		return ""
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && makesFindings(lit.Type) && lastWord(codeOf(lit)) == "code" {
			prefix = "finding."
		}
		if call, ok := n.(*ast.CallExpr); ok && lastWord(call.Fun) == "Found" && len(call.Args) > 0 && lastWord(call.Args[0]) == "code" {
			prefix = "finding."
		}
		return true
	})
	return prefix
}

// tabled finds the codes in a function's tables, []struct{ …; code string }{…}.
func tabled(f *ast.FuncDecl, positions *token.FileSet) []saying {
	var all []saying
	if f.Body == nil {
		return nil
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		list, ok := table.Type.(*ast.ArrayType)
		if !ok {
			return true
		}
		row, ok := list.Elt.(*ast.StructType)
		if !ok {
			return true
		}
		column, position := -1, 0
		for _, field := range row.Fields.List {
			for _, name := range field.Names {
				if name.Name == "code" && lastWord(field.Type) == "string" {
					column = position
				}
				position++
			}
		}
		for _, e := range table.Elts {
			cells, ok := e.(*ast.CompositeLit)
			if !ok || column < 0 || column >= len(cells.Elts) {
				continue
			}
			if s, ok := asSaying(cells.Elts[column], prefixIn(f.Body)); ok {
				s.at = positions.Position(cells.Pos())
				all = append(all, s)
			}
		}
		return true
	})
	return all
}

// sayings takes one call of a speaker apart.
func (s speaker) sayings(call *ast.CallExpr, positions *token.FileSet) []saying {
	var all []saying
	add := func(e ast.Expr, params []string, literal bool) {
		if said, ok := asSaying(e, s.prefix); ok {
			said.at, said.params, said.literal = positions.Position(e.Pos()), params, literal
			all = append(all, said)
		}
	}
	if 0 <= s.code && s.code < len(call.Args) {
		literally := s.params >= 0 && call.Ellipsis == token.NoPos
		var params []string
		for i := s.params; literally && i < len(call.Args); i += 2 {
			name, ok := literal(call.Args[i])
			literally = ok
			params = append(params, name)
		}
		add(call.Args[s.code], params, literally)
	}
	if 0 <= s.headings && s.headings < len(call.Args) {
		if list, ok := call.Args[s.headings].(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				add(e, nil, true)
			}
		}
	}
	return all
}

// asSaying reads "code" and "code." + more.
func asSaying(e ast.Expr, prefix string) (saying, bool) {
	sum, begins := e.(*ast.BinaryExpr)
	if begins {
		e = sum.X
	}
	code, ok := literal(e)
	return saying{code: prefix + code, begins: begins}, ok
}

func makesFindings(of ast.Expr) bool { return lastWord(of) == "Finding" || lastWord(of) == "Rule" }

// findingsIn lists the Finding{…} or Rule{…} that a literal is, or that stand in it without
// repeating their type.
func findingsIn(lit *ast.CompositeLit) []*ast.CompositeLit {
	if makesFindings(lit.Type) {
		return []*ast.CompositeLit{lit}
	}
	list, ok := lit.Type.(*ast.ArrayType)
	if !ok || !makesFindings(list.Elt) {
		return nil
	}
	var all []*ast.CompositeLit
	for _, e := range lit.Elts {
		if inner, ok := e.(*ast.CompositeLit); ok && inner.Type == nil {
			all = append(all, inner)
		}
	}
	return all
}

// codeOf returns the value of the field Code, nil where there is none.
func codeOf(lit *ast.CompositeLit) ast.Expr {
	for _, e := range lit.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok && lastWord(pair.Key) == "Code" {
			return pair.Value
		}
	}
	return nil
}

// lastWord is the last word of x, p.x or p.x.y.
func lastWord(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
