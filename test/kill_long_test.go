//go:build long

package test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// kills is how often each command is killed; the moment is random each time.
const kills = 100

const tenants, people = 3000, 6000

// TestKilledTakeOverFinishes kills `adopt --yes` on a database of Django's in
// which some tenants lack tokens and some people a profile.
func TestKilledTakeOverFinishes(t *testing.T) {
	t.Parallel()
	from := sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) { djangoLike(t, d, tenants, people, "auth", "tenants 0004") })
	killedAndRepeated(t, from, []string{"adopt", "--yes", "--generate-tokens", "--create-profiles"}, func(sqldbtest.Database) map[string]any {
		return map[string]any{
			`SELECT count(*) FROM tenants_tenantmodel`: int64(tenants + 1), // and the tenant "default"
			`SELECT count(*) FROM auth_user`:           int64(people),
			`SELECT count(*) FROM tenants_userprofile`: int64(people),
			`SELECT count(*) FROM auth_user u WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id)`: int64(0),
			`SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = ''`:                                 int64(0),
		}
	})
}

// TestKilledMigrateOfAnEmptyDatabaseFinishes kills the `migrate` that makes
// every table.
func TestKilledMigrateOfAnEmptyDatabaseFinishes(t *testing.T) {
	t.Parallel()
	from := sqldbtest.NewTemplate(func(testing.TB, sqldbtest.Database) {})
	killedAndRepeated(t, from, []string{"migrate"}, func(sqldbtest.Database) map[string]any {
		return map[string]any{
			`SELECT count(*) FROM tenants_tenantmodel`: int64(0),
			`SELECT count(*) FROM tenantry_model`:      int64(6), // the catalogue comes with the table
		}
	})
}

// TestKilledMigrateOfDjangosRowsFinishes kills a `migrate` that changes tables
// full of rows, which on SQLite means that it rebuilds them, and gives all of
// them their public ids.
func TestKilledMigrateOfDjangosRowsFinishes(t *testing.T) {
	t.Parallel()
	from := sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
		djangoLike(t, d, tenants, people, "auth 0008", "tenants 0003")
	})
	killedAndRepeated(t, from, []string{"migrate"}, func(before sqldbtest.Database) map[string]any {
		want := map[string]any{}
		for table, columns := range djangoColumns {
			want[table] = fingerprint(t, before, table, columns)
		}
		return want
	})
}

// TestKilledRotationRotatesNothingTwice kills the rotation of every token. Whether a
// round went on where it stopped or began anew because all had been done, in the
// end every token has been rotated as often as every other.
func TestKilledRotationRotatesNothingTwice(t *testing.T) {
	t.Parallel()
	from := sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
		djangoLike(t, d, tenants, people, "auth", "tenants 0004")
		for _, args := range [][]string{{"migrate"}, {"manage", "generate_tenant_tokens"}} {
			if out, err := program(d, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
	})
	killedAndRepeated(t, from, []string{"manage", "rotate_tenant_tokens", "--yes"}, func(sqldbtest.Database) map[string]any {
		return map[string]any{
			`SELECT count(*) FROM tenantry_token`:                        int64(2 * tenants),
			`SELECT count(DISTINCT current_version) FROM tenantry_token`: int64(1),
			`SELECT CAST((SELECT sum(current_version) FROM tenantry_token) - (SELECT count(*) FROM tenantry_token_version) AS bigint)`: int64(0),
			`SELECT count(*) FROM tenantry_token_run WHERE state <> 'finished'`:                                                        int64(0),
			`SELECT count(*) FROM tenants_tenantmodel WHERE ai_token NOT LIKE 'sealed:%' OR cwu_token NOT LIKE 'sealed:%'`:             int64(0),
		}
	})
}

// killedAndRepeated kills a command at a random moment and runs it again, on a
// fresh copy of a database each time: it must finish, with every migration
// recorded once in Django's history and in the ledger, every row with exactly
// one of ours beside it, and what the caller wants of the database: a number
// for a query, a fingerprint for a table.
func killedAndRepeated(t *testing.T, from *sqldbtest.Template, args []string, wanted func(before sqldbtest.Database) map[string]any) {
	t.Helper()
	sqldbtest.EachFrom(t, from, func(t *testing.T, d sqldbtest.Database) {
		want := wanted(d)
		began := time.Now()
		if out, err := program(d, args...).CombinedOutput(); err != nil {
			t.Fatalf("undisturbed: %v\n%s", err, out)
		}
		whole := time.Since(began)
		finishedAndWhole(t, d, want)
		killed := 0
		for round := range kills {
			// A test of its own, so that its database goes when it ends.
			t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
				d := from.Copy(t, d.Engine)
				p := program(d, args...)
				began := time.Now()
				if err := p.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- p.Wait() }()
				select {
				case err := <-ended:
					if err != nil {
						t.Fatalf("nobody disturbed it, yet %v", err)
					}
					whole = min(whole, time.Since(began)) // the machine is quicker now than it was
				case <-time.After(rand.N(whole)):
					_ = p.Process.Kill()
					<-ended
					killed++
				}
				if out, err := program(d, args...).CombinedOutput(); err != nil {
					t.Fatalf("second run: %v\n%s", err, out)
				}
				finishedAndWhole(t, d, want)
			})
		}
		t.Logf("%d of %d killed within the %v that it takes", killed, kills, whole.Round(time.Millisecond))
		if killed < kills/2 {
			t.Errorf("only %d of %d were killed in time", killed, kills)
		}
	})
}

