package dashboard_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/door/dashboard"
)

// visit asks for a page of a house that is well unless ill says why not.
func visit(t testing.TB, ill error, method, url, languages string) *httptest.ResponseRecorder {
	t.Helper()
	pages, err := dashboard.New(dashboard.Deps{Catalog: locale.New(), Version: "1.2.3 <b>", Healthy: func(context.Context) error { return ill }})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, url, nil)
	if languages != "" {
		r.Header.Set("Accept-Language", languages)
	}
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w
}

// wantPage checks what a page says and what it does not.
func wantPage(t testing.TB, w *httptest.ResponseRecorder, status int, lang string, says, not string) {
	t.Helper()
	body := w.Body.String()
	if w.Code != status || w.Header().Get("Content-Language") != lang || !strings.Contains(body, `<html lang="`+lang+`">`) {
		t.Errorf("%d, header %v, want %d in %s", w.Code, w.Header(), status, lang)
	}
	if !strings.Contains(body, says) || strings.Contains(body, not) {
		t.Errorf("wants %q and not %q:\n%s", says, not, body)
	}
	// A code in the place of its message.
	if strings.Contains(body, ">home.") {
		t.Errorf("a message is missing:\n%s", body)
	}
}

func TestHomeIsInTheVisitorsLanguage(t *testing.T) {
	t.Parallel()
	const english, spanish = "Everything is well", "Todo está bien"
	for _, c := range []struct{ url, languages, lang, says, not string }{
		{"/", "", "en", english, spanish},
		{"/", "es-CL,es;q=0.9,en;q=0.8", "es", spanish, english},
		{"/", "de, es;q=0.5", "es", spanish, english},
		{"/", "de", "en", english, spanish},
		{"/", "nonsense;;q=x", "en", english, spanish},
		{"/?lang=es", "en", "es", spanish, english},
		{"/?lang=en", "es", "en", english, spanish},
		{"/?lang=%3Cscript%3E", "es", "es", spanish, "<script>"},
	} {
		w := visit(t, nil, "GET", c.url, c.languages)
		wantPage(t, w, 200, c.lang, c.says, c.not)
		other := map[string]string{"en": `href="/?lang=es"`, "es": `href="/?lang=en"`}[c.lang]
		if !strings.Contains(w.Body.String(), other) {
			t.Errorf("%s %s: no way to the other language", c.url, c.languages)
		}
	}
}

func TestHomeSaysWhenTheHouseIsIll(t *testing.T) {
	t.Parallel()
	ill := errors.New("db.internal refuses role tenantry")
	en, es := visit(t, ill, "GET", "/", "en"), visit(t, ill, "GET", "/", "es")
	wantPage(t, en, 200, "en", "The database does not answer", "Everything is well")
	wantPage(t, es, 200, "es", "La base de datos no responde", "Todo está bien")
	if strings.Contains(en.Body.String(), "db.internal") {
		t.Error("the cause is shown to strangers")
	}
}

func TestPageThatIsNotThereIsInTheVisitorsLanguage(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/nothing", "/home.html", "/home.css/", "/../etc/passwd"} {
		wantPage(t, visit(t, nil, "GET", path, "es"), 404, "es", "Esta página no existe", "Todo está bien")
		wantPage(t, visit(t, nil, "GET", path, "en"), 404, "en", "There is no such page", "Everything is well")
	}
}

func TestPagesAskNobodyElseForAnything(t *testing.T) {
	t.Parallel()
	w := visit(t, nil, "GET", "/", "")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	body := w.Body.String()
	for _, foreign := range []string{"http://", "https://", "//", "<script", "style="} {
		if strings.Contains(body, foreign) {
			t.Errorf("%q in the page:\n%s", foreign, body)
		}
	}
	if !strings.Contains(body, "1.2.3 &lt;b&gt;") {
		t.Error("the version is not shown as text")
	}
	if w.Header().Get("Vary") != "Accept-Language" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", w.Header())
	}
}

func TestStyleSheetIsServed(t *testing.T) {
	t.Parallel()
	w := visit(t, nil, "GET", "/home.css", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || !strings.Contains(w.Body.String(), "{") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestPagesAreOnlyRead(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		if w := visit(t, nil, method, "/", ""); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	if w := visit(t, nil, http.MethodHead, "/", ""); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}
