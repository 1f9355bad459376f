package token

import (
	"context"
	"io"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Reconciled is what a comparison of Django's columns with what is known found.
type Reconciled struct {
	Registered int64 `json:"registered"` // tokens that Django's columns held and nobody knew
	Replaced   int64 `json:"replaced"`   // … and that took the place of known ones
	Withdrawn  int64 `json:"withdrawn"`  // known tokens whose column is empty now
}

// Any tells whether there was a difference.
func (r Reconciled) Any() bool { return r != Reconciled{} }

// Reconcile compares Django's columns with the tokens that are known, for a Django
// process may write them at any time, and makes the columns right: what stands
// there works, what no longer does not. Ages of what Django made are unknown. It
// reads; it writes only where there is a difference.
func (s *Service) Reconcile(ctx context.Context, scope tenantry.Scope, progress func(tenants int64)) (total Reconciled, err error) {
	if err := scope.RequirePlatform(tenantry.TokensWrite); err != nil {
		return total, err
	}
	return s.reconcile(ctx, scope, nil, progress)
}

// reconcile is Reconcile for some tenants or, for nil, for all.
func (s *Service) reconcile(ctx context.Context, scope tenantry.Scope, only []tenantry.TenantKey, progress func(tenants int64)) (total Reconciled, err error) {
	var seen int64
	for after := tenantry.TenantKey(0); ; {
		var page []stored
		err := s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
			page, err = selectStored(ctx, tx, only, after, batch, false)
			return err
		})
		if err != nil || len(page) == 0 {
			return total, err
		}
		if differ(page) {
			err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
				again, err := selectStored(ctx, tx, only, after, batch, true)
				if err != nil {
					return err
				}
				found, err := s.adoptIn(ctx, tx, scope, again)
				total.Registered += found.Registered
				total.Replaced += found.Replaced
				total.Withdrawn += found.Withdrawn
				return err
			})
			if err != nil {
				return total, err
			}
		}
		after = page[len(page)-1].tenant
		seen += int64(len(page))
		progress(seen)
	}
}

// stored is a tenant's row of Django's, and what is known of its two tokens.
type stored struct {
	columns
	known [2]known // in the order of Kinds
}

type known struct {
	id      tenantry.TokenID
	version int64
	digest  []byte
	ended   bool // the current version does not work any more
}

func (c columns) of(k Kind) string {
	if k == CWU {
		return c.cwu
	}
	return c.ai
}

// difference tells what is to be done about one column.
type difference int

const (
	same difference = iota
	unknown
	replaced
	withdrawn
	closed // sealed, and nothing known of it
)

func (s stored) difference(i int, kind Kind) difference {
	text, k := s.of(kind), s.known[i]
	switch {
	case text == "" && k.version != 0 && !k.ended:
		return withdrawn
	case text == "":
		return same
	case k.version == 0 && seal.Sealed(text):
		return closed
	case k.version == 0:
		return unknown
	case seal.Sealed(text):
		return same // only we write such
	}
	if digest := DigestOf(text); string(digest[:]) != string(k.digest) || k.ended {
		return replaced // or written again after it was ended
	}
	return same
}

// strangers are the digests of what stands in columns and is not what is known.
func strangers(page []stored) (all []Digest) {
	for _, row := range page {
		for i, kind := range Kinds() {
			switch row.difference(i, kind) {
			case unknown, replaced:
				all = append(all, DigestOf(row.of(kind)))
			}
		}
	}
	return all
}

func differ(page []stored) bool {
	for _, row := range page {
		for i, kind := range Kinds() {
			if row.difference(i, kind) != same {
				return true
			}
		}
	}
	return false
}

