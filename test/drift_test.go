package test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// Somebody alters the tables by hand; --drift tells of all of it, and what it
// prints mends it. What belongs to nobody here is left out.
func TestDriftIsShownAndItsRepairMendsIt(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		if r := runOn(t, d, "migrate"); r.code != 0 {
			t.Fatal(r.stderr)
		}
		drift := func() (r ran, found struct {
			Differences []struct{ Kind, Object string }
			Repair      []string
			Proven      bool
			NotCompared []string `json:"not_compared"`
		}) {
			r = runOn(t, d, "migrate", "--drift", "--output", "json")
			if err := json.Unmarshal([]byte(r.stdout), &found); err != nil {
				t.Fatal(err, r.stdout, r.stderr)
			}
			return r, found
		}
		if r, found := drift(); r.code != 0 || len(found.Differences) > 0 {
			t.Fatalf("drift from the start, exit code %d: %v", r.code, found.Differences)
		}
		db := d.Owner(t)
		change := func(statements ...string) {
			t.Helper()
			for _, s := range statements {
				if err := db.Outside(t.Context(), s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}
		}
		change(`DROP INDEX "tenantry_tenant_status_idx"`,
			`ALTER TABLE "tenantry_tenant" ADD COLUMN "extra" integer`,
			`CREATE TABLE "tenantry_forgotten" ("id" integer)`,
			`CREATE VIEW "tenantry_view" AS SELECT 1 AS one`,
			`CREATE TABLE "somebody_elses" ("id" integer)`)
		want := []string{"missing table tenantry_tenant index tenantry_tenant_status_idx", "unexpected table tenantry_tenant column extra",
			"unexpected table tenantry_forgotten", "unexpected view tenantry_view"}
		if d.Engine == sqldb.SQLite {
			change(`CREATE TRIGGER "tenantry_odd" AFTER DELETE ON "tenantry_user" BEGIN DELETE FROM "tenantry_model"; END`)
			want = append(want, "unexpected table tenantry_user trigger tenantry_odd")
		} else {
			change(`CREATE POLICY "tenantry_odd" ON "tenantry_user" USING (true)`,
				`GRANT DELETE ON "tenantry_audit" TO PUBLIC`, `COMMENT ON TABLE "tenantry_audit" IS 'odd'`,
				`ALTER TABLE "tenantry_tenant" ALTER COLUMN "status" SET DEFAULT 'x'`)
			want = append(want, "unexpected table tenantry_user policy tenantry_odd",
				"unexpected grant on TABLE tenantry_audit to PUBLIC", "unexpected comment on TABLE tenantry_audit", "different table tenantry_tenant column status")
		}
		r, found := drift()
		var got []string
		for _, l := range found.Differences {
			got = append(got, l.Kind+" "+l.Object)
		}
		slices.Sort(got)
		slices.Sort(want)
		if r.code != 3 || !slices.Equal(got, want) || !found.Proven {
			t.Errorf("exit code %d, proven %t, differences\n%s\nwant\n%s", r.code, found.Proven, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !slices.Equal(found.NotCompared, []string{"table somebody_elses"}) {
			t.Errorf("not compared: %v", found.NotCompared)
		}
		if text := runOn(t, d, "migrate", "--drift"); text.code != 3 || !strings.Contains(text.stdout, "-- missing table tenantry_tenant index") || !strings.Contains(text.stdout, "-- destroys data\nDROP TABLE \"tenantry_forgotten\";") {
			t.Errorf("exit code %d:\n%s", text.code, text.stdout)
		}
		change(found.Repair...)
		if r, found := drift(); r.code != 0 || len(found.Differences) > 0 {
			t.Errorf("after the repair, exit code %d: %v", r.code, found.Differences)
		}
	})
}

// A database that a Django of another version made has not drifted for that.
func TestAnAdoptedDatabaseHasNotDrifted(t *testing.T) {
	t.Parallel()
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			d := smallDjango(t, engine, "32")
			if r := runOn(t, d, "adopt", "--yes"); r.code != 0 && r.code != 3 {
				t.Fatal(r.stderr)
			}
			if r := runOn(t, d, "migrate", "--drift"); r.code != 0 {
				t.Errorf("exit code %d:\n%s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}
