package verify

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// memory holds answers by digest. Each was read at an epoch of its tenant; the
// epoch moves when anything of the tenant changes, and what was read before is
// worth nothing from that instant. So a reading that is still under way when a
// token is revoked cannot bring the old answer back.
type memory struct {
	answers *table
	absent  *table                // nobody's, and when that was found
	usual   map[token.Kind]*terms // of a token without any peculiarity

	changes   atomic.Uint64 // counts changes of any tenant
	flushed   atomic.Uint64 // … and where that count stood when everything was forgotten
	settled   atomic.Uint64 // moves when a change has reached all that it concerns
	mu        sync.RWMutex
	standings map[tenantry.TenantKey]*standing
}

// standing is what the answers about one tenant share.
type standing struct {
	epoch  atomic.Uint64 // memory.changes when the tenant last changed
	tenant atomic.Pointer[described]
}

// described is a tenant as it was when an answer was read.
type described struct {
	Tenant
	standing *standing
}

// entry is an answer. All but what it counts is fixed. It is two cache lines, one
// behind the other: among a million entries none is in the processor's cache, and
// what is rare is elsewhere for that reason.
type entry struct {
	digest  token.Digest
	settled atomic.Uint64 // memory.settled when the answer was last found to stand
	uses    uses
	marks   atomic.Uint32
	version int32 // one a second would do for a lifetime

	readAt time.Duration // elapsed
	until  int64         // Unix microseconds, as databases keep instants; zero is for ever
	terms  *terms
	tenant *described
	token  tenantry.TokenID
	epoch  uint64 // memory.changes before the reading began
	next   *entry // of those that were used; see ledger
}

// What may be marked of an entry.
const (
	visited  = uint32(1) << iota // asked for since the table last searched for one to drop
	renewing                     // it is being looked up again
)

// terms are what holds for many tokens alike. Most tokens have those that are usual
// for their kind; any other has terms of its own.
type terms struct {
	code      Code
	reason    token.Reason
	kind      token.Kind
	scopes    []string
	addresses []netip.Prefix
	retiring  bool
	from      atomic.Pointer[netip.Addr] // of one that retires: where it was last used
}

// few bounds what is remembered of texts that are nobody's: strangers choose
// them.
const (
	few   = 10_000
	brief = 2 * time.Second
)

func newMemory(size int) *memory {
	m := &memory{answers: newTable(size), absent: newTable(few), usual: map[token.Kind]*terms{}, standings: map[tenantry.TenantKey]*standing{}}
	for _, kind := range token.Kinds() {
		m.usual[kind] = &terms{code: Valid, kind: kind, scopes: kind.Scopes()}
	}
	return m
}

// lately tells whether a digest was nobody's a moment ago.
func (m *memory) lately(d *token.Digest, elapsed time.Duration) bool {
	e := m.absent.find(d)
	return e != nil && elapsed-e.readAt < brief
}

// nobodys remembers for a moment that a digest is nobody's.
func (m *memory) nobodys(d token.Digest, elapsed time.Duration) {
	m.absent.put(&entry{digest: d, readAt: elapsed})
}

// current tells whether an answer may still be given.
func (m *memory) current(e *entry, now time.Time, elapsed, lifetime time.Duration) bool {
	return m.stands(e) && elapsed-e.readAt < lifetime && (e.until == 0 || now.UnixMicro() < e.until)
}

// stands tells whether nothing of the tenant has changed since the answer was
// read. While nothing of anybody has, that takes no look at the tenant.
func (m *memory) stands(e *entry) bool {
	settled := m.settled.Load() // before what it says is looked at
	if e.settled.Load() == settled {
		return true
	}
	if e.tenant.standing.epoch.Load() > e.epoch || m.flushed.Load() > e.epoch {
		return false
	}
	e.settled.Store(settled)
	return true
}

// keep remembers an answer unless it is out of date already.
func (m *memory) keep(e *entry) {
	if m.stands(e) {
		m.answers.put(e)
	}
}

// of finds what is shared by a tenant's answers.
func (m *memory) of(key tenantry.TenantKey) *standing {
	m.mu.RLock()
	s := m.standings[key]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s = m.standings[key]; s == nil {
		s = &standing{}
		m.standings[key] = s
	}
	return s
}

// tenants are those of which something is remembered, as they were when it was read.
func (m *memory) tenants() map[tenantry.TenantKey]*described {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make(map[tenantry.TenantKey]*described, len(m.standings))
	for key, s := range m.standings {
		if t := s.tenant.Load(); t != nil {
			all[key] = t
		}
	}
	return all
}

// change makes everything that was read of some tenants worthless.
func (m *memory) change(keys []tenantry.TenantKey) {
	n := m.changes.Add(1)
	for _, key := range keys {
		raise(&m.of(key).epoch, n)
	}
	m.settled.Add(1)
}

// flush makes everything that was read worthless.
func (m *memory) flush() {
	raise(&m.flushed, m.changes.Add(1))
	m.settled.Add(1)
	m.answers.clear()
	m.absent.clear()
}

func raise(a *atomic.Uint64, n uint64) {
	for {
		old := a.Load()
		if old >= n || a.CompareAndSwap(old, n) {
			return
		}
	}
}

// share lets the answers about a tenant hold one description of it.
func (s *standing) share(t Tenant) *described {
	if old := s.tenant.Load(); old != nil && old.Tenant == t {
		return old
	}
	d := &described{Tenant: t, standing: s}
	s.tenant.Store(d)
	return d
}

// termsOf are the usual ones where nothing is peculiar.
func (m *memory) termsOf(h token.Held, status tenant.Status) *terms {
	code := codeOf(h, status)
	if u := m.usual[h.Kind]; u != nil && code == u.code && h.State == token.Active && h.Reason == "" && len(h.Addresses) == 0 && slices.Equal(h.Scopes, u.scopes) {
		return u
	}
	return &terms{code: code, reason: h.Reason, kind: h.Kind, scopes: h.Scopes, addresses: h.Addresses, retiring: h.State == token.Retiring}
}
