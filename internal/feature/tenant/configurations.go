package tenant

import (
	"context"
	"encoding/json"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Configurations holds the rules of what tenants configure, type by type. Who
// reads or writes one notices first what a Django process has made of it since,
// and keeps that as a version.
type Configurations struct {
	db    *sqldb.DB
	audit *audit.Log
	clock tenantry.Clock
}

// NewConfigurations makes the service.
func NewConfigurations(db *sqldb.DB, log *audit.Log, clock tenantry.Clock) *Configurations {
	return &Configurations{db: db, audit: log, clock: clock}
}

// List reads one page of what a tenant has configured, in the order of the types.
func (s *Configurations) List(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, page tenantry.Page) (list tenantry.List[Configuration], err error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationRead); err != nil {
		return list, err
	}
	err = s.noticed(ctx, scope, tenant, func(tx *sqldb.Tx, look lookout) error {
		types, err := selectTypes(ctx, tx, tenant, page)
		if err != nil {
			return err
		}
		list = tenantry.List[Configuration]{}
		if limit := page.Clamp(); len(types) > limit {
			types = types[:limit]
			list.NextCursor = types[limit-1]
		}
		for _, name := range types {
			c, err := look(name)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, c)
		}
		return nil
	})
	return list, err
}

// Get reads what is in force.
func (s *Configurations) Get(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string) (c Configuration, err error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationRead); err != nil {
		return Configuration{}, err
	}
	err = s.noticed(ctx, scope, tenant, func(_ *sqldb.Tx, look lookout) error {
		c, err = look(name)
		return err
	})
	if err == nil && c.Data == nil {
		err = noConfiguration()
	}
	return c, err
}

// Put writes what is to be in force. It must be valid by the type's schema, if
// there is one. ifMatch is the ETag that the caller read, or "" not to care.
func (s *Configurations) Put(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, data sqldb.JSON, note, ifMatch string) (c Configuration, err error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationWrite); err != nil {
		return Configuration{}, err
	}
	if err := validateDocument("data", data); err != nil {
		return Configuration{}, err
	}
	if err := validateNote(note); err != nil {
		return Configuration{}, err
	}
	return s.alter(ctx, scope, tenant, name, ifMatch, func(tx *sqldb.Tx, old Configuration) (Configuration, error) {
		return s.put(ctx, tx, scope, tenant, old, data, note, nil)
	})
}

// Delete takes away what is in force. Its versions stay.
func (s *Configurations) Delete(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name, ifMatch string) error {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationWrite); err != nil {
		return err
	}
	_, err := s.alter(ctx, scope, tenant, name, ifMatch, func(tx *sqldb.Tx, old Configuration) (Configuration, error) {
		switch {
		case old.Data == nil:
			return old, noConfiguration()
		case old.Rows > 1: // an older one would come into force
			return old, tenantry.NewError(tenantry.Conflict, "configuration.several_rows", "type", name, "count", old.Rows)
		}
		if err := deleteConfiguration(ctx, tx, tenant, name); err != nil {
			return old, err
		}
		next, err := s.keep(ctx, tx, tenant, old, nil, scope.Actor().Name, "")
		if err != nil {
			return old, err
		}
		return next, s.record(ctx, tx, scope, tenant, "configuration.deleted", next, nil)
	})
	return err
}

// History reads one page of the versions of a type, newest first.
func (s *Configurations) History(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, page tenantry.Page) (list tenantry.List[Configuration], err error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationRead); err != nil {
		return list, err
	}
	var before int64
	if page.Cursor != "" && (json.Unmarshal([]byte(page.Cursor), &before) != nil || before < 1) {
		return list, tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
	}
	err = s.noticed(ctx, scope, tenant, func(tx *sqldb.Tx, look lookout) error {
		c, err := look(name)
		if err != nil {
			return err
		}
		if c.Version == 0 {
			return noConfiguration()
		}
		list = tenantry.List[Configuration]{}
		list.Items, err = selectVersions(ctx, tx, tenant, name, before, page.Clamp()+1)
		if limit := page.Clamp(); err == nil && len(list.Items) > limit {
			list.Items = list.Items[:limit]
			cursor, err := json.Marshal(list.Items[limit-1].Version)
			if err != nil {
				return err
			}
			list.NextCursor = string(cursor)
		}
		return err
	})
	return list, err
}

// Version reads what was in force once. Its Data is nil if that was nothing.
func (s *Configurations) Version(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, version int64) (c Configuration, err error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationRead); err != nil {
		return Configuration{}, err
	}
	err = s.noticed(ctx, scope, tenant, func(tx *sqldb.Tx, look lookout) error {
		if _, err := look(name); err != nil {
			return err
		}
		c, err = selectVersion(ctx, tx, tenant, name, version)
		return err
	})
	return c, err
}

