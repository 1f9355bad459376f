package tenant

import (
	"context"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Service holds the rules of tenants.
type Service struct {
	db     *sqldb.DB
	audit  *audit.Log
	limits Limits
	clock  tenantry.Clock
	random io.Reader
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, limits Limits, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, limits: limits, clock: clock, random: random}
}

// Create makes a tenant. Its tokens are the business of flow/onboard.
func (s *Service) Create(ctx context.Context, scope tenantry.Scope, d Draft) (t Tenant, err error) {
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		t, err = s.CreateIn(ctx, tx, scope, d)
		return err
	})
	return t, err
}

// CreateIn is Create within a transaction of the caller's.
func (s *Service) CreateIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, d Draft) (Tenant, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return Tenant{}, err
	}
	c := d.complete(s.limits)
	if err := s.check(ctx, tx, c); err != nil {
		return Tenant{}, err
	}
	status := Active
	switch {
	case d.Pending:
		status = Pending
	case d.Quarantine:
		status = Quarantined
	}
	now := s.clock()
	// The seed's quarantine stays active in Django's eyes; what is pending does not
	// exist yet for anyone.
	key, err := insertTenant(ctx, tx, c, status != Pending, now)
	if err != nil {
		return Tenant{}, nameTaken(err, c.Name)
	}
	id := tenantry.NewTenantID(now, s.random)
	if err := insertSide(ctx, tx, key, id, status, now, scope.Actor().Name); err != nil {
		return Tenant{}, err
	}
	if err := s.audit.Record(ctx, tx, scope, audit.Event{Tenant: key, Action: "tenant.created", Subject: id.String(),
		Detail: map[string]any{"name": *c.Name, "model": *c.Model, "status": status}}); err != nil {
		return Tenant{}, err
	}
	return selectOne(ctx, tx, ByKey(key))
}

// Get reads one tenant. One that the scope does not reach is NotFound, as a
// missing one is.
func (s *Service) Get(ctx context.Context, scope tenantry.Scope, ref Ref) (t Tenant, err error) {
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		t, err = s.GetIn(ctx, tx, scope, ref)
		return !t.ID.IsZero(), err
	})
	return t, err
}

// GetIn is Get within a transaction of the caller's.
func (s *Service) GetIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, ref Ref) (Tenant, error) {
	t, err := selectOne(ctx, tx, ref)
	if err != nil {
		return Tenant{}, err
	}
	return t, scope.RequireIn(t.Key, tenantry.TenantsRead)
}

// Locate finds the keys of a tenant that the scope reaches, which takes no
// permission: what is asked there takes its own.
func (s *Service) Locate(ctx context.Context, scope tenantry.Scope, ref Ref) (key tenantry.TenantKey, id tenantry.TenantID, err error) {
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		t, err := selectOne(ctx, tx, ref)
		if err == nil && !scope.Reaches(t.Key) {
			err = tenantry.NewError(tenantry.NotFound, "tenant.not_found")
		}
		key, id = t.Key, t.ID
		return err != nil || !t.ID.IsZero(), err
	})
	if err != nil {
		return 0, tenantry.TenantID{}, err
	}
	return key, id, nil
}

// RangeIn reads the tenants behind a key, in the order of their keys, for whoever
// goes through all of them.
func (s *Service) RangeIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, after tenantry.TenantKey, limit int) ([]Tenant, error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	return sqldb.All(ctx, tx, scanTenant, selectTenants+` WHERE t.id > ? ORDER BY t.id LIMIT ?`, after, limit)
}

// Query says which tenants to list.
type Query struct {
	Search string // part of the name, whatever its case
	Status Status // "" for every status
	Model  string
	Sort   Sort
	Page   tenantry.Page
}

// Sort is the order of a list.
type Sort string

const (
	Oldest Sort = ""         // by key, the order in which they came
	Newest Sort = "-created" // by key, backwards
	Name   Sort = "name"     // by name, as the engine's index has it
)

