package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/tenantry/tenantry"
)

// Source says where a keyset is kept: exactly one of File and Inline.
type Source struct {
	File   string          // of mode 0600, and of the user who runs the program
	Inline tenantry.Secret // the keyset itself, as it stands in a file; it cannot be written back
	KMS    string          // hcvault://HOST[:PORT]/transit/keys/NAME when the keyset is wrapped with that key, else ""
}

// Keyring is a keyset in memory. Its keys never change, so it is safe for
// concurrent use: what changes a keyring returns a new one, which is nothing
// until it is saved.
type Keyring struct {
	file, kms string // file is "" for a keyset that cannot be written back
	handle    *keyset.Handle
	keys      []Key
	primary   uint32
	ciphers   map[uint32]tink.AEAD

	// stored is what the file held when the keyring was last one with it.
	stored atomic.Pointer[[sha256.Size]byte]
}

// Key is what may be known of a key.
type Key struct {
	ID      uint32
	Primary bool // new texts are sealed with it
}

// Load reads a keyset. The error is NotFound "seal.keyset_missing" when there
// is no file, and Unavailable otherwise: "seal.keyset_exposed" for a file that
// somebody else may read, "seal.keyset_unreadable", "seal.keyset_damaged", and
// "seal.kms…" when it cannot be unwrapped.
func Load(ctx context.Context, s Source) (*Keyring, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	text := []byte(s.Inline.Reveal())
	if s.File != "" {
		var err error
		if text, err = read(s.File); err != nil {
			return nil, err
		}
	}
	handle, err := parse(ctx, text, s)
	if err != nil {
		return nil, err
	}
	k, ok := newKeyring(handle, s.File, s.KMS)
	if !ok {
		return nil, damaged(s.File)
	}
	sum := sha256.Sum256(text)
	k.stored.Store(&sum)
	return k, nil
}

// Create makes a keyset of one key in a file that must not exist: Conflict
// "seal.keyset_exists". Of several that do so at once one succeeds, and the
// file is complete from the moment it is there.
func Create(ctx context.Context, s Source) (*Keyring, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if s.File == "" {
		return nil, readonly()
	}
	m := keyset.NewManager()
	id, err := addKey(m)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	k, err := ringOf(m, s.File, s.KMS)
	if err != nil {
		return nil, err
	}
	text, err := k.text(ctx)
	if err != nil {
		return nil, err
	}
	if err := create(s.File, text); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	k.stored.Store(&sum)
	return k, nil
}

// Primary is the id of the key that seals.
func (k *Keyring) Primary() uint32 { return k.primary }

// Keys lists the keys in the keyset's order.
func (k *Keyring) Keys() []Key { return append([]Key(nil), k.keys...) }

// Holds reports whether texts that name the key can be opened.
func (k *Keyring) Holds(id uint32) bool { return k.ciphers[id] != nil }

// Add returns a keyring with one more key, and its id. It is not primary: other
// processes must be able to open what it seals first.
func (k *Keyring) Add() (*Keyring, uint32, error) {
	m := keyset.NewManagerFromHandle(k.handle)
	id, err := addKey(m)
	if err != nil {
		return nil, 0, err
	}
	next, err := k.next(m)
	return next, id, err
}

// Promote returns a keyring that seals with the given key: NotFound
// "seal.no_such_key" when there is none.
func (k *Keyring) Promote(id uint32) (*Keyring, error) {
	if !k.Holds(id) {
		return nil, tenantry.NewError(tenantry.NotFound, "seal.no_such_key", "key", id)
	}
	m := keyset.NewManagerFromHandle(k.handle)
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.next(m)
}

// Drop returns a keyring without a key: what is sealed with it will never open
// again, and whether there is any such text is for the caller to know. The
// primary is refused: Conflict "seal.key_is_primary".
func (k *Keyring) Drop(id uint32) (*Keyring, error) {
	if !k.Holds(id) {
		return nil, tenantry.NewError(tenantry.NotFound, "seal.no_such_key", "key", id)
	}
	if id == k.primary {
		return nil, tenantry.NewError(tenantry.Conflict, "seal.key_is_primary", "key", id)
	}
	m := keyset.NewManagerFromHandle(k.handle)
	if err := m.Delete(id); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.next(m)
}

// Save writes the keyset back in place of what this keyring, or the one it was
// made from, was loaded from; save each change before the next is made from it.
// A file that has changed since is left alone: Stale "seal.keyset_changed",
// also when that happens at the same moment.
func (k *Keyring) Save(ctx context.Context) error {
	if k.file == "" {
		return readonly()
	}
	text, err := k.text(ctx)
	if err != nil {
		return err
	}
	if err := replace(ctx, k.file, *k.stored.Load(), text); err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	k.stored.Store(&sum)
	return nil
}

// The fields of a keyring lead to keys, so it shows nothing but this.
func (k *Keyring) String() string {
	if k == nil {
		return "seal.Keyring(nil)"
	}
	return fmt.Sprintf("seal.Keyring(%d keys, primary %d)", len(k.keys), k.primary)
}

