package token

import (
	"context"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Rotation says how to replace the secret of a token.
type Rotation struct {
	// Ended is why the old versions end at once: Compromised, Leaked or
	// Administrative. "" is routine: they live on until the new one is first used,
	// or until the grace period is over.
	Ended Reason
	// Grace is how long the old versions live at most; nil is what the policy says.
	Grace *time.Duration
	// Hold lets the old versions live through the whole grace period, for callers
	// that take up the new secret one by one.
	Hold bool
	// Version is the current version as the caller knows it; 0 is whichever it is.
	Version int64
	// Key makes a rotation one: repeated under the same key it returns what came of
	// the first.
	Key string
}

// Rotated is what came of a rotation.
type Rotated struct {
	Token             Token
	Secret            tenantry.Secret // empty for a repetition whose secret cannot be had any more
	Version           int64
	PreviousExpiresAt *time.Time // when the version before it dies at the latest; nil if it was dead already
	Repeated          bool
}

// hasty is how soon after a rotation another one by somebody who does not say
// which version they mean is taken to be the same one: two operators at once.
const hasty = time.Second

// Rotate gives a token a new version. Of several at once one does, and the others
// are Conflict "token.rotated_already". Errors besides: NotFound, Conflict
// "token.revoked" for a token that was ended as a whole, Stale
// "token.other_version" when Version is not the current one.
func (s *Service) Rotate(ctx context.Context, scope tenantry.Scope, id tenantry.TokenID, r Rotation) (done Rotated, err error) {
	if err := scope.Require(tenantry.TokensWrite); err != nil {
		return Rotated{}, err
	}
	if err := r.validate(); err != nil {
		return Rotated{}, err
	}
	seen, err := s.Get(ctx, scope, id)
	if err != nil {
		return Rotated{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := lockToken(ctx, tx, seen.Tenant, id); err != nil {
			return err
		}
		t, err := selectToken(ctx, tx, seen.Tenant, id)
		if err != nil {
			return err
		}
		if repeated, found := t.repetition(r.Key); found {
			done, err = s.repeat(ctx, tx, t, repeated)
			return err
		}
		now := s.clock()
		if err := t.mayRotate(r, seen.Current, now); err != nil {
			return err
		}
		policy, err := selectPolicy(ctx, tx, t.Tenant)
		if err != nil {
			return err
		}
		settings := s.settings.within(policy)
		if r.Grace != nil {
			settings.Grace = *r.Grace
		}
		f, err := s.fresh(t.Tenant, t.Kind, settings, now)
		if err != nil {
			return err
		}
		f.id, f.version, f.home, f.key = id, t.Current+1, t.Home, r.Key
		if err := s.rotateIn(ctx, tx, scope, []fresh{f}, r, now); err != nil {
			return err
		}
		done = Rotated{Secret: f.secret, Version: f.version}
		if done.Token, err = selectToken(ctx, tx, t.Tenant, id); err != nil {
			return err
		}
		done.PreviousExpiresAt = done.Token.previousEnd(f.version, now)
		return nil
	})
	return done, err
}

func (r Rotation) validate() error {
	var wrong []tenantry.FieldError
	switch r.Ended {
	case "", Compromised, Leaked, Administrative:
	default:
		wrong = append(wrong, tenantry.NewFieldError("reason", "field.not_one_of", "choices", []Reason{Compromised, Leaked, Administrative}))
	}
	const most = 90 * 24 * time.Hour
	if r.Grace != nil && (*r.Grace < 0 || *r.Grace > most) {
		wrong = append(wrong, tenantry.NewFieldError("grace", "token.duration_range", "min", "0s", "max", "90d"))
	}
	if len(r.Key) > 255 {
		wrong = append(wrong, tenantry.NewFieldError("key", "field.too_long", "max", 255))
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "token.invalid").WithFields(wrong...)
	}
	return nil
}

