// Package token is the room of tokens: ai_… for calls to AI services and cwu_…
// for the "Chat With Us" widget, of which every tenant has one each and may have
// more. A token keeps its id for life; its secrets are versions that come, retire
// and die. The room owns tenantry_token and the tables beside it, and the columns
// ai_token and cwu_token of Django's tenants_tenantmodel; the rest of that row
// belongs to room tenant. Whether a token that somebody presents may be used
// depends on its tenant as well, and is flow/verify's to say.
package token

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
)

// Kind is what a token is for.
type Kind string

const (
	AI  Kind = "ai"
	CWU Kind = "cwu"
)

// Kinds lists every kind, in the seed's order.
func Kinds() []Kind { return []Kind{AI, CWU} }

// column is where Django keeps a tenant's own token of the kind.
func (k Kind) column() string { return string(k) + "_token" }

// Scopes lists what a token of the kind may be used for; a token that names none
// may be used for all of it.
func (k Kind) Scopes() []string {
	if k == CWU {
		return cwuScopes
	}
	return aiScopes
}

var (
	aiScopes  = []string{"ai.chat", "ai.embeddings", "ai.models"}
	cwuScopes = []string{"chat.read", "chat.write"}
)

// Token is one token and, where it was read whole, all its versions, the newest
// first.
type Token struct {
	Tenant           tenantry.TenantKey
	ID               tenantry.TokenID
	Kind             Kind
	Home             bool // the one that stands in Django's column
	Name             string
	Scopes           []string       // none: everything that the kind may do
	AllowedAddresses []netip.Prefix // none: from anywhere
	Current          int64          // number of the newest version
	ExpiresAt        *time.Time     // of the token as a whole
	CreatedAt        *time.Time     // unknown of a token that Django made
	CreatedBy        string
	RevokedAt        *time.Time
	RevokedReason    Reason
	Versions         []Version
}

// Version is one secret of a token. The secret itself is shown when it is made
// and never again.
type Version struct {
	Number        int64
	Display       string // "ai_a1b…Z9xY": to recognise it by
	CreatedAt     *time.Time
	ExpiresAt     *time.Time
	RetireAt      *time.Time // a successor has been made, and this is the last moment for the old
	RetireOnUse   bool       // … or earlier, when the successor is first used
	FirstUsedAt   *time.Time
	LastUsedAt    *time.Time
	Uses          int64
	LastAddress   string // from where it was last used, noted while it retires
	RevokedAt     *time.Time
	RevokedReason Reason
	MisusedAt     *time.Time // last presented after its end
	Misuses       int64

	rotationKey string
}

// State is where a version is in its life.
type State string

const (
	Active   State = "active"
	Retiring State = "retiring" // works still, a successor is there
	Expired  State = "expired"
	Revoked  State = "revoked"
)

// Reason is why a version or a token was ended; the list is closed.
type Reason string

const (
	Superseded     Reason = "superseded"     // its successor is in use, or the grace period is over
	Compromised    Reason = "compromised"    // known to somebody who should not
	Leaked         Reason = "leaked"         // found in the open by somebody who held it
	Duplicate      Reason = "duplicate"      // another tenant had the same
	Replaced       Reason = "replaced"       // a Django process wrote another into the column
	Withdrawn      Reason = "withdrawn"      // a Django process emptied the column
	Unused         Reason = "unused"         // idle for longer than the policy allows
	Administrative Reason = "administrative" // somebody decided so
)

// RevokeReasons are those that a person may give.
func RevokeReasons() []Reason { return []Reason{Administrative, Compromised, Leaked, Unused} }

