package tenant_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// operator may do everything, on every tenant.
var operator = tenantry.NewScope(tenantry.Actor{Kind: "operator", Name: "ana"}, 0, tenantry.Permissions()...)

// insider is somebody of one tenant in a role.
func insider(key tenantry.TenantKey, role string) tenantry.Scope {
	grants, _ := access.Grants(role)
	return tenantry.NewScope(tenantry.Actor{Kind: "user", Name: role}, key, grants...)
}

// create makes a tenant that says nothing but its name.
func create(t testing.TB, h apptest.House, name string) tenant.Tenant {
	t.Helper()
	return must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: name}))(t)
}

func get(t testing.TB, h apptest.House, ref tenant.Ref) tenant.Tenant {
	t.Helper()
	return must(h.Tenants.Get(t.Context(), operator, ref))(t)
}

// djangoInserts makes a tenant as a Django process does, which knows nothing of our
// tables.
func djangoInserts(t testing.TB, h apptest.House, key int, name string, active bool) {
	t.Helper()
	made := time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC)
	h.Exec(t, `INSERT INTO tenants_tenantmodel
		(id, name, description, model, ai_token, cwu_token, configuration, is_active, max_agents, max_documents, max_storage_mb, created_at, updated_at)
		VALUES (?, ?, '', 'gpt-4', '', '', '{}', ?, 10, 1000, 1000, ?, ?)`, key, name, active, made, made)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantError checks the code of an error and, field by field, what it says is wrong.
func wantError(t testing.TB, err error, code string, fields ...string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
		return
	}
	var found []string
	for _, f := range e.Fields {
		found = append(found, f.Field+" "+f.Code)
	}
	if d := cmp.Diff(fields, found); len(fields) > 0 && d != "" {
		t.Errorf("fields: want (-), got (+):\n%s", d)
	}
}

func to[T any](v T) *T { return &v }

// comparable lets cmp look into public ids.
var comparable = cmp.AllowUnexported(tenantry.TenantID{})

func TestR026_R029_R030_R031_R032_R033_DefaultsAreTheSeeds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		want := tenant.Tenant{
			Key: made.Key, ID: made.ID, Name: "Acme", Model: "gpt-3.5-turbo", Configuration: sqldb.JSON("{}"),
			MaxAgents: 10, MaxDocuments: 1000, MaxStorageMB: 1000, Status: tenant.Active, StatusAt: apptest.Noon,
			ApprovedAt: to(apptest.Noon), ApprovedBy: "ana", CreatedAt: apptest.Noon, UpdatedAt: apptest.Noon,
		}
		if d := cmp.Diff(want, made, comparable); d != "" || made.Key == 0 || made.ID.IsZero() {
			t.Errorf("want (-), made (+):\n%s", d)
		}
		if d := cmp.Diff(made, get(t, h, tenant.ByKey(made.Key)), comparable); d != "" {
			t.Errorf("made (-), read (+):\n%s", d)
		}
	})
}

func TestR110_SeedsFullTenant(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := must(h.Tenants.Create(t.Context(), operator, tenant.Draft{
			Name: "Integrity Tenant", Description: "dos\nlíneas\ty un tabulador", Model: "gpt-4-turbo",
			Configuration: sqldb.JSON(`{"max_tokens": 4000, "temperature": 0.7}`), MaxAgents: to[int64](20), MaxDocuments: to[int64](2000), MaxStorageMB: to[int64](5000),
		}))(t)
		members, _ := made.Configuration.Object()
		if made.Model != "gpt-4-turbo" || made.Description != "dos\nlíneas\ty un tabulador" || made.MaxAgents != 20 || made.MaxDocuments != 2000 ||
			made.MaxStorageMB != 5000 || string(members["max_tokens"]) != "4000" || string(members["temperature"]) != "0.7" {
			t.Errorf("%+v", made)
		}
	})
}

