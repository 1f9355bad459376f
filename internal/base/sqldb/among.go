package sqldb

import (
	"encoding/json"
	"regexp"
	"strings"
)

// among is how a text names a column that holds one of the keys: {t.id}. It never
// matches JSON in a text, which has quotes or nothing between its braces.
var among = regexp.MustCompile(`^\{[a-z_]+(\.[a-z_]+)?\}`)

// Just is the list of one key to limit a text to, or for zero none: then it is about
// everything.
func Just[K ~int64](key K) []K {
	if key == 0 {
		return nil
	}
	return []K{key}
}

// Limited completes a text in which {column} stands for the condition that the
// column holds one of the keys, so that one text asks about everything and about a
// few. For nil the condition is true. Keys go as one parameter, which an index on
// the column answers: the list is read once, whatever its length.
func Limited[K ~int64](tx *Tx, keys []K, text string, args ...any) (string, []any) {
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		numbers[i] = int64(k)
	}
	// No join with the list: for tables that were never analysed PostgreSQL would
	// begin it with the table.
	condition, list := " = ANY (CAST(? AS bigint[]))", any(numbers)
	if tx.engine == SQLite {
		text, _ := json.Marshal(numbers) // numbers cannot fail
		condition, list = " IN (SELECT value FROM json_each(?))", string(text)
	}
	var b strings.Builder
	all := make([]any, 0, len(args)+2)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end := quoteEnd(text, i)
			b.WriteString(text[i:end])
			i = end - 1
		case c == '?' && len(args) > 0:
			all, args = append(all, args[0]), args[1:]
			b.WriteByte(c)
		case c == '{':
			mark := among.FindString(text[i:])
			if mark == "" {
				b.WriteByte(c)
				continue
			}
			i += len(mark) - 1
			if keys == nil {
				b.WriteString("true")
				continue
			}
			b.WriteString(strings.Trim(mark, "{}") + condition)
			all = append(all, list)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), append(all, args...)
}

// NotJSON is the condition that a JSON column holds no JSON, which only SQLite lets
// in: the type of the column is a word there.
func (tx *Tx) NotJSON(column string) string {
	if tx.engine == SQLite {
		return "json_valid(CAST(" + column + " AS text)) = 0"
	}
	return "false"
}
