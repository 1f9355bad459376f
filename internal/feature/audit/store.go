package audit

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// row is an event with its detail as it is stored.
type row struct {
	Event
	detail sqldb.JSON
}

func insert(ctx context.Context, tx *sqldb.Tx, rows []row) error {
	_, err := tx.Load(ctx, "tenantry_audit",
		[]string{"tenant_id", "event_id", "at", "actor_kind", "actor_id", "actor_name", "action", "subject", "detail"},
		func(yield func([]any) bool) {
			for _, r := range rows {
				if !yield([]any{int64(r.Tenant), r.ID.String(), r.At, r.Actor.Kind, r.Actor.ID, r.Actor.Name, r.Action, r.Subject, r.detail}) {
					return
				}
			}
		})
	return err
}

// selectPage reads one event more than the page holds, to tell whether another
// page follows.
func selectPage(ctx context.Context, tx *sqldb.Tx, q Query) ([]Event, error) {
	p := q.Page
	where, args := `tenant_id = ?`, []any{q.Tenant}
	switch {
	case strings.HasSuffix(q.Action, "."):
		where, args = where+` AND substr(action, 1, ?) = ?`, append(args, utf8.RuneCountInString(q.Action), q.Action)
	case q.Action != "":
		where, args = where+` AND action = ?`, append(args, q.Action)
	}
	if q.Actor != "" {
		where, args = where+` AND (actor_id = ? OR actor_name = ?)`, append(args, q.Actor, q.Actor)
	}
	if p.Cursor != "" {
		where, args = where+` AND event_id < ?`, append(args, p.Cursor)
	}
	return sqldb.All(ctx, tx, scan, `SELECT event_id, tenant_id, at, actor_kind, actor_id, actor_name, action, subject, detail
		FROM tenantry_audit WHERE `+where+` ORDER BY event_id DESC LIMIT ?`, append(args, p.Clamp()+1)...)
}

func scan(r *sqldb.Rows) (e Event, err error) {
	var detail sqldb.JSON
	err = r.Scan(&e.ID, &e.Tenant, &e.At, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Action, &e.Subject, &detail)
	e.Detail = detail
	return e, err
}
