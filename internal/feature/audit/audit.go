// Package audit keeps the record of who changed what. It is the one room that
// the others on its floor may call, because an act and its record belong in one
// transaction; it knows nothing of what the acts mean.
package audit

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Event is one act. Detail is marshalled to a JSON object; it holds no secret
// and no more personal data than the act needs.
type Event struct {
	ID      tenantry.EventID
	Tenant  tenantry.TenantKey // zero for what concerns the platform
	At      time.Time
	Actor   tenantry.Actor
	Action  string // "tenant.suspended"
	Subject string // the public id of what was acted on
	Detail  any
}

// Log writes and reads the record.
type Log struct {
	clock  tenantry.Clock
	random io.Reader
}

// New makes a log.
func New(clock tenantry.Clock, random io.Reader) *Log { return &Log{clock: clock, random: random} }

// Record writes an act of a scope in the transaction of the act itself. The
// event's id and time are set here.
func (l *Log) Record(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, e Event) error {
	return l.RecordAll(ctx, tx, s, []Event{e})
}

// RecordAll is Record for the acts of one step upon many.
func (l *Log) RecordAll(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, events []Event) error {
	rows := make([]row, len(events))
	now := l.clock()
	for i, e := range events {
		e.Actor, e.At, e.ID = s.Actor(), now, tenantry.NewEventID(now, l.random)
		rows[i] = row{Event: e, detail: sqldb.JSON("{}")}
		if e.Detail != nil {
			text, err := json.Marshal(e.Detail)
			if err != nil {
				return err
			}
			rows[i].detail = text
		}
	}
	return insert(ctx, tx, rows)
}

// List reads a tenant's record, or the platform's for zero, newest first. The
// cursor is the id of the last event seen.
func (l *Log) List(ctx context.Context, db *sqldb.DB, s tenantry.Scope, tenant tenantry.TenantKey, p tenantry.Page) (list tenantry.List[Event], err error) {
	return l.Search(ctx, db, s, Query{Tenant: tenant, Page: p})
}

// Query says which events to list. What is "" does not matter.
type Query struct {
	Tenant tenantry.TenantKey // zero for the platform's own
	Action string             // "tenant.suspended", or "tenant." for all that begin so
	Actor  string             // the id or the name of whoever acted
	Page   tenantry.Page
}

// queryLength bounds what is searched for, as the columns do.
const queryLength = 255

// Search is List for the events that a query asks for.
func (l *Log) Search(ctx context.Context, db *sqldb.DB, s tenantry.Scope, q Query) (list tenantry.List[Event], err error) {
	p := q.Page
	if err := s.RequireIn(q.Tenant, tenantry.AuditRead); err != nil {
		return list, err
	}
	for field, text := range map[string]string{"action": q.Action, "actor": q.Actor} {
		switch {
		case len(text) > queryLength:
			return list, tenantry.NewError(tenantry.Invalid, "audit.bad_query").WithFields(tenantry.NewFieldError(field, "field.too_long", "max", queryLength))
		case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
			return list, tenantry.NewError(tenantry.Invalid, "audit.bad_query").WithFields(tenantry.NewFieldError(field, "field.not_text"))
		}
	}
	err = db.As(s).Read(ctx, func(tx *sqldb.Tx) (err error) {
		list.Items, err = selectPage(ctx, tx, q)
		return err
	})
	if len(list.Items) > p.Clamp() {
		list.Items = list.Items[:p.Clamp()]
		list.NextCursor = list.Items[len(list.Items)-1].ID.String()
	}
	return list, err
}
