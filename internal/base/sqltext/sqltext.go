// Package sqltext takes SQL text apart into statements, and a statement into
// words, as both engines read it: quotes, comments, dollar quotes and the bodies
// of triggers included. It knows what a statement is about, not whether it is
// right; running statements is base/sqldb's.
package sqltext

import "strings"

// Statement is one statement of a file.
type Statement struct {
	Text     string // as it stands, from its first word to its semicolon
	Line     int    // of its first word, from 1
	Comments []Comment
}

// Comment is a comment: before the statement, or inside of it.
type Comment struct {
	Text string // without its marks, trimmed
	Line int
}

// Split takes a file apart. What follows the last semicolon is a statement too,
// unless it is blank or comments only.
func Split(text string) []Statement {
	var all []Statement
	s := scanner{text: text, line: 1}
	var current Statement
	start := -1
	var body bodyDepth
	for {
		t, ok := s.next()
		if !ok {
			break
		}
		if t.Kind == comment {
			current.Comments = append(current.Comments, Comment{commentText(t.Text), t.Line})
			continue
		}
		if start < 0 {
			if t.Is(";") {
				continue
			}
			start, current.Line = t.pos, t.Line
		}
		if body.ends(t) {
			current.Text = text[start:s.pos]
			all = append(all, current)
			current, start, body = Statement{}, -1, bodyDepth{}
		}
	}
	if start >= 0 {
		current.Text = strings.TrimSpace(text[start:])
		all = append(all, current)
	}
	return all
}

// Complete tells whether text ends with the semicolon that ends a statement, and
// not with one inside of a body or of quotes.
func Complete(text string) bool {
	s := scanner{text: text, line: 1}
	var body bodyDepth
	ended := false
	for {
		t, ok := s.next()
		if !ok {
			return ended && !s.open
		}
		if t.Kind != comment {
			ended = body.ends(t)
		}
	}
}

// bodyDepth follows BEGIN … END, whose semicolons end nothing, through a CREATE
// TRIGGER or CREATE FUNCTION.
type bodyDepth struct {
	words   int
	creates bool
	hasBody bool
	depth   int
}

func (b *bodyDepth) ends(t Token) bool {
	b.words++
	switch {
	case b.words == 1:
		b.creates = t.IsWord("create")
	case b.creates && b.words <= 6 && t.IsWord("trigger", "function", "procedure"):
		b.hasBody = true
	case b.hasBody && t.IsWord("begin"):
		b.depth++
	case b.depth > 0 && t.IsWord("case"):
		b.depth++
	case b.depth > 0 && t.IsWord("end"):
		b.depth--
	}
	return b.depth == 0 && t.Is(";")
}

// Token is one word, name, literal or sign.
type Token struct {
	Text string // a word in lower case, a quoted name without its quotes, anything else as it stands
	Kind Kind
	Line int
	pos  int // where it begins and ends in the text
	end  int
}

// Span tells where the token stands in the text it was taken from.
func (t Token) Span() (from, to int) { return t.pos, t.end }

// Kind is a sort of token.
type Kind int

const (
	Word Kind = iota // a keyword or a name without quotes
	Name             // a name in quotes
	Text             // a string or a number
	Sign
	comment
)

// Is tells whether the token is a sign.
func (t Token) Is(sign string) bool { return t.Kind == Sign && t.Text == sign }

// IsWord tells whether the token is one of some words.
func (t Token) IsWord(words ...string) bool {
	if t.Kind != Word {
		return false
	}
	for _, w := range words {
		if t.Text == w {
			return true
		}
	}
	return false
}

// Named tells whether the token can be a name, in quotes or not.
func (t Token) Named() bool { return t.Kind == Word || t.Kind == Name }

// Tokens takes a statement apart; white space and comments are dropped.
func Tokens(text string) []Token {
	var all []Token
	s := scanner{text: text, line: 1}
	for {
		t, ok := s.next()
		if !ok {
			return all
		}
		if t.Kind != comment {
			all = append(all, t)
		}
	}
}

// Mentions tells whether a statement names something, in quotes or not.
func Mentions(text, name string) bool {
	for _, t := range Tokens(text) {
		if t.Named() && strings.EqualFold(t.Text, name) {
			return true
		}
	}
	return false
}

// Quote writes a name in quotes, as both engines read it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal writes a string in quotes.
func Literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
