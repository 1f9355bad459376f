package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadmesSayTheSame(t *testing.T) {
	t.Parallel()
	for _, difference := range unlike(document(t, "README.md"), document(t, "README.es.md")) {
		t.Error(difference)
	}
}

func TestReadmesSayTheSameCanFail(t *testing.T) {
	t.Parallel()
	const english = "# A\n## B\n```sh\ntenantry x # why\n```\n```text\n$ tenantry y\nyes\n```\n"
	for spanish, want := range map[string]int{
		"# Á\n## É\n```sh\n# por qué\ntenantry x\n```\n```text\n$ tenantry y\nsí\n```\n": 0,
		"# Á\n### É\n```sh\ntenantry x\n```\n```text\n$ tenantry y\n```\n":               1,
		"# Á\n## É\n```sh\ntenantry z\n```\n```text\n$ tenantry y\n```\n":                1,
		"# Á\n```sh\ntenantry x\n```\n":                                                  3,
	} {
		if found := unlike(english, spanish); len(found) != want {
			t.Errorf("%d differences, want %d, in:\n%s\nfound: %q", len(found), want, spanish, found)
		}
	}
}

func TestDocumentsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	tree := commandTree{}
	seen := 0
	for _, name := range []string{"README.md", "README.es.md", "docs/operations.md"} {
		for _, line := range commandLines(document(t, name)) {
			seen++
			if fault := tree.fault(t, line); fault != "" {
				t.Errorf("%s: `%s`: %s", name, line, fault)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d command lines found: does this test still read the documents?", seen)
	}
}

func TestDocumentsNameCommandsThatExistCanFail(t *testing.T) {
	t.Parallel()
	tree := commandTree{}
	for line, right := range map[string]bool{
		"tenantry":                               true,
		"tenantry tenant list --search x":        true,
		"tenantry tenant list --serach x":        false,
		"tenantry tenant lsit":                   false,
		"tenantry tennant list":                  false,
		"tenantry --lang es tenant list":         true,
		"tenantry tenant create \"A b\"":         true,
		"tenantry manage migrate tenants --fake": true,
		"tenantry manage migrate --accept":       false,
		"tenantry manage migrat":                 false,
		"tenantry manage":                        true,
		"tenantry manage X":                      true, // in a sentence about all of them
		"tenantry COMMAND --help":                true,
	} {
		if fault := tree.fault(t, line); (fault == "") != right {
			t.Errorf("%s: fault %q", line, fault)
		}
	}
	const text = "`tenantry a`, not `other`\n```sh\nX=1 tenantry b\ngo run ./cmd/tenantry c # why\nmake test\n```\n```text\n$ tenantry d\ntenantry: an error\n```\n"
	if d := cmp.Diff([]string{"tenantry a", "tenantry b", "tenantry c", "tenantry d"}, commandLines(text)); d != "" {
		t.Errorf("command lines (-want +got):\n%s", d)
	}
}

func TestOperationsListEverySetting(t *testing.T) {
	t.Parallel()
	var settings []setting
	if err := json.Unmarshal(printed(t, "config", "show", "--output", "json"), &settings); err != nil {
		t.Fatal(err)
	}
	if len(settings) < 20 {
		t.Fatalf("only %d settings", len(settings))
	}
	text := document(t, "docs/operations.md")
	for _, fault := range unlisted(text, settings) {
		t.Error(fault)
	}
	for _, s := range settings {
		without := strings.ReplaceAll(text, s.row(), "")
		if len(unlisted(without, settings)) == 0 {
			t.Errorf("that %s is missing would not be noticed", s.Key)
		}
	}
}

// setting is an entry of `tenantry config show`.
type setting struct{ Key, Value, Env string }

// row is how the setting's row in the table of docs/operations.md begins.
func (s setting) row() string {
	value := s.Value
	if value != "" {
		value = "`" + value + "`"
	}
	return fmt.Sprintf("| `%s` | `%s` | %s |", s.Key, s.Env, value)
}

// unlisted returns what the table lacks and what it has too much.
func unlisted(text string, settings []setting) (faults []string) {
	known := map[string]bool{}
	for _, s := range settings {
		known[s.Env] = true
		if !strings.Contains(text, "\n"+s.row()) {
			faults = append(faults, "docs/operations.md has no row that begins: "+s.row())
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `[a-z_.]+` \\| `(TENANTRY_[A-Z_]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !known[row[1]] {
			faults = append(faults, "docs/operations.md describes a setting that is gone: "+row[1])
		}
	}
	return faults
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is a fenced block of a document.
type block struct {
	language string
	lines    []string
}

// split takes a document apart into its blocks and the prose around them.
func split(text string) (blocks []block, prose []string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			blocks, inside = append(blocks, block{language: language}), true
		case fence:
			inside = false
		case inside:
			last := &blocks[len(blocks)-1]
			last.lines = append(last.lines, line)
		default:
			prose = append(prose, line)
		}
	}
	return blocks, prose
}

// typed lists what somebody is to type: all of a block of commands, of output
// only what stands behind a prompt.
func (b block) typed() (lines []string) {
	for _, line := range b.lines {
		if b.language != "sh" && b.language != "sql" && b.language != "toml" {
			var prompt bool
			if line, prompt = strings.CutPrefix(line, "$ "); !prompt {
				continue
			}
		}
		line, _, _ = strings.Cut(line, " # ")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// unlike compares what two translations of one document must share: the
// headings' levels, the kinds of blocks, what is to be typed.
func unlike(a, b string) (differences []string) {
	shape := func(text string) (headings, kinds, typed []string) {
		blocks, prose := split(text)
		for _, line := range prose {
			if level, _, ok := strings.Cut(line, " "); ok && level != "" && strings.Trim(level, "#") == "" {
				headings = append(headings, level)
			}
		}
		for _, block := range blocks {
			kinds = append(kinds, block.language)
			typed = append(typed, block.typed()...)
		}
		return headings, kinds, typed
	}
	headings1, kinds1, typed1 := shape(a)
	headings2, kinds2, typed2 := shape(b)
	for what, d := range map[string]string{
		"headings": cmp.Diff(headings1, headings2), "blocks": cmp.Diff(kinds1, kinds2), "commands": cmp.Diff(typed1, typed2),
	} {
		if d != "" {
			differences = append(differences, fmt.Sprintf("the %s differ:\n%s", what, d))
		}
	}
	return differences
}

var (
	inline = regexp.MustCompile("`(tenantry [^`]+)`")
	called = regexp.MustCompile(`^(?:[A-Z_]+=\S+ +)*(?:go run \./cmd/)?(tenantry(?: .*)?)$`)
)

// commandLines lists every command line of ours in a document, in its prose and
// in its blocks.
func commandLines(text string) (lines []string) {
	blocks, prose := split(text)
	for _, line := range prose {
		for _, found := range inline.FindAllStringSubmatch(line, -1) {
			lines = append(lines, found[1])
		}
	}
	for _, b := range blocks {
		for _, line := range b.typed() {
			if found := called.FindStringSubmatch(line); found != nil {
				lines = append(lines, found[1])
			}
		}
	}
	return lines
}

// commandTree is the program's commands as its own help texts tell of them: the
// help of each command by its name in full.
type commandTree map[string]string

// fault says what is wrong with a command line: a command or a flag that the
// program does not have. What is written in capitals or quotes stands for
// something else.
func (tree commandTree) fault(t *testing.T, line string) string {
	t.Helper()
	command := []string{}
	parent := true // the next word must be a command
	words := strings.Fields(line)[1:]
	for i, word := range words {
		below := tree.below(t, command)
		switch {
		case strings.HasPrefix(word, "-"):
			continue
		case i > 0 && (words[i-1] == "--lang" || words[i-1] == "--output" || words[i-1] == "--database"):
			continue
		case slices.Contains(below, word):
			command = append(command, word)
			continue
		case parent && len(below) > 0 && word != strings.ToUpper(word) && word != "…":
			return fmt.Sprintf("there is no command %q; there are %s", word, strings.Join(below, ", "))
		}
		parent = false
	}
	help := tree.help(t, command)
	for _, word := range words {
		flag, _, _ := strings.Cut(word, "=")
		if strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(help) {
			return "there is no flag " + flag
		}
	}
	return ""
}

// below lists a command's own commands.
func (tree commandTree) below(t *testing.T, command []string) []string {
	t.Helper()
	list := regexp.MustCompile(`(?m)^ {2,4}([a-z_-]+)(?: .*)?$`)
	found := map[string]bool{}
	_, listed, ok := strings.Cut(tree.help(t, command), "Available ")
	if !ok {
		return nil
	}
	listed, _, _ = strings.Cut(listed, "\nFlags:")
	for _, name := range list.FindAllStringSubmatch(listed, -1) {
		found[name[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func (tree commandTree) help(t *testing.T, command []string) string {
	t.Helper()
	name := strings.Join(command, " ")
	if _, known := tree[name]; !known {
		tree[name] = string(printed(t, append(slices.Clone(command), "--help")...))
	}
	return tree[name]
}

// printed runs this very binary as the program, see TestMain, with no settings,
// and returns what it prints.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &exec.Cmd{Path: exe, Args: append([]string{"tenantry"}, args...), Dir: t.TempDir(), Env: []string{"LANG=C.UTF-8", "HOME=" + t.TempDir()}}
	out, err := p.Output()
	if err != nil {
		t.Fatalf("tenantry %s: %v", strings.Join(args, " "), err)
	}
	return out
}
