package sqldb

import (
	"context"
	"fmt"
)

// Asking is Owned for texts that come one by one, about the same owners.
func Asking[K ~int64](ctx context.Context, tx *Tx, only []K) func(query string, args []any, found func(row string, owners []K)) error {
	return func(query string, args []any, found func(row string, owners []K)) error {
		return Owned(ctx, tx, only, found, query, args...)
	}
}

// Owned reads rows of two columns, what names a row and the key of its owner, NULL
// for none. The statement is Limited to some owners, or for nil to none. Lines that
// follow each other and name the same row, each with another owner, are one row
// with several.
func Owned[K ~int64](ctx context.Context, tx *Tx, only []K, found func(row string, owners []K), query string, args ...any) error {
	query, args = Limited(tx, only, query, args...)
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last string
	var owners []K
	began := false
	for rows.Next() {
		var name any
		var owner *K
		if err := rows.Scan(&name, &owner); err != nil {
			return err
		}
		row := fmt.Sprint(name)
		again := began && row == last && owner != nil && len(owners) > 0 && owners[len(owners)-1] != *owner
		if began && !again {
			found(last, owners)
			owners = owners[:0]
		}
		last, began = row, true
		if owner != nil {
			owners = append(owners, *owner)
		}
	}
	if began {
		found(last, owners)
	}
	return rows.Err()
}