// List reads one page of the tenants that the scope reaches.
func (s *Service) List(ctx context.Context, scope tenantry.Scope, q Query) (list tenantry.List[Tenant], err error) {
	if err := scope.Require(tenantry.TenantsRead); err != nil {
		return list, err
	}
	if q.Status != "" && !slices.Contains(Statuses(), q.Status) {
		return list, tenantry.NewError(tenantry.Invalid, "tenant.invalid").
			WithFields(tenantry.NewFieldError("status", "field.not_one_of", "choices", Statuses()))
	}
	if utf8.RuneCountInString(q.Search) > nameLength {
		return list, tenantry.NewError(tenantry.Invalid, "tenant.invalid").
			WithFields(tenantry.NewFieldError("search", "field.too_long", "max", nameLength))
	}
	for field, text := range map[string]string{"search": q.Search, "model": q.Model} {
		if !printable(text, false) {
			return list, tenantry.NewError(tenantry.Invalid, "tenant.invalid").WithFields(tenantry.NewFieldError(field, "field.not_text"))
		}
	}
	if q.Sort != Oldest && q.Sort != Newest && q.Sort != Name {
		return list, tenantry.NewError(tenantry.Invalid, "tenant.invalid").
			WithFields(tenantry.NewFieldError("sort", "field.not_one_of", "choices", []Sort{Newest, Name}))
	}
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		list, err = selectPage(ctx, tx, scope.Tenant(), q)
		return !slices.ContainsFunc(list.Items, func(t Tenant) bool { return t.ID.IsZero() }), err
	})
	return list, err
}

// Count tells how many tenants there are in each status.
func (s *Service) Count(ctx context.Context, scope tenantry.Scope) (counts map[Status]int64, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		counts, err = countByStatus(ctx, tx)
		return err
	})
	return counts, err
}

// Update writes the fields of a change. ifMatch is the ETag that the caller
// read, or "" not to care; another state in between is Stale.
func (s *Service) Update(ctx context.Context, scope tenantry.Scope, ref Ref, c Change, ifMatch string) (Tenant, error) {
	// A tenant's own people do not raise its limits.
	limits := c.MaxAgents != nil || c.MaxDocuments != nil || c.MaxStorageMB != nil
	return s.alter(ctx, scope, ref, tenantry.TenantsWrite, limits, ifMatch, func(tx *sqldb.Tx, old Tenant) error {
		c := c.without(old)
		if c == (Change{}) {
			return nil
		}
		if err := s.check(ctx, tx, c); err != nil {
			return err
		}
		if err := updateTenant(ctx, tx, old.Key, c, s.clock()); err != nil {
			return nameTaken(err, c.Name)
		}
		return s.record(ctx, tx, scope, old, "tenant.updated", c.describe(old))
	})
}

// Suspend stops a tenant for a reason that its people are told. Its tokens stop
// verifying; nothing of it is lost.
func (s *Service) Suspend(ctx context.Context, scope tenantry.Scope, ref Ref, reason string) (Tenant, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || utf8.RuneCountInString(reason) > reasonLength || !printable(reason, true) {
		return Tenant{}, tenantry.NewError(tenantry.Invalid, "tenant.invalid").
			WithFields(tenantry.NewFieldError("reason", "tenant.reason_required", "max", reasonLength))
	}
	return s.alter(ctx, scope, ref, tenantry.TenantsWrite, true, "", func(tx *sqldb.Tx, old Tenant) error {
		if old.Status == Suspended && old.StatusReason == reason {
			return nil
		}
		if old.Status == Deleting || old.Status == Pending {
			return wrongStatus(old) // lifting it would let a tenant in that nobody approved
		}
		return s.enter(ctx, tx, scope, old, Suspended, reason, "tenant.suspended")
	})
}

// Activate ends a suspension, a quarantine, or the grace period before a removal.
// What waits for approval is approved instead.
func (s *Service) Activate(ctx context.Context, scope tenantry.Scope, ref Ref) (Tenant, error) {
	return s.alter(ctx, scope, ref, tenantry.TenantsWrite, true, "", func(tx *sqldb.Tx, old Tenant) error {
		switch old.Status {
		case Active:
			return nil
		case Pending:
			return wrongStatus(old)
		case Deleting:
			if old.StatusReason == string(Pending) { // back to where it was
				return s.enter(ctx, tx, scope, old, Pending, "", "tenant.activated")
			}
		}
		return s.enter(ctx, tx, scope, old, Active, "", "tenant.activated")
	})
}

// Approve lets a tenant that was asked for begin.
func (s *Service) Approve(ctx context.Context, scope tenantry.Scope, ref Ref) (Tenant, error) {
	return s.alter(ctx, scope, ref, tenantry.TenantsWrite, true, "", func(tx *sqldb.Tx, old Tenant) error {
		if old.Status != Pending {
			return wrongStatus(old)
		}
		if err := updateApproval(ctx, tx, old.Key, s.clock(), scope.Actor().Name); err != nil {
			return err
		}
		return s.enter(ctx, tx, scope, old, Active, "", "tenant.approved")
	})
}

