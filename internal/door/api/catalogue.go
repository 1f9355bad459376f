package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// Model is an entry of the catalogue of AI models.
type Model struct {
	Name     string `json:"name" doc:"docs.model.name"`
	Label    string `json:"label" doc:"docs.model.label"`
	Provider string `json:"provider" doc:"docs.model.provider"`
	Enabled  bool   `json:"enabled" doc:"docs.model.enabled"`
}

// NewModel is a model to be put into the catalogue.
type NewModel struct {
	Name     string `json:"name" maxLength:"100" doc:"docs.model.name"`
	Label    string `json:"label" maxLength:"255" doc:"docs.model.label"`
	Provider string `json:"provider" maxLength:"50" doc:"docs.model.provider"`
	Enabled  bool   `json:"enabled" doc:"docs.model.enabled"`
}

// ModelFields are what is written of a model.
type ModelFields struct {
	Label    string `json:"label" maxLength:"255" doc:"docs.model.label"`
	Provider string `json:"provider" maxLength:"50" doc:"docs.model.provider"`
	Enabled  bool   `json:"enabled" doc:"docs.model.enabled"`
}

// models adds the catalogue of models. It is short and answered whole, in the
// form of every other list.
func (a *API) models() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/models", OperationID: "listModels", Tags: []string{"models"}, Errors: []int{422}}, a.listModels)
	operationWithBody(a, huma.Operation{Method: http.MethodPost, Path: "/v1/models", OperationID: "addModel", Tags: []string{"models"}, DefaultStatus: http.StatusCreated, Errors: errorsOfWrite}, a.addModel)
	operationWithBody(a, huma.Operation{Method: http.MethodPut, Path: "/v1/models/{name}", OperationID: "replaceModel", Tags: []string{"models"}, Errors: []int{404, 413, 415, 422}}, a.replaceModel)
}

type modelsOutput struct{ Body list[Model] }

func (a *API) listModels(ctx context.Context, _ tenantry.Scope, _ *struct{}) (*modelsOutput, error) {
	found, err := a.Tenants.Models(ctx)
	if err != nil {
		return nil, err
	}
	out := &modelsOutput{list[Model]{Items: []Model{}}}
	for _, m := range found {
		out.Body.Items = append(out.Body.Items, Model{m.Name, m.Label, m.Provider, m.Enabled})
	}
	return out, nil
}

type modelOutput struct{ Body Model }

func (a *API) addModel(ctx context.Context, s tenantry.Scope, _ *IdempotencyKey, body NewModel) (*modelOutput, error) {
	return shownModel(a.Tenants.AddModel(ctx, s, tenant.Model{Name: body.Name, Label: body.Label, Provider: body.Provider, Enabled: body.Enabled}))
}

func (a *API) replaceModel(ctx context.Context, s tenantry.Scope, in *struct {
	Name string `path:"name" maxLength:"100" doc:"docs.model.name"`
}, body ModelFields) (*modelOutput, error) {
	return shownModel(a.Tenants.ReplaceModel(ctx, s, tenant.Model{Name: in.Name, Label: body.Label, Provider: body.Provider, Enabled: body.Enabled}))
}

func shownModel(m tenant.Model, err error) (*modelOutput, error) {
	if err != nil {
		return nil, err
	}
	return &modelOutput{Model{m.Name, m.Label, m.Provider, m.Enabled}}, nil
}
