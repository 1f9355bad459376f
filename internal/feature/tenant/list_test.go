package tenant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/tenant"
)

// names lists what a query finds, in its order.
func names(t testing.TB, h apptest.House, q tenant.Query) (all []string) {
	t.Helper()
	for _, found := range must(h.Tenants.List(t.Context(), operator, q))(t).Items {
		all = append(all, found.Name)
	}
	return all
}

func TestSearchFindsPartsOfNamesWhateverTheirCase(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, name := range []string{"Viña Ñandú", "vina nandu", "100% Acme", "100 Acme", "a_b", "axb", `back\slash`} {
			create(t, h, name)
		}
		for search, want := range map[string][]string{
			"":      {"Viña Ñandú", "vina nandu", "100% Acme", "100 Acme", "a_b", "axb", `back\slash`},
			"ÑANDÚ": {"Viña Ñandú"},
			"aCmE":  {"100% Acme", "100 Acme"},
			"0%":    {"100% Acme"},
			"A_B":   {"a_b"},
			`\`:     {`back\slash`},
			"none":  nil,
		} {
			if d := cmp.Diff(want, names(t, h, tenant.Query{Search: search})); d != "" {
				t.Errorf("%q: want (-), found (+):\n%s", search, d)
			}
		}
	})
}

func TestListIsOfOneStatusAndModel(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		create(t, h, "active")
		for _, d := range []tenant.Draft{{Name: "pending", Pending: true}, {Name: "quarantined", Quarantine: true}, {Name: "suspended"}, {Name: "deleting", Model: "gpt-4"}} {
			must(h.Tenants.Create(t.Context(), operator, d))(t)
		}
		must(h.Tenants.Suspend(t.Context(), operator, tenant.ByName("suspended"), "x"))(t)
		must(h.Tenants.Delete(t.Context(), operator, tenant.ByName("deleting"), ""))(t)
		for _, status := range tenant.Statuses() {
			if d := cmp.Diff([]string{string(status)}, names(t, h, tenant.Query{Status: status})); d != "" {
				t.Errorf("%s: want (-), found (+):\n%s", status, d)
			}
		}
		counts := must(h.Tenants.Count(t.Context(), operator))(t)
		for _, status := range tenant.Statuses() {
			if counts[status] != 1 {
				t.Errorf("%d tenants are %s, want 1", counts[status], status)
			}
		}
		if d := cmp.Diff([]string{"deleting"}, names(t, h, tenant.Query{Model: "gpt-4"})); d != "" {
			t.Error(d)
		}
		// Django's word between active and suspended.
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = NOT is_active WHERE name IN ('active', 'suspended', 'pending')`)
		if d := cmp.Diff([]string{"active"}, names(t, h, tenant.Query{Status: tenant.Suspended})); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"pending"}, names(t, h, tenant.Query{Status: tenant.Pending})); d != "" {
			t.Error(d)
		}
	})
}

func TestListIsSorted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, name := range []string{"b", "c", "a"} {
			create(t, h, name)
		}
		for sort, want := range map[tenant.Sort][]string{tenant.Oldest: {"b", "c", "a"}, tenant.Newest: {"a", "c", "b"}, tenant.Name: {"a", "b", "c"}} {
			if d := cmp.Diff(want, names(t, h, tenant.Query{Sort: sort})); d != "" {
				t.Errorf("%q: want (-), found (+):\n%s", sort, d)
			}
		}
	})
}

