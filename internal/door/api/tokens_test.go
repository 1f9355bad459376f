package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTokensLifeOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		body := `{"tenant":"` + acme.id + `","kind":"ai","name":"nightly","scopes":["ai.chat"],"allowed_addresses":["203.0.113.9","2001:db8::/32","::ffff:198.51.100.7/120"]}`
		first := c.want(c.do("POST", "/v1/tokens", body, "Idempotency-Key", "a"), 201, "")
		shown := first.body["token"].(map[string]any)
		id, secret := shown["id"].(string), first.body["secret"].(string)
		if shown["status"] != "active" || shown["tenant"] != acme.id || shown["home"] != false || shown["created_by"] != "ana" || fmt.Sprint(shown["allowed_addresses"]) != "[203.0.113.9/32 2001:db8::/32 198.51.100.0/24]" {
			t.Error(first.text)
		}
		again := c.want(c.do("POST", "/v1/tokens", body, "Idempotency-Key", "a"), 201, "")
		if again.text != first.text || again.header.Get("Idempotency-Replayed") != "true" {
			t.Error(again.text)
		}
		c.want(c.do("POST", "/v1/tokens", body, "Idempotency-Key", "b"), 409, "token.name_taken")
		c.want(c.do("POST", "/v1/tokens", strings.Replace(body, "nightly", "daily", 1), "Idempotency-Key", "a"), 409, "idempotency.reused")

		got := c.want(c.do("GET", "/v1/tokens/"+id, ""), 200, "")
		if got.body["name"] != "nightly" || len(got.body["versions"].([]any)) != 1 || strings.Contains(got.text, secret) {
			t.Error(got.text)
		}
		listed := c.want(c.do("GET", "/v1/tokens?tenant="+acme.id, ""), 200, "")
		if len(listed.body["items"].([]any)) != 3 || strings.Contains(listed.text, secret) || strings.Contains(listed.text, acme.ai) {
			t.Error(listed.text)
		}
		page := c.want(c.do("GET", "/v1/tokens?limit=2", ""), 200, "")
		rest := c.want(c.do("GET", "/v1/tokens?limit=2&cursor="+page.body["next_cursor"].(string), ""), 200, "")
		if len(page.body["items"].([]any)) != 2 || len(rest.body["items"].([]any)) != 1 || rest.body["next_cursor"] != nil {
			t.Errorf("%s\n%s", page.text, rest.text)
		}
		c.want(c.do("GET", "/v1/tokens?kind=ai&limit=2&cursor="+page.body["next_cursor"].(string), ""), 422, "page.bad_cursor")

		// The old secret works until the new one is used, and not after.
		at := `,"address":"203.0.113.9"`
		c.judged(c.verify(secret, at), "VALID", "MISS")
		turned := c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{"grace":"1h","version":1}`, "Idempotency-Key", "r"), 200, "")
		successor := turned.body["secret"].(string)
		if turned.body["version"] != 2.0 || turned.body["previous_expires_at"] == nil || successor == secret {
			t.Error(turned.text)
		}
		if again := c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{"grace":"1h","version":1}`, "Idempotency-Key", "r"), 200, ""); again.text != turned.text {
			t.Error(again.text)
		}
		c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{"version":1}`), 412, "token.other_version")
		c.judged(c.verify(secret, at), "VALID", "")
		c.judged(c.verify(successor, at), "VALID", "MISS")
		if a := c.judged(c.verify(secret, at), "REVOKED", ""); a.body["reason"] != "superseded" {
			t.Error(a.text)
		}
		// One that is known to others dies at once.
		third := c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{"reason":"compromised","version":2}`), 200, "")
		if third.body["previous_expires_at"] != nil {
			t.Error(third.text)
		}
		c.judged(c.verify(successor, at), "REVOKED", "")
		c.judged(c.verify(third.body["secret"].(string), at), "VALID", "")

		ended := c.want(c.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"unused"}`), 200, "")
		if ended.body["status"] != "revoked" || ended.body["status_reason"] != "unused" {
			t.Error(ended.text)
		}
		c.want(c.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"leaked"}`), 200, "")
		c.judged(c.verify(third.body["secret"].(string), at), "REVOKED", "")
		c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{}`), 409, "token.revoked")
		c.silent(secret, successor, third.body["secret"].(string), acme.ai)
	})
}

func TestOneVersionIsRevokedAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		id, secret := c.made(c.customer("Acme"), "x", "")
		successor := c.want(c.do("POST", "/v1/tokens/"+id+":rotate", `{"hold":true,"version":1}`), 200, "").body["secret"].(string)
		c.judged(c.verify(successor, ""), "VALID", "")
		c.judged(c.verify(secret, ""), "VALID", "") // held through the grace period
		c.want(c.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"leaked","version":1}`), 200, "")
		c.judged(c.verify(secret, ""), "REVOKED", "")
		c.judged(c.verify(successor, ""), "VALID", "")
		c.want(c.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"leaked","version":9}`), 404, "token.not_found")
	})
}

func TestPolicyOfATenantsTokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.customer("Acme"), c.customer("Other")
		at := "/v1/tenants/" + acme.id + "/token-policy"
		if a := c.want(c.do("GET", at, ""), 200, ""); a.text != "{}\n" {
			t.Errorf("%q", a.text)
		}
		c.want(c.do("PUT", at, `{"max_age":"30d","rotate_after":"12h","grace":"30s"}`), 200, "")
		if a := c.want(c.do("GET", at, ""), 200, ""); a.body["max_age"] != "30d" || a.body["rotate_after"] != "12h" || a.body["grace"] != "30s" || a.body["idle_age"] != nil {
			t.Error(a.text)
		}
		if a := c.want(c.do("GET", "/v1/tenants/"+other.id+"/token-policy", ""), 200, ""); a.text != "{}\n" {
			t.Errorf("%q", a.text)
		}
		c.judged(c.verify(acme.ai, ""), "VALID", "MISS")
		c.passed.Add(int64(13 * time.Hour))
		if a := c.want(c.do("GET", "/v1/tokens/"+c.home(acme, "ai"), ""), 200, ""); a.body["due"] != true {
			t.Error(a.text)
		}
		// A greatest age that is lowered holds for what is there.
		c.want(c.do("PUT", at, `{"max_age":"1h","rotate_after":"30m"}`), 200, "")
		c.judged(c.verify(acme.ai, ""), "EXPIRED", "MISS")
		c.judged(c.verify(other.ai, ""), "VALID", "MISS")
		for body, code := range map[string]string{`{"max_age":"1s"}`: "token.invalid", `{"max_age":"x"}`: "request.invalid", `{"max_age":5}`: "request.invalid",
			`{"max_age":"-1h"}`: "token.invalid", `{"max_age":"1h","rotate_after":"2h"}`: "token.invalid", `{"surprise":"1h"}`: "request.invalid", `{"grace":"11000d"}`: "token.invalid"} {
			c.want(c.do("PUT", at, body), 422, code)
		}
	})
}

// Somebody of one tenant sees of another's tokens exactly what is not there.
func TestForeignTokensAreMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.customer("Acme"), c.customer("Other")
		mine, _ := c.made(acme, "mine", "")
		theirs, secret := c.made(other, "theirs", "")
		c.judged(c.verify(secret, ""), "VALID", "")
		own := c
		own.key = scopedTo(1)
		own.want(own.do("GET", "/v1/tokens/"+mine, ""), 200, "")
		missing := strings.Replace(theirs, theirs[len(theirs)-4:], "0000", 1)
		for _, id := range []string{theirs, missing, "tok_x", "1", acme.id, "tok_" + strings.Repeat("z", 26)} {
			own.want(own.do("GET", "/v1/tokens/"+id, ""), 404, "token.not_found")
			own.want(own.do("POST", "/v1/tokens/"+id+":rotate", `{}`), 404, "token.not_found")
			own.want(own.do("POST", "/v1/tokens/"+id+":rotate", `{}`, "Idempotency-Key", "k"+id), 404, "token.not_found")
			own.want(own.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"leaked"}`), 404, "token.not_found")
		}
		for _, id := range []string{other.id, "tnt_x", "2", "tnt_01jd3v8y7aexkrq0z5c9m4t2wb"} {
			own.want(own.do("GET", "/v1/tenants/"+id+"/token-policy", ""), 404, "tenant.not_found")
			own.want(own.do("PUT", "/v1/tenants/"+id+"/token-policy", `{"grace":"1h"}`), 404, "tenant.not_found")
			own.want(own.do("GET", "/v1/tokens?tenant="+id, ""), 404, "tenant.not_found")
			own.want(own.do("POST", "/v1/tokens", `{"tenant":"`+id+`","kind":"ai","name":"n"}`), 404, "tenant.not_found")
		}
		if a := own.want(own.do("GET", "/v1/tokens", ""), 200, ""); len(a.body["items"].([]any)) != 3 || strings.Contains(a.text, other.id) {
			t.Error(a.text)
		}
		page := c.want(c.do("GET", "/v1/tokens?limit=1", ""), 200, "")
		own.want(own.do("GET", "/v1/tokens?limit=1&cursor="+page.body["next_cursor"].(string), ""), 422, "page.bad_cursor")
		c.judged(c.verify(secret, "", "Cache-Control", "no-cache"), "VALID", "")
	})
}

