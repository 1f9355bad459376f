package argparse

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reading is one command line on its way through a parser. As in argparse, all
// of it is classified before anything is acted upon, so that an ambiguous option
// at the end wins over a --help at the start.
type reading struct {
	parser      *Parser
	args        []string
	pattern     string              // one letter for each of args: O option, A argument, - the first "--"
	options     map[int]optionMatch // what each O means
	positionals []*Argument         // those not reached yet
	reached     map[*Argument]bool
	extras      []string
	values      Values
}

// optionMatch is an option string found in one of the args.
type optionMatch struct {
	argument *Argument // nil when it looks like an option that nobody declared
	name     string    // the option string, in full
	attached *string   // the value that came in the same arg, as in --name=value and -v2
}

func (p *Parser) read(args []string) (Values, *Exit) {
	r := &reading{
		parser:  p,
		args:    args,
		options: map[int]optionMatch{},
		reached: map[*Argument]bool{},
		values:  Values{parser: p, read: map[*Argument]*value{}},
	}
	for _, a := range p.arguments {
		if a.positional() {
			r.positionals = append(r.positionals, a)
		}
	}
	if exit := r.classify(); exit != nil {
		return Values{}, exit
	}
	if exit := r.consume(); exit != nil {
		return Values{}, exit
	}
	if missing := r.missing(); len(missing) > 0 {
		return Values{}, p.Fail("the following arguments are required: " + strings.Join(missing, ", "))
	}
	if len(r.extras) > 0 {
		return Values{}, p.Fail("unrecognized arguments: " + strings.Join(r.extras, " "))
	}
	return r.values, nil
}

func (r *reading) classify() *Exit {
	pattern := make([]byte, 0, len(r.args))
	for i, arg := range r.args {
		if arg == "--" {
			pattern = append(pattern, '-')
			pattern = append(pattern, strings.Repeat("A", len(r.args)-i-1)...)
			break
		}
		m, isOption, exit := r.parser.match(arg)
		if exit != nil {
			return exit
		}
		if isOption {
			r.options[i] = m
			pattern = append(pattern, 'O')
		} else {
			pattern = append(pattern, 'A')
		}
	}
	r.pattern = string(pattern)
	return nil
}

// negativeNumber is argparse's, whose \d takes every script's digits and whose $
// lets a line feed follow.
var negativeNumber = regexp.MustCompile(`^-(\p{Nd}+|\p{Nd}*\.\p{Nd}+)\n?$`)

// match decides whether an arg is an option, and which.
func (p *Parser) match(arg string) (m optionMatch, isOption bool, exit *Exit) {
	if arg == "" || arg[0] != '-' {
		return m, false, nil
	}
	if a := p.options[arg]; a != nil {
		return optionMatch{argument: a, name: arg}, true, nil
	}
	if arg == "-" {
		return m, false, nil
	}
	if name, attached, found := strings.Cut(arg, "="); found && p.options[name] != nil {
		return optionMatch{argument: p.options[name], name: name, attached: &attached}, true, nil
	}
	switch found := p.abbreviated(arg); {
	case len(found) == 1:
		return found[0], true, nil
	case len(found) > 1:
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = f.name
		}
		return m, false, p.Fail("ambiguous option: " + arg + " could match " + strings.Join(names, ", "))
	}
	if negativeNumber.MatchString(arg) && !p.numbered || strings.Contains(arg, " ") {
		return m, false, nil
	}
	return m, true, nil
}

// abbreviated returns what an arg that is no option string in full may stand
// for: the beginning of a long option, or a short one with its value attached.
func (p *Parser) abbreviated(arg string) []optionMatch {
	var found []optionMatch
	if strings.HasPrefix(arg, "--") {
		prefix, rest, hasRest := strings.Cut(arg, "=")
		for _, name := range p.spellings {
			if strings.HasPrefix(name, prefix) {
				m := optionMatch{argument: p.options[name], name: name}
				if hasRest {
					m.attached = &rest
				}
				found = append(found, m)
			}
		}
		return found
	}
	_, size := utf8.DecodeRuneInString(arg[1:])
	short, rest := arg[:1+size], arg[1+size:]
	for _, name := range p.spellings {
		switch {
		case name == short:
			found = append(found, optionMatch{argument: p.options[name], name: name, attached: &rest})
		case strings.HasPrefix(name, arg):
			found = append(found, optionMatch{argument: p.options[name], name: name})
		}
	}
	return found
}

// consume takes positionals and options in turn. As in Python 3.11, a positional
// that may be missing counts as missing if an option follows where it could
// stand: in `migrate tenants --plan 0002` the 0002 is one argument too many.
func (r *reading) consume() *Exit {
	last := strings.LastIndexByte(r.pattern, 'O')
	at := 0
	for at <= last {
		next := at + strings.IndexByte(r.pattern[at:], 'O')
		if at != next {
			end, exit := r.takePositionals(at)
			if exit != nil {
				return exit
			}
			if end > at {
				at = end
				continue
			}
			r.extras = append(r.extras, r.args[at:next]...)
		}
		end, exit := r.takeOption(next)
		if exit != nil {
			return exit
		}
		at = end
	}
	end, exit := r.takePositionals(at)
	if exit != nil {
		return exit
	}
	r.extras = append(r.extras, r.args[end:]...)
	return nil
}

