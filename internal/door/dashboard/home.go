// Package dashboard is the way in for people with a browser. So far it has one
// page, the first: what this is, whether it is well, and where the API is
// described. It works without JavaScript and asks nobody else for anything.
package dashboard

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"

	"github.com/tenantry/tenantry/internal/base/locale"
)

//go:embed home.html home.css icon.svg
var files embed.FS

// Deps is what the pages stand on.
type Deps struct {
	Catalog *locale.Catalog
	Version string
	Healthy func(ctx context.Context) error
}

// Dashboard answers every page.
type Dashboard struct {
	Deps
	home  *template.Template
	files map[string]file // by path
}

// file is a part of the pages that is the same for everybody.
type file struct {
	kind string
	body []byte
}

// New makes the pages.
func New(d Deps) (*Dashboard, error) {
	home, err := template.ParseFS(files, "home.html")
	if err != nil {
		return nil, err
	}
	parts := map[string]file{}
	for name, kind := range map[string]string{"home.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		parts["/"+name] = file{kind, body}
	}
	return &Dashboard{Deps: d, home: home, files: parts}, nil
}

// page is what the template shows.
type page struct {
	Lang, Other string
	Version     string
	Missing     bool // no such page
	Healthy     bool
	Text        func(code string) string
}

// ServeHTTP answers "/", its style sheet and the icon of all pages, and says of
// everything else that it is not there.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	if f, ok := d.files[r.URL.Path]; ok {
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(f.body)
		return
	}
	tags := []string{r.Header.Get("Accept-Language")}
	if lang := r.URL.Query().Get("lang"); lang == "es" || lang == "en" {
		tags = []string{lang}
	}
	text := d.Catalog.Printer(tags...)
	p := page{Lang: text.Lang(), Other: "en", Version: d.Version, Missing: r.URL.Path != "/", Healthy: d.Healthy(r.Context()) == nil,
		Text: func(code string) string { return text.Text(code) }}
	if p.Lang == "en" {
		p.Other = "es"
	}
	var body bytes.Buffer
	if err := d.home.Execute(&body, p); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Lang)
	h.Set("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if p.Missing {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(body.Bytes())
}
