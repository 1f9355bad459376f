package api_test

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// tenantWithAdmin makes a tenant whose administrator is called like it.
func (c caller) tenantWithAdmin(name string) (id string) {
	c.t.Helper()
	a := c.do("POST", "/v1/tenants", `{"name":"`+name+`","admin":{"username":"`+name+`","email":"`+name+`@example.com","password":"`+password1+`"}}`)
	if a.status != http.StatusCreated {
		c.t.Fatal(a.text)
	}
	return a.body["tenant"].(map[string]any)["id"].(string)
}

const password1 = "correct horse battery"

// as is the caller with another credential.
func (c caller) as(key string) caller {
	c.key = key
	return c
}

// signIn returns the caller in a session of somebody.
func (c caller) signIn(username string) caller {
	c.t.Helper()
	a := c.as("").do("POST", "/v1/session", `{"username":"`+username+`","password":"`+password1+`"}`)
	if a.status != http.StatusCreated || a.header.Get("Cache-Control") != "no-store" {
		c.t.Fatalf("%d %s", a.status, a.text)
	}
	return c.as(a.body["secret"].(string))
}

func (c caller) count(query string) (n int64, err error) {
	err = c.db.Read(c.t.Context(), func(tx *sqldb.Tx) error { return tx.Get(c.t.Context(), query, nil, &n) })
	return n, err
}

func TestSessionDoesWhatItsPersonMay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.tenantWithAdmin("acme"), c.tenantWithAdmin("other")
		s := c.signIn("acme")
		here := c.want(s.do("GET", "/v1/session", ""), 200, "").body
		if here["tenant"].(map[string]any)["id"] != acme || len(here["tenants"].([]any)) != 1 || here["person"].(map[string]any)["name"] != "acme" {
			t.Errorf("%v", here)
		}
		c.want(s.do("GET", "/v1/tenants/"+acme, ""), 200, "")
		c.want(s.do("GET", "/v1/tenants/"+other, ""), 404, "tenant.not_found")
		c.want(s.do("POST", "/v1/session:switch", `{"tenant":"`+other+`"}`), 404, "tenant.not_found")
		c.want(s.do("POST", "/v1/session:switch", `{"tenant":"tnt_01jd3v8y7aexkrq0z5c9m4t2wb"}`), 404, "tenant.not_found")
		if n, err := c.count(`SELECT count(*) FROM tenantry_session_secret WHERE digest LIKE '%tse%'`); err != nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
		if strings.Contains(c.log.String(), s.key) {
			t.Error("the secret is in the log")
		}
	})
}

func TestSignInRefusesAllAlikeAndThenMakesThemWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.tenantWithAdmin("acme")
		stranger := c.as("")
		known := c.want(stranger.do("POST", "/v1/session", `{"username":"acme","password":"wrong"}`), 401, "signin.failed")
		unknown := c.want(stranger.do("POST", "/v1/session", `{"username":"nobody","password":"wrong"}`), 401, "signin.failed")
		if known.body["detail"] != unknown.body["detail"] {
			t.Error("a name that exists is told from one that does not")
		}
		for range 3 {
			c.want(stranger.do("POST", "/v1/session", `{"username":"acme","password":"wrong"}`), 401, "signin.failed")
		}
		a := c.want(stranger.do("POST", "/v1/session", `{"username":"acme","password":"`+password1+`"}`), 429, "signin.throttled")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a.header)
		}
		c.passed.Add(int64(5 * time.Second))
		c.signIn("acme")
		c.want(c.do("GET", "/v1/session", ""), 401, "access.unauthenticated") // an operator's key is no session
		c.want(stranger.do("GET", "/v1/session", ""), 401, "access.unauthenticated")
	})
}

func TestReplacedSecretEndsTheSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.tenantWithAdmin("acme")
		first := c.signIn("acme")
		a := c.want(first.do("POST", "/v1/session:rotate", ""), 200, "")
		second := c.as(a.body["secret"].(string))
		c.want(second.do("GET", "/v1/whoami", ""), 200, "")
		c.want(first.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated") // and that was theft
		c.want(second.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		if n, err := c.count(`SELECT count(*) FROM tenantry_audit WHERE action = 'session.ended' AND CAST(detail AS text) LIKE '%reuse%'`); n != 1 || err != nil {
			t.Errorf("%d records, %v", n, err)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.tenantWithAdmin("acme")
		c.tenantWithAdmin("other")
		one, two, foreign := c.signIn("acme"), c.signIn("acme"), c.signIn("other")
		all := c.want(two.do("GET", "/v1/session/all", ""), 200, "").body["items"].([]any)
		if len(all) != 2 || all[0].(map[string]any)["current"] != true || all[1].(map[string]any)["address"] != "127.0.0.1" {
			t.Fatalf("%v", all)
		}
		first := all[1].(map[string]any)["id"].(string)
		c.want(foreign.do("DELETE", "/v1/session/all/"+first, ""), 404, "session.not_found")
		c.want(two.do("DELETE", "/v1/session/all/"+first, ""), 204, "")
		c.want(one.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		three := c.signIn("acme")
		if n := c.want(three.do("DELETE", "/v1/session/all", ""), 200, "").body["sessions"]; n != 2.0 {
			t.Errorf("%v", n)
		}
		c.want(two.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		c.want(foreign.do("DELETE", "/v1/session", ""), 204, "")
		c.want(foreign.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
	})
}

func TestSessionEndsWithItsTimeItsPasswordAndItsAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.tenantWithAdmin("acme")
		s := c.signIn("acme")
		for range 20 { // in use every day, and over after a fortnight all the same
			c.passed.Add(int64(23 * time.Hour))
			if s.do("GET", "/v1/whoami", "").status != 200 {
				break
			}
		}
		if d := time.Duration(c.passed.Load()); d < 14*24*time.Hour || d > 15*24*time.Hour {
			t.Errorf("over after %s", d)
		}
		s = c.signIn("acme")
		c.passed.Add(int64(24 * time.Hour))
		c.want(s.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")

		s = c.signIn("acme")
		if err := c.users.SetPassword(t.Context(), c.system, user.ByUsername("acme"), tenantry.NewSecret("another good passphrase")); err != nil {
			t.Fatal(err)
		}
		c.want(s.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		if err := c.users.SetPassword(t.Context(), c.system, user.ByUsername("acme"), tenantry.NewSecret(password1)); err != nil {
			t.Fatal(err)
		}
		s = c.signIn("acme")
		for _, act := range []func() error{
			func() error { _, err := c.users.Deactivate(t.Context(), c.system, user.ByUsername("acme")); return err },
			func() error { _, err := c.users.Activate(t.Context(), c.system, user.ByUsername("acme")); return err },
		} {
			if err := act(); err != nil {
				t.Fatal(err)
			}
			c.want(s.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		}
	})
}

func TestSuspendedTenantIsClosedToSessionsThatAreOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.tenantWithAdmin("acme"), c.tenantWithAdmin("other")
		p, err := c.users.Get(t.Context(), c.system, user.ByUsername("acme"))
		if err != nil {
			t.Fatal(err)
		}
		list, err := c.users.List(t.Context(), c.system, user.Query{Search: "other"})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := list.Items[0].Profile.Tenant
		if _, err := c.users.AddMember(t.Context(), c.system, elsewhere, user.ByKey(p.Key), "viewer"); err != nil {
			t.Fatal(err)
		}
		s := c.signIn("acme")
		c.want(c.do("POST", "/v1/tenants/"+acme+":suspend", `{"reason":"unpaid"}`), 200, "")
		c.want(s.do("GET", "/v1/whoami", ""), 403, "access.tenant_suspended")
		here := c.want(s.do("GET", "/v1/session", ""), 200, "").body
		if len(here["permissions"].([]any)) != 0 || len(here["tenants"].([]any)) != 2 {
			t.Errorf("%v", here)
		}
		moved := c.as(c.want(s.do("POST", "/v1/session:switch", `{"tenant":"`+other+`"}`), 200, "").body["secret"].(string))
		c.want(moved.do("GET", "/v1/tenants/"+other, ""), 200, "")
		if err := c.users.RemoveMember(t.Context(), c.system, elsewhere, user.ByKey(p.Key)); err != nil {
			t.Fatal(err)
		}
		c.want(moved.do("GET", "/v1/whoami", ""), 403, "session.tenant_left")
	})
}

// mailed delivers the post and returns the secret in the letter that came of it,
// "" for none.
func (c caller) mailed() string {
	c.t.Helper()
	if err := c.house.signIn.Letters.Deliver(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	files, _ := filepath.Glob(c.mails + "/*.eml")
	if len(files) == 0 {
		return ""
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		c.t.Fatal(err)
	}
	_ = os.Remove(files[0])
	plain, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(text)))
	return regexp.MustCompile(`tsl_[A-Za-z0-9_-]{49}`).FindString(string(plain))
}

func TestForgottenPasswordIsSetAnewOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.tenantWithAdmin("acme")
		s, stranger := c.signIn("acme"), c.as("")
		c.want(stranger.do("POST", "/v1/password-resets", `{"username":"nobody@example.com"}`), 202, "")
		if c.mailed() != "" {
			t.Fatal("somebody was written to")
		}
		c.want(stranger.do("POST", "/v1/password-resets", `{"username":"ACME@example.com"}`), 202, "")
		first := c.mailed()
		c.want(stranger.do("POST", "/v1/password-resets", `{"username":"acme"}`), 202, "")
		second := c.mailed()
		if first == "" || second == "" {
			t.Fatal("no letter")
		}
		complete := func(secret, password string) answer {
			return stranger.do("POST", "/v1/password-resets:complete", `{"secret":"`+secret+`","password":"`+password+`"}`)
		}
		c.want(complete(first[:len(first)-1]+"_", "a whole new passphrase"), 404, "link.not_found")
		c.want(complete(first, ""), 422, "request.invalid")
		if a := complete(first, "123"); a.status != 422 {
			t.Errorf("%d %s", a.status, a.text)
		}
		c.want(complete(first, "a whole new passphrase"), 204, "")
		c.want(s.do("GET", "/v1/whoami", ""), 401, "access.unauthenticated")
		c.want(complete(first, "yet another passphrase"), 404, "link.not_found")
		c.want(complete(second, "yet another passphrase"), 404, "link.not_found") // the password is not the one that it was for
		c.want(stranger.do("POST", "/v1/session", `{"username":"acme","password":"a whole new passphrase"}`), 201, "")
		c.want(stranger.do("POST", "/v1/password-resets", `{"username":"acme"}`), 202, "")
		old := c.mailed()
		c.passed.Add(int64(time.Hour))
		c.want(complete(old, "yet another passphrase"), 404, "link.not_found")
	})
}

