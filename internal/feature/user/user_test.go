package user_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/user"
)

func TestR107_SeedsUserAndProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "Test Tenant")
		made := must(h.users.Create(t.Context(), operator, user.Draft{
			Username: "testuser", Email: "test@example.com", Password: tenantry.NewSecret("Tr0ub4dor&3x"), Tenant: acme,
			Profile: user.ProfileChange{Language: to("es"), Timezone: to("America/Santiago"), IsTenantAdmin: to(true)},
		}))(t)
		p := must(h.users.Get(t.Context(), operator, user.ByUsername("testuser")))(t)
		if d := cmp.Diff(made, p, cmp.AllowUnexported(tenantry.UserID{})); d != "" {
			t.Errorf("made (-) and read (+):\n%s", d)
		}
		if p.Profile == nil || p.Profile.Tenant != acme || p.Profile.Language != "es" || p.Profile.Timezone != "America/Santiago" || !p.Profile.IsTenantAdmin {
			t.Errorf("profile %+v", p.Profile)
		}
		if m := must(h.users.Memberships(t.Context(), operator, p.Key))(t); len(m) != 1 || m[0].Role != user.RoleAdmin || !m[0].Home || m[0].Tenant != acme {
			t.Errorf("memberships %+v", m)
		}
	})
}

func TestR111_SeedsCompleteProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "Complete Tenant")
		h.person(t, "completeuser", acme)
		p := must(h.users.SaveProfile(t.Context(), operator, acme, user.ByUsername("completeuser"), user.ProfileChange{
			Phone: to("+56912345678"), Bio: to("Test user bio"), Language: to("es"), Timezone: to("America/Santiago"),
			NotificationsEnabled: to(true), IsTenantAdmin: to(true),
			Permissions: to(sqldb.JSON(`{"can_create_agents": true, "can_manage_documents": true}`)),
		}))(t)
		f := p.Profile
		if f.Phone != "+56912345678" || f.Bio != "Test user bio" || f.Language != "es" || f.Timezone != "America/Santiago" ||
			!f.NotificationsEnabled || !f.IsTenantAdmin || f.Tenant != acme {
			t.Errorf("profile %+v", f)
		}
		if m, ok := f.Permissions.Object(); !ok || string(m["can_create_agents"]) != "true" || string(m["can_manage_documents"]) != "true" {
			t.Errorf("permissions %s", f.Permissions)
		}
	})
}

func TestR040_R054_OnePersonHasOneProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		one, two := h.tenant(t, "one"), h.tenant(t, "two")
		p := h.person(t, "ana", one)
		_, err := h.users.SaveProfile(t.Context(), operator, two, user.ByKey(p.Key), user.ProfileChange{Bio: to("x")})
		wantError(t, err, "user.home_elsewhere", "")
		// Another tenant is a membership.
		must(h.users.AddMember(t.Context(), operator, two, user.ByKey(p.Key), "viewer"))(t)
		if n := h.count(t, `SELECT count(*) FROM tenants_userprofile WHERE user_id = ?`, p.Key); n != 1 {
			t.Errorf("%d profiles, want 1", n)
		}
		if m := must(h.users.Memberships(t.Context(), operator, p.Key))(t); len(m) != 2 || !m[0].Home || m[1].Home || m[1].Role != "viewer" {
			t.Errorf("memberships %+v", m)
		}
	})
}

func TestR041_ProfileNeedsATenantThatExists(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.person(t, "ana", 0)
		_, err := h.users.SaveProfile(t.Context(), operator, 4711, user.ByKey(p.Key), user.ProfileChange{})
		wantError(t, err, "tenant.not_found", "")
	})
}

