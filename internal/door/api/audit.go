package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Event is one act on record.
type Event struct {
	ID      tenantry.EventID `json:"id" doc:"docs.event.id"`
	At      time.Time        `json:"at" doc:"docs.event.at"`
	Actor   EventActor       `json:"actor" doc:"docs.event.actor"`
	Action  string           `json:"action" doc:"docs.event.action"`
	Subject string           `json:"subject" doc:"docs.event.subject"`
	Detail  storedJSON       `json:"detail" doc:"docs.event.detail"`
}

// EventActor is who acted.
type EventActor struct {
	Kind string `json:"kind" doc:"docs.event.actor_kind"`
	ID   string `json:"id" doc:"docs.event.actor_id"`
	Name string `json:"name" doc:"docs.event.actor_name"`
}

// EventFilter says which events are wanted.
type EventFilter struct {
	Action string `query:"action" maxLength:"100" doc:"docs.param.event_action"`
	Actor  string `query:"actor" maxLength:"255" doc:"docs.param.event_actor"`
}

// events adds the operations on the record.
func (a *API) events() {
	tag := []string{"audit"}
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/tenants/{id}/audit", OperationID: "listTenantEvents", Tags: tag, Errors: []int{404, 422}}, a.listTenantEvents)
	operation(a, huma.Operation{Method: http.MethodGet, Path: "/v1/audit", OperationID: "listPlatformEvents", Tags: tag, Errors: []int{404, 422}}, a.listPlatformEvents)
}

type eventsOutput struct{ Body list[Event] }

func (a *API) listTenantEvents(ctx context.Context, s tenantry.Scope, in *struct {
	TenantPath
	EventFilter
	PageInput
}) (*eventsOutput, error) {
	t, err := a.tenantNamed(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	return a.listEvents(ctx, s, t.Key, in.EventFilter, in.PageInput, in.ID)
}

func (a *API) listPlatformEvents(ctx context.Context, s tenantry.Scope, in *struct {
	EventFilter
	PageInput
}) (*eventsOutput, error) {
	return a.listEvents(ctx, s, 0, in.EventFilter, in.PageInput, "")
}

func (a *API) listEvents(ctx context.Context, s tenantry.Scope, of tenantry.TenantKey, f EventFilter, p PageInput, id string) (*eventsOutput, error) {
	place := []string{"audit", id, f.Action, f.Actor}
	page, err := a.open(s, p, place...)
	if err != nil {
		return nil, err
	}
	found, err := a.Audit(ctx, s, audit.Query{Tenant: of, Action: f.Action, Actor: f.Actor, Page: page})
	if err != nil {
		return nil, err
	}
	return &eventsOutput{shownList(a, s, found, eventOf, place...)}, nil
}

func eventOf(e audit.Event) Event {
	detail, _ := e.Detail.(sqldb.JSON) // as it is stored
	return Event{ID: e.ID, At: e.At, Action: e.Action, Subject: e.Subject, Detail: storedJSON(detail),
		Actor: EventActor{e.Actor.Kind, e.Actor.ID, e.Actor.Name}}
}
