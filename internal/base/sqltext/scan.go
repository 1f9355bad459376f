package sqltext

import (
	"strings"
	"unicode/utf8"
)

// scanner reads one token after the other.
type scanner struct {
	text string
	pos  int
	line int
	open bool // a quote or comment that nothing closed
}

func (s *scanner) next() (Token, bool) {
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n\f", s.text[s.pos]) >= 0 {
		s.advance(1)
	}
	if s.pos == len(s.text) {
		return Token{}, false
	}
	rest := s.text[s.pos:]
	t := Token{Line: s.line, pos: s.pos}
	n := 1
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		t.Kind = comment
		if n = strings.IndexByte(rest, '\n'); n < 0 {
			n = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		t.Kind = comment
		n = s.until(rest, 2, "*/")
	case c == '\'':
		t.Kind = Text
		n = s.quoted(rest, '\'', false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		t.Kind = Text
		n = 1 + s.quoted(rest[1:], '\'', true)
	case c == '"' || c == '`':
		t.Kind = Name
		n = s.quoted(rest, c, false)
	case c == '[' && isBracketName(rest):
		t.Kind = Name
		n = s.until(rest, 1, "]")
	case c == '$' && dollarTag(rest) != "":
		t.Kind = Text
		tag := dollarTag(rest)
		n = s.until(rest, len(tag), tag)
	case c >= '0' && c <= '9':
		t.Kind = Text
		n = span(rest, func(b byte) bool { return wordByte(b) || b == '.' })
	case wordByte(c):
		t.Kind = Word
		n = span(rest, wordByte)
	default:
		t.Kind = Sign
		for _, sign := range []string{"->>", "->", "::", "||", "<=", ">=", "<>", "!="} {
			if strings.HasPrefix(rest, sign) {
				n = len(sign)
				break
			}
		}
	}
	raw := rest[:n]
	switch t.Kind {
	case Word:
		t.Text = strings.ToLower(raw)
	case Name:
		t.Text = unquote(raw)
	default:
		t.Text = raw
	}
	s.advance(n)
	t.end = s.pos
	return t, true
}

func (s *scanner) advance(n int) {
	s.line += strings.Count(s.text[s.pos:s.pos+n], "\n")
	s.pos += n
}

// until is the length of what begins here and ends with an end.
func (s *scanner) until(rest string, from int, end string) int {
	if i := strings.Index(rest[from:], end); i >= 0 {
		return from + i + len(end)
	}
	s.open = true
	return len(rest)
}

// quoted is the length of a quoted piece; a doubled quote stands for itself, and
// so does one after a backslash in PostgreSQL's E'…'.
func (s *scanner) quoted(rest string, quote byte, backslash bool) int {
	for i := 1; i < len(rest); i++ {
		switch {
		case backslash && rest[i] == '\\':
			i++
		case rest[i] != quote:
		case i+1 < len(rest) && rest[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	s.open = true
	return len(rest)
}

// isBracketName tells SQLite's [name] from PostgreSQL's array[1].
func isBracketName(rest string) bool {
	return len(rest) > 1 && wordByte(rest[1]) && (rest[1] < '0' || rest[1] > '9') && strings.Contains(rest, "]")
}

// dollarTag is the $tag$ at the start, "" where there is none.
func dollarTag(rest string) string {
	n := 1 + span(rest[1:], func(b byte) bool { return wordByte(b) && b != '$' })
	if n < len(rest) && rest[n] == '$' && (n == 1 || rest[1] < '0' || rest[1] > '9') {
		return rest[:n+1]
	}
	return ""
}

func unquote(raw string) string {
	if raw[0] == '[' {
		return strings.TrimSuffix(raw[1:], "]")
	}
	quote := raw[:1]
	return strings.ReplaceAll(strings.TrimSuffix(raw[1:], quote), quote+quote, quote)
}

func commentText(raw string) string {
	if rest, ok := strings.CutPrefix(raw, "--"); ok {
		return strings.TrimSpace(rest)
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(raw, "/*"), "*/"))
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