func TestR042_R043_R044_R045_R046_R049_ProfileFieldsAreCheckedOnWrite(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		p := h.person(t, "ana", acme)
		for name, c := range map[string]struct {
			change user.ProfileChange
			field  string // "" for fine
		}{
			"R042 phone":                 {user.ProfileChange{Phone: to("+56912345678")}, ""},
			"R042 no phone":              {user.ProfileChange{Phone: to("")}, ""},
			"R042 phone with blanks":     {user.ProfileChange{Phone: to("+56 9 1234 5678")}, "phone user.bad_phone"},
			"R042 phone without country": {user.ProfileChange{Phone: to("912345678")}, "phone user.bad_phone"},
			"R042 phone of 16 digits":    {user.ProfileChange{Phone: to("+1234567890123456")}, "phone user.bad_phone"},
			"R042 country code 0":        {user.ProfileChange{Phone: to("+0912345678")}, "phone user.bad_phone"},
			"R043 avatar":                {user.ProfileChange{Avatar: to("avatars/Mi_Foto_ñ_1.JPG")}, ""},
			"R043 avatar outside":        {user.ProfileChange{Avatar: to("avatars/../../etc/passwd")}, "avatar user.bad_avatar"},
			"R043 avatar absolute":       {user.ProfileChange{Avatar: to("/etc/passwd")}, "avatar user.bad_avatar"},
			"R043 avatar of 101":         {user.ProfileChange{Avatar: to("avatars/" + strings.Repeat("a", 93))}, "avatar field.too_long"},
			"R044 bio":                   {user.ProfileChange{Bio: to("una línea\ny otra\t…")}, ""},
			"R044 bio with NUL":          {user.ProfileChange{Bio: to("a\x00b")}, "bio field.not_text"},
			"R044 bio not UTF-8":         {user.ProfileChange{Bio: to("a\xffb")}, "bio field.not_text"},
			"R044 bio too long":          {user.ProfileChange{Bio: to(strings.Repeat("ñ", 10_001))}, "bio field.too_long"},
			"R045 language":              {user.ProfileChange{Language: to("es-CL")}, ""},
			"R045 language with script":  {user.ProfileChange{Language: to("zh-Hant-TW")}, ""},
			"R045 language of POSIX":     {user.ProfileChange{Language: to("es_CL")}, "language user.bad_language"},
			"R045 language unknown":      {user.ProfileChange{Language: to("xx-ZZZZZ")}, "language user.bad_language"},
			"R045 no language":           {user.ProfileChange{Language: to("")}, "language user.bad_language"},
			"R045 language of 11":        {user.ProfileChange{Language: to("zh-Hant-TWX")}, "language user.bad_language"},
			"R046 timezone":              {user.ProfileChange{Timezone: to("America/Argentina/Buenos_Aires")}, ""},
			"R046 timezone Local":        {user.ProfileChange{Timezone: to("Local")}, "timezone user.bad_timezone"},
			"R046 no timezone":           {user.ProfileChange{Timezone: to("")}, "timezone user.bad_timezone"},
			"R046 timezone unknown":      {user.ProfileChange{Timezone: to("America/Atlantis")}, "timezone user.bad_timezone"},
			"R046 timezone of a path":    {user.ProfileChange{Timezone: to("../../etc/passwd")}, "timezone user.bad_timezone"},
			"R049 permissions":           {user.ProfileChange{Permissions: to(sqldb.JSON(`{"can_create_agents": false}`))}, ""},
			"R049 permissions unknown":   {user.ProfileChange{Permissions: to(sqldb.JSON(`{"can_fly": true}`))}, "permissions user.permissions_unknown"},
			"R049 permissions of text":   {user.ProfileChange{Permissions: to(sqldb.JSON(`{"can_create_agents": "true"}`))}, "permissions user.permissions_not_boolean"},
			"R049 permissions a list":    {user.ProfileChange{Permissions: to(sqldb.JSON(`["can_create_agents"]`))}, "permissions field.not_object"},
			"R049 permissions no JSON":   {user.ProfileChange{Permissions: to(sqldb.JSON(`{`))}, "permissions field.not_object"},
		} {
			saved, err := h.users.SaveProfile(t.Context(), operator, acme, user.ByKey(p.Key), c.change)
			if c.field == "" {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if c.change.Phone != nil && saved.Profile.Phone != *c.change.Phone {
					t.Errorf("%s: %+v", name, saved.Profile)
				}
				continue
			}
			t.Log(name)
			wantError(t, err, "user.invalid", c.field)
		}
	})
}

func TestR042_R043_R044_R045_R046_R047_R048_R049_ProfileDefaultsAreDjangos(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		f := h.person(t, "ana", acme).Profile
		if f.Language != "es" || f.Timezone != "UTC" || !f.NotificationsEnabled || f.IsTenantAdmin || string(f.Permissions) != "{}" ||
			f.Phone != "" || f.Avatar != "" || f.Bio != "" {
			t.Errorf("defaults %+v", f)
		}
	})
}

