package verify

import (
	"testing"
	"time"
)

// A listener that hangs says nothing; for how long that may be is bounded.
func TestSilenceIsTrustedForItsBoundAndNoLonger(t *testing.T) {
	t.Parallel()
	var h hearing
	if h.fresh(0, time.Hour) {
		t.Error("trusted before anything was heard")
	}
	h.heard(10 * time.Second)
	if !h.fresh(15*time.Second, 5*time.Second) {
		t.Error("not trusted within the bound")
	}
	if h.fresh(15*time.Second+1, 5*time.Second) {
		t.Error("trusted past the bound")
	}
	if h.lost(); h.fresh(10*time.Second, 5*time.Second) {
		t.Error("trusted after the connection was lost")
	}
}
