package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/web"
)

// watched is a front whose log and observations can be looked at.
type watched struct {
	web.Front
	log      bytes.Buffer
	observed []web.Observed
}

// watch makes a front on a clock that moves a second at every look.
func watch() *watched {
	w := &watched{}
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	w.Front = web.Front{
		Log:      slog.New(slog.NewJSONHandler(&w.log, nil)),
		Clock:    func() time.Time { now = now.Add(time.Second); return now },
		Random:   bytes.NewReader(bytes.Repeat([]byte{0xab}, 1<<10)),
		Problems: problems(),
		Observe:  func(o web.Observed) { w.observed = append(w.observed, o) },
	}
	return w
}

func problems() *web.Problems {
	return &web.Problems{Catalog: locale.New(), Type: "urn:test:", Challenge: `Bearer realm="test"`}
}

func get(t testing.TB, path string, header ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// lines reads the log.
func (w *watched) lines(t testing.TB) (all []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(&w.log); ; {
		var line map[string]any
		err := d.Decode(&line)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
}

func problemOf(t testing.TB, w *httptest.ResponseRecorder) (p web.Problem) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("no problem: %v %v %s", err, w.Header(), w.Body)
	}
	return p
}

func TestEveryRequestHasAnIdAndALine(t *testing.T) {
	t.Parallel()
	f := watch()
	answer := serve(f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Note(r.Context(), slog.String("actor", "operator:opr_1"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, web.RequestID(r.Context()))
	})), get(t, "/v1/x?search=Ana+P%C3%A9rez"))
	id := answer.Header().Get("X-Request-Id")
	if id != strings.Repeat("ab", 16) || answer.Body.String() != id {
		t.Errorf("id %q, inside %q", id, answer.Body)
	}
	if d := cmp.Diff([]web.Observed{{Method: "GET", Status: 418, Took: time.Second}}, f.observed); d != "" {
		t.Error(d)
	}
	lines := f.lines(t)
	if len(lines) != 1 || lines[0]["request_id"] != id || lines[0]["path"] != "/v1/x" || lines[0]["status"] != 418.0 || lines[0]["actor"] != "operator:opr_1" ||
		lines[0]["bytes"] != 32.0 || lines[0]["level"] != "INFO" {
		t.Errorf("%v", lines)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store"} {
		if answer.Header().Get(name) != want {
			t.Errorf("%s: %q", name, answer.Header().Get(name))
		}
	}
}

func TestCallersIdIsTakenWhenItIsFitForALog(t *testing.T) {
	t.Parallel()
	for given, taken := range map[string]bool{
		"trace-1.A_z": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "ñ": false, "a\x7f": false, "{}": false,
	} {
		answer := serve(watch().Wrap(http.NotFoundHandler()), get(t, "/", "X-Request-Id", given))
		if id := answer.Header().Get("X-Request-Id"); (id == given) != taken || id == "" {
			t.Errorf("%q became %q", given, id)
		}
	}
}