// Settings are the seed's TOKEN_SETTINGS and what goes with them. The durations
// hold for tenants whose policy says nothing else; zero is never.
type Settings struct {
	AIPrefix, CWUPrefix string
	Length              int           // random bytes; the seed's TOKEN_LENGTH of 32 gives 43 characters
	MaxAge              time.Duration // a secret dies at this age (TOKEN_EXPIRY_DAYS)
	RotateAfter         time.Duration // a secret is due for rotation at this age (ROTATE_TOKENS_DAYS)
	Grace               time.Duration // how long the old secret lives beside its successor
	IdleAge             time.Duration // a secret that nobody uses dies after this
	Encrypt             bool          // columns hold ciphertext (ENCRYPT_TOKENS)
}

func (s Settings) prefix(k Kind) string {
	if k == CWU {
		return s.CWUPrefix
	}
	return s.AIPrefix
}

// Policy is what a tenant wants different from the settings; nil is the same.
type Policy struct {
	MaxAge, RotateAfter, Grace, IdleAge *time.Duration
}

// within lays a policy over the settings.
func (s Settings) within(p Policy) Settings {
	for _, one := range []struct {
		of   *time.Duration
		into *time.Duration
	}{{p.MaxAge, &s.MaxAge}, {p.RotateAfter, &s.RotateAfter}, {p.Grace, &s.Grace}, {p.IdleAge, &s.IdleAge}} {
		if one.of != nil {
			*one.into = *one.of
		}
	}
	return s
}

// Pair is both tokens of a tenant, in clear. They are shown once.
type Pair struct{ AI, CWU tenantry.Secret }

// life is everything that decides whether a version works.
type life struct {
	version      Version
	tokenExpires *time.Time
	tokenRevoked Reason // "" while the token as a whole stands
	settings     Settings
}

// at tells the state of a version at an instant, why it ended if it did, and until
// when that answer holds if nobody does anything; zero is for ever.
func (l life) at(now time.Time) (state State, reason Reason, until time.Time) {
	v := l.version
	switch {
	case v.RevokedReason != "":
		return Revoked, v.RevokedReason, time.Time{}
	case l.tokenRevoked != "":
		return Revoked, l.tokenRevoked, time.Time{}
	}
	expires := earliest(v.ExpiresAt, l.tokenExpires, l.aged())
	if expires != nil && !now.Before(*expires) {
		return Expired, "", time.Time{}
	}
	if idle := l.idle(); idle != nil && !now.Before(*idle) {
		return Expired, Unused, time.Time{}
	}
	if v.RetireAt != nil && !now.Before(*v.RetireAt) {
		return Revoked, Superseded, time.Time{}
	}
	if next := earliest(expires, v.RetireAt); next != nil {
		until = *next
	}
	if v.RetireAt != nil || v.RetireOnUse {
		return Retiring, "", until
	}
	return Active, "", until
}

// aged is when the policy's greatest age is reached, which may have been lowered
// since the version was made.
func (l life) aged() *time.Time {
	if l.version.CreatedAt == nil || l.settings.MaxAge == 0 {
		return nil
	}
	return later(*l.version.CreatedAt, l.settings.MaxAge)
}

// idle is when a version that nobody uses from now on will have been idle for too
// long. Of one whose past is unknown nothing can be said.
func (l life) idle() *time.Time {
	seen := l.version.LastUsedAt
	if seen == nil {
		seen = l.version.CreatedAt
	}
	if seen == nil || l.settings.IdleAge == 0 {
		return nil
	}
	return later(*seen, l.settings.IdleAge)
}

// due tells whether a version should be rotated: it is old enough, or nobody
// knows how old it is.
func (l life) due(now time.Time) bool {
	if l.settings.RotateAfter == 0 {
		return false
	}
	return l.version.CreatedAt == nil || !now.Before(l.version.CreatedAt.Add(l.settings.RotateAfter))
}

func later(t time.Time, d time.Duration) *time.Time {
	t = t.Add(d)
	return &t
}

func earliest(instants ...*time.Time) (first *time.Time) {
	for _, t := range instants {
		if t != nil && (first == nil || t.Before(*first)) {
			first = t
		}
	}
	return first
}

// allowed tells whether scopes are of the kind.
func (k Kind) allowed(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(k.Scopes(), s) })
}