// Delete stops a tenant and marks it for removal once the grace period has
// passed. Until then Activate brings it back whole.
func (s *Service) Delete(ctx context.Context, scope tenantry.Scope, ref Ref, ifMatch string) (Tenant, error) {
	return s.alter(ctx, scope, ref, tenantry.TenantsDelete, true, ifMatch, func(tx *sqldb.Tx, old Tenant) error {
		if old.Status == Deleting {
			return nil
		}
		reason := ""
		if old.Status == Pending {
			reason = string(Pending) // for Activate, which must not stand for an approval
		}
		return s.enter(ctx, tx, scope, old, Deleting, reason, "tenant.deleted")
	})
}

// DueForRemoval lists the tenants whose grace period has passed.
func (s *Service) DueForRemoval(ctx context.Context, scope tenantry.Scope) (due []Tenant, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsDelete); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		due, err = selectDue(ctx, tx, s.clock())
		return err
	})
	return due, err
}

// RemoveIn takes a tenant's own rows away for good, once its grace period has
// passed. The rooms that keep things of the tenant must have removed them
// before, in the same transaction: Django's foreign keys do not cascade.
func (s *Service) RemoveIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, key tenantry.TenantKey) error {
	if err := scope.RequirePlatform(tenantry.TenantsDelete); err != nil {
		return err
	}
	if err := lock(ctx, tx, key); err != nil {
		return err
	}
	t, err := selectOne(ctx, tx, ByKey(key))
	if err != nil {
		return err
	}
	if t.Status != Deleting || t.DeleteAfter == nil || t.DeleteAfter.After(s.clock()) {
		return wrongStatus(t)
	}
	if err := deleteTenant(ctx, tx, key); err != nil {
		return err
	}
	return s.record(ctx, tx, scope, t, "tenant.removed", map[string]any{"name": t.Name})
}

// Models lists the catalogue's names that a tenant may be given.
func (s *Service) Models(ctx context.Context) (models []Model, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		models, err = selectModels(ctx, tx)
		return err
	})
	return models, err
}

// ModelsIn is Models within a transaction of the caller's.
func (s *Service) ModelsIn(ctx context.Context, tx *sqldb.Tx) ([]Model, error) {
	return selectModels(ctx, tx)
}

// alter is the shape of every change to a tenant: may I, lock it, is it still
// what the caller saw, do, read it back.
func (s *Service) alter(ctx context.Context, scope tenantry.Scope, ref Ref, p tenantry.Permission, onlyOperators bool, ifMatch string,
	do func(tx *sqldb.Tx, old Tenant) error) (t Tenant, err error) {
	seen, err := s.Get(ctx, scope, ref)
	if err != nil {
		return Tenant{}, err
	}
	if err := scope.RequireIn(seen.Key, p); err != nil {
		return Tenant{}, err
	}
	if onlyOperators {
		if err := scope.RequirePlatform(p); err != nil {
			return Tenant{}, err
		}
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, seen.Key); err != nil {
			return err
		}
		old, err := selectOne(ctx, tx, ByKey(seen.Key))
		if err != nil {
			return err
		}
		if ifMatch != "" && ifMatch != "*" && ifMatch != old.ETag() {
			return tenantry.NewError(tenantry.Stale, "tenant.stale")
		}
		if err := do(tx, old); err != nil {
			return err
		}
		t, err = selectOne(ctx, tx, ByKey(old.Key))
		return err
	})
	return t, err
}

// enter moves a tenant to another status and keeps Django's is_active in step.
func (s *Service) enter(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, old Tenant, to Status, reason, action string) error {
	now := s.clock()
	change := statusChange{status: to, reason: reason, at: now}
	if to == Deleting {
		after := now.Add(s.limits.DeleteGrace)
		change.deleteAfter = &after
	}
	if err := updateStatus(ctx, tx, old.Key, change); err != nil {
		return err
	}
	detail := map[string]any{"from": old.Status, "to": to}
	if reason != "" {
		detail["reason"] = reason
	}
	return s.record(ctx, tx, scope, old, action, detail)
}

