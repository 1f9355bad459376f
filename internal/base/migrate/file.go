package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Load reads the migration files of a tree for one engine and adds migrations
// written in Go. A file is <app>/<name>.sql for both engines, or a pair
// <app>/<name>.sqlite.sql and <app>/<name>.postgres.sql. Its directives:
//
//	-- +depends app.name …
//	-- +replaces app.name …        it is these, squashed
//	-- +atomic false               its statements are run one by one, outside of a transaction
//	-- +operation Create model TenantModel
//	-- +up
//	CREATE TABLE …;
//	-- +down
//	DROP TABLE …;
//
// A statement ends with a semicolon at the end of a line. The error is a defect
// of the files: it names file and line.
func Load(tree fs.FS, engine sqldb.Engine, inGo ...Migration) (*Graph, error) {
	all, err := Read(tree, engine)
	if err != nil {
		return nil, err
	}
	return NewGraph(append(all, inGo...))
}

// Schema is the name of the files beside an app's migrations that say what its
// schema should be, which are no migrations.
const Schema = "schema"

// Read reads the migration files of a tree, for one engine.
func Read(tree fs.FS, engine sqldb.Engine) ([]Migration, error) {
	files, err := fs.Glob(tree, "*/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, file := range files {
		name, mine := nameFor(engine, path.Base(file))
		if !mine || name == Schema {
			continue
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		m, err := Parse(Key{App: path.Dir(file), Name: name}, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", file, err)
		}
		m.File, m.Text = file, string(text)
		all = append(all, m)
	}
	return all, nil
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

// Parse reads the text of one migration file.
func Parse(key Key, text string) (Migration, error) {
	sum := sha256.Sum256([]byte(text))
	m := Migration{Key: key, Sum: hex.EncodeToString(sum[:])}
	var into *[]string
	var lines *[]int
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
			if statement.Len() == 0 {
				*lines = append(*lines, i+1)
			}
			statement.WriteString(line)
			// Semicolons inside of a function's or trigger's body do not end it.
			if text := statement.String(); strings.HasSuffix(strings.TrimRight(line, " \t\r"), ";") && sqltext.Complete(text) {
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
		case "depends", "replaces":
			for _, d := range strings.Fields(rest) {
				app, name, ok := strings.Cut(d, ".")
				switch {
				case !ok:
					return m, fail("a dependency is app.name")
				case verb == "depends":
					m.Depends = append(m.Depends, Key{app, name})
				default:
					m.Replaces = append(m.Replaces, Key{app, name})
				}
			}
		case "atomic":
			if m.NotAtomic = rest == "false"; !m.NotAtomic {
				return m, fail("atomic is false or is not said")
			}
		case "operation":
			m.Operations = append(m.Operations, Operation{Describe: rest})
			into = nil
		case "up", "down":
			if len(m.Operations) == 0 {
				return m, fail("up and down belong to an operation")
			}
			o := &m.Operations[len(m.Operations)-1]
			into, lines = &o.Up, &o.UpLines
			if verb == "down" {
				into, lines = &o.Down, &o.DownLines
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
