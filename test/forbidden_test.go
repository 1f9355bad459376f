package test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestOnlySignInMakesAScope(t *testing.T) {
	t.Parallel()
	obeyed(t, scopesComeFromSignIn)
}

func scopesComeFromSignIn(files []goFile) (faults []string) {
	for _, f := range files {
		if f.isTest() || f.within("internal/flow/signin", "test") || forTests(f.dir()) {
			continue
		}
		fault := func(n ast.Node) {
			faults = append(faults, fmt.Sprintf("%s makes a Scope, which only flow/signin may", f.at(n)))
		}
		f.selections(module, func(s *ast.SelectorExpr) {
			if s.Sel.Name == "NewScope" {
				fault(s)
			}
		})
		if ours, _ := f.imports(); f.dir() == "" || ours[""] != nil && ours[""].Name != nil && ours[""].Name.Name == "." {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "NewScope" {
						fault(call)
					}
				}
				return true
			})
		}
	}
	return faults
}

func TestOnlySignInMakesAScopeCanFail(t *testing.T) {
	t.Parallel()
	const plain = "package x\nimport \"" + module + "\"\nvar s = tenantry.NewScope(tenantry.Actor{}, 0)"
	const renamed = "package x\nimport t \"" + module + "\"\nvar f = t.NewScope"
	const dotted = "package x\nimport . \"" + module + "\"\nvar s = NewScope(Actor{}, 0)"
	for _, text := range []string{plain, renamed, dotted} {
		noticed(t, scopesComeFromSignIn, 1, "internal/door/api/api.go", text)
		noticed(t, scopesComeFromSignIn, 0, "internal/flow/signin/signin.go", text)
		noticed(t, scopesComeFromSignIn, 0, "internal/feature/tenant/service_test.go", text)
	}
	noticed(t, scopesComeFromSignIn, 1, "scope.go", "package tenantry\nvar s = NewScope(Actor{}, 0)")
}

// readsTheClock lists the files below the wiring that read the machine's clock,
// each with the reason why the program's clock would not do.
var readsTheClock = map[string]string{
	"client/client.go":               "the client is built without the house, so nobody above it has a clock to hand down",
	"internal/base/migrate/lease.go": "another machine's clock cannot be compared with ours, so silence is measured on the monotonic clock",
}

func TestTimeIsPassedIn(t *testing.T) {
	t.Parallel()
	obeyed(t, timeIsPassedIn)
	for name := range readsTheClock {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("readsTheClock names a file that is gone: %v", err)
		}
	}
}

func timeIsPassedIn(files []goFile) (faults []string) {
	for _, f := range files {
		if f.isTest() || f.within("internal/app", "internal/cli", "cmd", "bench", "test") || forTests(f.dir()) || readsTheClock[f.path] != "" {
			continue
		}
		f.selections("time", func(s *ast.SelectorExpr) {
			switch s.Sel.Name {
			case "Now", "Since", "Until":
				faults = append(faults, fmt.Sprintf("%s reads the machine's clock; take a tenantry.Clock or an instant", f.at(s)))
			}
		})
	}
	return faults
}

func TestTimeIsPassedInCanFail(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"package x\nimport \"time\"\nvar now = time.Now()", "package x\nimport \"time\"\nvar clock = time.Now",
		"package x\nimport \"time\"\nvar d = time.Since(time.Time{})", "package x\nimport t \"time\"\nvar now = t.Now()"} {
		noticed(t, timeIsPassedIn, 1, "internal/feature/tenant/service.go", text)
		noticed(t, timeIsPassedIn, 1, "internal/base/seal/seal.go", text)
		noticed(t, timeIsPassedIn, 1, "scope.go", text)
		for _, place := range []string{"internal/app/app.go", "internal/cli/serve.go", "cmd/tenantry/main.go", "bench/main.go", "internal/base/seal/seal_test.go"} {
			noticed(t, timeIsPassedIn, 0, place, text)
		}
	}
}

func TestNoTestIsEverLeftOut(t *testing.T) {
	t.Parallel()
	obeyed(t, nothingIsSkipped)
}

// nothingIsSkipped looks in test files and in packages for tests. A test that
// was left out looks exactly like one that passed.
func nothingIsSkipped(files []goFile) (faults []string) {
	for _, f := range files {
		_, others := f.imports()
		if !f.isTest() && others["testing"] == nil {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				switch s.Sel.Name {
				case "Skip", "Skipf", "SkipNow":
					faults = append(faults, fmt.Sprintf("%s leaves a test out", f.at(s)))
				}
			}
			return true
		})
		f.selections("testing", func(s *ast.SelectorExpr) {
			if s.Sel.Name == "Short" {
				faults = append(faults, fmt.Sprintf("%s asks testing.Short; tests that take minutes carry the build tag long", f.at(s)))
			}
		})
	}
	return faults
}