func TestResetsAreSlowedDown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		for range 5 {
			c.want(c.as("").do("POST", "/v1/password-resets", `{"username":"nobody"}`), 202, "")
		}
		c.want(c.as("").do("POST", "/v1/password-resets", `{"username":"somebody"}`), 429, "signin.throttled")
	})
}

func TestInvitationMakesSomebodyNewAMember(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.tenantWithAdmin("acme"), c.tenantWithAdmin("other")
		boss, stranger := c.signIn("acme"), c.as("")
		invite := func(by caller, tenant, role string) answer {
			return by.do("POST", "/v1/tenants/"+tenant+"/invitations", `{"email":"eva@example.com","role":"`+role+`"}`)
		}
		c.want(invite(boss, acme, "owner"), 403, "user.cannot_grant")
		c.want(invite(boss, other, "viewer"), 404, "tenant.not_found")
		c.want(invite(boss, acme, "pope"), 422, "user.invalid")
		c.want(boss.do("POST", "/v1/tenants/"+acme+"/invitations", `{"email":"Eva <eva@example.com>","role":"viewer"}`), 422, "request.invalid")
		c.want(invite(boss, acme, "viewer"), 201, "")
		secret := c.mailed()
		accept := func(by caller, secret, more string) answer {
			return by.do("POST", "/v1/invitations:accept", `{"secret":"`+secret+`"`+more+`}`)
		}
		c.want(accept(stranger, secret, `,"username":"acme","password":"`+password1+`"`), 409, "user.username_taken")
		a := c.want(accept(stranger, secret, `,"username":"eva","password":"`+password1+`"`), 200, "")
		if a.body["tenant"] != acme {
			t.Errorf("%s", a.text)
		}
		c.want(accept(stranger, secret, `,"username":"eve","password":"`+password1+`"`), 404, "link.not_found")
		eva := c.signIn("eva")
		here := c.want(eva.do("GET", "/v1/session", ""), 200, "").body
		if here["tenant"].(map[string]any)["role"] != "viewer" {
			t.Errorf("%v", here)
		}
		c.want(invite(eva, acme, "viewer"), 403, "access.forbidden")

		// And somebody who is at home elsewhere.
		c.want(invite(boss, acme, "auditor"), 201, "")
		secret = c.mailed()
		c.want(accept(eva, secret, ""), 409, "invitation.already_member")
		c.want(accept(c.signIn("other"), secret, ""), 200, "")
		c.want(accept(c.signIn("other"), secret, ""), 404, "link.not_found")

		// Taken back, and too late.
		id := c.want(invite(boss, acme, "viewer"), 201, "").body["id"].(string)
		secret = c.mailed()
		c.want(c.signIn("other").do("DELETE", "/v1/tenants/"+acme+"/invitations/"+id, ""), 404, "tenant.not_found")
		c.want(boss.do("DELETE", "/v1/tenants/"+acme+"/invitations/"+id, ""), 200, "")
		c.want(accept(stranger, secret, `,"username":"eve","password":"`+password1+`"`), 404, "link.not_found")
		c.want(invite(c, acme, "owner"), 201, "") // an operator may
		secret = c.mailed()
		list := c.want(boss.do("GET", "/v1/tenants/"+acme+"/invitations?limit=2", ""), 200, "").body
		if len(list["items"].([]any)) != 2 || list["next_cursor"] == nil {
			t.Errorf("%v", list)
		}
		c.passed.Add(int64(7 * 24 * time.Hour))
		c.want(accept(stranger, secret, `,"username":"eve","password":"`+password1+`"`), 404, "link.not_found")
	})
}

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		c.want(c.do("POST", "/v1/tenants", `{"name":"acme"}`, "Sec-Fetch-Site", "cross-site"), 403, "web.cross_origin")
		c.want(c.do("POST", "/v1/tenants", `{"name":"acme"}`, "Origin", "https://evil.example"), 403, "web.cross_origin")
		c.want(c.do("GET", "/v1/tenants", "", "Sec-Fetch-Site", "cross-site"), 200, "")
		c.want(c.do("POST", "/v1/tenants", `{"name":"acme"}`, "Sec-Fetch-Site", "same-origin"), 201, "")
	})
}