// mayRotate: seen is the version that was current when the caller asked.
func (t Token) mayRotate(r Rotation, seen int64, now time.Time) error {
	switch {
	case t.RevokedAt != nil:
		return tenantry.NewError(tenantry.Conflict, "token.revoked", "reason", t.RevokedReason)
	case r.Version != 0 && r.Version != t.Current:
		return tenantry.NewError(tenantry.Stale, "token.other_version", "version", r.Version, "current", t.Current)
	case r.Version != 0:
		return nil
	case t.Current != seen:
		return tenantry.NewError(tenantry.Conflict, "token.rotated_already", "version", t.Current)
	}
	newest := t.Versions[0]
	if newest.Number > 1 && newest.FirstUsedAt == nil && newest.CreatedAt != nil && now.Sub(*newest.CreatedAt).Abs() < hasty {
		return tenantry.NewError(tenantry.Conflict, "token.rotated_already", "version", t.Current)
	}
	return nil
}

// rotateIn stores fresh versions of tokens that are locked, and ends or retires
// what came before them.
func (s *Service) rotateIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, all []fresh, r Rotation, now time.Time) error {
	if err := s.write(ctx, tx, all, now); err != nil {
		return err
	}
	if r.Ended != "" {
		if err := endPredecessors(ctx, tx, all, r.Ended, now); err != nil {
			return err
		}
	} else if err := retirePredecessors(ctx, tx, all, !r.Hold); err != nil {
		return err
	}
	if err := resolveDuplicates(ctx, tx, now); err != nil {
		return err
	}
	tenants := make([]tenantry.TenantKey, 0, len(all))
	for _, f := range all {
		if len(tenants) == 0 || tenants[len(tenants)-1] != f.tenant {
			tenants = append(tenants, f.tenant)
		}
	}
	if err := changed(ctx, tx, tenants...); err != nil {
		return err
	}
	return s.recordRotations(ctx, tx, scope, all, r)
}

// previousEnd is when the version before number dies at the latest, nil if it is
// dead.
func (t Token) previousEnd(number int64, now time.Time) *time.Time {
	for _, v := range t.Versions {
		if v.Number == number-1 && v.RevokedReason == "" {
			if end := earliest(v.RetireAt, v.ExpiresAt); end != nil && end.After(now) {
				return end
			}
		}
	}
	return nil
}

// repetition finds the version that a rotation under the key made.
func (t Token) repetition(key string) (Version, bool) {
	if key != "" {
		for _, v := range t.Versions {
			if v.rotationKey == key {
				return v, true
			}
		}
	}
	return Version{}, false
}

// repeat tells again what came of a rotation. Its secret is still at hand while it
// stands in Django's column.
func (s *Service) repeat(ctx context.Context, tx *sqldb.Tx, t Token, v Version) (Rotated, error) {
	done := Rotated{Token: t, Version: v.Number, Repeated: true, PreviousExpiresAt: t.previousEnd(v.Number, s.clock())}
	if !t.Home || v.Number != t.Current {
		return done, nil
	}
	text, err := selectColumn(ctx, tx, t.Tenant, t.Kind)
	if err != nil {
		return done, err
	}
	done.Secret, err = s.read(ctx, place{t.Tenant, t.Kind}, text)
	return done, err
}

// Revoke ends a token, or only one version of it, at once and for good.
// Repeating it changes nothing.
func (s *Service) Revoke(ctx context.Context, scope tenantry.Scope, id tenantry.TokenID, version int64, reason Reason) (t Token, err error) {
	if err := scope.Require(tenantry.TokensWrite); err != nil {
		return Token{}, err
	}
	if !reason.given() {
		return Token{}, tenantry.NewError(tenantry.Invalid, "token.invalid").
			WithFields(tenantry.NewFieldError("reason", "field.not_one_of", "choices", RevokeReasons()))
	}
	seen, err := s.Get(ctx, scope, id)
	if err != nil {
		return Token{}, err
	}
	if version != 0 && seen.version(version) == nil {
		return Token{}, tenantry.NewError(tenantry.NotFound, "token.not_found")
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.revokeIn(ctx, tx, scope, seen.Tenant, id, version, reason); err != nil {
			return err
		}
		t, err = selectToken(ctx, tx, seen.Tenant, id)
		return err
	})
	return t, err
}