func TestR050_R051_ProfileTimes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		p := h.person(t, "ana", acme)
		made := p.Profile
		h.now.Add(60)
		same := must(h.users.SaveProfile(t.Context(), operator, acme, user.ByKey(p.Key), user.ProfileChange{Language: to("es")}))(t).Profile
		if !same.UpdatedAt.Equal(made.UpdatedAt) {
			t.Error("writing what is so already moved updated_at")
		}
		changed := must(h.users.SaveProfile(t.Context(), operator, acme, user.ByKey(p.Key), user.ProfileChange{Language: to("en")}))(t).Profile
		if !changed.CreatedAt.Equal(made.CreatedAt) || changed.UpdatedAt.Sub(made.UpdatedAt).Seconds() != 60 {
			t.Errorf("made %v, %v; changed %v, %v", made.CreatedAt, made.UpdatedAt, changed.CreatedAt, changed.UpdatedAt)
		}
		if want := noon.Add(123456000); !made.CreatedAt.Equal(want) {
			t.Errorf("created at %v, want %v", made.CreatedAt, want)
		}
	})
}

// What Django stored is read as it is, and stays until somebody touches it.
func TestStoredOdditiesAreToleratedUntilTouched(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		h.exec(t, `UPDATE tenants_userprofile SET phone = 'tel. 123', language = 'xx_YY', timezone = 'Mars/Olympus' WHERE user_id = 8`)
		p := must(h.users.Get(t.Context(), operator, user.ByKey(8)))(t)
		if p.Profile.Phone != "tel. 123" || p.Profile.Language != "xx_YY" || p.Profile.Timezone != "Mars/Olympus" {
			t.Fatalf("read %+v", p.Profile)
		}
		// All of it is sent back, as a form does, with one thing changed.
		with := strings.Replace(string(p.Profile.Permissions), "{", `{"can_create_agents": true, `, 1)
		saved, err := h.users.SaveProfile(t.Context(), operator, p.Profile.Tenant, user.ByKey(8), user.ProfileChange{
			Phone: &p.Profile.Phone, Language: &p.Profile.Language, Timezone: &p.Profile.Timezone, Permissions: to(sqldb.JSON(with)), Bio: to("hola")})
		fine(t, err)
		m, _ := saved.Profile.Permissions.Object()
		if string(m["can_create_agents"]) != "true" || m["roles"] == nil || m["docs"] == nil {
			t.Errorf("permissions %s", saved.Profile.Permissions)
		}
		_, err = h.users.SaveProfile(t.Context(), operator, p.Profile.Tenant, user.ByKey(8), user.ProfileChange{
			Permissions: to(sqldb.JSON(`{"roles": ["other"]}`))})
		wantError(t, err, "user.invalid", "permissions user.permissions_unknown")
	})
}

func TestAccountsAreMadeAsDjangoDoes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		// ﬁ is one letter that NFKC spells with two.
		p := must(h.users.Create(t.Context(), operator, user.Draft{Username: "ﬁdel.ñúñez+1@x_y-z", Email: "Fidel.N@EXAMPLE.Com", FirstName: "Fidel"}))(t)
		if p.Username != "fidel.ñúñez+1@x_y-z" || p.Email != "Fidel.N@example.com" || !p.IsActive || p.IsStaff || p.IsSuperuser ||
			p.LastLogin != nil || p.Profile != nil || p.ID.IsZero() {
			t.Errorf("%+v", p)
		}
		_, err := h.users.Create(t.Context(), operator, user.Draft{Username: "fidel.ñúñez+1@x_y-z"})
		wantError(t, err, "user.username_taken", "")
		for field, d := range map[string]user.Draft{
			"username field.required":    {},
			"username user.bad_username": {Username: "two words"},
			"username field.too_long":    {Username: strings.Repeat("a", 151)},
			"email user.bad_email":       {Username: "a", Email: "Ana <ana@example.com>"},
			"email field.too_long":       {Username: "a", Email: strings.Repeat("a", 250) + "@example.com"},
			"first_name field.not_text":  {Username: "a", FirstName: "a\x00"},
			"last_name field.too_long":   {Username: "a", LastName: strings.Repeat("ñ", 151)},
		} {
			_, err := h.users.Create(t.Context(), operator, d)
			wantError(t, err, "user.invalid", field)
		}
		_, err = h.users.Create(t.Context(), operator, user.Draft{Username: strings.Repeat("a", 10<<20)})
		wantError(t, err, "user.invalid", "username field.too_long")
		_, err = h.users.Create(t.Context(), operator, user.Draft{Username: "a", Password: tenantry.NewSecret("12345678")})
		wantError(t, err, "password.unacceptable", "password password.entirely_numeric")
		if n := h.count(t, `SELECT count(*) FROM auth_user`); n != 1 {
			t.Errorf("%d accounts, want 1", n)
		}
		if n := h.count(t, `SELECT count(*) FROM auth_user WHERE password LIKE '!%' AND length(password) = 41`); n != 1 {
			t.Error("the account without a password has one that is not Django's unusable one")
		}
	})
}

