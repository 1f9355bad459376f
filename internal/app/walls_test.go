package app_test

import (
	"context"
	"slices"
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/onboard"
)

// onPostgres runs fn in a house with two customers, whose administrators are called
// as they are. SQLite has no walls.
func onPostgres(t *testing.T, fn func(t *testing.T, h apptest.House, acme, other tenant.Tenant)) {
	t.Helper()
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		if h.DB.Engine() != sqldb.Postgres {
			return
		}
		arrive := func(name string) tenant.Tenant {
			made, err := h.Onboard.Run(t.Context(), h.SignIn.Console("root"), onboard.Request{Tenant: tenant.Draft{Name: name}, Admin: &user.Draft{Username: name}})
			if err != nil {
				t.Fatal(err)
			}
			return made.Tenant
		}
		fn(t, h, arrive("acme"), arrive("other"))
	})
}

// An operator's scope asks for everything and filters nothing: what it does not see
// behind a wall, the wall alone keeps from it.
func TestR117_WallsHoldWithoutTheProgramsFilters(t *testing.T) {
	onPostgres(t, func(t *testing.T, h apptest.House, acme, other tenant.Tenant) {
		ctx, s := t.Context(), h.SignIn.Console("root").Behind(acme.Key)
		tenants, err := h.Tenants.List(ctx, s, tenant.Query{})
		if err != nil || len(tenants.Items) != 1 || tenants.Items[0].Key != acme.Key {
			t.Errorf("tenants %+v, %v", tenants.Items, err)
		}
		people, err := h.Users.List(ctx, s, user.Query{})
		if err != nil || len(people.Items) != 1 || people.Items[0].Username != "acme" {
			t.Errorf("people %+v, %v", people.Items, err)
		}
		for what, try := range map[string]func() error{
			"get":    func() error { _, err := h.Tenants.Get(ctx, s, tenant.ByKey(other.Key)); return err },
			"name":   func() error { _, err := h.Tenants.Get(ctx, s, tenant.ByName("other")); return err },
			"change": func() error { _, err := h.Tenants.Suspend(ctx, s, tenant.ByKey(other.Key), "x"); return err },
			"person": func() error { _, err := h.Users.Get(ctx, s, user.ByUsername("other")); return err },
			"member": func() error {
				_, err := h.Users.AddMember(ctx, s, acme.Key, user.ByUsername("other"), "viewer")
				return err
			},
		} {
			if err := try(); tenantry.KindOf(err) != tenantry.NotFound {
				t.Errorf("%s: %v, want NotFound", what, err)
			}
		}
	})
}

// Every table that holds rows of tenants shows those of one, and takes no others.
func TestR117_EveryTableOfTenantsHasItsWall(t *testing.T) {
	onPostgres(t, func(t *testing.T, h apptest.House, acme, other tenant.Tenant) {
		s := h.SignIn.Console("root").Behind(acme.Key)
		var tables []string
		column := `SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
			WHERE c.table_schema = current_schema() AND c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE'`
		err := h.DB.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
			tables, err = sqldb.All(t.Context(), tx, func(r *sqldb.Rows) (name string, err error) { return name, r.Scan(&name) }, column)
			return err
		})
		if err != nil || len(tables) < 15 {
			t.Fatalf("%d tables, %v", len(tables), err)
		}
		closed := []string{}
		for _, table := range tables {
			var n int64
			err := h.DB.As(s).Read(t.Context(), func(tx *sqldb.Tx) error {
				return tx.Get(t.Context(), `SELECT count(*) FROM `+table+` WHERE tenant_id <> ?`, []any{acme.Key}, &n)
			})
			switch {
			case tenantry.KindOf(err) == tenantry.Unavailable: // no right to look at all
				closed = append(closed, table)
			case err != nil || n != 0:
				t.Errorf("%s: %d rows of others, %v", table, n, err)
			}
		}
		if slices.Contains(closed, "tenantry_token") || !slices.Contains(closed, "tenantry_rollout_item") {
			t.Errorf("closed: %v", closed)
		}
		for _, write := range []string{
			`INSERT INTO tenantry_audit (tenant_id, event_id, at, actor_kind, actor_id, actor_name, action, subject, detail) SELECT ?, 'evt_x', at, '', '', '', '', '', '{}' FROM tenantry_audit LIMIT 1`,
			`UPDATE tenantry_membership SET tenant_id = ?`,
			`UPDATE tenants_userprofile SET tenant_id = ?`,
		} {
			err := h.DB.As(s).Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(t.Context(), write, other.Key)
				return err
			})
			if tenantry.KindOf(err) != tenantry.Unavailable {
				t.Errorf("%s: %v", write, err)
			}
		}
		for _, secret := range []string{`SELECT password FROM auth_user`, `SELECT name FROM tenantry_operator`, `DELETE FROM tenantry_audit`, `SELECT digest FROM tenantry_session_secret`} {
			err := h.DB.As(s).Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(t.Context(), secret)
				return err
			})
			if tenantry.KindOf(err) != tenantry.Unavailable {
				t.Errorf("%s: %v", secret, err)
			}
		}
	})
}

