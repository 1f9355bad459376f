package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// judged lints a migration with these statements, and tells the findings as
// "code line table object".
func judged(t *testing.T, engine sqldb.Engine, text string) (all []string) {
	t.Helper()
	ms, err := migrate.Read(fstest.MapFS{"shop/0002_x.sql": &fstest.MapFile{Data: []byte(text)}}, engine)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lint.Migration(&ms[0], engine, []string{"hot"}) {
		if f.File != "shop/0002_x.sql" {
			t.Errorf("file %s", f.File)
		}
		all = append(all, strings.TrimRight(fmt.Sprintf("%s %d %s %s", f.Code, f.Line, f.Table, f.Object), " "))
	}
	return all
}

func operation(statements string) string {
	return "-- +operation X\n-- +up\n" + statements + "\n-- +down\nSELECT 1;\n"
}

// Every code is found, on the line where it stands.
func TestEveryCodeIsFound(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, c := range []struct {
		engine    sqldb.Engine
		statement string
		want      []string
	}{
		{sqldb.Postgres, `ALTER TABLE "hot" ADD COLUMN "a" int;`, []string{"hot_lock 3 hot"}},
		{sqldb.Postgres, `CREATE TRIGGER "g" AFTER INSERT ON "hot" EXECUTE FUNCTION f();`, []string{"hot_lock 3 hot"}},
		{sqldb.Postgres, "ALTER TABLE \"cold\"\n  ADD COLUMN \"a\" int NOT NULL;", []string{"not_null 3 cold a"}},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD COLUMN "a" int NOT NULL DEFAULT 0;`, nil},
		{sqldb.Postgres, `ALTER TABLE "cold" ALTER COLUMN "a" SET NOT NULL;`, []string{"set_not_null 3 cold a"}},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD COLUMN "a" uuid DEFAULT gen_random_uuid();`, []string{"volatile_default 3 cold a"}},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD COLUMN "a" timestamptz DEFAULT now();`, nil},
		{sqldb.Postgres, `ALTER TABLE "cold" ALTER COLUMN "a" TYPE text, ADD COLUMN "b" int;`, []string{"rewrite 3 cold a"}},
		{sqldb.Postgres, `CREATE INDEX "i" ON "cold" ("a");`, []string{"index 3 cold i"}},
		{sqldb.SQLite, `CREATE INDEX "i" ON "cold" ("a");`, nil},
		{sqldb.Postgres, `CREATE TABLE "new" ("a" int NOT NULL);` + "\n" + `CREATE INDEX "i" ON "new" ("a");`, nil},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD CONSTRAINT "u" UNIQUE ("a");`, []string{"index 3 cold u"}},
		{sqldb.Postgres, `CREATE INDEX CONCURRENTLY "i" ON "cold" ("a");`, []string{"in_transaction 3 cold i"}},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD CONSTRAINT "k" FOREIGN KEY ("a") REFERENCES "hot" ("id");`, []string{"validates 3 cold k"}},
		{sqldb.Postgres, `ALTER TABLE "cold" ADD CONSTRAINT "k" CHECK ("a" > 0) NOT VALID;`, nil},
		{sqldb.Postgres, `ALTER TABLE "cold" DROP COLUMN "a";`, []string{"drop 3 cold a"}},
		{sqldb.SQLite, `DROP TABLE "cold";`, []string{"drop 3 cold cold"}},
		{sqldb.SQLite, `DROP VIEW "v";`, []string{"drop 3  v"}},
		{sqldb.SQLite, "DROP VIEW \"v\";\nCREATE VIEW \"v\" AS SELECT 1;", nil},
		{sqldb.SQLite, `ALTER TABLE "cold" RENAME COLUMN "a" TO "b";`, []string{"rename 3 cold a"}},
		{sqldb.SQLite, `ALTER TABLE "cold" RENAME TO "b";`, []string{"rename 3 cold cold"}},
		{sqldb.Postgres, `UPDATE "cold" SET "a" = 1;`, []string{"backfill 3 cold"}},
		{sqldb.Postgres, `UPDATE "cold" SET "a" = 1 WHERE "id" < 9;`, nil},
		{sqldb.SQLite, `CREATE TABLE "new__hot" ("a" int NOT NULL, "b" int NOT NULL);
INSERT INTO "new__hot" ("a") SELECT "a" FROM "hot";
DROP TABLE "hot" /* with "c" */;
ALTER TABLE "new__hot" RENAME TO "hot";`, []string{"not_null 4 hot b", "drop 5 hot c", "hot_lock 5 hot"}},
	} {
		got := judged(t, c.engine, operation(c.statement))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.statement, d)
		}
		for _, f := range got {
			code, _, _ := strings.Cut(f, " ")
			found[code] = true
		}
	}
	for text, want := range map[string][]string{
		"-- +operation X\n-- +up\nSELECT 1;\n":                                    {"irreversible 1"},
		operation("SELECT 1;") + "-- TODO finish\n":                               {"todo 6"},
		operation("-- lint:allow drop\nDROP TABLE \"a\";"):                        {"allow_without_reason 3  drop", "drop 4 a a"},
		operation("-- lint:allow rename it is nothing\nSELECT 1;"):                {"allow_unused 3  rename"},
		operation("-- lint:allow drop nobody reads it\nDROP TABLE \"a\";"):        nil,
		"-- lint:allow drop nobody reads it\n" + operation("DROP TABLE \"a\";"):   nil,
		operation("-- lint:allow drop this one\nDROP TABLE a;\nDROP TABLE b;"):    {"drop 5 b b"},
		"-- +atomic false\n" + operation("CREATE INDEX CONCURRENTLY i ON c (a);"): nil,
	} {
		got := judged(t, sqldb.Postgres, text)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
		for _, f := range got {
			code, _, _ := strings.Cut(f, " ")
			found[code] = true
		}
	}
	for _, code := range lint.Codes {
		if !found[code] {
			t.Errorf("nothing finds %s", code)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(lint.Codes)))) != len(lint.Codes) {
		t.Error("a code is there twice")
	}
}
