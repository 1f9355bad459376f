// Package web is the mechanism of HTTP: requests with an id, a line in the log
// and an end, routes, bodies, cursors, and errors as problem+json (RFC 9457) in
// the caller's language. What the routes are, who may use them and what they
// answer is for the doors to say.
package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
)

// Front stands before every handler of a server: it gives each request an id and
// a deadline, turns a panic into a 500, and reports how it went.
type Front struct {
	Log      *slog.Logger
	Clock    tenantry.Clock
	Random   io.Reader // for ids of requests that bring none
	Problems *Problems
	Timeout  time.Duration    // of a request; 30 s when zero
	Observe  func(r Observed) // may be nil
	// Conceal takes out of a path what must not stand in a log; it may be nil.
	Conceal func(path string) string
}

// Observed is how one request went. Route is the pattern that it matched, "" for
// none, so that it has few values whatever strangers ask for.
type Observed struct {
	Method, Route string
	Status        int
	Took          time.Duration
}

// Wrap puts the front before a handler.
func (f Front) Wrap(next http.Handler) http.Handler {
	if f.Timeout == 0 {
		f.Timeout = 30 * time.Second
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := f.Clock()
		x := &exchange{id: f.requestID(r)}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), exchangeKey{}, x), f.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
		out := &writer{ResponseWriter: w}
		secure(out.Header())
		out.Header().Set("X-Request-Id", x.id)

		defer func() {
			defect := recover()
			if defect != nil && defect != http.ErrAbortHandler {
				f.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("request_id", x.id),
					slog.String("panic", fmt.Sprint(defect)), slog.String("stack", string(debug.Stack())))
				if out.status == 0 {
					f.Problems.Write(out, r, tenantry.NewError(tenantry.Internal, "internal"))
					defect = nil
				}
			}
			f.report(ctx, r, x, out, started)
			if defect != nil { // the answer has begun: only cutting it off tells the client
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(out, r)
	})
}

func (f Front) report(ctx context.Context, r *http.Request, x *exchange, out *writer, started time.Time) {
	took := f.Clock().Sub(started)
	status := out.status
	if status == 0 {
		status = http.StatusOK
	}
	if f.Observe != nil {
		f.Observe(Observed{Method: r.Method, Route: x.route, Status: status, Took: took})
	}
	path := r.URL.Path
	if f.Conceal != nil {
		path = f.Conceal(path)
	}
	// Not the query: people search for names.
	attrs := append([]slog.Attr{
		slog.String("request_id", x.id), slog.String("method", clip(r.Method, 20)), slog.String("path", clip(path, 200)),
		slog.Int("status", status), slog.Int64("bytes", out.bytes), slog.Duration("took", took), slog.String("remote", r.RemoteAddr),
	}, x.attrs...)
	level := slog.LevelInfo
	if x.failure != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", x.failure.Error()))
	}
	f.Log.LogAttrs(ctx, level, "request", attrs...)
}

// requestID takes the caller's own id when it is fit for a log, so that a trace
// can be followed through several programs.
func (f Front) requestID(r *http.Request) string {
	if given := requestIDOf(r); given != "" {
		return given
	}
	var b [16]byte
	if _, err := io.ReadFull(f.Random, b[:]); err != nil {
		panic("web: no randomness: " + err.Error())
	}
	return hex.EncodeToString(b[:])
}

// requestIDOf is the caller's own id, "" for none that is fit for a log.
func requestIDOf(r *http.Request) string {
	const longest = 64
	given := r.Header.Get("X-Request-Id")
	if given == "" || len(given) > longest || strings.Trim(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return given
}

// exchange is what is known of a request while it is served. One goroutine
// serves it.
type exchange struct {
	id      string
	route   string
	attrs   []slog.Attr
	failure error
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// RequestID returns the id of the request being served, "" outside of one.
func RequestID(ctx context.Context) string { return exchangeOf(ctx).id }

// Note adds attributes to the request's line in the log.
func Note(ctx context.Context, attrs ...slog.Attr) {
	x := exchangeOf(ctx)
	x.attrs = append(x.attrs, attrs...)
}

// writer knows what was answered.
type writer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// PagePolicy is the Content-Security-Policy of pages: style sheets and pictures
// of our own, no script, nothing of anybody else's.
const PagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets what holds for every answer unless a door decides otherwise.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func clip(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}
