package sqldb

import (
	"strings"
	"testing"
)

func TestRebindLeavesQuotedTextAndCommentsAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, want string }{
		{``, ``},
		{`SELECT 1`, `SELECT 1`},
		{`a = ? AND b = ?`, `a = $1 AND b = $2`},
		{`a = ?`, `a = $1`},
		{`??`, `$1$2`},
		{`VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, `VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`},
		{`SELECT '?', ?`, `SELECT '?', $1`},
		{`SELECT 'it''s ?', ?`, `SELECT 'it''s ?', $1`},
		{`SELECT '', ?, '?'`, `SELECT '', $1, '?'`},
		{`SELECT "a?b", ?`, `SELECT "a?b", $1`},
		{`SELECT "a""?" , ?`, `SELECT "a""?" , $1`},
		{`SELECT '"', ?, '"'`, `SELECT '"', $1, '"'`},
		{`SELECT 'open ?`, `SELECT 'open ?`},
		{`SELECT ? -- why?`, `SELECT $1 -- why?`},
		{"SELECT ? -- why?\n, ?", "SELECT $1 -- why?\n, $2"},
		{`SELECT /* ? ' */ ?`, `SELECT /* ? ' */ $1`},
		{`SELECT /* ? `, `SELECT /* ? `},
		{`SELECT ?-?, ?/?`, `SELECT $1-$2, $3/$4`},
		{`SELECT a->>'?' WHERE b = ?`, `SELECT a->>'?' WHERE b = $1`},
		{`SELECT 'ñ?', ? `, `SELECT 'ñ?', $1 `},
	} {
		for range 2 { // the second time from memory
			if got := rebound(c.query); got != c.want {
				t.Errorf("rebound(%q)\n got %q\nwant %q", c.query, got, c.want)
			}
		}
	}
}

// Putting the parameters back must give the text that went in: nothing but
// question marks is ever changed.
func FuzzRebind(f *testing.F) {
	for _, seed := range []string{`a = ?`, `'?' "?" ?`, "-- ?\n?", `/*?*/?`, `'''?`, `""?`, `-?/?*`, `/*/?`, "--\n?", `?1$1?`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := rebind(query)
		var back strings.Builder
		rest, n := got, 0
		for i := 0; i < len(query); i++ {
			if parameter := "$" + itoa(n+1); query[i] == '?' && strings.HasPrefix(rest, parameter) {
				n++
				rest = rest[len(parameter):]
				back.WriteByte('?')
				continue
			}
			if rest == "" {
				break
			}
			back.WriteByte(rest[0])
			rest = rest[1:]
		}
		if back.String() != query || rest != "" {
			t.Fatalf("rebind(%q) = %q", query, got)
		}
		if n == 0 && got != query {
			t.Fatalf("rebind(%q) = %q, without a parameter", query, got)
		}
		if plain := !strings.ContainsAny(query, `'"-/`); plain && n != strings.Count(query, "?") {
			t.Fatalf("rebind(%q) = %q, %d parameters", query, got, n)
		}
	})
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func TestInstantsAreWrittenAsDjangoWritesThemOnSQLite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"2024-01-02T03:04:05Z", "2024-01-02 03:04:05"},
		{"2024-01-02T03:04:05.000001Z", "2024-01-02 03:04:05.000001"},
		{"2024-01-02T03:04:05.12Z", "2024-01-02 03:04:05.120000"},
		{"2024-01-02T23:04:05-03:00", "2024-01-03 02:04:05"},
		{"2024-01-02T03:04:05.000000999Z", "2024-01-02 03:04:05"},
		{"0001-01-01T00:00:00Z", "0001-01-01 00:00:00"},
	} {
		instant, err := ParseInstant(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatInstant(instant); got != c.want {
			t.Errorf("%s is written as %q, want %q", c.in, got, c.want)
		}
	}
}

func TestInstantsAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"2024-01-02 03:04:05", "2024-01-02T03:04:05Z"},
		{"2024-01-02 03:04:05.1", "2024-01-02T03:04:05.1Z"},
		{"2024-01-02 03:04:05.12", "2024-01-02T03:04:05.12Z"},
		{"2024-01-02 03:04:05.123", "2024-01-02T03:04:05.123Z"},
		{"2024-01-02 03:04:05.1234", "2024-01-02T03:04:05.1234Z"},
		{"2024-01-02 03:04:05.12345", "2024-01-02T03:04:05.12345Z"},
		{"2024-01-02 03:04:05.123456", "2024-01-02T03:04:05.123456Z"},
		{"2024-01-02T03:04:05", "2024-01-02T03:04:05Z"},
		{"2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"},
		{"2024-01-02 03:04:05-03:00", "2024-01-02T06:04:05Z"},
		{"2024-01-02", "2024-01-02T00:00:00Z"},
		{"0001-01-01 00:00:00", "0001-01-01T00:00:00Z"},
		{"9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999Z"},
	} {
		got, err := ParseInstant(c.in)
		if err != nil || got.Format("2006-01-02T15:04:05.999999999Z07:00") != c.want {
			t.Errorf("%q is read as %v, %v; want %s", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "now", "2024-13-01 00:00:00", "2024-01-02 03:04", "1704164645", "2024-01-02 03:04:05 ñ"} {
		if got, err := ParseInstant(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
