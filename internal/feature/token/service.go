package token

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Keys gives the keys of this database: to seal with, within the transaction that
// writes what is sealed, and to open with.
type Keys struct {
	ToSeal func(ctx context.Context, tx *sqldb.Tx) (*seal.Keyring, error)
	ToOpen func(ctx context.Context) (*seal.Keyring, error)
}

// Service holds the rules of tokens.
type Service struct {
	db       *sqldb.DB
	audit    *audit.Log
	keys     Keys
	settings Settings
	clock    tenantry.Clock
	random   io.Reader
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, keys Keys, settings Settings, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, keys: keys, settings: settings, clock: clock, random: random}
}

// Settings returns what holds for tenants without a policy of their own.
func (s *Service) Settings() *Settings { return &s.settings }

// IssueIn gives a new tenant both tokens, within the transaction that makes it.
// A tenant that has one already is a Conflict: replacing a token is a rotation.
func (s *Service) IssueIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey) (Pair, error) {
	if err := scope.RequireIn(tenant, tenantry.TokensWrite); err != nil {
		return Pair{}, err
	}
	found, err := selectMissing(ctx, tx, sqldb.Just(tenant), 0, 1, true)
	if err != nil {
		return Pair{}, err
	}
	if len(found) == 0 || !found[0].needsAI || !found[0].needsCWU {
		return Pair{}, tenantry.NewError(tenantry.Conflict, "token.exists")
	}
	made, err := s.fillIn(ctx, tx, scope, found)
	if err != nil {
		return Pair{}, err
	}
	return Pair{AI: made[0].secret, CWU: made[1].secret}, nil
}

// Draft is a token to be made besides the two that stand in Django's columns.
type Draft struct {
	Tenant           tenantry.TenantKey
	Kind             Kind
	Name             string
	Scopes           []string
	AllowedAddresses []netip.Prefix
	ExpiresAt        *time.Time
}

// Made is a token and a secret of it, which is shown now or never.
type Made struct {
	Token  Token
	Secret tenantry.Secret
}

// Create makes a token of a tenant's. Its name is its own in the tenant.
func (s *Service) Create(ctx context.Context, scope tenantry.Scope, d Draft) (m Made, err error) {
	if err := scope.RequireIn(d.Tenant, tenantry.TokensWrite); err != nil {
		return Made{}, err
	}
	now := s.clock()
	if err := d.validate(now); err != nil {
		return Made{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		policy, err := selectPolicy(ctx, tx, d.Tenant)
		if err != nil {
			return err
		}
		f, err := s.fresh(d.Tenant, d.Kind, s.settings.within(policy), now)
		if err != nil {
			return err
		}
		f.id, f.version = tenantry.NewTokenID(now, s.random), 1
		f.token = &Token{Name: d.Name, Scopes: d.Scopes, AllowedAddresses: d.AllowedAddresses, ExpiresAt: d.ExpiresAt, CreatedBy: scope.Actor().Name}
		if err := insertFresh(ctx, tx, []fresh{f}); err != nil {
			if tenantry.KindOf(err) == tenantry.Conflict {
				err = tenantry.NewError(tenantry.Conflict, "token.name_taken", "name", d.Name).Because(err)
			}
			return err
		}
		if err := s.record(ctx, tx, scope, f, "token.created", map[string]any{"kind": d.Kind, "name": d.Name}); err != nil {
			return err
		}
		m.Secret = f.secret
		m.Token, err = selectToken(ctx, tx, f.tenant, f.id)
		return err
	})
	return m, err
}

const nameLength = 100

func (d Draft) validate(now time.Time) error {
	var wrong []tenantry.FieldError
	bad := func(field, code string, params ...any) {
		wrong = append(wrong, tenantry.NewFieldError(field, code, params...))
	}
	if !slices.Contains(Kinds(), d.Kind) {
		bad("kind", "field.not_one_of", "choices", Kinds())
	}
	switch {
	case strings.TrimSpace(d.Name) == "":
		bad("name", "field.required")
	case utf8.RuneCountInString(d.Name) > nameLength:
		bad("name", "field.too_long", "max", nameLength)
	case !utf8.ValidString(d.Name) || strings.ContainsFunc(d.Name, unicode.IsControl):
		bad("name", "field.not_text")
	case strings.TrimSpace(d.Name) != d.Name:
		bad("name", "field.outer_space")
	}
	if !d.Kind.allowed(d.Scopes) {
		bad("scopes", "field.not_one_of", "choices", d.Kind.Scopes())
	}
	const most = 50
	if len(d.AllowedAddresses) > most {
		bad("allowed_addresses", "field.too_long", "max", most)
	}
	if d.ExpiresAt != nil && !d.ExpiresAt.After(now) {
		bad("expires_at", "token.expiry_past")
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "token.invalid").WithFields(wrong...)
	}
	return nil
}

// fresh makes a secret and says how long it lives.
func (s *Service) fresh(tenant tenantry.TenantKey, kind Kind, settings Settings, now time.Time) (fresh, error) {
	secret, err := s.settings.generate(kind, s.random)
	f := fresh{tenant: tenant, kind: kind, secret: secret, created: &now}
	if settings.MaxAge > 0 {
		f.expires = later(now, settings.MaxAge)
	}
	f.retire = now.Add(settings.Grace)
	return f, err
}

// Get reads a token with its versions. A foreign one is missing.
func (s *Service) Get(ctx context.Context, scope tenantry.Scope, id tenantry.TokenID) (t Token, err error) {
	if err := scope.Require(tenantry.TokensRead); err != nil {
		return Token{}, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		tenant, err := selectTenantOf(ctx, tx, scope.Tenant(), id)
		if err != nil {
			return err
		}
		t, err = selectToken(ctx, tx, tenant, id)
		return err
	})
	return t, err
}

