package test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
)

// The seed's lines about data, by their numbers: rows as a Django process writes
// them, the commands of manage.py on them, and their words to the letter.

// djangoWrites runs a statement as a Django process would, past the program. A
// statement that returns an id gives it back.
func djangoWrites(t testing.TB, d sqldbtest.Database, query string, args ...any) (id int64) {
	t.Helper()
	err := d.Open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
		if strings.HasSuffix(query, "RETURNING id") {
			return tx.Get(t.Context(), query, args, &id)
		}
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var longAgo = time.Date(2024, 3, 10, 3, 30, 15, 123456000, time.UTC)

func djangoTenant(t testing.TB, d sqldbtest.Database, name, ai, cwu string) int64 {
	t.Helper()
	return djangoWrites(t, d, `INSERT INTO tenants_tenantmodel (name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
		VALUES (?, '', 'gpt-3.5-turbo', ?, ?, '{}', ?, 10, 1000, 1000, ?, ?) RETURNING id`, name, ai, cwu, true, longAgo, longAgo)
}

func djangoUser(t testing.TB, d sqldbtest.Database, username string) int64 {
	t.Helper()
	return djangoWrites(t, d, `INSERT INTO auth_user (password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
		VALUES ('!', NULL, ?, ?, '', '', '', ?, ?, ?) RETURNING id`, false, username, false, true, longAgo)
}

// tokensOf is what the two columns of a tenant hold.
func tokensOf(t testing.TB, d sqldbtest.Database, tenant int64) (ai, cwu string) {
	t.Helper()
	err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Get(t.Context(), `SELECT ai_token, cwu_token FROM tenants_tenantmodel WHERE id = ?`, []any{tenant}, &ai, &cwu)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ai, cwu
}

// made is what `tenant create -o json` prints.
type made struct {
	Tenant struct {
		Key int64
		ID  string
	}
	Tokens struct{ AI, CWU string }
}

func createTenant(t testing.TB, d sqldbtest.Database, args ...string) (m made) {
	t.Helper()
	r := runOn(t, d, append(append([]string{"tenant", "create"}, args...), "-o", "json")...)
	if err := json.Unmarshal([]byte(r.stdout), &m); err != nil || r.code != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	return m
}

func TestR010_EachTenantHasTokensOfItsOwnThatNameIt(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		one, two := createTenant(t, d, "One"), createTenant(t, d, "Two")
		all := []string{one.Tokens.AI, one.Tokens.CWU, two.Tokens.AI, two.Tokens.CWU}
		slices.Sort(all)
		if len(slices.Compact(all)) != 4 {
			t.Errorf("tokens repeat: %v", all)
		}
		for _, m := range []made{one, two} {
			for kind, token := range map[string]string{"ai": m.Tokens.AI, "cwu": m.Tokens.CWU} {
				p := command(t, variablesOf(d), "token", "verify", "-o", "json")
				p.Stdin = strings.NewReader(token + "\n")
				out, err := p.Output()
				var v struct {
					Valid        bool
					Kind, Tenant string
				}
				if json.Unmarshal(out, &v) != nil || err != nil || !v.Valid || v.Kind != kind || v.Tenant != m.Tenant.ID {
					t.Errorf("%s token of tenant %d is %s, %v", kind, m.Tenant.Key, out, err)
				}
			}
		}
	})
}

func TestR059_R060_R061_R062_HelpOfMigrateTenantData(t *testing.T) {
	t.Parallel()
	help := run(t, []string{"COLUMNS=200"}, "manage", "migrate_tenant_data", "--help").stdout
	for _, line := range []string{
		`usage: tenantry manage migrate_tenant_data \[-h\] \[--tenant-id TENANT_ID\] \[--generate-tokens\] \[--create-profiles\] .*`,
		`Migrar datos de tenants`,
		`  --tenant-id TENANT_ID\n +ID del tenant específico a migrar`,
		`  --generate-tokens +Generar tokens para tenants sin tokens`,
		`  --create-profiles +Crear perfiles para usuarios sin perfil`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(help) {
			t.Errorf("no line %q in\n%s", line, help)
		}
	}
	if list := run(t, nil, "manage").stdout; !strings.Contains(list, "\n    generate_tenant_tokens\n") {
		t.Errorf("the app tenants does not list it:\n%s", list)
	}
}

