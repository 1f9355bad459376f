package verify

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
)

// hearing is when it was last certain that changes made elsewhere are heard of.
type hearing struct{ last atomic.Int64 } // elapsed nanoseconds plus one; zero is never

func (h *hearing) heard(elapsed time.Duration) { h.last.Store(int64(elapsed) + 1) }

// lost says that changes are not heard of any more, without waiting for the silence
// to grow too long.
func (h *hearing) lost() { h.last.Store(0) }

// fresh tells whether what is remembered may be trusted.
func (h *hearing) fresh(elapsed, bound time.Duration) bool {
	last := h.last.Load()
	return last != 0 && elapsed-time.Duration(last-1) <= bound
}

// forget drops what is remembered of the tenants that a notice names.
func (f *Flow) forget(notice string) {
	if tenants, ok := tenantry.ParseChanged(notice); ok {
		f.memory.change(tenants)
		return
	}
	f.memory.flush()
}

// retry is how long to wait before listening again after it failed.
const retry = 200 * time.Millisecond

// Watch listens for changes that other processes make, until ctx ends. hears is
// called each time it has begun to, fail is told why it ended; in between nothing
// that is remembered is trusted.
func (f *Flow) Watch(ctx context.Context, hears func(), fail func(error)) {
	for ctx.Err() == nil {
		err := f.db.Listen(ctx, tenantry.ChangedChannel, sqldb.Listening{
			Ready: func() {
				f.memory.flush() // what happened while nobody listened is not known
				f.alive()
				hears()
			},
			Alive:  f.alive,
			Notice: f.forget,
		})
		f.hearing.lost()
		if ctx.Err() != nil {
			return
		}
		fail(err)
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
	}
}

func (f *Flow) alive() {
	_, elapsed := f.clock.now()
	f.hearing.heard(elapsed)
}

// Listening tells whether changes are heard of: nil, or Unavailable
// "verify.deaf".
func (f *Flow) Listening(context.Context) error {
	_, elapsed := f.clock.now()
	if f.hearing.fresh(elapsed, f.options.Silence) {
		return nil
	}
	return tenantry.NewError(tenantry.Unavailable, "verify.deaf", "bound", f.options.Silence.String())
}

// Flush notes in the database which tokens were used, and raises an alarm for
// those that were presented after their end; alarm is told the ones that are
// news.
func (f *Flow) Flush(ctx context.Context, alarm func(token.Use)) error {
	if err := f.tokens.RecordUses(ctx, f.used.take()); err != nil {
		return err
	}
	news, err := f.tokens.RecordMisuses(ctx, f.system, f.misused.take())
	for _, m := range news {
		alarm(m)
	}
	return err
}

// warmPage is how many tenants are read at a time while warming up.
const warmPage = 2000

// Warm reads the tokens that work before anybody asks for them, tenant by tenant
// until the memory is full, and returns how many. It takes its turn like any
// other reader, one page after the other.
func (f *Flow) Warm(ctx context.Context) (n int, err error) {
	for after := tenantry.TenantKey(0); n < f.options.Size; {
		var page []*entry
		var last tenantry.TenantKey
		epoch := f.memory.changes.Load()
		now, elapsed := f.clock.now()
		err := f.db.Read(ctx, func(tx *sqldb.Tx) error {
			page, last = nil, 0
			tenants, err := f.tenants.RangeIn(ctx, tx, f.system, after, warmPage)
			if err != nil || len(tenants) == 0 {
				return err
			}
			last = tenants[len(tenants)-1].Key
			held, err := f.tokens.UsableIn(ctx, tx, tenants[0].Key, last, now)
			if err != nil {
				return err
			}
			byKey := make(map[tenantry.TenantKey]tenant.Tenant, len(tenants))
			for _, t := range tenants {
				byKey[t.Key] = t
			}
			for _, h := range held {
				if t, ok := byKey[h.Tenant]; ok && !t.ID.IsZero() {
					page = append(page, f.entry(h, t, epoch, elapsed))
				}
			}
			return nil
		})
		if err != nil || last == 0 {
			return n, err
		}
		for _, e := range page {
			f.memory.keep(e)
		}
		n += len(page)
		after = last
	}
	return n, nil
}

// Recheck compares what is remembered of tenants with what stands in the database,
// because a Django process that switches is_active, or takes a tenant away, tells
// nobody. It returns how many were different.
func (f *Flow) Recheck(ctx context.Context) (different int, err error) {
	remembered := f.memory.tenants()
	for after := tenantry.TenantKey(0); ; {
		var page []tenant.Tenant
		if err := f.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			page, err = f.tenants.RangeIn(ctx, tx, f.system, after, warmPage)
			return err
		}); err != nil {
			return different, err
		}
		var changed []tenantry.TenantKey
		for _, t := range page {
			if old := remembered[t.Key]; old != nil && old.Tenant != describe(t) {
				changed = append(changed, t.Key)
			}
			delete(remembered, t.Key)
		}
		if len(page) == 0 {
			for key := range remembered {
				changed = append(changed, key)
			}
		}
		if len(changed) > 0 {
			f.memory.change(changed)
			different += len(changed)
		}
		if len(page) == 0 {
			return different, nil
		}
		after = page[len(page)-1].Key
	}
}

// Remembered is how many answers are remembered.
func (f *Flow) Remembered() int { return f.memory.answers.len() }
