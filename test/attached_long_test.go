//go:build long

package test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// Django, attached to a database that Tenantry made, finds its own tables there,
// reads what Tenantry wrote and writes what Tenantry reads.
func TestDjangoAttachesToATenantryDatabase(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		runs(t, d, "migrate")
		runs(t, d, "tenant", "create", "Ñandú & Cía.", "--model", "claude-3-opus", "--description", "línea\ndos", "--max-agents", "7",
			"--configuration", `{"limits": {"deep": "sí", "n": 12345678901}, "list": [true, null, 1.5]}`)
		runs(t, d, "tenant", "suspend", "1", "--reason", "factura impaga")
		runs(t, d, "tenant", "create", "Viña Sur", "--model", "gpt-4")
		input := func(text string, args ...string) {
			t.Helper()
			p := program(d, args...)
			p.Stdin = strings.NewReader(text)
			if out, err := p.CombinedOutput(); err != nil {
				t.Fatalf("tenantry %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
		input("correcto caballo\n", "user", "create", "paula", "--email", "paula@example.com", "--first-name", "Paula", "--tenant", "1", "--password-stdin")
		runs(t, d, "user", "profile", "paula", "--language", "en", "--timezone", "America/Santiago", "--notifications=false", "--tenant-admin", "--permissions", `{"can_create_agents": true}`)

		if out := django(t, d, "manage.py", "migrate", "--plan"); out != "Planned operations:\n  No planned migration operations.\n" {
			t.Errorf("migrate --plan: %s", out)
		}
		if out := django(t, d, "manage.py", "makemigrations", "--check"); out != "No changes detected\n" {
			t.Errorf("makemigrations --check: %s", out)
		}
		attached, err := filepath.Abs("testdata/attached.py")
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Tenants, Users, Profiles []map[string]any
			Found                    int
		}
		if err := json.Unmarshal([]byte(django(t, d, attached)), &read); err != nil {
			t.Fatal(err)
		}

		// What Django read is what Tenantry says.
		var tenants, people struct{ Items []map[string]any }
		decode(t, runs(t, d, "tenant", "list", "--output", "json"), &tenants)
		decode(t, runs(t, d, "user", "list", "--output", "json"), &people)
		if len(read.Tenants) != 2 || len(tenants.Items) != 3 || len(read.Users) != 1 || len(people.Items) != 2 || len(read.Profiles) != 1 {
			t.Fatalf("Django: %+v\nTenantry: %+v %+v", read, tenants, people)
		}
		for i, djangos := range read.Tenants {
			ours := tenants.Items[i]
			sameFields(t, djangos, ours, "name", "description", "model", "configuration", "max_agents")
			sameInstants(t, djangos, ours, "created_at", "updated_at")
			if active := ours["status"] == "active"; djangos["is_active"] != active {
				t.Errorf("tenant %v: is_active %v, status %v", ours["name"], djangos["is_active"], ours["status"])
			}
		}
		if read.Found != 1 {
			t.Errorf("Django finds %d suspended tenants by their configuration, want 1", read.Found)
		}
		sameFields(t, read.Users[0], people.Items[0], "username", "email", "first_name", "is_active", "last_login")
		sameInstants(t, read.Users[0], people.Items[0], "date_joined")
		if read.Users[0]["password"] != true {
			t.Error("Django does not accept the password that Tenantry hashed")
		}
		sameFields(t, read.Profiles[0], people.Items[0]["profile"].(map[string]any), "language", "timezone", "notifications_enabled", "is_tenant_admin", "permissions")

		// What Django wrote, Tenantry reads.
		theirs := tenants.Items[2]
		want := map[string]any{"name": "De Django — ñ 東京", "description": "escrito por Django", "model": "gpt-4", "status": "suspended", "max_agents": 3.0,
			"configuration": map[string]any{"ñ": []any{1.0, 2.5, nil, true}, "b": map[string]any{"c": "東京"}}}
		sameFields(t, want, theirs, "name", "description", "model", "status", "max_agents", "configuration")
		if made, err := time.Parse(time.RFC3339, theirs["created_at"].(string)); err != nil || time.Since(made) > time.Hour || time.Since(made) < -time.Minute {
			t.Errorf("made %v, error %v", made, err)
		}
		want = map[string]any{"is_tenant_admin": true, "notifications_enabled": false, "language": "es", "timezone": "UTC", "permissions": map[string]any{"can_create_agents": true}}
		sameFields(t, want, people.Items[1]["profile"].(map[string]any), "is_tenant_admin", "notifications_enabled", "language", "timezone", "permissions")
		input("otra batería\n", "user", "check-password", "diego", "--stdin")
	})
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func sameFields(t *testing.T, want, got map[string]any, names ...string) {
	t.Helper()
	for _, name := range names {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s of %v:\n%s", name, got["name"], diff)
		}
	}
}

func sameInstants(t *testing.T, want, got map[string]any, names ...string) {
	t.Helper()
	for _, name := range names {
		a, errA := time.Parse(time.RFC3339, want[name].(string))
		b, errB := time.Parse(time.RFC3339, got[name].(string))
		if errA != nil || errB != nil || !a.Equal(b) {
			t.Errorf("%s: %v and %v", name, want[name], got[name])
		}
	}
}

// django runs a script of Django's, or on it, with the apps that Tenantry makes
// the tables of, and returns what it prints.
func django(t *testing.T, d sqldbtest.Database, script string, args ...string) string {
	t.Helper()
	python, err := exec.Command("../scripts/django.sh", "find").Output()
	if err != nil {
		t.Fatal("no Django: run `make django`, or `make test-long`, which does")
	}
	project, err := filepath.Abs("../bench/django")
	if err != nil {
		t.Fatal(err)
	}
	// Django must not leave compiled files beside its sources.
	env := append(os.Environ(), "DJ_ONLY=1", "DJANGO_SETTINGS_MODULE=proj.settings", "PYTHONPATH="+project, "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	if d.Engine == sqldb.SQLite {
		env = append(env, "DJ_DB="+d.URL)
	} else {
		u, err := url.Parse(d.URL)
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, "DJ_DB=pg:"+strings.TrimPrefix(u.Path, "/"))
		for variable, value := range map[string]string{"PGHOST": u.Hostname(), "PGPORT": u.Port(), "PGUSER": u.User.Username()} {
			if q := u.Query().Get(strings.ToLower(strings.TrimPrefix(variable, "PG"))); q != "" {
				value = q
			}
			if value != "" {
				env = append(env, variable+"="+value)
			}
		}
		if password, ok := u.User.Password(); ok {
			env = append(env, "PGPASSWORD="+password)
		}
	}
	p := exec.Command(strings.TrimSpace(string(python)), append([]string{script}, args...)...)
	p.Dir, p.Env = project, env
	var complaints strings.Builder
	p.Stderr = &complaints
	out, err := p.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", script, strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out)
}
