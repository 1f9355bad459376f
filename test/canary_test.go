package test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// TestSecretsAreNowhereButInTheirAnswer gives a server tokens in every place where
// somebody may put one, right and wrong, and then looks for them in everything
// that the server wrote: its logs, its channels, its metrics, its problems, the
// process's last words.
func TestSecretsAreNowhereButInTheirAnswer(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		one, two := createTenant(t, d, "One"), createTenant(t, d, "Two")
		key := strings.TrimSpace(strings.SplitN(runOn(t, d, "operator", "create", "ana").stdout, "\n", 3)[1])
		folder := t.TempDir()
		p, ready := serve(t, d, "TENANTRY_DATA_DIR="+folder, "TENANTRY_LOG_LEVEL=debug")
		if err := <-ready; err != nil {
			t.Fatal(err, p.log)
		}
		canaries := []string{one.Tokens.AI, one.Tokens.CWU, two.Tokens.AI, two.Tokens.CWU, key}
		var answers bytes.Buffer // all but those that are to show a secret
		do := func(method, path, body string, headers ...string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, p.Address+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			for i := 0; i < len(headers); i += 2 {
				r.Header.Add(headers[i], headers[i+1])
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			_ = answer.Header.Write(&answers)
			_, _ = io.Copy(&answers, answer.Body)
		}
		for _, secret := range canaries {
			typo := secret[:len(secret)-1] + "!"
			for _, text := range []string{secret, typo, secret + " ", " " + secret, secret + secret} {
				do("POST", "/v1/tokens:verify", `{"token":"`+text+`"}`)
				do("POST", "/v1/tokens:verify", `{"token":"`+text+`","tenant":"`+text+`","kind":"`+text+`","address":"`+text+`"}`)
				do("POST", "/v1/tokens:verify", `{"token":"`+text)
				do("POST", "/v1/tokens:batchVerify", `{"tokens":["`+text+`",7]}`)
				do("GET", "/v1/auth", "", "Authorization", "Bearer "+text)
				do("GET", "/v1/auth", "", "Authorization", "Bearer "+text, "Authorization", "Bearer "+text)
				do("GET", "/v1/auth", "", "Authorization", text)
				do("GET", "/v1/whoami", "", "Authorization", "Bearer "+text, "Accept-Language", text)
				do("GET", "/v1/tenants?token="+strings.ReplaceAll(text, " ", "%20"), "", "Authorization", "Bearer "+key)
				do("GET", "/v1/auth?access_token="+strings.ReplaceAll(text, " ", "%20"), "")
				do("POST", "/v1/tokens:verify?token="+strings.ReplaceAll(text, " ", "%20"), "{}")
				do("POST", "/v1/tenants", `{"name":"x","model":"gpt-4","token":"`+text+`"}`, "Authorization", "Bearer "+key, "Idempotency-Key", "k")
			}
		}
		do("POST", "/v1/tokens:revoke", `{"token":"`+two.Tokens.AI+`"}`)
		do("POST", "/v1/tokens:verify", `{"token":"`+two.Tokens.AI+`"}`) // a misuse, which is an alarm
		metrics, err := http.Get(p.Operations + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(&answers, metrics.Body)
		metrics.Body.Close()
		p.stop(t)
		written := map[string][]byte{"answers": answers.Bytes(), "standard error": p.log.Bytes()}
		if err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			written[path], err = os.ReadFile(path)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(written) < 4 || !bytes.Contains(written[filepath.Join(folder, "logs", "security.log")], []byte("used after its end")) {
			t.Errorf("only %d places to look at, or no alarm in the security log", len(written))
		}
		for place, text := range written {
			for _, secret := range canaries {
				if bytes.Contains(text, []byte(secret[:len(secret)-1])) {
					t.Errorf("%s holds %s", place, secret)
				}
			}
		}
	})
}
