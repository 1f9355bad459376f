package sqldb

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Column is one column of a table of given values: its name, and a slice with the
// value of each row, of one of the types below.
type Column struct {
	Name   string
	Values any // []int64, []string, []time.Time, [][]byte
}

// Given writes given values as a table that a statement can join, with the
// arguments that belong to it in its place: one array for each column on
// PostgreSQL, where thousands of parameters take longer to read than to carry out,
// and a list of rows on SQLite. Columns are equally long and not empty; SQLite
// takes 32,766 values in all.
func (tx *Tx) Given(alias string, columns ...Column) (text string, args []any) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	if tx.engine == Postgres {
		arrays := make([]string, len(columns))
		for i, c := range columns {
			arrays[i] = "CAST(? AS " + arrayType(c.Values) + ")"
			args = append(args, c.Values)
		}
		return "unnest(" + strings.Join(arrays, ", ") + ") AS " + alias + " (" + strings.Join(names, ", ") + ")", args
	}
	rows := 0
	values := make([]func(i int) any, len(columns))
	for i, c := range columns {
		rows, values[i] = reader(c.Values)
	}
	args = make([]any, 0, rows*len(columns))
	for row := range rows {
		for _, value := range values {
			args = append(args, value(row))
		}
	}
	selected := make([]string, len(columns))
	for i, name := range names {
		selected[i] = fmt.Sprintf("column%d AS %s", i+1, name)
	}
	tuple := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	return "(SELECT " + strings.Join(selected, ", ") + " FROM (VALUES " + Tuples(tuple, rows) + ")) AS " + alias, args
}

func arrayType(values any) string {
	switch values.(type) {
	case []int64:
		return "bigint[]"
	case []time.Time:
		return "timestamptz[]"
	case [][]byte:
		return "bytea[]"
	}
	return "text[]"
}

func reader(values any) (rows int, value func(i int) any) {
	switch v := values.(type) {
	case []int64:
		return len(v), func(i int) any { return v[i] }
	case []string:
		return len(v), func(i int) any { return v[i] }
	case []time.Time:
		return len(v), func(i int) any { return v[i] }
	case [][]byte:
		return len(v), func(i int) any { return v[i] }
	}
	panic(fmt.Sprintf("sqldb: no table can be given values of %T", values))
}

// Collect makes a column of one part of each row.
func Collect[R, V any](name string, rows []R, part func(R) V) Column {
	values := make([]V, 0, len(rows))
	for _, r := range rows {
		values = append(values, part(r))
	}
	return Column{name, slices.Clip(values)}
}
