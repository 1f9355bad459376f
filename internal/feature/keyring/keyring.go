// Package keyring is the room of the keys that seal columns: which of them this
// database has been sealed with, and whether the keyset at hand is the right one.
// It owns tenantry_seal_key. The keys themselves are outside of the database, where
// base/seal finds them; what is sealed with them the other rooms know.
package keyring

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Service holds the keys of one database.
type Service struct {
	db     *sqldb.DB
	audit  *audit.Log
	source seal.Source
	clock  tenantry.Clock

	ring   atomic.Pointer[seal.Keyring]
	proven atomic.Uint32 // the primary key that is known to be registered
}

// New makes the service. The keyset is read when it is first needed.
func New(db *sqldb.DB, log *audit.Log, source seal.Source, clock tenantry.Clock) *Service {
	return &Service{db: db, audit: log, source: source, clock: clock}
}

// ToOpen returns the keys to open with. A keyset that is missing is Unavailable
// "keyring.missing".
func (s *Service) ToOpen(ctx context.Context) (*seal.Keyring, error) {
	ring, err := s.load(ctx)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return nil, tenantry.NewError(tenantry.Unavailable, "keyring.missing", "path", s.source.File, "keys", "").Because(err)
	}
	return ring, err
}

// load reads the keyset once; another process may change it, which Reload is for.
func (s *Service) load(ctx context.Context) (*seal.Keyring, error) {
	if ring := s.ring.Load(); ring != nil {
		return ring, nil
	}
	return s.Reload(ctx)
}

// Reload reads the keyset again, for a process that runs while another one
// changes it.
func (s *Service) Reload(ctx context.Context) (*seal.Keyring, error) {
	ring, err := seal.Load(ctx, s.source)
	if err == nil {
		s.ring.Store(ring)
	}
	return ring, err
}

// ToSeal returns the keys to seal with, in the transaction that writes what is
// sealed. A database that has never been sealed gets a new keyset if there is
// none; for any other the keyset must be the one that it was sealed with, or
// what is sealed now could not be read on the other machines: Unavailable
// "keyring.missing" and "keyring.foreign", with the ids of the keys.
func (s *Service) ToSeal(ctx context.Context, tx *sqldb.Tx) (*seal.Keyring, error) {
	if ring := s.ring.Load(); ring != nil && ring.Primary() == s.proven.Load() {
		return ring, nil
	}
	if err := lock(ctx, tx); err != nil {
		return nil, err
	}
	known, err := selectKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	ring, err := s.load(ctx)
	switch {
	case tenantry.KindOf(err) == tenantry.NotFound && len(known) > 0:
		return nil, tenantry.NewError(tenantry.Unavailable, "keyring.missing", "path", s.source.File, "keys", names(known)).Because(err)
	case tenantry.KindOf(err) == tenantry.NotFound:
		if ring, err = s.make(ctx); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	if len(known) > 0 && !slices.ContainsFunc(known, ring.Holds) {
		return nil, tenantry.NewError(tenantry.Unavailable, "keyring.foreign", "keys", names(known), "primary", ring.Primary())
	}
	if slices.Contains(known, ring.Primary()) {
		s.proven.Store(ring.Primary())
		return ring, nil
	}
	// It is proven only once this transaction has been committed, which the next
	// one sees.
	return ring, insertKey(ctx, tx, ring.Primary(), s.clock())
}

// make makes the keyset, or takes the one that another process was quicker to
// make.
func (s *Service) make(ctx context.Context) (*seal.Keyring, error) {
	if folder := filepath.Dir(s.source.File); s.source.File != "" {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, tenantry.NewError(tenantry.Unavailable, "data_dir.unwritable", "path", folder).Because(err)
		}
	}
	if _, err := seal.Create(ctx, s.source); err != nil && tenantry.KindOf(err) != tenantry.Conflict {
		return nil, err
	}
	return s.Reload(ctx)
}

// Key is one of the keys, as it is shown.
type Key struct {
	ID         uint32 `json:"id"`
	Primary    bool   `json:"primary"`    // seals
	Held       bool   `json:"held"`       // is in the keyset at hand
	Registered bool   `json:"registered"` // has sealed something of this database
}

