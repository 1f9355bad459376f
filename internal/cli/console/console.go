// Package console is what a command stands on: its streams, its language, the
// tables, documents and progress it shows, and how its errors look. What is
// shown is each command's own affair.
package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
)

// Console is one run of a command.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Text     *locale.Printer
	JSON     bool // --output json
	Color    bool // Out is a terminal and nothing forbids it
	Terminal bool // Err is a terminal: progress may be drawn
	Prompt   bool // In is a terminal: questions may be asked
}

// New makes a console on three streams. Colour and progress bars are for
// terminals only, and NO_COLOR is honoured (https://no-color.org).
func New(in io.Reader, out, err io.Writer, getenv func(string) string) *Console {
	return &Console{
		In: in, Out: out, Err: err,
		Color:    isTerminal(out) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb",
		Terminal: hasWidth(err) && getenv("TERM") != "dumb",
		Prompt:   isTerminal(in),
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// hasWidth tells a terminal that a bar can be drawn on: where nobody told the
// terminal its size, which happens without a person in front of it, a bar would
// be no columns wide.
func hasWidth(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return err == nil && columns > 0
}

// Line prints a line of text as it stands.
func (c *Console) Line(text string) { fmt.Fprintln(c.Out, text) }

// Say prints the message that code names.
func (c *Console) Say(code string, params ...any) { fmt.Fprintln(c.Out, c.Text.Text(code, params...)) }

// Note prints the message that code names where it does not disturb a program
// that reads the output.
func (c *Console) Note(code string, params ...any) {
	fmt.Fprintln(c.Err, c.Text.Text(code, params...))
}

// Document prints one JSON document, for programs.
func (c *Console) Document(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Table prints rows under headings, for people. headings are message codes.
func (c *Console) Table(headings []string, rows [][]string) {
	w := tabwriter.NewWriter(c.Out, 0, 4, 2, ' ', 0)
	for i, h := range headings {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, strings.ToUpper(c.Text.Text(h)))
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		for i, cell := range r {
			r[i] = strings.Map(func(r rune) rune { // a name may hold what would break the table
				if r == '\t' || r == '\n' || r == '\r' || r == 0x1b {
					return ' '
				}
				return r
			}, cell)
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

// Style wraps text in an ANSI style when colour is wanted.
func (c *Console) Style(style, text string) string {
	if !c.Color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// Styles of Django's command line.
const (
	Success = "32;1"
	Heading = "36;1"
	Bold    = "1"
	Danger  = "31;1"
)

// ErrFindings is the error of a command that did its work and found something: it
// prints nothing more and exits with 3.
var ErrFindings = errors.New("console: findings")

// Silent is the error of a command that has said all there is to say, with the
// exit code to end with.
type Silent int

func (s Silent) Error() string { return fmt.Sprintf("console: exit %d", int(s)) }

// Fail prints an error for people, one line and a hint, and returns the exit
// code: 0 for none, 1 failed, 2 wrong usage, 3 findings, 4 refused.
func (c *Console) Fail(err error) int {
	var silent Silent
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrFindings):
		return 3
	case errors.As(err, &silent):
		return int(silent)
	}
	c.Complain("tenantry", err)
	return ExitCode(err)
}

// Complain prints an error after a prefix, and its hint.
func (c *Console) Complain(prefix string, err error) {
	message, hint := c.Text.Error(err)
	if tenantry.KindOf(err) == tenantry.Internal {
		// A defect of ours: whoever reports it needs more than an apology.
		message += " (" + err.Error() + ")"
	}
	fmt.Fprintf(c.Err, "%s: %s\n", prefix, oneLine(message))
	if hint != "" {
		fmt.Fprintf(c.Err, "hint: %s\n", oneLine(hint))
	}
}

// ExitCode is the exit code of an error by its kind.
func ExitCode(err error) int {
	switch tenantry.KindOf(err) {
	case tenantry.Usage:
		return 2
	case tenantry.Forbidden, tenantry.Unauthenticated:
		return 4
	}
	return 1
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Finding is the sentence of a finding.
func (c *Console) Finding(f tenantry.Finding) string {
	params := map[string]any{"Count": f.Count}
	for k, v := range f.Params {
		params[k] = v
	}
	return c.Text.Message("finding."+f.Code, params)
}