func TestR024_R026_R029_R113_R114_R115_EveryFieldIsCheckedOnWrite(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		acme := create(t, h, "Acme")
		for name, c := range map[string]struct {
			change tenant.Change
			field  string // "" for fine
		}{
			"name":                         {tenant.Change{Name: to("Viña Quebrada Honda")}, ""},
			"name in Japanese":             {tenant.Change{Name: to("東京支店サポート 🚀")}, ""},
			"name of 255 letters":          {tenant.Change{Name: to(strings.Repeat("ñ", 255))}, ""},
			"name of 256 letters":          {tenant.Change{Name: to(strings.Repeat("ñ", 256))}, "name field.too_long"},
			"no name":                      {tenant.Change{Name: to("")}, "name field.required"},
			"name of blanks":               {tenant.Change{Name: to(" \t\u00a0\u3000")}, "name field.required"},
			"name behind a blank":          {tenant.Change{Name: to(" Acme")}, "name field.outer_space"},
			"name before a blank":          {tenant.Change{Name: to("Acme\u3000")}, "name field.outer_space"},
			"name of two lines":            {tenant.Change{Name: to("Ac\nme")}, "name field.not_text"},
			"name with NUL":                {tenant.Change{Name: to("Ac\x00me")}, "name field.not_text"},
			"name with a C1 control":       {tenant.Change{Name: to("Ac\u0085me")}, "name field.not_text"},
			"name that is not UTF-8":       {tenant.Change{Name: to("Ac\xffme")}, "name field.not_text"},
			"no description":               {tenant.Change{Description: to("")}, ""},
			"description of 10000 letters": {tenant.Change{Description: to(strings.Repeat("ñ", 10_000))}, ""},
			"description of 10001 letters": {tenant.Change{Description: to(strings.Repeat("ñ", 10_001))}, "description field.too_long"},
			"description with NUL":         {tenant.Change{Description: to("a\x00")}, "description field.not_text"},
			"description not UTF-8":        {tenant.Change{Description: to("a\xff")}, "description field.not_text"},
			"model":                        {tenant.Change{Model: to("claude-3-opus")}, ""},
			"no model":                     {tenant.Change{Model: to("")}, "model tenant.unknown_model"},
			"model in another case":        {tenant.Change{Model: to("GPT-4")}, "model tenant.unknown_model"},
			"model that is none":           {tenant.Change{Model: to("gpt-5\x00" + strings.Repeat("x", 1000))}, "model tenant.unknown_model"},
			"configuration":                {tenant.Change{Configuration: to(sqldb.JSON(`{"a": {"b": [1, null, true, "c"]}}`))}, ""},
			"configuration a list":         {tenant.Change{Configuration: to(sqldb.JSON(`[1]`))}, "configuration field.not_object"},
			"configuration null":           {tenant.Change{Configuration: to(sqldb.JSON(`null`))}, "configuration field.not_object"},
			"configuration no JSON":        {tenant.Change{Configuration: to(sqldb.JSON(`{"a": }`))}, "configuration field.not_object"},
			"configuration of two":         {tenant.Change{Configuration: to(sqldb.JSON(`{} {}`))}, "configuration field.not_object"},
			"configuration empty":          {tenant.Change{Configuration: to(sqldb.JSON(""))}, "configuration field.not_object"},
			"configuration of 256 KiB":     {tenant.Change{Configuration: to(sqldb.JSON(`{"a": "` + strings.Repeat("x", 256<<10-9) + `"}`))}, ""},
			"configuration above 256 KiB":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": "` + strings.Repeat("x", 256<<10-8) + `"}`))}, "configuration field.too_long"},
			"configuration with NUL":       {tenant.Change{Configuration: to(sqldb.JSON(`{"a": ["b\u0000"]}`))}, "configuration field.not_text"},
			"configuration with NUL name":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": {"\u0000": 1}}`))}, "configuration field.not_text"},
			"configuration with a pair":    {tenant.Change{Configuration: to(sqldb.JSON(`{"a": "\ud83d\ude80 \\u0000 \\\\ud800"}`))}, ""},
			"configuration with half one":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": "\ud83d"}`))}, "configuration field.not_text"},
			"configuration with a swap":    {tenant.Change{Configuration: to(sqldb.JSON(`{"a": "\ude80\ud83d"}`))}, "configuration field.not_text"},
			"configuration not UTF-8":      {tenant.Change{Configuration: to(sqldb.JSON("{\"a\": \"\xff\"}"))}, "configuration field.not_text"},
			"configuration of a double":    {tenant.Change{Configuration: to(sqldb.JSON(`{"a": [1.7976931348623157e308, 5e-308]}`))}, ""},
			"configuration of a huge one":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": 1e131071}`))}, "configuration tenant.number_too_large"},
			"configuration of a tiny one":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": 1E-20000}`))}, "configuration tenant.number_too_large"},
			"configuration of a long one":  {tenant.Change{Configuration: to(sqldb.JSON(`{"a": ` + strings.Repeat("9", 140_000) + `}`))}, "configuration tenant.number_too_large"},
			"max_agents":                   {tenant.Change{MaxAgents: to[int64](0)}, ""},
			"max_agents at the ceiling":    {tenant.Change{MaxAgents: to[int64](50)}, ""},
			"max_agents above":             {tenant.Change{MaxAgents: to[int64](51)}, "max_agents field.out_of_range"},
			"max_agents below 0":           {tenant.Change{MaxAgents: to[int64](-1)}, "max_agents field.out_of_range"},
			"max_documents at the ceiling": {tenant.Change{MaxDocuments: to[int64](10_000)}, ""},
			"max_documents above":          {tenant.Change{MaxDocuments: to[int64](10_001)}, "max_documents field.out_of_range"},
			"max_storage_mb at the edge":   {tenant.Change{MaxStorageMB: to[int64](10_000)}, ""},
			"max_storage_mb above":         {tenant.Change{MaxStorageMB: to[int64](10_001)}, "max_storage_mb field.out_of_range"},
			"max_storage_mb of 64 bits":    {tenant.Change{MaxStorageMB: to[int64](1 << 62)}, "max_storage_mb field.out_of_range"},
		} {
			before := get(t, h, tenant.ByKey(acme.Key)).ETag() // a diff of 256 KiB takes its time
			after, err := h.Tenants.Update(t.Context(), operator, tenant.ByKey(acme.Key), c.change, "")
			if c.field == "" {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if c.change.Name != nil && after.Name != *c.change.Name || c.change.Description != nil && after.Description != *c.change.Description {
					t.Errorf("%s: %+v", name, after)
				}
				continue
			}
			t.Log(name)
			wantError(t, err, "tenant.invalid", c.field)
			if get(t, h, tenant.ByKey(acme.Key)).ETag() != before {
				t.Errorf("%s: what was refused changed something", name)
			}
		}
	})
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		_, err := h.Tenants.Create(t.Context(), operator, tenant.Draft{Description: "\x00", Model: "gpt-5", Configuration: sqldb.JSON("[]"),
			MaxAgents: to[int64](-1), MaxDocuments: to[int64](1 << 40), MaxStorageMB: to[int64](10_001)})
		wantError(t, err, "tenant.invalid", "name field.required", "description field.not_text", "model tenant.unknown_model",
			"configuration field.not_object", "max_agents field.out_of_range", "max_documents field.out_of_range", "max_storage_mb field.out_of_range")
	})
}

