package app_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
)

func TestR112_DefaultModel(t *testing.T) {
	seedSetting(t, "tenants.default_model", "TENANT_SETTINGS DEFAULT_MODEL", "gpt-3.5-turbo", "gpt-4")
}
func TestR113_MaxAgentsPerTenant(t *testing.T) {
	seedSetting(t, "tenants.max_agents_per_tenant", "TENANT_SETTINGS MAX_AGENTS_PER_TENANT", "50", "7")
}
func TestR114_MaxDocumentsPerTenant(t *testing.T) {
	seedSetting(t, "tenants.max_documents_per_tenant", "TENANT_SETTINGS MAX_DOCUMENTS_PER_TENANT", "10000", "7")
}
func TestR115_MaxStoragePerTenant(t *testing.T) {
	seedSetting(t, "tenants.max_storage_mb_per_tenant", "TENANT_SETTINGS MAX_STORAGE_MB_PER_TENANT", "10000", "7")
}
func TestR116_TokenExpiryDays(t *testing.T) {
	seedSetting(t, "tokens.expiry_days", "TENANT_SETTINGS TOKEN_EXPIRY_DAYS", "365", "100")
}
func TestR117_EnableTenantIsolation(t *testing.T) {
	seedSetting(t, "tenants.enable_tenant_isolation", "TENANT_SETTINGS ENABLE_TENANT_ISOLATION", "true", "false")
}
func TestR118_AllowTenantRegistration(t *testing.T) {
	seedSetting(t, "tenants.allow_tenant_registration", "TENANT_SETTINGS ALLOW_TENANT_REGISTRATION", "false", "true")
}
func TestR119_RequireTenantApproval(t *testing.T) {
	seedSetting(t, "tenants.require_tenant_approval", "TENANT_SETTINGS REQUIRE_TENANT_APPROVAL", "true", "false")
}
func TestR120_AITokenPrefix(t *testing.T) {
	seedSetting(t, "tokens.ai_prefix", "TOKEN_SETTINGS AI_TOKEN_PREFIX", "ai_", "k_")
}
func TestR121_CWUTokenPrefix(t *testing.T) {
	seedSetting(t, "tokens.cwu_prefix", "TOKEN_SETTINGS CWU_TOKEN_PREFIX", "cwu_", "k_")
}
func TestR122_TokenLength(t *testing.T) {
	seedSetting(t, "tokens.length", "TOKEN_SETTINGS TOKEN_LENGTH", "32", "48")
}
func TestR123_EncryptTokens(t *testing.T) {
	seedSetting(t, "tokens.encrypt", "TOKEN_SETTINGS ENCRYPT_TOKENS", "true", "false")
}
func TestR124_RotateTokensDays(t *testing.T) {
	seedSetting(t, "tokens.rotate_days", "TOKEN_SETTINGS ROTATE_TOKENS_DAYS", "90", "30")
}

// seedSetting holds that a setting has the seed's default, names the seed's
// setting, and can be set.
func seedSetting(t *testing.T, key, seedName, preset, other string) {
	t.Helper()
	t.Parallel()
	e := entry(t, key)
	if e.Value != preset || e.Source != config.Default || !strings.HasSuffix(e.Doc, "("+seedName+")") {
		t.Errorf("got %+v", e)
	}
	variable := "TENANTRY_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	if e := entry(t, key, variable+"="+other); e.Value != other || e.Source != config.Environment {
		t.Errorf("got %+v", e)
	}
}

