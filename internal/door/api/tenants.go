package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

// Tenant is a tenant as the API shows it.
type Tenant struct {
	ID            tenantry.TenantID `json:"id" doc:"docs.tenant.id"`
	Name          string            `json:"name" doc:"docs.tenant.name"`
	Description   string            `json:"description" doc:"docs.tenant.description"`
	Status        tenant.Status     `json:"status" enum:"pending,active,suspended,quarantined,deleting" doc:"docs.tenant.status"`
	StatusReason  string            `json:"status_reason" doc:"docs.tenant.status_reason"`
	StatusAt      time.Time         `json:"status_at" doc:"docs.tenant.status_at"`
	Model         string            `json:"model" doc:"docs.tenant.model"`
	Configuration storedJSON        `json:"configuration" doc:"docs.tenant.configuration"`
	MaxAgents     int64             `json:"max_agents" doc:"docs.tenant.max_agents"`
	MaxDocuments  int64             `json:"max_documents" doc:"docs.tenant.max_documents"`
	MaxStorageMB  int64             `json:"max_storage_mb" doc:"docs.tenant.max_storage_mb"`
	HasAIToken    bool              `json:"has_ai_token" doc:"docs.tenant.has_ai_token"`
	HasCWUToken   bool              `json:"has_cwu_token" doc:"docs.tenant.has_cwu_token"`
	ApprovedAt    *time.Time        `json:"approved_at" doc:"docs.tenant.approved_at"`
	ApprovedBy    string            `json:"approved_by" doc:"docs.tenant.approved_by"`
	DeleteAfter   *time.Time        `json:"delete_after" doc:"docs.tenant.delete_after"`
	CreatedAt     time.Time         `json:"created_at" doc:"docs.created_at"`
	UpdatedAt     time.Time         `json:"updated_at" doc:"docs.updated_at"`
}

