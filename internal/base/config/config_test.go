package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
)

type settings struct {
	Listen   string `koanf:"listen" default:"127.0.0.1:80" doc:"address"`
	Database struct {
		URL            tenantry.Secret `koanf:"url" secret:"url" doc:"where the data is"`
		OwnerURL       string          `koanf:"owner_url" secret:"url"`
		MaxConnections int             `koanf:"max_connections" default:"10"`
	} `koanf:"database"`
	Mail struct {
		Password tenantry.Secret `koanf:"password"`
		To       []string        `koanf:"to"`
	} `koanf:"mail"`
	Grace   time.Duration `koanf:"grace" default:"30d"`
	Enabled bool          `koanf:"enabled" default:"true"`
	Ignored chan int
}

func TestDefaultsHoldWhenNothingIsSet(t *testing.T) {
	t.Parallel()
	var s settings
	if err := config.Load(&s, config.Sources{}); err != nil {
		t.Fatal(err)
	}
	if s.Listen != "127.0.0.1:80" || s.Database.MaxConnections != 10 || s.Grace != 720*time.Hour || !s.Enabled {
		t.Errorf("got %+v", s)
	}
}

func TestEachSourceGoesOverTheOneBefore(t *testing.T) {
	t.Parallel()
	file := write(t, `
listen = "file"
grace = "2d"
[database]
max_connections = 20
owner_url = "postgres://o:pw@h/db"
`)
	var s settings
	entries, err := config.Describe(&s, config.Sources{
		File:      file,
		EnvPrefix: "APP_",
		Env:       []string{"APP_LISTEN=env", "APP_DATABASE_MAX_CONNECTIONS=30", "APP_MAIL_TO=a@x, b@x", "OTHER=1"},
		Flags:     []config.Given{{Key: "listen", Flag: "--listen", Value: "flag"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "flag" || s.Database.MaxConnections != 30 || s.Grace != 48*time.Hour || !reflect.DeepEqual(s.Mail.To, []string{"a@x", "b@x"}) {
		t.Errorf("got %+v", s)
	}
	want := []config.Entry{
		{Key: "listen", Value: "flag", Source: config.Flag, Where: "--listen", Env: "APP_LISTEN", Doc: "address"},
		{Key: "database.url", Source: config.Default, Env: "APP_DATABASE_URL", Doc: "where the data is"},
		{Key: "database.owner_url", Value: "postgres://o:xxxxx@h/db", Source: config.File, Where: file + ":6", Env: "APP_DATABASE_OWNER_URL"},
		{Key: "database.max_connections", Value: "30", Source: config.Environment, Where: "APP_DATABASE_MAX_CONNECTIONS", Env: "APP_DATABASE_MAX_CONNECTIONS"},
		{Key: "mail.password", Source: config.Default, Env: "APP_MAIL_PASSWORD"},
		{Key: "mail.to", Value: "a@x,b@x", Source: config.Environment, Where: "APP_MAIL_TO", Env: "APP_MAIL_TO"},
		{Key: "grace", Value: "2d", Source: config.File, Where: file + ":3", Env: "APP_GRACE"},
		{Key: "enabled", Value: "true", Source: config.Default, Env: "APP_ENABLED"},
	}
	if d := cmp.Diff(want, entries); d != "" {
		t.Error(d)
	}
}

func TestEveryWayToWriteAFileIsRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"database.max_connections = 7\nmail = { to = [\"a\", \"b\"], password = \"p\" }\nenabled = false",
		"enabled = false\n[mail]\npassword = 'p'\nto = [\n  \"a\", # first\n  \"b\",\n]\n[database]\n\"max_connections\" = 0x7\n",
		"\r\nenabled = false\r\n[database]\r\nmax_connections = 7\r\n[mail]\r\nto = ['a','b']\r\npassword = 'p'\r\n",
	} {
		var s settings
		if err := config.Load(&s, config.Sources{File: write(t, text)}); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if s.Enabled || s.Database.MaxConnections != 7 || s.Mail.Password.Reveal() != "p" || strings.Join(s.Mail.To, ",") != "a,b" {
			t.Errorf("%q: got %+v", text, s)
		}
	}
}

func TestAMistakeIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	const file = "FILE"
	tests := []struct {
		name, file string
		env        string
		flags      []config.Given
		code       string
		params     map[string]any
	}{
		{name: "unknown key in a section", file: "listen = 'x'\n\n[database]\nmax_conections = 3",
			code: "config.unknown_key", params: map[string]any{"key": "database.max_conections", "where": file + ":4", "suggestion": "database.max_connections"}},
		{name: "the first of several", file: "zzz = 1\naaa = 2",
			code: "config.unknown_key", params: map[string]any{"key": "zzz", "where": file + ":1", "suggestion": "grace"}},
		{name: "unknown section, empty", file: "\n[databse]\n",
			code: "config.unknown_key", params: map[string]any{"key": "databse", "where": file + ":2", "suggestion": "database.url"}},
		{name: "unknown key in an inline table", file: "\nmail = { too = ['x'] }",
			code: "config.unknown_key", params: map[string]any{"key": "mail.too", "where": file + ":2", "suggestion": "mail.to"}},
		{name: "unknown array of tables", file: "[[listener]]\na = 1",
			code: "config.unknown_key", params: map[string]any{"key": "listener", "where": file + ":1", "suggestion": "listen"}},
		{name: "unknown variable", env: "APP_DATABASE_OWNERURL=x",
			code: "config.unknown_key", params: map[string]any{"key": "APP_DATABASE_OWNERURL", "where": "env", "suggestion": "APP_DATABASE_OWNER_URL"}},
		{name: "unknown flag", flags: []config.Given{{Key: "listn", Flag: "--listn", Value: "x"}},
			code: "config.unknown_key", params: map[string]any{"key": "listn", "where": "--listn", "suggestion": "listen"}},
		{name: "a section as a value", file: "\ndatabase = 'x'",
			code: "config.bad_value", params: map[string]any{"key": "database", "where": file + ":2", "value": "x", "expected": "[database]"}},
		{name: "a value as a section", file: "[listen]\nport = 1",
			code: "config.unknown_key", params: map[string]any{"key": "listen.port", "where": file + ":2", "suggestion": "listen"}},
		{name: "number in quotes", file: "[database]\nmax_connections = '10'",
			code: "config.bad_value", params: map[string]any{"key": "database.max_connections", "where": file + ":2", "value": "10", "expected": "0, 1, 2, …"}},
		{name: "fraction", file: "database.max_connections = 1.5",
			code: "config.bad_value", params: map[string]any{"key": "database.max_connections", "where": file + ":1", "value": "1.5", "expected": "0, 1, 2, …"}},
		{name: "duration without unit", env: "APP_GRACE=30",
			code: "config.bad_value", params: map[string]any{"key": "grace", "where": "APP_GRACE", "value": "30", "expected": "15s, 12h, 30d, …"}},
		{name: "word for a number", env: "APP_DATABASE_MAX_CONNECTIONS=ten",
			code: "config.bad_value", params: map[string]any{"key": "database.max_connections", "where": "APP_DATABASE_MAX_CONNECTIONS", "value": "ten", "expected": "0, 1, 2, …"}},
		{name: "empty for a yes or no", env: "APP_ENABLED=",
			code: "config.bad_value", params: map[string]any{"key": "enabled", "where": "APP_ENABLED", "value": "", "expected": "true | false"}},
		{name: "mixed list", file: "mail.to = ['a', 1]",
			code: "config.bad_value", params: map[string]any{"key": "mail.to", "where": file + ":1", "value": "[a 1]", "expected": `["…", "…"]`}},
		{name: "a secret of the wrong type is not echoed", file: "mail.password = 123456",
			code: "config.bad_value", params: map[string]any{"key": "mail.password", "where": file + ":1", "value": "[redacted]", "expected": `"…"`}},
		{name: "flag of the wrong type", flags: []config.Given{{Key: "database.max_connections", Flag: "--pool", Value: "1e3"}},
			code: "config.bad_value", params: map[string]any{"key": "database.max_connections", "where": "--pool", "value": "1e3", "expected": "0, 1, 2, …"}},
		{name: "broken line", file: "listen = 'x'\nenabled = maybe\n",
			code: "config.syntax", params: map[string]any{"file": file, "line": 2, "column": 11}},
		{name: "key twice", file: "grace = '1d'\n# a comment\n\nlisten = 'x'\nlisten = 'y'\nenabled = true",
			code: "config.syntax", params: map[string]any{"file": file, "line": 5, "column": 1}},
		{name: "section twice", file: "[mail]\nto = []\n[mail]\nto = []\n",
			code: "config.syntax", params: map[string]any{"file": file, "line": 3, "column": 1}},
		{name: "not text", file: "\x00\x01\xff",
			code: "config.syntax", params: map[string]any{"file": file, "line": 1, "column": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			from := config.Sources{EnvPrefix: "APP_", Flags: tt.flags}
			if tt.file != "" {
				from.File = write(t, tt.file)
			}
			if tt.env != "" {
				from.Env = []string{"APP_LISTEN=x", tt.env}
			}
			e := usageError(t, config.Load(&settings{}, from))
			if e.Code != tt.code {
				t.Fatalf("got %v, want %s", e, tt.code)
			}
			for name, want := range tt.params {
				got := e.Params[name]
				if s, ok := got.(string); ok && from.File != "" {
					got = strings.ReplaceAll(s, from.File, file)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s = %#v, want %#v (%v)", name, got, want, e)
				}
			}
		})
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	missing := filepath.Join(folder, "none.toml")
	huge := write(t, strings.Repeat("# filler\n", 1<<18))
	if err := config.Load(&settings{}, config.Sources{File: missing}); err != nil {
		t.Errorf("an optional file that is missing: %v", err)
	}
	for name, tt := range map[string]struct {
		file, code string
		required   bool
	}{
		"missing but asked for": {missing, "config.not_found", true},
		"a folder":              {folder, "config.unreadable", false},
		"too large":             {huge, "config.unreadable", false},
	} {
		e := usageError(t, config.Load(&settings{}, config.Sources{File: tt.file, FileRequired: tt.required}))
		if e.Code != tt.code || e.Params["file"] != tt.file {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestVariablesThatAreNotSettingsAreLeftAlone(t *testing.T) {
	t.Parallel()
	from := config.Sources{
		EnvPrefix: "APP_", EnvIgnore: []string{"APP_CONFIG", "APP_TEST_*"},
		Env: []string{"APP_CONFIG=x", "APP_TEST_POSTGRES=x", "APPLE_X=1", "PATH=/bin", "APP_", "=C:=x"},
	}
	if e := usageError(t, config.Load(&settings{}, from)); e.Params["key"] != "APP_" {
		t.Errorf("only the bare prefix is a mistake: %v", e)
	}
	from.Env = from.Env[:4]
	if err := config.Load(&settings{}, from); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const canary = "hunter2"
	for url, want := range map[string]string{
		"":                                   "",
		"sqlite:/data/tenantry.db":           "sqlite:/data/tenantry.db",
		"postgres://u@h:5432/db":             "postgres://u@h:5432/db",
		"postgres://u:hunter2@h/db?x=1":      "postgres://u:xxxxx@h/db?x=1",
		"postgres:///db?password=hunter2":    "postgres:///db?password=xxxxx",
		"postgres://u:hunter2#x@h/db":        "[redacted]",
		"postgres://u:12#hunter2@h/db":       "[redacted]",
		"postgres://u:12?hunter2@h/db":       "[redacted]",
		"postgres://u:12/hunter2@h/db":       "[redacted]",
		"postgres:u:hunter2@h/db":            "[redacted]",
		"host=h user=u password=hunter2":     "[redacted]",
		"postgres://u:hunter2%zz@h/db":       "[redacted]",
		"postgres://h/db?a;password=hunter2": "[redacted]",
	} {
		var s settings
		entries, err := config.Describe(&s, config.Sources{EnvPrefix: "APP_", Env: []string{
			"APP_DATABASE_URL=" + url, "APP_DATABASE_OWNER_URL=" + url, "APP_MAIL_PASSWORD=" + canary}})
		if err != nil {
			t.Fatal(err)
		}
		if s.Database.URL.Reveal() != url || s.Database.OwnerURL != url || s.Mail.Password.Reveal() != canary {
			t.Errorf("the program itself must see the value: %q", url)
		}
		for _, e := range entries {
			if strings.Contains(e.Value, canary) {
				t.Errorf("%s shows the secret: %s", e.Key, e.Value)
			}
			if strings.HasPrefix(e.Key, "database.") && strings.HasSuffix(e.Key, "url") && e.Value != want {
				t.Errorf("%s of %q shows %q, want %q", e.Key, url, e.Value, want)
			}
		}
	}
}

type validated struct {
	Low  int `koanf:"low" default:"1"`
	High int `koanf:"high" default:"2"`
}

func (v *validated) Validate() error {
	if v.Low > v.High {
		return tenantry.NewError(tenantry.Usage, "config.bad_value", "key", "low", "value", v.Low, "expected", "≤ high")
	}
	return nil
}

func TestARuleOfTheStructIsAppliedAndPlaced(t *testing.T) {
	t.Parallel()
	e := usageError(t, config.Load(&validated{}, config.Sources{EnvPrefix: "APP_", Env: []string{"APP_LOW=3"}}))
	if e.Params["where"] != "APP_LOW" || e.Params["value"] != 3 {
		t.Errorf("got %v", e)
	}
	e = usageError(t, config.Load(&validated{}, config.Sources{Flags: []config.Given{{Key: "high", Flag: "--high", Value: "0"}}}))
	if e.Params["where"] != "default" {
		t.Errorf("got %v", e)
	}
}

func TestAStructThatCannotBeReadIsADefect(t *testing.T) {
	t.Parallel()
	for name, dst := range map[string]any{
		"not a pointer": settings{},
		"nil":           nil,
		"odd type": &struct {
			X float64 `koanf:"x"`
		}{},
		"bad default": &struct {
			X int `koanf:"x" default:"many"`
		}{},
		"one variable for two keys": &struct {
			A struct {
				B int `koanf:"b" default:"0"`
			} `koanf:"a"`
			AB int `koanf:"a_b" default:"0"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = config.Load(dst, config.Sources{EnvPrefix: "APP_"})
		})
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0s": 0, "15s": 15 * time.Second, "90m": 90 * time.Minute, "12h": 12 * time.Hour,
		"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "250ms": 250 * time.Millisecond,
	} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "1.5d", "1d-1h", "1d+1h", "1d1d", "1d 2h", "200000000d", "106751d24h", "30 d", "1w"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 30 * 24 * time.Hour: "30d", 36 * time.Hour: "1d12h", 90 * time.Minute: "1h30m", time.Minute: "1m", 15 * time.Second: "15s",
	} {
		if got := config.FormatDuration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "d"))
		if back, err := config.ParseDuration(config.FormatDuration(d)); err != nil || back != d {
			t.Fatalf("%d: %q gives %v, %v", d, config.FormatDuration(d), back, err)
		}
	})
}

// FuzzFile holds that whatever stands in a file is either read or refused with
// a Usage error that points into the file and shows no secret.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen = 'x'", "[database]\nmax_connections = 1\n", "[[a]]\n[a.b]\nc=1", "a = {b = {c = 1}}", "x = 1\nx = 2",
		"\"a.b\" = 1\na.b = 2", "mail.to = [1, [2, {x = 3}]]", "[a]\n[a]\n", "listen = \"\"\"\nx\n\"\"\"\ny = 2", "\ufeffa = 1",
		"mail.password = 1979-05-27\n", "= 1", "a.\"\".b = 1", "[ a . b ]\nc = inf",
	} {
		f.Add(seed)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(folder, fmt.Sprintf("%p.toml", &text))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file)
		var s settings
		_, err := config.Describe(&s, config.Sources{File: file})
		if err == nil {
			return
		}
		e := usageError(t, err)
		if line, ok := e.Params["line"].(int); ok && (line < 1 || line > strings.Count(text, "\n")+1) {
			t.Errorf("line %d of %q", line, text)
		}
		if where, ok := e.Params["where"].(string); ok && !strings.HasPrefix(where, file+":") {
			t.Errorf("where = %q", where)
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("LISTEN", "x")
	f.Add("DATABASE_URL", "postgres://u:hunter2@h/db")
	f.Add("GRACE", "9999999999999d")
	f.Add("", "=")
	f.Fuzz(func(t *testing.T, name, value string) {
		var s settings
		_, err := config.Describe(&s, config.Sources{EnvPrefix: "APP_", Env: []string{"APP_" + name + "=" + value}})
		if err != nil {
			usageError(t, err)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	file := filepath.Join(b.TempDir(), "app.toml")
	if err := os.WriteFile(file, []byte("listen = 'x'\n[database]\nmax_connections = 20\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var s settings
		if err := config.Load(&s, config.Sources{File: file, EnvPrefix: "APP_", Env: []string{"APP_GRACE=1d"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func usageError(t *testing.T, err error) *tenantry.Error {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Kind != tenantry.Usage {
		t.Fatalf("want a Usage error, got %v", err)
	}
	return e
}
