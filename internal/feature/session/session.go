// Package session is the room of people who are signed in: their sessions, the
// secrets that work once (reset links, invitations, challenges), and how often
// somebody may try. It owns tenantry_session, tenantry_session_secret,
// tenantry_link, tenantry_attempt and tenantry_invitation. Whose
// password is right room user knows; what a session may do flow/signin puts
// together from the rooms at every request.
package session

import (
	"io"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Session is somebody signed in on one device. Its secrets come and go, by
// rotation; one works at a time.
type Session struct {
	ID        tenantry.SessionID
	User      tenantry.UserKey
	Person    tenantry.UserID
	Tenant    tenantry.TenantKey // where the person works now
	Mark      string             // of the password by which it was opened
	Address   string             // at the sign-in
	Device    string             // as the client calls itself
	CreatedAt time.Time
	SeenAt    time.Time // to the minute
	ExpiresAt time.Time // whatever happens
	EndedAt   *time.Time
	EndReason Reason
}

// Reason is why a session ended.
type Reason string

const (
	SignedOut  Reason = "signed_out"
	Everywhere Reason = "everywhere" // its person ended all of theirs
	Revoked    Reason = "revoked"    // by its person from another one, or by an administrator
	Password   Reason = "password"   // it was changed
	Inactive   Reason = "inactive"   // the account was deactivated
	Reuse      Reason = "reuse"      // a secret was used that had been replaced: somebody holds a copy
	Expired    Reason = "expired"
)

// Settings are how long things last.
type Settings struct {
	Lifetime time.Duration // of a session, at most
	Idle     time.Duration // without use
}

const (
	Prefix          = "tse_" // of sessions' secrets
	linkPrefix      = "tsl_" // of secrets that work once
	InvitationLasts = 7 * 24 * time.Hour
	PasswordLasts   = time.Hour
)

// Service holds the rules of sessions.
type Service struct {
	db       *sqldb.DB
	audit    *audit.Log
	settings Settings
	clock    tenantry.Clock
	random   io.Reader
	gate     chan struct{} // see Enter
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, settings Settings, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, settings: settings, clock: clock, random: random, gate: make(chan struct{}, atOnce)}
}

func unknown() error { return tenantry.NewError(tenantry.Unauthenticated, "access.unauthenticated") }

func notFound() error { return tenantry.NewError(tenantry.NotFound, "session.not_found") }
