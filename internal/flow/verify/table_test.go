package verify

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/tenantry/tenantry/internal/feature/token"
)

func numbered(n int) (d token.Digest) {
	binary.LittleEndian.PutUint64(d[:], uint64(n))
	return d
}

func (t *table) get(n int) *entry {
	d := numbered(n)
	return t.find(&d)
}

// What a warm verification waits for is counted in cache lines.
func TestAnswerIsTwoCacheLinesAndALineIsOne(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n != 128 {
		t.Errorf("an answer takes %d bytes", n)
	}
	if n := unsafe.Sizeof(line{}); n != 64 {
		t.Errorf("a line takes %d bytes", n)
	}
	if n := unsafe.Sizeof(shard{}); n != 64 {
		t.Errorf("a shard takes %d bytes", n)
	}
}

// TestTableIsWhatTheModelSays puts, finds and clears in any order. What was put last
// is found; of the rest nobody is lost before the table is full, and then only
// one that was not asked for, if there is any.
func TestTableIsWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{1, 2, 7, 50, 300}).Draw(rt, "size")
		c := newTable(size)
		c.shards = c.shards[:1]
		if rapid.Bool().Draw(rt, "several shards") {
			c.shards = make([]shard, 4)
			for i := range c.shards {
				c.shards[i].empty()
			}
		}
		model := map[int]*entry{}
		put := func(n int) {
			e := &entry{digest: numbered(n)}
			old := model[n]
			asked := old != nil && old.marks.Load() == visited
			idle := map[int]bool{}
			for other, e := range model {
				if e.marks.Load() == 0 && other != n {
					idle[other] = true
				}
			}
			c.put(e)
			model[n] = e
			if got := e.marks.Load() == visited; got != asked {
				rt.Fatalf("%d was asked for: %t, its successor says %t", n, asked, got)
			}
			if len(model) > size { // one had to go
				for other := range model {
					d := numbered(other)
					h := c.hash(&d)
					if kept, _ := c.shard(h).lines.Load().find(&d, h); kept == nil {
						if len(idle) > 0 && !idle[other] && len(c.shards) == 1 {
							rt.Fatalf("%d was dropped, which was asked for, and not one of %v", other, idle)
						}
						delete(model, other)
					}
				}
			}
			if len(model) > size {
				rt.Fatalf("%d are found of %d at most", len(model), size)
			}
			if model[n] == nil {
				rt.Fatalf("%d was dropped for its own sake", n)
			}
		}
		number := rapid.IntRange(0, 2*size)
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) { put(number.Draw(rt, "n")) },
			"put many": func(rt *rapid.T) {
				first := number.Draw(rt, "first")
				for n := range size {
					put(first + n)
				}
			},
			"find": func(rt *rapid.T) {
				n := number.Draw(rt, "n")
				got := c.get(n)
				if got != model[n] {
					rt.Fatalf("%d is %p, want %p", n, got, model[n])
				}
				if got != nil && got.marks.Load() != visited {
					rt.Fatalf("%d does not know that it was asked for", n)
				}
			},
			"clear": func(*rapid.T) {
				c.clear()
				clear(model)
			},
			"": func(rt *rapid.T) {
				if c.len() != len(model) {
					rt.Fatalf("%d are kept, want %d", c.len(), len(model))
				}
				for n, e := range model {
					h := c.hash(&e.digest)
					if got, _ := c.shard(h).lines.Load().find(&e.digest, h); got != e {
						rt.Fatalf("%d is %p, want %p", n, got, e)
					}
				}
			},
		})
	})
}

