package verify

import (
	"net/netip"
	"testing"
	"time"
)

// An answer that is used once and kept for long must not keep those that were used
// before it.
func TestLedgerLetsGoOfWhatItHasNoted(t *testing.T) {
	var l ledger
	m := newMemory(10)
	var all []*entry
	for range 3 {
		e := &entry{tenant: m.of(1).share(Tenant{Key: 1}), terms: &terms{}}
		l.note(e, time.Unix(7, 0), netip.Addr{})
		all = append(all, e)
	}
	if uses := l.take(); len(uses) != 1 || uses[0].Times != 3 || !uses[0].Last.Equal(time.Unix(7, 0)) {
		t.Errorf("%+v", uses)
	}
	for i, e := range all {
		if e.next != nil {
			t.Errorf("%d holds another", i)
		}
	}
}
