package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Count counts the rows of a table, so that a Fingerprint to come can be measured
// against something.
func Count(ctx context.Context, tx *sqldb.Tx, table string) (rows int64, err error) {
	err = tx.Get(ctx, `SELECT count(*) FROM `+quote(table), nil, &rows)
	return rows, err
}

// Fingerprint counts the rows of a table and digests what the given columns
// hold, so that two readings tell whether anything changed in between. Rows are
// read in the order of the first column, which should be the primary key. watch
// is told now and then how many rows were read.
func Fingerprint(ctx context.Context, tx *sqldb.Tx, table string, columns []string, watch func(rows int64)) (rows int64, digest string, err error) {
	stored := make([]string, len(columns))
	for i, c := range columns {
		stored[i] = tx.Of(sqldb.Twin{SQLite: `+` + column(c), Postgres: column(c) + `::text`})
	}
	r, err := tx.Query(ctx, `SELECT `+strings.Join(stored, ", ")+` FROM `+quote(table)+` t ORDER BY `+column(columns[0]))
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	h := sha256.New()
	values := make([]any, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var text []byte
	for r.Next() {
		if err := r.Scan(targets...); err != nil {
			return 0, "", err
		}
		text = text[:0]
		for _, v := range values {
			text = appendValue(text, v)
		}
		h.Write(text)
		if rows++; rows%1000 == 0 {
			watch(rows)
		}
	}
	return rows, hex.EncodeToString(h.Sum(nil)), r.Err()
}

// A column is read as it is stored, because a value in Go may say less: a big
// number in a JSON document would become a float, an instant would lose how it
// was written. On SQLite an expression has no declared type for the driver to go
// by, and a plus changes nothing; PostgreSQL writes any value as text.
func column(name string) string { return "t." + quote(name) }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// appendValue writes a value with its sort and length in front, so that
// ("a", "bc") does not look like ("ab", "c"), nor 1 like "1".
func appendValue(text []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(text, 'n')
	case string:
		text = append(strconv.AppendInt(append(text, 's'), int64(len(v)), 10), ':')
		return append(text, v...)
	case int64:
		return append(strconv.AppendInt(append(text, 'i'), v, 10), ';')
	}
	other := fmt.Append(nil, v)
	text = fmt.Appendf(text, "%T%d:", v, len(other))
	return append(text, other...)
}