func TestPeopleAreFoundByKeyIDAndUsername(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		p := must(h.users.Get(t.Context(), operator, user.ByUsername("josé.ñúñez")))(t)
		for _, text := range []string{"2", p.ID.String(), "jose\u0301.ñúñez"} { // NFD of the user name
			ref := must(user.ParseRef(text))(t)
			if found := must(h.users.Get(t.Context(), operator, ref))(t); found.Key != 2 {
				t.Errorf("%q is %+v", text, found)
			}
		}
		for _, text := range []string{"0", "-1", "99999999999999", "nobody", strings.Repeat("x", 10<<20), "", "a\x00b", "a\xffb"} {
			ref, err := user.ParseRef(text)
			if err == nil {
				_, err = h.users.Get(t.Context(), operator, ref)
			}
			wantError(t, err, "user.not_found", "")
		}
		if p.DateJoined.IsZero() || p.ID.String()[:6] == "usr_00" {
			t.Errorf("joined %v, id %s", p.DateJoined, p.ID)
		}
	})
}

func TestPeopleOfDjangoAreCompletedWhenRead(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		h.exec(t, `INSERT INTO auth_user (id, username, email, first_name, last_name, password, is_active, is_staff, is_superuser, last_login, date_joined)
			VALUES (77, 'later', '', '', '', '', true, false, false, NULL, ?)`, noon)
		h.exec(t, `INSERT INTO tenants_userprofile (user_id, tenant_id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at)
			VALUES (77, ?, '', '', '', 'es', 'UTC', true, true, '{}', ?, ?)`, acme, noon, noon)
		if m := must(h.users.Members(t.Context(), operator, acme, tenantry.Page{}))(t); len(m.Items) != 1 || m.Items[0].Role != user.RoleAdmin {
			t.Errorf("members %+v", m)
		}
		p := must(h.users.Get(t.Context(), operator, user.ByKey(77)))(t)
		if p.ID.IsZero() {
			t.Error("no public id")
		}
		// Django takes the administration away again.
		h.exec(t, `UPDATE tenants_userprofile SET is_tenant_admin = false WHERE user_id = 77`)
		if m := must(h.users.Memberships(t.Context(), operator, 77))(t); len(m) != 1 || m[0].Role != user.RoleMember {
			t.Errorf("memberships %+v", m)
		}
	})
}

func TestListSearchesAndPages(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		names := func(q user.Query) (all []string) {
			t.Helper()
			for {
				list := must(h.users.List(t.Context(), operator, q))(t)
				for _, p := range list.Items {
					if p.ID.IsZero() {
						t.Errorf("%s has no public id", p.Username)
					}
					all = append(all, p.Username)
				}
				if list.NextCursor == "" {
					return all
				}
				q.Page.Cursor = list.NextCursor
			}
		}
		h.exec(t, `UPDATE auth_user SET last_name = 'Ibáñez Ruiz' WHERE username = 'argon'`)
		everybody := names(user.Query{})
		if len(everybody) != 13 || everybody[0] != "admin" {
			t.Fatalf("%v", everybody)
		}
		for _, sort := range []user.Sort{user.Oldest, user.Newest, user.Username} {
			whole, paged := names(user.Query{Sort: sort}), names(user.Query{Sort: sort, Page: tenantry.Page{Limit: 4}})
			if d := cmp.Diff(whole, paged); d != "" || len(whole) != 13 {
				t.Errorf("sort %q: whole (-) and in pages (+):\n%s", sort, d)
			}
		}
		for text, want := range map[string][]string{
			"ÑÚÑ":             {"josé.ñúñez"},
			"taro@EXAMPLE.jp": {"太郎"},
			"maría":           {"maria"},
			"IBÁÑEZ":          {"argon"},
			"%":               nil,
			"_":               nil,
		} {
			if d := cmp.Diff(want, names(user.Query{Search: text})); d != "" {
				t.Errorf("search %q: want (-), got (+):\n%s", text, d)
			}
		}
		if d := cmp.Diff([]string{"viejo"}, names(user.Query{Active: to(false)})); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"maria", "sha1user", "argon"}, names(user.Query{Tenant: 2})); d != "" {
			t.Error(d)
		}
		_, err := h.users.List(t.Context(), operator, user.Query{Page: tenantry.Page{Cursor: "x"}})
		wantError(t, err, "page.bad_cursor", "")
		_, err = h.users.List(t.Context(), operator, user.Query{Sort: user.Username, Page: tenantry.Page{Cursor: `{"u":"\u0000"}`}})
		wantError(t, err, "page.bad_cursor", "")
		_, err = h.users.List(t.Context(), operator, user.Query{Search: strings.Repeat("x", 10<<20)})
		wantError(t, err, "user.invalid", "search field.too_long")
		_, err = h.users.List(t.Context(), operator, user.Query{Search: "a\x00b"})
		wantError(t, err, "user.invalid", "search field.not_text")
		_, err = h.users.List(t.Context(), operator, user.Query{Sort: "shoe size"})
		wantError(t, err, "user.invalid", "sort field.not_one_of")
	})
}

