package verify

import (
	"context"
	"time"
	"unique"

	"golang.org/x/sync/singleflight"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// loads lets one look-up of a digest serve all who ask for it at the same time,
// and bounds how many there are at once: a cold start must leave connections to
// others.
type loads struct {
	flights singleflight.Group
	slots   chan struct{}
}

const (
	// patience is how long a look-up may take. It does not end with the request
	// that began it: others may wait for it too.
	patience = 5 * time.Second
	// again is how often a look-up that was overtaken by a change is repeated.
	again = 5
)

// load looks a digest up in the database and remembers the answer; nil is
// nobody's.
func (f *Flow) load(ctx context.Context, d token.Digest) (*entry, error) {
	for range again {
		got := f.loads.flights.DoChan(string(d[:]), func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			select {
			case f.loads.slots <- struct{}{}:
				defer func() { <-f.loads.slots }()
			case <-ctx.Done():
				return nil, tenantry.NewError(tenantry.Busy, "busy").Because(ctx.Err())
			}
			return f.lookUp(ctx, d)
		})
		select {
		case r := <-got:
			if r.Err != nil {
				return nil, r.Err
			}
			e := r.Val.(*entry)
			if e == nil {
				return nil, nil
			}
			// Whoever joined a look-up that began before a change must not get what it
			// read; the change was complete before they asked.
			if f.memory.stands(e) {
				return e, nil
			}
			f.loads.flights.Forget(string(d[:]))
		case <-ctx.Done():
			return nil, tenantry.NewError(tenantry.Busy, "busy").Because(ctx.Err())
		}
	}
	return nil, tenantry.NewError(tenantry.Busy, "busy")
}

func (f *Flow) lookUp(ctx context.Context, d token.Digest) (*entry, error) {
	e, first, err := f.read(ctx, d)
	if err != nil || e == nil {
		if err == nil {
			_, elapsed := f.clock.now()
			f.memory.nobodys(d, elapsed)
		}
		return e, err
	}
	if first != nil && e.terms.code == Valid {
		// From here on the older version is dead, before anybody is told that the
		// newer one is valid.
		if err := f.tokens.Begin(ctx, *first); err != nil {
			return nil, err
		}
		if e, _, err = f.read(ctx, d); err != nil || e == nil {
			return e, err
		}
	}
	f.memory.keep(e)
	return e, nil
}

// read makes an answer of what the two rooms say in one view of the database.
// first is given when this is the first use of a version that others wait for.
func (f *Flow) read(ctx context.Context, d token.Digest) (e *entry, first *token.Held, err error) {
	epoch := f.memory.changes.Load()
	now, elapsed := f.clock.now()
	err = f.db.Read(ctx, func(tx *sqldb.Tx) error {
		e, first = nil, nil
		h, err := f.tokens.LookUpIn(ctx, tx, d, now)
		if tenantry.KindOf(err) == tenantry.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		t, err := f.tenants.GetIn(ctx, tx, f.system, tenant.ByKey(h.Tenant))
		if tenantry.KindOf(err) == tenantry.NotFound {
			return nil // removed by a Django process, which knows nothing of our directory
		}
		if err != nil {
			return err
		}
		e = f.entry(h, t, epoch, elapsed)
		if h.FirstUse {
			first = &h
		}
		return nil
	})
	if err == nil && e != nil && e.tenant.ID.IsZero() {
		// Made by a Django process a moment ago: reading it outside completes it.
		t, err := f.tenants.Get(ctx, f.system, tenant.ByKey(e.tenant.Key))
		if err != nil {
			return nil, nil, err
		}
		e.tenant = e.tenant.standing.share(describe(t))
	}
	return e, first, err
}

func (f *Flow) entry(h token.Held, t tenant.Tenant, epoch uint64, elapsed time.Duration) *entry {
	e := &entry{digest: h.Digest, tenant: f.memory.of(h.Tenant).share(describe(t)), token: h.Token, version: int32(h.Version),
		terms: f.memory.termsOf(h, t.Status), epoch: epoch, readAt: elapsed}
	if !h.Until.IsZero() {
		e.until = h.Until.UnixMicro()
	}
	return e
}

// describe takes the name of the model from among those that are in use, which are
// few.
func describe(t tenant.Tenant) Tenant {
	return Tenant{Key: t.Key, ID: t.ID, Name: t.Name, Model: unique.Make(t.Model).Value(), MaxAgents: t.MaxAgents, MaxDocuments: t.MaxDocuments, MaxStorageMB: t.MaxStorageMB,
		status: unique.Make(t.Status)}
}

// refresh looks up an answer anew that is in use and will soon be too old, so that
// nobody has to wait for that.
func (f *Flow) refresh(d token.Digest, e *entry) {
	if e.marks.Or(renewing)&renewing != 0 {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := f.load(ctx, d); err != nil {
			e.marks.And(^renewing) // another one may try; until it is too old the answer stands
		}
	}()
}
