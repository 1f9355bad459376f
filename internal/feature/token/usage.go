package token

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Use is how often a version was presented since the last time this was told.
type Use struct {
	Tenant  tenantry.TenantKey
	Token   tenantry.TokenID
	Version int64
	Times   int64
	Last    time.Time
	Address netip.Addr // from where it came last, if somebody noted it
}

func compareUses(a, b Use) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Token.String(), b.Token.String()), cmp.Compare(a.Version, b.Version))
}

// RecordUses notes uses in one batch. In the order of the rows, two processes seldom
// wait for each other crosswise; where they do, the engine breaks it and Write runs
// one of them again. It is telemetry: what is lost in a crash is lost.
func (s *Service) RecordUses(ctx context.Context, uses []Use) error {
	if len(uses) == 0 {
		return nil
	}
	slices.SortFunc(uses, compareUses)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return updateUses(ctx, tx, uses) })
}

// alarmEvery is how long the same misuse stays one alarm.
const alarmEvery = time.Hour

// RecordMisuses notes that versions were presented after their end, and raises an
// event for each, at most once an hour. It never ends anything more: whoever
// presents a dead secret may just be late. It returns the misuses that are news.
func (s *Service) RecordMisuses(ctx context.Context, scope tenantry.Scope, misuses []Use) (news []Use, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil || len(misuses) == 0 {
		return nil, err
	}
	slices.SortFunc(misuses, compareUses)
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		news = news[:0]
		var events []audit.Event
		for _, m := range misuses {
			before, err := selectMisused(ctx, tx, m)
			if tenantry.KindOf(err) == tenantry.NotFound {
				continue // removed since
			}
			if err != nil {
				return err
			}
			if before == nil || m.Last.Sub(*before) >= alarmEvery {
				news = append(news, m)
				detail := map[string]any{"version": m.Version, "times": m.Times}
				if m.Address.IsValid() {
					detail["address"] = m.Address.String()
				}
				events = append(events, audit.Event{Tenant: m.Tenant, Action: "token.used_after_end", Subject: m.Token.String(), Detail: detail})
			}
			if err := updateMisuse(ctx, tx, m, before == nil || m.Last.Sub(*before) >= alarmEvery); err != nil {
				return err
			}
		}
		if len(events) == 0 {
			return nil
		}
		return s.audit.RecordAll(ctx, tx, scope, events)
	})
	return news, err
}
