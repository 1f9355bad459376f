package draft

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Rename is a table that has another name, or a column of a table that has.
type Rename struct{ Table, Column, To string }

// ParseRename reads "shop_order=shop_purchase" or "shop_order.total=amount".
func ParseRename(text string) (Rename, error) {
	from, to, ok := strings.Cut(text, "=")
	table, column, _ := strings.Cut(from, ".")
	if !ok || table == "" || to == "" || strings.ContainsAny(to, ".=") {
		return Rename{}, tenantry.NewError(tenantry.Usage, "draft.bad_rename", "text", text)
	}
	return Rename{table, column, to}, nil
}

// Hints finds in a desired schema the comments that tell of renames: before a
// CREATE TABLE, or in it on the line of the column,
//
//	-- renamed from: old_name
func Hints(statements []sqltext.Statement) (all []Rename) {
	for _, s := range statements {
		h := sqltext.Read(s.Text)
		if h.Verb != "create" || h.Object != "table" {
			continue
		}
		columns := sqltext.Columns(s.Text)
		for _, c := range s.Comments {
			old, ok := strings.CutPrefix(c.Text, "renamed from:")
			if !ok {
				continue
			}
			old = strings.Trim(strings.TrimSpace(old), `"`)
			rename := Rename{Table: old, To: h.Name}
			for _, column := range columns {
				if column.Line == c.Line-s.Line+1 {
					rename = Rename{h.Name, old, column.Name}
				}
			}
			all = append(all, rename)
		}
	}
	return all
}

// Candidates are what looks like renamed: a column or table that is missing, and
// one of the same kind that should not be there any more.
func Candidates(have, want catalog.Catalog) (all []Rename, types []string) {
	left := catalog.Diff(want, have)
	shape := func(t catalog.Table) string {
		var b strings.Builder
		for _, c := range t.Columns {
			b.WriteString(c.Name + " " + c.String() + "\n")
		}
		return b.String()
	}
	for _, missing := range left {
		m := objectOf(missing)
		if missing.Kind != catalog.Missing || m.sort != "column" && m.sort != "table" {
			continue
		}
		for _, gone := range left {
			g := objectOf(gone)
			if gone.Kind != catalog.Unexpected || g.sort != m.sort || g.table != m.table {
				continue
			}
			if m.sort == "column" && missing.Want == gone.Got {
				all, types = append(all, Rename{m.table, g.name, m.name}), append(types, missing.Want)
			}
			if m.sort == "table" {
				new, _ := want.Table(m.name)
				old, _ := have.Table(g.name)
				if shape(new) == shape(old) {
					all, types = append(all, Rename{Table: g.name, To: m.name}), append(types, "")
				}
			}
		}
	}
	return all, types
}

// rename carries a rename out, if there is still something of the old name.
func (d *drafting) rename(ctx context.Context, r Rename) error {
	have, err := d.have(ctx)
	if err != nil {
		return err
	}
	table, ok := have.Table(r.Table)
	if _, taken := have.Table(r.To); r.Column == "" && (!ok || taken) {
		return nil
	}
	if r.Column == "" {
		phrase := Phrase{"Rename table " + r.Table + " to " + r.To, fragment("rename_" + d.short(r.Table) + "_" + d.short(r.To))}
		_, err = d.try(ctx, Change{"table " + r.To, []Phrase{phrase}, []string{"ALTER TABLE " + sqltext.Quote(r.Table) + " RENAME TO " + sqltext.Quote(r.To)}}, nil)
		return err
	}
	if !hasColumn(table, r.Column) || hasColumn(table, r.To) {
		return nil
	}
	phrase := Phrase{"Rename column " + r.Column + " on " + r.Table + " to " + r.To, fragment("rename_" + r.Column + "_" + d.short(r.Table) + "_" + r.To)}
	_, err = d.try(ctx, Change{"table " + r.Table, []Phrase{phrase},
		[]string{"ALTER TABLE " + sqltext.Quote(r.Table) + " RENAME COLUMN " + sqltext.Quote(r.Column) + " TO " + sqltext.Quote(r.To)}}, nil)
	return err
}

func hasColumn(t catalog.Table, name string) bool {
	return slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return c.Name == name })
}
