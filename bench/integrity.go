package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// integrity: a check of everything on a database in order, with three people to a
// tenant and sealed columns; and what the checks of an item of a data migration
// cost, which must not grow with the database.
func (b *bench) integrity(ctx context.Context, engine sqldb.Engine) error {
	for _, tenants := range []int{b.tenants / 10, b.tenants} {
		d, err := b.peopled(ctx, engine, tenants)
		if err != nil {
			return err
		}
		if err := b.checkIntegrity(ctx, d, tenants); err != nil {
			return err
		}
		d.drop()
	}
	return nil
}

func (b *bench) checkIntegrity(ctx context.Context, d database, tenants int) error {
	fmt.Printf("\ncheck tenants, %d tenants, %d profiles, %d sealed tokens, %s (%d runs)\n", tenants, 3*tenants, 2*tenants, d.engine, b.runs)
	if d.engine == sqldb.Postgres {
		fmt.Println("  tables that were never analysed")
		if err := b.checkSome(ctx, d, tenants); err != nil {
			return err
		}
		fmt.Println("  and now they are")
	}
	if err := analyse(ctx, d); err != nil {
		return err
	}
	for _, args := range [][]string{{"manage", "check", "tenants"}, {"manage", "analyze_user_profiles"}} {
		var all []figures
		for i := range b.runs + 1 {
			f, err := measure(b.tenantry(d, args...))
			if err != nil {
				return err
			}
			if i > 0 {
				all = append(all, f)
			}
		}
		fmt.Println("  " + args[1])
		print("tenantry", all)
	}
	return b.checkSome(ctx, d, tenants)
}

// checkSome asks about few tenants in the middle, inside a process.
func (b *bench) checkSome(ctx context.Context, d database, tenants int) error {
	var s app.Settings
	if err := config.Load(&s, app.Sources("", nil, []config.Given{{Key: "data_dir", Value: b.dir}, {Key: "database.url", Value: d.url},
		{Key: "tokens.keyset_file", Value: b.dir + "/keyset.json"}})); err != nil {
		return err
	}
	a, err := app.NewProgram(s, time.Now, rand.Reader).Open(ctx, sqldb.MustExist)
	if err != nil {
		return err
	}
	defer a.Close()
	for _, n := range []int{1, 100, 5000} {
		keys := make([]tenantry.TenantKey, min(n, tenants))
		for i := range keys {
			keys[i] = tenantry.TenantKey(1 + (tenants/2+i*7)%tenants)
		}
		var all []figures
		for i := range b.runs + 3 {
			began := time.Now()
			if err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
				found, err := a.Integrity.FindingsIn(ctx, tx, keys)
				if err == nil && len(found) > 0 {
					err = fmt.Errorf("%d findings, the first %+v", len(found), found[0])
				}
				return err
			}); err != nil {
				return err
			}
			if i > 2 {
				all = append(all, figures{wall: time.Since(began)})
			}
		}
		lo, hi := extremes(all)
		fmt.Printf("  FindingsIn, %d of them: %.1f ms [%.1f … %.1f]\n", len(keys), ms(median(all).wall), ms(lo), ms(hi))
	}
	return nil
}

// peopled is a database in order: tokens are sealed, and of every tenant's three
// people one administers it.
func (b *bench) peopled(ctx context.Context, engine sqldb.Engine, tenants int) (database, error) {
	full, err := b.filled(ctx, engine, 2*tenants)
	if err != nil {
		return database{}, err
	}
	d, err := b.copyOf(ctx, full.database)
	if err != nil {
		return d, err
	}
	if _, err := measure(b.tenantry(d, "manage", "encrypt_tenant_tokens")); err != nil {
		return d, err
	}
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return d, err
	}
	defer db.Close()
	now, n := time.Now().UTC(), 3*tenants
	grants := []string{`{}`, `{"can_create_agents": true}`, `{"can_create_agents": true, "can_manage_documents": false}`}
	zones, roles := []string{"America/Santiago", "UTC", "Europe/Madrid"}, []string{"admin", "member", "member"}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, t := range []table{
			{"auth_user", []string{"id", "password", "is_superuser", "username", "first_name", "last_name", "email", "is_staff", "is_active", "date_joined"}, n,
				func(i int) []any {
					return []any{int64(i + 1), "pbkdf2_sha256$600000$salt$hash", false, fmt.Sprintf("user%07d", i), "", "", "", false, true, now}
				}},
			{"tenants_userprofile", []string{"id", "phone", "avatar", "bio", "language", "timezone", "notifications_enabled", "is_tenant_admin", "permissions", "created_at", "updated_at", "tenant_id", "user_id"}, n,
				func(i int) []any {
					return []any{int64(i + 1), "+56912345678", "", "", "es", zones[i%3], true, i%3 == 0, sqldb.JSON(grants[i%3]), now, now, int64(i/3 + 1), int64(i + 1)}
				}},
			{"tenantry_user", []string{"user_id", "public_id"}, n,
				func(i int) []any { return []any{int64(i + 1), tenantry.NewUserID(now, rand.Reader).String()} }},
			{"tenantry_membership", []string{"tenant_id", "user_id", "role", "created_at"}, n,
				func(i int) []any { return []any{int64(i/3 + 1), int64(i + 1), roles[i%3], now} }},
		} {
			if _, err := tx.Load(ctx, t.name, t.columns, func(yield func([]any) bool) {
				for i := range t.rows {
					if !yield(t.row(i)) {
						return
					}
				}
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return d, err
}

// analyse does what the engine's own upkeep would have done to a database in use.
func analyse(ctx context.Context, d database) error {
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Raw(ctx, "ANALYZE")
		return err
	})
}