// Hashes that chance makes hardly ever fall on one line; here all of them do.
func TestLinesHoldWhateverHasTheSameHash(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bs := make(lines, 64)
		hash := rapid.SampledFrom([]uint64{0, 1 << shardBits, 63 << shardBits, 1 << 56, 0xff<<56 | 63<<shardBits})
		type held struct {
			e *entry
			h uint64
		}
		var model []held
		find := func(rt *rapid.T) {
			for _, one := range model {
				if got, _ := bs.find(&one.e.digest, one.h); got != one.e {
					rt.Fatalf("%x is %p, want %p", one.h, got, one.e)
				}
			}
		}
		next := 0
		rt.Repeat(map[string]func(*rapid.T){
			"add many": func(rt *rapid.T) {
				h := hash.Draw(rt, "hash")
				for range min(rapid.IntRange(1, 300).Draw(rt, "many"), fullest*len(bs)-len(model)) {
					next++
					e := &entry{digest: numbered(next)}
					bs.add(e, h)
					model = append(model, held{e, h})
				}
			},
			"take many": func(rt *rapid.T) {
				step := rapid.IntRange(1, 1000).Draw(rt, "step")
				for n := range min(rapid.IntRange(1, 300).Draw(rt, "many"), len(model)) {
					i := n * step % len(model)
					one := model[i]
					model = append(model[:i], model[i+1:]...)
					_, slot := bs.find(&one.e.digest, one.h)
					if slot == nil {
						rt.Fatalf("%x is lost", one.h)
					}
					bs.take(slot, one.h)
					if got, _ := bs.find(&one.e.digest, one.h); got != nil {
						rt.Fatalf("%x is found still", one.h)
					}
				}
			},
			"": find,
		})
		for _, one := range model { // once all are gone, no search goes further than its line
			_, slot := bs.find(&one.e.digest, one.h)
			bs.take(slot, one.h)
		}
		for i := range bs {
			if tags := bs[i].tags.Load(); tags != 0 && tags/passed != mostPassed {
				rt.Fatalf("line %d is %x though it is empty", i, tags)
			}
		}
	})
}

// Whoever searches while others put and shards grow finds what has been there all
// the time, and never an answer to another digest or an older one.
func TestReadersAreNotMisledByWriters(t *testing.T) {
	const writers, each, rounds = 4, 300, 40
	for _, size := range []int{writers * each, writers * each / 3} {
		c := newTable(size)
		c.shards = make([]shard, 2)
		for i := range c.shards {
			c.shards[i].empty()
		}
		var done [writers * each]atomic.Int32 // the version that was put last
		var stop atomic.Bool
		var writing, reading sync.WaitGroup
		for range 4 {
			reading.Go(func() {
				for !stop.Load() {
					n := rand.IntN(len(done))
					least := done[n].Load()
					e := c.get(n)
					switch {
					case e == nil && least > 0 && size == len(done):
						t.Errorf("%d was not found", n)
					case e != nil && e.digest != numbered(n):
						t.Errorf("%d was found for %d", e.digest, n)
					case e != nil && e.version < least:
						t.Errorf("version %d of %d was found after %d", e.version, n, least)
					}
				}
			})
		}
		for w := range writers {
			writing.Go(func() {
				for version := range int32(rounds) {
					for i := range each {
						n := w*each + i
						c.put(&entry{digest: numbered(n), version: version + 1})
						done[n].Store(version + 1)
						if kept := c.len(); kept > size+writers {
							t.Errorf("%d are kept of %d", kept, size)
						}
					}
				}
			})
		}
		writing.Wait()
		stop.Store(true)
		reading.Wait()
		found := 0
		for n := range done {
			if c.get(n) != nil {
				found++
			}
		}
		if found != size || c.len() != size {
			t.Errorf("%d are found and %d counted, want %d", found, c.len(), size)
		}
	}
}

// A table that may hold many costs nothing while it holds few.
func TestLargeBoundCostsNothingWhileLittleIsKept(t *testing.T) {
	c := newTable(100_000_000)
	for n := range 1000 {
		c.put(&entry{digest: numbered(n)})
	}
	all := 0
	for i := range c.shards {
		all += len(*c.shards[i].lines.Load())
	}
	if all > 2*len(c.shards) {
		t.Errorf("%d lines for 1000 answers", all)
	}
}