func TestR024_NamesAreUniqueByCase(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		create(t, h, "Acme")
		lower := create(t, h, "acme")
		_, err := h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "Acme"})
		wantError(t, err, "tenant.name_taken")
		_, err = h.Tenants.Update(t.Context(), operator, tenant.ByKey(lower.Key), tenant.Change{Name: to("Acme")}, "")
		wantError(t, err, "tenant.name_taken")
		if found := get(t, h, tenant.ByName("acme")); found.Key != lower.Key {
			t.Errorf("acme is %+v", found)
		}
	})
}

func TestR018_R019_R020_R021_R022_R023_ModelsAreTheCataloguesEnabledOnes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		var names []string
		for _, m := range must(h.Tenants.Models(t.Context()))(t) {
			names = append(names, m.Name)
			must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: m.Name, Model: m.Name}))(t)
		}
		if d := cmp.Diff(tenant.SeedModels(), names); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}

		h.Exec(t, `UPDATE tenantry_model SET enabled = false WHERE name = 'gpt-4'`)
		h.Exec(t, `INSERT INTO tenantry_model (name, label, provider, enabled, position) VALUES ('mistral', 'Mistral', 'mistral', true, 7)`)
		must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "new", Model: "mistral"}))(t)
		_, err := h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "late", Model: "gpt-4"})
		wantError(t, err, "tenant.invalid", "model tenant.unknown_model")
		// Who has it keeps it, and may say so.
		kept := must(h.Tenants.Update(t.Context(), operator, tenant.ByName("gpt-4"), tenant.Change{Model: to("gpt-4"), Description: to("x")}, ""))(t)
		if kept.Model != "gpt-4" || kept.Description != "x" {
			t.Errorf("%+v", kept)
		}
	})
}

