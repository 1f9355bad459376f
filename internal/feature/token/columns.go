package token

import (
	"context"
	"errors"
	"strconv"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Treatment is what to do with the secrets in Django's columns.
type Treatment string

const (
	Encrypt Treatment = "encrypt" // seal what is plain (the seed's encrypt_tenant_tokens)
	Reseal  Treatment = "reseal"  // seal anew, with the newest key, what an older one sealed
	Decrypt Treatment = "decrypt" // make plain again what is sealed, for a Django process to read
)

// Treated is how many columns were treated, and how many were left as they were
// because what came of them would not fit.
type Treated struct {
	Done    int64 `json:"done"`
	TooLong int64 `json:"too_long"`
}

// CountColumns tells how many columns a treatment would look at.
func (s *Service) CountColumns(ctx context.Context, scope tenantry.Scope, t Treatment) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		fits, err := s.fits(ctx, t)
		if err != nil {
			return err
		}
		n, err = countColumns(ctx, tx, fits)
		return err
	})
	return n, err
}

// TreatColumns treats every column, some thousand in each transaction. What comes
// of a column is opened again before it replaces what was there. Interrupted, it
// goes on where it stopped when called again. A column that does not open stops
// it, with the error of base/seal that names the key.
func (s *Service) TreatColumns(ctx context.Context, scope tenantry.Scope, t Treatment, progress func(done int64)) (total Treated, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return Treated{}, err
	}
	return s.treatColumns(ctx, scope, t, nil, progress)
}

// treatColumns is TreatColumns for some tenants or, for nil, for all.
func (s *Service) treatColumns(ctx context.Context, scope tenantry.Scope, t Treatment, only []tenantry.TenantKey, progress func(done int64)) (total Treated, err error) {
	for after := tenantry.TenantKey(0); ; {
		var last tenantry.TenantKey
		var part Treated
		err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
			last, part = 0, Treated{}
			fits, err := s.fits(ctx, t)
			if err != nil {
				return err
			}
			found, err := selectColumns(ctx, tx, fits, only, after, batch, true)
			if err != nil || len(found) == 0 {
				return err
			}
			last = found[len(found)-1].tenant
			did, err := s.treat(ctx, tx, t, fits, found)
			part = did.Treated
			return err
		})
		if err != nil {
			return total, err
		}
		if last == 0 {
			break
		}
		after = last
		total.Done += part.Done
		total.TooLong += part.TooLong
		progress(total.Done)
	}
	return total, s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "token.columns", Detail: map[string]any{"treatment": t, "columns": total.Done}})
	})
}

// treated is what was done to the columns of some tenants.
type treated struct {
	Treated
	of map[tenantry.TenantKey]int64
}

// treat treats what fits of the columns of some tenants, in the order of their keys.
func (s *Service) treat(ctx context.Context, tx *sqldb.Tx, t Treatment, fits filter, found []columns) (did treated, err error) {
	did.of = make(map[tenantry.TenantKey]int64, len(found))
	ring, err := s.keysFor(ctx, tx, t)
	if err != nil {
		return did, err
	}
	homes, err := selectHomeIDs(ctx, tx, found[0].tenant, found[len(found)-1].tenant)
	if err != nil {
		return did, err
	}
	var rows []columns
	for _, c := range found {
		row := columns{tenant: c.tenant}
		for _, kind := range Kinds() {
			text := c.of(kind)
			if !fits.this(text) {
				continue
			}
			changed, err := t.apply(ring, place{c.tenant, kind}, text, homes[c.tenant][kind].Current)
			if err != nil {
				return did, err
			}
			if len(changed) > longest {
				did.TooLong++
				continue
			}
			row.set(kind, changed)
			did.Done++
			did.of[c.tenant]++
		}
		if row.ai != "" || row.cwu != "" {
			rows = append(rows, row)
		}
	}
	return did, updateColumns(ctx, tx, rows, s.clock())
}

