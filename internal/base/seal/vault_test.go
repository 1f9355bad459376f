package seal_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
)

const token = "hvs.canary-token"

// transit speaks the two calls of Vault's transit engine for the keys "one" and
// "two". Its ciphertexts are named, not encrypted: what is tested is the talk.
func transit(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if r.Header.Get("X-Vault-Token") != token {
		answer(http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
		return
	}
	var body struct{ Plaintext, Ciphertext string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		answer(http.StatusBadRequest, map[string]any{"errors": []string{err.Error()}})
		return
	}
	var call, key string
	if parts := strings.Split(r.URL.Path, "/"); len(parts) == 5 && parts[1] == "v1" && parts[2] == "transit" {
		call, key = parts[3], parts[4]
	}
	if key != "one" && key != "two" || r.Method != http.MethodPut {
		answer(http.StatusNotFound, map[string]any{"errors": []string{}})
		return
	}
	head := "vault:v1:" + base64.StdEncoding.EncodeToString([]byte(key)) + "."
	switch call {
	case "encrypt":
		answer(http.StatusOK, map[string]any{"data": map[string]any{"ciphertext": head + reverse(body.Plaintext)}})
	case "decrypt":
		if wrapped, ok := strings.CutPrefix(body.Ciphertext, head); ok {
			answer(http.StatusOK, map[string]any{"data": map[string]any{"plaintext": reverse(wrapped)}})
			return
		}
		// A proxy in between might repeat the request.
		answer(http.StatusBadRequest, map[string]any{"errors": []string{"cipher: message authentication failed", body.Ciphertext}})
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func vaultServer(t *testing.T, handle http.HandlerFunc) (kms string) {
	t.Helper()
	server := httptest.NewTLSServer(handle)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_CACERT", ca)
	t.Setenv("VAULT_TOKEN", token)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	t.Setenv("VAULT_ADDR", "https://192.0.2.1") // the address of the key counts
	return "hcvault://" + strings.TrimPrefix(server.URL, "https://") + "/transit/keys/"
}

func TestAKeysetIsWrappedByVault(t *testing.T) {
	kms := vaultServer(t, transit)
	s := source(t)
	s.KMS = kms + "one"
	k := must(seal.Create(t.Context(), s))
	text := sealed(t, k, "secret", "")
	k, id := addTo(t, k)
	save(t, k)
	k = must(k.Promote(id))
	save(t, k)

	content := string(must(os.ReadFile(s.File)))
	if !strings.Contains(content, `"encryptedKeyset"`) || strings.Contains(content, `"keyData"`) {
		t.Errorf("the file is not wrapped: %s", content)
	}
	for _, s := range []seal.Source{s, {Inline: tenantry.NewSecret(content), KMS: s.KMS}} {
		k := load(t, s)
		if got, err := k.Open(text); err != nil || got.Reveal() != "secret" || k.Primary() != id {
			t.Errorf("opens as %q, %v, primary %d", got.Reveal(), err, k.Primary())
		}
	}

	s.KMS = kms + "two"
	refused(t, s, "seal.kms", "Bad Request")
	s.KMS = kms + "three"
	refused(t, s, "seal.kms", "Not Found")
	s.KMS = ""
	refused(t, s, "seal.kms_needed", "")
	s.KMS = kms + "one"
	t.Setenv("VAULT_TOKEN", "hvs.another")
	refused(t, s, "seal.kms", "Forbidden")
	if err := k.Save(t.Context()); !is(err, tenantry.Unavailable, "seal.kms") {
		t.Errorf("saved without permission: %v", err)
	}
	other := source(t)
	other.KMS = s.KMS
	if _, err := seal.Create(t.Context(), other); !is(err, tenantry.Unavailable, "seal.kms") {
		t.Errorf("created without permission: %v", err)
	}

	clear := source(t)
	must(seal.Create(t.Context(), clear))
	clear.KMS = s.KMS
	refused(t, clear, "seal.kms_unused", "")
}

func TestWhatVaultAnswersIsNotRepeated(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "canary") },
		"no ciphertext": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"canary":1}}`) },
		"an error":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary", http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t)
			s.KMS = vaultServer(t, handle) + "one"
			_, err := seal.Create(t.Context(), s)
			if !is(err, tenantry.Unavailable, "seal.kms") || strings.Contains(fmt.Sprintf("%+v", err), "canary") {
				t.Error(err)
			}
		})
	}
}

func TestWaitingForVaultEnds(t *testing.T) {
	s := source(t)
	arrived := make(chan struct{})
	s.KMS = vaultServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the caller left
		close(arrived)
		<-r.Context().Done()
	}) + "one"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { <-arrived; cancel() }()
	if _, err := seal.Create(ctx, s); !is(err, tenantry.Unavailable, "seal.kms") {
		t.Error(err)
	}
}

func TestAMalformedAddressOfAKeyIsRefused(t *testing.T) {
	t.Parallel()
	for _, kms := range []string{"vault", "https://host/transit/keys/a", "hcvault:///transit/keys/a", "hcvault://host/transit/keys/", "hcvault://host/keys/a",
		"hcvault://user:canary@host/transit/keys/a", "hcvault://host/transit/keys/a?token=canary", "hcvault://host/transit/encrypt/a", "hcvault://h%zz/transit/keys/a"} {
		s := source(t)
		s.KMS = kms
		_, err := seal.Load(t.Context(), s)
		if !is(err, tenantry.Usage, "seal.bad_kms") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", kms, err)
		}
	}
}

func refused(t *testing.T, s seal.Source, code, reason string) {
	t.Helper()
	_, err := seal.Load(t.Context(), s)
	if !is(err, tenantry.Unavailable, code) || !strings.Contains(fmt.Sprint(err), reason) {
		t.Errorf("want %s %s: %v", code, reason, err)
	}
	if shown := fmt.Sprintf("%+v", err); strings.Contains(shown, "vault:v1:") || strings.Contains(shown, "hvs.") {
		t.Errorf("a secret in %s", shown)
	}
}
