package verify

import (
	"testing"
	"time"
)

// Two instants of time.Now are compared by what has elapsed between them, and a wall
// that was set would go unseen.
func TestSteadyTimeIsComparedByTheWall(t *testing.T) {
	s := newSteady(func() (time.Time, time.Duration) { return time.Now(), 0 })
	if s.start != s.start.Round(0) {
		t.Errorf("%v", s.start)
	}
}
