package test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// pageScript is what is asked of every page, in the page.
//
//go:embed testdata/page.js
var pageScript string

// seen is what it answers.
type seen struct {
	Title, Lang, Heading string
	Health               string   // how it says it is, "" where it does not say
	Width, Wide          int      // of the window, and of what is in it
	Dark                 bool     // light text on a dark ground
	Texts                int      // pieces of text looked at
	Faint                []string // those that stand out too little from their ground
	Links                []string
	Dangling             []string // links into the page that lead nowhere
}

// Every page of a program that serves, in a browser as people have it.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	program, ready := serve(t, sqldbtest.New(t, sqldb.SQLite))
	tab, complaints := browser(t)
	if err := <-ready; err != nil {
		t.Fatalf("%v\n%s", err, program.log)
	}
	pages := map[string]map[string][2]string{ // title and heading
		"/":        {"en": {"Tenantry", "The tenancy of an AI-agent platform"}, "es": {"Tenantry", "La gestión de tenants"}},
		"/v1/docs": {"en": {"Tenantry", "Management API"}, "es": {"Tenantry", "API de gestión"}},
	}
	links := map[string]bool{}
	for path, languages := range pages {
		for lang, want := range languages {
			for _, phone := range []bool{false, true} {
				for _, dark := range []bool{false, true} {
					name := fmt.Sprintf("%s in %s, phone %t, dark %t", path, lang, phone, dark)
					if err := chromedp.Do(tab, as(lang, phone, dark), chromedp.Navigate(program.Address+path)); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					s, err := chromedp.Run(tab, chromedp.Evaluate[seen](pageScript))
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if s.Lang != lang || !strings.Contains(s.Title, want[0]) || !strings.Contains(s.Heading, want[1]) {
						t.Errorf("%s: language %q, title %q, heading %q", name, s.Lang, s.Title, s.Heading)
					}
					if path == "/" && s.Health != "state well" {
						t.Errorf("%s: health %q", name, s.Health)
					}
					if s.Wide > s.Width {
						t.Errorf("%s: %d pixels wide in a window of %d", name, s.Wide, s.Width)
					}
					if s.Dark != dark {
						t.Errorf("%s: dark is %t", name, s.Dark)
					}
					if s.Texts < 5 || len(s.Faint) > 0 {
						t.Errorf("%s: of %d pieces of text too faint: %q", name, s.Texts, s.Faint)
					}
					if len(s.Dangling) > 0 {
						t.Errorf("%s: links to nothing in it: %q", name, s.Dangling)
					}
					for _, complaint := range complaints() {
						t.Errorf("%s: the browser says: %s", name, complaint)
					}
					for _, link := range s.Links {
						links[link] = true
					}
				}
			}
		}
	}
	if len(links) < 5 {
		t.Errorf("only these links: %v", links)
	}
	for link := range links {
		if u, err := url.Parse(link); err != nil || "http://"+u.Host != program.Address {
			t.Errorf("a link leads away: %s", link)
			continue
		}
		answer, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", link, answer.Status)
		}
	}
	// By hand, as it were: to the other language, and from there to the API.
	if err := chromedp.Do(tab, as("en", true, false), chromedp.Navigate(program.Address+"/"),
		chromedp.Click(chromedp.CSS(`a[hreflang="es"]`)), chromedp.WaitVisible(chromedp.CSS(`html[lang="es"] h1`)),
		chromedp.Click(chromedp.CSS(`a[href="/v1/docs"]`)), chromedp.WaitVisible(chromedp.CSS(`article`))); err != nil {
		t.Error(err)
	}
	if at, err := chromedp.Run(tab, chromedp.Location()); err != nil || at != program.Address+"/v1/docs" {
		t.Errorf("clicking through ends at %q, error %v", at, err)
	}
	program.stop(t)
}

// as makes the browser somebody's: of a language, at a desk or with a phone, by
// day or by night.
func as(lang string, phone, dark bool) chromedp.Action[chromedp.Void] {
	accepted := map[string]string{"es": "es-CL,es;q=0.9", "en": "en-GB,en;q=0.9"}[lang]
	width, height := int64(1280), int64(800)
	if phone {
		width, height = 360, 740
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, headers := cdp.Call(ctx, tab, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": accepted}})
		_, size := cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone})
		_, media := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return errors.Join(headers, size, media)
	})
}

// browser opens a tab of a browser of the test's own. complaints returns what
// it wrote to its console since the last call.
func browser(t *testing.T) (tab context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.Command("../scripts/chromium.sh", "find").Output()
	if err != nil {
		t.Fatal("no browser: run `make browser`, or `make test`, which does")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(strings.TrimSpace(string(path))), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	// Not t.Context(), which ends before the browser can be asked to.
	bounded, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	machine, stop := chromedp.NewExecAllocator(bounded, options...)
	tab, closeTab := chromedp.NewContext(machine)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits until nothing is left that writes to the folder
		closeTab()
		stop()
		cancel()
	})
	var mu sync.Mutex
	var said []string
	err = chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *cdpruntime.EventConsoleAPICalled:
			said = append(said, fmt.Sprintf("console.%s", e.Type))
		case *cdpruntime.EventExceptionThrown:
			said = append(said, e.ExceptionDetails.Text)
		case *cdplog.EventEntryAdded:
			said = append(said, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return tab, func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := said
		said = nil
		return all
	}
}
