package verify

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantry/tenantry/internal/feature/token"
)

// uses counts how often an answer was given since it was last noted in the
// database. It is part of the answer, so that counting costs no look-up, and
// links those that have been used, so that noting costs no search.
type uses struct {
	times atomic.Int64
	last  atomic.Int64 // Unix nanoseconds
}

// ledger lists the answers that have been given, each linked to the next, in shards
// so that processors do not wait for each other. The link is written only by whoever
// counts the first use.
type ledger struct {
	shards [16]struct {
		head atomic.Pointer[entry]
		_    [56]byte // a cache line each
	}
}

// note counts one use. From where it came is kept of versions that retire: these
// are the callers who must still take up the new secret.
func (l *ledger) note(e *entry, now time.Time, from netip.Addr) {
	u := &e.uses
	u.last.Store(now.UnixNano())
	if e.terms.retiring && from.IsValid() {
		if old := e.terms.from.Load(); old == nil || *old != from {
			address := from
			e.terms.from.Store(&address)
		}
	}
	if u.times.Add(1) != 1 {
		return
	}
	head := &l.shards[e.digest[0]&15].head
	for {
		old := head.Load()
		e.next = old
		if head.CompareAndSwap(old, e) {
			return
		}
	}
}

// take empties the ledger.
func (l *ledger) take() (all []token.Use) {
	for i := range l.shards {
		for e := l.shards[i].head.Swap(nil); e != nil; {
			next := e.next // before it may be noted again
			e.next = nil   // or what is used once would hold what has long been forgotten
			last, address := e.uses.last.Load(), e.terms.from.Load()
			u := token.Use{Tenant: e.tenant.Key, Token: e.token, Version: int64(e.version), Times: e.uses.times.Swap(0), Last: time.Unix(0, last)}
			if address != nil {
				u.Address = *address
			}
			all = append(all, u)
			e = next
		}
	}
	return merged(all)
}

// merged adds up the uses of one version, of which there may be several answers.
func merged(all []token.Use) []token.Use {
	type key struct {
		tenant  any
		token   any
		version int64
	}
	at := make(map[key]int, len(all))
	kept := all[:0]
	for _, u := range all {
		k := key{u.Tenant, u.Token, u.Version}
		i, there := at[k]
		if !there {
			at[k] = len(kept)
			kept = append(kept, u)
			continue
		}
		kept[i].Times += u.Times
		if u.Last.After(kept[i].Last) {
			kept[i].Last = u.Last
		}
		if u.Address.IsValid() {
			kept[i].Address = u.Address
		}
	}
	return kept
}

// misuses lists versions that were presented after their end. They are few, or
// somebody is at work: more than the list holds are not counted.
type misuses struct {
	mu  sync.Mutex
	all map[*entry]token.Use
}

const mostMisuses = 10_000

func (m *misuses) note(e *entry, now time.Time, from netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[*entry]token.Use{}
	}
	u, there := m.all[e]
	if !there && len(m.all) >= mostMisuses {
		return
	}
	u.Tenant, u.Token, u.Version = e.tenant.Key, e.token, int64(e.version)
	u.Times++
	u.Last, u.Address = now, from
	m.all[e] = u
}

func (m *misuses) take() []token.Use {
	m.mu.Lock()
	taken := m.all
	m.all = nil
	m.mu.Unlock()
	all := make([]token.Use, 0, len(taken))
	for _, u := range taken {
		all = append(all, u)
	}
	return merged(all)
}