// List shows the keys of the keyset and those that the database was sealed with.
func (s *Service) List(ctx context.Context, scope tenantry.Scope) ([]Key, error) {
	if err := scope.RequirePlatform(tenantry.KeysWrite); err != nil {
		return nil, err
	}
	var known []uint32
	if err := s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) (err error) {
		known, err = selectKeys(ctx, tx)
		return err
	}); err != nil {
		return nil, err
	}
	var all []Key
	ring, err := seal.Load(ctx, s.source)
	if err != nil && tenantry.KindOf(err) != tenantry.NotFound {
		return nil, err
	}
	if err == nil {
		for _, k := range ring.Keys() {
			all = append(all, Key{ID: k.ID, Primary: k.Primary, Held: true, Registered: slices.Contains(known, k.ID)})
		}
	}
	for _, id := range known {
		if !slices.ContainsFunc(all, func(k Key) bool { return k.ID == id }) {
			all = append(all, Key{ID: id, Registered: true})
		}
	}
	return all, nil
}

// Change is one step in the life of keys: add, promote, drop.
type Change string

const (
	Add     Change = "add"     // a new key, which every process should have before it seals
	Promote Change = "promote" // it seals from now on
	Drop    Change = "drop"    // it is gone, and with it whatever it sealed
)

// Change alters the keyset and stores it. Whether anything is still sealed with a
// key that is to be dropped is for flow/rekey to make sure of before.
func (s *Service) Change(ctx context.Context, scope tenantry.Scope, change Change, id uint32) (uint32, error) {
	if err := scope.RequirePlatform(tenantry.KeysWrite); err != nil {
		return 0, err
	}
	ring, err := s.whole(ctx, change)
	if err != nil {
		return 0, err
	}
	if change == Drop && (ring == nil || !ring.Holds(id)) {
		return id, s.forget(ctx, scope, id) // the key is lost; what is left of it is that we know of it
	}
	switch change {
	case Add:
		ring, id, err = ring.Add()
	case Promote:
		ring, err = ring.Promote(id)
	case Drop:
		ring, err = ring.Drop(id)
	}
	if err != nil {
		return 0, err
	}
	if err := ring.Save(ctx); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if change == Drop {
			if err := deleteKey(ctx, tx, id); err != nil {
				return err
			}
		}
		if change == Promote {
			if err := insertKey(ctx, tx, id, s.clock()); err != nil {
				return err
			}
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "key." + string(change), Subject: strconv.FormatUint(uint64(id), 10)})
	})
	if err != nil {
		return 0, err
	}
	_, err = s.Reload(ctx)
	return id, err
}

// whole is the keyset that is to be changed. The first of a database is made, for
// there is nothing to lose; a lost one is nil when a key is to be dropped.
func (s *Service) whole(ctx context.Context, change Change) (*seal.Keyring, error) {
	ring, err := seal.Load(ctx, s.source)
	if tenantry.KindOf(err) != tenantry.NotFound {
		return ring, err
	}
	var known []uint32
	if err := s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		known, err = selectKeys(ctx, tx)
		return err
	}); err != nil {
		return nil, err
	}
	switch {
	case change == Drop:
		return nil, nil
	case len(known) == 0:
		return s.make(ctx)
	}
	return nil, tenantry.NewError(tenantry.Unavailable, "keyring.missing", "path", s.source.File, "keys", names(known)).Because(err)
}

func (s *Service) forget(ctx context.Context, scope tenantry.Scope, id uint32) error {
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		known, err := selectKeys(ctx, tx)
		if err != nil {
			return err
		}
		if !slices.Contains(known, id) {
			return tenantry.NewError(tenantry.NotFound, "seal.no_such_key", "key", id)
		}
		if err := deleteKey(ctx, tx, id); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "key.drop", Subject: strconv.FormatUint(uint64(id), 10), Detail: map[string]any{"lost": true}})
	})
}

func names(keys []uint32) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = strconv.FormatUint(uint64(k), 10)
	}
	return strings.Join(all, ", ")
}
