package verify

import "time"

// steady is time that never goes back: the wall's, or where the wall stood at the
// start plus what has elapsed since, whichever is later. A clock that is set back
// brings no dead token to life; one that is set forward is believed while it
// lasts, because refusing is the safer mistake, and forgotten when it is set
// right again.
type steady struct {
	read  Clocks
	start time.Time
	begun time.Duration
}

// Clocks tells the time by the wall, and how much has elapsed by a clock that nobody
// sets. It is one function because it is asked in every verification, and reading
// the hardware twice for one instant would be a tenth of that.
type Clocks func() (wall time.Time, elapsed time.Duration)

func newSteady(read Clocks) steady {
	s := steady{read: read}
	s.start, s.begun = read()
	s.start = s.start.Round(0) // or instants of time.Now would be compared by what has elapsed, and not by the wall
	return s
}

func (s *steady) now() (time.Time, time.Duration) {
	now, elapsed := s.read()
	if least := s.start.Add(elapsed - s.begun); now.Before(least) {
		return least, elapsed
	}
	return now, elapsed
}
