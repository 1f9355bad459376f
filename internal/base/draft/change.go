package draft

import (
	"strings"

	"github.com/tenantry/tenantry/internal/base/catalog"
)

// Change is one step of a draft.
type Change struct {
	// Object is what is changed: "table shop_order", "view shop_open".
	Object     string
	Phrases    []Phrase
	Statements []string
}

// Phrase says what is done in the words of a migration's operation, and in those
// of its file name.
type Phrase struct{ Text, Fragment string }

// Describe is the operation's title.
func (c Change) Describe() string {
	texts := make([]string, len(c.Phrases))
	for i, p := range c.Phrases {
		texts[i] = p.Text
	}
	return strings.Join(texts, "; ")
}

// object is a difference's object taken apart: of which table, what sort, which.
type object struct{ table, sort, name string }

func objectOf(d catalog.Difference) object {
	of := strings.SplitN(d.Object, " ", 4)
	if of[0] == "comment" || of[0] == "grant" {
		return object{"", of[0], strings.TrimPrefix(d.Object, of[0]+" on ")}
	}
	switch {
	case (of[0] == "table" || of[0] == "view") && len(of) == 4:
		return object{of[1], of[2], of[3]}
	case of[0] == "table" && len(of) == 3:
		return object{of[1], of[2], ""}
	}
	return object{"", of[0], strings.TrimPrefix(d.Object, of[0]+" ")}
}

// whole is the object that a difference's change belongs to.
func (o object) whole() string {
	if o.table != "" {
		return "table " + o.table
	}
	return o.sort + " " + o.name
}

// phrase says what has to be done about a difference, as Django would.
func (d *drafting) phrase(of catalog.Difference) Phrase {
	o := objectOf(of)
	sort := map[string]string{"row": "row security"}[o.sort]
	if sort == "" {
		sort = o.sort
	}
	verb, join := map[catalog.DifferenceKind]string{catalog.Missing: "Create", catalog.Unexpected: "Remove", catalog.Different: "Alter"}[of.Kind], " on "
	if of.Kind == catalog.Unexpected {
		join = " from "
	}
	if o.sort == "column" && of.Kind == catalog.Missing {
		verb, join = "Add", " to "
	}
	if o.sort == "table" && of.Kind == catalog.Unexpected {
		verb = "Delete"
	}
	if o.sort == "row" { // "table t row security"
		o.name, sort = "", "row security"
	}
	if o.sort == "comment" || o.sort == "grant" {
		verb = map[catalog.DifferenceKind]string{catalog.Missing: "Add", catalog.Unexpected: "Remove", catalog.Different: "Alter"}[of.Kind]
		o.name = "on " + o.name
	}
	text := strings.TrimSpace(verb + " " + sort + " " + o.name)
	name := o.name
	if o.sort == "row" {
		name = "row_security"
	}
	if o.table != "" {
		text += join + o.table
		if short := d.short(name); strings.HasPrefix(name, o.table) {
			name = short
		} else {
			name = d.short(o.table) + "_" + name
		}
	} else {
		name = d.short(name)
	}
	switch verb {
	case "Remove", "Delete", "Alter":
		name = strings.ToLower(verb) + "_" + name
	}
	return Phrase{text, fragment(name)}
}

// short is a name without the app in front of it.
func (d *drafting) short(name string) string { return strings.TrimPrefix(name, d.app+"_") }

// fragment keeps of a name what may stand in a file's name.
func fragment(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}

// Name suggests a migration's name as Django's makemigrations does: what it does,
// up to 52 characters.
func Name(initial bool, changes []Change) string {
	if initial {
		return "initial"
	}
	name := ""
	for _, c := range changes {
		for _, p := range c.Phrases {
			switch longer := name + "_" + p.Fragment; {
			case p.Fragment == "":
			case name == "":
				name = p.Fragment[:min(len(p.Fragment), 52)]
			case len(longer) > 52:
				return name + "_and_more"
			default:
				name = longer
			}
		}
	}
	if name == "" {
		return "auto"
	}
	return name
}
