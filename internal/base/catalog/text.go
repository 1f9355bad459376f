package catalog

import (
	"strings"
	"unicode/utf8"
)

// declared is what only the text of a CREATE TABLE tells. Columns are in lower
// case, as SQLite compares them.
type declared struct {
	options       string
	autoincrement bool
	checks        []Constraint
	names         map[string]string // by constraintKey
	deferred      map[string]bool   // foreign keys by list of columns
	collations    map[string]string // by column
	generated     map[string]string // by column: "(…) STORED"
}

func constraintKey(kind ConstraintKind, columns []string) string {
	return string(kind) + " " + list(columns)
}

// parseTable reads the text that SQLite keeps of a table. SQLite has checked
// it, so whatever is not understood is skipped.
func parseTable(text string) declared {
	d := declared{
		names: map[string]string{}, deferred: map[string]bool{},
		collations: map[string]string{}, generated: map[string]string{},
	}
	tokens := tokenize(text)
	open := indexOf(tokens, "(")
	if open < 0 {
		return d
	}
	if using := indexOf(tokens, "using"); using >= 0 && using < open { // a virtual table
		d.options = render(tokens[using:])
		return d
	}
	body, rest := group(tokens[open:])
	d.options = strings.ToUpper(render(rest))
	for _, definition := range splitAtCommas(body) {
		d.read(definition)
	}
	return d
}

// read reads one definition between the commas: a column or a constraint of the
// whole table.
func (d *declared) read(tokens []token) {
	var column string
	if !tokens[0].isWord("constraint", "primary", "unique", "check", "foreign") {
		column = lower(tokens[0].text)
		tokens = tokens[1:]
	}
	var name string             // CONSTRAINT name, for the constraint that follows
	columns := []string{column} // what that constraint is about
	take := func(kind ConstraintKind) {
		if name != "" {
			d.names[constraintKey(kind, columns)] = name
		}
		name = ""
	}
	explicitColumns := func() {
		if column == "" && len(tokens) > 0 && tokens[0].is("(") {
			var inner []token
			inner, tokens = group(tokens)
			columns = nil
			for _, c := range splitAtCommas(inner) {
				columns = append(columns, lower(c[0].text))
				d.autoincrement = d.autoincrement || indexOf(c, "autoincrement") > 0
			}
		}
	}
	for len(tokens) > 0 {
		t := tokens[0]
		tokens = tokens[1:]
		switch {
		case t.isWord("constraint") && len(tokens) > 0:
			name, tokens = tokens[0].text, tokens[1:]
		case t.isWord("primary"):
			tokens = skipWord(tokens, "key")
			explicitColumns()
			take(Primary)
		case t.isWord("autoincrement"):
			d.autoincrement = true
		case t.isWord("unique"):
			explicitColumns()
			take(Unique)
		case t.isWord("foreign"):
			tokens = skipWord(tokens, "key")
			explicitColumns()
		case t.isWord("references"):
			take(Foreign)
			if len(tokens) > 0 {
				tokens = tokens[1:] // the parent
			}
		case t.isWord("initially"):
			d.deferred[list(columns)] = len(tokens) > 0 && tokens[0].isWord("deferred")
		case t.isWord("check"):
			var expression []token
			expression, tokens = group(tokens)
			d.checks = append(d.checks, Constraint{name, Check, "CHECK (" + render(unwrap(expression)) + ")"})
			name = ""
		case t.isWord("collate") && len(tokens) > 0:
			if c := lower(tokens[0].text); c != "binary" {
				d.collations[column] = c
			}
			tokens = tokens[1:]
		case t.isWord("default"):
			tokens = skipDefault(tokens)
		case t.isWord("as") && len(tokens) > 0 && tokens[0].is("("):
			var expression []token
			expression, tokens = group(tokens)
			d.generated[column] = "(" + render(unwrap(expression)) + ") VIRTUAL"
			if len(tokens) > 0 && tokens[0].isWord("stored") {
				d.generated[column] = strings.TrimSuffix(d.generated[column], "VIRTUAL") + "STORED"
			}
		case t.is("("):
			_, tokens = group(append([]token{t}, tokens...))
		}
	}
}

// parseIndex takes the terms and the condition out of a CREATE INDEX.
func parseIndex(text string) (terms, where string) {
	tokens := tokenize(text)
	open := indexOf(tokens, "(")
	if open < 0 {
		return "", ""
	}
	inner, rest := group(tokens[open:])
	if len(rest) > 1 && rest[0].isWord("where") {
		where = render(unwrap(rest[1:]))
	}
	return "(" + render(inner) + ")", where
}

// token is one word, name, literal or sign of SQL text.
type token struct {
	text string
	kind tokenKind
}

type tokenKind int

const (
	word    tokenKind = iota // a keyword or a name without quotes, in lower case
	quoted                   // a name in quotes, without them
	literal                  // a string or number
	sign
)