// A transaction that has not said for whom it works can do nothing, and what it said
// ends with it, whoever uses the connection next.
func TestNothingOfACallerStaysOnTheConnection(t *testing.T) {
	onPostgres(t, func(t *testing.T, h apptest.House, acme, other tenant.Tenant) {
		for range 20 {
			for _, key := range []tenantry.TenantKey{acme.Key, other.Key} {
				s := h.SignIn.Console("root").Behind(key)
				found, err := h.Tenants.List(t.Context(), s, tenant.Query{})
				if err != nil || len(found.Items) != 1 || found.Items[0].Key != key {
					t.Fatalf("tenants %+v, %v", found.Items, err)
				}
				if err := h.DB.Outside(t.Context(), `SELECT count(*) FROM tenants_tenantmodel`); tenantry.KindOf(err) != tenantry.Unavailable {
					t.Fatalf("the login itself reads tenants: %v", err)
				}
			}
		}
	})
}

func TestServingIsRefusedWithoutWalls(t *testing.T) {
	onPostgres(t, func(t *testing.T, h apptest.House, _, _ tenant.Tenant) {
		p := h.Program
		p.Settings.Listen, p.Settings.Operations.Listen = "127.0.0.1:0", "127.0.0.1:0"
		serves := func() error {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			return p.Serve(ctx, app.ServeOptions{NoMigrate: true, Catalog: locale.New()}, func(app.Serving) { stop() })
		}
		for _, breach := range []struct{ down, up string }{
			{`ALTER POLICY tenantry_tenant ON tenantry_token USING (true)`, ``},
			{`ALTER TABLE tenantry_membership NO FORCE ROW LEVEL SECURITY`, ``},
			{`ALTER TABLE tenants_userprofile DISABLE ROW LEVEL SECURITY`, ``},
			{`GRANT SELECT ON tenantry_operator TO tenantry_test_tenants`, ``},
			{`CREATE POLICY odd ON tenantry_audit TO tenantry_test_tenants USING (true)`, ``},
			{`CREATE TABLE tenantry_forgotten (tenant_id bigint)`, `DROP TABLE tenantry_forgotten`},
		} {
			h.Exec(t, breach.down)
			if err := serves(); tenantry.KindOf(err) != tenantry.Unavailable {
				t.Errorf("%s: %v", breach.down, err)
			}
			if breach.up != "" {
				h.Exec(t, breach.up)
			}
			m, err := h.Program.Migrator(t.Context(), sqldb.MustExist)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.RaiseWalls(t.Context()); err != nil {
				t.Error(err)
			}
			if r, err := m.Inspect(t.Context()); err != nil || !r.Stands() {
				t.Errorf("after %s the walls are not put back: %+v, %v", breach.down, r, err)
			}
			m.Close()
		}
		if err := serves(); err != nil {
			t.Errorf("with walls: %v", err)
		}
	})
}
