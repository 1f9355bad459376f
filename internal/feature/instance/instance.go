// Package instance is the room of what belongs to one database as a whole:
// secrets that every process on it must share, such as the key that seals
// cursors. It owns tenantry_instance.
package instance

import (
	"context"
	"encoding/base64"
	"io"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Service keeps the secrets.
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