func TestForeignPeopleAreMissingPeople(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		one, two := h.tenant(t, "one"), h.tenant(t, "two")
		ana, ben, guest := h.person(t, "ana", one), h.person(t, "ben", two), h.person(t, "guest", two)
		must(h.users.AddMember(t.Context(), operator, one, user.ByKey(guest.Key), "member"))(t)
		admin := insider(one, "admin")
		ctx := t.Context()

		for _, p := range []user.Person{ben, {Key: 4711}} {
			ref := user.ByKey(p.Key)
			_, err := h.users.Get(ctx, admin, ref)
			wantError(t, err, "user.not_found", "")
			_, err = h.users.Deactivate(ctx, admin, ref)
			wantError(t, err, "user.not_found", "")
			wantError(t, h.users.SetPassword(ctx, admin, ref, tenantry.NewSecret("a perfectly good one")), "user.not_found", "")
			_, err = h.users.AddMember(ctx, admin, one, ref, "member")
			wantError(t, err, "user.not_found", "")
			_, err = h.users.SaveProfile(ctx, admin, one, ref, user.ProfileChange{Bio: to("x")})
			wantError(t, err, "user.not_found", "")
			wantError(t, h.users.RemoveMember(ctx, admin, one, ref), "user.not_found", "")
		}
		_, err := h.users.Members(ctx, admin, two, tenantry.Page{})
		wantError(t, err, "tenant.not_found", "")
		_, err = h.users.List(ctx, admin, user.Query{Tenant: two})
		wantError(t, err, "tenant.not_found", "")
		_, err = h.users.Create(ctx, admin, user.Draft{Username: "x", Tenant: two})
		wantError(t, err, "tenant.not_found", "")
		_, err = h.users.Create(ctx, admin, user.Draft{Username: "x"})
		wantError(t, err, "access.forbidden", "")
		_, err = h.users.Move(ctx, admin, user.ByKey(ana.Key), two, "")
		wantError(t, err, "access.forbidden", "")

		list := must(h.users.List(ctx, admin, user.Query{}))(t)
		if len(list.Items) != 2 || list.Items[0].Key != ana.Key || list.Items[1].Key != guest.Key {
			t.Errorf("list %+v", list.Items)
		}
		// A guest is seen, but not what they are at home; nor is their account ours.
		if p := must(h.users.Get(ctx, admin, user.ByKey(guest.Key)))(t); p.Profile != nil {
			t.Errorf("saw the profile %+v", p.Profile)
		}
		wantError(t, h.users.SetPassword(ctx, admin, user.ByKey(guest.Key), tenantry.NewSecret("a perfectly good one")), "user.not_at_home", "")
		_, err = h.users.Deactivate(ctx, admin, user.ByKey(guest.Key))
		wantError(t, err, "user.not_at_home", "")
		// Nor can it be made ours once they have lost their home.
		fine(t, h.write(t, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := h.users.RemoveProfilesIn(ctx, tx, operator, two)
			return err
		}))
		_, err = h.users.SaveProfile(ctx, admin, one, user.ByKey(guest.Key), user.ProfileChange{})
		wantError(t, err, "user.not_at_home", "")
		// One's own people are.
		fine(t, h.users.SetPassword(ctx, admin, user.ByKey(ana.Key), tenantry.NewSecret("a perfectly good one")))
		h.exec(t, `UPDATE auth_user SET is_staff = true WHERE id = ?`, ana.Key)
		wantError(t, h.users.SetPassword(ctx, admin, user.ByKey(ana.Key), tenantry.NewSecret("a perfectly good one")), "user.not_at_home", "")
		_, err = h.users.Get(ctx, tenantry.Scope{}, user.ByKey(ana.Key))
		wantError(t, err, "access.unauthenticated", "")
	})
}

