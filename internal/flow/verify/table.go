package verify

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/tenantry/tenantry/internal/feature/token"
)

// table holds answers by digest, a bounded number of them. Whoever looks one up
// takes no lock and allocates nothing; whoever puts one in locks one shard. Among
// a million a look-up waits twice for memory, for a line and for the answer;
// docs/decisions/0014 says why it is our own.
type table struct {
	seed   maphash.Seed // strangers choose texts, and must not choose lines
	size   int64
	kept   atomic.Int64
	shards []shard // a power of two of them
}

// shard is a part of a table that grows by itself: so a large bound costs nothing
// while little is kept, and growing makes few wait.
type shard struct {
	lines atomic.Pointer[lines]
	mu    sync.Mutex // of whoever changes anything
	count int
	hand  int      // the slot from which the next to be dropped is searched
	_     [32]byte // a cache line each
}

// lines are a power of two of them. What does not fit into the one where it
// belongs is in one of the next, and stays where it is: whoever searches without a
// lock cannot miss it.
type lines []line

// line is one of the processor's cache.
type line struct {
	// tags has a byte of the hash of each answer, zero where there is none, and in the
	// highest byte how many are further on because there was no room here.
	tags    atomic.Uint64
	answers [slots]atomic.Pointer[entry]
}

const (
	slots      = 7
	fullest    = 6 // answers for each line before a shard grows
	passed     = uint64(1) << 56
	mostPassed = 255    // from there on nobody counts, up or down
	perShard   = 16_384 // answers that are worth a shard
	shardBits  = 10     // of the hash, and so at most as many shards
)

func newTable(size int) *table {
	size = max(size, 1)
	t := &table{seed: maphash.MakeSeed(), size: int64(size), shards: make([]shard, 1<<min(bits.Len(uint((size-1)/perShard)), shardBits))}
	for i := range t.shards {
		t.shards[i].empty()
	}
	return t
}

// find looks an answer up; nil is none.
func (t *table) find(d *token.Digest) *entry {
	h := t.hash(d)
	e, _ := t.shard(h).lines.Load().find(d, h)
	if e != nil && e.marks.Load()&visited == 0 {
		e.marks.Or(visited)
	}
	return e
}

// put keeps an answer, in the place of an older one to the same digest or, when the
// table is full, of one that nobody has asked for lately.
func (t *table) put(e *entry) {
	h := t.hash(&e.digest)
	s := t.shard(h)
	s.mu.Lock()
	if old, slot := s.lines.Load().find(&e.digest, h); old != nil {
		e.marks.Or(old.marks.Load() & visited)
		slot.Store(e)
		s.mu.Unlock()
		return
	}
	// First out, then in: nobody has had time to ask for the new one.
	full := t.kept.Add(1) > t.size
	dropped := full && s.drop(t)
	s.add(e, h, t)
	s.mu.Unlock()
	if full && !dropped { // the shard was empty
		t.dropBeside(s)
	}
}

// clear forgets everything.
func (t *table) clear() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		t.kept.Add(-int64(s.count))
		s.empty()
		s.mu.Unlock()
	}
}

// len is how many are kept. For a moment it may be above the bound by as many as are
// being put.
func (t *table) len() int { return int(t.kept.Load()) }

// dropBeside drops an answer of any other shard.
func (t *table) dropBeside(not *shard) {
	for i := range t.shards {
		s := &t.shards[i]
		if s == not {
			continue
		}
		s.mu.Lock()
		dropped := s.drop(t)
		s.mu.Unlock()
		if dropped {
			return
		}
	}
}

// hash has the shard in its lowest bits, the line in those above them and the tag
// in its highest byte.
func (t *table) hash(d *token.Digest) uint64 { return maphash.Bytes(t.seed, d[:]) }

func (t *table) shard(h uint64) *shard { return &t.shards[h&uint64(len(t.shards)-1)] }

