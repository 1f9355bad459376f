package locale_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
)

func TestTheLanguageThatIsAskedForIsSpoken(t *testing.T) {
	t.Parallel()
	catalog := locale.New()
	for _, tt := range []struct {
		tags    []string
		want    string
		matched bool
	}{
		{nil, "en", false},
		{[]string{"", ""}, "en", false},
		{[]string{"es"}, "es", true},
		{[]string{"ES"}, "es", true},
		{[]string{"es-CL"}, "es", true},
		{[]string{"es_CL.UTF-8"}, "es", true},
		{[]string{"es_ES@euro"}, "es", true},
		{[]string{"es_ES.ISO-8859-15@euro"}, "es", true},
		{[]string{"es-419"}, "es", true},
		{[]string{"C", "es"}, "en", true},
		{[]string{"C.UTF-8"}, "en", true},
		{[]string{"POSIX"}, "en", true},
		{[]string{"en_US.UTF-8", "es"}, "en", true},
		{[]string{"", "es"}, "es", true},
		{[]string{"de", "es"}, "es", true},
		{[]string{"de-DE"}, "en", false},
		{[]string{"es-CL,es;q=0.9,en;q=0.8"}, "es", true},
		{[]string{"fr-CH, fr;q=0.9, en;q=0.7, es;q=0.8"}, "es", true},
		{[]string{"en;q=0.1,es;q=0.5"}, "es", true},
		{[]string{"de,*;q=0.5"}, "en", false},
		{[]string{"\x00\xff", "es"}, "es", true},
		{[]string{strings.Repeat("es-", 10000)}, "en", false},
	} {
		lang, matched := locale.Match(tt.tags...)
		if lang != tt.want || matched != tt.matched {
			t.Errorf("%.40q: %s, %v", tt.tags, lang, matched)
		}
		if p := catalog.Printer(tt.tags...); p.Lang() != tt.want {
			t.Errorf("%.40q: %s", tt.tags, p.Lang())
		}
	}
}

func TestAnErrorIsToldInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	catalog := locale.New()
	err := fmt.Errorf("around: %w", tenantry.NewError(tenantry.Usage, "config.unknown_key",
		"key", "databse.url", "where", "tenantry.toml:3", "suggestion", "database.url").Because(errors.New("a cause")))
	for lang, want := range map[string][2]string{
		"en": {"tenantry.toml:3: there is no setting databse.url.", "Did you mean database.url?"},
		"es": {"tenantry.toml:3: no existe el ajuste databse.url.", "¿Quiso decir database.url?"},
	} {
		if message, hint := catalog.Printer(lang).Error(err); message != want[0] || hint != want[1] {
			t.Errorf("%s: %q, %q", lang, message, hint)
		}
	}
}

func TestFieldsAreToldOneByOne(t *testing.T) {
	t.Parallel()
	err := tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(
		tenantry.NewFieldError("permission", "access.forbidden", "permission", "x"),
		tenantry.NewFieldError("id", "id.malformed", "value", "a\nb", "prefix", "tnt_"),
	)
	message, hint := locale.New().Printer().Error(err)
	if message != "The request is not valid: permission: This needs the permission x; id: a b is not an id; it would look like tnt_ and 26 letters and digits" || hint == "" {
		t.Errorf("%q, %q", message, hint)
	}
}

func TestWhatIsNotKnownIsStillSaid(t *testing.T) {
	t.Parallel()
	p := locale.New().Printer("en")
	if got := p.Text("no.such_code"); got != "no.such_code" {
		t.Errorf("got %q", got)
	}
	if got := p.Text("no.such_code", "b", 2, "a", "x"); got != "no.such_code (a=x, b=2)" {
		t.Errorf("got %q", got)
	}
	if message, hint := p.Error(tenantry.NewError(tenantry.Conflict, "no.such_code", "n", 1)); message != "no.such_code (n=1)" || hint != "" {
		t.Errorf("%q, %q", message, hint)
	}
	if got := p.Text("access.forbidden"); got != "This needs the permission ?." {
		t.Errorf("a parameter that is missing: %q", got)
	}
	message, hint := p.Error(errors.New(`pq: syntax error at or near "hunter2"`))
	if message != p.Text("internal") || hint != p.Text("internal.hint") || message == "internal" {
		t.Errorf("an error of unknown origin: %q, %q", message, hint)
	}
}

func TestAnErrorStaysOneBearableLineAndKeepsSecrets(t *testing.T) {
	t.Parallel()
	const canary = "ai_canary_0123456789"
	for _, value := range []any{
		"two\nlines\r\x1b[31mred\u2028x", strings.Repeat("ñ", 5<<20), strings.Repeat("\xff", 1000), tenantry.NewSecret(canary), errors.New("a\nb"),
	} {
		for _, code := range []string{"access.forbidden", "no.such_code"} {
			message, _ := locale.New().Printer().Error(tenantry.NewError(tenantry.Invalid, code, "permission", value))
			if strings.ContainsFunc(message, unicode.IsControl) || utf8.RuneCountInString(message) > 600 || !utf8.ValidString(message) || strings.Contains(message, canary) {
				t.Errorf("%.80q", message)
			}
		}
	}
}

func TestPrintersWorkSideBySide(t *testing.T) {
	t.Parallel()
	catalog := locale.New()
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			lang := locale.Languages()[i%2]
			want := map[string]string{"en": "This needs the permission p.", "es": "Para esto hace falta el permiso p."}[lang]
			if got := catalog.Printer(lang).Text("access.forbidden", "permission", "p"); got != want {
				t.Errorf("%s: %q", lang, got)
			}
		})
	}
	wait.Wait()
}

// BenchmarkPrinter is what every command pays; BenchmarkFirstText what the
// first that has something to say pays on top.
func BenchmarkPrinter(b *testing.B) {
	for b.Loop() {
		locale.New().Printer("", "es_CL.UTF-8")
	}
}

func BenchmarkFirstText(b *testing.B) {
	for b.Loop() {
		locale.New().Printer("es").Text("access.forbidden", "permission", "p")
	}
}

func BenchmarkText(b *testing.B) {
	p := locale.New().Printer("es")
	for b.Loop() {
		p.Text("access.forbidden", "permission", "p")
	}
}
