package logs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/logs"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("Santiago", -3*3600))

const canary = "ai_canary_0123456789abcdefghij"

func TestR125_SecurityChannelAtInfoInItsOwnFileOnly(t *testing.T) {
	channelIsAlone(t, "tenants.security")
}
func TestR126_AccessChannelAtInfoInItsOwnFileOnly(t *testing.T) { channelIsAlone(t, "tenants.access") }

func channelIsAlone(t *testing.T, name string) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "channel.log")
	other := filepath.Join(t.TempDir(), "other.log")
	var main bytes.Buffer
	l := open(t, logs.Options{Output: &main, Level: slog.LevelDebug, Channels: map[string]string{name: file, "other": other}})
	c := l.Channel(name)
	c.Info("token used", "tenant", 7)
	c.Debug("too fine")
	c.WithGroup("request").With("id", "r1").Warn("denied", "why", "line\nbreak")
	l.Main().Info("of the program")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, file)
	if len(got) != 2 || got[0]["msg"] != "token used" || got[0]["tenant"] != 7.0 || got[0]["level"] != "INFO" ||
		got[0]["channel"] != name || got[0]["time"] != "2026-11-24T15:00:00Z" {
		t.Errorf("got %v", got)
	}
	if fmt.Sprint(got[1]["request"]) != "map[id:r1 why:line\nbreak]" || got[1]["time"] != "2026-11-24T15:00:00Z" {
		t.Errorf("got %v", got[1])
	}
	if s := main.String(); strings.Contains(s, "denied") || strings.Contains(s, "token used") || !strings.Contains(s, "of the program") {
		t.Errorf("main log: %s", s)
	}
	if got := lines(t, other); len(got) != 0 {
		t.Errorf("the other channel: %v", got)
	}
	if mode := stat(t, file).Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %v", mode)
	}
}

func TestR127_BothChannelsKeepWhatWasThere(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	channels := map[string]string{"tenants.security": filepath.Join(folder, "security.log"), "tenants.access": filepath.Join(folder, "audit.log")}
	for range 2 {
		l := open(t, logs.Options{Output: &bytes.Buffer{}, Channels: channels})
		for name := range channels {
			l.Channel(name).Info("seen")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range channels {
		if got := lines(t, file); len(got) != 2 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestASecretIsRedactedInEveryLog(t *testing.T) {
	t.Parallel()
	for _, text := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "c.log")
		var main bytes.Buffer
		l := open(t, logs.Options{Output: &main, Text: text, Channels: map[string]string{"c": file}})
		secret := tenantry.NewSecret(canary)
		holder := struct {
			Name  string
			Token tenantry.Secret
		}{"x", secret}
		failure := tenantry.NewError(tenantry.Invalid, "token.bad", "token", secret).Because(fmt.Errorf("with %v", secret))
		for _, log := range []*slog.Logger{l.Main(), l.Channel("c")} {
			log.With("bound", secret).WithGroup("g").Info(fmt.Sprintf("%v %+v", secret, holder),
				"plain", secret, "pointer", &secret, "struct", holder, "list", []tenantry.Secret{secret},
				"map", map[string]any{"token": secret}, "error", failure, slog.Group("deep", "token", secret))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]string{"main": main.String(), "channel": read(t, file)} {
			if strings.Contains(got, canary) || strings.Count(got, "[redacted]") < 10 {
				t.Errorf("%s, text=%v: %s", name, text, got)
			}
		}
	}
}

func TestLevelAndFormOfTheMainLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := open(t, logs.Options{Output: &out, Level: slog.LevelWarn, Text: true})
	l.Main().Info("quiet")
	l.Main().Warn("loud", "n", 1)
	if got := out.String(); got != "time=2026-11-24T15:00:00.000Z level=WARN msg=loud n=1\n" {
		t.Errorf("got %q", got)
	}
}

func TestFilesRotateWithoutLosingALine(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	l := open(t, logs.Options{Output: &bytes.Buffer{}, MaxMegabytes: 1, MaxBackups: 100, Channels: map[string]string{"c": filepath.Join(folder, "c.log")}})
	const writers, each = 4, 300
	padding := strings.Repeat("x", 2000)
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for range each {
				l.Channel("c").Info("line", "padding", padding)
			}
		})
	}
	wait.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "c*.log"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, f := range files {
		total += len(lines(t, f))
	}
	if len(files) < 2 || total != writers*each {
		t.Errorf("%d lines in %d files", total, len(files))
	}
}

func TestAFileThatCannotBeWrittenIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(inTheWay, "c.log"), t.TempDir()} {
		_, err := logs.Open(logs.Options{Output: &bytes.Buffer{}, Clock: clock, Channels: map[string]string{"c": path}})
		var e *tenantry.Error
		if !errors.As(err, &e) || e.Kind != tenantry.Unavailable || e.Code != "logs.unwritable" || e.Params["file"] != path {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestALostLineIsReportedInTheMainLog(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "logs")
	file := filepath.Join(folder, "c.log")
	var main bytes.Buffer
	l := open(t, logs.Options{Output: &main, Channels: map[string]string{"c": file}})
	// A file where the folder was: the channel can no longer be opened.
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Channel("c").Info("private text")
	got := main.String()
	if !strings.Contains(got, `"level":"ERROR"`) || !strings.Contains(got, `"channel":"c"`) || strings.Contains(got, "private text") {
		t.Errorf("got %s", got)
	}
}

func TestAnUnknownChannelIsADefect(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	open(t, logs.Options{Output: &bytes.Buffer{}}).Channel("c")
}

func clock() time.Time { return noon }

func open(t *testing.T, o logs.Options) *logs.Logs {
	t.Helper()
	o.Clock = clock
	l, err := logs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func lines(t *testing.T, file string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(read(t, file)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func stat(t *testing.T, file string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