// PostgreSQL's jsonb keeps values and SQLite the text, so that is compared which
// both keep: every digit and every letter.
func TestR029_ConfigurationKeepsWhatItSays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		const text = `{"big": 123456789012345678901234567890, "exact": 0.1000000000000000055511151231257827, "ni\u00f1o": "\u00bfqu\u00e9? \ud83d\ude80 \u2028", "b": 1, "a": {}}`
		made := must(h.Tenants.Create(t.Context(), operator, tenant.Draft{Name: "python", Configuration: sqldb.JSON(text)}))(t)
		if d := cmp.Diff(decoded(t, []byte(text)), decoded(t, made.Configuration)); d != "" {
			t.Errorf("written (-), read (+):\n%s", d)
		}
		if h.DB.Engine() == sqldb.SQLite && string(made.Configuration) != text {
			t.Errorf("spelled anew: %s", made.Configuration)
		}
	})
}

func decoded(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Another program's rows are read as they stand, and what is not touched stays.
func TestWhatDjangoStoredStaysUntilItIsTouched(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangoInserts(t, h, 7, " odd ", true)
		for _, configuration := range []string{`["a", "\u00f1"]`, `"text"`, `12345678901234567890`, `null`, `true`} {
			h.Exec(t, `UPDATE tenants_tenantmodel SET model = 'llama-2', max_agents = 99, max_storage_mb = -5, configuration = ? WHERE id = 7`, sqldb.JSON(configuration))
			old := get(t, h, tenant.ByKey(7))
			if old.Name != " odd " || old.Model != "llama-2" || old.MaxAgents != 99 || old.MaxStorageMB != -5 {
				t.Fatalf("%+v", old)
			}
			// A form sends back everything that it shows, with one thing changed.
			saved := must(h.Tenants.Update(t.Context(), operator, tenant.ByKey(7), tenant.Change{
				Name: &old.Name, Model: &old.Model, Configuration: &old.Configuration, MaxAgents: &old.MaxAgents, MaxStorageMB: &old.MaxStorageMB,
				Description: to("now about " + configuration)}, old.ETag()))(t)
			if d := cmp.Diff(decoded(t, []byte(configuration)), decoded(t, saved.Configuration)); d != "" || saved.Model != "llama-2" || saved.MaxAgents != 99 {
				t.Errorf("%+v\n%s", saved, d)
			}
		}
		_, err := h.Tenants.Update(t.Context(), operator, tenant.ByKey(7), tenant.Change{MaxAgents: to[int64](98)}, "")
		wantError(t, err, "tenant.invalid", "max_agents field.out_of_range")
	})
}

