package datamigration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Own reads the operator's own steps: every NAME.sql in the folder Dir. A file is
// made of sections, each begun by a comment:
//
//	-- +version 1              raised to carry it out again
//	-- +depends app.0001_name  migrations that must have been applied
//	-- +whole                  of the platform, not of each tenant
//	-- +plan                   SELECT how many rows it would change
//	-- +next                   SELECT the last key of the next part, or null: for large tables
//	-- +apply                  statements
//	-- +verify                 SELECT how many rows are still wrong; must be 0
//	-- +revert                 statements
//
// :tenant is the tenant's key, and with +next :after is the last key of the part
// before, :limit the size of a part, :upto what +next answered.
func (f *Flow) Own() ([]Step, error) {
	if f.Dir == "" {
		return nil, nil
	}
	if err := f.hasDir(); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(f.Dir, "*.sql"))
	if err != nil {
		return nil, err
	}
	var all []Step
	for _, path := range files {
		step, err := f.own(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		all = append(all, step)
	}
	return all, nil
}

func (f *Flow) hasDir() error {
	if _, err := os.Stat(f.Dir); err != nil {
		return tenantry.NewError(tenantry.Usage, "datamigration.no_dir", "path", f.Dir).Because(err)
	}
	return nil
}

// own reads one step.
func (f *Flow) own(path string) (Step, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Step{}, tenantry.NewError(tenantry.Usage, "datamigration.unreadable", "path", path).Because(err)
	}
	script, err := parse(path, string(text))
	if err != nil {
		return Step{}, err
	}
	step := script.step()
	if slices.ContainsFunc(f.Builtin(), func(b Step) bool { return b.Name == step.Name }) {
		return Step{}, badScript(path, 1, "name", step.Name)
	}
	return step, nil
}

// script is a step that is written in SQL.
type script struct {
	name    string
	sum     string
	version int64
	depends []migrate.Key
	whole   bool
	section map[string][]query
}

// query is a statement with the names of its parameters in order.
type query struct {
	text   string
	params []string
}

var sections = map[string][]string{
	"plan": {"tenant"}, "next": {"tenant", "after", "limit"}, "apply": {"tenant", "after", "upto"}, "verify": {"tenant"}, "revert": {"tenant"},
}

var stepName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

func badScript(path string, line int, what, value string) error {
	return tenantry.NewError(tenantry.Usage, "datamigration.bad_"+what, "path", path, "line", line, "value", value)
}

func parse(path, text string) (script, error) {
	digest := sha256.Sum256([]byte(text))
	s := script{name: strings.TrimSuffix(filepath.Base(path), ".sql"), sum: "sha256:" + hex.EncodeToString(digest[:16]), version: 1, section: map[string][]query{}}
	if !stepName.MatchString(s.name) {
		return s, badScript(path, 1, "name", s.name)
	}
	bodies := map[string]*strings.Builder{}
	began := map[string]int{}
	var open *strings.Builder
	for i, line := range strings.Split(text, "\n") {
		directive, isDirective := strings.CutPrefix(strings.TrimSpace(line), "-- +")
		if !isDirective {
			if open != nil {
				open.WriteString(line + "\n")
			} else if t := strings.TrimSpace(line); t != "" && !strings.HasPrefix(t, "--") {
				return s, badScript(path, i+1, "line", t)
			}
			continue
		}
		word, rest, _ := strings.Cut(directive, " ")
		rest = strings.TrimSpace(rest)
		open = nil
		switch {
		case word == "version":
			n, err := strconv.ParseInt(rest, 10, 64)
			if err != nil || n < 1 {
				return s, badScript(path, i+1, "line", rest)
			}
			s.version = n
		case word == "depends":
			for _, name := range strings.Fields(rest) {
				app, migration, ok := strings.Cut(name, ".")
				if !ok {
					return s, badScript(path, i+1, "line", name)
				}
				s.depends = append(s.depends, migrate.Key{App: app, Name: migration})
			}
		case word == "whole":
			s.whole = true
		case sections[word] != nil && bodies[word] == nil:
			open = &strings.Builder{}
			open.WriteString(rest + "\n")
			bodies[word], began[word] = open, i+1
		default:
			return s, badScript(path, i+1, "line", "+"+word)
		}
	}
	for word, body := range bodies {
		for _, statement := range statements(body.String()) {
			q, err := named(statement, sections[word])
			if err != "" {
				return s, badScript(path, began[word], "parameter", err)
			}
			s.section[word] = append(s.section[word], q)
		}
	}
	if len(s.section["apply"]) == 0 {
		return s, badScript(path, 1, "line", "+apply")
	}
	for _, word := range []string{"plan", "next", "verify"} {
		if len(s.section[word]) > 1 {
			return s, badScript(path, began[word], "line", "+"+word)
		}
	}
	return s, nil
}

