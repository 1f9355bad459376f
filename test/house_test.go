package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/tenantry/tenantry"

// goFile is one Go file of the house. The rules read the files themselves: what
// `go list` answers may come from go test's cache, from before a violation.
type goFile struct {
	path      string // from the root of the house, with slashes
	syntax    *ast.File
	positions *token.FileSet
}

func (f goFile) dir() string {
	if d := path.Dir(f.path); d != "." {
		return d
	}
	return ""
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// within tells whether the file lies in one of the folders or below.
func (f goFile) within(folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return under(f.dir(), folder) })
}

func under(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// at is "path:line" of a node, for messages.
func (f goFile) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.positions.Position(n.Pos()).Line)
}

// imports lists the file's imports of our own module, as folders of the house
// ("" is the ground floor), and of others by their path.
func (f goFile) imports() (ours, others map[string]*ast.ImportSpec) {
	ours, others = map[string]*ast.ImportSpec{}, map[string]*ast.ImportSpec{}
	for _, spec := range f.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if name == module {
			ours[""] = spec
		} else if folder, ok := strings.CutPrefix(name, module+"/"); ok {
			ours[folder] = spec
		} else {
			others[name] = spec
		}
	}
	return ours, others
}

// selections calls fn for every X.Name in the file where X is the package with
// that import path, by whatever name the file knows it.
func (f goFile) selections(importPath string, fn func(s *ast.SelectorExpr)) {
	known := map[string]bool{}
	for _, spec := range f.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			known[spec.Name.Name] = true
		} else {
			known[path.Base(importPath)] = true
		}
	}
	if len(known) == 0 {
		return
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && known[x.Name] {
				fn(s)
			}
		}
		return true
	})
}

// house parses every Go file once.
var house = sync.OnceValues(func() (files []goFile, err error) {
	positions := token.NewFileSet()
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		syntax, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		fromRoot, err := filepath.Rel(root, name)
		files = append(files, goFile{path: filepath.ToSlash(fromRoot), syntax: syntax, positions: positions})
		return err
	})
	return files, err
})

// rule finds what is wrong in some files, one line each.
type rule func(files []goFile) (faults []string)

// obeyed fails the test with everything in the house that a rule finds.
func obeyed(t *testing.T, r rule) {
	t.Helper()
	files, err := house()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 {
		t.Fatalf("only %d Go files found", len(files))
	}
	for _, fault := range r(files) {
		t.Error(fault)
	}
}

// noticed fails the test unless a rule finds exactly as many faults as wanted
// in files given as path and text.
func noticed(t *testing.T, r rule, want int, files ...string) {
	t.Helper()
	var parsed []goFile
	positions := token.NewFileSet()
	for i := 0; i < len(files); i += 2 {
		syntax, err := parser.ParseFile(positions, files[i], files[i+1], parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, goFile{path: files[i], syntax: syntax, positions: positions})
	}
	if faults := r(parsed); len(faults) != want {
		t.Errorf("%d faults found, want %d, in:\n%s\nfaults:\n%s", len(faults), want, strings.Join(files, "\n"), strings.Join(faults, "\n"))
	}
}
