package access

import (
	"context"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/credential"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Key is what a program of a tenant's signs in with on the plane of management. It
// reaches its tenant only, and calls no models: that is what tokens are for.
type Key struct {
	Tenant      tenantry.TenantKey
	ID          tenantry.KeyID
	Name        string
	Display     string // "tmk_a1…Z9xY": to recognise the key by, not to use
	Permissions []tenantry.Permission
	ExpiresAt   *time.Time // nil is never
	CreatedAt   time.Time
	CreatedBy   string
	LastUsedAt  *time.Time // to the minute
	RevokedAt   *time.Time
}

// KeyDraft is a key to be made.
type KeyDraft struct {
	Name        string
	Permissions []tenantry.Permission
	ExpiresAt   *time.Time
}

// IsTenantKey tells by its form whether a credential is meant as a tenant's key.
func IsTenantKey(c tenantry.Secret) bool {
	return credential.WellFormed(tenantPrefix, c)
}

// CreateKey makes a key of a tenant, which nobody can read again. It holds at most
// what its maker holds now.
func (s *Service) CreateKey(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, d KeyDraft) (k Key, secret tenantry.Secret, err error) {
	if err := scope.RequireIn(tenant, tenantry.APIKeysWrite); err != nil {
		return Key{}, tenantry.Secret{}, err
	}
	now := s.clock()
	if err := d.validate(now); err != nil {
		return Key{}, tenantry.Secret{}, err
	}
	if err := holdsAll(scope, d.Permissions); err != nil {
		return Key{}, tenantry.Secret{}, err
	}
	if secret, err = credential.New(tenantPrefix, s.random); err != nil {
		return Key{}, tenantry.Secret{}, err
	}
	k = Key{Tenant: tenant, ID: tenantry.NewKeyID(now, s.random), Name: d.Name, Display: secret.Display(), Permissions: inOrder(d.Permissions),
		ExpiresAt: d.ExpiresAt, CreatedAt: now, CreatedBy: scope.Actor().Name}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertKey(ctx, tx, k, credential.Digest(secret)); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "key.created", Subject: k.ID.String(),
			Detail: map[string]any{"name": k.Name, "permissions": k.Permissions, "expires_at": k.ExpiresAt}})
	})
	if tenantry.KindOf(err) == tenantry.Conflict {
		err = tenantry.NewError(tenantry.Conflict, "key.name_taken", "name", d.Name).Because(err)
	}
	if err != nil {
		return Key{}, tenantry.Secret{}, err
	}
	return k, secret, nil
}

// FindTenantKey tells which key of which tenant a text is. A text that is no key, a
// key of nobody, a revoked one and one past its end are the same error,
// Unauthenticated.
func (s *Service) FindTenantKey(ctx context.Context, secret tenantry.Secret) (k Key, err error) {
	stranger := tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
	if !IsTenantKey(secret) {
		return Key{}, stranger
	}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		k, err = selectKeyByDigest(ctx, tx, credential.Digest(secret))
		return err
	})
	if tenantry.KindOf(err) == tenantry.NotFound {
		return Key{}, stranger
	}
	if err != nil {
		return Key{}, err
	}
	now := s.clock()
	if k.RevokedAt != nil || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) {
		return Key{}, stranger
	}
	// As with operators' keys: once a minute, and no reason to refuse the key.
	if k.LastUsedAt == nil || now.Sub(*k.LastUsedAt) >= time.Minute {
		_ = s.db.Write(ctx, func(tx *sqldb.Tx) error { return updateKeyUsed(ctx, tx, k.Tenant, k.ID, now) })
	}
	return k, nil
}

// Keys reads one page of a tenant's keys, the ended ones among them, newest first.
func (s *Service) Keys(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, page tenantry.Page) (list tenantry.List[Key], err error) {
	if err := scope.RequireIn(tenant, tenantry.APIKeysRead); err != nil {
		return list, err
	}
	if page.Cursor != "" {
		if _, err := tenantry.ParseKeyID(page.Cursor); err != nil {
			return list, tenantry.NewError(tenantry.Invalid, "page.bad_cursor").Because(err)
		}
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		list.Items, err = selectKeys(ctx, tx, tenant, page)
		return err
	})
	if limit := page.Clamp(); len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.NextCursor = list.Items[limit-1].ID.String()
	}
	return list, err
}

// RevokeKey ends a key for good. ref is a public id or a name. Revoking again
// changes nothing.
func (s *Service) RevokeKey(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, ref string) (k Key, err error) {
	if err := scope.RequireIn(tenant, tenantry.APIKeysWrite); err != nil {
		return Key{}, err
	}
	var id tenantry.KeyID
	if strings.HasPrefix(ref, "key_") {
		if id, err = tenantry.ParseKeyID(ref); err != nil {
			return Key{}, keyNotFound()
		}
	} else if code, _ := badText(ref, nameLength); code != "" {
		return Key{}, keyNotFound()
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if k, err = selectKey(ctx, tx, tenant, id, ref); err != nil || k.RevokedAt != nil {
			return err
		}
		now := s.clock()
		changed, err := updateKeyRevoked(ctx, tx, tenant, k.ID, now)
		if err != nil || changed == 0 { // somebody else was first
			return err
		}
		k.RevokedAt = &now
		return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "key.revoked", Subject: k.ID.String(), Detail: map[string]any{"name": k.Name}})
	})
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

func keyNotFound() error { return tenantry.NewError(tenantry.NotFound, "key.not_found") }

func (d KeyDraft) validate(now time.Time) error {
	wrong := badPermissions(d.Permissions)
	if code, params := badText(d.Name, nameLength); code != "" {
		wrong = append(wrong, tenantry.NewFieldError("name", code, params...))
	} else if strings.HasPrefix(d.Name, "key_") {
		wrong = append(wrong, tenantry.NewFieldError("name", "key.name_like_id")) // it could not be told from one
	}
	if d.ExpiresAt != nil && !d.ExpiresAt.After(now) {
		wrong = append(wrong, tenantry.NewFieldError("expires_at", "access.in_the_past"))
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "key.invalid").WithFields(wrong...)
	}
	return nil
}