func TestTokensThatCannotBeMade(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		id := c.home(acme, "ai")
		head := `{"tenant":"` + acme.id + `",`
		for body, code := range map[string]string{
			head + `"kind":"x","name":"n"}`:                                             "token.invalid",
			head + `"kind":"ai","name":""}`:                                             "token.invalid",
			head + `"kind":"ai","name":" n"}`:                                           "token.invalid",
			head + `"kind":"ai","name":"` + strings.Repeat("n", 101) + `"}`:             "token.invalid",
			head + `"kind":"ai","name":"n","scopes":["chat.widget"]}`:                   "token.invalid",
			head + `"kind":"ai","name":"n","allowed_addresses":["10.0.0.0/33"]}`:        "request.invalid",
			head + `"kind":"ai","name":"n","allowed_addresses":"10.0.0.0/8"}`:           "request.invalid",
			head + `"kind":"ai","name":"n","expires_at":"2020-01-01T00:00:00Z"}`:        "token.invalid",
			head + `"kind":"ai","name":"n","secret":"ai_mine"}`:                         "request.invalid",
			head + `"kind":"ai","name":"n","name":"m"}`:                                 "request.invalid",
			head + `"kind":"ai","name":"n","expires_at":"tomorrow"}`:                    "json.syntax",
			head + `"kind":"ai","name":"n","expires_at":"2030-01-01T00:00:00+99:99"}`:   "json.syntax",
			head + `"kind":"ai","name":"n","allowed_addresses":["fe80::1%eth0"]}`:       "request.invalid",
			head + `"kind":"ai","name":"n","allowed_addresses":["10.0.0.1","","::/0"]}`: "request.invalid",
		} {
			c.want(c.do("POST", "/v1/tokens", body), 422, code)
		}
		for body, code := range map[string]string{`{"grace":"-1s"}`: "token.invalid", `{"grace":"91d"}`: "token.invalid", `{"grace":5}`: "request.invalid",
			`{"reason":"x"}`: "token.invalid", `{"reason":"unused"}`: "token.invalid", `{"hold":"x"}`: "request.invalid", ``: "json.syntax"} {
			c.want(c.do("POST", "/v1/tokens/"+id+":rotate", body), 422, code)
		}
		for body, code := range map[string]string{`{}`: "token.invalid", `{"reason":"superseded"}`: "token.invalid", `{"reason":5}`: "request.invalid"} {
			c.want(c.do("POST", "/v1/tokens/"+id+":revoke", body), 422, code)
		}
		c.judged(c.verify(acme.ai, ""), "VALID", "")
		if a := c.want(c.do("GET", "/v1/tokens", ""), 200, ""); len(a.body["items"].([]any)) != 2 {
			t.Error(a.text)
		}
		// A tenant's token is nobody on the plane of management.
		held := c
		held.key = acme.ai
		held.want(held.do("GET", "/v1/tokens", ""), 401, "access.unauthenticated")
	})
}

// Of two operators who rotate a token at the same time one has the successor; the
// other is told, and has not made a second one.
func TestTwoRotationsAtOnceMakeOneSuccessor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		const tries = 64
		for i := range tries {
			id, _ := c.made(acme, fmt.Sprint(i), "")
			var wait sync.WaitGroup
			var both [2]answer
			for n := range both {
				wait.Go(func() { both[n] = c.do("POST", "/v1/tokens/"+id+":rotate", `{}`) })
			}
			wait.Wait()
			won, lost := both[0], both[1]
			if won.status != 200 {
				won, lost = lost, won
			}
			c.want(won, 200, "")
			c.want(lost, 409, "token.rotated_already")
			got := c.want(c.do("GET", "/v1/tokens/"+id, ""), 200, "")
			if len(got.body["versions"].([]any)) != 2 || got.body["version"] != 2.0 {
				t.Errorf("try %d: %s", i, got.text)
			}
			if won.status == 200 {
				c.judged(c.verify(won.body["secret"].(string), ""), "VALID", "MISS")
			}
		}
	})
}