func (s *Service) keysFor(ctx context.Context, tx *sqldb.Tx, t Treatment) (*seal.Keyring, error) {
	if t == Decrypt {
		return s.keys.ToOpen(ctx)
	}
	return s.keys.ToSeal(ctx, tx)
}

// errDiffers cannot happen, and if it does nothing is replaced.
var errDiffers = errors.New("token: what was sealed opens as something else")

// apply treats one column. version is that of the token's current secret.
func (t Treatment) apply(ring *seal.Keyring, p place, text string, version int64) (string, error) {
	secret := tenantry.NewSecret(text)
	if seal.Sealed(text) {
		var err error
		if secret, version, err = p.open(ring, text); err != nil {
			return "", err
		}
	}
	if t == Decrypt {
		return secret.Reveal(), nil
	}
	sealed, err := p.seal(ring, secret, max(version, 1))
	if err != nil {
		return "", err
	}
	again, _, err := p.open(ring, sealed)
	if err == nil && again != secret {
		err = errDiffers
	}
	return sealed, err
}

// filter says which columns a treatment is for.
type filter struct {
	treatment Treatment
	newest    string // how texts sealed with the newest key begin
}

func (s *Service) fits(ctx context.Context, t Treatment) (filter, error) {
	f := filter{treatment: t}
	if t == Reseal {
		ring, err := s.keys.ToOpen(ctx)
		if err != nil {
			return f, err
		}
		f.newest = sealedWith(ring.Primary())
	}
	return f, nil
}

func (f filter) this(text string) bool {
	switch {
	case text == "":
		return false
	case f.treatment == Encrypt:
		return !seal.Sealed(text)
	case f.treatment == Decrypt:
		return seal.Sealed(text)
	}
	return seal.Sealed(text) && text[:min(len(text), len(f.newest))] != f.newest
}

// sealedWith is how a text begins that a key has sealed.
func sealedWith(key uint32) string { return "sealed:" + strconv.FormatUint(uint64(key), 10) + ":" }

// SealedWith tells how many columns only a key can open.
func (s *Service) SealedWith(ctx context.Context, scope tenantry.Scope, key uint32) (n int64, err error) {
	if err := scope.RequirePlatform(tenantry.TokensRead); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		n, err = countSealedWith(ctx, tx, sealedWith(key))
		return err
	})
	return n, err
}

// Reveal gives the secret that stands in Django's column, for an operator who must
// hand it over: a bulk rotation shows none. It is recorded.
func (s *Service) Reveal(ctx context.Context, scope tenantry.Scope, id tenantry.TokenID) (t Token, secret tenantry.Secret, err error) {
	if err := scope.RequirePlatform(tenantry.KeysWrite); err != nil {
		return Token{}, tenantry.Secret{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		tenant, err := selectTenantOf(ctx, tx, 0, id)
		if err != nil {
			return err
		}
		if t, err = selectToken(ctx, tx, tenant, id); err != nil {
			return err
		}
		text := ""
		if t.Home {
			if text, err = selectColumn(ctx, tx, tenant, t.Kind); err != nil {
				return err
			}
		}
		if text == "" {
			return tenantry.NewError(tenantry.Conflict, "token.not_kept")
		}
		if secret, err = s.read(ctx, place{tenant, t.Kind}, text); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "token.revealed", Subject: id.String(), Detail: map[string]any{"kind": t.Kind, "version": t.Current}})
	})
	return t, secret, err
}

// read gives the secret that stands in a column.
func (s *Service) read(ctx context.Context, p place, text string) (tenantry.Secret, error) {
	if !seal.Sealed(text) {
		return tenantry.NewSecret(text), nil
	}
	ring, err := s.keys.ToOpen(ctx)
	if err != nil {
		return tenantry.Secret{}, err
	}
	secret, _, err := p.open(ring, text)
	return secret, err
}
