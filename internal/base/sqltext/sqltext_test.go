package sqltext_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqltext"
)

func TestSplitFindsWhereStatementsEnd(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"a; b;":                      {"a;", "b;"},
		"a 'x;y''z;'; b":             {"a 'x;y''z;';", "b"},
		"-- only; a comment\n":       nil,
		"a -- not; here\n; b;":       {"a -- not; here\n;", "b;"},
		"a /* nor; here */; b;":      {"a /* nor; here */;", "b;"},
		`a "x;y"; b;`:                {`a "x;y";`, "b;"},
		"do $$ begin; end $$; b;":    {"do $$ begin; end $$;", "b;"},
		"do $f$ x; $$ y; $f$; b;":    {"do $f$ x; $$ y; $f$;", "b;"},
		"select E'a\\';b'; c;":       {"select E'a\\';b';", "c;"},
		"select a[1]; b;":            {"select a[1];", "b;"},
		"begin; a; commit;":          {"begin;", "a;", "commit;"},
		"select $1; b;":              {"select $1;", "b;"},
		"create view v as select 1;": {"create view v as select 1;"},
		"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; DELETE FROM b; END; c;": {
			"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; DELETE FROM b; END;", "c;"},
	} {
		var got []string
		for _, s := range sqltext.Split(text) {
			got = append(got, s.Text)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

func TestSplitTellsLinesAndComments(t *testing.T) {
	t.Parallel()
	want := []sqltext.Statement{
		{Text: "a;", Line: 1},
		{Text: "b, -- inside\nc;", Line: 4, Comments: []sqltext.Comment{{"before", 3}, {"inside", 4}}},
	}
	if d := cmp.Diff(want, sqltext.Split("a;\n\n-- before\nb, -- inside\nc;\n-- after")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCompleteKnowsTheSemicolonThatEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a;":                             true,
		"a; -- b":                        true,
		"a":                              false,
		"a ';":                           false,
		"create function f() $x$ a;":     false,
		"create function f() $x$ a; $x$": false,
		"create function f() $x$ a; $x$ language sql;":          true,
		"create trigger t after delete on a begin delete b;":    false,
		"create trigger t after delete on a begin x; end;":      true,
		"create trigger t after insert on a execute function f": false,
	} {
		if got := sqltext.Complete(text); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestReadTellsWhatAStatementIsAbout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]sqltext.Head{
		`CREATE TABLE IF NOT EXISTS public."a b" (x int)`:                    {Verb: "create", Object: "table", Name: "a b", Table: "a b"},
		`CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY t (a)`:                   {Verb: "create", Object: "index", Name: "i", Table: "t"},
		`CREATE INDEX ON t (a)`:                                              {Verb: "create", Object: "index", Table: "t"},
		`CREATE OR REPLACE FUNCTION f(a int) RETURNS int`:                    {Verb: "create", Object: "function", Name: "f"},
		`CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()`: {Verb: "create", Object: "trigger", Name: "g", Table: "t"},
		`CREATE POLICY p ON t USING (true)`:                                  {Verb: "create", Object: "policy", Name: "p", Table: "t"},
		`CREATE MATERIALIZED VIEW v AS SELECT 1`:                             {Verb: "create", Object: "view", Name: "v"},
		`ALTER TABLE ONLY t ADD COLUMN a int`:                                {Verb: "alter", Object: "table", Name: "t", Table: "t"},
		`INSERT INTO t VALUES (1)`:                                           {Verb: "insert", Table: "t"},
		`SELECT 1`:                                                           {Verb: "select"},
		``:                                                                   {},
	} {
		got := sqltext.Read(text)
		got.Rest, got.NameAt, got.NameEnd = nil, 0, 0
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	if got := sqltext.Rename(`CREATE TABLE public.t (a int)`, "new__t"); got != `CREATE TABLE "new__t" (a int)` {
		t.Errorf("renamed: %s", got)
	}
}
