package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// Configuration is what a tenant has configured of one type, or had in a version.
type Configuration struct {
	Type      string     `json:"type" doc:"docs.configuration.type"`
	Version   int64      `json:"version" doc:"docs.configuration.version"`
	Data      storedJSON `json:"data" doc:"docs.configuration.data"`
	ChangedAt time.Time  `json:"changed_at" doc:"docs.configuration.changed_at"`
	ChangedBy string     `json:"changed_by" doc:"docs.configuration.changed_by"`
	Note      string     `json:"note" doc:"docs.configuration.note"`
}

func configurationOf(c tenant.Configuration) Configuration {
	return Configuration{Type: c.Type, Version: c.Version, Data: storedJSON(c.Data), ChangedAt: c.ChangedAt, ChangedBy: c.ChangedBy, Note: c.Note}
}

// NewConfiguration is what is to be in force.
type NewConfiguration struct {
	Data *jsonObject `json:"data" doc:"docs.configuration.data"`
	Note string      `json:"note,omitempty" maxLength:"1000" doc:"docs.configuration.note"`
}

// RollBack says which version is to be in force again.
type RollBack struct {
	Version int64  `json:"version" minimum:"1" doc:"docs.configuration.version"`
	Note    string `json:"note,omitempty" maxLength:"1000" doc:"docs.configuration.note"`
}

// Difference is one step between two versions.
type Difference struct {
	Path string     `json:"path" doc:"docs.difference.path"`
	Op   string     `json:"op" enum:"add,remove,replace" doc:"docs.difference.op"`
	From storedJSON `json:"from,omitempty" doc:"docs.difference.from"`
	To   storedJSON `json:"to,omitempty" doc:"docs.difference.to"`
}

// ConfigurationPath names a type in a tenant.
type ConfigurationPath struct {
	TenantPath
	Type string `path:"type" maxLength:"50" doc:"docs.configuration.type"`
}

// configurations adds the operations on what tenants configure.
func (a *API) configurations() {
	tag := []string{"configurations"}
	const all, one = "/v1/tenants/{id}/configurations", "/v1/tenants/{id}/configurations/{type}"
	operation(a, huma.Operation{Method: http.MethodGet, Path: all, OperationID: "listConfigurations", Tags: tag, Errors: []int{404, 422}}, a.listConfigurations)
	operation(a, huma.Operation{Method: http.MethodGet, Path: one, OperationID: "getConfiguration", Tags: tag, Errors: []int{404, 422}}, a.getConfiguration)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: one, OperationID: "putConfiguration", Tags: tag, Errors: []int{404, 412, 413, 415, 422}}, a.putConfiguration)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: one, OperationID: "deleteConfiguration", Tags: tag, DefaultStatus: http.StatusNoContent, Errors: []int{404, 409, 412, 422}}, a.deleteConfiguration)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: one + ":rollback", OperationID: "rollBackConfiguration", Tags: tag, Errors: []int{404, 409, 412, 413, 415, 422}}, a.rollBackConfiguration)
	operation(a, huma.Operation{Method: http.MethodGet, Path: one + "/versions", OperationID: "listConfigurationVersions", Tags: tag, Errors: []int{404, 422}}, a.listConfigurationVersions)
	operation(a, huma.Operation{Method: http.MethodGet, Path: one + "/versions/{version}", OperationID: "getConfigurationVersion", Tags: tag, Errors: []int{404, 422}}, a.getConfigurationVersion)
	operation(a, huma.Operation{Method: http.MethodGet, Path: one + "/diff", OperationID: "diffConfiguration", Tags: tag, Errors: []int{404, 422}}, a.diffConfiguration)
	a.configurationSchemas()
}

type (
	configurationOutput struct {
		ETag string `header:"ETag" doc:"docs.header.etag"`
		Body Configuration
	}
	configurationsOutput struct{ Body list[Configuration] }
)

func shownConfiguration(c tenant.Configuration, err error) (*configurationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &configurationOutput{ETag: c.ETag(), Body: configurationOf(c)}, nil
}

func (a *API) shownConfigurations(s tenantry.Scope, found tenantry.List[tenant.Configuration], place ...string) *configurationsOutput {
	return &configurationsOutput{shownList(a, s, found, configurationOf, place...)}
}

func (a *API) listConfigurations(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	PageInput
}) (*configurationsOutput, error) {
	page, err := a.open(s, in.PageInput, "configurations", in.ID)
	if err != nil {
		return nil, err
	}
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Configurations.List(ctx, s, t.Key, page)
	if err != nil {
		return nil, err
	}
	return a.shownConfigurations(s, found, "configurations", in.ID), nil
}

func (a *API) getConfiguration(ctx context.Context, s tenantry.Scope, in *ConfigurationPath) (*configurationOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return shownConfiguration(a.Configurations.Get(ctx, s, t.Key, in.Type))
}

func (a *API) putConfiguration(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	IfMatching
}, body NewConfiguration) (*configurationOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return shownConfiguration(a.Configurations.Put(ctx, s, t.Key, in.Type, body.Data.stored(), body.Note, in.IfMatch))
}

func (a *API) deleteConfiguration(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	IfMatching
}) (*struct{}, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.Configurations.Delete(ctx, s, t.Key, in.Type, in.IfMatch)
}

