package argparse_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/base/argparse"
)

// golden is one file of testdata/generate.py.
type golden struct {
	Prog      string
	Arguments map[string]string // name → kind
	Defaults  map[string]any
	Layouts   []struct {
		Prog, Usage, Help string
		Columns           int
	}
	Cases []struct {
		Args   []string
		Hex    bool           // args and values are in hexadecimal
		Values map[string]any // those that differ from the defaults
		Stdout string         // or else: "help" or the version
		Error  string         // or else: what follows the usage on standard error
	}
}

func TestCommandLinesMeanWhatTheyMeanToPython(t *testing.T) {
	t.Parallel()
	for name, build := range parsersByName() {
		g := readGolden(t, name)
		p := build(g.Prog)
		if len(g.Cases) < 100 {
			t.Errorf("%s: only %d command lines", name, len(g.Cases))
		}
		for _, c := range g.Cases {
			if c.Hex {
				c.Args = unhex(t, c.Args).([]string)
			}
			want := outcome{Values: c.Values, Stdout: c.Stdout}
			switch {
			case c.Error != "":
				want.Code = 2
				want.Stderr = p.Usage() + c.Error
			case c.Stdout == "help":
				want.Stdout = p.Help()
			case c.Stdout == "":
				want.Values = maps.Clone(g.Defaults)
				for name, v := range c.Values {
					if c.Hex {
						v = unhex(t, v)
					}
					want.Values[name] = v
				}
			}
			if diff := cmp.Diff(want, parse(p, g.Arguments, c.Args)); diff != "" {
				t.Errorf("%s %q: (-Python +ours)\n%s", name, c.Args, diff)
			}
		}
	}
}

func TestUsageAndHelpAreLaidOutAsPythonDoes(t *testing.T) {
	t.Parallel()
	for name, build := range parsersByName() {
		for _, l := range readGolden(t, name).Layouts {
			p := build(l.Prog).Columns(l.Columns)
			if diff := cmp.Diff(l.Usage, p.Usage()); diff != "" {
				t.Errorf("usage of %q in %d columns: (-Python +ours)\n%s", l.Prog, l.Columns, diff)
			}
			if diff := cmp.Diff(l.Help, p.Help()); diff != "" {
				t.Errorf("help of %q in %d columns: (-Python +ours)\n%s", l.Prog, l.Columns, diff)
			}
		}
	}
}

// testdata/django42.txt is what Django 4.2 itself printed.
func TestOutputIsWhatDjangoPrinted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/django42.txt")
	if err != nil {
		t.Fatal(err)
	}
	for capture := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n$ ") {
		command, printed, _ := strings.Cut(strings.TrimPrefix(capture, "$ "), "\n")
		words := strings.Fields(command)[1:]
		if words[0] == "help" {
			words = []string{words[1], "--help"}
		}
		p := parsersByName()[words[0]]("manage.py " + words[0])
		_, err := p.Parse(words[1:])
		var exit *argparse.Exit
		if !errors.As(err, &exit) {
			t.Errorf("%s: no exit but %v", command, err)
			continue
		}
		rc := map[int]string{0: "[rc=0]", 2: "[rc=2]"}[exit.Code]
		if diff := cmp.Diff(printed, mark("[out] ", exit.Stdout)+mark("[err] ", exit.Stderr)+rc); diff != "" {
			t.Errorf("%s: (-Django +ours)\n%s", command, diff)
		}
	}
}

func TestWhereWeDifferFromPython311(t *testing.T) {
	t.Parallel()
	p := argparse.New("prog", "100 % literal, %(prog)s too")
	p.Int("--number", "")
	p.IntChoice("--digit", []int64{0, 1}, 0, "")
	p.String("--text", "", "")
	p.OptionalPositional("word", "50% of %s")
	if !strings.Contains(p.Help(), "\n100 % literal, %(prog)s too\n") || !strings.Contains(p.Help(), "50% of %s\n") {
		t.Errorf("help expands texts:\n%s", p.Help())
	}
	kinds := map[string]string{"--number": "int", "--digit": "int", "--text": "string", "word": "string"}
	fails := func(message string) outcome {
		return outcome{Code: 2, Stderr: p.Usage() + "prog: error: argument " + message + "\n"}
	}
	says := func(name string, value any) outcome {
		values := map[string]any{"--number": nil, "--digit": 0.0, "--text": nil, "word": nil}
		values[name] = value
		return outcome{Values: values}
	}
	zeros := strings.Repeat("0", 4299)
	for _, c := range []struct {
		args []string
		want outcome
	}{
		{[]string{"--number=9223372036854775807"}, says("--number", 9223372036854775807.0)},
		{[]string{"--number=9223372036854775808"}, fails("--number: invalid int value: '9223372036854775808'")},
		{[]string{"--number=-9223372036854775809"}, fails("--number: invalid int value: '-9223372036854775809'")},
		{[]string{"--number=" + zeros + "7"}, says("--number", 7.0)},
		{[]string{"--number=" + zeros + "07"}, fails("--number: invalid int value: '" + zeros + "07'")},
		{[]string{"--digit=9223372036854775808"}, fails("--digit: invalid choice: 9223372036854775808 (choose from 0, 1)")},
		{[]string{"--text=--"}, says("--text", "--")},
		{[]string{"--number=--"}, fails("--number: invalid int value: '--'")},
		{[]string{"--", "--"}, says("word", "--")},
	} {
		if diff := cmp.Diff(c.want, parse(p, kinds, c.args)); diff != "" {
			t.Errorf("%.40q: (-want +got)\n%s", c.args, diff)
		}
	}
}

