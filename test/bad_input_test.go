package test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// What nobody meant to give the program: it says in one line what is wrong and in
// another what to do, and has changed nothing.

// complains fails unless the run ended with a code, one line about something and
// one hint, and printed nothing else.
func (r ran) complains(t testing.TB, code int, about string) {
	t.Helper()
	form := regexp.MustCompile(`^tenantry: [^\n]*` + about + `[^\n]*\nhint: [^\n]+\n$`)
	if r.code != code || r.stdout != "" || !form.MatchString(r.stderr) {
		t.Errorf("exit code %d, want %d and a line about %s; it printed\n%.2000s\nand complained\n%.2000s", r.code, code, about, r.stdout, r.stderr)
	}
	if len(r.stderr) > 4000 {
		t.Errorf("a complaint of %d bytes is for nobody", len(r.stderr))
	}
}

// anyPort is for a server that would start if nothing kept it from it.
var anyPort = []string{"--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"}

var (
	toList    = []string{"tenant", "list"}
	toMigrate = []string{"migrate"}
	toAdopt   = []string{"adopt", "--yes"}
	toServe   = append([]string{"serve"}, anyPort...)
)

// folder is what stands in a folder: the bytes of each file, "/" of a folder.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			all[path] = "/"
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDatabaseFilesThatAreNone(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/django/small_dj42.sqlite3")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		make     func(path string) error
		about    string
		commands [][]string
	}{
		"missing":      {func(string) error { return nil }, "There is no database file", [][]string{toList, toAdopt, {"adopt"}, append(slices.Clone(toServe), "--no-migrate")}},
		"a folder":     {func(path string) error { return os.Mkdir(path, 0o700) }, "cannot be read", [][]string{toList, toMigrate, toAdopt, toServe}},
		"cut off":      {func(path string) error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) }, "is cut off", [][]string{toList, toMigrate, toAdopt, toServe}},
		"only a start": {func(path string) error { return os.WriteFile(path, whole[:50], 0o600) }, "is not an SQLite database", [][]string{toList, toMigrate, toAdopt, toServe}},
		"a text":       {func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("id,name\n", 50)), 0o600) }, "is not an SQLite database", [][]string{toList, toMigrate, toAdopt, toServe}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "platform.sqlite3")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			before := folder(t, dir)
			for _, command := range test.commands {
				run(t, nil, append(slices.Clone(command), "--database", "sqlite:"+path)...).complains(t, 1, test.about)
			}
			if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
				t.Errorf("refused, yet (-before +after):\n%s", diff)
			}
		})
	}
}

func TestDatabaseFileInAFolderThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "nowhere", "x.sqlite3")
	run(t, nil, "migrate", "--database", "sqlite:"+missing).complains(t, 1, "There is no folder")
	run(t, nil, append(slices.Clone(toServe), "--database", "sqlite:"+missing)...).complains(t, 1, "There is no folder")
	run(t, nil, "tenant", "list", "--database", "sqlite:"+missing).complains(t, 1, "There is no database file")
	if found := folder(t, dir); len(found) != 1 {
		t.Errorf("refused, yet there is %v", found)
	}
}

func TestDatabaseOfANewerTenantry(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		djangoWrites(t, d, `INSERT INTO django_migrations (app, name, applied) VALUES ('tenantry', '0099_of_the_future', ?)`, longAgo)
		before := contents(t, d)
		for _, command := range [][]string{toList, toMigrate, toAdopt, toServe, {"migrate", "tenants", "0004"}, {"migrate", "--dry-run"}, {"tenant", "create", "Late"}} {
			runOn(t, d, command...).complains(t, 1, `A newer tenantry migrated this database.* tenantry\.0099_of_the_future`)
		}
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("refused, yet (-before +after):\n%s", diff)
		}
	})
}

func TestDjangoHistoryWithAGap(t *testing.T) {
	t.Parallel()
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			d := smallDjango(t, engine, "42")
			djangoWrites(t, d, `DELETE FROM django_migrations WHERE app = 'tenants' AND name = '0003_userprofile'`)
			before := contents(t, d)
			for _, command := range [][]string{toList, toMigrate, toAdopt, toServe, {"adopt"}, {"migrate", "--plan"}, {"migrate", "--check"}} {
				run(t, asOwner(d), command...).complains(t, 1, `tenants\.0004_alter_tenantmodel_model is applied before its dependency tenants\.0003_userprofile`)
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("refused, yet (-before +after):\n%s", diff)
			}
		})
	}
}

