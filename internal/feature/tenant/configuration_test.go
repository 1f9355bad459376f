package tenant_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

func configured(t *testing.T, h apptest.House, name string) tenantry.TenantKey {
	t.Helper()
	made, err := h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return made.Key
}

func codeOf(err error) string {
	var e *tenantry.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestR149_R150_R151_R152_R153_ConfigurationsHaveVersions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, c, acme := t.Context(), h.Configurations, configured(t, h, "acme")
		put := func(data string) tenant.Configuration {
			return must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(data), "because", ""))(t)
		}
		first := put(`{"color":"red","sizes":[1,2]}`)
		if first.Version != 1 || first.ChangedBy != operator.Actor().Name || first.Note != "because" {
			t.Errorf("%+v", first)
		}
		if same := put(`{ "sizes": [1, 2], "color": "red" }`); same.Version != 1 {
			t.Errorf("the same document became version %d", same.Version)
		}
		second := put(`{"color":"blue","sizes":[1],"a/b":null}`)
		if _, err := c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{}`), "", first.ETag()); codeOf(err) != "configuration.stale" {
			t.Error(err)
		}
		if got := must(c.Get(ctx, operator, acme, "theme"))(t); got.ETag() != second.ETag() || got.Version != 2 {
			t.Errorf("%+v", got)
		}
		var steps []string
		for _, d := range must(c.Diff(ctx, operator, acme, "theme", 1, 2))(t) {
			steps = append(steps, d.Op+" "+d.Path+" "+string(d.From)+" "+string(d.To))
		}
		want := []string{"add /a~1b  null", `replace /color "red" "blue"`, "remove /sizes/1 2 "}
		if d := cmp.Diff(want, steps); d != "" {
			t.Error(d)
		}
		if err := c.Delete(ctx, operator, acme, "theme", second.ETag()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(ctx, operator, acme, "theme"); codeOf(err) != "configuration.not_found" {
			t.Error(err)
		}
		if _, err := c.RollBack(ctx, operator, acme, "theme", 3, "", ""); codeOf(err) != "configuration.was_deleted" {
			t.Error(err)
		}
		back := must(c.RollBack(ctx, operator, acme, "theme", 1, "", ""))(t)
		if back.Version != 4 || !strings.Contains(string(back.Data), "red") {
			t.Errorf("%+v", back)
		}
		page := must(c.History(ctx, operator, acme, "theme", tenantry.Page{Limit: 3}))(t)
		rest := must(c.History(ctx, operator, acme, "theme", tenantry.Page{Limit: 3, Cursor: page.NextCursor}))(t)
		if len(page.Items) != 3 || page.Items[0].Version != 4 || page.Items[1].Data != nil || len(rest.Items) != 1 || rest.NextCursor != "" {
			t.Errorf("%+v %+v", page, rest)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action IN ('configuration.changed', 'configuration.deleted')`, acme); n != 4 {
			t.Errorf("%d events, want 4", n)
		}
	})
}

func TestWhatDjangoWritesIsNoticedAsAVersion(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, c, acme := t.Context(), h.Configurations, configured(t, h, "acme")
		django := func(data string) {
			h.Exec(t, `INSERT INTO tenants_tenantconfigurationmodel (tenant_id, config_type, config_data) VALUES (?, 'theme', ?)`, acme, data)
		}
		django(`{"n": 1}`)
		if got := must(c.List(ctx, operator, acme, tenantry.Page{}))(t); len(got.Items) != 1 || got.Items[0].Version != 1 || got.Items[0].ChangedBy != tenant.Elsewhere {
			t.Errorf("%+v", got)
		}
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"n":2}`), "", ""))(t)
		h.Exec(t, `UPDATE tenants_tenantconfigurationmodel SET config_data = '{"n": 3}'`)
		seen := must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"n":4}`), "", ""))(t)
		if v := must(c.Version(ctx, operator, acme, "theme", 3))(t); seen.Version != 4 || v.ChangedBy != tenant.Elsewhere || string(v.Data) != `{"n": 3}` {
			t.Errorf("%+v %+v", seen, v)
		}
		h.Exec(t, `UPDATE tenants_tenantconfigurationmodel SET config_data = '{ "n":4 }'`) // spelt otherwise
		if got := must(c.Get(ctx, operator, acme, "theme"))(t); got.Version != 4 {
			t.Errorf("%+v", got)
		}
		// Several rows of a type: the newest counts, and none is destroyed.
		django(`{"n": 5}`)
		if got := must(c.Get(ctx, operator, acme, "theme"))(t); got.Version != 5 || got.Rows != 2 {
			t.Errorf("%+v", got)
		}
		if err := c.Delete(ctx, operator, acme, "theme", ""); codeOf(err) != "configuration.several_rows" {
			t.Error(err)
		}
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"n":6}`), "", ""))(t)
		if n := h.Number(t, `SELECT count(*) FROM tenants_tenantconfigurationmodel`); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
		h.Exec(t, `DELETE FROM tenants_tenantconfigurationmodel`)
		if got := must(c.History(ctx, operator, acme, "theme", tenantry.Page{Limit: 1}))(t); got.Items[0].Version != 7 || got.Items[0].Data != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestConfigurationsAreJudgedByTheirSchema(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, c, acme := t.Context(), h.Configurations, configured(t, h, "acme")
		must(c.PutSchema(ctx, operator, "theme", sqldb.JSON(`{"type":"object","required":["color"],"additionalProperties":false,"properties":{
			"color":{"enum":["red","blue"]},"mail":{"format":"email"},"deep":{"type":"object","properties":{"a/b":{"type":"integer","maximum":3}}}}}`)))(t)
		_, err := c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"deep":{"a/b":"x"},"more":1,"mail":"no"}`), "", "")
		var e *tenantry.Error
		if !errors.As(err, &e) || e.Code != "configuration.invalid" {
			t.Fatal(err)
		}
		wrong := map[string]string{}
		for _, f := range e.Fields {
			wrong[f.Field] = f.Code
		}
		want := map[string]string{"/color": "field.required", "/more": "field.unknown", "/mail": "configuration.violates", "/deep/a~1b": "configuration.wrong_type"}
		if d := cmp.Diff(want, wrong); d != "" {
			t.Error(d)
		}
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"color":"red","deep":{"a/b":3}}`), "", ""))(t)
		for _, bad := range []string{`{"type":"nonsense"}`, `{"$ref":"https://example.com/schema.json"}`, `{"$ref":"file:///etc/passwd"}`, `{"pattern":"("}`, `[]`} {
			if _, err := c.PutSchema(ctx, operator, "other", sqldb.JSON(bad)); codeOf(err) != "configuration.invalid" {
				t.Errorf("%s: %v", bad, err)
			}
		}
		// A roll-back is a write like any other.
		must(c.PutSchema(ctx, operator, "theme", sqldb.JSON(`{"required":["new"]}`)))(t)
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"new":1}`), "", ""))(t)
		if _, err := c.RollBack(ctx, operator, acme, "theme", 1, "", ""); codeOf(err) != "configuration.invalid" {
			t.Error(err)
		}
		if err := c.DeleteSchema(ctx, operator, "theme"); err != nil {
			t.Fatal(err)
		}
		must(c.RollBack(ctx, operator, acme, "theme", 1, "", ""))(t)
	})
}