// The tenant "default" is made after the tokens are generated, and its own are
// not counted: the order shows in the figures, too.
func TestR063_R064_R066_R067_WordsAndOrderOfTheDataMigration(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		djangoTenant(t, d, "neither", "", "")
		djangoTenant(t, d, "one of two", "ai_kept", "")
		djangoUser(t, d, "ana")
		djangoUser(t, d, "luis")
		const success, plain = "\x1b[32;1m", "\x1b[0m\n"
		runOn(t, d, "manage", "migrate_tenant_data", "--create-profiles", "--generate-tokens", "--force-color").want(t, 0,
			success+"Tokens generados: 3"+plain+success+"Perfiles creados: 2"+plain+success+"Migrados 3 tenants"+plain)
		runOn(t, d, "manage", "migrate_tenant_data", "--create-profiles", "--generate-tokens").want(t, 0,
			"Tokens generados: 0\nPerfiles creados: 0\nMigrados 3 tenants\n")
		runOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens").want(t, 0, "Tokens generados: 0\nMigrados 3 tenants\n")
		runOn(t, d, "manage", "migrate_tenant_data", "--create-profiles").want(t, 0, "Perfiles creados: 0\nMigrados 3 tenants\n")
	})
}

func TestR065_TenantIDNamesOneTenantAndNoneMeansAll(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		one, two := djangoTenant(t, d, "one", "", ""), djangoTenant(t, d, "two", "", "")
		before := contents(t, d)
		// The seed takes 0 for no id, which would be everybody.
		for _, id := range []string{"0", "-1", "4711", "9223372036854775807"} {
			r := runOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens", "--create-profiles", "--tenant-id="+id)
			if r.want(t, 1, ""); !regexp.MustCompile(`^CommandError: .* id ` + id + `\.\nhint: .+\n$`).MatchString(r.stderr) {
				t.Errorf("--tenant-id=%s: %s", id, r.stderr)
			}
		}
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("refused, yet (-before +after):\n%s", diff)
		}
		runOn(t, d, "manage", "migrate_tenant_data", "--tenant-id", fmt.Sprint(two), "--generate-tokens").want(t, 0, "Tokens generados: 2\nMigrados 1 tenants\n")
		if ai, cwu := tokensOf(t, d, one); ai != "" || cwu != "" {
			t.Error("a tenant that was not named has tokens now")
		}
		if ai, cwu := tokensOf(t, d, two); ai == "" || cwu == "" {
			t.Error("the tenant that was named has no tokens")
		}
		runOn(t, d, "manage", "migrate_tenant_data").want(t, 0, "Migrados 2 tenants\n")
	})
}

// The seed names tenants 0002, beside which 0003 and 0004 would be a second leaf
// and before which there are no profiles: it needs 0004.
func TestR101_DataMigrationWaitsForWhatItDependsOn(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		names := map[string]string{}
		for _, k := range datamigration.Depends() {
			names[k.App] = k.Name
		}
		want := map[string]string{"tenants": "0004_alter_tenantmodel_model", "auth": "0012_alter_user_first_name_max_length"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("dependencies (-want +got):\n%s", diff)
		}
		djangoTenant(t, d, "one", "", "")
		for _, short := range [][]string{{"tenants", "0003"}, {"auth", "0011"}} {
			tenantryOn(t, d, append([]string{"manage", "migrate"}, short...)...)
			before := contents(t, d)
			r := runOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens", "--create-profiles")
			if r.want(t, 1, ""); !regexp.MustCompile(`^CommandError: .+\nhint: .*tenantry migrate.*\n$`).MatchString(r.stderr) {
				t.Errorf("%v: %s", short, r.stderr)
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("%v: refused, yet (-before +after):\n%s", short, diff)
			}
			tenantryOn(t, d, "migrate")
		}
		runOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens").want(t, 0, "Tokens generados: 2\nMigrados 1 tenants\n")
	})
}

// Going back past it takes nothing away: tokens and profiles stay, as they do in
// the seed, which has no reverse_code and can therefore not go back at all.
func TestR102_TokensThenProfilesAndTheyStayWhenMigrationsAreReversed(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		tenant := djangoTenant(t, d, "one", "", "")
		djangoUser(t, d, "ana")
		out := tenantryOn(t, d, "manage", "migrate_tenant_data", "--create-profiles", "--generate-tokens")
		if tokens, profiles := strings.Index(out, "Tokens generados: 2\n"), strings.Index(out, "Perfiles creados: 1\n"); tokens < 0 || profiles < tokens {
			t.Errorf("got %s", out)
		}
		ai, cwu := tokensOf(t, d, tenant)
		tenantryOn(t, d, "manage", "migrate", "tenantry", "zero")
		tenantryOn(t, d, "manage", "migrate", "tenants", "0004")
		tenantryOn(t, d, "manage", "migrate")
		if ai2, cwu2 := tokensOf(t, d, tenant); ai2 != ai || cwu2 != cwu || ai == "" || cwu == "" {
			t.Errorf("%s, %s are now %s, %s", ai, cwu, ai2, cwu2)
		}
		runOn(t, d, "manage", "migrate_tenant_data", "--create-profiles", "--generate-tokens").want(t, 0,
			"Tokens generados: 0\nPerfiles creados: 0\nMigrados 2 tenants\n")
	})
}

