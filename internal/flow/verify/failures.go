package verify

import (
	"net/netip"
	"sync"
	"time"
)

// failures counts failed verifications by address, as a bucket of tokens each: so
// many at once, and then so many a minute. Whoever is over the limit is not
// looked up any more; what is remembered is answered all the same, so nobody is
// kept from using a token that works by a neighbour behind the same address for
// longer than it takes to warm up.
type failures struct {
	mu      sync.Mutex
	buckets map[netip.Addr]bucket
}

type bucket struct {
	level float64 // failures that have not drained yet
	at    time.Duration
}

const (
	burst     = 60
	perSecond = 1
	// mostBuckets bounds memory; when it is reached, those that have drained go, and
	// if none has, all do: a flood from everywhere cannot be limited by address.
	mostBuckets = 100_000
)

func newFailures() *failures { return &failures{buckets: map[netip.Addr]bucket{}} }

// group takes an IPv6 network for one address: whoever has one has 2^64.
func group(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

func (b bucket) drained(elapsed time.Duration) float64 {
	return max(0, b.level-(elapsed-b.at).Seconds()*perSecond)
}

func (f *failures) over(from netip.Addr, elapsed time.Duration) bool {
	if !from.IsValid() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b, there := f.buckets[group(from)]
	return there && b.drained(elapsed) >= burst
}

func (f *failures) count(from netip.Addr, elapsed time.Duration) {
	if !from.IsValid() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.buckets) >= mostBuckets {
		for a, b := range f.buckets {
			if b.drained(elapsed) == 0 {
				delete(f.buckets, a)
			}
		}
		if len(f.buckets) >= mostBuckets {
			clear(f.buckets)
		}
	}
	key := group(from)
	f.buckets[key] = bucket{level: min(f.buckets[key].drained(elapsed)+1, 2*burst), at: elapsed}
}
