package migrate_test

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// squashed are the shop's people, squashed.
func squashed() fstest.MapFS {
	tree := maps.Clone(shop)
	tree["people/0001_squashed_0002_nickname.sql"] = file(`-- +replaces people.0001_initial people.0002_nickname
-- +operation Create table person
-- +up
CREATE TABLE "person" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(20) NOT NULL, "nickname" varchar(20));
-- +down
DROP TABLE "person";
`)
	return tree
}

// A squashed migration stands for those that it replaces where all or none of
// them are applied, and for nothing where only some are.
func TestASquashedMigrationStandsForWhatItReplaces(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		applied := func(r *migrate.Runner) (names []string) {
			s, err := r.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Unknown) > 0 {
				t.Errorf("unknown: %v", s.Unknown)
			}
			for _, k := range s.Graph().Keys() {
				if _, ok := s.Applied(k); ok && k.App == "people" {
					names = append(names, k.Name)
				}
			}
			return names
		}
		want := func(when string, got []string, names ...string) {
			t.Helper()
			if !slices.Equal(got, names) {
				t.Errorf("%s: %v, want %v", when, got, names)
			}
		}
		plain, together := runner(t, db, shop, nil), runner(t, db, squashed(), nil)
		run(t, plain, migrate.Request{App: "people", Target: "0001_initial"})
		want("one of two", applied(together), "0001_initial")
		run(t, together, migrate.Request{})
		want("both", applied(together), "0001_squashed_0002_nickname")
		run(t, together, migrate.Request{})
		run(t, together, migrate.Request{App: "people", Target: migrate.Zero})
		want("neither", applied(together))
		want("neither, for who does not know the squashed one", applied(plain))
		run(t, together, migrate.Request{})
		want("anew", applied(together), "0001_squashed_0002_nickname")
	})
}

// A migration that is not atomic runs outside of a transaction on PostgreSQL, and
// can be rehearsed all the same.
func TestAMigrationThatIsNotAtomic(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		tree := maps.Clone(shop)
		tree["people/0003_index.postgres.sql"] = file(`-- +depends people.0002_nickname
-- +atomic false
-- +operation Create index
-- +up
CREATE INDEX CONCURRENTLY "person_name" ON "person" ("name");
-- +down
DROP INDEX CONCURRENTLY "person_name";
`)
		tree["people/0003_index.sqlite.sql"] = file(`-- +depends people.0002_nickname
-- +atomic false
-- +operation Create index
-- +up
CREATE INDEX "person_name" ON "person" ("name");
-- +down
DROP INDEX "person_name";
`)
		r := runner(t, d.Owner(t), tree, nil)
		run(t, r, migrate.Request{App: "people", Target: "0002"})
		if _, err := r.Rehearse(t.Context(), migrate.Request{}, func(migrate.Event) {}); err != nil {
			t.Errorf("rehearsed: %v", err)
		}
		for _, target := range []string{"0003", "0002", "0003"} {
			run(t, r, migrate.Request{App: "people", Target: target})
		}
	})
}
