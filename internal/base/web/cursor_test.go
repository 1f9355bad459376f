package web_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/web"
)

var sealer = web.Sealer{Key: bytes.Repeat([]byte{7}, 32)}

func wantBadCursor(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, &tenantry.Error{Kind: tenantry.Invalid, Code: "page.bad_cursor"}) {
		t.Errorf("%s: error %v, want page.bad_cursor", what, err)
	}
}

func TestCursorOpensWhereItWasGivenOut(t *testing.T) {
	t.Parallel()
	for _, position := range []string{"x", `{"k": 7, "n": "ñ\u0000"}`, strings.Repeat("p", 4000), "\x00\xff"} {
		cursor := sealer.Seal(position, "tenants", "name", "")
		if got, err := sealer.Open(cursor, "tenants", "name", ""); got != position || err != nil {
			t.Errorf("%.20q became %.20q, %v", position, got, err)
		}
		if strings.ContainsAny(cursor, "+/= ") {
			t.Errorf("%q does not go into a URL as it is", cursor)
		}
	}
	if cursor := sealer.Seal("", "tenants"); cursor != "" {
		t.Errorf("the end of a list has the cursor %q", cursor)
	}
	if got, err := sealer.Open("", "tenants"); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCursorOpensNowhereElse(t *testing.T) {
	t.Parallel()
	cursor := sealer.Seal("p", "tenants", "name")
	for _, parts := range [][]string{nil, {"tenants"}, {"tenants", ""}, {"name", "tenants"}, {"tenantsname"}, {"tenants", "name", ""}, {"tenant", "sname"}, {"tenants4:name"}} {
		_, err := sealer.Open(cursor, parts...)
		wantBadCursor(t, strings.Join(parts, ","), err)
	}
	_, err := web.Sealer{Key: bytes.Repeat([]byte{8}, 32)}.Open(cursor, "tenants", "name")
	wantBadCursor(t, "another key", err)
}

func TestChangedCursorIsRefused(t *testing.T) {
	t.Parallel()
	cursor := sealer.Seal("position", "tenants")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for bit := range 8 {
			changed := bytes.Clone(text)
			changed[i] ^= 1 << bit
			_, err := sealer.Open(base64.RawURLEncoding.EncodeToString(changed), "tenants")
			wantBadCursor(t, "one bit", err)
		}
	}
	for i := range cursor {
		_, err := sealer.Open(cursor[:i]+cursor[i+1:], "tenants")
		wantBadCursor(t, "without a letter", err)
	}
	// Another spelling of the same bytes would be another cursor for a cache.
	for _, other := range []string{cursor + "=", cursor + "\n", " " + cursor, cursor[:len(cursor)-1] + string(cursor[len(cursor)-1]+1), "!", strings.Repeat("A", 10<<20),
		base64.RawURLEncoding.EncodeToString(make([]byte, 16))} {
		_, err := sealer.Open(other, "tenants")
		wantBadCursor(t, "another spelling", err)
	}
}

func FuzzNobodyForgesACursor(f *testing.F) {
	f.Add(sealer.Seal("p", "tenants"), "users")
	f.Add("AAAA", "")
	f.Fuzz(func(t *testing.T, cursor, part string) {
		position, err := sealer.Open(cursor, part)
		if err == nil && position != "" && sealer.Seal(position, part) != cursor {
			t.Errorf("%q opened as %q", cursor, position)
		}
	})
}
