// Package instance is the room of what belongs to one database as a whole:
// secrets that every process on it must share, such as the key that seals
// cursors, and short notes by which processes tell each other who did what. It
// owns tenantry_instance.
package instance

import (
	"context"
	"encoding/base64"
	"io"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Service keeps the secrets and the notes.
type Service struct {
	db     *sqldb.DB
	random io.Reader
}

// New makes the service.
func New(db *sqldb.DB, random io.Reader) *Service { return &Service{db: db, random: random} }

const keyLength = 32

// Key returns 32 bytes of chance under a name, the same ones for every process
// on the database, made by whichever asks first.
func (s *Service) Key(ctx context.Context, name string) (key []byte, err error) {
	var text string
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		text, err = selectValue(ctx, tx, name)
		return err
	})
	if err == nil && text == "" {
		fresh := make([]byte, keyLength)
		if _, err := io.ReadFull(s.random, fresh); err != nil {
			return nil, err
		}
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := insertValue(ctx, tx, name, base64.StdEncoding.EncodeToString(fresh)); err != nil {
				return err
			}
			text, err = selectValue(ctx, tx, name)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

// Value returns what was last put under a name, "" for nothing.
func (s *Service) Value(ctx context.Context, name string) (value string, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		value, err = selectValue(ctx, tx, name)
		return err
	})
	return value, err
}

// Put keeps a value under a name for every process on the database.
func (s *Service) Put(ctx context.Context, name, value string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return upsertValue(ctx, tx, name, value) })
}

// Swap is Put if the value is still the one that was seen: of several processes
// that saw the same, one succeeds.
func (s *Service) Swap(ctx context.Context, name, seen, value string) (swapped bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		swapped, err = swapValue(ctx, tx, name, seen, value)
		return err
	})
	return swapped, err
}
