package verify

import (
	"time"

	"github.com/tenantry/tenantry"
)

// steady is time that never goes back: the wall's, or where the wall stood at the
// start plus what has elapsed since, whichever is later. A clock that is set back
// brings no dead token to life; one that is set forward is believed while it
// lasts, because refusing is the safer mistake, and forgotten when it is set
// right again.
type steady struct {
	wall    tenantry.Clock
	elapsed func() time.Duration // since the process started, of a clock that nobody sets
	start   time.Time
	begun   time.Duration
}

func newSteady(wall tenantry.Clock, elapsed func() time.Duration) steady {
	return steady{wall: wall, elapsed: elapsed, start: wall(), begun: elapsed()}
}

func (s *steady) now() (time.Time, time.Duration) {
	now, elapsed := s.wall(), s.elapsed()
	if least := s.start.Add(elapsed - s.begun); now.Before(least) {
		return least, elapsed
	}
	return now, elapsed
}
