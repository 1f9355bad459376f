package catalog_test

import (
	"testing"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// Each change is one that a value in Go would not show: past the digits of a
// float, between a number and its text, between nothing and an empty text.
func TestFingerprintNoticesTheSmallestChange(t *testing.T) {
	t.Parallel()
	changes := map[sqldb.Engine][]string{
		sqldb.SQLite: {
			`UPDATE note SET document = '{"n": 12345678901234567891}'`,
			`UPDATE note SET made = '2024-03-10 03:30:15.000000'`,
			`UPDATE note SET body = ''`,
			`UPDATE note SET number = 'x'`,
		},
		sqldb.Postgres: {
			`UPDATE note SET document = '{"n": 12345678901234567891}'`,
			`UPDATE note SET made = made + interval '1 microsecond'`,
			`UPDATE note SET body = ''`,
			`UPDATE note SET number = 1.10`,
		},
	}
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		types := map[sqldb.Engine]string{sqldb.SQLite: `document text, made datetime, body text, number numeric`, sqldb.Postgres: `document jsonb, made timestamptz, body text, number numeric`}[d.Engine]
		run(t, db, `CREATE TABLE note (id bigint PRIMARY KEY, `+types+`)`,
			`INSERT INTO note VALUES (10, '{"n": 12345678901234567890}', '2024-03-10 03:30:15', NULL, 1.1)`)
		take := func(want int64) string {
			t.Helper()
			var digest string
			err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
				rows, all, err := catalog.Fingerprint(t.Context(), tx, "note", []string{"id", "document", "made", "body", "number"}, func(int64) {})
				if rows != want {
					t.Errorf("%d rows, want %d", rows, want)
				}
				digest = all
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return digest
		}
		before := take(1)
		if again := take(1); again != before {
			t.Error("nothing changed, yet the fingerprint did")
		}
		for _, change := range changes[d.Engine] {
			run(t, db, change)
			after := take(1)
			if after == before {
				t.Errorf("not noticed: %s", change)
			}
			before = after
		}
		// In the order of the key as a number, wherever the rows lie.
		run(t, db, `INSERT INTO note (id) VALUES (9)`)
		both := take(2)
		run(t, db, `DELETE FROM note WHERE id = 9`, `INSERT INTO note (id) VALUES (9)`)
		if take(2) != both {
			t.Error("the place of a row counts")
		}
	})
}
