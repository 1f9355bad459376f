package verify

import (
	"sync"
	"testing"

	"github.com/tenantry/tenantry"
)

func TestAnAnswerStandsUntilItsTenantChanges(t *testing.T) {
	m := newMemory(10)
	read := func(key tenantry.TenantKey) *entry {
		return &entry{memory: m, standing: m.of(key), epoch: m.changes.Load()}
	}
	one, other := read(1), read(2)
	if !one.stands() || !other.stands() {
		t.Error("an answer does not stand though nothing changed")
	}
	m.change([]tenantry.TenantKey{1})
	if one.stands() || !other.stands() {
		t.Errorf("after a change: of its tenant %v, of another %v", one.stands(), other.stands())
	}
	if again := read(1); !again.stands() {
		t.Error("an answer that was read after the change does not stand")
	}
	m.flush()
	if other.stands() {
		t.Error("an answer stands after everything was forgotten")
	}
}

// Whoever looks while a change is on its way must not make the answer stand for
// good.
func TestNoAnswerStandsOnceAChangeIsComplete(t *testing.T) {
	m := newMemory(10)
	for range 20_000 {
		e := &entry{memory: m, standing: m.of(1), epoch: m.changes.Load()}
		var looking sync.WaitGroup
		for range 2 {
			looking.Go(func() {
				for e.stands() {
				}
			})
		}
		looking.Go(func() { m.change([]tenantry.TenantKey{2}) })
		m.change([]tenantry.TenantKey{1})
		if e.stands() {
			t.Fatal("an answer stands after its tenant changed")
		}
		looking.Wait()
		if e.stands() {
			t.Fatal("an answer stands again")
		}
	}
}