// adoptIn makes known what Django's columns hold, of rows that are locked.
func (s *Service) adoptIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, page []stored) (found Reconciled, err error) {
	now := s.clock()
	dead, err := selectDead(ctx, tx, strangers(page))
	if err != nil {
		return found, err
	}
	made, ended, err := s.differences(ctx, page, dead, now, &found)
	if err != nil || !found.Any() {
		return found, err
	}
	if err := insertAdopted(ctx, tx, made); err != nil {
		return found, err
	}
	if err := endPredecessors(ctx, tx, made, Replaced, now); err != nil {
		return found, err
	}
	tenants := make([]tenantry.TenantKey, 0, len(made)+len(ended))
	events := make([]audit.Event, 0, len(made)+len(ended))
	for _, f := range made {
		tenants = append(tenants, f.tenant)
		action := "token.registered"
		if f.token == nil {
			action = "token.replaced"
		}
		events = append(events, audit.Event{Tenant: f.tenant, Action: action, Subject: f.id.String(), Detail: map[string]any{"kind": f.kind, "version": f.version}})
	}
	for _, f := range ended {
		if err := endVersions(ctx, tx, f.tenant, f.id, Withdrawn, now); err != nil {
			return found, err
		}
		tenants = append(tenants, f.tenant)
		events = append(events, audit.Event{Tenant: f.tenant, Action: "token.withdrawn", Subject: f.id.String(), Detail: map[string]any{"kind": f.kind}})
	}
	if err := resolveDuplicates(ctx, tx, now); err != nil {
		return found, err
	}
	if err := changed(ctx, tx, tenants...); err != nil {
		return found, err
	}
	return found, s.audit.RecordAll(ctx, tx, scope, events)
}

// differences turns rows into what is to be made known and what is to be ended.
func (s *Service) differences(ctx context.Context, page []stored, dead map[Digest]bool, now time.Time, found *Reconciled) (made, ended []fresh, err error) {
	for _, row := range page {
		for i, kind := range Kinds() {
			k := row.known[i]
			if dead[DigestOf(row.of(kind))] {
				continue // what was ended here does not come back by being written again
			}
			f := fresh{tenant: row.tenant, id: k.id, kind: kind, home: true, version: k.version + 1, secret: tenantry.NewSecret(row.of(kind))}
			switch row.difference(i, kind) {
			case same:
				continue
			case withdrawn:
				found.Withdrawn++
				ended = append(ended, f)
				continue
			case replaced:
				found.Replaced++
			case unknown:
				found.Registered++
				f.id, f.token = tenantry.NewTokenID(now, s.random), &Token{}
			case closed:
				// Our tables were taken back and made again; the keys are still there, or
				// else it is a finding.
				ring, err := s.keys.ToOpen(ctx)
				if err != nil {
					continue
				}
				if f.secret, f.version, err = (place{row.tenant, kind}).open(ring, row.of(kind)); err != nil {
					continue
				}
				found.Registered++
				f.id, f.token = tenantry.NewTokenID(now, s.random), &Token{}
			}
			made = append(made, f)
		}
	}
	return made, ended, nil
}

// registerAll makes known every plain token of a database that has just become
// ours. It is the migration's, which has no keys and no scope.
func registerAll(ctx context.Context, tx *sqldb.Tx, now time.Time, random io.Reader, progress func(tenants int64)) error {
	var seen int64
	for after := tenantry.TenantKey(0); ; {
		page, err := selectStored(ctx, tx, nil, after, batch, false)
		if err != nil || len(page) == 0 {
			return err
		}
		var made []fresh
		for _, row := range page {
			for i, kind := range Kinds() {
				if row.difference(i, kind) == unknown {
					made = append(made, fresh{tenant: row.tenant, id: tenantry.NewTokenID(now, random), kind: kind, home: true,
						version: 1, secret: tenantry.NewSecret(row.of(kind)), token: &Token{}})
				}
			}
		}
		if err := insertAdopted(ctx, tx, made); err != nil {
			return err
		}
		after = page[len(page)-1].tenant
		seen += int64(len(page))
		progress(seen)
	}
}