// Root may write everywhere, so a file stands where the folder should be.
func TestFoldersThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := folder(t, dir)
	for _, place := range []string{file, filepath.Join(file, "below")} {
		for _, command := range [][]string{toMigrate, toServe} {
			run(t, nil, append(slices.Clone(command), "--data-dir", place)...).complains(t, 1, "The data folder "+regexp.QuoteMeta(place)+" cannot be written")
		}
	}
	run(t, nil, "tenant", "list", "--data-dir", file).complains(t, 1, "The database file .* cannot be read")
	run(t, nil, "migrate", "--database", "sqlite:"+filepath.Join(file, "x.sqlite3")).complains(t, 1, "The database file .* cannot be read")
	if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
		t.Errorf("refused, yet (-before +after):\n%s", diff)
	}
	// The database is not migrated for a server that cannot write its logs.
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		for _, variable := range []string{"TENANTRY_LOG_SECURITY_FILE", "TENANTRY_LOG_AUDIT_FILE"} {
			run(t, []string{"TENANTRY_DATABASE_URL=" + d.URL, variable + "=" + filepath.Join(file, "x.log")}, toServe...).complains(t, 1, "The log file .* cannot be written")
		}
		empty(t, d)
	})
}

// empty wants a database in which nothing was ever made.
func empty(t testing.TB, d sqldbtest.Database) {
	t.Helper()
	if d.Engine == sqldb.SQLite {
		if _, err := os.Stat(strings.TrimPrefix(d.URL, "sqlite:")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the database file is there: %v", err)
		}
	} else if found := contents(t, d); len(found) != 0 {
		t.Errorf("the database has tables: %v", found)
	}
}

func TestPortsInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	address := taken.Addr().String()
	for name, flags := range map[string][]string{
		"listen":            {"--listen", address, "--operations-listen", "127.0.0.1:0"},
		"operations.listen": {"--listen", "127.0.0.1:0", "--operations-listen", address},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			for _, demo := range [][]string{{"serve"}, {"serve", "--demo"}} {
				run(t, nil, slices.Concat(demo, flags, []string{"--data-dir", data})...).complains(t, 1, "Another program listens on "+address)
			}
			if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the data folder is there: %v", err)
			}
		})
	}
	run(t, nil, "serve", "--listen", address, "--operations-listen", address).complains(t, 2, "operations.listen cannot be")
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		runOn(t, d, "serve", "--listen", "127.0.0.1:0", "--operations-listen", address).complains(t, 1, "Another program listens on "+address)
		empty(t, d)
	})
}

func TestPostgresThatIsDown(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := gone.Addr().String()
	gone.Close()
	for _, at := range []string{"postgres://ana:hunter2@" + address + "/platform", "postgres:///platform?user=ana&password=hunter2&host=" + url.QueryEscape(t.TempDir())} {
		for _, command := range [][]string{toList, toMigrate, toAdopt, toServe} {
			r := run(t, nil, append(slices.Clone(command), "--database", at)...)
			if r.complains(t, 1, "The database server at .* cannot be reached"); strings.Contains(r.stderr, "hunter2") {
				t.Errorf("the password is shown: %s", r.stderr)
			}
		}
	}
}