// Diff tells what leads from one version to another.
func (s *Configurations) Diff(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, from, to int64) ([]Difference, error) {
	older, err := s.Version(ctx, scope, tenant, name, from)
	if err != nil {
		return nil, err
	}
	newer, err := s.Version(ctx, scope, tenant, name, to)
	if err != nil {
		return nil, err
	}
	return differences(older.Data, newer.Data)
}

// RollBack puts into force again what a version says, as a new version.
func (s *Configurations) RollBack(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name string, version int64, note, ifMatch string) (Configuration, error) {
	if err := scope.RequireIn(tenant, tenantry.ConfigurationWrite); err != nil {
		return Configuration{}, err
	}
	if err := validateNote(note); err != nil {
		return Configuration{}, err
	}
	return s.alter(ctx, scope, tenant, name, ifMatch, func(tx *sqldb.Tx, old Configuration) (Configuration, error) {
		then, err := selectVersion(ctx, tx, tenant, name, version)
		if err != nil {
			return old, err
		}
		if then.Data == nil {
			return old, tenantry.NewError(tenantry.Conflict, "configuration.was_deleted", "type", name, "version", version)
		}
		return s.put(ctx, tx, scope, tenant, old, then.Data, note, map[string]any{"rolled_back_to": version})
	})
}

func (s *Configurations) put(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, old Configuration,
	data sqldb.JSON, note string, detail map[string]any) (Configuration, error) {
	if sameDocument(old.Data, data) {
		return old, nil
	}
	if old.Rows == 0 { // what Django has named may go on under its name
		if err := validateType(old.Type); err != nil {
			return old, err
		}
	}
	if err := s.judge(ctx, tx, old.Type, data); err != nil {
		return old, err
	}
	stored, err := upsertConfiguration(ctx, tx, tenant, old, data)
	if err != nil {
		return old, err
	}
	next, err := s.keep(ctx, tx, tenant, old, stored, scope.Actor().Name, note)
	if err != nil {
		return old, err
	}
	return next, s.record(ctx, tx, scope, tenant, "configuration.changed", next, detail)
}

// alter is the shape of every change: lock the tenant, notice what Django has done,
// is it still what the caller saw, do.
func (s *Configurations) alter(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, name, ifMatch string,
	do func(tx *sqldb.Tx, old Configuration) (Configuration, error)) (c Configuration, err error) {
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, tenant); err != nil {
			return err
		}
		old, seen, err := selectInForce(ctx, tx, tenant, name)
		if err != nil {
			return err
		}
		if !seen {
			if old, err = s.keep(ctx, tx, tenant, old, old.Data, Elsewhere, ""); err != nil {
				return err
			}
		}
		if ifMatch != "" && (old.Data == nil || ifMatch != "*" && ifMatch != old.ETag()) {
			return tenantry.NewError(tenantry.Stale, "configuration.stale")
		}
		c, err = do(tx, old)
		return err
	})
	return c, err
}

// lookout reads a configuration and notes whether its newest version is what is in
// force.
type lookout func(name string) (Configuration, error)

// noticed reads, and reads again after keeping as versions what Django wrote
// meanwhile.
func (s *Configurations) noticed(ctx context.Context, scope tenantry.Scope, tenant tenantry.TenantKey, read func(tx *sqldb.Tx, look lookout) error) error {
	var behind []string
	err := s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		behind = behind[:0]
		return read(tx, func(name string) (Configuration, error) {
			c, seen, err := selectInForce(ctx, tx, tenant, name)
			if !seen && err == nil {
				behind = append(behind, name)
			}
			return c, err
		})
	})
	if len(behind) == 0 {
		return err
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, tenant); err != nil {
			return err
		}
		return read(tx, func(name string) (Configuration, error) {
			c, seen, err := selectInForce(ctx, tx, tenant, name)
			if !seen && err == nil {
				c, err = s.keep(ctx, tx, tenant, c, c.Data, Elsewhere, "")
			}
			return c, err
		})
	})
}

// keep writes the version after an old one.
func (s *Configurations) keep(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, old Configuration, data sqldb.JSON, by, note string) (Configuration, error) {
	next := Configuration{Type: old.Type, Version: old.Version + 1, Data: data, ChangedAt: s.clock(), ChangedBy: by, Note: note, Rows: max(old.Rows, 1)}
	if data == nil {
		next.Rows = 0
	}
	return next, insertVersion(ctx, tx, tenant, next)
}

func (s *Configurations) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, action string, c Configuration, detail map[string]any) error {
	all := map[string]any{"type": c.Type, "version": c.Version}
	for name, value := range detail {
		all[name] = value
	}
	return s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: action, Subject: c.Type, Detail: all})
}
