package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Load reads the migration files of a tree for one engine and adds migrations
// written in Go. A file is <app>/<name>.sql for both engines, or a pair
// <app>/<name>.sqlite.sql and <app>/<name>.postgres.sql. Its directives:
//
//	-- +depends app.name …
//	-- +operation Create model TenantModel
//	-- +up
//	CREATE TABLE …;
//	-- +down
//	DROP TABLE …;
//
// A statement ends with a semicolon at the end of a line. The error is a defect
// of the files: it names file and line.
func Load(tree fs.FS, engine sqldb.Engine, inGo ...Migration) (*Graph, error) {
	files, err := fs.Glob(tree, "*/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, file := range files {
		name, mine := nameFor(engine, path.Base(file))
		if !mine {
			continue
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		m, err := parse(Key{App: path.Dir(file), Name: name}, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", file, err)
		}
		all = append(all, m)
	}
	return NewGraph(append(all, inGo...))
}

// nameFor strips what the file name says about the engine, and tells whether
// the file is for this one.
func nameFor(engine sqldb.Engine, base string) (name string, mine bool) {
	base = strings.TrimSuffix(base, ".sql")
	for _, e := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		if name, ok := strings.CutSuffix(base, "."+string(e)); ok {
			return name, e == engine
		}
	}
	return base, true
}

func parse(key Key, text string) (Migration, error) {
	sum := sha256.Sum256([]byte(text))
	m := Migration{Key: key, Sum: hex.EncodeToString(sum[:])}
	var into *[]string
	var statement strings.Builder
	for i, line := range strings.Split(text, "\n") {
		fail := func(what string) error { return fmt.Errorf("%d: %s: %s", i+1, what, line) }
		directive, isDirective := strings.CutPrefix(line, "-- +")
		if !isDirective {
			if into == nil {
				if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "--") {
					return m, fail("a statement outside of up and down")
				}
				continue
			}
			if statement.Len() == 0 && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, "--")) {
				continue
			}
			statement.WriteString(line)
			if text := statement.String(); strings.HasSuffix(strings.TrimRight(line, " \t\r"), ";") && balanced(text) {
				*into = append(*into, strings.TrimSpace(text))
				statement.Reset()
			} else {
				statement.WriteByte('\n')
			}
			continue
		}
		if statement.Len() > 0 {
			return m, fail("the statement before has no semicolon")
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(directive), " ")
		switch verb {
		case "depends":
			for _, d := range strings.Fields(rest) {
				app, name, ok := strings.Cut(d, ".")
				if !ok {
					return m, fail("a dependency is app.name")
				}
				m.Depends = append(m.Depends, Key{app, name})
			}
		case "operation":
			m.Operations = append(m.Operations, Operation{Describe: rest})
			into = nil
		case "up", "down":
			if len(m.Operations) == 0 {
				return m, fail("up and down belong to an operation")
			}
			into = &m.Operations[len(m.Operations)-1].Up
			if verb == "down" {
				into = &m.Operations[len(m.Operations)-1].Down
			}
		default:
			return m, fail("unknown directive")
		}
	}
	if statement.Len() > 0 {
		return m, fmt.Errorf("the last statement has no semicolon")
	}
	return m, nil
}

// balanced tells whether every $tag$ of a function body is closed, so that the
// semicolons inside one do not end the statement.
func balanced(statement string) bool { return strings.Count(statement, "$$")%2 == 0 }