// takeOption acts on the option at an index and returns the index behind it and
// its value. Several short flags may share one arg: -lp is -l -p.
func (r *reading) takeOption(at int) (int, *Exit) {
	m := r.options[at]
	if m.argument == nil {
		r.extras = append(r.extras, r.args[at])
		return at + 1, nil
	}
	// Nothing is acted upon before the whole arg is understood.
	end := at + 1
	var flags []*Argument
	for m.attached != nil && !m.argument.takesValue() {
		rest := *m.attached
		ignored := "ignored explicit argument " + repr(rest)
		if strings.HasPrefix(m.name, "--") {
			return 0, r.fail(m.argument, ignored)
		}
		_, size := utf8.DecodeRuneInString(rest)
		name := "-" + rest[:size]
		next := r.parser.options[name]
		if next == nil {
			return 0, r.fail(m.argument, ignored)
		}
		flags = append(flags, m.argument)
		m = optionMatch{argument: next, name: name}
		if rest = rest[size:]; rest != "" {
			m.attached = &rest
		}
	}
	if m.argument.takesValue() && m.attached == nil {
		if end >= len(r.args) || r.pattern[end] != 'A' {
			return 0, r.fail(m.argument, "expected one argument")
		}
		m.attached = &r.args[end]
		end++
	}
	for _, a := range flags {
		if exit := r.raise(a); exit != nil {
			return 0, exit
		}
	}
	if !m.argument.takesValue() {
		return end, r.raise(m.argument)
	}
	return end, r.store(m.argument, *m.attached)
}

// raise acts on an option without a value.
func (r *reading) raise(a *Argument) *Exit {
	switch a.kind {
	case kindHelp:
		return &Exit{Stdout: r.parser.Help()}
	case kindVersion:
		return &Exit{Stdout: r.parser.versionText(a)}
	}
	for _, rival := range a.rivals {
		if rival != a && r.reached[rival] {
			return r.fail(a, "not allowed with argument "+rival.name())
		}
	}
	r.reached[a] = true
	r.values.read[a] = &value{}
	return nil
}

// takePositionals acts on as many positionals as the args from an index on can
// fill, and returns the index behind them.
func (r *reading) takePositionals(at int) (int, *Exit) {
	counts := share(r.positionals, r.pattern[at:])
	for i, n := range counts {
		a := r.positionals[i]
		given := r.args[at : at+n]
		if dashes := strings.IndexByte(r.pattern[at:at+n], '-'); dashes >= 0 {
			given = slices.Delete(slices.Clone(given), dashes, dashes+1)
		}
		at += n
		r.reached[a] = true
		for _, arg := range given {
			if exit := r.store(a, arg); exit != nil {
				return 0, exit
			}
		}
	}
	r.positionals = r.positionals[len(counts):]
	return at, nil
}

// share tells how many args each positional gets, for the longest run of
// positionals that can be satisfied. The expressions are argparse's own
// definition of who gets what, the marker "--" included.
func share(positionals []*Argument, pattern string) []int {
	for n := len(positionals); n > 0; n-- {
		var expr strings.Builder
		expr.WriteByte('^')
		for _, a := range positionals[:n] {
			switch {
			case a.kind == kindTexts:
				expr.WriteString(`(-*[A-]*)`)
			case a.optional:
				expr.WriteString(`(-*A?-*)`)
			default:
				expr.WriteString(`(-*A-*)`)
			}
		}
		found := regexp.MustCompile(expr.String()).FindStringSubmatchIndex(pattern)
		if found == nil {
			continue
		}
		counts := make([]int, n)
		for i := range counts {
			counts[i] = found[2*i+3] - found[2*i+2]
		}
		return counts
	}
	return nil
}

// store reads one value of an argument.
func (r *reading) store(a *Argument, arg string) *Exit {
	r.reached[a] = true
	v := r.values.read[a]
	if v == nil {
		v = &value{}
	}
	shown := repr(arg)
	switch a.kind {
	case kindTexts:
		v.texts = append(v.texts, arg)
	case kindText:
		v.text = arg
	case kindInt:
		digits, ok := wholeNumber(arg)
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil && a.choices == nil {
			return r.fail(a, "invalid int value: "+shown)
		}
		// A number that does not fit is not among the choices either.
		arg, shown = digits, digits
		v.integer = n
	}
	if a.choices != nil && !slices.Contains(a.choices, arg) {
		choices := slices.Clone(a.choices)
		if a.kind != kindInt {
			for i, c := range choices {
				choices[i] = repr(c)
			}
		}
		return r.fail(a, "invalid choice: "+shown+" (choose from "+strings.Join(choices, ", ")+")")
	}
	r.values.read[a] = v
	return nil
}

// missing names the required arguments that were not given.
func (r *reading) missing() []string {
	var names []string
	for _, a := range r.parser.arguments {
		if a.positional() && !a.optional && !r.reached[a] {
			names = append(names, a.name())
		}
	}
	return names
}

func (r *reading) fail(a *Argument, message string) *Exit {
	return r.parser.Fail("argument " + a.name() + ": " + message)
}
