package access

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/credential"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// The roles of operators, as stored.
const (
	OperatorAdmin   = "admin"   // everything
	OperatorSupport = "support" // sees every tenant, changes nothing
	OperatorBilling = "billing" // sees tenants alone
	OperatorAuditor = "auditor" // sees what support does, and who did what
)

// OperatorRoles lists every role of operators in the order in which they are shown.
func OperatorRoles() []string {
	return []string{OperatorAdmin, OperatorSupport, OperatorBilling, OperatorAuditor}
}

// OperatorGrants lists what an operator of a role may do, in every tenant; known is
// false when there is no such role, which grants nothing.
func OperatorGrants(role string) (permissions []tenantry.Permission, known bool) {
	reads := []tenantry.Permission{tenantry.TenantsRead, tenantry.UsersRead, tenantry.TokensRead,
		tenantry.RolesRead, tenantry.APIKeysRead, tenantry.SettingsRead}
	switch role {
	case OperatorAdmin:
		return tenantry.Permissions(), true
	case OperatorSupport:
		return reads, true
	case OperatorBilling:
		return []tenantry.Permission{tenantry.TenantsRead}, true
	case OperatorAuditor:
		return append(reads, tenantry.AuditRead), true
	}
	return nil, false
}

// Operator runs the platform, or a part of it.
type Operator struct {
	ID         tenantry.OperatorID
	Name       string
	Role       string
	KeyDisplay string // "opk_a1…Z9xY": to recognise the key by, not to use
	CreatedAt  time.Time
	CreatedBy  string
	LastUsedAt *time.Time // to the minute
	RevokedAt  *time.Time
}

// Service keeps operators, roles, grants and keys.
type Service struct {
	db     *sqldb.DB
	audit  *audit.Log
	held   Held
	clock  tenantry.Clock
	random io.Reader
}

// Held tells how many members of a tenant are in a role, which room user knows.
type Held func(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, role string) (int64, error)

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, held Held, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, held: held, clock: clock, random: random}
}

// CreateOperator makes an operator in a role and their key, which nobody can read
// again.
func (s *Service) CreateOperator(ctx context.Context, scope tenantry.Scope, name, role string) (o Operator, key tenantry.Secret, err error) {
	if err := scope.RequirePlatform(tenantry.OperatorsWrite); err != nil {
		return Operator{}, tenantry.Secret{}, err
	}
	if err := validateName(name); err != nil {
		return Operator{}, tenantry.Secret{}, err
	}
	if _, known := OperatorGrants(role); !known {
		return Operator{}, tenantry.Secret{}, tenantry.NewError(tenantry.Invalid, "operator.invalid").
			WithFields(tenantry.NewFieldError("role", "operator.unknown_role", "role", shorten(role), "roles", strings.Join(OperatorRoles(), ", ")))
	}
	if key, err = credential.New(operatorPrefix, s.random); err != nil {
		return Operator{}, tenantry.Secret{}, err
	}
	now := s.clock()
	o = Operator{ID: tenantry.NewOperatorID(now, s.random), Name: name, Role: role, KeyDisplay: key.Display(), CreatedAt: now, CreatedBy: scope.Actor().Name}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertOperator(ctx, tx, o, credential.Digest(key)); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "operator.created", Subject: o.ID.String(), Detail: map[string]any{"name": name, "role": role}})
	})
	if tenantry.KindOf(err) == tenantry.Conflict {
		err = tenantry.NewError(tenantry.Conflict, "operator.name_taken", "name", name).Because(err)
	}
	if err != nil {
		return Operator{}, tenantry.Secret{}, err
	}
	return o, key, nil
}

// FindByKey tells whose key this is. A text that is no key, a key of nobody and a
// revoked one are the same error, Unauthenticated.
func (s *Service) FindByKey(ctx context.Context, key tenantry.Secret) (o Operator, err error) {
	if !credential.WellFormed(operatorPrefix, key) {
		return Operator{}, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
	}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		o, err = selectByDigest(ctx, tx, credential.Digest(key))
		return err
	})
	if tenantry.KindOf(err) == tenantry.NotFound || err == nil && o.RevokedAt != nil {
		return Operator{}, tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated")
	}
	if err != nil {
		return Operator{}, err
	}
	s.touch(ctx, o)
	return o, nil
}

// touch notes that a key was used, at most once a minute: readers must not queue
// for the writer. That it could not be noted is no reason to refuse the key.
func (s *Service) touch(ctx context.Context, o Operator) {
	now := s.clock()
	if o.LastUsedAt != nil && now.Sub(*o.LastUsedAt) < time.Minute {
		return
	}
	_ = s.db.Write(ctx, func(tx *sqldb.Tx) error { return updateLastUsed(ctx, tx, o.ID, now) })
}

// ListOperators reads all operators, the revoked among them, oldest first.
func (s *Service) ListOperators(ctx context.Context, scope tenantry.Scope) (all []Operator, err error) {
	if err := scope.RequirePlatform(tenantry.OperatorsWrite); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		all, err = selectOperators(ctx, tx)
		return err
	})
	return all, err
}

// RevokeOperator ends an operator's key for good. ref is a public id or a name.
// Revoking again changes nothing.
func (s *Service) RevokeOperator(ctx context.Context, scope tenantry.Scope, ref string) (o Operator, err error) {
	if err := scope.RequirePlatform(tenantry.OperatorsWrite); err != nil {
		return Operator{}, err
	}
	var id tenantry.OperatorID
	if strings.HasPrefix(ref, "opr_") {
		if id, err = tenantry.ParseOperatorID(ref); err != nil {
			return Operator{}, err
		}
	} else if validateName(ref) != nil {
		return Operator{}, tenantry.NewError(tenantry.NotFound, "operator.not_found")
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if o, err = selectOperator(ctx, tx, id, ref); err != nil || o.RevokedAt != nil {
			return err
		}
		now := s.clock()
		if err := updateRevoked(ctx, tx, o.ID, now); err != nil {
			return err
		}
		o.RevokedAt = &now
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "operator.revoked", Subject: o.ID.String(), Detail: map[string]any{"name": o.Name}})
	})
	if tenantry.KindOf(err) == tenantry.NotFound {
		err = tenantry.NewError(tenantry.NotFound, "operator.not_found")
	}
	return o, err
}

// AnyOperator tells whether there is an operator with a key that works: a program
// that starts without one makes the first.
func (s *Service) AnyOperator(ctx context.Context) (any bool, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		any, err = anyOperator(ctx, tx)
		return err
	})
	return any, err
}

const nameLength = 150

func validateName(name string) error {
	bad := func(code string, params ...any) error {
		return tenantry.NewError(tenantry.Invalid, "operator.invalid").WithFields(tenantry.NewFieldError("name", code, params...))
	}
	switch {
	case strings.TrimSpace(name) == "":
		return bad("field.required")
	case utf8.RuneCountInString(name) > nameLength:
		return bad("field.too_long", "max", nameLength)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return bad("field.not_text")
	case strings.TrimSpace(name) != name:
		return bad("field.outer_space")
	case strings.HasPrefix(name, "opr_"):
		return bad("operator.name_like_id") // it could not be told from one
	}
	return nil
}