// Standings tells what each version of a token is worth now, in their order, and
// whether the current one is due for rotation.
func (s *Service) Standings(ctx context.Context, t Token) ([]Listed, error) {
	var policy Policy
	if err := s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		policy, err = selectPolicy(ctx, tx, t.Tenant)
		return err
	}); err != nil {
		return nil, err
	}
	settings, now := s.settings.within(policy), s.clock()
	all := make([]Listed, len(t.Versions))
	for i, v := range t.Versions {
		l := t.life(v, settings)
		all[i] = Listed{Token: t, Newest: v}
		all[i].State, all[i].Reason, _ = l.at(now)
		all[i].Due = (all[i].State == Active || all[i].State == Retiring) && v.Number == t.Current && l.due(now)
	}
	return all, nil
}

func (t Token) life(v Version, settings Settings) life {
	l := life{version: v, tokenExpires: t.ExpiresAt, settings: settings}
	if t.RevokedAt != nil {
		l.tokenRevoked = t.RevokedReason
	}
	return l
}

// Policy reads what a tenant wants different from the settings.
func (s *Service) Policy(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey) (p Policy, err error) {
	if err := scope.RequireIn(tenant, tenantry.TokensRead); err != nil {
		return Policy{}, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		p, err = selectPolicy(ctx, tx, tenant)
		return err
	})
	return p, err
}

// SetPolicy says what a tenant wants different. A greatest age that is lowered
// holds for the secrets that are there too.
func (s *Service) SetPolicy(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, p Policy) error {
	if err := scope.RequireIn(tenant, tenantry.TokensWrite); err != nil {
		return err
	}
	if err := s.settings.validate(p); err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := upsertPolicy(ctx, tx, tenant, p, s.clock()); err != nil {
			return err
		}
		detail := map[string]any{}
		for name, d := range map[string]*time.Duration{"max_age": p.MaxAge, "rotate_after": p.RotateAfter, "grace": p.Grace, "idle_age": p.IdleAge} {
			if d != nil {
				detail[name] = d.String()
			}
		}
		if err := s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: "token.policy", Detail: detail}); err != nil {
			return err
		}
		return changed(ctx, tx, tenant)
	})
}

// validate keeps a policy between a minute and ten years, and its parts in order.
func (s Settings) validate(p Policy) error {
	var wrong []tenantry.FieldError
	const least, most = time.Minute, 3650 * 24 * time.Hour
	check := func(field string, d *time.Duration, from time.Duration) {
		if d != nil && *d != 0 && (*d < from || *d > most) {
			wrong = append(wrong, tenantry.NewFieldError(field, "token.duration_range", "min", config.FormatDuration(from), "max", "3650d"))
		}
	}
	check("max_age", p.MaxAge, least)
	check("rotate_after", p.RotateAfter, least)
	check("grace", p.Grace, time.Second)
	check("idle_age", p.IdleAge, least)
	if w := s.within(p); w.MaxAge > 0 && w.RotateAfter > w.MaxAge {
		wrong = append(wrong, tenantry.NewFieldError("rotate_after", "token.rotate_after_expiry", "max_age", config.FormatDuration(w.MaxAge)))
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "token.invalid").WithFields(wrong...)
	}
	return nil
}

// changed tells every process to drop what it remembers of tenants.
func changed(ctx context.Context, tx *sqldb.Tx, tenants ...tenantry.TenantKey) error {
	for _, notice := range tenantry.Changed(tenants...) {
		if err := tx.Notify(ctx, tenantry.ChangedChannel, notice); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, f fresh, action string, detail map[string]any) error {
	detail["version"] = f.version
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: f.tenant, Action: action, Subject: f.id.String(), Detail: detail})
}

// sealColumns decides what Django's columns hold of fresh secrets.
func (s *Service) sealColumns(ctx context.Context, tx *sqldb.Tx, all []fresh) error {
	var ring *seal.Keyring
	if s.settings.Encrypt && slices.ContainsFunc(all, func(f fresh) bool { return f.home }) {
		var err error
		if ring, err = s.keys.ToSeal(ctx, tx); err != nil {
			return err
		}
	}
	for i := range all {
		f := &all[i]
		switch {
		case !f.home:
		case ring == nil:
			f.column = f.secret.Reveal()
		default:
			text, err := place{f.tenant, f.kind}.seal(ring, f.secret, f.version)
			if err != nil {
				return err
			}
			f.column = text
		}
	}
	return nil
}

// place is a column of a tenant's row. It is bound into what is sealed for it, so
// that a text copied to another place does not open.
type place struct {
	tenant tenantry.TenantKey
	kind   Kind
}

func (p place) parts() []string {
	return []string{"tenants_tenantmodel", strconv.FormatInt(int64(p.tenant), 10), p.kind.column()}
}

// seal writes the number of the version in front, where it can be read without
// the key and not be changed.
func (p place) seal(ring *seal.Keyring, secret tenantry.Secret, version int64) (string, error) {
	return ring.Seal(secret, strconv.FormatInt(version, 10), p.parts()...)
}

func (p place) open(ring *seal.Keyring, text string) (secret tenantry.Secret, version int64, err error) {
	if secret, err = ring.Open(text, p.parts()...); err != nil {
		return secret, 0, err
	}
	_, note, _ := seal.Visible(text)
	version, err = strconv.ParseInt(note, 10, 64)
	return secret, version, err
}