// Others write while somebody turns the pages: who was there from the beginning to
// the end is seen once, and nobody twice.
func TestPagesLoseAndRepeatNobodyWhileOthersWrite(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		var stay []string
		for i := range 10 {
			name := fmt.Sprintf("m%d <&> \"ñ\"", i*7%10)
			create(t, h, name)
			if i != 4 {
				stay = append(stay, name)
			}
		}
		leaves := get(t, h, tenant.ByName(fmt.Sprintf("m%d <&> \"ñ\"", 4*7%10)))
		for turn, sort := range []tenant.Sort{tenant.Oldest, tenant.Newest, tenant.Name} {
			var seen []string
			q := tenant.Query{Search: "m", Sort: sort, Page: tenantry.Page{Limit: 3}}
			for page := 0; ; page++ {
				list := must(h.Tenants.List(t.Context(), operator, q))(t)
				for _, found := range list.Items {
					seen = append(seen, found.Name)
				}
				if list.NextCursor == "" {
					break
				}
				if len(list.Items) != 3 || page > 20 {
					t.Fatalf("page %d of %d items", page, len(list.Items))
				}
				// Before and behind the place, in every order, but not for ever.
				for _, name := range []string{"a m", "m", "z m"} {
					if page < 3 {
						create(t, h, fmt.Sprintf("%s %d %d", name, turn, page))
					}
				}
				h.Exec(t, `UPDATE tenants_tenantmodel SET name = ? WHERE id = ?`, fmt.Sprintf("renamed %d %d", turn, page), leaves.Key)
				q.Page.Cursor = list.NextCursor
			}
			for _, name := range stay {
				if n := strings.Count("\n"+strings.Join(seen, "\n")+"\n", "\n"+name+"\n"); n != 1 {
					t.Errorf("%q: %s seen %d times", sort, name, n)
				}
			}
			slices.Sort(seen)
			if len(slices.Compact(slices.Clone(seen))) != len(seen) {
				t.Errorf("%q: seen twice: %q", sort, seen)
			}
			h.Exec(t, `UPDATE tenants_tenantmodel SET name = ? WHERE id = ?`, leaves.Name, leaves.Key)
		}
	})
}

func TestLastPageHasNoCursorHoweverFullItIs(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		for _, name := range []string{"a", "b", "c", "d"} {
			create(t, h, name)
		}
		for limit, want := range map[int]struct {
			items int
			more  bool
		}{3: {3, true}, 4: {4, false}, 5: {4, false}, 0: {4, false}, -1: {4, false}, 1 << 40: {4, false}} {
			list := must(h.Tenants.List(t.Context(), operator, tenant.Query{Page: tenantry.Page{Limit: limit}}))(t)
			if len(list.Items) != want.items || (list.NextCursor != "") != want.more {
				t.Errorf("limit %d: %d items, cursor %q", limit, len(list.Items), list.NextCursor)
			}
		}
	})
}

func TestListRefusesWhatMeansNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		create(t, h, "Acme")
		for field, q := range map[string]tenant.Query{
			"status field.not_one_of": {Status: "asleep"},
			"sort field.not_one_of":   {Sort: "-name"},
			"search field.not_text":   {Search: "a\x00"},
			"search field.too_long":   {Search: strings.Repeat("x", 256)},
			"model field.not_text":    {Model: "gpt\xff"},
		} {
			_, err := h.Tenants.List(t.Context(), operator, q)
			wantError(t, err, "tenant.invalid", field)
		}
		for _, sort := range []tenant.Sort{tenant.Oldest, tenant.Newest, tenant.Name} {
			for _, cursor := range []string{"x", "[]", `{"k": "1"}`, `{"k": 1, "n": "\u0000"}`, `{"k": 1e99}`} {
				_, err := h.Tenants.List(t.Context(), operator, tenant.Query{Sort: sort, Page: tenantry.Page{Cursor: cursor}})
				wantError(t, err, "page.bad_cursor")
			}
			// A place that nobody has ever been at is one all the same.
			list := must(h.Tenants.List(t.Context(), operator, tenant.Query{Sort: sort, Page: tenantry.Page{Cursor: `{"k": 9223372036854775807, "n": "\uffff"}`}}))(t)
			if want := sort == tenant.Newest; (len(list.Items) == 1) != want {
				t.Errorf("%q: %d items behind the end", sort, len(list.Items))
			}
		}
	})
}