func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		ana, boss := h.person(t, "ana", acme), h.person(t, "boss", acme)
		must(h.users.AddMember(t.Context(), operator, acme, user.ByKey(boss.Key), "owner"))(t)
		admin, ref, ctx := insider(acme, "admin"), user.ByKey(ana.Key), t.Context()

		must(h.users.AddMember(ctx, admin, acme, ref, "admin"))(t)
		_, err := h.users.AddMember(ctx, admin, acme, ref, "owner")
		wantError(t, err, "user.cannot_grant", "")
		_, err = h.users.AddMember(ctx, admin, acme, ref, "emperor")
		wantError(t, err, "user.invalid", "role user.unknown_role")
		_, err = h.users.SaveProfile(ctx, admin, acme, ref, user.ProfileChange{Permissions: to(sqldb.JSON(`{"tenants.delete": true}`))})
		wantError(t, err, "user.cannot_grant", "")
		must(h.users.SaveProfile(ctx, admin, acme, ref, user.ProfileChange{Permissions: to(sqldb.JSON(`{"tenants.delete": false, "can_create_agents": true}`))}))(t)
		// Nor takes it from who holds more.
		_, err = h.users.AddMember(ctx, admin, acme, user.ByKey(boss.Key), "member")
		wantError(t, err, "user.cannot_grant", "")
		_, err = h.users.SaveProfile(ctx, admin, acme, user.ByKey(boss.Key), user.ProfileChange{IsTenantAdmin: to(false)})
		wantError(t, err, "user.cannot_grant", "")
		_, err = h.users.SaveProfile(ctx, insider(acme, "viewer"), acme, ref, user.ProfileChange{Bio: to("x")})
		wantError(t, err, "access.forbidden", "")
	})
}

func TestRoleAndDjangosFlagKeepInStep(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		p := h.person(t, "ana", acme)
		is := func(role string, flag bool) {
			t.Helper()
			m := must(h.users.Memberships(t.Context(), operator, p.Key))(t)
			f := must(h.users.Get(t.Context(), operator, user.ByKey(p.Key)))(t).Profile
			if m[0].Role != role || f.IsTenantAdmin != flag {
				t.Errorf("role %s, is_tenant_admin %v; want %s, %v", m[0].Role, f.IsTenantAdmin, role, flag)
			}
		}
		is("member", false)
		must(h.users.AddMember(t.Context(), operator, acme, user.ByKey(p.Key), "owner"))(t)
		is("owner", true)
		must(h.users.SaveProfile(t.Context(), operator, acme, user.ByKey(p.Key), user.ProfileChange{IsTenantAdmin: to(false)}))(t)
		is("member", false)
		must(h.users.SaveProfile(t.Context(), operator, acme, user.ByKey(p.Key), user.ProfileChange{IsTenantAdmin: to(true)}))(t)
		is("admin", true)
		must(h.users.AddMember(t.Context(), operator, acme, user.ByKey(p.Key), "billing"))(t)
		is("billing", false)
	})
}

func TestMovingTakesRightsAway(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		// admin administers tenant 1 and holds both of the seed's permissions there.
		h.exec(t, `UPDATE tenants_userprofile SET permissions = ? WHERE user_id = 1`, sqldb.JSON(`{"can_create_agents": true, "color": "red"}`))
		p := must(h.users.Move(t.Context(), operator, user.ByKey(1), 2, ""))(t)
		if p.Profile.Tenant != 2 || p.Profile.IsTenantAdmin {
			t.Errorf("profile %+v", p.Profile)
		}
		if m, _ := p.Profile.Permissions.Object(); len(m) != 1 || m["color"] == nil {
			t.Errorf("permissions %s", p.Profile.Permissions)
		}
		if m := must(h.users.Memberships(t.Context(), operator, 1))(t); len(m) != 1 || m[0].Tenant != 2 || m[0].Role != "member" || !m[0].Home {
			t.Errorf("memberships %+v", m)
		}
		// sinperfil gets a first home.
		if p := must(h.users.Move(t.Context(), operator, user.ByUsername("sinperfil"), 3, "admin"))(t); p.Profile == nil || p.Profile.Tenant != 3 || !p.Profile.IsTenantAdmin {
			t.Errorf("profile %+v", p.Profile)
		}
		_, err := h.users.Move(t.Context(), operator, user.ByKey(1), 4711, "")
		wantError(t, err, "tenant.not_found", "")
		wantError(t, h.users.RemoveMember(t.Context(), operator, 2, user.ByKey(1)), "user.at_home", "")
	})
}