func TestAbsentIsNotZero(t *testing.T) {
	t.Parallel()
	p := manageTenantTokens("prog")
	for _, c := range []struct {
		args  []string
		n     int64
		given bool
	}{
		{nil, 0, false},
		{[]string{"--tenant-id=0"}, 0, true},
		{[]string{"--tenant-id", "-3"}, -3, true},
	} {
		v, err := p.Parse(c.args)
		if err != nil {
			t.Fatal(err)
		}
		if n, given := v.Int("--tenant-id"); n != c.n || given != c.given || v.Given("--tenant-id") != c.given {
			t.Errorf("%q: %d, %t", c.args, n, given)
		}
	}
	v, err := p.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := v.Int("--verbosity"); n != 1 || !ok || v.Given("-v") {
		t.Errorf("verbosity has no default: %d, %t", n, ok)
	}
}

func TestAskingForWhatNobodyDeclaredPanics(t *testing.T) {
	t.Parallel()
	v, err := manageTenantTokens("prog").Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(){
		"unknown name": func() { v.Bool("--rotates") },
		"other kind":   func() { v.String("--tenant-id") },
		"twice":        func() { p := argparse.New("prog", ""); p.Flag("--a", ""); p.Flag("-b --a", "") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			ask()
		}()
	}
}

func TestFailLooksLikeTheParsersOwnErrors(t *testing.T) {
	t.Parallel()
	exit := rotateTenantTokens("manage.py rotate_tenant_tokens").Fail("no \xff")
	want := rotateTenantTokens("manage.py rotate_tenant_tokens").Usage() + "manage.py rotate_tenant_tokens: error: no \\udcff\n"
	if exit.Code != 2 || exit.Stderr != want || exit.Stdout != "" || exit.Error() != `no \udcff` {
		t.Errorf("%+v", exit)
	}
}

func TestTerminalColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment string
		terminal    int
		want        int
	}{
		{"", 0, 80}, {"", 132, 132}, {"100", 132, 100}, {" 1_00 ", 0, 100},
		{"0", 90, 90}, {"-5", 0, 80}, {"wide", 0, 80}, {"99999999999999999999", 70, 70},
	} {
		if got := argparse.TerminalColumns(c.environment, c.terminal); got != c.want {
			t.Errorf("COLUMNS=%q on a terminal of %d: %d, want %d", c.environment, c.terminal, got, c.want)
		}
	}
}

// FuzzParse holds any command line to what must be true of all of them.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"", "--tenant-id\x01-5", "-lp\x01--\x01x", "--no", "-v2\x01tenants", "-\xff=\x01'", "-qñ\x01--k=it's"} {
		f.Add(line, 80)
	}
	f.Fuzz(func(t *testing.T, line string, columns int) {
		args := strings.Split(line, "\x01")
		for name, build := range parsersByName() {
			p := build("prog").Columns(columns)
			_, err := p.Parse(args)
			var exit *argparse.Exit
			switch {
			case err == nil:
			case !errors.As(err, &exit):
				t.Fatalf("%s %q: %v", name, args, err)
			case exit.Code == 2 && (exit.Stdout != "" || exit.Stderr != p.Usage()+"prog: error: "+exit.Message+"\n"):
				t.Fatalf("%s %q: %+v", name, args, exit)
			case exit.Code == 0 && (exit.Stdout == "" || exit.Stderr != ""):
				t.Fatalf("%s %q: %+v", name, args, exit)
			case exit.Code != 0 && exit.Code != 2:
				t.Fatalf("%s %q: code %d", name, args, exit.Code)
			}
		}
	})
}

// outcome is all that a command line leads to. Values are as JSON has them:
// null for what is absent and has no default.
type outcome struct {
	Values         map[string]any
	Stdout, Stderr string
	Code           int
}

func parse(p *argparse.Parser, kinds map[string]string, args []string) outcome {
	given := slices.Clone(args)
	v, err := p.Parse(args)
	if !slices.Equal(given, args) {
		panic("the caller's slice was changed")
	}
	if err != nil {
		exit := err.(*argparse.Exit)
		return outcome{Stdout: exit.Stdout, Stderr: exit.Stderr, Code: exit.Code}
	}
	values := map[string]any{}
	for name, kind := range kinds {
		values[name] = nil
		switch kind {
		case "flag":
			values[name] = v.Bool(name)
		case "int":
			if n, ok := v.Int(name); ok {
				values[name] = float64(n)
			}
		case "string":
			if s := v.String(name); s != "" || v.Given(name) {
				values[name] = s
			}
		case "strings":
			list := []any{}
			for _, s := range v.Strings(name) {
				list = append(list, s)
			}
			values[name] = list
		}
	}
	return outcome{Values: values}
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// unhex decodes a text or a list of texts.
func unhex(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case []string:
		list := make([]string, len(v))
		for i, s := range v {
			list[i] = unhex(t, s).(string)
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = unhex(t, s)
		}
		return list
	case string:
		b, err := hex.DecodeString(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return v
}

// mark puts a mark before every line.
func mark(mark, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(mark + line)
	}
	return b.String()
}
