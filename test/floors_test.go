package test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The floors of the house, from the ground up; imports only point down.
const (
	groundFloor = iota
	migrationsFloor
	baseFloor
	featureFloor
	flowFloor
	doorFloor
	appFloor
	cliFloor
	cmdFloor
	outside // may look into everything, and nothing may look into it
)

func floorOf(folder string) (floor int, room string) {
	for _, f := range []struct {
		folder string
		floor  int
		rooms  bool // that do not know their neighbours
	}{
		{"migrations", migrationsFloor, false},
		{"internal/base", baseFloor, false},
		{"internal/feature", featureFloor, true},
		{"internal/flow", flowFloor, true},
		{"internal/door", doorFloor, true},
		{"internal/app", appFloor, false},
		{"internal/cli", cliFloor, false},
		{"cmd", cmdFloor, false},
		{"test", outside, false},
		{"bench", outside, false},
		{"scripts", outside, false},
	} {
		if !under(folder, f.folder) {
			continue
		}
		if f.rooms {
			room, _, _ = strings.Cut(strings.TrimPrefix(folder, f.folder+"/"), "/")
		}
		return f.floor, room
	}
	if folder == "" {
		return groundFloor, ""
	}
	return -1, ""
}

// clientFolder is the public Go client: a guest of the house, not a part of it.
const clientFolder = "client"

// forTests tells packages that only tests may import: sqldb/sqldbtest,
// app/apptest.
func forTests(folder string) bool {
	parent, name := path.Split(folder)
	return name == path.Base(parent)+"test"
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	obeyed(t, importsPointDown)
}

