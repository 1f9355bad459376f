package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	overlapRate      = 5000 // requests a second, whatever the answers take
	routineRotations = 10
	heldRotations    = 3
	grace            = 2 * time.Second
	hitherto         = 300 * time.Millisecond // how long clients go on with the old secret
)

// asked is one verification of an open-loop run.
type asked struct {
	version        int
	sent, answered time.Time
	valid          bool
}

// overlap: one token is rotated while it is verified 5,000 times a second. Routine:
// clients use the old secret until they are handed the new one, some a little
// longer. Held: both work until the end of the grace period.
func (b *bench) overlap(ctx context.Context, engine sqldb.Engine) error {
	full, err := b.filled(ctx, engine, 2*revocations)
	if err != nil {
		return err
	}
	d, err := b.copyOf(ctx, full.database)
	if err != nil {
		return err
	}
	defer d.drop()
	key, err := b.operator(ctx, d)
	if err != nil {
		return err
	}
	p, err := b.node(d)
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := p.warmed(); err != nil {
		return err
	}
	o := &overlapping{node: p, key: key, path: "/v1/tokens/" + full.tokens[0].String() + ":rotate", secret: secret(0), version: 1}
	var total, early, newRefused, late int
	var rate []float64
	for range routineRotations {
		r, err := o.rotate(`{}`, hitherto, 300*time.Millisecond)
		if err != nil {
			return err
		}
		e, n, l := r.routine()
		total, early, newRefused, late = total+len(r.all), early+e, newRefused+n, late+l
		rate = append(rate, r.perSecond())
	}
	fmt.Printf("\nrotation of a token under load, %s: %d rotations, %d requests at %.0f/s\n", engine, routineRotations, total, middle(rate))
	fmt.Printf("  old secret refused before the new one was used %d; new one refused %d; old one accepted after the new one's first answer %d\n", early, newRefused, late)
	var during, after, beyond, onTime int
	total = 0
	for range heldRotations {
		r, err := o.rotate(fmt.Sprintf(`{"hold":true,"grace":"%v"}`, grace), hitherto, grace+time.Second)
		if err != nil {
			return err
		}
		a, n, x, y, counted := r.held()
		during, newRefused, after, beyond, onTime = during+a, n, after+x, beyond+y, onTime+counted
		total += len(r.all)
	}
	fmt.Printf("  with hold and a grace of %v, %d rotations, %d requests, %d with the old secret in the grace period: refused in it %d; accepted after it %d, after it and 1 s %d; new one refused %d\n",
		grace, heldRotations, total, onTime, during, after, beyond, newRefused)
	return nil
}

type overlapping struct {
	node      *process
	key, path string
	secret    string // of the version
	version   int
}

// overlapRun is what was asked around one rotation.
type overlapRun struct {
	all      []asked
	version  int       // the old one
	deadline time.Time // the old one's
	took     time.Duration
}

// rotate rotates after a while, lets clients go on with the old secret for switchAfter,
// and goes on asking for rest; one request in eight keeps the old secret to the end.
func (o *overlapping) rotate(how string, switchAfter, rest time.Duration) (r overlapRun, err error) {
	type use struct {
		version int
		secret  string
	}
	r.version = o.version
	before := use{o.version, o.secret}
	var current atomic.Pointer[use]
	current.Store(&before)
	var stop atomic.Bool
	var wg sync.WaitGroup
	parts, errs := make([][]asked, connections), make([]error, connections)
	began := time.Now()
	for i := range connections {
		wg.Go(func() {
			l, err := dial(o.node.address)
			if err != nil {
				errs[i] = err
				return
			}
			defer l.conn.Close()
			requests := map[int][]byte{}
			const every = time.Second * connections / overlapRate
			for due := began.Add(rand.N(every)); !stop.Load(); due = due.Add(every) {
				time.Sleep(time.Until(due))
				u := current.Load()
				if rand.IntN(8) == 0 {
					u = &before
				}
				if requests[u.version] == nil {
					requests[u.version] = verificationFrom(u.secret)
				}
				a := asked{version: u.version, sent: time.Now()}
				status, body, err := l.ask(requests[u.version])
				if err != nil || status != 200 {
					errs[i] = fmt.Errorf("status %d, %w: %s", status, err, body)
					return
				}
				a.answered, a.valid = time.Now(), valid(body)
				parts[i] = append(parts[i], a)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	body, err := o.node.manage(o.path, o.key, how)
	if err == nil {
		var made struct {
			Secret            string    `json:"secret"`
			PreviousExpiresAt time.Time `json:"previous_expires_at"`
		}
		err = json.Unmarshal(body, &made)
		r.deadline, o.secret, o.version = made.PreviousExpiresAt, made.Secret, o.version+1
		time.Sleep(switchAfter)
		current.Store(&use{o.version, o.secret})
		time.Sleep(rest)
	}
	stop.Store(true)
	wg.Wait()
	r.took = time.Since(began)
	r.all = slices.Concat(parts...)
	return r, firstError(append(errs, err)...)
}

func (r overlapRun) perSecond() float64 { return float64(len(r.all)) / r.took.Seconds() }

// routine counts old secrets that were refused though nobody had sent the new one
// yet, new ones that were refused, and old ones that were accepted though the new
// one had been answered before they were sent.
func (r overlapRun) routine() (early, newRefused, late int) {
	var firstSent, firstAnswered time.Time
	for _, a := range r.all {
		if a.version == r.version {
			continue
		}
		if firstSent.IsZero() || a.sent.Before(firstSent) {
			firstSent = a.sent
		}
		if a.valid && (firstAnswered.IsZero() || a.answered.Before(firstAnswered)) {
			firstAnswered = a.answered
		}
	}
	for _, a := range r.all {
		switch {
		case a.version != r.version && !a.valid:
			newRefused++
		case a.version == r.version && !a.valid && a.answered.Before(firstSent):
			early++
		case a.version == r.version && a.valid && a.sent.After(firstAnswered):
			late++
		}
	}
	return early, newRefused, late
}

// held counts old secrets that were refused before their deadline, new ones that
// were refused, old ones that were accepted after it and after the bound of a
// second, and how many old ones were asked about in time.
func (r overlapRun) held() (during, newRefused, after, beyond, onTime int) {
	for _, a := range r.all {
		switch {
		case a.version != r.version:
			if !a.valid {
				newRefused++
			}
		case a.answered.Before(r.deadline):
			onTime++
			if !a.valid {
				during++
			}
		case a.valid && a.sent.After(r.deadline):
			after++
			if a.sent.After(r.deadline.Add(time.Second)) {
				beyond++
			}
		}
	}
	return during, newRefused, after, beyond, onTime
}
