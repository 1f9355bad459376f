package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// customer is a tenant and its two tokens.
type customer struct{ id, ai, cwu string }

func (c caller) customer(name string) customer {
	c.t.Helper()
	made := c.want(c.do("POST", "/v1/tenants", `{"name":"`+name+`"}`), 201, "")
	tokens := made.body["tokens"].(map[string]any)
	return customer{made.body["tenant"].(map[string]any)["id"].(string), tokens["ai"].(string), tokens["cwu"].(string)}
}

// made makes a token of its own for a customer; more are further members of the
// request.
func (c caller) made(of customer, name, more string) (id, secret string) {
	c.t.Helper()
	a := c.want(c.do("POST", "/v1/tokens", `{"tenant":"`+of.id+`","kind":"ai","name":"`+name+`"`+more+`}`), 201, "")
	id = a.body["token"].(map[string]any)["id"].(string)
	if a.header.Get("Location") != "/v1/tokens/"+id {
		c.t.Errorf("Location %q", a.header.Get("Location"))
	}
	return id, a.body["secret"].(string)
}

// home finds the id of a customer's own token.
func (c caller) home(of customer, kind string) string {
	c.t.Helper()
	a := c.want(c.do("GET", "/v1/tokens?tenant="+of.id+"&kind="+kind, ""), 200, "")
	return a.body["items"].([]any)[0].(map[string]any)["id"].(string)
}

// stranger is somebody without a credential.
func (c caller) stranger() caller {
	c.key = ""
	return c
}

// verify asks as a stranger about a token; more are further members.
func (c caller) verify(secret, more string, headers ...string) answer {
	c.t.Helper()
	text, _ := json.Marshal(secret)
	a := c.stranger().do("POST", "/v1/tokens:verify", `{"token":`+string(text)+more+`}`, headers...)
	if a.status != 200 {
		c.t.Errorf("%d %s", a.status, a.text)
	}
	return a
}

// judged fails unless a verdict has a code and came from where it should; "" is
// from anywhere.
func (c caller) judged(a answer, code, cache string) answer {
	c.t.Helper()
	if a.body["code"] != code || a.body["valid"] != (code == "VALID") || cache != "" && a.body["cache"] != cache {
		c.t.Errorf("want %s %s: %s", code, cache, a.text)
	}
	return a
}

// mistyped is a token with one wrong character.
func mistyped(secret string) string {
	b := []byte(secret)
	if i := len(b) - 10; b[i] == 'x' {
		b[i] = 'y'
	} else {
		b[i] = 'x'
	}
	return string(b)
}

func TestVerdictsOverHTTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, other := c.customer("Acme"), c.customer("Ñandú & Cía")
		first := c.judged(c.verify(acme.ai, ""), "VALID", "MISS")
		if first.body["tenant"] != acme.id || first.body["tenant_name"] != "Acme" || first.body["kind"] != "ai" || first.body["version"] != 1.0 ||
			first.body["model"] != "gpt-3.5-turbo" || len(first.body["permissions"].([]any)) == 0 || first.body["limits"] == nil {
			t.Error(first.text)
		}
		if first.header.Get("Cache-Control") != "no-store" || first.header.Get("X-Request-Id") == "" {
			t.Error(first.header)
		}
		c.judged(c.verify(acme.ai, ""), "VALID", "HIT")
		c.judged(c.verify(acme.ai, "", "Cache-Control", "no-cache"), "VALID", "MISS")
		c.judged(c.verify(acme.ai, "", "Cache-Control", "max-age=0", "Cache-Control", "No-Cache"), "VALID", "MISS")
		c.judged(c.verify(acme.ai, ""), "VALID", "HIT")
		if a := c.judged(c.verify(other.cwu, ""), "VALID", "MISS"); a.body["tenant_name"] != "Ñandú & Cía" {
			t.Error(a.text)
		}

		// Only this, and nothing else, of what is nobody's.
		unknown := "ai_" + strings.Repeat("x", 43)
		if a := c.judged(c.verify(unknown, ""), "NOT_FOUND", "MISS"); a.text != `{"valid":false,"code":"NOT_FOUND","cache":"MISS"}` {
			t.Error(a.text)
		}
		c.judged(c.verify(unknown, ""), "NOT_FOUND", "HIT")
		if a := c.judged(c.verify(acme.ai, `,"tenant":"`+other.id+`"`), "NOT_FOUND", ""); a.body["tenant"] != nil || a.body["token_id"] != nil {
			t.Error(a.text)
		}
		c.judged(c.verify(mistyped(acme.ai), ""), "MALFORMED", "")

		// For what it is good.
		c.judged(c.verify(acme.ai, `,"kind":"ai","tenant":"`+acme.id+`","permission":"ai.chat"`), "VALID", "HIT")
		c.judged(c.verify(acme.ai, `,"kind":"cwu"`), "FORBIDDEN", "")
		c.judged(c.verify(acme.ai, `,"permission":"ai.fly"`), "FORBIDDEN", "")
		_, narrow := c.made(acme, "narrow", `,"scopes":["ai.chat"],"allowed_addresses":["203.0.113.0/24","2001:db8::/32"]`)
		c.judged(c.verify(narrow, ""), "FORBIDDEN", "")
		c.judged(c.verify(narrow, `,"address":"203.0.113.9"`), "VALID", "HIT")
		c.judged(c.verify(narrow, `,"address":"::ffff:203.0.113.9"`), "VALID", "HIT")
		c.judged(c.verify(narrow, `,"address":"2001:db8::1"`), "VALID", "HIT")
		c.judged(c.verify(narrow, `,"address":"198.51.100.1"`), "FORBIDDEN", "HIT")
		c.judged(c.verify(narrow, `,"address":"203.0.113.9","permission":"ai.models"`), "FORBIDDEN", "HIT")
		c.judged(c.verify(narrow, "", "X-Forwarded-For", "203.0.113.9"), "VALID", "HIT")
		c.judged(c.verify(narrow, "", "X-Forwarded-For", "203.0.113.9, 198.51.100.1"), "FORBIDDEN", "HIT")

		// What became of it.
		_, short := c.made(acme, "short", `,"expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"`)
		if a := c.judged(c.verify(short, ""), "VALID", "MISS"); a.body["expires_at"] == nil {
			t.Error(a.text)
		}
		c.passed.Add(int64(time.Hour))
		c.judged(c.verify(short, ""), "EXPIRED", "MISS")
		id, leaked := c.made(acme, "leaked", "")
		c.judged(c.verify(leaked, ""), "VALID", "MISS")
		c.want(c.do("POST", "/v1/tokens/"+id+":revoke", `{"reason":"leaked"}`), 200, "")
		if a := c.judged(c.verify(leaked, ""), "REVOKED", "MISS"); a.body["reason"] != "leaked" || a.body["tenant"] != acme.id {
			t.Error(a.text)
		}
		c.judged(c.verify(leaked, ""), "REVOKED", "HIT")
		c.want(c.do("POST", "/v1/tenants/"+acme.id+":suspend", `{"reason":"unpaid"}`), 200, "")
		c.judged(c.verify(acme.ai, ""), "TENANT_SUSPENDED", "MISS")
		c.want(c.do("POST", "/v1/tenants/"+acme.id+":activate", ""), 200, "")
		c.judged(c.verify(acme.ai, ""), "VALID", "MISS")
		c.want(c.do("DELETE", "/v1/tenants/"+acme.id, ""), 202, "")
		c.judged(c.verify(acme.ai, ""), "DISABLED", "MISS")
		c.judged(c.verify(other.ai, ""), "VALID", "")
		c.silent(acme.ai, acme.cwu, other.ai, narrow, short, leaked, unknown)
	})
}

// silent fails when one of the texts stands in the log.
func (c caller) silent(secrets ...string) {
	c.t.Helper()
	log := c.log.String()
	if log == "" {
		c.t.Error("there is no log")
	}
	for _, secret := range append(secrets, c.key) {
		if secret != "" && strings.Contains(log, secret) {
			c.t.Errorf("a secret stands in the log: %.10s…", secret)
		}
	}
}

func TestBatchAnswersInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		s := c.stranger()
		body := fmt.Sprintf(`{"tokens":[%q,"","ai_%s",%q]}`, acme.ai, strings.Repeat("x", 43), acme.cwu)
		a := s.want(s.do("POST", "/v1/tokens:batchVerify", body), 200, "")
		var codes []string
		for _, one := range a.body["results"].([]any) {
			codes = append(codes, one.(map[string]any)["code"].(string))
		}
		if got := strings.Join(codes, " "); got != "VALID MALFORMED NOT_FOUND VALID" {
			t.Error(got)
		}
		s.want(s.do("POST", "/v1/tokens:batchVerify", `{"tokens":[]}`), 422, "request.invalid")
		s.want(s.do("POST", "/v1/tokens:batchVerify", `{"tokens":["a"`+strings.Repeat(`,"a"`, 1000)+`]}`), 422, "request.invalid")
		s.want(s.do("POST", "/v1/tokens:batchVerify", `{"tokens":[5]}`), 422, "request.invalid")
		s.want(s.do("POST", "/v1/tokens:batchVerify", `{"tokens":null}`), 422, "request.invalid")
		s.want(s.do("GET", "/v1/tokens:batchVerify", ""), 405, "web.no_method")
		c.silent(acme.ai, acme.cwu)
	})
}

func TestAuthForProxies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		nandu := c.customer("Ñandú\\\\n & Cía")
		s := c.stranger()
		with := func(secret string) []string { return []string{"Authorization", "Bearer " + secret} }
		a := s.want(s.do("GET", "/v1/auth", "", with(nandu.ai)...), 204, "")
		for name, want := range map[string]string{"X-Tenant-Id": nandu.id, "X-Tenant-Key": "1", "X-Tenant-Name": "%C3%91and%C3%BA%5Cn%20&%20C%C3%ADa",
			"X-Tenant-Model": "gpt-3.5-turbo", "X-Token-Version": "1", "X-Token-Kind": "ai", "X-Token-Permissions": "ai.chat ai.embeddings ai.models", "X-Token-Code": "VALID"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		// A proxy may send the method of the request that it asks about, and Envoy its
		// path too, whatever that is.
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			s.want(s.do(method, "/v1/auth", "", with(nandu.ai)...), 204, "")
		}
		for _, path := range []string{"/v1/auth/", "/v1/auth/things?page=2&token=x", "/v1/auth//things", "/v1/auth/a/../../../x", "/v1/auth/a/./b", "/v1/auth/%2e%2e/%2F"} {
			s.want(s.do("GET", path, "", with(nandu.ai)...), 200, "") // all but 200 Envoy refuses
			s.want(s.do("GET", path, ""), 401, "access.unauthenticated")
		}
		s.want(s.do("GET", "/v1/auth?kind=ai&permission=ai.chat", "", with(nandu.ai)...), 204, "")
		s.want(s.do("GET", "/v1/auth?kind=cwu", "", with(nandu.ai)...), 403, "verify.forbidden")
		s.want(s.do("GET", "/v1/auth?kind=x", "", with(nandu.ai)...), 401, "access.unauthenticated")
		s.want(s.do("GET", "/v1/auth?token="+nandu.ai, "", with(nandu.ai)...), 401, "access.unauthenticated")
		// Caddy leaves the query of the request that it asks about: it asks for no less.
		asked := append(with(nandu.ai), "X-Forwarded-Uri", "/things?kind=ai")
		s.want(s.do("GET", "/v1/auth?page=2", "", asked...), 204, "")
		s.want(s.do("GET", "/v1/auth?page=2&kind=cwu", "", asked...), 403, "verify.forbidden")
		s.want(s.do("GET", "/v1/auth?kind=ai&kind=cwu", "", asked...), 401, "access.unauthenticated")

		for _, given := range [][]string{nil, with(mistyped(nandu.ai)), with("ai_" + strings.Repeat("x", 43)), {"Authorization", "Basic " + nandu.ai}, {"Authorization", nandu.ai},
			append(with(nandu.ai), with(nandu.ai)...), append(with(nandu.ai), with("x")...), with(nandu.ai + " x"), with(nandu.ai + ", Bearer x"), with(strings.Repeat("a", 2000))} {
			a := s.want(s.do("GET", "/v1/auth", "", given...), 401, "access.unauthenticated")
			if a.header.Get("WWW-Authenticate") == "" || a.header.Get("X-Tenant-Id") != "" {
				t.Error(a.header)
			}
		}
		_, narrow := c.made(nandu, "narrow", `,"allowed_addresses":["203.0.113.9"]`)
		s.want(s.do("GET", "/v1/auth", "", with(narrow)...), 403, "verify.forbidden")
		s.want(s.do("GET", "/v1/auth", "", append(with(narrow), "X-Forwarded-For", "203.0.113.9")...), 204, "")
		s.want(s.do("GET", "/v1/auth", "", append(with(narrow), "X-Forwarded-For", "203.0.113.9, 198.51.100.1")...), 403, "verify.forbidden")
		c.want(c.do("POST", "/v1/tenants/"+nandu.id+":suspend", `{"reason":"unpaid"}`), 200, "")
		if a := s.want(s.do("GET", "/v1/auth", "", with(nandu.ai)...), 403, "verify.tenant_suspended"); a.header.Get("X-Token-Code") != "TENANT_SUSPENDED" || a.header.Get("X-Tenant-Id") != "" {
			t.Error(a.header)
		}
		c.silent(nandu.ai, narrow)
	})
}