func TestR103_R104_R105_ValidationFailsWithTheFirstOfTwoConditions(t *testing.T) {
	t.Parallel()
	complaint := regexp.MustCompile(`(?m)^CommandError: (.*)\nhint: .+\n`)
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		// Every finding is reported, and then the first condition that does not hold.
		fails := func(want string, reported ...string) {
			t.Helper()
			r := runOn(t, d, "manage", "validate_tenant_data")
			found := complaint.FindAllStringSubmatch(r.stderr, -1)
			if r.code != 1 || len(found) != 1 || found[0][1] != want {
				t.Errorf("exit code %d, want 1 and %q:\n%s", r.code, want, r.stderr)
			}
			for _, code := range reported {
				if !strings.Contains(r.stderr, "("+code+")") {
					t.Errorf("%s is not reported:\n%s", code, r.stderr)
				}
			}
		}
		runOn(t, d, "manage", "validate_tenant_data").want(t, 0, "System check identified no issues (0 silenced).\n")
		djangoTenant(t, d, "no ai", "", "cwu_x")
		djangoTenant(t, d, "no cwu", "ai_x", "")
		djangoTenant(t, d, "neither", "", "")
		djangoTenant(t, d, "both", "ai_y", "cwu_y")
		djangoUser(t, d, "ana")
		djangoUser(t, d, "luis")
		fails("Tenants sin tokens: 3", "token.missing", "user.no_profile")
		tenantryOn(t, d, "manage", "generate_tenant_tokens")
		fails("Usuarios sin perfil: 2", "user.no_profile")
		djangoTenant(t, d, "later", "", "cwu_z")
		fails("Tenants sin tokens: 1", "token.missing", "user.no_profile")
		tenantryOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens", "--create-profiles")
		if r := runOn(t, d, "manage", "validate_tenant_data"); r.code != 0 || complaint.MatchString(r.stderr) {
			t.Errorf("everybody has everything, yet exit code %d:\n%s", r.code, r.stderr)
		}
	})
}

// The seed's test_tenant_tokens_creation: what a Django process assigns is what
// is read back, and no command of ours gives the tenant other tokens.
func TestR106_TokensThatAreAssignedStay(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		tenant := djangoTenant(t, d, "Test Tenant", "", "")
		djangoWrites(t, d, `UPDATE tenants_tenantmodel SET ai_token = 'test_ai_token', cwu_token = 'test_cwu_token' WHERE id = ?`, tenant)
		runOn(t, d, "manage", "generate_tenant_tokens").want(t, 0, "Tokens generados: 0\n")
		tenantryOn(t, d, "manage", "migrate_tenant_data", "--generate-tokens", "--create-profiles")
		tenantryOn(t, d, "tenant", "update", "Test Tenant", "--description", "Test tenant", "--model", "gpt-4")
		if ai, cwu := tokensOf(t, d, tenant); ai != "test_ai_token" || cwu != "test_cwu_token" {
			t.Errorf("got %s, %s", ai, cwu)
		}
		if out := tenantryOn(t, d, "tenant", "show", "Test Tenant", "-o", "json"); !strings.Contains(out, `"has_ai_token": true`) || !strings.Contains(out, `"has_cwu_token": true`) {
			t.Errorf("got %s", out)
		}
	})
}

// The seed's test_tenant_model_evolution.
func TestR108_TenantHasNameModelAndBothTokens(t *testing.T) {
	eachTable(t, "tenants_tenantmodel", func(t *testing.T, table catalog.Table) {
		for _, name := range []string{"name", "model", "ai_token", "cwu_token"} {
			if !slices.ContainsFunc(table.Columns, func(c catalog.Column) bool { return c.Name == name }) {
				t.Errorf("no column %s", name)
			}
		}
	})
}
