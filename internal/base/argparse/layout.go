package argparse

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	usagePrefix  = "usage: "
	indent       = 2  // of the arguments in help
	gap          = 2  // at least, between an argument and its help text
	helpPosition = 24 // the farthest column at which help texts begin
	leastWidth   = 11 // texts are never laid out narrower
)

// TerminalColumns is how wide Python takes the terminal to be: what the
// environment's COLUMNS says, else the terminal's own width, else 80. Pass zero
// when there is no terminal.
func TerminalColumns(environment string, terminal int) int {
	if digits, ok := wholeNumber(environment); ok {
		if n, err := strconv.Atoi(digits); err == nil && n > 0 {
			return n
		}
	}
	if terminal > 0 {
		return terminal
	}
	return 80
}

// Usage returns the usage, from "usage: " to the end of its last line.
func (p *Parser) Usage() string {
	var options, positionals []string
	for _, a := range p.shown() {
		switch {
		case a.positional():
			positionals = append(positionals, a.usage())
		case a.rivals == nil:
			options = append(options, "["+a.usage()+"]")
		case a == a.rivals[0]:
			options = append(options, "["+strings.Join(usages(a.rivals), " | ")+"]")
		}
	}
	all := slices.Concat(options, positionals)
	if line := usagePrefix + p.prog + " " + strings.Join(all, " "); length(line) <= p.width() {
		return line + "\n"
	}
	// A program's name that takes more than 0.75 of the width has its own line.
	var lines []string
	margin := length(usagePrefix) + length(p.prog) + 1
	if 4*(margin-1) <= 3*p.width() {
		// The first line, which begins with the name, is not indented.
		lines = fold(append([]string{p.prog}, options...), length(usagePrefix), margin, p.width())
		lines = append(lines, fold(positionals, margin, margin, p.width())...)
	} else {
		margin = length(usagePrefix)
		lines = fold(all, margin, margin, p.width())
		if len(lines) > 1 {
			lines = append(fold(options, margin, margin, p.width()), fold(positionals, margin, margin, p.width())...)
		}
		lines = append([]string{p.prog}, lines...)
	}
	return usagePrefix + strings.Join(lines, "\n"+spaces(margin)) + "\n"
}

// Help returns what --help prints.
func (p *Parser) Help() string {
	blocks := []string{p.Usage()}
	if lines := wrap(p.description, max(p.width(), leastWidth)); len(lines) > 0 {
		blocks = append(blocks, strings.Join(lines, "\n")+"\n")
	}
	widest := 0
	for _, a := range p.arguments {
		widest = max(widest, length(a.heading())+indent)
	}
	at := min(widest+gap, helpPosition, max(p.width()-20, 2*indent))
	var options, positionals strings.Builder
	for _, a := range p.shown() {
		if a.positional() {
			p.explain(&positionals, a, at)
		} else {
			p.explain(&options, a, at)
		}
	}
	if positionals.Len() > 0 {
		blocks = append(blocks, "positional arguments:\n"+positionals.String())
	}
	blocks = append(blocks, "options:\n"+options.String())
	return strings.Join(blocks, "\n")
}

func (p *Parser) versionText(a *Argument) string {
	return strings.Join(wrap(a.text, max(p.width(), leastWidth)), "\n") + "\n"
}

// width leaves the last two columns free, as Python does.
func (p *Parser) width() int { return p.columns - 2 }

// shown is the order of usage and help: as declared, but trailing ones last.
func (p *Parser) shown() []*Argument {
	all := slices.Clone(p.arguments)
	slices.SortStableFunc(all, func(a, b *Argument) int {
		switch {
		case a.trailing == b.trailing:
			return 0
		case a.trailing:
			return 1
		}
		return -1
	})
	return all
}

// explain writes an argument with its help, which begins at a column.
func (p *Parser) explain(b *strings.Builder, a *Argument, at int) {
	heading := spaces(indent) + a.heading()
	b.WriteString(heading)
	lines := wrap(a.help, max(p.width()-at, leastWidth))
	for i, line := range lines {
		if i == 0 && length(heading) <= at-gap {
			b.WriteString(spaces(at - length(heading)))
		} else {
			b.WriteString("\n" + spaces(at))
		}
		b.WriteString(line)
	}
	b.WriteByte('\n')
}

// heading is the argument as help lists it.
func (a *Argument) heading() string {
	switch {
	case a.positional():
		return a.placeholder()
	case !a.takesValue():
		return strings.Join(a.names, ", ")
	}
	forms := make([]string, len(a.names))
	for i, n := range a.names {
		forms[i] = n + " " + a.placeholder()
	}
	return strings.Join(forms, ", ")
}

