// Package logs opens a program's log/slog loggers: one main log, and named
// channels that each go to a rotated file of their own and nowhere else. It
// decides where lines go and how they look; what is worth a line is decided
// where things happen, and what must be provable belongs in an audit, not here.
package logs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/tenantry/tenantry"
)

// Options says what to open.
type Options struct {
	Output   io.Writer         // of the main log; os.Stderr in a program
	Text     bool              // the main log as text for people instead of JSON lines
	Level    slog.Level        // of the main log; channels are always at INFO
	Channels map[string]string // file by channel name
	Clock    tenantry.Clock    // stamps every line, in UTC

	// Rotation of the channels' files; zero means 100 MB, 10 old files, and no
	// limit of age.
	MaxMegabytes, MaxBackups, MaxDays int
}

// Logs is the open loggers. Close it last, when nothing can log any more.
type Logs struct {
	main     *slog.Logger
	channels map[string]*slog.Logger
	files    []*lumberjack.Logger
}

// Open opens the main log and every channel. A file that cannot be written is
// found now and not with the first line: the error is Unavailable,
// "logs.unwritable".
func Open(o Options) (*Logs, error) {
	form := &slog.HandlerOptions{Level: o.Level}
	var handler slog.Handler = slog.NewJSONHandler(o.Output, form)
	if o.Text {
		handler = slog.NewTextHandler(o.Output, form)
	}
	l := &Logs{main: slog.New(stamped{handler, o.Clock}), channels: map[string]*slog.Logger{}}
	for name, path := range o.Channels {
		if err := prepare(path); err != nil {
			return nil, tenantry.NewError(tenantry.Unavailable, "logs.unwritable", "file", path, "reason", reason(err)).Because(err)
		}
		file := &lumberjack.Logger{
			Filename: path,
			MaxSize:  or(o.MaxMegabytes, 100), MaxBackups: or(o.MaxBackups, 10), MaxAge: o.MaxDays,
		}
		l.files = append(l.files, file)
		lines := slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelInfo})
		watched := reporting{stamped{lines, o.Clock}, l.main.With("channel", name, "file", path)}
		l.channels[name] = slog.New(watched).With("channel", name)
	}
	return l, nil
}

// Main returns the program's own log.
func (l *Logs) Main() *slog.Logger { return l.main }

// Channel returns a channel that Options named. It panics on any other name,
// which is a mistake in the wiring.
func (l *Logs) Channel(name string) *slog.Logger {
	c, ok := l.channels[name]
	if !ok {
		panic("logs: no channel " + name)
	}
	return c
}

// Close closes the channels' files. Every line is written out as it is logged,
// so nothing is held back that could be lost.
func (l *Logs) Close() error {
	var all error
	for _, f := range l.files {
		all = errors.Join(all, f.Close())
	}
	return all
}

// prepare makes the folder and the file, readable by nobody else: the rotating
// writer would wait with both until the first line.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func or(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// stamped gives every line the program's time instead of the machine's, in UTC.
type stamped struct {
	slog.Handler
	clock tenantry.Clock
}

func (h stamped) Handle(ctx context.Context, r slog.Record) error {
	r.Time = h.clock().UTC()
	return h.Handler.Handle(ctx, r)
}

func (h stamped) WithAttrs(a []slog.Attr) slog.Handler {
	return stamped{h.Handler.WithAttrs(a), h.clock}
}
func (h stamped) WithGroup(name string) slog.Handler {
	return stamped{h.Handler.WithGroup(name), h.clock}
}

// reporting says in the main log that a channel lost a line: slog drops the
// errors of handlers, and a security log that stops must not stop in silence.
// The line itself stays out of the main log.
type reporting struct {
	slog.Handler
	main *slog.Logger
}

func (h reporting) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if err != nil {
		h.main.ErrorContext(ctx, "a line of a log channel was lost", "error", err)
	}
	return err
}

func (h reporting) WithAttrs(a []slog.Attr) slog.Handler {
	return reporting{h.Handler.WithAttrs(a), h.main}
}

func (h reporting) WithGroup(name string) slog.Handler {
	return reporting{h.Handler.WithGroup(name), h.main}
}
