package tenant

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Difference is one step between two documents, in the words of RFC 6902. Lists
// are compared place by place.
type Difference struct {
	Path     string     // JSON pointer (RFC 6901)
	Op       string     // "add", "remove", "replace"
	From, To sqldb.JSON // nil where there is nothing
}

// differences lists what leads from one document to another, in the order of the
// paths. Nil is no document.
func differences(from, to sqldb.JSON) (all []Difference, err error) {
	if from == nil || to == nil {
		switch {
		case from != nil:
			all = append(all, Difference{Op: "remove", From: from})
		case to != nil:
			all = append(all, Difference{Op: "add", To: to})
		}
		return all, nil
	}
	a, err := document(from)
	if err != nil {
		return nil, err
	}
	b, err := document(to)
	if err != nil {
		return nil, err
	}
	compare("", a, b, func(path, op string, from, to any) {
		d := Difference{Path: path, Op: op}
		if op != "add" {
			d.From = written(from)
		}
		if op != "remove" {
			d.To = written(to)
		}
		all = append(all, d)
	})
	return all, nil
}

func compare(path string, a, b any, differs func(path, op string, from, to any)) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			names := slices.Collect(maps.Keys(a))
			names = slices.AppendSeq(names, maps.Keys(b))
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				at := path + "/" + pointerPart(name)
				was, had := a[name]
				is, has := b[name]
				switch {
				case !has:
					differs(at, "remove", was, nil)
				case !had:
					differs(at, "add", nil, is)
				default:
					compare(at, was, is, differs)
				}
			}
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			for i := range min(len(a), len(b)) {
				compare(path+"/"+strconv.Itoa(i), a[i], b[i], differs)
			}
			for i := len(b); i < len(a); i++ {
				differs(path+"/"+strconv.Itoa(i), "remove", a[i], nil)
			}
			for i := len(a); i < len(b); i++ {
				differs(path+"/"+strconv.Itoa(i), "add", nil, b[i])
			}
			return
		}
	}
	if !reflect.DeepEqual(a, b) {
		differs(path, "replace", a, b)
	}
}

// pointerPart writes a name as a part of a JSON pointer.
func pointerPart(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func written(v any) sqldb.JSON {
	text, err := json.Marshal(v)
	if err != nil { // it was JSON a moment ago
		panic(err)
	}
	return text
}