func (a *API) rollBackConfiguration(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	IfMatching
	IdempotencyKey
}, body RollBack) (*configurationOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return shownConfiguration(a.Configurations.RollBack(ctx, s, t.Key, in.Type, body.Version, body.Note, in.IfMatch))
}

func (a *API) listConfigurationVersions(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	PageInput
}) (*configurationsOutput, error) {
	page, err := a.open(s, in.PageInput, "configuration-versions", in.ID, in.Type)
	if err != nil {
		return nil, err
	}
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Configurations.History(ctx, s, t.Key, in.Type, page)
	if err != nil {
		return nil, err
	}
	return a.shownConfigurations(s, found, "configuration-versions", in.ID, in.Type), nil
}

func (a *API) getConfigurationVersion(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	Version int64 `path:"version" minimum:"1" doc:"docs.configuration.version"`
}) (*configurationOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return shownConfiguration(a.Configurations.Version(ctx, s, t.Key, in.Type, in.Version))
}

type differencesOutput struct{ Body list[Difference] }

func (a *API) diffConfiguration(ctx context.Context, s tenantry.Scope, in *struct {
	ConfigurationPath
	From int64 `query:"from" required:"true" minimum:"1" doc:"docs.param.diff_from"`
	To   int64 `query:"to" required:"true" minimum:"1" doc:"docs.param.diff_to"`
}) (*differencesOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Configurations.Diff(ctx, s, t.Key, in.Type, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := &differencesOutput{list[Difference]{Items: []Difference{}}}
	for _, d := range found {
		out.Body.Items = append(out.Body.Items, Difference{Path: d.Path, Op: d.Op, From: storedJSON(d.From), To: storedJSON(d.To)})
	}
	return out, nil
}

// ConfigurationSchema is by what configurations of a type are judged.
type ConfigurationSchema struct {
	Type      string     `json:"type" doc:"docs.configuration.type"`
	Schema    storedJSON `json:"schema" doc:"docs.configuration.schema"`
	UpdatedAt time.Time  `json:"updated_at" doc:"docs.updated_at"`
	UpdatedBy string     `json:"updated_by" doc:"docs.configuration.changed_by"`
}

func schemaDocument(c tenant.ConfigurationSchema) ConfigurationSchema {
	return ConfigurationSchema{Type: c.Type, Schema: storedJSON(c.Schema), UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy}
}

// NewConfigurationSchema is a schema to be set.
type NewConfigurationSchema struct {
	Schema *jsonObject `json:"schema" doc:"docs.configuration.schema"`
}

// TypePath names a type of configuration in a path.
type TypePath struct {
	Type string `path:"type" maxLength:"50" doc:"docs.configuration.type"`
}

func (a *API) configurationSchemas() {
	tag := []string{"configurations"}
	const all, one = "/v1/configuration-schemas", "/v1/configuration-schemas/{type}"
	operation(a, huma.Operation{Method: http.MethodGet, Path: all, OperationID: "listConfigurationSchemas", Tags: tag, Errors: []int{422}}, a.listConfigurationSchemas)
	operation(a, huma.Operation{Method: http.MethodGet, Path: one, OperationID: "getConfigurationSchema", Tags: tag, Errors: []int{404, 422}}, a.getConfigurationSchema)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: one, OperationID: "putConfigurationSchema", Tags: tag, Errors: []int{413, 415, 422}}, a.putConfigurationSchema)
	operation(a, huma.Operation{Method: http.MethodDelete, Path: one, OperationID: "deleteConfigurationSchema", Tags: tag, DefaultStatus: http.StatusNoContent, Errors: []int{404, 422}}, a.deleteConfigurationSchema)
}

type (
	schemaOutput  struct{ Body ConfigurationSchema }
	schemasOutput struct{ Body list[ConfigurationSchema] }
)

func (a *API) listConfigurationSchemas(ctx context.Context, s tenantry.Scope, _ *struct{}) (*schemasOutput, error) {
	found, err := a.Configurations.Schemas(ctx, s)
	if err != nil {
		return nil, err
	}
	out := &schemasOutput{list[ConfigurationSchema]{Items: []ConfigurationSchema{}}}
	for _, c := range found {
		out.Body.Items = append(out.Body.Items, schemaDocument(c))
	}
	return out, nil
}

func (a *API) getConfigurationSchema(ctx context.Context, s tenantry.Scope, in *TypePath) (*schemaOutput, error) {
	c, err := a.Configurations.Schema(ctx, s, in.Type)
	if err != nil {
		return nil, err
	}
	return &schemaOutput{schemaDocument(c)}, nil
}

func (a *API) putConfigurationSchema(ctx context.Context, s tenantry.Scope, in *TypePath, body NewConfigurationSchema) (*schemaOutput, error) {
	c, err := a.Configurations.PutSchema(ctx, s, in.Type, body.Schema.stored())
	if err != nil {
		return nil, err
	}
	return &schemaOutput{schemaDocument(c)}, nil
}

func (a *API) deleteConfigurationSchema(ctx context.Context, s tenantry.Scope, in *TypePath) (*struct{}, error) {
	return nil, a.Configurations.DeleteSchema(ctx, s, in.Type)
}
