package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// step is one edit of an app's schema, and what makemigrations says to it.
type step struct {
	name       string
	edit       func(s *schemaText)
	file       string // the migration's name
	operations []string
}

// schemaText is the desired schema, on each engine.
type schemaText struct{ sqlite, postgres string }

func (s *schemaText) replace(old, new string) {
	for _, text := range []*string{&s.sqlite, &s.postgres} {
		if !strings.Contains(*text, old) {
			panic("no " + old + " in:\n" + *text)
		}
		*text = strings.Replace(*text, old, new, 1)
	}
}

func (s *schemaText) add(sqlite, postgres string) {
	s.sqlite, s.postgres = s.sqlite+sqlite+"\n", s.postgres+postgres+"\n"
}

const invoices = `CREATE TABLE "billing_invoice" (
  "tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  "invoice_id" varchar(30) NOT NULL,
  "number" varchar(20) NOT NULL,
  "total_micros" bigint NOT NULL,
  PRIMARY KEY ("tenant_id", "invoice_id")
);
CREATE INDEX "billing_invoice_number_idx" ON "billing_invoice" ("tenant_id", "number");
`

const policy = `ALTER TABLE "billing_invoice" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "billing_invoice" FORCE ROW LEVEL SECURITY;
CREATE POLICY "billing_invoice_tenant" ON "billing_invoice"
  USING ("tenant_id" = nullif(current_setting('tenantry.tenant_id', true), '')::bigint)
  WITH CHECK ("tenant_id" = nullif(current_setting('tenantry.tenant_id', true), '')::bigint);`

var steps = []step{
	{"two tables", func(s *schemaText) { s.add(invoices, invoices) }, "0001_initial",
		[]string{"Create table billing_invoice", "Create index billing_invoice_number_idx on billing_invoice"}},
	{"a column", func(s *schemaText) {
		s.replace(`"total_micros" bigint NOT NULL,`, "\"total_micros\" bigint NOT NULL,\n  \"note\" varchar(200) NULL,")
	}, "0002_invoice_note", []string{"Add column note to billing_invoice"}},
	{"a column with a default", func(s *schemaText) {
		s.replace(`"note" varchar(200) NULL,`, "\"note\" varchar(200) NULL,\n  \"currency\" varchar(3) NOT NULL DEFAULT 'USD',")
	}, "0003_invoice_currency", []string{"Add column currency to billing_invoice"}},
	{"a table that belongs to another", func(s *schemaText) {
		line := `CREATE TABLE "billing_line" (
  "tenant_id" bigint NOT NULL,
  "line_id" varchar(30) NOT NULL,
  "invoice_id" varchar(30) NOT NULL,
  "at" TIMESTAMP NOT NULL,
  PRIMARY KEY ("tenant_id", "line_id"),
  CONSTRAINT "billing_line_invoice" FOREIGN KEY ("tenant_id", "invoice_id") REFERENCES "billing_invoice" ("tenant_id", "invoice_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);`
		s.add(strings.Replace(line, "TIMESTAMP", "datetime", 1), strings.Replace(line, "TIMESTAMP", "timestamp with time zone", 1))
	}, "0004_line", []string{"Create table billing_line"}},
	{"a column that a comment says was renamed", func(s *schemaText) {
		s.replace(`"note" varchar(200) NULL,`, `"remark" varchar(200) NULL, -- renamed from: note`)
	}, "0005_rename_note_invoice_remark", []string{"Rename column note on billing_invoice to remark"}},
	{"a wider type", func(s *schemaText) { s.replace(`"number" varchar(20)`, `"number" varchar(40)`) },
		"0006_alter_invoice_number", []string{"Alter column number on billing_invoice"}},
	{"a column that may be NULL", func(s *schemaText) { s.replace(`"total_micros" bigint NOT NULL`, `"total_micros" bigint NULL`) },
		"0007_alter_invoice_total_micros", []string{"Alter column total_micros on billing_invoice"}},
	{"two constraints", func(s *schemaText) {
		s.replace("  PRIMARY KEY (\"tenant_id\", \"invoice_id\")\n", "  PRIMARY KEY (\"tenant_id\", \"invoice_id\"),\n  CONSTRAINT \"billing_invoice_once\" UNIQUE (\"tenant_id\", \"number\"),\n  CONSTRAINT \"billing_invoice_paid\" CHECK (\"total_micros\" >= 0)\n")
	}, "0008_invoice_once_invoice_paid", []string{"Create constraint billing_invoice_once on billing_invoice", "Create constraint billing_invoice_paid on billing_invoice"}},
	{"an index of some rows", func(s *schemaText) {
		s.replace(`("tenant_id", "number");`, `("tenant_id", "number") WHERE "total_micros" > 0;`)
	}, "0009_alter_invoice_number_idx", []string{"Alter index billing_invoice_number_idx on billing_invoice"}},
	{"a trigger", func(s *schemaText) {
		s.add(`CREATE TRIGGER "billing_invoice_upper" AFTER INSERT ON "billing_invoice" BEGIN
  UPDATE "billing_invoice" SET "currency" = upper(NEW."currency")
  WHERE "tenant_id" = NEW."tenant_id" AND "invoice_id" = NEW."invoice_id";
END;`, `CREATE FUNCTION "billing_upper"() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.currency := upper(NEW.currency);
  RETURN NEW;
END;
$body$;
CREATE TRIGGER "billing_invoice_upper" BEFORE INSERT ON "billing_invoice" FOR EACH ROW EXECUTE FUNCTION "billing_upper"();`)
	}, "0010_upper_invoice_upper", []string{"Create function billing_upper()", "Create trigger billing_invoice_upper on billing_invoice"}},
	{"row security", func(s *schemaText) { s.add("", policy) }, "0011_alter_invoice_row_security_invoice_tenant",
		[]string{"Alter row security on billing_invoice", "Create policy billing_invoice_tenant on billing_invoice"}},
	{"a view", func(s *schemaText) {
		s.add(`CREATE VIEW "billing_open" AS SELECT "tenant_id", "invoice_id", "number" FROM "billing_invoice" WHERE "total_micros" > 0;`,
			`CREATE VIEW "billing_open" WITH (security_invoker = true) AS SELECT "tenant_id", "invoice_id", "number" FROM "billing_invoice" WHERE "total_micros" > 0;
COMMENT ON VIEW "billing_open" IS 'What is to be paid';`)
	}, "0012_open_on_view_billing_open", []string{"Create view billing_open", "Add comment on VIEW billing_open"}},
	{"a table rebuilt under a trigger, a policy and a view", func(s *schemaText) {
		s.replace(`"number" varchar(40)`, `"number" text`)
	}, "", []string{"Alter column number on billing_invoice"}},
	{"another policy", func(s *schemaText) {
		s.replace(`PRIMARY KEY ("tenant_id", "line_id"),`, `PRIMARY KEY ("tenant_id", "line_id"), CHECK ("line_id" <> ''),`)
		s.postgres = strings.Replace(s.postgres, "\n  WITH CHECK", "\n  WITH CHECK (\"total_micros\" IS NOT NULL AND ", 1)
		s.postgres = strings.Replace(s.postgres, "AND  (", "AND (", 1)
		s.postgres = strings.Replace(s.postgres, "'')::bigint);\n", "'')::bigint));\n", 1)
	}, "", nil},
	{"a column less", func(s *schemaText) { s.replace("  \"remark\" varchar(200) NULL, -- renamed from: note\n", "") },
		"0015_remove_invoice_remark", []string{"Remove column remark from billing_invoice"}},
	{"a table that a comment says was renamed", func(s *schemaText) {
		s.replace(`CREATE TABLE "billing_line"`, "-- renamed from: billing_line\nCREATE TABLE \"billing_item\"")
	}, "", nil},
	{"a table less", func(s *schemaText) {
		for _, text := range []*string{&s.sqlite, &s.postgres} {
			before, rest, _ := strings.Cut(*text, "-- renamed from: billing_line\n")
			_, after, _ := strings.Cut(rest, "\n);\n")
			*text = before + after
		}
	}, "0017_delete_item", []string{"Delete table billing_item"}},
}