// djangoLike fills an empty database with Django's tables as they are before
// Tenantry comes by, and with rows of which some lack tokens or a profile.
func djangoLike(t testing.TB, d sqldbtest.Database, tenants, people int, targets ...string) {
	for _, target := range targets {
		if out, err := program(d, append([]string{"migrate"}, strings.Fields(target)...)...).CombinedOutput(); err != nil {
			t.Fatalf("migrate %s: %v\n%s", target, err, out)
		}
	}
	made := time.Date(2024, 3, 10, 3, 30, 15, 123456000, time.UTC)
	err := d.Open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Load(t.Context(), "tenants_tenantmodel",
			djangoColumns["tenants_tenantmodel"],
			func(yield func([]any) bool) {
				for i := range tenants {
					if !yield([]any{i + 1, fmt.Sprintf("Tenant %d", i), "", "gpt-4", everyNth("ai_", i, 2), everyNth("cwu_", i, 3), sqldb.JSON("{}"), i%20 != 0, 10, 1000, 1000, made, made}) {
						return
					}
				}
			})
		if err != nil {
			return err
		}
		_, err = tx.Load(t.Context(), "auth_user",
			djangoColumns["auth_user"],
			func(yield func([]any) bool) {
				for i := range people {
					if !yield([]any{i + 1, "!", false, fmt.Sprintf("user%d", i), "", "", "", false, true, made}) {
						return
					}
				}
			})
		if err != nil {
			return err
		}
		_, err = tx.Load(t.Context(), "tenants_userprofile",
			djangoColumns["tenants_userprofile"],
			func(yield func([]any) bool) {
				for i := range people {
					if i%10 != 0 && !yield([]any{i + 1, "", "", "", "es", "UTC", true, false, sqldb.JSON("{}"), made, made, i%tenants + 1, i + 1}) {
						return
					}
				}
			})
		if err != nil {
			return err
		}
		// Of Tenantry, which made the tables in Django's stead, nothing is left.
		for _, table := range []string{"tenantry_migration", "tenantry_lease"} {
			if _, err := tx.Exec(t.Context(), `DROP TABLE `+table); err != nil {
				return err
			}
		}
		if d.Engine == sqldb.SQLite {
			return nil
		}
		for table := range djangoColumns {
			if _, err := tx.Exec(t.Context(), `SELECT setval(pg_get_serial_sequence('`+table+`', 'id'), (SELECT max(id) FROM `+table+`))`); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everyNth leaves each nth row without a token.
func everyNth(prefix string, i, nth int) string {
	if i%nth == 0 {
		return ""
	}
	return fmt.Sprintf("%s%043d", prefix, i)
}

// djangoColumns are the tables that djangoLike fills, and what it fills in.
var djangoColumns = map[string][]string{
	"tenants_tenantmodel": {"id", "name", "description", "model", "ai_token", "cwu_token", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at"},
	"auth_user":           {"id", "password", "is_superuser", "username", "first_name", "last_name", "email", "is_staff", "is_active", "date_joined"},
	"tenants_userprofile": {"id", "phone", "avatar", "bio", "language", "timezone", "notifications_enabled", "is_tenant_admin", "permissions", "created_at", "updated_at", "tenant_id", "user_id"},
}

func fingerprint(t *testing.T, d sqldbtest.Database, table string, columns []string) (digest string) {
	t.Helper()
	reading(t, d, func(tx *sqldb.Tx) (err error) {
		_, digest, err = catalog.Fingerprint(t.Context(), tx, table, columns, func(int64) {})
		return err
	})
	return digest
}

// reading closes the database at once: hundreds of them would otherwise stay
// open until the test ends.
func reading(t *testing.T, d sqldbtest.Database, fn func(tx *sqldb.Tx) error) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), d.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func finishedAndWhole(t *testing.T, d sqldbtest.Database, want map[string]any) {
	t.Helper()
	if out, err := program(d, "migrate", "--check").CombinedOutput(); err != nil {
		t.Errorf("migrate --check: %v\n%s", err, out)
	}
	want = maps.Clone(want)
	for _, nothing := range []string{
		`SELECT count(*) - count(DISTINCT app || '.' || name) FROM django_migrations`,
		// Of each migration the ledger says once that it is there.
		`SELECT count(*) FROM django_migrations m WHERE 1 <> (SELECT count(*) FROM tenantry_migration l WHERE l.app = m.app AND l.name = m.name AND l.act IN ('applied', 'adopted'))`,
		`SELECT count(*) FROM tenantry_migration l WHERE NOT EXISTS (SELECT 1 FROM django_migrations m WHERE m.app = l.app AND m.name = l.name)`,
		`SELECT count(*) - (SELECT count(DISTINCT public_id) FROM tenantry_tenant) FROM tenants_tenantmodel`,
		`SELECT count(*) - (SELECT count(*) FROM tenants_tenantmodel) FROM tenantry_tenant`,
		`SELECT count(*) - (SELECT count(DISTINCT public_id) FROM tenantry_user) FROM auth_user`,
		`SELECT count(*) - (SELECT count(*) FROM auth_user) FROM tenantry_user`,
		`SELECT count(*) - (SELECT count(*) FROM tenants_userprofile) FROM tenantry_membership`,
	} {
		want[nothing] = int64(0)
	}
	reading(t, d, func(tx *sqldb.Tx) error {
		for what, value := range want {
			var got any
			var err error
			if columns, ok := djangoColumns[what]; ok {
				_, got, err = catalog.Fingerprint(t.Context(), tx, what, columns, func(int64) {})
			} else {
				var n int64
				err = tx.Get(t.Context(), what, nil, &n)
				got = n
			}
			if err != nil || got != value {
				t.Errorf("%s: got %v, want %v, error %v", what, got, value, err)
			}
		}
		return nil
	})
}
