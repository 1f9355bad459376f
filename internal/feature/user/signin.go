package user

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// verifications is how many passwords are checked at once: two cores' worth,
// and at most half a gigabyte.
const verifications = 2

// Authenticate tells whether username and password are an active person's, and
// who that is. Every refusal is the same error, Unauthenticated
// "signin.failed", and takes as long, so that nobody learns which names exist.
// On success last_login is set, as Django does, and a hash of an older form is
// replaced. The scope is the program's own, by which both are recorded.
func (s *Service) Authenticate(ctx context.Context, scope tenantry.Scope, username string, secret tenantry.Secret) (Person, error) {
	name, plausible := normalUsername(username)
	var a account
	if plausible {
		err := s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
			a, err = selectAccount(ctx, tx, name)
			if tenantry.KindOf(err) == tenantry.NotFound {
				return true, nil
			}
			return !a.id.IsZero(), err
		})
		if err != nil {
			return Person{}, err
		}
	}
	upgraded, reason, err := s.verify(ctx, a, secret)
	if err != nil {
		return Person{}, err
	}
	var p Person
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) (err error) {
		if reason != "" {
			// Of a name that nobody has, nothing is kept: it may be a password typed
			// into the wrong field.
			return s.audit.Record(ctx, tx, scope, audit.Event{Action: "signin.failed", Subject: a.id.String(), Detail: map[string]any{"reason": reason}})
		}
		if err := updateSignIn(ctx, tx, a, upgraded, s.clock()); err != nil {
			return err
		}
		if p, err = selectOne(ctx, tx, 0, ByKey(a.key)); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, p, "signin.succeeded", map[string]any{"upgraded": upgraded != ""})
	})
	if err != nil {
		return Person{}, err
	}
	if reason != "" {
		return Person{}, tenantry.NewError(tenantry.Unauthenticated, "signin.failed")
	}
	return p, nil
}

// verify does the work of checking a password, whether or not there is anybody
// to check it for. reason is why it is refused, for the record only; upgraded is
// the hash to store instead, if there should be another.
func (s *Service) verify(ctx context.Context, a account, secret tenantry.Secret) (upgraded, reason string, err error) {
	select {
	case s.verifying <- struct{}{}:
		defer func() { <-s.verifying }()
	case <-ctx.Done():
		return "", "", tenantry.NewError(tenantry.Busy, "signin.busy").Because(ctx.Err())
	}
	if len(secret.Reveal()) > password.MaxLength {
		// Nobody's password; hashing it would take as long as whoever sent it likes.
		s.hasher.Burn(tenantry.Secret{})
		return "", "too_long", nil
	}
	if a.key == 0 {
		s.hasher.Burn(secret)
		return "", "unknown", nil
	}
	ok, upgrade, err := s.hasher.Verify(secret, a.encoded)
	switch {
	case err != nil && tenantry.KindOf(err) != tenantry.Invalid:
		return "", "", err
	case err != nil:
		return "", "unreadable_hash", nil
	case !ok:
		return "", "wrong_password", nil
	case !a.active:
		return "", "inactive", nil
	case upgrade:
		upgraded, err = s.hasher.Hash(secret)
		return upgraded, "", err
	}
	return "", "", nil
}