// record writes what was done to a tenant, and tells every process that remembers
// something of it.
func (s *Service) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, t Tenant, action string, detail any) error {
	for _, notice := range tenantry.Changed(t.Key) {
		if err := tx.Notify(ctx, tenantry.ChangedChannel, notice); err != nil {
			return err
		}
	}
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: t.Key, Action: action, Subject: t.ID.String(), Detail: detail})
}

// check validates a change against the limits and the catalogue.
func (s *Service) check(ctx context.Context, tx *sqldb.Tx, c Change) error {
	var names []string
	if c.Model != nil {
		models, err := selectModels(ctx, tx)
		if err != nil {
			return err
		}
		for _, m := range models {
			if m.Enabled {
				names = append(names, m.Name)
			}
		}
	}
	return c.validate(s.limits, names)
}

// filled reads, and reads again after filling in what Tenantry keeps beside rows
// that a Django process has added since.
func (s *Service) filled(ctx context.Context, scope tenantry.Scope, read func(tx *sqldb.Tx) (complete bool, err error)) error {
	var complete bool
	again := func(tx *sqldb.Tx) (err error) {
		complete, err = read(tx)
		return err
	}
	if err := s.db.As(scope).Read(ctx, again); err != nil || complete {
		return err
	}
	// What a Django process added is completed whoever comes upon it.
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := fillMissing(ctx, tx, s.clock(), s.random, func(int64, int64) {})
		return err
	})
	if err != nil && tenantry.KindOf(err) != tenantry.Conflict { // somebody else filled it in
		return err
	}
	return s.db.As(scope).Read(ctx, again)
}

// FillMissingIn gives every tenant that Django made its public id and status,
// and tells how many it found.
func (s *Service) FillMissingIn(ctx context.Context, tx *sqldb.Tx) (int64, error) {
	return fillMissing(ctx, tx, s.clock(), s.random, func(int64, int64) {})
}

// without drops from a change what is so already.
func (c Change) without(t Tenant) Change {
	drop := func(same bool, p **string) {
		if *p != nil && same {
			*p = nil
		}
	}
	dropInt := func(same bool, p **int64) {
		if *p != nil && same {
			*p = nil
		}
	}
	drop(c.Name != nil && *c.Name == t.Name, &c.Name)
	drop(c.Description != nil && *c.Description == t.Description, &c.Description)
	drop(c.Model != nil && *c.Model == t.Model, &c.Model)
	dropInt(c.MaxAgents != nil && *c.MaxAgents == t.MaxAgents, &c.MaxAgents)
	dropInt(c.MaxDocuments != nil && *c.MaxDocuments == t.MaxDocuments, &c.MaxDocuments)
	dropInt(c.MaxStorageMB != nil && *c.MaxStorageMB == t.MaxStorageMB, &c.MaxStorageMB)
	if c.Configuration != nil && string(*c.Configuration) == string(t.Configuration) {
		c.Configuration = nil
	}
	return c
}

// describe is what the audit keeps of a change: before and after, except for
// texts that may be long or private.
func (c Change) describe(old Tenant) map[string]any {
	detail := map[string]any{}
	pair := func(field string, before, after any) { detail[field] = []any{before, after} }
	if c.Name != nil {
		pair("name", old.Name, *c.Name)
	}
	if c.Model != nil {
		pair("model", old.Model, *c.Model)
	}
	if c.MaxAgents != nil {
		pair("max_agents", old.MaxAgents, *c.MaxAgents)
	}
	if c.MaxDocuments != nil {
		pair("max_documents", old.MaxDocuments, *c.MaxDocuments)
	}
	if c.MaxStorageMB != nil {
		pair("max_storage_mb", old.MaxStorageMB, *c.MaxStorageMB)
	}
	if c.Description != nil {
		detail["description"] = "changed"
	}
	if c.Configuration != nil {
		detail["configuration"] = "changed"
	}
	return detail
}

// nameTaken says what a conflict means to a write of a name, nil if none was
// written.
func nameTaken(err error, name *string) error {
	if name != nil && tenantry.KindOf(err) == tenantry.Conflict {
		return tenantry.NewError(tenantry.Conflict, "tenant.name_taken", "name", *name).Because(err)
	}
	return err
}

func wrongStatus(t Tenant) error {
	return tenantry.NewError(tenantry.Conflict, "tenant.wrong_status", "name", t.Name, "status", t.Status)
}