// An operator's app grows, step by step: each edit of the schema becomes a
// migration for both engines, proven by replay, that databases of both engines
// then apply; afterwards nothing is left to do and nothing has drifted.
func TestSchemaChangesAreDraftedAndProvenOnBothEngines(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	databases := map[sqldb.Engine]sqldbtest.Database{}
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		databases[engine] = sqldbtest.New(t, engine)
	}
	tenantry := func(engine sqldb.Engine, args ...string) ran {
		return run(t, append(variablesOf(databases[engine]), "TENANTRY_MIGRATIONS_DIR="+folder, "TENANTRY_LANG=en",
			"TENANTRY_MIGRATIONS_DEV_DATABASE="+os.Getenv("TENANTRY_TEST_POSTGRES")), args...)
	}
	if err := os.Mkdir(filepath.Join(folder, "billing"), 0o777); err != nil {
		t.Fatal(err)
	}
	var s schemaText
	var before []string
	for _, c := range steps {
		c.edit(&s)
		for name, text := range map[string]string{"schema.sqlite.sql": s.sqlite, "schema.postgres.sql": s.postgres} {
			if err := os.WriteFile(filepath.Join(folder, "billing", name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		made := tenantry(sqldb.SQLite, "manage", "makemigrations", "billing")
		files, err := filepath.Glob(filepath.Join(folder, "billing", "0*.sql"))
		if err != nil || made.code != 0 || len(files) <= len(before) {
			t.Fatalf("%s: exit code %d, files %v\n%s%s", c.name, made.code, files, made.stdout, made.stderr)
		}
		t.Logf("%s\n%s%s", c.name, made.stdout, made.stderr)
		for _, f := range files {
			if text, _ := os.ReadFile(f); !slices.Contains(before, f) {
				t.Logf("%s\n%s", filepath.Base(f), text)
				if !strings.HasPrefix(filepath.Base(f), c.file) {
					t.Errorf("%s: made %s, want %s", c.name, filepath.Base(f), c.file)
				}
			}
		}
		before = files
		for _, engine := range []string{"sqlite", "postgres"} {
			if !strings.Contains(made.stderr, "Proven on "+engine) {
				t.Errorf("%s: not proven on %s:\n%s", c.name, engine, made.stderr)
			}
		}
		for _, o := range c.operations {
			if !strings.Contains(made.stdout, "\n    - "+o+"\n") {
				t.Errorf("%s: no operation %q in:\n%s", c.name, o, made.stdout)
			}
		}
		for engine := range databases {
			if r := tenantry(engine, "migrate"); r.code != 0 {
				t.Fatalf("%s: migrate on %s: %s%s", c.name, engine, r.stdout, r.stderr)
			}
			if c.name == steps[len(steps)-1].name || c.file == "" {
				tenantry(engine, "migrate", "--drift").want(t, 0, "No drift: the database is as its migrations make it.\n")
			}
		}
	}
	tenantry(sqldb.Postgres, "makemigrations", "billing", "--check").want(t, 0, "No changes detected in app 'billing'\n")
	for engine := range databases {
		if r := tenantry(engine, "migrate", "billing", "zero"); r.code != 0 {
			t.Errorf("all the way back on %s: %s%s", engine, r.stdout, r.stderr)
		}
		tenantry(engine, "migrate", "--drift").want(t, 0, "No drift: the database is as its migrations make it.\n")
	}
}
