package draft_test

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/draft"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// bench makes scratch databases for a test.
func bench(t *testing.T, engine sqldb.Engine) *draft.Bench {
	t.Helper()
	b, err := draft.NewBench(t.Context(), engine, os.Getenv("TENANTRY_TEST_POSTGRES"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func scratch(t *testing.T, b *draft.Bench, text string) *draft.Scratch {
	t.Helper()
	s, err := b.Empty(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Execute(t.Context(), "test.sql", text); err != nil {
		t.Fatal(err)
	}
	return s
}

// both runs a test on both engines.
func both(t *testing.T, fn func(t *testing.T, engine sqldb.Engine)) {
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) { t.Parallel(); fn(t, engine) })
	}
}

// There and back: every pair is drafted in both directions, so each change is
// proven together with its contrary.
func TestBetweenLeavesNothing(t *testing.T) {
	t.Parallel()
	const shop = `CREATE TABLE "person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(20) NOT NULL);
CREATE TABLE "room" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(20) NOT NULL, "owner_id" bigint NOT NULL REFERENCES "person" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "room_owner_idx" ON "room" ("owner_id");
`
	change := func(old, new string) string { return strings.Replace(shop, old, new, 1) }
	for name, c := range map[string]struct{ after, sqlite, postgres string }{
		"new table":           {after: shop + `CREATE TABLE "desk" ("id" bigint NOT NULL PRIMARY KEY, "room_id" bigint NOT NULL REFERENCES "room" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, CHECK ("id" > 0)); CREATE INDEX "desk_room_idx" ON "desk" ("room_id") WHERE "room_id" > 5;`},
		"column":              {after: change(`"owner_id" bigint`, `"note" varchar(9) NULL, "owner_id" bigint`)},
		"column with default": {after: change(`"owner_id" bigint`, `"note" varchar(9) NOT NULL DEFAULT 'x', "owner_id" bigint`)},
		"type":                {after: change(`"name" varchar(20) NOT NULL, "owner_id"`, `"name" varchar(40) NOT NULL, "owner_id"`)},
		"null":                {after: change(`"name" varchar(20) NOT NULL, "owner_id"`, `"name" varchar(20) NULL, "owner_id"`)},
		"index":               {after: change(`CREATE INDEX "room_owner_idx" ON "room" ("owner_id")`, `CREATE UNIQUE INDEX "room_owner_idx" ON "room" ("owner_id", "name")`)},
		"check":               {after: change(`DEFERRABLE INITIALLY DEFERRED)`, `DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "room_name" CHECK ("name" <> ''))`)},
		"unique":              {after: change(`DEFERRABLE INITIALLY DEFERRED)`, `DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "room_once" UNIQUE ("owner_id", "name"))`)},
		"key":                 {after: change(`REFERENCES "person" ("id") DEFERRABLE INITIALLY DEFERRED`, `REFERENCES "person" ("id") ON DELETE CASCADE`)},
		"view":                {after: shop + `CREATE VIEW "named" AS SELECT "id", "name" FROM "room" WHERE "name" <> '';`},
		"trigger": {after: shop,
			sqlite: `CREATE TRIGGER "room_name" AFTER INSERT ON "room" BEGIN
  UPDATE "person" SET "name" = 'x';
  DELETE FROM "room" WHERE "name" = '';
END;`,
			postgres: `CREATE FUNCTION "room_name"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER "room_name" BEFORE INSERT ON "room" FOR EACH ROW EXECUTE FUNCTION "room_name"();`},
		"row security": {after: shop, sqlite: "CREATE VIEW v AS SELECT 1 AS one;", postgres: `ALTER TABLE "room" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "room" FORCE ROW LEVEL SECURITY;
CREATE POLICY "mine" ON "room" USING ("owner_id" = nullif(current_setting('a.b', true), '')::bigint);
CREATE VIEW "mine" WITH (security_invoker = true) AS SELECT * FROM "room";
COMMENT ON TABLE "room" IS 'It''s ours'; GRANT SELECT ON "room" TO PUBLIC;
CREATE TYPE "mood" AS ENUM ('good', 'bad'); CREATE SEQUENCE "numbers";`},
		"rebuilt under a trigger and a view": {
			after:    change(`"name" varchar(20) NOT NULL, "owner_id" bigint NOT NULL REFERENCES "person" ("id") DEFERRABLE INITIALLY DEFERRED`, `"name" text NOT NULL, "owner_id" bigint NULL REFERENCES "person" ("id") DEFERRABLE INITIALLY DEFERRED`),
			sqlite:   `CREATE TRIGGER "t" AFTER DELETE ON "room" BEGIN UPDATE "person" SET "name" = 'x'; END; CREATE VIEW "v" AS SELECT "name" FROM "room";`,
			postgres: `ALTER TABLE "room" ENABLE ROW LEVEL SECURITY; CREATE POLICY "p" ON "room" USING ("name" <> ''); CREATE VIEW "v" AS SELECT "name" FROM "room";`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine sqldb.Engine) {
				after := c.after + c.sqlite
				if engine == sqldb.Postgres {
					after = c.after + c.postgres
				}
				b := bench(t, engine)
				old, new := scratch(t, b, shop), scratch(t, b, after)
				for _, way := range [][2]*draft.Scratch{{old, new}, {new, old}} {
					from, err := b.Copy(t.Context(), way[0])
					if err != nil {
						t.Fatal(err)
					}
					o := draft.Options{}
					if way[0] == old {
						o.Words = sqltext.Split(after)
					}
					d, err := draft.Between(t.Context(), from.DB, way[1].DB, o)
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range d.Changes {
						t.Logf("%s: %s", c.Describe(), strings.Join(c.Statements, ";\n    "))
					}
					if len(d.Changes) == 0 {
						t.Error("nothing to do")
					}
					for _, l := range d.Left {
						t.Errorf("left: %v", l)
					}
				}
			})
		})
	}
}
