package sqldb

import (
	"strconv"
	"strings"
	"sync"
)

// reboundTexts remembers the PostgreSQL form of statements. Texts are constants
// of the program or built in a few sizes, so it stays small; texts longer than
// rememberUpTo are bulk statements and are not kept.
var reboundTexts sync.Map

const rememberUpTo = 4096

// rebound rewrites ? parameters as $1, $2, … outside of strings, quoted names
// and comments.
func rebound(query string) string {
	if strings.IndexByte(query, '?') < 0 {
		return query
	}
	if text, ok := reboundTexts.Load(query); ok {
		return text.(string)
	}
	text := rebind(query)
	if len(query) <= rememberUpTo {
		reboundTexts.Store(query, text)
	}
	return text
}

func rebind(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; c {
		case '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		case '\'', '"':
			end := quoteEnd(query, i)
			b.WriteString(query[i:end])
			i = end - 1
		case '-', '/':
			end := commentEnd(query, i)
			if end == i {
				b.WriteByte(c)
				continue
			}
			b.WriteString(query[i:end])
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quoteEnd returns where the quoted text that starts at i ends. A doubled quote
// inside closes one and opens the next, which comes to the same.
func quoteEnd(s string, i int) int {
	if j := strings.IndexByte(s[i+1:], s[i]); j >= 0 {
		return i + 1 + j + 1
	}
	return len(s)
}

// commentEnd returns where the comment that starts at i ends, or i when there
// is none.
func commentEnd(s string, i int) int {
	switch {
	case strings.HasPrefix(s[i:], "--"):
		if j := strings.IndexByte(s[i:], '\n'); j >= 0 {
			return i + j
		}
		return len(s)
	case strings.HasPrefix(s[i:], "/*"):
		if j := strings.Index(s[i+2:], "*/"); j >= 0 {
			return i + 2 + j + 2
		}
		return len(s)
	}
	return i
}
