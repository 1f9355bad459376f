package session

import (
	"context"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/credential"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Start is who signs in, and from where.
type Start struct {
	User    tenantry.UserKey
	Person  tenantry.UserID
	Tenant  tenantry.TenantKey
	Mark    string
	Address string
	Device  string
}

// Open begins a session and returns its secret, this once. Only the program does
// it, for somebody who has proven who they are.
func (s *Service) Open(ctx context.Context, scope tenantry.Scope, start Start) (Session, tenantry.Secret, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return Session{}, tenantry.Secret{}, err
	}
	secret, err := credential.New(Prefix, s.random)
	if err != nil {
		return Session{}, tenantry.Secret{}, err
	}
	now := s.clock()
	made := Session{
		ID: tenantry.NewSessionID(now, s.random), User: start.User, Person: start.Person, Tenant: start.Tenant, Mark: start.Mark,
		Address: start.Address, Device: clip(start.Device, deviceLength),
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.settings.Lifetime),
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := deleteLongOver(ctx, tx, now.Add(-kept)); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, made); err != nil {
			return err
		}
		if err := insertSecret(ctx, tx, made.ID, credential.Digest(secret), now); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, made, "session.opened", map[string]any{"session": made.ID.String()})
	})
	return made, secret, err
}

// Find tells whose session a secret opens. A text that is no secret, one of
// nobody and one of a session that is over are the same error, Unauthenticated.
// One that was replaced ends its session: two hold it, and one of them stole it.
func (s *Service) Find(ctx context.Context, scope tenantry.Scope, secret tenantry.Secret) (Session, error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return Session{}, err
	}
	if !credential.WellFormed(Prefix, secret) {
		return Session{}, unknown()
	}
	var found Session
	var replaced bool
	err := s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, replaced, err = selectBySecret(ctx, tx, credential.Digest(secret))
		return err
	})
	switch now := s.clock(); {
	case tenantry.KindOf(err) == tenantry.NotFound:
		return Session{}, unknown()
	case err != nil:
		return Session{}, err
	case found.EndedAt != nil || s.over(found, now):
		return Session{}, unknown()
	case replaced:
		if err := s.Close(ctx, scope, found, Reuse); err != nil {
			return Session{}, err
		}
		return Session{}, unknown()
	case now.Sub(found.SeenAt) >= time.Minute:
		// Readers must not queue for the writer; that it could not be noted is no
		// reason to refuse.
		if s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error { return updateSeen(ctx, tx, found.ID, now) }) == nil {
			found.SeenAt = now
		}
	}
	return found, nil
}

func (s *Service) over(x Session, now time.Time) bool {
	return !now.Before(x.ExpiresAt) || now.Sub(x.SeenAt) >= s.settings.Idle
}

// Rotate gives a session another secret, and with a tenant that is not zero
// another place; the old secret dies. Of two at once one succeeds, and the other
// has used a replaced secret.
func (s *Service) Rotate(ctx context.Context, scope tenantry.Scope, secret tenantry.Secret, to tenantry.TenantKey) (found Session, fresh tenantry.Secret, err error) {
	if found, err = s.Find(ctx, scope, secret); err != nil {
		return Session{}, tenantry.Secret{}, err
	}
	if fresh, err = credential.New(Prefix, s.random); err != nil {
		return Session{}, tenantry.Secret{}, err
	}
	now, action := s.clock(), "session.rotated"
	detail := map[string]any{"session": found.ID.String()}
	if to != 0 {
		action = "session.switched"
		detail["from"] = int64(found.Tenant)
	} else {
		to = found.Tenant
	}
	lost := false
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		replaced, err := replaceSecret(ctx, tx, found.ID, credential.Digest(secret), now)
		if lost = !replaced; err != nil || lost {
			return err
		}
		if err := insertSecret(ctx, tx, found.ID, credential.Digest(fresh), now); err != nil {
			return err
		}
		if err := updateTenant(ctx, tx, found.ID, to); err != nil {
			return err
		}
		found.Tenant = to
		return s.record(ctx, tx, scope, found, action, detail)
	})
	if err == nil && lost {
		if err = s.Close(ctx, scope, found, Reuse); err == nil {
			err = unknown()
		}
	}
	if err != nil {
		return Session{}, tenantry.Secret{}, err
	}
	return found, fresh, nil
}

// Close ends a session that was found. One that has ended stays as it is.
func (s *Service) Close(ctx context.Context, scope tenantry.Scope, x Session, why Reason) error {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		ended, err := updateEnded(ctx, tx, x.ID, why, s.clock())
		if err != nil || !ended {
			return err
		}
		return s.record(ctx, tx, scope, x, "session.ended", map[string]any{"session": x.ID.String(), "reason": string(why)})
	})
}

// ListOf reads the sessions of a person that are not over, newest first.
func (s *Service) ListOf(ctx context.Context, scope tenantry.Scope, user tenantry.UserKey) (all []Session, err error) {
	if err := scope.RequirePlatform(tenantry.UsersRead); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		now := s.clock()
		all, err = selectOpen(ctx, tx, user, now, now.Add(-s.settings.Idle))
		return err
	})
	return all, err
}

// CloseOf ends one session of a person. One of somebody else is NotFound, as a
// missing one is.
func (s *Service) CloseOf(ctx context.Context, scope tenantry.Scope, user tenantry.UserKey, id tenantry.SessionID, why Reason) error {
	all, err := s.ListOf(ctx, scope, user)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID == id {
			return s.Close(ctx, scope, x, why)
		}
	}
	return notFound()
}

// CloseAllOf ends all sessions of a person and tells how many those were.
func (s *Service) CloseAllOf(ctx context.Context, scope tenantry.Scope, user tenantry.UserKey, why Reason) (n int, err error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return 0, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		n, err = s.CloseAllOfIn(ctx, tx, scope, user, why)
		return err
	})
	return n, err
}

// CloseAllOfIn is CloseAllOf within a transaction of the caller's.
func (s *Service) CloseAllOfIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, user tenantry.UserKey, why Reason) (int, error) {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return 0, err
	}
	now := s.clock()
	all, err := selectOpen(ctx, tx, user, now, now.Add(-s.settings.Idle))
	if err != nil || len(all) == 0 {
		return 0, err
	}
	for _, x := range all {
		if _, err := updateEnded(ctx, tx, x.ID, why, now); err != nil {
			return 0, err
		}
	}
	return len(all), s.record(ctx, tx, scope, all[0], "session.all_ended", map[string]any{"sessions": len(all), "reason": string(why)})
}

func (s *Service) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, x Session, action string, detail any) error {
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: x.Tenant, Action: action, Subject: x.Person.String(), Detail: detail})
}

const (
	kept         = 30 * 24 * time.Hour // how long what is over can be looked up in the table
	deviceLength = 255
)

// clip makes text of what a client says of itself.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text), "")
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}
