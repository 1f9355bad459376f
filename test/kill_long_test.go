//go:build long

package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// kills is how often a take-over is killed; the moment is random each time.
const kills = 100

// TestKilledTakeOverFinishes kills `adopt --yes` at a random moment and runs it
// again, on a database of Django's with a few thousand rows more: it must
// finish, with no row lost and none twice.
func TestKilledTakeOverFinishes(t *testing.T) {
	t.Parallel()
	const tenants, people = 3000, 6000
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			from := sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) { djangoLike(t, d, tenants, people) })
			killed, finished := 0, 0
			for round := range kills {
				d := from.Copy(t, engine)
				args := []string{"adopt", "--yes", "--generate-tokens", "--create-profiles"}
				p := program(d, args...)
				if err := p.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- p.Wait() }()
				select {
				case err := <-ended:
					finished++
					if err != nil {
						t.Fatalf("round %d: undisturbed, yet %v", round, err)
					}
				case <-time.After(rand.N(400 * time.Millisecond)):
					_ = p.Process.Kill()
					<-ended
					killed++
				}
				if out, err := program(d, args...).CombinedOutput(); err != nil {
					t.Fatalf("round %d: second run: %v\n%s", round, err, out)
				}
				wholeAgain(t, d, round, tenants+1, people) // and the tenant "default"
			}
			t.Logf("%d killed, %d had finished before", killed, finished)
			if killed < kills/4 {
				t.Errorf("only %d of %d were killed in time: the database is too small for this machine", killed, kills)
			}
		})
	}
}

// djangoLike fills an empty database with Django's tables as they are before
// Tenantry comes by, and with rows of which some lack tokens or a profile.
func djangoLike(t testing.TB, d sqldbtest.Database, tenants, people int) {
	for _, args := range [][]string{{"migrate", "auth"}, {"migrate", "tenants", "0004"}} {
		if out, err := program(d, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	made := time.Date(2024, 3, 10, 3, 30, 15, 123456000, time.UTC)
	err := d.Open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Load(t.Context(), "tenants_tenantmodel",
			[]string{"id", "name", "description", "model", "ai_token", "cwu_token", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at"},
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
			[]string{"id", "password", "is_superuser", "username", "first_name", "last_name", "email", "is_staff", "is_active", "date_joined"},
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
			[]string{"id", "phone", "avatar", "bio", "language", "timezone", "notifications_enabled", "is_tenant_admin", "permissions", "created_at", "updated_at", "tenant_id", "user_id"},
			func(yield func([]any) bool) {
				for i := range people {
					if i%10 != 0 && !yield([]any{i + 1, "", "", "", "es", "UTC", true, false, sqldb.JSON("{}"), made, made, i%tenants + 1, i + 1}) {
						return
					}
				}
			})
		if err != nil || d.Engine == sqldb.SQLite {
			return err
		}
		for _, table := range []string{"tenants_tenantmodel", "auth_user", "tenants_userprofile"} {
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

// program is this test's own binary as tenantry, on a database.
func program(d sqldbtest.Database, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p := &exec.Cmd{Path: exe, Args: append([]string{"tenantry"}, args...)}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "TENANTRY_") {
			p.Env = append(p.Env, pair)
		}
	}
	p.Env = append(p.Env, "TENANTRY_DATABASE_URL="+d.URL, "TENANTRY_MIGRATIONS_LEASE=1s")
	return p
}

func wholeAgain(t *testing.T, d sqldbtest.Database, round, tenants, people int) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), d.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, want := range map[string]int{
		`SELECT count(*) FROM tenants_tenantmodel`:              tenants,
		`SELECT count(*) FROM tenantry_tenant`:                  tenants,
		`SELECT count(DISTINCT public_id) FROM tenantry_tenant`: tenants,
		`SELECT count(*) FROM auth_user`:                        people,
		`SELECT count(*) FROM tenantry_user`:                    people,
		`SELECT count(*) FROM auth_user u WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id)`: 0,
		`SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = '' OR cwu_token = ''`:                                 0,
		`SELECT count(*) - count(DISTINCT app || '.' || name) FROM django_migrations`:                                    0,
	} {
		var got int
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.Get(t.Context(), query, nil, &got) })
		if err != nil || got != want {
			t.Errorf("round %d: %s: got %d, want %d, error %v", round, fmt.Sprint(query), got, want, err)
		}
	}
}