func (t token) is(text string) bool { return t.kind == sign && t.text == text }

func (t token) isWord(words ...string) bool {
	if t.kind != word {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// tokenize splits SQL text; white space and comments are dropped.
func tokenize(text string) []token {
	var tokens []token
	for text != "" {
		c := text[0]
		n := 1
		switch {
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			text = text[1:]
			continue
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
			continue
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text, "*/")
			continue
		case c == '\'':
			n = quotedLength(text, '\'')
			tokens = append(tokens, token{text[:n], literal})
		case c == '"' || c == '`':
			n = quotedLength(text, c)
			inner := strings.TrimSuffix(text[1:n], string(c))
			tokens = append(tokens, token{strings.ReplaceAll(inner, string([]byte{c, c}), string(c)), quoted})
		case c == '[':
			inner, _, _ := strings.Cut(text[1:], "]")
			n = min(len(inner)+2, len(text))
			tokens = append(tokens, token{inner, quoted})
		case c >= '0' && c <= '9':
			n = span(text, func(b byte) bool { return wordByte(b) || b == '.' })
			tokens = append(tokens, token{lower(text[:n]), literal})
		case wordByte(c):
			n = span(text, wordByte)
			tokens = append(tokens, token{lower(text[:n]), word})
		default:
			n = signLength(text)
			tokens = append(tokens, token{text[:n], sign})
		}
		text = text[n:]
	}
	return tokens
}

func wordByte(b byte) bool {
	return b == '_' || b == '$' || b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b >= utf8.RuneSelf
}

func span(text string, in func(byte) bool) int {
	n := 0
	for n < len(text) && in(text[n]) {
		n++
	}
	return n
}

// quotedLength is the length of the quoted piece at the start of text; a doubled
// quote stands for itself.
func quotedLength(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 == len(text) || text[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(text)
}

func signLength(text string) int {
	for _, s := range []string{"->>", "->", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>"} {
		if strings.HasPrefix(text, s) {
			return len(s)
		}
	}
	return 1
}

// render writes tokens in one way, whatever white space, quotes and letter case
// they came in.
func render(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && spaced(tokens[i-1], t) {
			b.WriteByte(' ')
		}
		if t.kind == quoted && !plain(t.text) {
			b.WriteString(`"` + strings.ReplaceAll(t.text, `"`, `""`) + `"`)
		} else if t.kind == quoted {
			b.WriteString(lower(t.text))
		} else {
			b.WriteString(t.text)
		}
	}
	return b.String()
}

func spaced(before, after token) bool {
	switch {
	case before.is("("), before.is("."), after.is(")"), after.is("."), after.is(","), after.is(";"):
		return false
	case after.is("("): // a function and its arguments stand together
		return !(before.kind == quoted || before.kind == word && !before.isWord("and", "or", "not", "in", "on", "as",
			"values", "when", "then", "else", "exists", "select", "where", "is", "between", "like", "glob", "from", "set"))
	}
	return true
}

func plain(text string) bool {
	return text != "" && span(text, wordByte) == len(text) && (text[0] < '0' || text[0] > '9')
}

// group returns what is between the parenthesis at the start and the one that
// closes it, and what follows.
func group(tokens []token) (inner, rest []token) {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth == 0 {
			if i == 0 { // no parenthesis at all
				return nil, tokens
			}
			return tokens[1:i], tokens[i+1:]
		}
	}
	return nil, nil
}

// unwrap drops parentheses around the whole.
func unwrap(tokens []token) []token {
	for len(tokens) > 0 && tokens[0].is("(") {
		inner, rest := group(tokens)
		if len(rest) > 0 {
			break
		}
		tokens = inner
	}
	return tokens
}

func splitAtCommas(tokens []token) [][]token {
	var parts [][]token
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			parts = append(parts, tokens[start:i])
			start = i + 1
		}
	}
	if start < len(tokens) {
		parts = append(parts, tokens[start:])
	}
	return parts
}

func skipWord(tokens []token, w string) []token {
	if len(tokens) > 0 && tokens[0].isWord(w) {
		return tokens[1:]
	}
	return tokens
}

// skipDefault skips the value of a DEFAULT: (expression), a signed number, or
// one word or literal.
func skipDefault(tokens []token) []token {
	if len(tokens) == 0 {
		return nil
	}
	if tokens[0].is("(") {
		_, rest := group(tokens)
		return rest
	}
	if len(tokens) > 1 && (tokens[0].is("-") || tokens[0].is("+")) {
		return tokens[2:]
	}
	return tokens[1:]
}

func indexOf(tokens []token, text string) int {
	for i, t := range tokens {
		if t.text == text && (t.kind == word || t.kind == sign) {
			return i
		}
	}
	return -1
}

func lower(s string) string { return strings.ToLower(s) }

func lowered(all []string) []string {
	low := make([]string, len(all))
	for i, s := range all {
		low[i] = lower(s)
	}
	return low
}
