package client

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// key is one question about one token. The token itself is not kept.
type key struct {
	token    [sha256.Size]byte
	question Question
}

// memory holds answers, and the questions under way: of those that are the same
// there is one at a time.
type memory struct {
	maxAge time.Duration

	mu             sync.Mutex
	valid, refused shelf // apart, so that nobody drives out what is valid by inventing tokens
	flights        map[key]*flight
}

// answer is one that is remembered; it is not changed afterwards.
type answer struct {
	key     key
	verdict Verdict
	asked   time.Time // before it was
}

// flight is a question under way. What came of it may be read when done is
// closed.
type flight struct {
	began   time.Time
	done    chan struct{}
	verdict Verdict
	err     error
}

func newMemory(size int, maxAge time.Duration) *memory {
	return &memory{maxAge: maxAge, valid: newShelf(size - size/10), refused: newShelf(size / 10), flights: map[key]*flight{}}
}

// believed is for how long an answer is.
func (m *memory) believed(v *Verdict) time.Duration {
	if v.Valid() {
		return m.maxAge
	}
	return min(brief, m.maxAge)
}

// find returns a remembered answer, nil for none, and the question under way if
// there is one or should be; begin tells the caller to ask it. That is so for
// what is not known, and for what is valid, in use, and past half its age.
func (m *memory) find(k key, now time.Time) (v *Verdict, f *flight, begin bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.valid.get(k)
	if a == nil {
		a = m.refused.get(k)
	}
	if a != nil {
		old, believed := age(a.asked, now), m.believed(&a.verdict)
		if old < believed {
			v = &a.verdict
			if !v.Valid() || old < believed/2 {
				return v, nil, false
			}
		}
	}
	if f = m.flights[k]; f == nil {
		f, begin = &flight{began: now, done: make(chan struct{})}, true
		m.flights[k] = f
	}
	return v, f, begin
}

// land ends a question. When there was no answer, the one before it stands until
// it is too old.
func (m *memory) land(f *flight, k key, v Verdict, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.flights, k)
	if f.verdict, f.err = v, err; err == nil {
		into, outOf := &m.valid, &m.refused
		if !v.Valid() {
			into, outOf = outOf, into
		}
		outOf.remove(k)
		into.put(&answer{k, v, f.began})
	}
	close(f.done)
}

// size is how many answers are remembered.
func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.valid.places) + len(m.refused.places)
}

// age is how much time has passed by the monotonic clock or by the wall's,
// whichever says more: the one stands still while a machine sleeps, and the other
// may be set back.
func age(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// shelf holds the answers that were used last.
type shelf struct {
	room   int
	order  *list.List // of *answer, what was used last in front
	places map[key]*list.Element
}

func newShelf(room int) shelf {
	return shelf{room: room, order: list.New(), places: map[key]*list.Element{}}
}

func (s *shelf) get(k key) *answer {
	at := s.places[k]
	if at == nil {
		return nil
	}
	s.order.MoveToFront(at)
	return at.Value.(*answer)
}

func (s *shelf) put(a *answer) {
	s.remove(a.key)
	if s.room == 0 {
		return
	}
	if len(s.places) >= s.room {
		s.remove(s.order.Back().Value.(*answer).key)
	}
	s.places[a.key] = s.order.PushFront(a)
}

func (s *shelf) remove(k key) {
	if at := s.places[k]; at != nil {
		s.order.Remove(at)
		delete(s.places, k)
	}
}