func TestNoTestIsEverLeftOutCanFail(t *testing.T) {
	t.Parallel()
	const head = "package x\nimport \"testing\"\n"
	noticed(t, nothingIsSkipped, 1, "a/a_test.go", head+`func TestA(t *testing.T) { t.Skip("later") }`)
	noticed(t, nothingIsSkipped, 1, "a/a_test.go", head+`func TestA(x *testing.T) { x.SkipNow() }`)
	noticed(t, nothingIsSkipped, 1, "a/atest/atest.go", head+`func Need(t testing.TB) { t.Skipf("no %s", "server") }`)
	noticed(t, nothingIsSkipped, 1, "a/a_test.go", head+`var short = testing.Short()`)
	noticed(t, nothingIsSkipped, 0, "a/a_test.go", "package x\nimport \"path/filepath\"\nvar e = filepath.SkipDir")
}

func TestNothingHappensBeforeMain(t *testing.T) {
	t.Parallel()
	obeyed(t, nothingHappensBeforeMain)
}

func nothingHappensBeforeMain(files []goFile) (faults []string) {
	for _, f := range files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				faults = append(faults, fmt.Sprintf("%s is an init function; wire by hand in internal/app", f.at(fn)))
			}
		}
	}
	return faults
}

func TestNothingHappensBeforeMainCanFail(t *testing.T) {
	t.Parallel()
	noticed(t, nothingHappensBeforeMain, 1, "a/a.go", "package a\nfunc init() {}")
	noticed(t, nothingHappensBeforeMain, 1, "a/a_test.go", "package a\nfunc init() {}")
	noticed(t, nothingHappensBeforeMain, 0, "a/a.go", "package a\ntype T struct{}\nfunc (T) init() {}\nfunc initialise() {}")
}

// On whose behalf a transaction works is said with As. Where a room or a flow works
// as the program itself, which reaches every tenant, is a list that somebody read
// and agreed to.
func TestGoldenPlacesThatWorkAsTheProgram(t *testing.T) {
	t.Parallel()
	agreed(t, asProgram, "program.txt", "the program works on its own behalf in other places", "Program")
}

// agreed fails the test unless a list made of the house is the one that somebody
// agreed to.
func agreed(t *testing.T, list func(files []goFile) []byte, name, fault, run string) {
	t.Helper()
	files, err := house()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", name)
	got := list(files)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s than %s says (go test ./test -run %s -update, and explain the change):\n%s", fault, golden, run, d)
	}
}

// asProgram counts, file by file, the transactions that rooms and flows begin on
// nobody's behalf.
func asProgram(files []goFile) []byte {
	counts := map[string]int{}
	for _, f := range files {
		if f.isTest() || !f.within("internal/feature", "internal/flow") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch method.Sel.Name {
			case "AsProgram":
				counts[f.path]++
			case "Read", "Write", "Rehearse":
				on := method.X
				if s, ok := on.(*ast.SelectorExpr); ok {
					on = s.Sel
				}
				if name, ok := on.(*ast.Ident); ok && (name.Name == "db" || name.Name == "DB") {
					counts[f.path]++
				}
			}
			return true
		})
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&out, "%s %d\n", name, counts[name])
	}
	return out.Bytes()
}

func TestGoldenPlacesThatWorkAsTheProgramCanFail(t *testing.T) {
	t.Parallel()
	const text = "package x\nfunc f(s S) { s.db.Read(nil, nil); s.DB.Write(nil, nil); db.Read(nil, nil); tx.AsProgram(nil, nil); s.db.As(c).Read(nil, nil) }"
	syntax, err := parser.ParseFile(token.NewFileSet(), "internal/feature/x/x.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(asProgram([]goFile{{path: "internal/feature/x/x.go", syntax: syntax}})); got != "internal/feature/x/x.go 4\n" {
		t.Errorf("counted %q", got)
	}
}

// Where a secret becomes text is a list that somebody read and agreed to: a new
// line in it is a question for review.
func TestGoldenPlacesWhereSecretsAreRevealed(t *testing.T) {
	t.Parallel()
	agreed(t, revealed, "reveal.txt", "secrets are revealed in other places", "Reveal")
}

// revealed lists each file with how often it says .Reveal.
func revealed(files []goFile) []byte {
	uses := map[string]int{}
	for _, f := range files {
		if f.isTest() {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Reveal" {
				uses[f.path]++
			}
			return true
		})
	}
	var list bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		list.WriteString(name + " " + strconv.Itoa(uses[name]) + "\n")
	}
	return list.Bytes()
}

func TestRevealedSecretsAreFound(t *testing.T) {
	t.Parallel()
	faults := func(files []goFile) []string {
		if list := revealed(files); len(list) > 0 {
			return []string{string(list)}
		}
		return nil
	}
	noticed(t, faults, 1, "a/a.go", "package a\nfunc f(s interface{ Reveal() string }) string { return s.Reveal() }")
	noticed(t, faults, 1, "a/a.go", "package a\nfunc f(s interface{ Reveal() string }) func() string { return s.Reveal }")
	noticed(t, faults, 0, "a/a_test.go", "package a\nfunc f(s interface{ Reveal() string }) string { return s.Reveal() }")
	noticed(t, faults, 0, "secret.go", "package tenantry\ntype Secret struct{}\nfunc (Secret) Reveal() string { return \"\" }")
}