func TestR099_R100_EverybodyWithoutAProfileIsPlacedAsTheSeedDoes(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		p := user.Placement{Tenant: 7, Language: "es", Timezone: "America/Santiago"} // the tenant "default"
		if n := must(h.users.CountMissingProfiles(t.Context(), operator, p))(t); n != 1 {
			t.Errorf("%d to be placed, want 1", n)
		}
		create := func() (n int64) {
			t.Helper()
			fine(t, h.write(t, func(ctx context.Context, tx *sqldb.Tx) (err error) {
				n, err = h.users.CreateMissingProfilesIn(ctx, tx, operator, p)
				return err
			}))
			return n
		}
		if n := create(); n != 1 {
			t.Errorf("created %d, want 1", n)
		}
		if n := create(); n != 0 {
			t.Errorf("created %d again", n)
		}
		f := must(h.users.Get(t.Context(), operator, user.ByUsername("sinperfil")))(t).Profile
		if f == nil || f.Tenant != 7 || f.Language != "es" || f.Timezone != "America/Santiago" || !f.NotificationsEnabled || f.IsTenantAdmin ||
			string(f.Permissions) != "{}" || f.Phone != "" || f.CreatedAt.IsZero() {
			t.Errorf("profile %+v", f)
		}
		if m := must(h.users.Memberships(t.Context(), operator, 13))(t); len(m) != 1 || m[0].Role != user.RoleQuarantined {
			t.Errorf("memberships %+v", m)
		}
		// Who was in "default" before is there for good reason.
		if m := must(h.users.Memberships(t.Context(), operator, 12))(t); len(m) != 1 || m[0].Role != user.RoleMember {
			t.Errorf("memberships of somebody who was there before %+v", m)
		}
		err := h.write(t, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := h.users.CreateMissingProfilesIn(ctx, tx, operator, user.Placement{Tenant: 4711, Language: "es", Timezone: "UTC"})
			return err
		})
		wantError(t, err, "tenant.not_found", "")
	})
}

// Somebody whom a Django process put into "default" since has been placed there.
func TestPlacementTakesNobodyElseForNew(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		home := h.tenant(t, "default")
		for key := 1; key <= 2; key++ {
			h.exec(t, `INSERT INTO auth_user (id, username, email, first_name, last_name, password, is_active, is_staff, is_superuser, last_login, date_joined)
				VALUES (?, ?, '', '', '', '', true, false, false, NULL, ?)`, key, []string{"", "placed", "new"}[key], noon)
		}
		h.exec(t, `INSERT INTO tenants_userprofile (user_id, tenant_id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at)
			VALUES (1, ?, '', '', '', 'es', 'UTC', true, false, '{}', ?, ?)`, home, noon, noon)
		fine(t, h.write(t, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := h.users.CreateMissingProfilesIn(ctx, tx, operator, user.Placement{Tenant: home, Language: "es", Timezone: "America/Santiago"})
			return err
		}))
		members := must(h.users.Members(t.Context(), operator, home, tenantry.Page{}))(t).Items
		if len(members) != 2 || members[0].Role != user.RoleMember || members[1].Role != user.RoleQuarantined {
			t.Errorf("%+v", members)
		}
	})
}

func TestPlacementOfOneTenantConcernsItsMembersOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		member, chief, other := h.person(t, "member", 0), h.person(t, "chief", 0), h.person(t, "other", 0)
		must(h.users.AddMember(t.Context(), operator, acme, user.ByKey(member.Key), "viewer"))(t)
		must(h.users.AddMember(t.Context(), operator, acme, user.ByKey(chief.Key), "owner"))(t)
		p := user.Placement{Tenant: acme, Only: acme, Language: "es", Timezone: "America/Santiago"}
		var n int64
		fine(t, h.write(t, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			n, err = h.users.CreateMissingProfilesIn(ctx, tx, operator, p)
			return err
		}))
		if n != 2 {
			t.Errorf("created %d, want 2", n)
		}
		for _, c := range []struct {
			person user.Person
			role   string
		}{{member, "viewer"}, {chief, "owner"}} {
			if m := must(h.users.Memberships(t.Context(), operator, c.person.Key))(t); len(m) != 1 || m[0].Role != c.role || !m[0].Home {
				t.Errorf("%s: %+v, want %s", c.person.Username, m, c.role)
			}
		}
		if p := must(h.users.Get(t.Context(), operator, user.ByKey(other.Key)))(t); p.Profile != nil {
			t.Errorf("somebody else was placed: %+v", p.Profile)
		}
	})
}

