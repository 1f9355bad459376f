package verify

import (
	"sync"
	"testing"

	"github.com/tenantry/tenantry"
)

func TestAnAnswerStandsUntilItsTenantChanges(t *testing.T) {
	m := newMemory(10)
	read := func(key tenantry.TenantKey) *entry {
		return &entry{tenant: m.of(key).share(Tenant{Key: key}), epoch: m.changes.Load()}
	}
	one, other := read(1), read(2)
	if !m.stands(one) || !m.stands(other) {
		t.Error("an answer does not stand though nothing changed")
	}
	m.change([]tenantry.TenantKey{1})
	if m.stands(one) || !m.stands(other) {
		t.Errorf("after a change: of its tenant %v, of another %v", m.stands(one), m.stands(other))
	}
	if again := read(1); !m.stands(again) {
		t.Error("an answer that was read after the change does not stand")
	}
	m.flush()
	if m.stands(other) {
		t.Error("an answer stands after everything was forgotten")
	}
}

// Whoever looks while a change is on its way must not make the answer stand for
// good.
func TestNoAnswerStandsOnceAChangeIsComplete(t *testing.T) {
	m := newMemory(10)
	for range 20_000 {
		e := &entry{tenant: m.of(1).share(Tenant{Key: 1}), epoch: m.changes.Load()}
		var looking sync.WaitGroup
		for range 2 {
			looking.Go(func() {
				for m.stands(e) {
				}
			})
		}
		looking.Go(func() { m.change([]tenantry.TenantKey{2}) })
		m.change([]tenantry.TenantKey{1})
		if m.stands(e) {
			t.Fatal("an answer stands after its tenant changed")
		}
		looking.Wait()
		if m.stands(e) {
			t.Fatal("an answer stands again")
		}
	}
}
