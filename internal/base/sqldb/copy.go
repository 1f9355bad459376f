package sqldb

import (
	"context"
	"errors"

	"github.com/tenantry/tenantry"
)

// CopyTo writes a consistent copy of an SQLite database to a path that must not
// exist yet, while others read and write. It is how a change is rehearsed on
// SQLite, whose schema changes cannot share a file with anybody.
func (db *DB) CopyTo(ctx context.Context, path string) error {
	lite, ok := db.backend.(*sqliteDB)
	if !ok {
		return errors.New("sqldb: only an SQLite database is a file")
	}
	_, err := lite.writer.ExecContext(ctx, `VACUUM INTO ?`, path)
	return meaning(err)
}

// Check reads an SQLite file from end to end and returns Unavailable with code
// "database.damaged" for one that is not sound. PostgreSQL looks after itself.
func (db *DB) Check(ctx context.Context) error {
	if db.engine != SQLite {
		return nil
	}
	return db.Read(ctx, func(tx *Tx) error {
		var verdict string
		if err := tx.Get(ctx, `PRAGMA quick_check(1)`, nil, &verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return tenantry.NewError(tenantry.Unavailable, "database.damaged").Because(errors.New(verdict))
		}
		return nil
	})
}
