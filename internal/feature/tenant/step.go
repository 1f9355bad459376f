package tenant

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// What a data migration needs of this room: tenants in order, locked, and work on
// given ones within a transaction of the caller's.

// KeysIn lists the next tenants after one, or the one of only, in the order of their keys.
func (s *Service) KeysIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, after, only tenantry.TenantKey, limit int) ([]tenantry.TenantKey, error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil {
		return nil, err
	}
	return selectKeys(ctx, tx, after, only, limit)
}

// LockIn keeps others from changing or removing some tenants until the transaction
// ends, and tells which of them exist.
func (s *Service) LockIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]bool, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return nil, err
	}
	there := make(map[tenantry.TenantKey]bool, len(tenants))
	if len(tenants) == 0 {
		return there, nil
	}
	found, err := lockAll(ctx, tx, tenants)
	for _, k := range found {
		there[k] = true
	}
	return there, err
}

// Names tells what some tenants are called, of those that exist.
func (s *Service) Names(ctx context.Context, scope tenantry.Scope, tenants []tenantry.TenantKey) (names map[tenantry.TenantKey]string, err error) {
	if err := scope.RequirePlatform(tenantry.TenantsRead); err != nil || len(tenants) == 0 {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		names, err = selectNames(ctx, tx, tenants)
		return err
	})
	return names, err
}

// CountOddConfigurations tells which of some tenants have a configuration that is
// no JSON object, as 1 each.
func (s *Service) CountOddConfigurations(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
	odd, err := selectOddConfigurations(ctx, tx, tenants)
	counts := make(map[tenantry.TenantKey]int64, len(odd))
	for _, o := range odd {
		counts[o.tenant] = 1
	}
	return counts, err
}

// Normalised is a configuration before and after, as the database gives it back.
type Normalised struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// NormaliseConfigurationIn makes a JSON object of the configurations of some tenants
// that are none: nothing and null are {}, and text that holds an object, once or
// several times wrapped, is that object. What is neither is an Invalid. It
// returns what it changed.
func (s *Service) NormaliseConfigurationIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Normalised, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return nil, err
	}
	odd, err := selectOddConfigurations(ctx, tx, tenants)
	if err != nil {
		return nil, err
	}
	changed := make(map[tenantry.TenantKey]Normalised, len(odd))
	for _, o := range odd {
		object, ok := unwrapped(o.text)
		if !ok {
			return nil, tenantry.NewError(tenantry.Invalid, "tenant.configuration_unreadable", "tenant", int64(o.tenant))
		}
		after, err := s.putConfiguration(ctx, tx, scope, o.tenant, object, "tenant.configuration_normalised")
		if err != nil {
			return nil, err
		}
		changed[o.tenant] = Normalised{Before: string(o.text), After: string(after)}
	}
	return changed, nil
}

// RestoreConfigurationIn puts a configuration back as it stood before, and tells
// whether it did: what somebody has changed since is theirs, and stays.
func (s *Service) RestoreConfigurationIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, n Normalised) (bool, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return false, err
	}
	now, err := selectConfiguration(ctx, tx, tenant)
	if err != nil || string(now) != n.After {
		return false, err
	}
	_, err = s.putConfiguration(ctx, tx, scope, tenant, sqldb.JSON(n.Before), "tenant.configuration_restored")
	return err == nil, err
}

func (s *Service) putConfiguration(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, tenant tenantry.TenantKey, text sqldb.JSON, action string) (stored sqldb.JSON, err error) {
	if stored, err = updateConfiguration(ctx, tx, tenant, text, s.clock()); err != nil {
		return nil, err
	}
	return stored, s.audit.Record(ctx, tx, scope, audit.Event{Tenant: tenant, Action: action})
}

// unwrapped finds the object in a text that ought to be one.
func unwrapped(text sqldb.JSON) (sqldb.JSON, bool) {
	const layers = 3 // json.dumps of json.dumps of …
	for range layers {
		text = bytes.TrimSpace(text)
		if len(text) == 0 || string(text) == "null" {
			return sqldb.JSON(`{}`), true
		}
		if _, isObject := text.Object(); isObject {
			return text, storableText(text) && storableNumbers(text)
		}
		var inner string
		if json.Unmarshal(text, &inner) != nil {
			return nil, false
		}
		text = sqldb.JSON(inner)
	}
	_, isObject := text.Object()
	return text, isObject
}
