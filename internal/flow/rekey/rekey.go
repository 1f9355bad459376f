// Package rekey is the life of the keys that seal columns: a new one is added,
// promoted once every machine has it, what older ones sealed is sealed anew, and
// only then is an old one dropped.
package rekey

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/keyring"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// Flow changes keys.
type Flow struct {
	Keyring *keyring.Service
	Tokens  *token.Service
}

// Add makes a new key, which opens and does not seal yet. It returns its id.
func (f *Flow) Add(ctx context.Context, s tenantry.Scope) (uint32, error) {
	return f.Keyring.Change(ctx, s, keyring.Add, 0)
}

// Promote lets a key seal from now on. Processes that run already learn of it
// when they are started again.
func (f *Flow) Promote(ctx context.Context, s tenantry.Scope, id uint32) error {
	_, err := f.Keyring.Change(ctx, s, keyring.Promote, id)
	return err
}

// Reseal seals with the newest key what older ones sealed.
func (f *Flow) Reseal(ctx context.Context, s tenantry.Scope, progress func(done int64)) (token.Treated, error) {
	return f.Tokens.TreatColumns(ctx, s, token.Reseal, progress)
}

// Drop takes a key away. While anything is sealed with it that is Conflict
// "keyring.in_use", with how many columns.
func (f *Flow) Drop(ctx context.Context, s tenantry.Scope, id uint32) error {
	n, err := f.Tokens.SealedWith(ctx, s, id)
	if err != nil {
		return err
	}
	if n > 0 {
		return tenantry.NewError(tenantry.Conflict, "keyring.in_use", "key", id, "count", n)
	}
	_, err = f.Keyring.Change(ctx, s, keyring.Drop, id)
	return err
}
