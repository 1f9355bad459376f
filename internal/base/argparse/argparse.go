// Package argparse reads command lines by the grammar of Python 3.11's argparse
// and answers with its usage, help and errors, byte for byte, so that people who
// typed `python manage.py …` for years meet what they know. It knows options and
// arguments; which commands exist and what they do is its caller's business.
//
// Two things differ from Python 3.11 on purpose. Integers end at 64 bits: what
// does not fit is an invalid int value. And where 3.11 loses a second "--" (it
// turns `--database=--` into an empty list, mended in Python 3.13), "--" is the
// value. Text given to this package is literal: Python's %(prog)s and %% mean
// nothing in it.
package argparse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parser holds what one command accepts. Declare arguments first; after that it
// does not change, and may be used from several goroutines.
type Parser struct {
	prog        string
	description string
	columns     int
	arguments   []*Argument
	options     map[string]*Argument
	spellings   []string // every option string, in the order of declaration
	numbered    bool     // has an option like -1, so that no negative number is a value by itself
}

// New makes the parser of a command that is shown as prog, for example
// "manage.py migrate", with -h and --help declared. An empty description is not
// shown.
func New(prog, description string) *Parser {
	p := &Parser{prog: prog, description: description, columns: 80, options: map[string]*Argument{}}
	p.option(&Argument{kind: kindHelp, help: "show this help message and exit"}, "-h --help")
	return p
}

// Columns sets the width of the terminal for which usage and help are laid out,
// 80 unless set. See [TerminalColumns].
func (p *Parser) Columns(n int) *Parser {
	p.columns = n
	return p
}

// Flag declares an option that takes no value. names are its option strings in
// the order in which they are shown, separated by spaces: "--list -l".
func (p *Parser) Flag(names, help string) *Argument {
	return p.option(&Argument{kind: kindFlag, help: help}, names)
}

// String declares an option with one value; absent is the value when it is not
// given.
func (p *Parser) String(names, absent, help string) *Argument {
	return p.option(&Argument{kind: kindText, text: absent, help: help}, names)
}

// Strings declares an option that may be repeated and collects its values.
func (p *Parser) Strings(names, help string) *Argument {
	return p.option(&Argument{kind: kindTexts, help: help}, names)
}

// Choice declares a String whose value must be one of choices.
func (p *Parser) Choice(names string, choices []string, absent, help string) *Argument {
	return p.option(&Argument{kind: kindText, choices: choices, text: absent, help: help}, names)
}

// Int declares an option with one whole number and no default: absent is not
// zero.
func (p *Parser) Int(names, help string) *Argument {
	return p.option(&Argument{kind: kindInt, help: help}, names)
}

// IntChoice declares an option with one whole number out of choices; absent is
// the value when it is not given.
func (p *Parser) IntChoice(names string, choices []int64, absent int64, help string) *Argument {
	a := &Argument{kind: kindInt, integer: absent, defaulted: true, help: help}
	for _, c := range choices {
		a.choices = append(a.choices, strconv.FormatInt(c, 10))
	}
	return p.option(a, names)
}

// Version declares an option that shows text on standard output and ends.
func (p *Parser) Version(names, text, help string) *Argument {
	return p.option(&Argument{kind: kindVersion, text: text, help: help}, names)
}

// Positional declares a required argument.
func (p *Parser) Positional(name, help string) *Argument {
	return p.positional(&Argument{kind: kindText, help: help}, name)
}

// OptionalPositional declares an argument that may be missing.
func (p *Parser) OptionalPositional(name, help string) *Argument {
	return p.positional(&Argument{kind: kindText, optional: true, help: help}, name)
}

// Positionals declares any number of arguments, none included. Only when the
// positionals before it are missing does argparse call it required as well.
func (p *Parser) Positionals(name, help string) *Argument {
	return p.positional(&Argument{kind: kindTexts, help: help}, name)
}

// Exclusive says that at most one of these flags may be given. They are to be
// declared one after the other.
func (p *Parser) Exclusive(flags ...*Argument) {
	for _, a := range flags {
		if a.kind != kindFlag {
			panic("argparse: only flags exclude each other, not " + a.name())
		}
		a.rivals = flags
	}
}

// Parse reads the arguments that follow the command's name. The error is always
// an [*Exit].
func (p *Parser) Parse(args []string) (Values, error) {
	values, exit := p.read(args)
	if exit != nil {
		return Values{}, exit
	}
	return values, nil
}

// Fail is how the command ends when its caller finds a fault that the grammar
// cannot: usage, message and exit code are those of the parser's own errors.
func (p *Parser) Fail(message string) *Exit {
	message = backslashReplace(message)
	return &Exit{Code: 2, Message: message, Stderr: p.Usage() + p.prog + ": error: " + message + "\n"}
}

