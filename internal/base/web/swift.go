package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tenantry/tenantry"
)

// Swift is what stands before the few handlers that are asked thousands of times
// a second, in place of Front: a request gets an id and an end, a panic becomes a
// 500 and what went wrong a problem, but there is no line in the log for each,
// and no deadline beyond the server's.
type Swift struct {
	log      *slog.Logger
	clock    tenantry.Clock
	problems *Problems
	prefix   string // of ids; the rest is counted
	served   atomic.Uint64
}

// NewSwift makes a Swift; random gives its ids a beginning of their own.
func NewSwift(log *slog.Logger, clock tenantry.Clock, random io.Reader, problems *Problems) *Swift {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("web: no randomness: " + err.Error())
	}
	return &Swift{log: log, clock: clock, problems: problems, prefix: hex.EncodeToString(b[:]) + "-"}
}

// Handle makes a handler of one that returns its error. observe is told how each
// request went; it may be nil. The handler must not keep the request.
func (s *Swift) Handle(observe func(status int, took time.Duration), handle func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.clock()
		out := &writer{ResponseWriter: w}
		id := requestIDOf(r)
		if id == "" {
			id = s.prefix + strconv.FormatUint(s.served.Add(1), 36)
		}
		h := w.Header()
		h["X-Request-Id"] = []string{id}
		h["Cache-Control"] = noStore
		h["X-Content-Type-Options"] = noSniff
		defer func() {
			if defect := recover(); defect != nil {
				if defect == http.ErrAbortHandler {
					panic(defect)
				}
				s.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request_id", id),
					slog.String("panic", fmt.Sprint(defect)), slog.String("stack", string(debug.Stack())))
				if out.status != 0 { // the answer has begun: only cutting it off tells the client
					panic(http.ErrAbortHandler)
				}
				s.fail(out, r, id, tenantry.NewError(tenantry.Internal, "internal"))
			}
			if observe != nil {
				observe(out.status, s.clock().Sub(started))
			}
		}()
		if err := handle(out, r); err != nil {
			s.fail(out, r, id, err)
		}
		if out.status == 0 {
			out.status = http.StatusOK
		}
	})
}

// Shared values of headers: nobody adds to them.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

func (s *Swift) fail(w http.ResponseWriter, r *http.Request, id string, err error) {
	x := &exchange{id: id}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	secure(w.Header())
	s.problems.Write(w, r, err)
	if x.failure != nil {
		s.log.LogAttrs(r.Context(), slog.LevelError, "request", slog.String("request_id", id),
			slog.String("path", clip(r.URL.Path, 200)), slog.String("error", x.failure.Error()))
	}
}