func TestConfigurationsHaveBounds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, c, acme := t.Context(), h.Configurations, configured(t, h, "acme")
		for name, data := range map[string]string{
			"list": `[]`, "twice": `{"a":{"b":1,"b":2}}`, "nul": `{"a":"\u0000"}`, "number": `{"a":1e400}`, "nonsense": `{`, "two": `{} {}`,
			"long": `{"a":"` + strings.Repeat("x", 64<<10) + `"}`, "deep": strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33),
		} {
			if _, err := c.Put(ctx, operator, acme, "theme", sqldb.JSON(data), "", ""); tenantry.KindOf(err) != tenantry.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"", "a b", "a/b", "é", strings.Repeat("x", 51)} {
			if _, err := c.Put(ctx, operator, acme, name, sqldb.JSON(`{}`), "", ""); err == nil {
				t.Errorf("type %q was taken", name)
			}
		}
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(strings.Repeat(`{"a":`, 31)+`{}`+strings.Repeat(`}`, 31)), "", ""))(t)
	})
}

func TestForeignConfigurationsAreMissing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		ctx, c, acme, other := t.Context(), h.Configurations, configured(t, h, "acme"), configured(t, h, "other")
		must(c.Put(ctx, operator, acme, "theme", sqldb.JSON(`{"a":1}`), "", ""))(t)
		stranger := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, other, tenantry.Permissions()...)
		reader := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "rex"}, acme, tenantry.ConfigurationRead)
		for name, try := range map[string]func(s tenantry.Scope) error{
			"list":    func(s tenantry.Scope) error { _, err := c.List(ctx, s, acme, tenantry.Page{}); return err },
			"get":     func(s tenantry.Scope) error { _, err := c.Get(ctx, s, acme, "theme"); return err },
			"history": func(s tenantry.Scope) error { _, err := c.History(ctx, s, acme, "theme", tenantry.Page{}); return err },
			"version": func(s tenantry.Scope) error { _, err := c.Version(ctx, s, acme, "theme", 1); return err },
			"diff":    func(s tenantry.Scope) error { _, err := c.Diff(ctx, s, acme, "theme", 1, 1); return err },
			"put": func(s tenantry.Scope) error {
				_, err := c.Put(ctx, s, acme, "theme", sqldb.JSON(`{}`), "", "")
				return err
			},
			"rollback": func(s tenantry.Scope) error { _, err := c.RollBack(ctx, s, acme, "theme", 1, "", ""); return err },
			"delete":   func(s tenantry.Scope) error { return c.Delete(ctx, s, acme, "theme", "") },
		} {
			if err := try(stranger); tenantry.KindOf(err) != tenantry.NotFound {
				t.Errorf("%s of a stranger: %v", name, err)
			}
			writes := name == "put" || name == "rollback" || name == "delete"
			if err := try(reader); writes != (tenantry.KindOf(err) == tenantry.Forbidden) || !writes && err != nil {
				t.Errorf("%s of a reader: %v", name, err)
			}
		}
		if _, err := c.PutSchema(ctx, stranger, "theme", sqldb.JSON(`{}`)); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Error(err)
		}
	})
}