func TestPanicIsAnInternalErrorThatTellsNothing(t *testing.T) {
	t.Parallel()
	f := watch()
	answer := serve(f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"x"`)
		panic("password=hunter2")
	})), get(t, "/"))
	p := problemOf(t, answer)
	if answer.Code != 500 || p.Code != "internal" || p.RequestID != answer.Header().Get("X-Request-Id") ||
		strings.Contains(answer.Body.String(), "hunter2") || answer.Header().Get("ETag") != "" {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	lines := f.lines(t)
	if len(lines) != 2 || lines[0]["panic"] != "password=hunter2" || !strings.Contains(lines[0]["stack"].(string), "web_test.go") || lines[1]["status"] != 500.0 {
		t.Errorf("%v", lines)
	}
	if len(f.observed) != 1 || f.observed[0].Status != 500 {
		t.Errorf("%+v", f.observed)
	}
}

// A client that has half an answer must not take it for a whole one.
func TestPanicInTheMiddleOfAnAnswerCutsItOff(t *testing.T) {
	t.Parallel()
	for _, defect := range []any{"late", http.ErrAbortHandler} {
		f := watch()
		f.Log, f.Observe = slog.New(slog.DiscardHandler), nil
		server := httptest.NewUnstartedServer(f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(defect)
		})))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		defer server.Close()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("%v: read %q to its end", defect, text)
		}
	}
}

// What runs out of time is no defect, whatever error came of it.
func TestRequestOutOfTimeIsToBeTriedAgain(t *testing.T) {
	t.Parallel()
	f := watch()
	f.Timeout = time.Nanosecond
	answer := serve(f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		f.Problems.Write(w, r, r.Context().Err())
	})), get(t, "/"))
	if p := problemOf(t, answer); answer.Code != 503 || p.Code != "busy" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestProblemOfEveryKind(t *testing.T) {
	t.Parallel()
	secret := errors.New("role tenantry on db.internal")
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{tenantry.NewError(tenantry.Usage, "usage"), 400, "usage"},
		{tenantry.NewError(tenantry.Invalid, "tenant.invalid"), 422, "tenant.invalid"},
		{tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated"), 401, "access.unauthenticated"},
		{tenantry.NewError(tenantry.Forbidden, "access.forbidden", "permission", "tenants.write"), 403, "access.forbidden"},
		{tenantry.NewError(tenantry.NotFound, "tenant.not_found"), 404, "tenant.not_found"},
		{tenantry.NewError(tenantry.Conflict, "tenant.name_taken", "name", "Acme").Because(secret), 409, "tenant.name_taken"},
		{tenantry.NewError(tenantry.Stale, "tenant.stale"), 412, "tenant.stale"},
		{tenantry.NewError(tenantry.Limited, "limited"), 429, "limited"},
		{tenantry.NewError(tenantry.Busy, "database.timeout").Because(secret), 503, "busy"},
		{tenantry.NewError(tenantry.Unavailable, "database.refused", "message", secret.Error()), 503, "unavailable"},
		{tenantry.NewError(tenantry.Internal, "surprise", "message", secret.Error()), 500, "internal"},
		{secret, 500, "internal"},
		{web.Refuse(http.StatusRequestEntityTooLarge, "web.too_large", "max", 10), 413, "web.too_large"},
	} {
		answer := serve(watch().Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { problems().Write(w, r, c.err) })), get(t, "/"))
		p := problemOf(t, answer)
		if answer.Code != c.status || p.Status != c.status || p.Code != c.code || p.Type != "urn:test:"+c.code || p.RequestID == "" || p.Title == "" || p.Detail == "" {
			t.Errorf("%v: %d %+v", c.err, answer.Code, p)
		}
		if strings.Contains(answer.Body.String(), "db.internal") || strings.HasPrefix(p.Title, "problem.") {
			t.Errorf("%v: %s", c.err, answer.Body)
		}
		if got := answer.Header().Get("WWW-Authenticate") != ""; got != (c.status == 401) {
			t.Errorf("%v: WWW-Authenticate %v", c.err, got)
		}
		if got := answer.Header().Get("Retry-After") != ""; got != (c.status == 503) {
			t.Errorf("%v: Retry-After %v", c.err, got)
		}
	}
}

func TestCauseOfAFailureIsInTheLogOnly(t *testing.T) {
	t.Parallel()
	for err, logged := range map[error]bool{
		errors.New("role tenantry on db.internal"):                                                  true,
		tenantry.NewError(tenantry.Unavailable, "database.refused", "message", "db.internal"):       true,
		tenantry.NewError(tenantry.NotFound, "tenant.not_found").Because(errors.New("db.internal")): false, // nobody's failure
	} {
		f := watch()
		serve(f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.Problems.Write(w, r, err) })), get(t, "/"))
		line := f.lines(t)[0]
		said, _ := line["error"].(string)
		if strings.Contains(said, "db.internal") != logged || (line["level"] == "ERROR") != logged {
			t.Errorf("%v: %v", err, line)
		}
	}
}

func TestProblemIsInTheCallersLanguageAndNamesItsFields(t *testing.T) {
	t.Parallel()
	err := tenantry.NewError(tenantry.Invalid, "tenant.invalid").WithFields(
		tenantry.NewFieldError("name", "field.required"), tenantry.NewFieldError(strings.Repeat("x", 200), "field.unknown"))
	said := func(lang string) web.Problem {
		t.Helper()
		answer := serve(watch().Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { problems().Write(w, r, err) })),
			get(t, "/", "Accept-Language", lang))
		if answer.Header().Get("Content-Language") != lang[:2] || answer.Header().Get("Vary") != "Accept-Language" {
			t.Errorf("header %v", answer.Header())
		}
		return problemOf(t, answer)
	}
	en, es := said("en"), said("es-CL")
	if en.Errors[0] != (web.FieldProblem{Field: "name", Code: "field.required", Message: "It must not be empty."}) || len(en.Errors[1].Field) > 110 {
		t.Errorf("%+v", en.Errors)
	}
	if es.Errors[0].Message != "No puede estar vacío." || es.Code != en.Code || es.Detail == en.Detail || es.Title == en.Title {
		t.Errorf("%+v and %+v", es, en)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	read := func(body io.Reader, length int64, media string) (string, error) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", body)
		r.ContentLength = length
		r.Header.Set("Content-Type", media)
		text, err := web.ReadBody(httptest.NewRecorder(), r, 10, "application/json")
		return string(text), err
	}
	const json = "application/json"
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		media  string
		status int
	}{
		"fits":              {strings.NewReader("0123456789"), 10, json, 200},
		"with a parameter":  {strings.NewReader("{}"), 2, json + "; charset=utf-8", 200},
		"without a type":    {strings.NewReader("{}"), 2, "", 200},
		"nothing of a type": {strings.NewReader(""), 0, "text/plain", 200},
		"says too much":     {iotest.ErrReader(errors.New("read")), 11, json, 413},
		"is too much":       {strings.NewReader("0123456789x"), -1, json, 413},
		"of another type":   {strings.NewReader("{}"), 2, "text/plain", 415},
		"of no type":        {strings.NewReader("{}"), 2, ";", 415},
		"breaks off":        {iotest.ErrReader(io.ErrUnexpectedEOF), 5, json, 400},
		"stalls":            {iotest.ErrReader(context.DeadlineExceeded), 5, json, 408},
	} {
		text, err := read(c.body, c.length, c.media)
		if web.Status(err) != c.status || err == nil && int64(len(text)) != c.length {
			t.Errorf("%s: %q, %v, want %d", name, text, err, c.status)
		}
	}
}

func TestAddressesThatCannotBeOpenedHaveAReason(t *testing.T) {
	t.Parallel()
	taken, err := web.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, code := range map[string]string{
		taken.Addr().String(): "web.port_in_use", "192.0.2.1:0": "web.bad_address", "nowhere": "web.bad_address", "127.0.0.1:99999": "web.bad_address",
	} {
		_, err := web.Listen(t.Context(), address)
		if !errors.Is(err, &tenantry.Error{Kind: tenantry.Unavailable, Code: code}) {
			t.Errorf("%s: %v, want %s", address, err, code)
		}
	}
}

func TestServerFinishesWhatItBeganAndThenStops(t *testing.T) {
	t.Parallel()
	l, err := web.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began, finish := make(chan struct{}), make(chan struct{})
	s := web.NewServer(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "done")
	}), slog.New(slog.DiscardHandler))
	if err := s.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address(), nil)
		if err != nil {
			t.Error(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			text <- err.Error()
			return
		}
		defer answer.Body.Close()
		all, _ := io.ReadAll(answer.Body)
		text <- string(all)
	}()
	<-began
	stopped := make(chan error)
	go func() { stopped <- s.Stop(t.Context()) }()
	close(finish)
	if got := <-text; got != "done" {
		t.Errorf("answer %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
		t.Error("it still answers")
	}
}