// usage is the argument as usage lists it, without the brackets of an option.
func (a *Argument) usage() string {
	switch {
	case a.positional() && a.kind == kindTexts:
		return "[" + a.placeholder() + " ...]"
	case a.positional() && a.optional:
		return "[" + a.placeholder() + "]"
	case a.positional():
		return a.placeholder()
	case a.takesValue():
		return a.names[0] + " " + a.placeholder()
	}
	return a.names[0]
}

func usages(arguments []*Argument) []string {
	all := make([]string, len(arguments))
	for i, a := range arguments {
		all[i] = a.usage()
	}
	return all
}

// placeholder stands for the value.
func (a *Argument) placeholder() string {
	switch {
	case a.metavar != "":
		return a.metavar
	case a.choices != nil:
		return "{" + strings.Join(a.choices, ",") + "}"
	case a.positional():
		return a.dest
	}
	return strings.ToUpper(a.dest)
}

// fold puts parts on lines that end at width. The first line begins at column
// first, the others at margin; a part that is too long for any line has one to
// itself.
func fold(parts []string, first, margin, width int) []string {
	var lines []string
	var line []string
	end := first - 1
	for _, part := range parts {
		if end+1+length(part) > width && line != nil {
			lines = append(lines, strings.Join(line, " "))
			line = nil
			end = margin - 1
		}
		line = append(line, part)
		end += 1 + length(part)
	}
	if line != nil {
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

// wrap lays text out as Python's textwrap does, with white space collapsed
// first, as argparse does.
func wrap(text string, width int) []string {
	pieces := breakable(strings.TrimSpace(strings.Join(strings.FieldsFunc(text, isASCIISpace), " ")))
	var lines []string
	for len(pieces) > 0 {
		var line []string
		at := 0
		if lines != nil && blank(pieces[0]) {
			pieces = pieces[1:]
		}
		for len(pieces) > 0 && at+length(pieces[0]) <= width {
			line = append(line, pieces[0])
			at += length(pieces[0])
			pieces = pieces[1:]
		}
		if len(pieces) > 0 && length(pieces[0]) > width {
			head, tail := cut(pieces[0], width-at)
			line = append(line, head)
			pieces = append([]string{tail}, pieces[1:]...)
		}
		if len(line) > 0 && blank(line[len(line)-1]) {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, ""))
		}
	}
	return lines
}

// cut divides a word that fits on no line, behind the last hyphen that fits if
// there is one.
func cut(word string, room int) (head, tail string) {
	runes := []rune(word)
	end := room
	for i := room - 1; i > 0; i-- {
		if runes[i] == '-' {
			if strings.Trim(string(runes[:i]), "-") != "" {
				end = i + 1
			}
			break
		}
	}
	return string(runes[:end]), string(runes[end:])
}

// breakable divides text where textwrap may end a line: around spaces, behind a
// hyphen between letters, and around a dash of two or more hyphens.
func breakable(text string) []string {
	s := []rune(text)
	var pieces []string
	for start := 0; start < len(s); {
		end := start + 1
		switch {
		case isASCIISpace(s[start]):
			for end < len(s) && isASCIISpace(s[end]) {
				end++
			}
		case start > 0 && beforeDash(s[start-1]) && dash(s, start) > 0:
			end = start + dash(s, start)
		default:
			for ; end < len(s) && !isASCIISpace(s[end]); end++ {
				if hyphenated(s, end) {
					end++
					break
				}
				if beforeDash(s[end-1]) && dash(s, end) > 0 {
					break
				}
			}
		}
		pieces = append(pieces, string(s[start:end]))
		start = end
	}
	return pieces
}

// hyphenated reports whether a hyphen at i has two letters, or a letter, hyphen
// and letter, before it, and two letters, perhaps hyphenated, behind it.
func hyphenated(s []rune, i int) bool {
	letter := func(i int) bool { return i >= 0 && i < len(s) && isLetter(s[i]) }
	hyphen := func(i int) bool { return i >= 0 && i < len(s) && s[i] == '-' }
	return hyphen(i) &&
		letter(i-1) && (letter(i-2) || hyphen(i-2) && letter(i-3)) &&
		letter(i+1) && (letter(i+2) || hyphen(i+2) && letter(i+3))
}

// dash returns the length of a dash at i: two or more hyphens before a word.
func dash(s []rune, i int) int {
	n := 0
	for i+n < len(s) && s[i+n] == '-' {
		n++
	}
	if n < 2 || i+n == len(s) || !isWord(s[i+n]) {
		return 0
	}
	return n
}

func beforeDash(r rune) bool   { return isWord(r) || strings.ContainsRune(`!"'&.,?`, r) }
func isWord(r rune) bool       { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }
func isLetter(r rune) bool     { return isWord(r) && !unicode.Is(unicode.Nd, r) }
func isASCIISpace(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) }
func blank(piece string) bool  { return strings.TrimSpace(piece) == "" }
func length(text string) int   { return utf8.RuneCountInString(text) }
func spaces(n int) string      { return strings.Repeat(" ", n) }
