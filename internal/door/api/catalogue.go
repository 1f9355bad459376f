package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
)

// Model is an entry of the catalogue of AI models.
type Model struct {
	Name     string `json:"name" doc:"docs.model.name"`
	Label    string `json:"label" doc:"docs.model.label"`
	Provider string `json:"provider" doc:"docs.model.provider"`
	Enabled  bool   `json:"enabled" doc:"docs.model.enabled"`
}

// models adds the catalogue of models. It is short and answered whole, in the
// form of every other list.
func (a *API) models() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/models", OperationID: "listModels", Tags: []string{"models"}, Errors: []int{422}}, a.listModels)
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
