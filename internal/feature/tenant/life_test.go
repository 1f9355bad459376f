package tenant_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// grace is the setting's default.
const grace = 30 * 24 * time.Hour

func TestSuspensionStopsATenantForAReason(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		ref := tenant.ByKey(made.Key)
		h.Pass(time.Hour)
		stopped := must(h.Tenants.Suspend(t.Context(), operator, ref, "  Factura 2026-0917\nimpaga "))(t)
		if stopped.Status != tenant.Suspended || stopped.StatusReason != "Factura 2026-0917\nimpaga" || !stopped.StatusAt.Equal(apptest.Noon.Add(time.Hour)) {
			t.Errorf("%+v", stopped)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE id = ? AND NOT is_active`, made.Key); n != 1 {
			t.Error("Django still lets the tenant in")
		}
		h.Pass(time.Hour)
		if again := must(h.Tenants.Suspend(t.Context(), operator, ref, "Factura 2026-0917\nimpaga"))(t); !again.StatusAt.Equal(stopped.StatusAt) {
			t.Errorf("suspended again at %v", again.StatusAt)
		}
		if other := must(h.Tenants.Suspend(t.Context(), operator, ref, "abuse"))(t); other.StatusReason != "abuse" {
			t.Errorf("%+v", other)
		}
		back := must(h.Tenants.Activate(t.Context(), operator, ref))(t)
		if back.Status != tenant.Active || back.StatusReason != "" || back.Name != made.Name {
			t.Errorf("%+v", back)
		}
		for _, reason := range []string{"", " \n", "a\x00", "a\xff", strings.Repeat("ñ", 1001)} {
			_, err := h.Tenants.Suspend(t.Context(), operator, ref, reason)
			wantError(t, err, "tenant.invalid", "reason tenant.reason_required")
		}
		must(h.Tenants.Suspend(t.Context(), operator, ref, strings.Repeat("ñ", 1000)))(t)
	})
}

func TestDjangosWordDecidesBetweenActiveAndSuspended(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		ref := tenant.ByKey(made.Key)
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = false WHERE id = ?`, made.Key)
		if found := get(t, h, ref); found.Status != tenant.Suspended || found.StatusReason != "" {
			t.Errorf("%+v", found)
		}
		must(h.Tenants.Suspend(t.Context(), operator, ref, "unpaid"))(t)
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = true WHERE id = ?`, made.Key)
		if found := get(t, h, ref); found.Status != tenant.Active || found.StatusReason != "" {
			t.Errorf("%+v", found)
		}
	})
}

func TestRequestWaitsForAnApproval(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "Acme", Pending: true}))(t)
		if made.Status != tenant.Pending || made.ApprovedAt != nil || made.ApprovedBy != "" {
			t.Errorf("%+v", made)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE id = ? AND NOT is_active`, made.Key); n != 1 {
			t.Error("Django lets the tenant in")
		}
		h.Pass(time.Hour)
		begun := must(h.Tenants.Approve(t.Context(), operator, tenant.ByKey(made.Key)))(t)
		if begun.Status != tenant.Active || begun.ApprovedBy != "ana" || begun.ApprovedAt == nil || !begun.ApprovedAt.Equal(apptest.Noon.Add(time.Hour)) {
			t.Errorf("%+v", begun)
		}
		_, err := h.Tenants.Approve(t.Context(), operator, tenant.ByKey(made.Key))
		wantError(t, err, "tenant.wrong_status")
	})
}

