// Package verify is the journey of a token that somebody presents: is it one,
// whose is it, and may it? It asks room token about the secret and room tenant
// about who it belongs to, and remembers the answers, so that a warm answer
// waits for nothing. What it remembers it forgets when either room says that
// something changed, here or in another process; while it cannot hear of
// changes it trusts nothing that it remembers.
package verify

import (
	"context"
	"net/netip"
	"slices"
	"time"
	"unique"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// Code is the outcome of a verification, stable and never translated.
type Code string

const (
	Valid           Code = "VALID"
	NotFound        Code = "NOT_FOUND" // nobody's, or not of the tenant that was asked about
	Malformed       Code = "MALFORMED"
	Disabled        Code = "DISABLED" // the tenant is not yet approved, in quarantine, or on its way out
	Expired         Code = "EXPIRED"
	Revoked         Code = "REVOKED"
	TenantSuspended Code = "TENANT_SUSPENDED"
	Forbidden       Code = "FORBIDDEN" // valid, but not for this: another kind, scope or address
	RateLimited     Code = "RATE_LIMITED"
)

// Verdict is what is known of a token that was presented. Everything but Code is
// empty for what is no token of anybody's.
type Verdict struct {
	Code        Code
	Reason      token.Reason // of Revoked
	Tenant      *Tenant
	Token       tenantry.TokenID
	Kind        token.Kind
	Version     int64
	Permissions []string
	ExpiresAt   time.Time // when the secret ends if nobody does anything; zero is never
	Hit         bool      // answered from memory
}

// Tenant is what a verdict says of a token's tenant.
type Tenant struct {
	Key          tenantry.TenantKey
	ID           tenantry.TenantID
	Name         string
	Model        string
	MaxAgents    int64
	MaxDocuments int64
	MaxStorageMB int64
	status       unique.Handle[tenant.Status] // compared only
}

// Question is what somebody asks of a token besides whether it is one; zero values
// ask nothing.
type Question struct {
	Kind          token.Kind
	Tenant        tenantry.TenantID
	Permission    string
	From          netip.Addr // where the token was presented
	Asker         netip.Addr // who asks, and answers for failures; zero is From
	Authoritative bool       // look at the database, whatever is remembered
	Examine       bool       // only look: it is no use of the token, and ends nothing
	// Trusted tells whether the caller is known, whose failures are not counted
	// against their address; nil is not. It is asked only once something failed.
	Trusted func() bool
}

// asker is the address that is not somebody's word.
func (q *Question) asker() netip.Addr {
	if q.Asker.IsValid() {
		return q.Asker
	}
	return q.From
}

// Options bound what a Flow keeps and for how long.
type Options struct {
	Size     int           // most answers remembered
	Lifetime time.Duration // how long an answer is believed without being looked up again
	Silence  time.Duration // how long nothing may have been heard before nothing remembered is trusted
	Loads    int           // most look-ups at the same time
}

// Flow verifies tokens.
type Flow struct {
	db      *sqldb.DB
	tokens  *token.Service
	tenants *tenant.Service
	system  tenantry.Scope
	clock   steady
	options Options

	shapes   *token.Settings
	memory   *memory
	hearing  hearing
	failures *failures
	loads    loads
	used     ledger // of uses that are to be noted
	misused  misuses
}

// New makes a flow. system is the scope of the program's own work. Until Watch has
// run it looks every token up.
func New(db *sqldb.DB, tokens *token.Service, tenants *tenant.Service, system tenantry.Scope, clocks Clocks, o Options) *Flow {
	f := &Flow{db: db, tokens: tokens, tenants: tenants, system: system, clock: newSteady(clocks), options: o,
		shapes: tokens.Settings(), memory: newMemory(o.Size), failures: newFailures()}
	f.loads.slots = make(chan struct{}, max(o.Loads, 1))
	db.Subscribe(tenantry.ChangedChannel, f.forget)
	return f
}

// Verify answers for a text that somebody presents. An error means that nobody
// can tell: the database is away. Then nothing is valid.
func (f *Flow) Verify(ctx context.Context, presented string, q Question) (Verdict, error) {
	now, elapsed := f.clock.now()
	shape, _ := f.shapes.ShapeOf(presented)
	if shape == token.Malformed {
		f.failed(q, elapsed)
		return Verdict{Code: Malformed}, nil
	}
	digest := token.DigestOf(presented)
	if q.Examine {
		e, _, err := f.read(ctx, digest)
		if err != nil || e == nil {
			return Verdict{Code: NotFound}, err
		}
		return e.judge(&q), nil
	}
	remembered := !q.Authoritative && f.hearing.fresh(elapsed, f.options.Silence)
	if remembered {
		if e := f.memory.answers.find(&digest); e != nil && f.memory.current(e, now, elapsed, f.options.Lifetime) {
			if elapsed-e.readAt > f.options.Lifetime/2 {
				f.refresh(digest, e)
			}
			v := e.judge(&q)
			v.Hit = true
			f.account(e, &v, &q, now, elapsed)
			return v, nil
		}
	}
	if remembered && f.memory.lately(&digest, elapsed) {
		f.failed(q, elapsed)
		return Verdict{Code: NotFound, Hit: true}, nil
	}
	if f.failures.over(q.asker(), elapsed) && !q.trusted() {
		return Verdict{Code: RateLimited}, nil
	}
	e, err := f.load(ctx, digest)
	if err != nil {
		return Verdict{}, err
	}
	if e == nil {
		f.failed(q, elapsed)
		return Verdict{Code: NotFound}, nil
	}
	v := e.judge(&q)
	f.account(e, &v, &q, now, elapsed)
	return v, nil
}

// account notes that a version was presented, and how that went.
func (f *Flow) account(e *entry, v *Verdict, q *Question, now time.Time, elapsed time.Duration) {
	switch {
	case v.Code == Valid:
		f.used.note(e, now, q.From)
	case v.Code == Revoked || v.Code == Expired:
		f.misused.note(e, now, q.From)
		f.failed(*q, elapsed)
	default:
		f.failed(*q, elapsed)
	}
}

// Allows tells whether whoever asks has failed too often lately.
func (f *Flow) Allows(q Question) bool {
	_, elapsed := f.clock.now()
	return !f.failures.over(q.asker(), elapsed) || q.trusted()
}

// Failed counts a failure that was found elsewhere.
func (f *Flow) Failed(q Question) {
	_, elapsed := f.clock.now()
	f.failed(q, elapsed)
}

func (f *Flow) failed(q Question, elapsed time.Duration) {
	if !q.trusted() {
		f.failures.count(q.asker(), elapsed)
	}
}

func (q *Question) trusted() bool { return q.Trusted != nil && q.Trusted() }

// judge answers a question about a token that is known.
func (e *entry) judge(q *Question) Verdict {
	if !q.Tenant.IsZero() && q.Tenant != e.tenant.ID {
		return Verdict{Code: NotFound}
	}
	t := e.terms
	v := Verdict{Code: t.code, Reason: t.reason, Tenant: &e.tenant.Tenant, Token: e.token, Kind: t.kind, Version: int64(e.version), Permissions: t.scopes}
	if e.until != 0 {
		v.ExpiresAt = time.UnixMicro(e.until).UTC()
	}
	if v.Code != Valid {
		return v
	}
	if q.Kind != "" && q.Kind != t.kind ||
		q.Permission != "" && !slices.Contains(t.scopes, q.Permission) ||
		len(t.addresses) > 0 && !slices.ContainsFunc(t.addresses, func(p netip.Prefix) bool { return p.Contains(q.From.Unmap()) }) {
		v.Code = Forbidden
	}
	return v
}

// codeOf puts together what the two rooms say.
func codeOf(h token.Held, status tenant.Status) Code {
	switch {
	case h.Ambiguous:
		return NotFound
	case h.State == token.Expired:
		return Expired
	case h.State == token.Revoked:
		return Revoked
	}
	switch status {
	case tenant.Active:
		return Valid
	case tenant.Suspended:
		return TenantSuspended
	}
	return Disabled
}