func (k *Keyring) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(k.String())) }
func (k *Keyring) LogValue() slog.Value         { return slog.StringValue(k.String()) }
func (k *Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (s Source) validate() error {
	if (s.File == "") == s.Inline.Empty() {
		return tenantry.NewError(tenantry.Usage, "seal.bad_source")
	}
	if s.KMS != "" && !isVault(s.KMS) {
		return tenantry.NewError(tenantry.Usage, "seal.bad_kms", "expected", "hcvault://HOST:PORT/transit/keys/NAME")
	}
	return nil
}

// parse reads Tink's JSON, wrapped or not. What the parsers say is dropped: it
// may quote the text.
func parse(ctx context.Context, text []byte, s Source) (*keyset.Handle, error) {
	var shape struct {
		Wrapped json.RawMessage `json:"encryptedKeyset"`
	}
	if err := json.Unmarshal(text, &shape); err != nil {
		return nil, damaged(s.File)
	}
	from := keyset.NewJSONReader(bytes.NewReader(text))
	switch wrapped := shape.Wrapped != nil; {
	case wrapped && s.KMS == "":
		return nil, tenantry.NewError(tenantry.Unavailable, "seal.kms_needed", "path", s.File)
	case !wrapped && s.KMS != "":
		return nil, tenantry.NewError(tenantry.Unavailable, "seal.kms_unused", "path", s.File, "kms", s.KMS)
	case wrapped:
		v, err := newVault(ctx, s.KMS)
		if err != nil {
			return nil, err
		}
		handle, err := keyset.Read(from, v)
		if v.failed != nil {
			return nil, v.failed
		}
		if err != nil {
			return nil, damaged(s.File)
		}
		return handle, nil
	}
	handle, err := insecurecleartextkeyset.Read(from)
	if err != nil {
		return nil, damaged(s.File)
	}
	return handle, nil
}

// text is what the source holds.
func (k *Keyring) text(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	if k.kms == "" {
		if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&out)); err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		return out.Bytes(), nil
	}
	v, err := newVault(ctx, k.kms)
	if err != nil {
		return nil, err
	}
	err = k.handle.Write(keyset.NewJSONWriter(&out), v)
	if v.failed != nil {
		return nil, v.failed
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out.Bytes(), nil
}

func (k *Keyring) next(m *keyset.Manager) (*Keyring, error) {
	next, err := ringOf(m, k.file, k.kms)
	if err != nil {
		return nil, err
	}
	next.stored.Store(k.stored.Load())
	return next, nil
}

// addKey adds an AES-256-GCM key. Its ciphertexts do not begin with Tink's
// prefix, because a sealed text names the key in front.
func addKey(m *keyset.Manager) (uint32, error) {
	p, err := parameters()
	if err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	id, err := m.AddNewKeyFromParameters(p)
	if err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	return id, nil
}

func parameters() (*aesgcm.Parameters, error) {
	return aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantNoPrefix})
}

func ringOf(m *keyset.Manager, file, kms string) (*Keyring, error) {
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	k, ok := newKeyring(handle, file, kms)
	if !ok {
		return nil, damaged(file)
	}
	return k, nil
}

// newKeyring makes each key's cipher once. Keys that somebody disabled with
// Tink's tools stay in the keyset and are otherwise as if they were not there.
func newKeyring(handle *keyset.Handle, file, kms string) (*Keyring, bool) {
	k := &Keyring{file: file, kms: kms, handle: handle, ciphers: map[uint32]tink.AEAD{}}
	for i := range handle.Len() {
		e, err := handle.Entry(i)
		if err != nil {
			return nil, false
		}
		if e.KeyStatus() != keyset.Enabled {
			continue
		}
		cipher, ok := cipherOf(e)
		if !ok {
			return nil, false
		}
		k.ciphers[e.KeyID()] = cipher
		k.keys = append(k.keys, Key{ID: e.KeyID(), Primary: e.IsPrimary()})
		if e.IsPrimary() {
			k.primary = e.KeyID()
		}
	}
	return k, k.ciphers[k.primary] != nil
}

// cipherOf takes AES-256-GCM keys only: with a longer nonce, sealed texts would
// outgrow their columns. A key made to write Tink's prefix is used without it.
func cipherOf(e *keyset.Entry) (tink.AEAD, bool) {
	key, ok := e.Key().(*aesgcm.Key)
	if !ok {
		return nil, false
	}
	p, err := parameters()
	if err != nil {
		return nil, false
	}
	plain, err := aesgcm.NewKey(key.KeyBytes(), 0, p)
	if err != nil {
		return nil, false
	}
	cipher, err := aesgcm.NewAEAD(plain)
	return cipher, err == nil
}

func damaged(file string) error {
	return tenantry.NewError(tenantry.Unavailable, "seal.keyset_damaged", "path", file)
}

func readonly() error { return tenantry.NewError(tenantry.Conflict, "seal.keyset_readonly") }
