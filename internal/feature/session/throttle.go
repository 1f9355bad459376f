package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// How somebody who keeps failing is slowed down: five tries are free, then each
// doubles the wait, from a second up to a quarter of an hour. An hour without a
// try, or a success, forgets them.
const (
	free     = 5
	longest  = 15 * time.Minute
	forgiven = time.Hour

	// atOnce is how many passwords a process takes in for checking. Who comes on top
	// is turned away at once: a queue would be a stranger's to fill.
	atOnce = 16
)

// Try is somebody who tries: for whom, and from where.
type Try struct {
	What    string // "signin", "reset", …: their counts are apart
	Account string // a name or an address as it was typed; only its digest is kept
	Address netip.Addr
}

// Enter lets a try in, before any work is done for it. Errors: Limited
// "signin.throttled" while the address or the account must wait, Busy "signin.busy"
// when too many are inside. leave must be called.
func (s *Service) Enter(ctx context.Context, t Try) (leave func(), err error) {
	select {
	case s.gate <- struct{}{}:
		leave = func() { <-s.gate }
	default:
		return nil, tenantry.NewError(tenantry.Busy, "signin.busy")
	}
	now := s.clock()
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		for _, subject := range t.subjects() { // the address first: a spray has one, and many accounts
			a, err := selectAttempts(ctx, tx, subject)
			if err != nil {
				return err
			}
			if a.blockedUntil != nil && now.Before(*a.blockedUntil) {
				wait := int64(a.blockedUntil.Sub(now)/time.Second) + 1
				return tenantry.NewError(tenantry.Limited, "signin.throttled", "seconds", wait)
			}
		}
		return nil
	})
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// Failed counts a try that failed, against its account and its address.
func (s *Service) Failed(ctx context.Context, t Try) error {
	now := s.clock()
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := deleteForgottenAttempts(ctx, tx, now.Add(-24*time.Hour)); err != nil {
			return err
		}
		for _, subject := range t.subjects() {
			n, err := upsertFailure(ctx, tx, subject, now, now.Add(-forgiven))
			if err != nil {
				return err
			}
			if n < free {
				continue
			}
			if err := updateBlocked(ctx, tx, subject, now.Add(waitAfter(n))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Succeeded forgets the failures of the account. Those of the address stay:
// whoever tries other people's passwords may well have one of their own.
func (s *Service) Succeeded(ctx context.Context, t Try) error {
	subject := t.account()
	var a attempts
	err := s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		a, err = selectAttempts(ctx, tx, subject)
		return err
	})
	if err != nil || a.failures == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return deleteAttempts(ctx, tx, subject) })
}

func waitAfter(failures int64) time.Duration {
	if failures-free > 10 {
		return longest
	}
	return min(longest, time.Second<<(failures-free))
}

func (t Try) subjects() []string {
	if !t.Address.IsValid() {
		return []string{t.account()}
	}
	return []string{t.What + ":from:" + network(t.Address), t.account()}
}

func (t Try) account() string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(t.Account))))
	return t.What + ":of:" + hex.EncodeToString(sum[:])
}

// network is what one subscriber has to themselves: an address of IPv4, and of
// IPv6 the half that is assigned to them.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // an IPv6 address has one
	return p.String()
}