func TestDeletedTenantCanBeBroughtBackUntilItsGraceIsOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		ref := tenant.ByKey(made.Key)
		leaving := must(h.Tenants.Delete(t.Context(), operator, ref, made.ETag()))(t)
		if leaving.Status != tenant.Deleting || leaving.DeleteAfter == nil || !leaving.DeleteAfter.Equal(apptest.Noon.Add(grace)) {
			t.Errorf("%+v", leaving)
		}
		h.Pass(time.Hour)
		if again := must(h.Tenants.Delete(t.Context(), operator, ref, ""))(t); !again.DeleteAfter.Equal(*leaving.DeleteAfter) {
			t.Errorf("deleting again put it off to %v", again.DeleteAfter)
		}
		back := must(h.Tenants.Activate(t.Context(), operator, ref))(t)
		if back.Status != tenant.Active || back.DeleteAfter != nil || back.MaxAgents != made.MaxAgents || back.ID != made.ID {
			t.Errorf("%+v", back)
		}
		must(h.Tenants.Delete(t.Context(), operator, ref, ""))(t)
		h.Pass(grace - time.Microsecond)
		if due := must(h.Tenants.DueForRemoval(t.Context(), operator))(t); len(due) != 0 {
			t.Errorf("due before its time: %+v", due)
		}
		wantError(t, remove(t, h, made.Key), "tenant.wrong_status")
		h.Pass(time.Microsecond)
		if due := must(h.Tenants.DueForRemoval(t.Context(), operator))(t); len(due) != 1 || due[0].Key != made.Key {
			t.Errorf("due %+v", due)
		}
		h.Exec(t, `INSERT INTO tenants_tenantconfigurationmodel (tenant_id, config_type, config_data) VALUES (?, 'theme', '{}')`, made.Key)
		if err := remove(t, h, made.Key); err != nil {
			t.Fatal(err)
		}
		_, err := h.Tenants.Get(t.Context(), operator, ref)
		wantError(t, err, "tenant.not_found")
		wantError(t, remove(t, h, made.Key), "tenant.not_found")
		if n := h.Number(t, `SELECT (SELECT count(*) FROM tenants_tenantmodel) + (SELECT count(*) FROM tenantry_tenant) + (SELECT count(*) FROM tenants_tenantconfigurationmodel)`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action = 'tenant.removed' AND subject = ?`, made.Key, made.ID.String()); n != 1 {
			t.Error("the record of the removal is not there")
		}
		create(t, h, "Acme") // the name is free again
	})
}

func remove(t testing.TB, h apptest.House, key tenantry.TenantKey) error {
	t.Helper()
	return h.DB.Write(t.Context(), func(tx *sqldb.Tx) error { return h.Tenants.RemoveIn(t.Context(), tx, operator, key) })
}

func TestEveryStepOfALifeIsRecorded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "Acme", Pending: true}))(t)
		ref := tenant.ByKey(made.Key)
		for _, step := range []func() (tenant.Tenant, error){
			func() (tenant.Tenant, error) { return h.Tenants.Approve(t.Context(), operator, ref) },
			func() (tenant.Tenant, error) {
				return h.Tenants.Update(t.Context(), operator, ref, tenant.Change{Name: to("Acme Ltd"), Description: to("a secret plan")}, "")
			},
			func() (tenant.Tenant, error) { return h.Tenants.Suspend(t.Context(), operator, ref, "unpaid") },
			func() (tenant.Tenant, error) { return h.Tenants.Activate(t.Context(), operator, ref) },
			func() (tenant.Tenant, error) { return h.Tenants.Activate(t.Context(), operator, ref) }, // changes nothing
			func() (tenant.Tenant, error) { return h.Tenants.Delete(t.Context(), operator, ref, "") },
		} {
			h.Pass(time.Second)
			must(step())(t)
		}
		var record []string
		for _, e := range must(h.Audit.List(t.Context(), h.DB, operator, made.Key, tenantry.Page{}))(t).Items {
			if e.Actor.Name != "ana" || e.Subject != made.ID.String() || strings.Contains(fmt.Sprint(e.Detail), "secret") {
				t.Errorf("%+v", e)
			}
			record = append(record, e.Action)
		}
		if d := cmp.Diff([]string{"tenant.deleted", "tenant.activated", "tenant.suspended", "tenant.updated", "tenant.approved", "tenant.created"}, record); d != "" {
			t.Errorf("want (-), recorded (+):\n%s", d)
		}
	})
}

// life is what a tenant is to its operators and to Django, in a few words.
type life struct {
	Status      tenant.Status
	Reason      string
	DeleteAfter time.Time
	Active      bool // Django's word
}

// expected is the model: our own status, which Django's word overrules between
// active and suspended.
type expected struct {
	life
	now time.Time
}

func (m expected) status() tenant.Status {
	switch {
	case m.Status != tenant.Active && m.Status != tenant.Suspended:
		return m.Status
	case m.Active:
		return tenant.Active
	}
	return tenant.Suspended
}

// shows is what a reader sees of the model.
func (m expected) shows() life {
	seen := m.life
	if seen.Status = m.status(); seen.Status == tenant.Active {
		seen.Reason = ""
	}
	return seen
}

// after takes a step, or says that it is not allowed.
func (m *expected) after(step string) (allowed, gone bool) {
	enter := func(s tenant.Status, reason string) (bool, bool) {
		m.life = life{Status: s, Reason: reason, Active: s == tenant.Active}
		return true, false
	}
	switch now := m.status(); step {
	case "suspend":
		if now == tenant.Pending || now == tenant.Deleting {
			return false, false
		}
		return enter(tenant.Suspended, "unpaid")
	case "activate":
		switch {
		case now == tenant.Active:
		case now == tenant.Pending:
			return false, false
		case now == tenant.Deleting && m.Reason == string(tenant.Pending):
			return enter(tenant.Pending, "")
		default:
			return enter(tenant.Active, "")
		}
	case "approve":
		if now != tenant.Pending {
			return false, false
		}
		return enter(tenant.Active, "")
	case "delete":
		if now == tenant.Deleting {
			break
		}
		reason := ""
		if now == tenant.Pending {
			reason = string(tenant.Pending)
		}
		enter(tenant.Deleting, reason)
		m.DeleteAfter = m.now.Add(grace)
	case "remove":
		due := now == tenant.Deleting && !m.DeleteAfter.After(m.now)
		return due, due
	case "django on":
		m.Active = true
	case "django off":
		m.Active = false
	case "wait":
		m.now = m.now.Add(grace)
	}
	return true, false
}

// Every order of steps leads where the model says: nothing comes alive that nobody
// approved, and nothing is removed before its time.
func TestLifeOfATenantIsThatOfItsModel(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		born := map[tenant.Status]tenant.Draft{tenant.Active: {}, tenant.Pending: {Pending: true}, tenant.Quarantined: {Quarantine: true}}
		steps := []string{"suspend", "activate", "approve", "delete", "remove", "django on", "django off", "wait"}
		births, n := []tenant.Status{tenant.Active, tenant.Pending, tenant.Quarantined}, 0
		rapid.Check(t, func(r *rapid.T) {
			start := rapid.SampledFrom(births).Draw(r, "born")
			draft := born[start]
			n++
			draft.Name = fmt.Sprint("tenant ", n)
			made := must(h.Tenants.Create(t.Context(), operator, draft))(t)
			ref := tenant.ByKey(made.Key)
			m := expected{life: life{Status: start, Active: start != tenant.Pending}, now: h.Now()}

			for _, step := range rapid.SliceOfN(rapid.SampledFrom(steps), 1, 6).Draw(r, "steps") {
				var err error
				switch step {
				case "suspend":
					_, err = h.Tenants.Suspend(t.Context(), operator, ref, "unpaid")
				case "activate":
					_, err = h.Tenants.Activate(t.Context(), operator, ref)
				case "approve":
					_, err = h.Tenants.Approve(t.Context(), operator, ref)
				case "delete":
					_, err = h.Tenants.Delete(t.Context(), operator, ref, "")
				case "remove":
					err = remove(t, h, made.Key)
				case "django on":
					h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = true WHERE id = ?`, made.Key)
				case "django off":
					h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = false WHERE id = ?`, made.Key)
				case "wait":
					h.Pass(grace)
				}
				allowed, gone := m.after(step)
				if allowed != (err == nil) || err != nil && tenantry.KindOf(err) != tenantry.Conflict {
					r.Fatalf("%s: error %v, allowed %v", step, err, allowed)
				}
				if gone {
					return
				}
				found := get(t, h, ref)
				seen := life{Status: found.Status, Reason: found.StatusReason,
					Active: h.Number(t, `SELECT count(*) FROM tenants_tenantmodel WHERE id = ? AND is_active`, made.Key) == 1}
				if found.DeleteAfter != nil {
					seen.DeleteAfter = *found.DeleteAfter
				}
				if d := cmp.Diff(m.shows(), seen); d != "" {
					r.Fatalf("after %s, want (-), got (+):\n%s", step, d)
				}
			}
		})
	})
}
