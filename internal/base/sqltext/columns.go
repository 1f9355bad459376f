package sqltext

import "strings"

// Column is a column as a CREATE TABLE declares it.
type Column struct {
	Name   string
	Text   string // with its name, as it stands
	Line   int    // of its name, from 1
	Tokens []Token
}

// Columns lists the columns of a CREATE TABLE, in their order.
func Columns(create string) (all []Column) {
	var part []Token
	depth := 0
	end := func() {
		if len(part) > 0 && part[0].Named() && !part[0].IsWord("constraint", "primary", "unique", "check", "foreign", "exclude", "like") {
			from, to := part[0].pos, part[len(part)-1].end
			all = append(all, Column{part[0].Text, create[from:to], part[0].Line, part})
		}
		part = nil
	}
	for _, t := range Tokens(create) {
		switch {
		case t.Is("("):
			if depth++; depth == 1 {
				continue
			}
		case t.Is(")"):
			if depth--; depth == 0 {
				end()
				return all
			}
		case t.Is(",") && depth == 1:
			end()
			continue
		}
		if depth > 0 {
			part = append(part, t)
		}
	}
	return all
}

// ColumnText is the declaration of one column, "" where there is none.
func ColumnText(create, name string) string {
	for _, c := range Columns(create) {
		if strings.EqualFold(c.Name, name) {
			return c.Text
		}
	}
	return ""
}

// Has tells whether words follow each other in the column's declaration.
func (c Column) Has(words ...string) bool { return Has(c.Tokens, words...) }

// Has tells whether words follow each other among tokens.
func Has(tokens []Token, words ...string) bool {
	for i := range tokens {
		if i+len(words) > len(tokens) {
			return false
		}
		found := true
		for j, w := range words {
			found = found && tokens[i+j].IsWord(w)
		}
		if found {
			return true
		}
	}
	return false
}
