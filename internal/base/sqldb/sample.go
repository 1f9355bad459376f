package sqldb

import (
	"context"
	"fmt"
)

// Sample counts the rows that a statement answers with and keeps the first
// values of its first column, for reports that say how many and show a few.
func (tx *Tx) Sample(ctx context.Context, keep int, query string, args ...any) (count int64, first []string, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		count++
		if len(first) < keep {
			var v any
			if err := rows.Scan(&v); err != nil {
				return 0, nil, err
			}
			first = append(first, fmt.Sprint(v))
		}
	}
	return count, first, rows.Err()
}
