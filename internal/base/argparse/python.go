package argparse

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDigits is where Python's int() stops reading (CVE-2020-10735).
const maxDigits = 4300

// wholeNumber reads text as Python's int() does: white space around it, a sign,
// single underscores between digits, digits of any script. It returns the number
// in plain digits, of any length.
func wholeNumber(text string) (digits string, ok bool) {
	text = strings.Trim(asciiDigits(text), " \t\n\v\f\r")
	sign := ""
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = "-"
		}
		text = text[1:]
	}
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			b.WriteByte(c)
		case c == '_' && i > 0 && i < len(text)-1 && text[i-1] != '_':
		default:
			return "", false
		}
	}
	if b.Len() == 0 || b.Len() > maxDigits {
		return "", false
	}
	digits = strings.TrimLeft(b.String(), "0")
	if digits == "" {
		return "0", true
	}
	return sign + digits, true
}

// asciiDigits replaces the white space and digits of other scripts by ASCII's.
func asciiDigits(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Nd, r):
			return '0' + digitValue(r)
		}
		return '?'
	}, text)
}

// digitValue relies on Unicode's promise that decimal digits come in runs of
// ten, from zero to nine.
func digitValue(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	return 0
}

// repr quotes text as Python's repr() does. Characters newer than Python 3.11's
// Unicode 14 are printed where Python would escape them.
func repr(text string) string {
	quote := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(surrogate(text[i]))
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	b.WriteByte(quote)
	return b.String()
}

// backslashReplace shows bytes that are not UTF-8 as Python's standard error
// does.
func backslashReplace(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteString(surrogate(text[i]))
		} else {
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// surrogate is the escape that stands for a stray byte of the command line
// (PEP 383).
func surrogate(stray byte) string { return fmt.Sprintf(`\udc%02x`, stray) }

// Repr writes text as Python's repr does, for messages that repeat what was
// typed.
func Repr(text string) string { return repr(text) }
