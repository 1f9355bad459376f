package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Fingerprint counts the rows of a table and digests what the given columns
// hold, so that two readings tell whether anything changed in between. Rows are
// read in the order of the first column, which should be the primary key.
func Fingerprint(ctx context.Context, tx *sqldb.Tx, table string, columns []string) (rows int64, digest string, err error) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
	}
	r, err := tx.Query(ctx, `SELECT `+strings.Join(quoted, ", ")+` FROM "`+strings.ReplaceAll(table, `"`, `""`)+`" ORDER BY 1`)
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
		rows++
	}
	return rows, hex.EncodeToString(h.Sum(nil)), r.Err()
}

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
	case time.Time:
		return append(strconv.AppendInt(append(text, 't'), v.UnixMicro(), 10), ';')
	}
	other := fmt.Append(nil, v)
	text = fmt.Appendf(text, "%T%d:", v, len(other))
	return append(text, other...)
}
