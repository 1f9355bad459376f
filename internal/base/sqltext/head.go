package sqltext

// Head is what a statement is about, as far as its first words tell.
type Head struct {
	Verb   string // "create", "alter", "drop", "insert", … in lower case
	Object string // "table", "index", "view", "trigger", "policy", "function", …, "" for other statements
	Name   string // of the object, without schema and quotes
	Table  string // that an index, trigger or policy is on, or a statement writes to
	Rest   []Token
	// NameAt and NameEnd tell where the name stands in the text.
	NameAt, NameEnd int
}

var objects = []string{"table", "index", "view", "trigger", "policy", "function", "procedure", "sequence", "type", "domain",
	"schema", "extension", "role", "database", "statistics", "aggregate", "rule"}

// before the sort of the object may stand:
var qualities = []string{"or", "replace", "unique", "temp", "temporary", "materialized", "unlogged", "virtual", "recursive", "constraint", "global", "local"}

// Read reads the beginning of a statement. Rest is what follows the name, or the
// verb of a statement without an object.
func Read(text string) Head {
	t := Tokens(text)
	if len(t) == 0 || t[0].Kind != Word {
		return Head{}
	}
	h := Head{Verb: t[0].Text}
	t = t[1:]
	h.Rest = t
	switch h.Verb {
	case "create", "alter", "drop":
	case "comment":
		return h
	case "insert", "delete", "truncate", "update", "lock", "reindex", "cluster":
		for len(t) > 0 && t[0].IsWord("into", "from", "only", "table", "or", "replace", "ignore", "index", "concurrently") {
			t = t[1:]
		}
		h.Table, _, _, h.Rest = readName(t)
		return h
	default:
		return h
	}
	for len(t) > 0 && t[0].IsWord(qualities...) {
		t = t[1:]
	}
	if len(t) == 0 || !t[0].IsWord(objects...) {
		return h
	}
	h.Object = t[0].Text
	t = skip(t[1:], "concurrently", "if", "not", "exists", "only")
	if h.Object == "index" && len(t) > 0 && t[0].IsWord("on") { // an index without a name
		h.Table, _, _, h.Rest = readName(t[1:])
		return h
	}
	h.Name, h.NameAt, h.NameEnd, t = readName(t)
	h.Rest = t
	switch h.Object {
	case "index", "trigger", "policy":
		for i, token := range t {
			if token.IsWord("on") && i+1 < len(t) {
				h.Table, _, _, h.Rest = readName(skip(t[i+1:], "only"))
				break
			}
		}
	case "table":
		h.Table = h.Name
	}
	return h
}

// readName reads a name, with its schema or without.
func readName(t []Token) (name string, from, to int, rest []Token) {
	if len(t) == 0 || !t[0].Named() {
		return "", 0, 0, t
	}
	name, from, to, rest = t[0].Text, t[0].pos, t[0].end, t[1:]
	for len(rest) > 1 && rest[0].Is(".") && rest[1].Named() {
		name, to, rest = rest[1].Text, rest[1].end, rest[2:]
	}
	return name, from, to, rest
}

func skip(t []Token, words ...string) []Token {
	for len(t) > 0 && t[0].IsWord(words...) {
		t = t[1:]
	}
	return t
}

// Rename writes a CREATE statement of an object under another name.
func Rename(text, name string) string {
	h := Read(text)
	if h.Name == "" {
		return text
	}
	return text[:h.NameAt] + Quote(name) + text[h.NameEnd:]
}