func (r Reason) given() bool {
	for _, one := range RevokeReasons() {
		if r == one {
			return true
		}
	}
	return false
}

func (t Token) version(number int64) *Version {
	for i := range t.Versions {
		if t.Versions[i].Number == number {
			return &t.Versions[i]
		}
	}
	return nil
}

// revokeIn ends one version, or for zero the token with all of them. Django's
// column never holds a secret that is dead by our hand.
func (s *Service) revokeIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, id tenantry.TokenID, version int64, reason Reason) error {
	current, err := lockToken(ctx, tx, tenant, id)
	if err != nil {
		return err
	}
	t, err := selectToken(ctx, tx, tenant, id)
	if err != nil {
		return err
	}
	now := s.clock()
	detail := map[string]any{"reason": reason}
	if version == 0 {
		if t.RevokedAt != nil {
			return nil
		}
		if err := firstOf(endVersions(ctx, tx, tenant, id, reason, now), endToken(ctx, tx, tenant, id, reason, now)); err != nil {
			return err
		}
	} else {
		if v := t.version(version); v == nil || v.RevokedReason != "" {
			return nil
		}
		if err := endVersion(ctx, tx, tenant, id, version, reason, now); err != nil {
			return err
		}
		detail["version"] = version
	}
	if err := resolveDuplicates(ctx, tx, now); err != nil {
		return err
	}
	if t.Home && (version == 0 || version == current) {
		if err := clearColumn(ctx, tx, tenant, t.Kind, now); err != nil {
			return err
		}
	}
	if err := changed(ctx, tx, tenant); err != nil {
		return err
	}
	return s.recordRevocation(ctx, tx, scope, t, detail)
}

// RevokeHeld ends the version that a secret is of, on no other authority than
// holding it: a finder or a scanner has nothing else. found is false for what is
// no token of ours.
func (s *Service) RevokeHeld(ctx context.Context, holder tenantry.Scope, secret tenantry.Secret) (found bool, err error) {
	if shape, _ := s.settings.ShapeOf(secret.Reveal()); shape == Malformed {
		return false, nil
	}
	err = s.db.As(holder).Write(ctx, func(tx *sqldb.Tx) error {
		h, err := s.LookUpIn(ctx, tx, digestOf(secret), s.clock())
		if err != nil {
			return err
		}
		found = true
		if !h.Ambiguous {
			return s.revokeIn(ctx, tx, holder, h.Tenant, h.Token, h.Version, Leaked)
		}
		all, err := selectHolders(ctx, tx, h.Digest[:], s.clock())
		for _, one := range all {
			err = firstOf(err, s.revokeIn(ctx, tx, holder, one.tenant, one.id, one.version, Leaked))
		}
		return err
	})
	if tenantry.KindOf(err) == tenantry.NotFound {
		return false, nil
	}
	return found, err
}

// recordRotations writes what the audit keeps of rotations: which and how, never
// what.
func (s *Service) recordRotations(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, all []fresh, r Rotation) error {
	events := make([]audit.Event, len(all))
	for i, f := range all {
		events[i] = audit.Event{Tenant: f.tenant, Action: "token.rotated", Subject: f.id.String(),
			Detail: rotation{Kind: f.kind, Version: f.version, Ended: r.Ended, Until: f.retire}}
	}
	return s.audit.RecordAll(ctx, tx, scope, events)
}

// rotation is what the audit keeps of one.
type rotation struct {
	Kind    Kind      `json:"kind"`
	Version int64     `json:"version"`
	Ended   Reason    `json:"ended,omitempty"`
	Until   time.Time `json:"grace_until"`
}

func (s *Service) recordRevocation(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, t Token, detail map[string]any) error {
	detail["kind"] = t.Kind
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: t.Tenant, Action: "token.revoked", Subject: t.ID.String(), Detail: detail})
}