func entry(t *testing.T, key string, env ...string) config.Entry {
	t.Helper()
	var s app.Settings
	entries, err := config.Describe(&s, app.Sources("", env, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Key == key {
			return e
		}
	}
	t.Fatalf("no setting %s", key)
	return config.Entry{}
}

func TestDefaultsOfWhatTheSeedDoesNotName(t *testing.T) {
	t.Parallel()
	s := load(t)
	got := map[string]any{
		"data_dir": s.DataDir, "listen": s.Listen, "lang": s.Lang, "operations.listen": s.Operations.Listen,
		"database.url": s.Database.URL.Reveal(), "database.max_connections": s.Database.MaxConnections,
		"log": s.Log, "level": s.Log.SlogLevel(), "security": s.SecurityLog(), "access": s.AccessLog(),
		"tenants.delete_grace": s.Tenants.DeleteGrace, "passwords.iterations": s.Passwords.Iterations,
		"migrations.lease": s.Migrations.Lease, "migrations.lock_timeout": s.Migrations.LockTimeout, "migrations.dir": s.Migrations.Dir,
		"migrations.dev_database": s.Migrations.DevDatabase.Reveal(),
	}
	want := map[string]any{
		"data_dir": "tenantry-data", "listen": "127.0.0.1:8080", "lang": "", "operations.listen": "127.0.0.1:8081",
		"database.url": "", "database.max_connections": 10,
		"log": app.LogSettings{Level: "info", Format: "json"}, "level": slog.LevelInfo,
		"security":             filepath.Join("tenantry-data", "logs", "security.log"),
		"access":               filepath.Join("tenantry-data", "logs", "audit.log"),
		"tenants.delete_grace": 30 * 24 * time.Hour, "passwords.iterations": 600000,
		"migrations.lease": 15 * time.Second, "migrations.lock_timeout": 5 * time.Second, "migrations.dir": "",
		"migrations.dev_database": "",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	var s app.Settings
	entries, err := config.Describe(&s, app.Sources("", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Doc == "" || strings.Contains(e.Doc, "\n") || len(e.Doc) > 110 {
			t.Errorf("%s: %q", e.Key, e.Doc)
		}
	}
}

func TestSettingsThatMakeSense(t *testing.T) {
	t.Parallel()
	s := load(t, "TENANTRY_DATABASE_URL=sqlite:/data/x.db", "TENANTRY_LISTEN=[::1]:0", "TENANTRY_OPERATIONS_LISTEN=[::1]:0",
		"TENANTRY_LANG=es_CL.UTF-8", "TENANTRY_LOG_LEVEL=debug", "TENANTRY_LOG_SECURITY_FILE=/var/log/s", "TENANTRY_LOG_AUDIT_FILE=/var/log/a",
		"TENANTRY_TENANTS_ENABLE_TENANT_ISOLATION=false", "TENANTRY_TENANTS_DELETE_GRACE=0s", "TENANTRY_DATABASE_OWNER_URL=postgresql://o@h/d")
	if s.Log.SlogLevel() != slog.LevelDebug || s.SecurityLog() != "/var/log/s" || s.AccessLog() != "/var/log/a" {
		t.Errorf("got %+v", s)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for key, values := range map[string][]string{
		"data_dir":                          {""},
		"listen":                            {"", "8080", "localhost", "localhost:http", "h:65536", "h:-1", "127.0.0.1:8081"},
		"operations.listen":                 {"", ":x", "127.0.0.1:8080"},
		"lang":                              {"de", "klingon"},
		"database.url":                      {"mysql://u:hunter2@h/d", "hunter2", "sqlite:", "host=h password=hunter2"},
		"database.owner_url":                {"sqlite:/x", "hunter2"},
		"database.direct_url":               {"sqlite:/x"},
		"database.max_connections":          {"0", "-1", "10001"},
		"log.level":                         {"", "loud"},
		"log.format":                        {"", "xml"},
		"log.audit_file":                    {filepath.Join("tenantry-data", "logs", "security.log")},
		"tenants.default_model":             {"", strings.Repeat("m", 101)},
		"tenants.max_agents_per_tenant":     {"-1", "2147483648"},
		"tenants.max_documents_per_tenant":  {"-1"},
		"tenants.max_storage_mb_per_tenant": {"-1"},
		"tenants.delete_grace":              {"-1s"},
		"tokens.expiry_days":                {"0"},
		"tokens.rotate_days":                {"0", "366"},
		"tokens.ai_prefix":                  {"", "ai", "a i_", "ñ_", strings.Repeat("a", 16) + "_"},
		"tokens.cwu_prefix":                 {"", "ai_"},
		"tokens.length":                     {"15", "97"},
		"passwords.iterations":              {"0", "999"},
		"migrations.lease":                  {"0s", "999ms"},
		"migrations.lock_timeout":           {"0s"},
	} {
		for _, value := range values {
			variable := "TENANTRY_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
			e := refused(t, variable+"="+value)
			// The two addresses clash in either order; the second is named.
			if e.Params["key"] != key && !(key == "listen" && value == "127.0.0.1:8081") || e.Params["expected"] == "" || e.Params["where"] == "" {
				t.Errorf("%s=%q: %v", key, value, e)
			}
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("%s shows a secret: %v", key, e)
			}
		}
	}
}

func TestR117_IsolationCannotBeTurnedOffOnPostgreSQL(t *testing.T) {
	t.Parallel()
	e := refused(t, "TENANTRY_TENANTS_ENABLE_TENANT_ISOLATION=false", "TENANTRY_DATABASE_URL=postgres://u@h/d")
	if e.Params["key"] != "tenants.enable_tenant_isolation" || e.Params["where"] != "TENANTRY_TENANTS_ENABLE_TENANT_ISOLATION" {
		t.Errorf("got %v", e)
	}
}

func TestTheFileIsFoundByFlagThenVariableThenName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	byFlag, byVariable := filepath.Join(folder, "flag.toml"), filepath.Join(folder, "variable.toml")
	for file, text := range map[string]string{byFlag: "data_dir = 'flag'", byVariable: "data_dir = 'variable'"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variable := "TENANTRY_CONFIG=" + byVariable
	for _, tt := range []struct {
		file string
		env  []string
		want string
	}{
		{byFlag, []string{variable}, "flag"},
		{"", []string{variable}, "variable"},
		{"", []string{"TENANTRY_CONFIG="}, "tenantry-data"},
		{"", nil, "tenantry-data"},
	} {
		var s app.Settings
		if err := config.Load(&s, app.Sources(tt.file, tt.env, nil)); err != nil || s.DataDir != tt.want {
			t.Errorf("%+v: %q, %v", tt, s.DataDir, err)
		}
	}
	if from := app.Sources("", nil, nil); from.File != "tenantry.toml" || from.FileRequired {
		t.Errorf("got %+v", from)
	}
	var e *tenantry.Error
	err := config.Load(&app.Settings{}, app.Sources("", []string{"TENANTRY_CONFIG=" + filepath.Join(folder, "none")}, nil))
	if !errors.As(err, &e) || e.Code != "config.not_found" {
		t.Errorf("a file named and missing: %v", err)
	}
}

func TestVariablesOfTheSurroundingsAreNoSettings(t *testing.T) {
	t.Parallel()
	load(t, "TENANTRY_TEST_POSTGRES=x", "TENANTRY_SERVICE_HOST=10.0.0.1", "TENANTRY_SERVICE_PORT_HTTP=80", "TENANTRY_PORT=tcp://10.0.0.1:80", "TENANTRY_PORT_80_TCP_ADDR=10.0.0.1")
	var e *tenantry.Error
	err := config.Load(&app.Settings{}, app.Sources("", []string{"TENANTRY_DATABSE_URL=x"}, nil))
	if !errors.As(err, &e) || e.Code != "config.unknown_key" || e.Params["suggestion"] != "TENANTRY_DATABASE_URL" {
		t.Errorf("got %v", err)
	}
}

func load(t *testing.T, env ...string) app.Settings {
	t.Helper()
	var s app.Settings
	if err := config.Load(&s, app.Sources("", env, nil)); err != nil {
		t.Fatal(err)
	}
	return s
}

func refused(t *testing.T, env ...string) *tenantry.Error {
	t.Helper()
	var e *tenantry.Error
	err := config.Load(&app.Settings{}, app.Sources("", env, nil))
	if !errors.As(err, &e) || e.Kind != tenantry.Usage || e.Code != "config.bad_value" {
		t.Fatalf("%q: want a Usage error, got %v", env, err)
	}
	return e
}

// BenchmarkSettings is a part of the start of every command.
func BenchmarkSettings(b *testing.B) {
	for b.Loop() {
		var s app.Settings
		if err := config.Load(&s, app.Sources("", []string{"TENANTRY_LISTEN=:1", "TENANTRY_LANG=es"}, nil)); err != nil {
			b.Fatal(err)
		}
	}
}
