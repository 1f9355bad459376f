package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

var operator = tenantry.NewScope(tenantry.Actor{Kind: "operator", ID: "opr_1", Name: "ana"}, 0, tenantry.Permissions()...)

// record writes events in a transaction that ends as end says.
func record(t testing.TB, h apptest.House, s tenantry.Scope, end error, events ...audit.Event) error {
	t.Helper()
	return h.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(h.Audit.RecordAll(t.Context(), tx, s, events), end)
	})
}

func list(t testing.TB, h apptest.House, tenant tenantry.TenantKey, p tenantry.Page) tenantry.List[audit.Event] {
	t.Helper()
	found, err := h.Audit.List(t.Context(), h.DB, operator, tenant, p)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRecordSaysWhoDidWhatToWhomAndWhen(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		h.Pass(time.Hour)
		// What the caller says of actor, time and id is not believed.
		err := record(t, h, operator, nil, audit.Event{Tenant: 7, Action: "tenant.suspended", Subject: "tnt_x", Detail: map[string]any{"n": 12345678901, "text": "ñ"},
			At: apptest.Noon, Actor: tenantry.Actor{Kind: "system", Name: "nobody"}})
		if err != nil {
			t.Fatal(err)
		}
		found := list(t, h, 7, tenantry.Page{}).Items
		if len(found) != 1 || found[0].ID.IsZero() {
			t.Fatalf("%+v", found)
		}
		e := found[0]
		var detail map[string]any
		if err := json.Unmarshal(e.Detail.(sqldb.JSON), &detail); err != nil {
			t.Fatal(err)
		}
		e.Detail = detail
		want := audit.Event{ID: e.ID, Tenant: 7, At: apptest.Noon.Add(time.Hour), Actor: tenantry.Actor{Kind: "operator", ID: "opr_1", Name: "ana"},
			Action: "tenant.suspended", Subject: "tnt_x", Detail: map[string]any{"n": 12345678901.0, "text": "ñ"}}
		if d := cmp.Diff(want, e, cmp.AllowUnexported(tenantry.EventID{})); d != "" {
			t.Errorf("want (-), recorded (+):\n%s", d)
		}
	})
}

func TestRecordGoesWithTheActThatFails(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		failed := errors.New("the act failed")
		if err := record(t, h, operator, failed, audit.Event{Tenant: 7, Action: "a"}); !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit`); n != 0 {
			t.Errorf("%d events are left", n)
		}
		// And an act whose record cannot be written fails with it.
		err := h.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			return h.Audit.Record(context.WithoutCancel(t.Context()), tx, operator, audit.Event{Tenant: 7, Action: "a", Detail: make(chan int)})
		})
		if err == nil {
			t.Error("a detail that is not JSON was recorded")
		}
	})
}

func TestNoDetailIsAnEmptyObject(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if err := record(t, h, operator, nil, audit.Event{Tenant: 7, Action: "a"}); err != nil {
			t.Fatal(err)
		}
		if e := list(t, h, 7, tenantry.Page{}).Items[0]; string(e.Detail.(sqldb.JSON)) != "{}" || e.Subject != "" {
			t.Errorf("%+v", e)
		}
	})
}

func TestPagesAreNewestFirstAndLoseNothingWhileOthersWrite(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		write := func(action string) {
			t.Helper()
			h.Pass(time.Millisecond)
			if err := record(t, h, operator, nil, audit.Event{Tenant: 7, Action: action}, audit.Event{Tenant: 8, Action: "another's"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, action := range []string{"a", "b", "c", "d", "e"} {
			write(action)
		}
		var seen []string
		page := tenantry.Page{Limit: 2}
		for {
			found := list(t, h, 7, page)
			for _, e := range found.Items {
				seen = append(seen, e.Action)
			}
			if found.NextCursor == "" {
				break
			}
			if len(found.Items) != 2 {
				t.Fatalf("%d items and a cursor", len(found.Items))
			}
			write("later")
			page.Cursor = found.NextCursor
		}
		if d := cmp.Diff([]string{"e", "d", "c", "b", "a"}, seen); d != "" {
			t.Errorf("want (-), seen (+):\n%s", d)
		}
		if full := list(t, h, 8, tenantry.Page{Limit: 7}); len(full.Items) != 7 || full.NextCursor != "" {
			t.Errorf("%d items of 7, cursor %q", len(full.Items), full.NextCursor)
		}
	})
}

// A natural order of letters puts punctuation in other places than bytes have it.
func TestRecordIsReadWhateverTheDatabasesCollation(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if h.DB.Engine() == sqldb.Postgres {
			h.Exec(t, `ALTER TABLE tenantry_audit ALTER COLUMN event_id TYPE varchar(30) COLLATE "und-x-icu"`)
		}
		if err := record(t, h, operator, nil, audit.Event{Tenant: 7, Action: "a"}); err != nil {
			t.Fatal(err)
		}
		if found := list(t, h, 7, tenantry.Page{}).Items; len(found) != 1 {
			t.Errorf("%d events, want 1", len(found))
		}
	})
}

func TestRecordIsReadByWhoMay(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, tenant := range []tenantry.TenantKey{0, 7, 8} {
			if err := record(t, h, operator, nil, audit.Event{Tenant: tenant, Action: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		auditor := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "aud"}, 7, tenantry.AuditRead)
		member := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "mem"}, 7, tenantry.TenantsRead)
		for _, c := range []struct {
			scope  tenantry.Scope
			tenant tenantry.TenantKey
			kind   tenantry.Kind // "" for may
		}{
			{operator, 0, ""}, {operator, 7, ""}, {auditor, 7, ""},
			{auditor, 8, tenantry.NotFound}, {auditor, 0, tenantry.NotFound}, {auditor, 4711, tenantry.NotFound},
			{member, 7, tenantry.Forbidden}, {member, 8, tenantry.NotFound}, {tenantry.Scope{}, 0, tenantry.Unauthenticated}, {tenantry.Scope{}, 7, tenantry.NotFound},
		} {
			found, err := h.Audit.List(t.Context(), h.DB, c.scope, c.tenant, tenantry.Page{})
			if tenantry.KindOf(err) != c.kind || (len(found.Items) == 1) != (c.kind == "") {
				t.Errorf("%s on %d: %d events, %v; want %q", c.scope.Actor().Name, c.tenant, len(found.Items), err, c.kind)
			}
		}
	})
}