func tenantOf(t tenant.Tenant) Tenant {
	return Tenant{
		ID: t.ID, Name: t.Name, Description: t.Description,
		Status: t.Status, StatusReason: t.StatusReason, StatusAt: t.StatusAt,
		Model: t.Model, Configuration: storedJSON(t.Configuration),
		MaxAgents: t.MaxAgents, MaxDocuments: t.MaxDocuments, MaxStorageMB: t.MaxStorageMB,
		HasAIToken: t.HasAIToken, HasCWUToken: t.HasCWUToken,
		ApprovedAt: t.ApprovedAt, ApprovedBy: t.ApprovedBy, DeleteAfter: t.DeleteAfter,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// NewTenant is a tenant to be made, with its first administrator if wanted.
type NewTenant struct {
	Name          string      `json:"name" maxLength:"255" doc:"docs.tenant.name"`
	Description   string      `json:"description,omitempty" maxLength:"10000" doc:"docs.tenant.description"`
	Model         string      `json:"model,omitempty" doc:"docs.new_tenant.model"`
	Configuration *jsonObject `json:"configuration,omitempty" doc:"docs.tenant.configuration"`
	MaxAgents     *int64      `json:"max_agents,omitempty" minimum:"0" doc:"docs.tenant.max_agents"`
	MaxDocuments  *int64      `json:"max_documents,omitempty" minimum:"0" doc:"docs.tenant.max_documents"`
	MaxStorageMB  *int64      `json:"max_storage_mb,omitempty" minimum:"0" doc:"docs.tenant.max_storage_mb"`
	Admin         *NewAdmin   `json:"admin,omitempty" doc:"docs.new_tenant.admin"`
}

// NewAdmin is a tenant's first administrator.
type NewAdmin struct {
	Username  string `json:"username" maxLength:"150" doc:"docs.user.username"`
	Email     string `json:"email,omitempty" maxLength:"254" doc:"docs.user.email"`
	Password  string `json:"password,omitempty" doc:"docs.new_tenant.password"`
	FirstName string `json:"first_name,omitempty" maxLength:"150" doc:"docs.user.first_name"`
	LastName  string `json:"last_name,omitempty" maxLength:"150" doc:"docs.user.last_name"`
}

// OnboardedTenant is a tenant just made. Its tokens are shown this once.
type OnboardedTenant struct {
	Tenant Tenant `json:"tenant" doc:"docs.onboarded.tenant"`
	Admin  *User  `json:"admin,omitempty" doc:"docs.onboarded.admin"`
	Tokens Tokens `json:"tokens" doc:"docs.onboarded.tokens"`
}

// Tokens are both tokens of a tenant, in clear.
type Tokens struct {
	AI  string `json:"ai" doc:"docs.tokens.ai"`
	CWU string `json:"cwu" doc:"docs.tokens.cwu"`
}

// TenantChange is what to write of a tenant; what is left out stays.
type TenantChange struct {
	Name          *string     `json:"name,omitempty" maxLength:"255" doc:"docs.tenant.name"`
	Description   *string     `json:"description,omitempty" maxLength:"10000" doc:"docs.tenant.description"`
	Model         *string     `json:"model,omitempty" doc:"docs.tenant.model"`
	Configuration *jsonObject `json:"configuration,omitempty" doc:"docs.tenant.configuration"`
	MaxAgents     *int64      `json:"max_agents,omitempty" minimum:"0" doc:"docs.tenant.max_agents"`
	MaxDocuments  *int64      `json:"max_documents,omitempty" minimum:"0" doc:"docs.tenant.max_documents"`
	MaxStorageMB  *int64      `json:"max_storage_mb,omitempty" minimum:"0" doc:"docs.tenant.max_storage_mb"`
}

// Suspension says why a tenant is stopped.
type Suspension struct {
	Reason string `json:"reason" maxLength:"1000" doc:"docs.suspension.reason"`
}

// TenantPath is the id in a path. huma looks into embedded structs only if their
// names are exported.
type TenantPath struct {
	ID string `path:"id" example:"tnt_01jd3v8y7aexkrq0z5c9m4t2wb" doc:"docs.param.tenant_id"`
}

// IfMatching is the condition of a write.
type IfMatching struct {
	IfMatch string `header:"If-Match" doc:"docs.param.if_match"`
}

type tenantOutput struct {
	ETag string `header:"ETag" doc:"docs.header.etag"`
	Body Tenant
}

// tenants adds the operations on tenants.
func (a *API) tenants() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants", OperationID: "listTenants", Tags: tagTenants, Errors: []int{422}}, a.listTenants)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants", OperationID: "createTenant", Tags: tagTenants, DefaultStatus: http.StatusCreated, Errors: errorsOfWrite}, a.createTenant)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}", OperationID: "getTenant", Tags: tagTenants, Errors: []int{404}}, a.getTenant)
	operationWithBody(a, huma.Operation{Method: http.MethodPatch, Path: "/v1/tenants/{id}", OperationID: "updateTenant", Tags: tagTenants, Errors: []int{404, 409, 412, 413, 415, 422}}, a.updateTenant)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: "/v1/tenants/{id}", OperationID: "deleteTenant", Tags: tagTenants, DefaultStatus: http.StatusAccepted, Errors: []int{404, 412}}, a.deleteTenant)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}:suspend", OperationID: "suspendTenant", Tags: tagTenants, Errors: errorsOfVerb}, a.suspendTenant)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}:activate", OperationID: "activateTenant", Tags: tagTenants, Errors: errorsOfVerb}, a.activateTenant)
	operation(a, huma.Operation{Method: http.MethodPost, Path: "/v1/tenants/{id}:approve", OperationID: "approveTenant", Tags: tagTenants, Errors: errorsOfVerb}, a.approveTenant)
}

var (
	tagTenants    = []string{"tenants"}
	errorsOfWrite = []int{409, 413, 415, 422}
	errorsOfVerb  = []int{404, 409, 413, 415, 422}
)

type tenantsInput struct {
	PageInput
	Search string        `query:"search" maxLength:"255" doc:"docs.param.tenant_search"`
	Status tenant.Status `query:"status" enum:"pending,active,suspended,quarantined,deleting" doc:"docs.param.status"`
	Model  string        `query:"model" maxLength:"100" doc:"docs.param.model"`
	Sort   tenant.Sort   `query:"sort" enum:"-created,name" doc:"docs.param.tenant_sort"`
}

type tenantsOutput struct{ Body list[Tenant] }

func (a *API) listTenants(ctx context.Context, s tenantry.Scope, in *tenantsInput) (*tenantsOutput, error) {
	page, err := a.open(s, in.PageInput, "tenants", string(in.Sort))
	if err != nil {
		return nil, err
	}
	found, err := a.Tenants.List(ctx, s, tenant.Query{Search: in.Search, Status: in.Status, Model: in.Model, Sort: in.Sort, Page: page})
	if err != nil {
		return nil, err
	}
	return &tenantsOutput{shownList(a, s, found, tenantOf, "tenants", string(in.Sort))}, nil
}

type onboardedOutput struct {
	Location string `header:"Location" doc:"docs.header.location"`
	ETag     string `header:"ETag" doc:"docs.header.etag"`
	Body     OnboardedTenant
}

