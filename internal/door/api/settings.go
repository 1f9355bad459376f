package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
)

// Setting is one setting of the program as it is in force. Secrets stay hidden.
type Setting struct {
	Key    string `json:"key" doc:"docs.setting.key"`
	Value  string `json:"value" doc:"docs.setting.value"`
	Source string `json:"source" doc:"docs.setting.source"`
	Where  string `json:"where" doc:"docs.setting.where"`
	Doc    string `json:"doc" doc:"docs.setting.doc"`
}

// settings adds the settings of the program, for operators.
func (a *API) settings() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/settings", OperationID: "listSettings", Tags: []string{"settings"}, Errors: []int{422}}, a.listSettings)
}

type settingsOutput struct{ Body list[Setting] }

func (a *API) listSettings(_ context.Context, s tenantry.Scope, _ *struct{}) (*settingsOutput, error) {
	found, err := a.Settings(s)
	if err != nil {
		return nil, err
	}
	out := &settingsOutput{list[Setting]{Items: []Setting{}}}
	for _, e := range found {
		out.Body.Items = append(out.Body.Items, Setting{Key: e.Key, Value: e.Value, Source: string(e.Source), Where: e.Where, Doc: e.Doc})
	}
	return out, nil
}
