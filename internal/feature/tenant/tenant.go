// Package tenant is the room of tenants: what one is, who may change it, and the
// course of its life from request to removal. It owns Django's tables
// tenants_tenantmodel and tenants_tenantconfigurationmodel and, beside them,
// tenantry_tenant, the model catalogue tenantry_model, and the versions and schemas
// of configurations. The tokens that stand
// in Django's row belong to room token, the people to room user.
package tenant

import (
	"strconv"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Tenant is one customer of the platform.
type Tenant struct {
	Key           tenantry.TenantKey
	ID            tenantry.TenantID
	Name          string
	Description   string
	Model         string     // a name in the catalogue when written; whatever Django stored when read
	Configuration sqldb.JSON // an object when written; any JSON when read
	MaxAgents     int64
	MaxDocuments  int64
	MaxStorageMB  int64
	HasAIToken    bool
	HasCWUToken   bool
	Status        Status
	StatusReason  string
	StatusAt      time.Time
	ApprovedAt    *time.Time
	ApprovedBy    string
	DeleteAfter   *time.Time // for Deleting: when it may be removed for good
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Status is where a tenant is in its life.
type Status string

const (
	Active      Status = "active"
	Pending     Status = "pending"     // asked for, not yet approved
	Suspended   Status = "suspended"   // Django's is_active = false
	Deleting    Status = "deleting"    // removed for good once DeleteAfter has passed
	Quarantined Status = "quarantined" // the seed's tenant "default": holds people nobody has placed yet
)

// Statuses lists every status, in the order of a tenant's life.
func Statuses() []Status { return []Status{Pending, Active, Suspended, Quarantined, Deleting} }

// ETag tells whether two readings of a tenant are of the same state. It is made
// of everything that can be written rather than of a counter, because a Django
// process may write the row as well and counts nothing.
func (t Tenant) ETag() string {
	return tenantry.ETag(t.Name, t.Description, t.Model, string(t.Configuration), t.MaxAgents, t.MaxDocuments, t.MaxStorageMB,
		t.HasAIToken, t.HasCWUToken, t.Status, t.StatusReason, t.UpdatedAt.UnixMicro())
}

// Ref names a tenant as people do at the command line: by Django's integer, by
// public id or by name.
type Ref struct {
	key  tenantry.TenantKey
	id   tenantry.TenantID
	name string
}

// ByKey, ByID and ByName name a tenant in one way.
func ByKey(k tenantry.TenantKey) Ref { return Ref{key: k} }
func ByID(id tenantry.TenantID) Ref  { return Ref{id: id} }
func ByName(name string) Ref         { return Ref{name: name} }

// ParseRef reads what somebody typed. A number is a key and something that
// looks like a public id is one; everything else is a name.
func ParseRef(text string) (Ref, error) {
	if key, err := strconv.ParseInt(text, 10, 64); err == nil {
		if key <= 0 {
			return Ref{}, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
		}
		return ByKey(tenantry.TenantKey(key)), nil
	}
	if strings.HasPrefix(text, "tnt_") {
		id, err := tenantry.ParseTenantID(text)
		return ByID(id), err
	}
	if text == "" || len(text) > 4*nameLength || !printable(text, false) {
		return Ref{}, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	}
	return ByName(text), nil
}