func (a *API) createTenant(ctx context.Context, s tenantry.Scope, _ *IdempotencyKey, body NewTenant) (*onboardedOutput, error) {
	request := onboard.Request{Tenant: tenant.Draft{
		Name: body.Name, Description: body.Description, Model: body.Model, Configuration: body.Configuration.stored(),
		MaxAgents: body.MaxAgents, MaxDocuments: body.MaxDocuments, MaxStorageMB: body.MaxStorageMB,
	}}
	if b := body.Admin; b != nil {
		request.Admin = &user.Draft{Username: b.Username, Email: b.Email, Password: tenantry.NewSecret(b.Password), FirstName: b.FirstName, LastName: b.LastName}
	}
	made, err := a.Onboard.Run(ctx, s, request)
	if err != nil {
		return nil, err
	}
	out := &onboardedOutput{Location: "/v1/tenants/" + made.Tenant.ID.String(), ETag: made.Tenant.ETag()}
	out.Body = OnboardedTenant{Tenant: tenantOf(made.Tenant), Tokens: Tokens{AI: made.Tokens.AI.Reveal(), CWU: made.Tokens.CWU.Reveal()}}
	if made.Admin != nil {
		admin := userOf(*made.Admin, map[tenantry.TenantKey]tenantry.TenantID{made.Tenant.Key: made.Tenant.ID})
		out.Body.Admin = &admin
	}
	return out, nil
}

func (a *API) getTenant(ctx context.Context, s tenantry.Scope, in *TenantPath) (*tenantOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return shown(a.Tenants.Get(ctx, s, ref))
}

func (a *API) updateTenant(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	IfMatching
}, body TenantChange) (*tenantOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	change := tenant.Change{Name: body.Name, Description: body.Description, Model: body.Model,
		MaxAgents: body.MaxAgents, MaxDocuments: body.MaxDocuments, MaxStorageMB: body.MaxStorageMB}
	if body.Configuration != nil {
		configuration := body.Configuration.stored()
		change.Configuration = &configuration
	}
	return shown(a.Tenants.Update(ctx, s, ref, change, in.IfMatch))
}

func (a *API) deleteTenant(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	IfMatching
}) (*tenantOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return shown(a.Tenants.Delete(ctx, s, ref, in.IfMatch))
}

type verbInput struct {
	TenantPath
	IdempotencyKey
}

func (a *API) suspendTenant(ctx context.Context, s tenantry.Scope, in *verbInput, body Suspension) (*tenantOutput, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return shown(a.Tenants.Suspend(ctx, s, ref, body.Reason))
}

func (a *API) activateTenant(ctx context.Context, s tenantry.Scope, in *verbInput) (*tenantOutput, error) {
	ref, err := in.refOfBareVerb(ctx)
	if err != nil {
		return nil, err
	}
	return shown(a.Tenants.Activate(ctx, s, ref))
}

func (a *API) approveTenant(ctx context.Context, s tenantry.Scope, in *verbInput) (*tenantOutput, error) {
	ref, err := in.refOfBareVerb(ctx)
	if err != nil {
		return nil, err
	}
	return shown(a.Tenants.Approve(ctx, s, ref))
}

func shown(t tenant.Tenant, err error) (*tenantOutput, error) {
	if err != nil {
		return nil, err
	}
	return &tenantOutput{ETag: t.ETag(), Body: tenantOf(t)}, nil
}

// ref reads the id of the path. Only a public id is one here, and what cannot be
// one is missing like any other.
func (p TenantPath) ref() (tenant.Ref, error) {
	id, err := tenantry.ParseTenantID(p.ID)
	if err != nil {
		return tenant.Ref{}, tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	}
	return tenant.ByID(id), nil
}

// storedJSON is whatever JSON Django has stored.
type storedJSON sqldb.JSON

func (j storedJSON) MarshalJSON() ([]byte, error)    { return sqldb.JSON(j).MarshalJSON() }
func (storedJSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// jsonObject is a JSON object in a request, with its text as it came: numbers
// keep every digit.
type jsonObject json.RawMessage

func (j *jsonObject) UnmarshalJSON(b []byte) error {
	*j = append((*j)[:0], b...)
	return nil
}

func (jsonObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

func (j *jsonObject) stored() sqldb.JSON {
	if j == nil {
		return nil
	}
	return sqldb.JSON(*j)
}

// refOfBareVerb is ref for a verb that takes no body; {} is none.
func (in *verbInput) refOfBareVerb(ctx context.Context) (tenant.Ref, error) {
	if err := noBody(ctx); err != nil {
		return tenant.Ref{}, err
	}
	return in.ref()
}
