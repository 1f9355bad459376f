package verify

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// memory holds answers by digest. Each was read at an epoch of its tenant; the
// epoch moves when anything of the tenant changes, and what was read before is
// worth nothing from that instant. So a reading that is still under way when a
// token is revoked cannot bring the old answer back.
type memory struct {
	answers *otter.Cache[token.Digest, *entry]
	absent  *otter.Cache[token.Digest, time.Duration] // nobody's, when that was found

	changes   atomic.Uint64 // counts changes of any tenant
	flushed   atomic.Uint64 // … and where that count stood when everything was forgotten
	settled   atomic.Uint64 // moves when a change has reached all that it concerns
	mu        sync.RWMutex
	standings map[tenantry.TenantKey]*standing
}

// standing is what the answers about one tenant share.
type standing struct {
	epoch  atomic.Uint64 // memory.changes when the tenant last changed
	tenant atomic.Pointer[Tenant]
}

// entry is an answer. All but what it counts is fixed. What nearly every
// verification reads stands together: among a million entries none is in the
// processor's cache.
type entry struct {
	settled   atomic.Uint64 // memory.settled when the answer was last found to stand
	memory    *memory
	readAt    time.Duration // elapsed
	until     time.Time
	uses      uses
	retiring  bool
	renewing  atomic.Bool // it is being looked up again
	code      Code
	tenant    *Tenant
	token     tenantry.TokenID
	version   int64
	kind      token.Kind
	scopes    []string
	addresses []netip.Prefix
	reason    token.Reason

	digest   token.Digest
	standing *standing
	epoch    uint64 // memory.changes before the reading began
}

// few bounds what is remembered of texts that are nobody's: strangers choose
// them.
const (
	few   = 10_000
	brief = 2 * time.Second
)

func newMemory(size int) *memory {
	return &memory{
		answers:   otter.Must(&otter.Options[token.Digest, *entry]{MaximumSize: max(size, 1)}),
		absent:    otter.Must(&otter.Options[token.Digest, time.Duration]{MaximumSize: few}),
		standings: map[tenantry.TenantKey]*standing{},
	}
}

func (m *memory) find(d token.Digest) *entry {
	e, _ := m.answers.GetIfPresent(d)
	return e
}

// lately tells whether a digest was nobody's a moment ago.
func (m *memory) lately(d token.Digest, elapsed time.Duration) bool {
	at, there := m.absent.GetIfPresent(d)
	return there && elapsed-at < brief
}

// current tells whether an answer may still be given.
func (e *entry) current(now time.Time, elapsed, lifetime time.Duration) bool {
	return e.stands() && elapsed-e.readAt < lifetime && (e.until.IsZero() || now.Before(e.until))
}

// stands tells whether nothing of the tenant has changed since the answer was
// read. While nothing of anybody has, that takes no look at the tenant.
func (e *entry) stands() bool {
	settled := e.memory.settled.Load() // before what it says is looked at
	if e.settled.Load() == settled {
		return true
	}
	if e.standing.epoch.Load() > e.epoch || e.memory.flushed.Load() > e.epoch {
		return false
	}
	e.settled.Store(settled)
	return true
}

// keep remembers an answer unless it is out of date already.
func (m *memory) keep(e *entry) {
	if e.stands() {
		m.answers.Set(e.digest, e)
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
func (m *memory) tenants() map[tenantry.TenantKey]*Tenant {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make(map[tenantry.TenantKey]*Tenant, len(m.standings))
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
	m.answers.InvalidateAll()
	m.absent.InvalidateAll()
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
func (s *standing) share(t Tenant) *Tenant {
	if old := s.tenant.Load(); old != nil && *old == t {
		return old
	}
	s.tenant.Store(&t)
	return &t
}