func (bs lines) home(h uint64) int { return int(h>>shardBits) & (len(bs) - 1) }

func (bs lines) after(i int) int { return (i + 1) & (len(bs) - 1) }

func tagOf(h uint64) uint64 { return max(h>>56, 1) }

func (s *shard) empty() {
	s.lines.Store(&lines{{}})
	s.count, s.hand = 0, 0
}

func (s *shard) add(e *entry, h uint64, t *table) {
	bs := *s.lines.Load()
	if s.count >= fullest*len(bs) {
		bs = bs.wider(t)
		s.lines.Store(&bs) // who is searching goes on in the old ones
	}
	bs.add(e, h)
	s.count++
}

func (s *shard) take(slot *atomic.Pointer[entry], h uint64, t *table) {
	s.lines.Load().take(slot, h)
	s.count--
	t.kept.Add(-1)
}

// drop forgets the next answer that nobody has asked for since the hand was there
// last, and tells whether there was any. After the second round it takes any:
// readers do not wait for it with asking.
func (s *shard) drop(t *table) bool {
	if s.count == 0 {
		return false
	}
	bs := *s.lines.Load()
	all := len(bs) * slots
	for step := 0; ; step++ {
		s.hand = (s.hand + 1) % all
		slot := &bs[s.hand/slots].answers[s.hand%slots]
		e := slot.Load()
		if e != nil && (e.marks.And(^visited)&visited == 0 || step > 2*all) {
			s.take(slot, t.hash(&e.digest), t)
			return true
		}
	}
}

// find is for those who have the lock and for those who have not.
func (bs lines) find(d *token.Digest, h uint64) (*entry, *atomic.Pointer[entry]) {
	tag := tagOf(h)
	at := bs.home(h)
	for range bs {
		b := &bs[at]
		tags := b.tags.Load()
		for found := same(tags, tag); found != 0; found &= found - 1 {
			// The slot may hold another one by now: the digest alone decides.
			slot := &b.answers[bits.TrailingZeros64(found)/8]
			if e := slot.Load(); e != nil && e.digest == *d {
				return e, slot
			}
		}
		if tags < passed {
			break
		}
		at = bs.after(at)
	}
	return nil, nil
}

// same marks the bytes of tags that are tag, by their highest bit. A byte above one
// of them may be marked though it is not; the lowest mark is always right.
func same(tags, tag uint64) uint64 {
	const each, highest = 0x0001010101010101, 0x0080808080808080
	differ := tags ^ tag*each
	return (differ - each) &^ differ & highest
}

// free is the lowest slot that is free, or slots.
func (b *line) free() int { return bits.TrailingZeros64(same(b.tags.Load(), 0)|passed) / 8 }

func (bs lines) add(e *entry, h uint64) {
	for at := bs.home(h); ; at = bs.after(at) {
		b := &bs[at]
		if i := b.free(); i < slots {
			b.answers[i].Store(e) // before its tag says that it is there
			b.tags.Or(tagOf(h) << (8 * i))
			return
		}
		if b.tags.Load()/passed < mostPassed {
			b.tags.Add(passed)
		}
	}
}

// take empties a slot that was found.
func (bs lines) take(slot *atomic.Pointer[entry], h uint64) {
	for at := bs.home(h); ; at = bs.after(at) {
		b := &bs[at]
		for i := range b.answers {
			if &b.answers[i] == slot {
				b.tags.And(^(0xff << (8 * i)))
				slot.Store(nil)
				return
			}
		}
		if b.tags.Load()/passed < mostPassed {
			b.tags.Add(^passed + 1) // one less
		}
	}
}

func (bs lines) wider(t *table) lines {
	wider := make(lines, 2*len(bs))
	for i := range bs {
		for j := range bs[i].answers {
			if e := bs[i].answers[j].Load(); e != nil {
				wider.add(e, t.hash(&e.digest))
			}
		}
	}
	return wider
}
