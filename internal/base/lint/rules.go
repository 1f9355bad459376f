package lint

import (
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// statement judges one statement of the way forwards.
func (j *judge) statement(s string) {
	h := sqltext.Read(s)
	all := sqltext.Tokens(s)
	concurrently := sqltext.Has(all, "concurrently")
	if concurrently && !j.m.NotAtomic {
		j.find(InTransaction, h.Table, h.Name)
	}
	locks := false
	switch {
	case h.Verb == "alter" && h.Object == "table":
		for _, action := range actions(h.Rest) {
			locks = j.action(h.Name, action) || locks
		}
	case h.Verb == "drop" && h.Object == "table" && !j.rebuilt[h.Name]:
		locks = true
		if !j.made[h.Name] {
			j.find(Drop, h.Name, h.Name)
		}
	case h.Verb == "drop" && h.Object == "table":
		locks = true
		for _, column := range lostColumns(s) {
			j.find(Drop, h.Name, column)
		}
	case h.Verb == "drop" && (h.Object == "view" || h.Object == "function") && !j.comesBack(h):
		j.find(Drop, "", h.Name)
	case h.Verb == "create" && h.Object == "index" && j.engine == sqldb.Postgres:
		locks = !concurrently
		if !concurrently && !j.made[h.Table] {
			j.find(Index, h.Table, h.Name)
		}
	case h.Verb == "create" && (h.Object == "trigger" || h.Object == "policy"), h.Verb == "drop" && (h.Object == "trigger" || h.Object == "policy"):
		locks = j.engine == sqldb.Postgres
	case h.Verb == "truncate", h.Verb == "lock", h.Verb == "cluster", h.Verb == "reindex" && !concurrently:
		locks = true
	case (h.Verb == "update" || h.Verb == "delete") && !j.made[h.Table] && !sqltext.Has(all, "where"):
		j.find(Backfill, h.Table, "")
	case h.Verb == "insert":
		j.intoRebuilt(s, h)
	}
	if locks && j.isHot(h.Table) {
		j.find(HotLock, h.Table, "")
	}
}

// action judges one action of an ALTER TABLE, and tells whether it stops those
// who read or write the table.
func (j *judge) action(table string, t []sqltext.Token) bool {
	if len(t) == 0 || j.made[table] && !j.rebuilt[table] {
		return false
	}
	second := ""
	if len(t) > 1 {
		second = t[1].Text
	}
	name := nameIn(t[1:])
	switch {
	case t[0].IsWord("add") && (t[1].IsWord("constraint") || t[1].IsWord("check", "foreign", "unique", "primary")):
		if second != "constraint" {
			name = second
		}
		switch {
		case j.engine != sqldb.Postgres, sqltext.Has(t, "not", "valid"):
		case sqltext.Has(t, "foreign", "key"), sqltext.Has(t, "check"):
			j.find(Validates, table, name)
		case !sqltext.Has(t, "using", "index"):
			j.find(Index, table, name)
		}
	case t[0].IsWord("add"):
		j.newColumn(table, name, t)
	case t[0].IsWord("alter"):
		switch {
		case sqltext.Has(t, "set", "not", "null"):
			j.find(SetNotNull, table, name)
		case sqltext.Has(t, "type"):
			j.find(Rewrite, table, name)
		}
	case t[0].IsWord("drop") && second == "constraint":
	case t[0].IsWord("drop"):
		j.find(Drop, table, name)
	case t[0].IsWord("rename") && second == "to":
		if strings.HasPrefix(table, "new__") {
			return false
		}
		j.find(Renamed, table, table)
	case t[0].IsWord("rename") && second == "constraint":
	case t[0].IsWord("rename"):
		j.find(Renamed, table, name)
	case t[0].IsWord("validate"):
		return false // it only keeps other changes of the table waiting
	}
	return true
}

func (j *judge) newColumn(table, column string, t []sqltext.Token) {
	hasDefault := sqltext.Has(t, "default") || sqltext.Has(t, "generated") || sqltext.Has(t, "as")
	if sqltext.Has(t, "not", "null") && !hasDefault {
		j.find(NotNull, table, column)
	}
	if i := slices.IndexFunc(t, func(t sqltext.Token) bool { return t.IsWord("default") }); i >= 0 && isVolatile(t[i:]) {
		j.find(VolatileDefault, table, column)
	}
}

// volatile are functions that answer something else for each row. now() does
// not: it is one instant for the whole transaction.
var volatile = []string{"random", "gen_random_uuid", "uuid_generate_v1", "uuid_generate_v4", "uuidv4", "uuidv7", "clock_timestamp",
	"timeofday", "nextval", "randomblob", "gen_random_bytes"}

func isVolatile(t []sqltext.Token) bool {
	for i := range t {
		if t[i].Named() && slices.Contains(volatile, strings.ToLower(t[i].Text)) && i+1 < len(t) && t[i+1].Is("(") {
			return true
		}
	}
	return false
}

// comesBack tells whether the migration makes what it drops again.
func (j *judge) comesBack(dropped sqltext.Head) bool {
	for _, o := range j.m.Operations {
		for _, s := range o.Up {
			if h := sqltext.Read(s); h.Verb == "create" && h.Object == dropped.Object && h.Name == dropped.Name {
				return true
			}
		}
	}
	return false
}

// rebuilds finds the tables that are made anew beside themselves, SQLite's way of
// changing one: CREATE new__t, INSERT, DROP t, RENAME new__t TO t.
func (j *judge) rebuilds() {
	j.rebuilt = map[string]bool{}
	for _, o := range j.m.Operations {
		for _, s := range o.Up {
			h := sqltext.Read(s)
			if h.Verb == "alter" && h.Object == "table" && j.made[h.Name] && len(h.Rest) > 2 && h.Rest[0].IsWord("rename") && h.Rest[1].IsWord("to") {
				j.rebuilt[h.Rest[2].Text] = true
			}
		}
	}
}

// intoRebuilt finds columns of a rebuilt table that have no value in the rows
// that are moved into it.
func (j *judge) intoRebuilt(s string, h sqltext.Head) {
	if !j.made[h.Table] || len(h.Rest) == 0 || !h.Rest[0].Is("(") {
		return
	}
	given := map[string]bool{}
	for _, t := range h.Rest {
		if t.Is(")") {
			break
		}
		given[t.Text] = true
	}
	for _, o := range j.m.Operations {
		for _, create := range o.Up {
			made := sqltext.Read(create)
			if made.Verb != "create" || made.Object != "table" || made.Name != h.Table || !j.isRebuilding(h.Table) {
				continue
			}
			for _, c := range sqltext.Columns(create) {
				if !given[c.Name] && c.Has("not", "null") && !c.Has("default") && !c.Has("generated") {
					j.find(NotNull, strings.TrimPrefix(h.Table, "new__"), c.Name)
				}
			}
		}
	}
}

func (j *judge) isRebuilding(table string) bool { return j.rebuilt[strings.TrimPrefix(table, "new__")] }

// lostColumns reads the comment in which a rebuild names what it leaves behind.
func lostColumns(s string) (columns []string) {
	_, comment, ok := strings.Cut(s, "/* with ")
	if !ok {
		return nil
	}
	comment, _, _ = strings.Cut(comment, "*/")
	for _, t := range sqltext.Tokens(comment) {
		if t.Named() {
			columns = append(columns, t.Text)
		}
	}
	return columns
}

// actions splits what an ALTER TABLE does at its commas.
func actions(t []sqltext.Token) (all [][]sqltext.Token) {
	depth, start := 0, 0
	for i, token := range t {
		switch {
		case token.Is("("):
			depth++
		case token.Is(")"):
			depth--
		case token.Is(";"):
			t = t[:i]
		case token.Is(",") && depth == 0:
			all = append(all, t[start:i])
			start = i + 1
		}
	}
	if start < len(t) {
		all = append(all, t[start:])
	}
	return all
}

func nameIn(t []sqltext.Token) string {
	for len(t) > 0 && t[0].IsWord("column", "constraint", "if", "not", "exists") {
		t = t[1:]
	}
	if len(t) == 0 {
		return ""
	}
	return t[0].Text
}