// Exit is an end of the program that the command line itself asks for: wrong
// use, help or version.
type Exit struct {
	Code    int    // 2 for wrong use, 0 for help and version
	Stdout  string // to be written as it is
	Stderr  string // to be written as it is: usage and error
	Message string // of wrong use, without what Stderr puts around it
}

func (e *Exit) Error() string {
	if e.Code == 0 {
		return "help or version was asked for"
	}
	return e.Message
}

// Values is what a command line said. Arguments are asked for by any of the
// names under which they were declared ("--tenant-id", "-v", "app_label"); a
// name that was not, or another kind of value, is a defect and panics.
type Values struct {
	parser *Parser
	read   map[*Argument]*value
}

type value struct {
	text    string
	texts   []string
	integer int64
}

// Bool reports whether a flag was given.
func (v Values) Bool(name string) bool {
	return v.read[v.find(name, kindFlag)] != nil
}

// Int returns a number, given or default; ok is false when there is neither.
func (v Values) Int(name string) (n int64, ok bool) {
	a := v.find(name, kindInt)
	if r := v.read[a]; r != nil {
		return r.integer, true
	}
	return a.integer, a.defaulted
}

// String returns the text given for name, or its default. [Values.Given] tells
// an absent one from an empty one.
func (v Values) String(name string) string {
	a := v.find(name, kindText)
	if r := v.read[a]; r != nil {
		return r.text
	}
	return a.text
}

// Strings returns the values of a repeated option or of Positionals in order.
func (v Values) Strings(name string) []string {
	if r := v.read[v.find(name, kindTexts)]; r != nil {
		return r.texts
	}
	return nil
}

// Given reports whether the command line itself has the argument.
func (v Values) Given(name string) bool {
	return v.read[v.find(name, kindFlag, kindInt, kindText, kindTexts)] != nil
}

func (v Values) find(name string, kinds ...kind) *Argument {
	a := v.parser.options[name]
	if a == nil {
		i := slices.IndexFunc(v.parser.arguments, func(a *Argument) bool { return a.positional() && a.dest == name })
		if i < 0 {
			panic("argparse: nobody declared " + name)
		}
		a = v.parser.arguments[i]
	}
	if !slices.Contains(kinds, a.kind) {
		panic(fmt.Sprintf("argparse: %s is a %s", name, a.kind))
	}
	return a
}

// Argument is one option or positional argument of a parser.
type Argument struct {
	names     []string // option strings; a positional has none
	dest      string   // what stands for the value when there is no metavar
	metavar   string
	help      string
	kind      kind
	optional  bool // a positional that may be missing
	choices   []string
	text      string // default, or the text of a version
	integer   int64  // default
	defaulted bool   // an integer with a default
	trailing  bool   // shown behind those that are not
	rivals    []*Argument
}

// Metavar sets what usage and help show in place of the value.
func (a *Argument) Metavar(name string) *Argument {
	a.metavar = name
	return a
}

// kind says what an argument takes.
type kind string

const (
	kindFlag    kind = "flag"
	kindInt     kind = "number"
	kindText    kind = "text"
	kindTexts   kind = "list of texts"
	kindHelp    kind = "help option"
	kindVersion kind = "version option"
)

func (a *Argument) positional() bool { return len(a.names) == 0 }

// takesValue is for options.
func (a *Argument) takesValue() bool {
	return a.kind == kindInt || a.kind == kindText || a.kind == kindTexts
}

// name is how errors call the argument.
func (a *Argument) name() string {
	switch {
	case !a.positional():
		return strings.Join(a.names, "/")
	case a.metavar != "":
		return a.metavar
	}
	return a.dest
}

func (p *Parser) option(a *Argument, names string) *Argument {
	a.names = strings.Fields(names)
	long := slices.IndexFunc(a.names, func(n string) bool { return strings.HasPrefix(n, "--") })
	for _, n := range a.names {
		if len(n) < 2 || n[0] != '-' || n == "--" || p.options[n] != nil {
			panic(fmt.Sprintf("argparse: %q cannot be an option, or already is", n))
		}
		p.options[n] = a
		p.spellings = append(p.spellings, n)
		p.numbered = p.numbered || negativeNumber.MatchString(n)
	}
	a.dest = strings.ReplaceAll(strings.TrimLeft(a.names[max(long, 0)], "-"), "-", "_")
	p.arguments = append(p.arguments, a)
	return a
}

func (p *Parser) positional(a *Argument, name string) *Argument {
	a.dest = name
	p.arguments = append(p.arguments, a)
	return a
}