func TestR034_R035_OnlyAChangeMovesUpdatedAt(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		h.Pass(time.Minute)
		same := must(h.Tenants.Update(t.Context(), operator, tenant.ByKey(made.Key), tenant.Change{Name: to("Acme"), MaxAgents: to[int64](10)}, ""))(t)
		if d := cmp.Diff(made, same, comparable); d != "" {
			t.Errorf("writing what is so already changed something:\n%s", d)
		}
		changed := must(h.Tenants.Update(t.Context(), operator, tenant.ByKey(made.Key), tenant.Change{Name: to("Acme Ltd")}, ""))(t)
		if !changed.CreatedAt.Equal(apptest.Noon) || !changed.UpdatedAt.Equal(apptest.Noon.Add(time.Minute)) {
			t.Errorf("created %v, updated %v", changed.CreatedAt, changed.UpdatedAt)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action = 'tenant.updated'`, made.Key); n != 1 {
			t.Errorf("%d updates recorded, want 1", n)
		}
	})
}

func TestTenantsAreFoundByKeyIDAndName(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		acme := create(t, h, "Viña")
		djangoInserts(t, h, 4711, "", true) // which only its number names
		for _, text := range []string{fmt.Sprint(int64(acme.Key)), acme.ID.String(), "Viña"} {
			if found := get(t, h, must(tenant.ParseRef(text))(t)); found.Key != acme.Key {
				t.Errorf("%q is %+v", text, found)
			}
		}
		if found := get(t, h, tenant.ByKey(4711)); found.ID.IsZero() {
			t.Errorf("%+v", found)
		}
		for _, text := range []string{"", "0", "-1", "99999999999999", "viña", "Vi", "a\x00b", "a\xffb", strings.Repeat("x", 10<<20)} {
			ref, err := tenant.ParseRef(text)
			if err == nil {
				_, err = h.Tenants.Get(t.Context(), operator, ref)
			}
			wantError(t, err, "tenant.not_found")
		}
		_, err := h.Tenants.Get(t.Context(), operator, tenant.ByKey(0))
		wantError(t, err, "tenant.not_found")
		_, err = h.Tenants.Get(t.Context(), operator, tenant.ByID(tenantry.TenantID{}))
		wantError(t, err, "tenant.not_found")
		_, err = tenant.ParseRef("tnt_x")
		wantError(t, err, "id.malformed")
	})
}

func TestTenantsOfDjangoAreCompletedWhenRead(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangoInserts(t, h, 7, "active", true)
		djangoInserts(t, h, 8, "inactive", false)
		// One is counted and listed before anybody asked for it alone.
		counts := must(h.Tenants.Count(t.Context(), operator))(t)
		if d := cmp.Diff(map[tenant.Status]int64{tenant.Active: 1, tenant.Suspended: 1}, counts); d != "" {
			t.Error(d)
		}
		for _, found := range must(h.Tenants.List(t.Context(), operator, tenant.Query{}))(t).Items {
			// The id is of the time at which Django made the tenant: ids sort by age.
			if id, old := found.ID.String(), tenantry.NewTenantID(found.CreatedAt, bytes.NewReader(make([]byte, 16))).String(); id[:13] != old[:13] {
				t.Errorf("%s is not of %v, as %s is", id, found.CreatedAt, old)
			}
			if found.ApprovedAt != nil || found.DeleteAfter != nil {
				t.Errorf("%+v", found)
			}
		}
		if a, b := get(t, h, tenant.ByKey(7)), get(t, h, tenant.ByKey(7)); a.ID != b.ID || a.Status != tenant.Active {
			t.Errorf("%+v, then %+v", a, b)
		}
		// What Django inserts next can be changed at once.
		djangoInserts(t, h, 9, "another", true)
		if found := must(h.Tenants.Suspend(t.Context(), operator, tenant.ByName("another"), "unpaid"))(t); found.Status != tenant.Suspended || found.ID.IsZero() {
			t.Errorf("%+v", found)
		}
	})
}

// Readers that meet a row of Django's at the same moment all get it, with one id.
func TestManyReadersCompleteATenantOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		djangoInserts(t, h, 7, "new", true)
		ids := make([]tenantry.TenantID, 8)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				found, err := h.Tenants.Get(t.Context(), operator, tenant.ByKey(7))
				if err != nil {
					t.Error(err)
				}
				ids[i] = found.ID
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != ids[0] || id.IsZero() {
				t.Errorf("ids %v", ids)
				break
			}
		}
	})
}

func TestETagIsOfTheStateThatWasRead(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		ref := tenant.ByKey(made.Key)
		seen := made.ETag()
		must(h.Tenants.Update(t.Context(), operator, ref, tenant.Change{Description: to("one")}, seen))(t)
		_, err := h.Tenants.Update(t.Context(), operator, ref, tenant.Change{Description: to("two")}, seen)
		wantError(t, err, "tenant.stale")
		if tenantry.KindOf(err) != tenantry.Stale {
			t.Errorf("kind %s", tenantry.KindOf(err))
		}
		_, err = h.Tenants.Delete(t.Context(), operator, ref, seen)
		wantError(t, err, "tenant.stale")
		must(h.Tenants.Update(t.Context(), operator, ref, tenant.Change{Description: to("two")}, "*"))(t)

		// Django counts nothing, and its writes are noticed all the same.
		for _, write := range []string{`description = 'three'`, `is_active = false`, `max_agents = 11`, `ai_token = 'ai_x'`} {
			seen := get(t, h, ref).ETag()
			h.Exec(t, `UPDATE tenants_tenantmodel SET `+write+` WHERE id = ?`, made.Key)
			_, err := h.Tenants.Update(t.Context(), operator, ref, tenant.Change{Description: to("four")}, seen)
			wantError(t, err, "tenant.stale")
		}
	})
}

func TestOfConcurrentUpdatesOneWins(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		failed := make([]error, 8)
		var all sync.WaitGroup
		for i := range failed {
			all.Go(func() {
				_, failed[i] = h.Tenants.Update(t.Context(), operator, tenant.ByKey(made.Key), tenant.Change{MaxAgents: to(int64(20 + i))}, made.ETag())
			})
		}
		all.Wait()
		won := 0
		for i, err := range failed {
			if err == nil {
				won++
				if found := get(t, h, tenant.ByKey(made.Key)); found.MaxAgents != int64(20+i) {
					t.Errorf("%d won, and max_agents is %d", 20+i, found.MaxAgents)
				}
				continue
			}
			wantError(t, err, "tenant.stale")
		}
		if won != 1 {
			t.Errorf("%d updates won, want 1", won)
		}
	})
}

// A write that the database refuses for a reason of its own is an error like any
// other. Here Django's column is narrower than the ceiling, as the settings forbid
// and a room cannot know.
func TestUpdateThatTheDatabaseRefusesIsAnError(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		made := create(t, h, "Acme")
		if h.DB.Engine() == sqldb.Postgres {
			h.Exec(t, `ALTER TABLE tenants_tenantmodel ADD CONSTRAINT small CHECK (max_agents < 20)`)
		} else {
			h.Exec(t, `CREATE TRIGGER small BEFORE UPDATE ON tenants_tenantmodel WHEN NEW.max_agents >= 20 BEGIN SELECT RAISE(ABORT, 'small'); END`)
		}
		_, err := h.Tenants.Update(t.Context(), operator, tenant.ByKey(made.Key), tenant.Change{MaxAgents: to[int64](20)}, "")
		if err == nil || tenantry.KindOf(err) == tenantry.Conflict {
			t.Errorf("error %v", err)
		}
	})
}

func TestAnothersTenantIsLikeAMissingOne(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		own, other := create(t, h, "own"), create(t, h, "other")
		s := insider(own.Key, access.Owner)
		_, missing := h.Tenants.Get(t.Context(), s, tenant.ByKey(4711))
		for _, ref := range []tenant.Ref{tenant.ByKey(other.Key), tenant.ByID(other.ID), tenant.ByName("other")} {
			for name, act := range map[string]func() (tenant.Tenant, error){
				"get": func() (tenant.Tenant, error) { return h.Tenants.Get(t.Context(), s, ref) },
				"update": func() (tenant.Tenant, error) {
					return h.Tenants.Update(t.Context(), s, ref, tenant.Change{Name: to("x")}, "")
				},
				"suspend":  func() (tenant.Tenant, error) { return h.Tenants.Suspend(t.Context(), s, ref, "x") },
				"activate": func() (tenant.Tenant, error) { return h.Tenants.Activate(t.Context(), s, ref) },
				"approve":  func() (tenant.Tenant, error) { return h.Tenants.Approve(t.Context(), s, ref) },
				"delete":   func() (tenant.Tenant, error) { return h.Tenants.Delete(t.Context(), s, ref, "") },
			} {
				_, err := act()
				if d := cmp.Diff(missing.Error(), err.Error()); d != "" {
					t.Errorf("%s: missing (-), another's (+):\n%s", name, d)
				}
			}
		}
		list := must(h.Tenants.List(t.Context(), s, tenant.Query{}))(t)
		if len(list.Items) != 1 || list.Items[0].Key != own.Key || list.NextCursor != "" {
			t.Errorf("%+v", list)
		}
		if d := cmp.Diff(other, get(t, h, tenant.ByKey(other.Key)), comparable); d != "" {
			t.Errorf("changed:\n%s", d)
		}
	})
}

func TestOnlyOperatorsChangeLimitsAndStatus(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		own := create(t, h, "own")
		ref, owner := tenant.ByKey(own.Key), insider(own.Key, access.Owner)
		forbidden := func(what string, err error) {
			t.Helper()
			if tenantry.KindOf(err) != tenantry.Forbidden {
				t.Errorf("%s: %v, want Forbidden", what, err)
			}
		}
		renamed := must(h.Tenants.Update(t.Context(), owner, ref, tenant.Change{Name: to("renamed"), Model: to("gpt-4")}, own.ETag()))(t)
		if renamed.Name != "renamed" || renamed.Model != "gpt-4" {
			t.Errorf("%+v", renamed)
		}
		for name, c := range map[string]tenant.Change{
			"max_agents": {MaxAgents: to[int64](1)}, "max_documents": {MaxDocuments: to[int64](1)}, "max_storage_mb": {MaxStorageMB: to[int64](1)},
		} {
			_, err := h.Tenants.Update(t.Context(), owner, ref, c, "")
			forbidden(name, err)
		}
		_, err := h.Tenants.Suspend(t.Context(), owner, ref, "x")
		forbidden("suspend", err)
		_, err = h.Tenants.Activate(t.Context(), owner, ref)
		forbidden("activate", err)
		_, err = h.Tenants.Approve(t.Context(), owner, ref)
		forbidden("approve", err)
		_, err = h.Tenants.Delete(t.Context(), owner, ref, "")
		forbidden("delete", err)
		_, err = h.Tenants.Create(t.Context(), owner, tenant.Draft{Name: "another"})
		forbidden("create", err)
		_, err = h.Tenants.Count(t.Context(), owner)
		forbidden("count", err)
		_, err = h.Tenants.DueForRemoval(t.Context(), owner)
		forbidden("due", err)
		_, err = h.Tenants.Update(t.Context(), insider(own.Key, access.Viewer), ref, tenant.Change{Name: to("x")}, "")
		forbidden("a viewer's update", err)

		stranger := tenantry.Scope{}
		_, err = h.Tenants.List(t.Context(), stranger, tenant.Query{})
		wantError(t, err, "access.unauthenticated")
		_, err = h.Tenants.Get(t.Context(), stranger, ref)
		wantError(t, err, "tenant.not_found")
		if d := cmp.Diff(renamed, get(t, h, ref), comparable); d != "" {
			t.Errorf("changed:\n%s", d)
		}
	})
}
