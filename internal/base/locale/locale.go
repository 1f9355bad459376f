// Package locale turns codes into sentences in the language of the person who
// reads them. Everything the program says stands in en.toml and es.toml, keyed
// by code; the code that finds something wrong knows its code and nothing of
// languages, and the door that answers picks the Printer.
package locale

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"

	"github.com/tenantry/tenantry"
)

//go:embed en.toml es.toml
var files embed.FS

// Languages are those that everything is written in, the default first.
func Languages() []string { return []string{"en", "es"} }

// Match returns the first of our languages that somebody asks for. A tag is
// BCP 47 ("es-CL"), POSIX ("es_CL.UTF-8", "C") or an Accept-Language header;
// tags are tried in order, "" and what is not understood are passed over. When
// none is ours, it returns the default and false.
func Match(tags ...string) (lang string, matched bool) {
	for _, tag := range tags {
		asked, _, err := language.ParseAcceptLanguage(fromPOSIX(tag))
		if err != nil {
			continue
		}
		for _, a := range asked {
			base, _ := a.Base()
			if slices.Contains(Languages(), base.String()) {
				return base.String(), true
			}
		}
	}
	return Languages()[0], false
}

// Catalog holds the messages of every language, each read when it is first
// spoken: most commands say nothing of it, and all of them start with it.
type Catalog struct {
	languages map[string]func() *i18n.Localizer
}

// New makes the catalogue of the messages in the program.
func New() *Catalog {
	c := &Catalog{languages: map[string]func() *i18n.Localizer{}}
	for _, lang := range Languages() {
		c.languages[lang] = sync.OnceValue(func() *i18n.Localizer { return read(lang) })
	}
	return c
}

// read panics on a broken file: it is part of the program, like its source.
func read(lang string) *i18n.Localizer {
	text, err := files.ReadFile(lang + ".toml")
	if err != nil {
		panic(err)
	}
	return parse(lang, text)
}

func parse(lang string, text []byte) *i18n.Localizer {
	bundle := i18n.NewBundle(language.Make(lang))
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	bundle.MustParseMessageFileBytes(text, lang+".toml")
	return i18n.NewLocalizer(bundle, lang)
}

// Printer returns the printer for the language that Match picks.
func (c *Catalog) Printer(tags ...string) *Printer {
	lang, _ := Match(tags...)
	return &Printer{lang: lang, localizer: c.languages[lang]}
}

// Printer speaks one language. It is safe for concurrent use.
type Printer struct {
	lang      string
	localizer func() *i18n.Localizer
}

// Lang returns the language as a BCP 47 tag, "en" or "es".
func (p *Printer) Lang() string { return p.lang }

// Text returns the message of a code. params are alternating names and values
// of its placeholders; an integer called "Count" chooses between singular and
// plural. A code without a message gives the code and its parameters, so that
// nothing is ever said by silence.
func (p *Printer) Text(code string, params ...any) string {
	named := make(map[string]any, len(params)/2)
	for i := 0; i+1 < len(params); i += 2 {
		named[fmt.Sprint(params[i])] = params[i+1]
	}
	return p.Message(code, named)
}

// Message is Text with its parameters in a map, as errors and findings have them.
func (p *Printer) Message(code string, params map[string]any) string {
	if text, ok := p.lookup(code, params); ok {
		return text
	}
	names := slices.Sorted(maps.Keys(params))
	if len(names) == 0 {
		return code
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s=%v", name, params[name])
	}
	return code + " (" + strings.Join(names, ", ") + ")"
}

// Error returns what to tell a person about an error: what went wrong, field by
// field where that is known, and what to do about it, "" when there is nothing
// to say. Causes are left out, they are for the log; what is not a
// *tenantry.Error is reported as "internal". Both texts are one line.
func (p *Printer) Error(err error) (message, hint string) {
	var e *tenantry.Error
	if !errors.As(err, &e) {
		e = tenantry.NewError(tenantry.Internal, "internal")
	}
	params := oneLine(e.Params)
	message = p.Message(e.Code, params)
	for i, f := range e.Fields {
		separator := "; "
		if i == 0 {
			separator = " "
			message = strings.TrimRight(message, ".:") + ":"
		}
		message += separator + f.Field + ": " + strings.TrimRight(p.Field(f), ".")
	}
	hint, _ = p.lookup(e.Code+".hint", params)
	return message, hint
}

// Field returns what is wrong with one field, without the field's name.
func (p *Printer) Field(f tenantry.FieldError) string { return p.Message(f.Code, oneLine(f.Params)) }

func (p *Printer) lookup(code string, params map[string]any) (string, bool) {
	config := &i18n.LocalizeConfig{MessageID: code, TemplateData: params}
	switch n := params["Count"].(type) {
	case int, int64:
		config.PluralCount = n
	}
	// An error beside a text only means that the text has a single form.
	text, err := p.localizer().Localize(config)
	if err != nil && text == "" {
		return "", false
	}
	return strings.ReplaceAll(text, "<no value>", "?"), true
}

// fromPOSIX turns the value of LC_ALL or LANG into a language tag.
func fromPOSIX(tag string) string {
	if tag == "C" || tag == "POSIX" || strings.HasPrefix(tag, "C.") {
		return "en"
	}
	if before, _, found := strings.Cut(tag, "."); found && !strings.ContainsAny(tag, ",;") {
		tag = before
	}
	tag, _, _ = strings.Cut(tag, "@")
	return strings.ReplaceAll(tag, "_", "-")
}

// oneLine makes parameters fit to be shown: what people typed or a database
// answered may hold line breaks, terminal codes or megabytes.
func oneLine(params map[string]any) map[string]any {
	clean := make(map[string]any, len(params))
	for name, value := range params {
		switch v := value.(type) {
		case string:
			value = clip(v)
		case error:
			value = clip(v.Error())
		}
		clean[name] = value
	}
	return clean
}

func clip(s string) string {
	const longest = 500
	cut := len(s) > 4*longest
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), 4*longest)], "\uFFFD"))
	if runes := []rune(s); cut || len(runes) > longest {
		return string(runes[:min(len(runes), longest)]) + "…"
	}
	return s
}