func TestPostgresWithTheWrongRoleOrDatabase(t *testing.T) {
	t.Parallel()
	d := seeded.Copy(t, sqldb.Postgres)
	as := func(change func(u *url.URL, q url.Values)) string {
		u, err := url.Parse(d.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	role := strings.TrimPrefix(mustParse(t, d.URL).Path, "/") + "_without_rights"
	makeRole(t, d, role)
	before := contents(t, d)
	for _, wrong := range []struct{ url, about string }{
		{as(func(_ *url.URL, q url.Values) { q.Set("user", "nobody_of_this_name") }), `refused the role or its password: .*nobody_of_this_name`},
		{as(func(u *url.URL, _ url.Values) { u.Path = "/no_database_of_this_name" }), `has no such database: .*no_database_of_this_name`},
		{as(func(_ *url.URL, q url.Values) { q.Set("user", role) }), `The database role may not do this: .*`},
	} {
		for _, command := range [][]string{toList, toMigrate, toAdopt, toServe, {"tenant", "create", "Wrong"}} {
			run(t, nil, append(slices.Clone(command), "--database", wrong.url)...).complains(t, 1, wrong.about)
		}
	}
	if diff := cmp.Diff(before, contents(t, d)); diff != "" {
		t.Errorf("refused, yet (-before +after):\n%s", diff)
	}
}

func mustParse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// makeRole makes a role that may sign in and nothing else, with the password of
// the database's URL if it has one, for as long as the test runs: roles belong
// to the whole server.
func makeRole(t testing.TB, d sqldbtest.Database, role string) {
	t.Helper()
	db := d.Owner(t)
	do := func(statement string) error {
		return db.Write(context.Background(), func(tx *sqldb.Tx) error {
			_, err := tx.Raw(context.Background(), statement)
			return err
		})
	}
	password := "NULL"
	if given, ok := mustParse(t, d.URL).User.Password(); ok {
		password = "'" + strings.ReplaceAll(given, "'", "''") + "'"
	}
	if err := do(`CREATE ROLE ` + role + ` LOGIN PASSWORD ` + password); err != nil {
		t.Fatalf("the role of TENANTRY_TEST_POSTGRES must be allowed to make roles: %v", err)
	}
	t.Cleanup(func() {
		if err := do(`DROP ROLE ` + role); err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsThatDoNotExist(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	misspelt := filepath.Join(dir, "misspelt.toml")
	if err := os.WriteFile(misspelt, []byte("listen = '127.0.0.1:0'\n[database]\nulr = 'sqlite:x'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := folder(t, dir)
	data := "TENANTRY_DATA_DIR=" + filepath.Join(dir, "data")
	for _, command := range [][]string{toList, toMigrate, toAdopt, {"serve"}, {"config", "show"}} {
		run(t, []string{data, "TENANTRY_DATABSE_URL=sqlite:x"}, command...).complains(t, 2, `no setting TENANTRY_DATABSE_URL`)
		run(t, []string{data, "TENANTRY_CONFIG=" + misspelt}, command...).complains(t, 2, `misspelt\.toml:3: there is no setting database\.ulr`)
		run(t, []string{data}, append(slices.Clone(command), "--config", misspelt)...).complains(t, 2, `misspelt\.toml:3: there is no setting database\.ulr`)
		run(t, []string{data}, append(slices.Clone(command), "--config", dir)...).complains(t, 2, `cannot be read`)
		run(t, []string{data}, append(slices.Clone(command), "--config", misspelt+"x")...).complains(t, 2, `There is no configuration file`)
	}
	// manage has Django's word for an error.
	for about, r := range map[string]ran{
		"TENANTRY_DATABSE_URL": run(t, []string{data, "TENANTRY_DATABSE_URL=sqlite:x"}, "manage", "migrate"),
		`misspelt\.toml:3:`:    run(t, []string{data}, "--config", misspelt, "manage", "migrate"),
	} {
		if r.code != 2 || r.stdout != "" || !regexp.MustCompile(`^CommandError: .*`+about+`.*\nhint: .+\n$`).MatchString(r.stderr) {
			t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
		t.Errorf("refused, yet (-before +after):\n%s", diff)
	}
}

// A flag is named as it is typed, not as its key would be.
func TestSettingsNameTheFlagThatSetThem(t *testing.T) {
	t.Parallel()
	run(t, nil, "config", "show", "--database", "nonsense").complains(t, 2, `--database: database\.url cannot be`)
	run(t, nil, "serve", "--listen", "nonsense").complains(t, 2, `--listen: listen cannot be`)
	run(t, nil, "serve", "--operations-listen", "nonsense").complains(t, 2, `--operations-listen: operations\.listen cannot be`)
	var entries []struct{ Key, Where string }
	shown := run(t, nil, "config", "show", "--database", "sqlite:x", "--data-dir", "y", "--output", "json")
	if err := json.Unmarshal([]byte(shown.stdout), &entries); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		if e.Where != "" {
			got[e.Key] = e.Where
		}
	}
	if diff := cmp.Diff(map[string]string{"database.url": "--database", "data_dir": "--data-dir"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Whatever is named can be typed.
	help := run(t, nil, "serve", "--help").stdout
	for _, flag := range []string{"--database", "--data-dir", "--listen", "--operations-listen"} {
		if !strings.Contains(help, flag+" ") {
			t.Errorf("%s is not in the help of serve:\n%s", flag, help)
		}
	}
}

// longest is the longest argument that Linux passes on: 128 KiB with the byte
// that ends it.
var longest = strings.Repeat("x", 128<<10-1)

func TestLongestArguments(t *testing.T) {
	t.Parallel()
	id := "tnt_" + longest[4:]
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		createTenant(t, d, "Acme", "--admin", "ana")
		before := contents(t, d)
		for _, test := range []struct {
			args  []string
			code  int
			about string
		}{
			{[]string{"tenant", "create", longest}, 1, "name: It must have at most 255 characters"},
			{[]string{"tenant", "show", longest}, 1, "no such tenant"},
			{[]string{"tenant", "show", id}, 1, "is not an id"},
			{[]string{"tenant", "update", "Acme", "--name", longest}, 1, "name: It must have at most 255 characters"},
			{[]string{"tenant", "update", "Acme", "--description", longest}, 1, "description: It must have at most"},
			{[]string{"tenant", "update", "Acme", "--model", longest}, 1, "has no model"},
			{[]string{"tenant", "update", "Acme", "--configuration", longest}, 1, "configuration: It must be a JSON object"},
			{[]string{"tenant", "suspend", "Acme", "--reason", longest}, 1, "A reason is needed"},
			{[]string{"tenant", "delete", longest, "--yes"}, 1, "no such tenant"},
			{[]string{"tenant", "list", "--cursor", longest}, 1, "cursor"},
			{[]string{"tenant", "list", "--status", longest}, 1, "status: It must be one of"},
			{[]string{"user", "create", longest}, 1, "username: It must have at most 150 characters"},
			{[]string{"user", "show", longest}, 1, "no such user"},
			{[]string{"user", "show", "usr_" + longest[4:]}, 1, "is not an id"},
			{[]string{"user", "create", "luis", "--tenant", longest}, 1, "no such tenant"},
			{[]string{"operator", "create", longest}, 1, "name: It must have at most"},
			{[]string{"operator", "revoke", longest}, 1, "no such operator"},
			{[]string{"migrate", longest}, 1, "No installed app"},
			{[]string{"migrate", "tenants", longest}, 1, "Cannot find a migration"},
			{[]string{"tenant", "list", "--database", longest}, 2, "--database: database.url cannot be"},
			{[]string{"tenant", "list", "--database", "sqlite:" + longest[7:]}, 1, "The database file"},
			{[]string{"tenant", "list", "--limit", longest}, 2, "Wrong use of a flag"},
			{[]string{"tenant", "list", "--config", longest}, 2, "cannot be read"},
			{[]string{"tenant", longest}, 2, "There is no command"},
			{[]string{longest}, 2, "There is no command"},
			{[]string{"--" + longest[2:]}, 2, "Wrong use of a flag"},
		} {
			runOn(t, d, test.args...).complains(t, test.code, test.about)
		}
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("refused, yet (-before +after):\n%s", diff)
		}
	})
}

// Over HTTP nothing limits what comes but the program.
func TestTenMegabytesOverHTTP(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 10<<20)
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		createTenant(t, d, "Acme")
		var operator struct{ Key string }
		if err := json.Unmarshal([]byte(runOn(t, d, "operator", "create", "ana", "-o", "json").stdout), &operator); err != nil || operator.Key == "" {
			t.Fatal(err)
		}
		address := serving(t, d)
		// ask returns 0 for a request that the server would not even read.
		ask := func(method, path, body string, headers ...string) int {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+operator.Key)
			r.Header.Set("Content-Type", "application/json")
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				return 0
			}
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode
		}
		if got := ask("GET", "/v1/tenants", ""); got != 200 { // this also notes when the key was used
			t.Fatalf("got %d", got)
		}
		before := contents(t, d)
		for name, got := range map[string]int{
			"name":          ask("POST", "/v1/tenants", `{"name":"`+huge+`"}`),
			"key":           ask("POST", "/v1/tenants", `{"`+huge+`":1}`),
			"nesting":       ask("POST", "/v1/tenants", strings.Repeat(`{"a":`, 2<<20)),
			"configuration": ask("POST", "/v1/tenants", `{"name":"x","configuration":{"a":"`+huge+`"}}`),
		} {
			if got != 413 && got != 0 {
				t.Errorf("%s in a body: %d, want 413", name, got)
			}
		}
		for name, got := range map[string]int{
			"id":     ask("GET", "/v1/tenants/"+huge, ""),
			"query":  ask("GET", "/v1/tenants?search="+huge, ""),
			"cursor": ask("GET", "/v1/tenants?cursor="+huge, ""),
			"header": ask("POST", "/v1/tenants", `{"name":"x"}`, "Idempotency-Key", huge),
			"secret": ask("GET", "/v1/tenants", "", "Authorization", "Bearer "+huge),
		} {
			if got != 431 && got != 0 {
				t.Errorf("%s in a head: %d, want 431", name, got)
			}
		}
		if got := ask("GET", "/v1/tenants", ""); got != 200 {
			t.Errorf("afterwards: %d, want 200", got)
		}
		if diff := cmp.Diff(withoutLastUse(before), withoutLastUse(contents(t, d))); diff != "" {
			t.Errorf("refused, yet (-before +after):\n%s", diff)
		}
	})
}

// withoutLastUse leaves out the operators, whose rows say when their key was
// last used.
func withoutLastUse(all []string) []string {
	return slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "tenantry_operator ") })
}

// serving starts the program as a server, which the end of the test stops, and
// returns where it answers.
func serving(t testing.TB, d sqldbtest.Database) (address string) {
	t.Helper()
	p := command(t, variablesOf(d), append(slices.Clone(toServe), "--output", "json")...)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(os.Interrupt)
		_ = p.Wait()
	})
	var told struct{ Address string }
	if err := json.NewDecoder(out).Decode(&told); err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return told.Address
}