func importsPointDown(files []goFile) (faults []string) {
	for _, f := range files {
		ours, others := f.imports()
		for folder, spec := range ours {
			if why := mayNotImport(f, folder); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %q: %s", f.at(spec), folder, why))
			}
		}
		if f.dir() == "" && !f.isTest() {
			for name, spec := range others {
				if strings.Contains(strings.Split(name, "/")[0], ".") {
					faults = append(faults, fmt.Sprintf("%s imports %s: the ground floor knows the standard library only", f.at(spec), name))
				}
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// mayNotImport says why a file may not import a folder of the house, "" when it
// may.
func mayNotImport(f goFile, folder string) string {
	from, room := floorOf(f.dir())
	to, neighbour := floorOf(folder)
	switch {
	case folder == f.dir(): // a package's own external test
		return ""
	case under(f.dir(), clientFolder):
		if folder == "" || under(folder, clientFolder) || f.isTest() {
			return ""
		}
		return "the client is built without the house"
	case from < 0:
		return "the folder " + f.dir() + " stands on no floor; floorOf must say which"
	case under(folder, clientFolder):
		if from == outside || f.isTest() {
			return ""
		}
		return "nothing in the house needs its own client"
	case to < 0:
		return "that folder stands on no floor; floorOf must say which"
	case to == outside:
		if from == outside {
			return ""
		}
		return "tests and measurements are not for use"
	case from == outside:
		return ""
	case f.isTest():
		// A test may climb to prepare its data or to build the program as it
		// runs, but the base and the ground must do without the house.
		if from <= baseFloor && to > baseFloor {
			return "not even tests of the base know of the house above it"
		}
		return ""
	case forTests(folder) && !forTests(f.dir()):
		return "that package is for tests"
	case from == baseFloor && to == migrationsFloor:
		return "the base has never heard of a tenant"
	case to > from:
		return "imports only point down"
	case to == from && room != neighbour && !(from == featureFloor && neighbour == "audit"):
		return "rooms do not know their neighbours"
	case to == appFloor && from != cliFloor && from != appFloor:
		return "only the command line wires the program"
	}
	return ""
}

func TestImportsPointDownCanFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, imports string
		faults        int
	}{
		{"secret.go", "fmt", 0},
		{"secret.go", module + "/internal/base/sqldb", 1},
		{"secret.go", "github.com/google/uuid", 1},
		{"secret_test.go", "github.com/google/go-cmp/cmp", 0},
		{"migrations/embed.go", module + "/internal/base/migrate", 1},
		{"internal/base/sqldb/tx.go", module, 0},
		{"internal/base/sqldb/tx.go", module + "/internal/base/seal", 0},
		{"internal/base/sqldb/tx.go", module + "/internal/base/request", 0},
		{"internal/base/sqldb/tx.go", module + "/migrations", 1},
		{"internal/base/sqldb/tx.go", module + "/internal/feature/tenant", 1},
		{"internal/base/sqldb/tx.go", module + "/internal/base/sqldb/sqldbtest", 1},
		{"internal/base/sqldb/tx_test.go", module + "/internal/base/sqldb/sqldbtest", 0},
		{"internal/base/sqldb/tx_test.go", module + "/internal/feature/tenant", 1},
		{"internal/feature/tenant/store.go", module + "/internal/base/sqldb", 0},
		{"internal/feature/tenant/store.go", module + "/internal/feature/tenant/sub", 0},
		{"internal/feature/tenant/store.go", module + "/internal/feature/audit", 0},
		{"internal/feature/tenant/store.go", module + "/internal/feature/user", 1},
		{"internal/feature/audit/store.go", module + "/internal/feature/user", 1},
		{"internal/feature/tenant/store.go", module + "/internal/flow/onboard", 1},
		{"internal/feature/tenant/store_test.go", module + "/migrations", 0},
		{"internal/feature/tenant/store_test.go", module + "/internal/app/apptest", 0},
		{"internal/flow/onboard/onboard.go", module + "/internal/feature/user", 0},
		{"internal/flow/onboard/onboard.go", module + "/internal/flow/signin", 1},
		{"internal/flow/onboard/onboard.go", module + "/internal/flow/audit", 1},
		{"internal/door/api/api.go", module + "/internal/flow/onboard", 0},
		{"internal/door/api/api.go", module + "/internal/door/ops", 1},
		{"internal/door/api/api.go", module + "/internal/app", 1},
		{"internal/app/app.go", module + "/internal/door/api", 0},
		{"internal/app/app.go", module + "/internal/cli", 1},
		{"internal/cli/serve.go", module + "/internal/app", 0},
		{"internal/cli/serve.go", module + "/internal/app/apptest", 1},
		{"internal/cli/manage/check.go", module + "/internal/cli/console", 0},
		{"cmd/tenantry/main.go", module + "/internal/cli", 0},
		{"cmd/tenantry/main.go", module + "/internal/app", 1},
		{"bench/main.go", module + "/internal/app", 0},
		{"bench/main.go", module + "/internal/base/sqldb/sqldbtest", 0},
		{"internal/cli/serve.go", module + "/bench", 1},
		{"client/client.go", module, 0},
		{"client/client.go", module + "/internal/base/web", 1},
		{"internal/door/api/api.go", module + "/client", 1},
		{"internal/attic/attic.go", module, 1},
		{"internal/door/api/api.go", module + "/internal/attic", 1},
	} {
		noticed(t, importsPointDown, c.faults, c.path, "package x\nimport _ \""+c.imports+"\"")
	}
}

// wordsOfTheBase are what the base uses of the ground floor: how things go
// wrong, secrets and the clock. With more it could not serve another product.
var wordsOfTheBase = regexp.MustCompile(`^(Error|NewError|FieldError|NewFieldError|Kind|KindOf|Invalid|Usage|Unauthenticated|` +
	`Forbidden|NotFound|Conflict|Stale|Limited|Busy|Unavailable|Internal|Secret|NewSecret|Clock)$`)

func TestBaseHasNeverHeardOfATenant(t *testing.T) {
	t.Parallel()
	obeyed(t, baseSpeaksPlainly)
}

func baseSpeaksPlainly(files []goFile) (faults []string) {
	for _, f := range files {
		if !f.within("internal/base") {
			continue
		}
		f.selections(module, func(s *ast.SelectorExpr) {
			if !wordsOfTheBase.MatchString(s.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s uses tenantry.%s, which no other product has", f.at(s), s.Sel.Name))
			}
		})
	}
	return faults
}

func TestBaseHasNeverHeardOfATenantCanFail(t *testing.T) {
	t.Parallel()
	const text = "package x\nimport \"" + module + "\"\nvar a tenantry.TenantKey\nvar b tenantry.Secret\n"
	noticed(t, baseSpeaksPlainly, 1, "internal/base/seal/seal.go", text)
	noticed(t, baseSpeaksPlainly, 0, "internal/feature/tenant/tenant.go", text)
}

// statement is how an SQL text begins. "DELETE /v1/tenants/{id}" is a route.
var statement = regexp.MustCompile(`^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+(RECURSIVE\s+)?\w+.*\sAS\s)`)

func TestSQLStandsBesideTheRoomThatOwnsTheTable(t *testing.T) {
	t.Parallel()
	obeyed(t, noSQLAboveTheRooms)
}

func noSQLAboveTheRooms(files []goFile) (faults []string) {
	for _, f := range files {
		if f.isTest() || !f.within("internal/flow", "internal/door", "internal/app", "internal/cli", "cmd") || f.within("internal/flow/overview") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && statement.MatchString(text) {
					faults = append(faults, fmt.Sprintf("%s holds SQL, which belongs to the room that owns the table", f.at(lit)))
				}
			}
			return true
		})
	}
	return faults
}

func TestSQLStandsBesideTheRoomCanFail(t *testing.T) {
	t.Parallel()
	for text, faults := range map[string]int{
		"`SELECT 1`":                                 1,
		"`\n\tSELECT id\nFROM a`":                    1,
		`"INSERT INTO a VALUES (?)"`:                 1,
		`"UPDATE a SET b = ?"`:                       1,
		`"DELETE FROM a"`:                            1,
		"`WITH due AS (SELECT 1) SELECT * FROM due`": 1,
		`"SELECT " + columns`:                        1,
		`"DELETE /v1/tenants/{id}"`:                  0,
		`"UPDATE the record"`:                        0,
		`"with love"`:                                0,
	} {
		file := "package x\nvar q = " + text
		if strings.Contains(text, "columns") {
			file += "\nvar columns string"
		}
		for _, folder := range []string{"internal/flow/onboard", "internal/door/api", "internal/app", "internal/cli/manage"} {
			noticed(t, noSQLAboveTheRooms, faults, folder+"/x.go", file)
		}
		for _, place := range []string{"internal/flow/overview/x.go", "internal/feature/tenant/x.go", "internal/flow/onboard/x_test.go"} {
			noticed(t, noSQLAboveTheRooms, 0, place, file)
		}
	}
}