// statements cuts a text after every semicolon that ends a line.
func statements(text string) (all []string) {
	var b strings.Builder
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		b.WriteString(line + "\n")
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			all = append(all, b.String())
			b.Reset()
		}
	}
	all = append(all, b.String())
	for i := range all {
		all[i] = strings.TrimSuffix(strings.TrimSpace(all[i]), ";")
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// parameter finds :name outside of quotes; a cast's second colon is none.
var parameter = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|::|:([a-z]+)`)

// named puts ? in place of parameters. wrong is one that does not belong there.
func named(text string, allowed []string) (q query, wrong string) {
	q.text = parameter.ReplaceAllStringFunc(text, func(found string) string {
		name, isParameter := strings.CutPrefix(found, ":")
		if !isParameter || name == ":" {
			return found
		}
		if !slices.Contains(allowed, name) {
			wrong = found
		}
		q.params = append(q.params, name)
		return "CAST(? AS bigint)" // PostgreSQL would guess
	})
	return q, wrong
}

func (q query) args(values map[string]any) (args []any) {
	for _, name := range q.params {
		args = append(args, values[name])
	}
	return args
}

func (s script) step() Step {
	step := Step{Name: s.name, Summary: "step.own", Version: s.version, Sum: s.sum, Depends: s.depends, Whole: s.whole, Many: true}
	step.Plan = s.count("plan")
	if len(s.section["verify"]) > 0 {
		step.Verify = noneLeft(s.count("verify"))
		if len(s.section["plan"]) == 0 {
			step.Plan = s.count("verify")
		}
	}
	if len(s.section["revert"]) > 0 {
		step.Revert = func(ctx context.Context, tx *sqldb.Tx, _ tenantry.Scope, tenant tenantry.TenantKey, _ []string) (int64, error) {
			return s.exec(ctx, tx, "revert", map[string]any{"tenant": int64(tenant)})
		}
	}
	if len(s.section["next"]) > 0 || s.whole {
		step.Batch = s.batch
		return step
	}
	step.Apply = func(ctx context.Context, tx *sqldb.Tx, _ tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Change, error) {
		did := map[tenantry.TenantKey]Change{}
		for _, key := range tenants {
			n, err := s.exec(ctx, tx, "apply", map[string]any{"tenant": int64(key)})
			if err != nil {
				return nil, err
			}
			did[key] = Change{Count: n}
		}
		return did, nil
	}
	return step
}

func (s script) exec(ctx context.Context, tx *sqldb.Tx, section string, values map[string]any) (total int64, err error) {
	for _, q := range s.section[section] {
		n, err := tx.Exec(ctx, q.text, q.args(values)...)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (s script) count(section string) func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
	return func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
		counts := map[tenantry.TenantKey]int64{}
		for _, q := range s.section[section] {
			for _, key := range tenants {
				var n int64
				if err := tx.Get(ctx, q.text, q.args(map[string]any{"tenant": int64(key)}), &n); err != nil {
					return nil, err
				}
				if n > 0 {
					counts[key] = n
				}
			}
		}
		return counts, nil
	}
}

// batch deals with the rows up to the key that +next names.
func (s script) batch(ctx context.Context, tx *sqldb.Tx, _ tenantry.Scope, tenant tenantry.TenantKey, position string, limit int64) (Part, error) {
	values := map[string]any{"tenant": int64(tenant), "after": int64(math.MinInt64), "limit": limit}
	if position != "" {
		after, err := strconv.ParseInt(position, 10, 64)
		if err != nil {
			return Part{}, err
		}
		values["after"] = after
	}
	if len(s.section["next"]) == 0 {
		n, err := s.exec(ctx, tx, "apply", values)
		return Part{Change: Change{Count: n}}, err
	}
	var upto *int64
	next := s.section["next"][0]
	if err := tx.Get(ctx, next.text, next.args(values), &upto); err != nil || upto == nil {
		return Part{}, err
	}
	values["upto"] = *upto
	n, err := s.exec(ctx, tx, "apply", values)
	return Part{Change: Change{Count: n}, Next: strconv.FormatInt(*upto, 10)}, err
}
