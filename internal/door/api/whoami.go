package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// WhoAmI is what a credential stands for.
type WhoAmI struct {
	Actor       Actor                 `json:"actor" doc:"docs.whoami.actor"`
	Tenant      *tenantry.TenantID    `json:"tenant" doc:"docs.whoami.tenant"`
	Permissions []tenantry.Permission `json:"permissions" nullable:"false" doc:"docs.whoami.permissions"`
}

// Actor is who acts, as the audit records it.
type Actor struct {
	Kind string `json:"kind" doc:"docs.actor.kind"`
	ID   string `json:"id" doc:"docs.actor.id"`
	Name string `json:"name" doc:"docs.actor.name"`
}

// whoami adds the operation by which a caller sees who they are.
func (a *API) whoami() {
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/whoami", OperationID: "whoAmI", Tags: []string{"access"}, Errors: []int{422}}, a.whoAmI)
}

type whoAmIOutput struct{ Body WhoAmI }

func (a *API) whoAmI(ctx context.Context, s tenantry.Scope, _ *struct{}) (*whoAmIOutput, error) {
	actor := s.Actor()
	out := &whoAmIOutput{WhoAmI{Actor: Actor{actor.Kind, actor.ID, actor.Name}, Permissions: s.Permissions()}}
	if s.Tenant() != 0 {
		_, id, err := a.Tenants.Locate(ctx, s, tenant.ByKey(s.Tenant()))
		if err != nil {
			return nil, err
		}
		out.Body.Tenant = &id
	}
	return out, nil
}