// failed asks so often about what is nobody's that an address is over the limit.
func (c caller) failed(more string, headers ...string) (last answer) {
	for i := range 70 {
		last = c.verify(fmt.Sprintf("ai_%043d", i), more, headers...)
	}
	return last
}

func TestFailuresAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme, cold := c.customer("Acme"), c.customer("Cold")
		mallory := []string{"X-Forwarded-For", "198.51.100.1"}
		c.judged(c.verify(acme.ai, "", mallory...), "VALID", "MISS")
		c.judged(c.failed("", mallory...), "RATE_LIMITED", "MISS")
		c.judged(c.verify(acme.ai, "", mallory...), "VALID", "HIT") // known: nobody has to look
		c.judged(c.verify(cold.ai, "", mallory...), "RATE_LIMITED", "")
		c.judged(c.verify(cold.ai, "", "X-Forwarded-For", "198.51.100.1, 198.51.100.2"), "VALID", "MISS")
		s := c.stranger()
		auth := s.do("GET", "/v1/auth", "", append([]string{"Authorization", "Bearer " + cold.cwu}, mallory...)...)
		s.want(auth, 403, "verify.rate_limited")
		held := s.do("POST", "/v1/tokens:revoke", `{"token":"`+cold.cwu+`"}`, mallory...)
		if s.want(held, 200, "RATE_LIMITED"); held.body["revoked"] != false {
			t.Error(held.text)
		}
		// Whoever has a key is known by it.
		trusted := c.do("POST", "/v1/tokens:verify", `{"token":"`+cold.cwu+`"}`, mallory...)
		c.judged(trusted, "VALID", "MISS")
		c.want(c.do("POST", "/v1/tokens:verify", `{"token":"`+cold.cwu+`"}`, append(mallory, "Authorization", "Bearer "+c.key)...), 401, "access.unauthenticated")
		// What is no key of an operator's makes nobody known.
		s.key = acme.ai
		c.judged(s.do("POST", "/v1/tokens:verify", fmt.Sprintf(`{"token":"ai_%043d"}`, 1000), mallory...), "RATE_LIMITED", "MISS")
	})
}

// The address of a question is the asker's word: it neither spares them nor falls
// upon somebody else.
func TestFailuresFallOnWhoeverAsks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		var last answer
		for i := range 70 {
			last = c.verify(fmt.Sprintf("ai_%043d", i), fmt.Sprintf(`,"address":"203.0.113.%d"`, i), "X-Forwarded-For", "198.51.100.1")
		}
		c.judged(last, "RATE_LIMITED", "MISS")
		c.failed(`,"address":"203.0.113.200"`, "X-Forwarded-For", "198.51.100.1")
		c.judged(c.verify(acme.ai, "", "X-Forwarded-For", "203.0.113.200"), "VALID", "MISS")
	})
}

func TestWhoeverHoldsATokenCanEndIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		s := c.stranger()
		revoke := func(secret string) answer {
			return s.do("POST", "/v1/tokens:revoke", `{"token":"`+secret+`"}`)
		}
		c.judged(c.verify(acme.ai, ""), "VALID", "")
		for _, unknown := range []string{mistyped(acme.ai), "ai_" + strings.Repeat("x", 43), ""} {
			if a := s.want(revoke(unknown), 200, "NOT_FOUND"); a.body["revoked"] != false {
				t.Error(a.text)
			}
		}
		for range 2 {
			if a := s.want(revoke(acme.ai), 200, "REVOKED"); a.body["revoked"] != true {
				t.Error(a.text)
			}
		}
		if a := c.judged(c.verify(acme.ai, ""), "REVOKED", ""); a.body["reason"] != "leaked" {
			t.Error(a.text)
		}
		c.judged(c.verify(acme.cwu, ""), "VALID", "")
		s.want(s.do("GET", "/v1/tokens:revoke", ""), 405, "web.no_method")
		s.want(s.do("POST", "/v1/tokens:revoke?token="+acme.cwu, `{}`), 400, "verify.token_in_query")
		c.silent(acme.ai, acme.cwu)
	})
}

func TestPatternFindsEveryToken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c caller) {
		s := c.stranger()
		patterns := map[string]*regexp.Regexp{}
		for _, one := range s.want(s.do("GET", "/v1/tokens:pattern", ""), 200, "").body["items"].([]any) {
			p := one.(map[string]any)
			patterns[p["kind"].(string)] = regexp.MustCompile(p["regex"].(string))
		}
		acme := c.customer("Acme")
		secrets := []string{acme.ai}
		for i := range 30 {
			_, secret := c.made(acme, fmt.Sprint(i), "")
			secrets = append(secrets, secret)
		}
		for _, secret := range secrets {
			for _, around := range [][2]string{{"", ""}, {`"`, `"`}, {"TOKEN=", "\n"}, {"Bearer ", ";"}} {
				if found := patterns["ai"].FindString(around[0] + secret + around[1]); found != secret {
					t.Errorf("found %q", found)
				}
			}
			if patterns["cwu"].MatchString(secret) {
				t.Error("the pattern of the other kind")
			}
		}
		if !patterns["cwu"].MatchString(acme.cwu) {
			t.Error("cwu")
		}
		// As Django made them, without a checksum: no pattern, and they work.
		django := "ai_" + strings.Repeat("Dj4n-o_", 7)[:43]
		err := c.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE tenants_tenantmodel SET ai_token = ? WHERE name = 'Acme'`, django)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.tokens.Reconcile(t.Context(), c.system, func(int64) {}); err != nil {
			t.Fatal(err)
		}
		if patterns["ai"].MatchString(django) {
			t.Error("a pattern for Django's")
		}
		if a := c.judged(c.verify(django, ""), "VALID", "MISS"); a.body["tenant"] != acme.id {
			t.Error(a.text)
		}
	})
}

func TestBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("a", 10<<20)
	each(t, func(t *testing.T, c caller) {
		acme := c.customer("Acme")
		c.key = "" // everything here comes from strangers
		trusted := []string{"X-Forwarded-For", "192.0.2.1"}
		for name, bad := range map[string]string{
			"empty": "", "space": " ", "too long": strings.Repeat("a", 256), "trailing newline": acme.ai + "\n", "leading space": " " + acme.ai,
			"binary": "\x00\x01\x02", "look-alike": strings.Replace(acme.ai, "ai_", "аi_", 1), "full width": strings.Replace(acme.ai, "ai_", "ａｉ_", 1), "wrong checksum": mistyped(acme.ai),
			"right length, other letters": "ai_" + strings.Repeat("!", 49), "zero width": acme.ai + "\u200b",
		} {
			text, _ := json.Marshal(bad)
			a := c.do("POST", "/v1/tokens:verify", `{"token":`+string(text)+`}`, trusted...)
			if name == "binary" {
				c.want(a, 422, "json.nul")
				continue
			}
			if c.want(a, 200, "MALFORMED"); a.text != `{"valid":false,"code":"MALFORMED","cache":"MISS"}` {
				t.Errorf("%s: %s", name, a.text)
			}
		}
		for name, bad := range map[string]string{
			"truncated": acme.ai[:len(acme.ai)-1], "without checksum": acme.ai[:len(acme.ai)-6], "wrong prefix": "xx_" + acme.ai[3:], "the other prefix": "cwu_" + acme.ai[3:],
			"upper case": strings.ToUpper(acme.ai), "prefix only": "ai_", "id": acme.id,
		} {
			a := c.do("POST", "/v1/tokens:verify", `{"token":"`+bad+`"}`, trusted...)
			if a.status != 200 || a.body["valid"] != false || a.body["code"] != "NOT_FOUND" && a.body["code"] != "MALFORMED" {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		for body, code := range map[string]string{
			`{"token":"` + acme.ai + `","token":"x"}`:    "request.invalid",
			`{"token":"x","token":"` + acme.ai + `"}`:    "request.invalid",
			`{"token":"` + acme.ai + `","surprise":1}`:   "request.invalid",
			`{"Token":"` + acme.ai + `"}`:                "request.invalid",
			`{"token":["` + acme.ai + `"]}`:              "request.invalid",
			`{"token":null}`:                             "request.invalid",
			`{"token":"` + acme.ai + `","kind":"x"}`:     "request.invalid",
			`{"token":"` + acme.ai + `","tenant":"x"}`:   "request.invalid",
			`{"token":"` + acme.ai + `","address":"x"}`:  "request.invalid",
			`{"token":"` + acme.ai + `","address":"1"}`:  "request.invalid",
			`{"token":"` + acme.ai + `"} {"token":"x"}`:  "json.syntax",
			`{"token":"` + acme.ai:                       "json.syntax",
			"{\"token\":\"" + acme.ai + "\n\"}":          "json.syntax",
			"{\"token\":\"" + acme.ai + "\xff\"}":        "json.not_utf8",
			`["` + acme.ai + `"]`:                        "request.invalid",
			`"` + acme.ai + `"`:                          "request.invalid",
			``:                                           "json.syntax",
			`{"token":"` + acme.ai + `\u0000"}`:          "json.nul",
			`{"token":"x","permission":{"a":{"b":[1]}}}`: "request.invalid",
		} {
			if a := c.want(c.do("POST", "/v1/tokens:verify", body, trusted...), 422, code); strings.Contains(a.text, acme.ai) {
				t.Errorf("%s: the token comes back: %s", code, a.text)
			}
		}
		for _, path := range []string{"/v1/tokens:verify", "/v1/tokens:revoke", "/v1/tokens:batchVerify"} {
			c.want(c.do("POST", path, `{"token":"`+large+`"}`), 413, "web.too_large")
			c.want(c.do("POST", path, `<token/>`, "Content-Type", "application/xml"), 415, "web.unsupported_type")
			c.want(c.do("POST", path+"?token="+acme.ai, `{"token":"`+acme.ai+`"}`), 400, "verify.token_in_query")
			c.want(c.do("GET", path+"?token="+acme.ai, ""), 405, "web.no_method")
		}
		if a := c.do("GET", "/v1/auth", "", "Authorization", "Bearer "+strings.Repeat("a", 2<<20)); a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d %s", a.status, a.text)
		}
		c.want(c.do("GET", "/v1/auth?access_token="+acme.ai, ""), 401, "access.unauthenticated")
		c.want(c.do("GET", "/v1/tokens?token="+acme.ai, ""), 401, "access.unauthenticated")
		c.judged(c.verify(acme.ai, ""), "VALID", "")
		c.silent(acme.ai)
	})
}
