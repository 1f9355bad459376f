package integrity_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/flow/integrity"
)

func fix(t testing.TB, h apptest.House, r integrity.Request) []tenantry.Finding {
	t.Helper()
	done, err := h.Integrity.Fix(t.Context(), h.SignIn.Console("root"), r)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func counts(found []tenantry.Finding) map[string]int64 {
	all := map[string]int64{}
	for _, f := range found {
		all[f.Code] += f.Count
	}
	return all
}

func TestR058_R128_WhatCanBePutRightIsAndIsRecorded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		a, b := arrive(t, h, "a").Tenant.Key, arrive(t, h, "b").Tenant.Key
		h.Exec(t, `UPDATE tenants_tenantmodel SET ai_token = '' WHERE id = ?`, a)
		h.Exec(t, `UPDATE tenants_tenantmodel SET is_active = ? WHERE id = ?`, false, a)
		h.Exec(t, `UPDATE tenants_userprofile SET is_tenant_admin = ? WHERE tenant_id = ?`, false, b)
		h.Exec(t, `DELETE FROM tenantry_token_digest WHERE tenant_id = ?`, b)
		h.Exec(t, `UPDATE tenantry_token SET current_version = 9 WHERE tenant_id = ? AND kind = 'cwu'`, b)
		h.Exec(t, `DELETE FROM tenantry_user WHERE user_id IN (SELECT user_id FROM tenants_userprofile WHERE tenant_id = ?)`, a)

		own := tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "eve"}, a, tenantry.Permissions()...)
		if _, err := h.Integrity.Fix(t.Context(), own, integrity.Request{}); tenantry.KindOf(err) != tenantry.Forbidden {
			t.Errorf("somebody else than an operator: %v", err)
		}
		done := counts(fix(t, h, integrity.Request{Only: a}))
		if done["token.missing"] != 1 || done["tenant.status_differs"] != 1 || done["user.not_registered"] != 1 || done["token.not_in_directory"] != 0 {
			t.Errorf("of a alone: %v", done)
		}
		done = counts(fix(t, h, integrity.Request{}))
		if done["token.not_in_directory"] != 2 || done["token.wrong_count"] != 1 || done["user.role_differs"] != 1 || len(done) != 3 {
			t.Errorf("of all: %v", done)
		}
		for _, code := range []string{"tenant.status_differs", "user.not_registered", "user.not_a_member", "user.role_differs", "token.not_in_directory", "token.wrong_count"} {
			if n := h.Number(t, `SELECT count(*) FROM tenantry_audit WHERE action = 'integrity.repaired' AND subject = ?`, code); n != 1 {
				t.Errorf("%d records of the repair of %s", n, code)
			}
		}
		// Nothing is left but that b has no administrator, which is for somebody to decide.
		if left := codes(check(t, h)); !slices.Equal(left, []string{"notice user.tenant_without_admin"}) {
			t.Errorf("left: %v", left)
		}
		if again := fix(t, h, integrity.Request{}); len(again) != 0 {
			t.Errorf("once more: %+v", again)
		}
	})
}

func TestR129_OrphanProfilesGoAndNothingElse(t *testing.T) {
	t.Parallel()
	const testdata = "../../../test/testdata/django/"
	for engine, load := range map[sqldb.Engine]func() sqldbtest.Database{
		sqldb.SQLite: func() sqldbtest.Database { return sqldbtest.LoadSQLite(t, testdata+"small_dj42.sqlite3") },
		sqldb.Postgres: func() sqldbtest.Database {
			return sqldbtest.LoadPostgres(t, testdata+"small_dj42.pg.sql", testdata+"orphan.pg.sql")
		},
	} {
		h := apptest.Open(t, load())
		before := counts(check(t, h))
		profiles := h.Number(t, `SELECT count(*) FROM tenants_userprofile`)
		orphans := before["user.orphan_profile"]
		a, found, err := h.Integrity.Profiles(t.Context(), h.SignIn.Console("root"))
		if err != nil || a.OrphanProfiles != orphans || orphans == 0 || a.Profiles != profiles || a.WithoutProfile != before["user.no_profile"] || len(found) == 0 {
			t.Errorf("%s: R088: %+v, %v, before %v", engine, a, err, before)
		}
		only := integrity.Request{Codes: []string{"user.orphan_profile"}}
		if planned, _ := only.Plan(check(t, h)); len(planned) != 1 || planned[0].Count != orphans {
			t.Errorf("%s: planned %+v", engine, planned)
		}
		if done := fix(t, h, only); len(done) != 1 || done[0].Count != orphans {
			t.Errorf("%s: done %+v", engine, done)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenants_userprofile`); n != profiles-orphans {
			t.Errorf("%s: %d profiles of %d", engine, n, profiles)
		}
		delete(before, "user.orphan_profile")
		after := counts(check(t, h))
		for code, n := range before {
			if after[code] != n {
				t.Errorf("%s: %s was %d and is %d", engine, code, n, after[code])
			}
		}
	}
}

func TestOfSeveralServersOneChecksEachDay(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		s := h.SignIn.System("integrity")
		if _, err := h.Integrity.Last(t.Context(), s); tenantry.KindOf(err) != tenantry.NotFound {
			t.Errorf("before any: %v", err)
		}
		houses := []apptest.House{h, h.Reopen(t), h.Reopen(t)}
		made := func() (n int) {
			var mutex sync.Mutex
			var all sync.WaitGroup
			for _, one := range houses {
				all.Go(func() {
					_, due, err := one.Integrity.Nightly(t.Context(), s, 3)
					mutex.Lock()
					defer mutex.Unlock()
					if err != nil {
						t.Error(err)
					}
					if due {
						n++
					}
				})
			}
			all.Wait()
			return n
		}
		if n := made(); n != 1 {
			t.Errorf("%d checks", n)
		}
		h.Pass(14 * time.Hour) // two in the morning
		if n := made(); n != 0 {
			t.Errorf("%d checks before the hour", n)
		}
		h.Pass(2 * time.Hour)
		if n := made(); n != 1 {
			t.Errorf("%d checks on the next day", n)
		}
		last, err := h.Integrity.Last(t.Context(), s)
		if err != nil || last.Findings == nil || last.Finished == nil || last.Started.Day() != 11 {
			t.Errorf("%+v, %v", last, err)
		}
	})
}