func TestMigrationCompletesEverybodyAndReverses(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine sqldb.Engine) {
		d := djangos(t, engine)
		tables := []string{"auth_user", "tenants_userprofile", "tenants_tenantmodel"}
		before := map[string][]string{}
		for _, table := range tables {
			before[table] = furnish(t, d).rows(t, table)
		}
		migrateTo(t, d, migrate.Request{})
		h := furnish(t, d)
		if n := h.count(t, `SELECT count(*) FROM tenantry_user`); n != 13 {
			t.Errorf("%d people have an id, want 13", n)
		}
		// One of 13 profiles is an orphan, and one person has none.
		if n := h.count(t, `SELECT count(*) FROM tenantry_membership`); n != 12 {
			t.Errorf("%d memberships, want 12", n)
		}
		if n := h.count(t, `SELECT count(*) FROM tenantry_membership m JOIN tenants_userprofile p ON p.user_id = m.user_id AND p.tenant_id = m.tenant_id
			WHERE m.role = CASE WHEN p.is_tenant_admin THEN 'admin' ELSE 'member' END`); n != 12 {
			t.Errorf("%d memberships say what Django says, want 12", n)
		}
		migrateTo(t, d, migrate.Request{App: "tenantry", Target: "0002"})
		if n := h.count(t, `SELECT (SELECT count(*) FROM tenantry_user) + (SELECT count(*) FROM tenantry_membership)`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		for _, table := range tables {
			if d := cmp.Diff(before[table], h.rows(t, table)); d != "" || len(before[table]) == 0 {
				t.Errorf("%s changed:\n%s", table, d)
			}
		}
	})
}

func TestRemovingAPersonLeavesNothing(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		h.exec(t, `INSERT INTO auth_group (id, name) VALUES (5, 'g')`)
		h.exec(t, `INSERT INTO auth_user_groups (user_id, group_id) VALUES (3, 5)`)
		fine(t, h.users.Remove(t.Context(), operator, user.ByKey(3)))
		if n := h.count(t, `SELECT (SELECT count(*) FROM auth_user WHERE id = 3) + (SELECT count(*) FROM tenants_userprofile WHERE user_id = 3)
			+ (SELECT count(*) FROM tenantry_user WHERE user_id = 3) + (SELECT count(*) FROM tenantry_membership WHERE user_id = 3)
			+ (SELECT count(*) FROM auth_user_groups WHERE user_id = 3)`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		// Django's own administration keeps a log of what its people did.
		h.exec(t, `INSERT INTO django_admin_log (action_time, object_repr, action_flag, change_message, user_id) VALUES (?, 'x', 1, '', 2)`, noon)
		wantError(t, h.users.Remove(t.Context(), operator, user.ByKey(2)), "user.referenced", "")
		must(h.users.Get(t.Context(), operator, user.ByKey(2)))(t)
	})
}

func TestRemovingATenantsProfilesLeavesThePeople(t *testing.T) {
	adopted(t, func(t *testing.T, h *house) {
		var n int64
		fine(t, h.write(t, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			n, err = h.users.RemoveProfilesIn(ctx, tx, operator, 2)
			return err
		}))
		if n != 3 || h.count(t, `SELECT count(*) FROM tenantry_membership WHERE tenant_id = 2`) != 0 {
			t.Errorf("removed %d, want 3", n)
		}
		if p := must(h.users.Get(t.Context(), operator, user.ByUsername("maria")))(t); p.Profile != nil {
			t.Errorf("profile %+v", p.Profile)
		}
	})
}

func TestChangesAreRecorded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		acme := h.tenant(t, "acme")
		p := h.person(t, "ana", acme)
		ref := user.ByKey(p.Key)
		must(h.users.Deactivate(t.Context(), operator, ref))(t)
		must(h.users.Deactivate(t.Context(), operator, ref))(t) // nothing changes, nothing is recorded
		must(h.users.Activate(t.Context(), operator, ref))(t)
		must(h.users.SaveProfile(t.Context(), operator, acme, ref, user.ProfileChange{Phone: to("+56912345678")}))(t)
		for action, want := range map[string]int64{"user.created": 1, "user.profile_created": 1, "user.deactivated": 1, "user.activated": 1, "user.profile_changed": 1} {
			if n := h.count(t, `SELECT count(*) FROM tenantry_audit WHERE tenant_id = ? AND action = ? AND subject = ?`, acme, action, p.ID); n != want {
				t.Errorf("%d of %s, want %d", n, action, want)
			}
		}
		if n := h.count(t, `SELECT count(*) FROM tenantry_audit WHERE CAST(detail AS text) LIKE '%56912345678%'`); n != 0 {
			t.Error("the phone number is in the record")
		}
	})
}
