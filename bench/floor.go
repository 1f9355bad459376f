package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"strings"
	"time"
)

// floorCommand makes this program the floor of `verify`: a bare net/http server
// that knows as many tokens.
const floorCommand = "floor"

// verdict is the answer of POST /v1/tokens:verify.
type verdict struct {
	Valid       bool     `json:"valid"`
	Code        string   `json:"code"`
	Cache       string   `json:"cache"`
	Tenant      string   `json:"tenant,omitempty"`
	TenantName  string   `json:"tenant_name,omitempty"`
	TokenID     string   `json:"token_id,omitempty"`
	Version     int64    `json:"version,omitempty"`
	Kind        string   `json:"kind,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
	Model       string   `json:"model,omitempty"`
	Limits      *limits  `json:"limits,omitempty"`
	ExpiresAt   string   `json:"expires_at,omitempty"`
}

type limits struct {
	MaxAgents    int64 `json:"max_agents"`
	MaxDocuments int64 `json:"max_documents"`
	MaxStorageMB int64 `json:"max_storage_mb"`
}

func floor(args []string) error {
	flags := flag.NewFlagSet(floorCommand, flag.ExitOnError)
	listen := flags.String("listen", "", "address")
	tokens := flags.Int("tokens", 0, "how many")
	_ = flags.Parse(args)
	known := make(map[[32]byte]*verdict, *tokens)
	for i := range *tokens {
		known[sha256.Sum256([]byte(secret(i)))] = &verdict{
			Valid: true, Code: "VALID", Cache: "HIT", Tenant: "tnt_01jd3v8y7aexkrq0z5c9m4t2wb", TenantName: "Tenant 0000000 — Ñandú",
			TokenID: "tok_01jd3v8y7aexkrq0z5c9m4t2wb", Version: 1, Kind: "ai", Permissions: []string{"ai.chat", "ai.embeddings", "ai.models"},
			Model: "gpt-4", Limits: &limits{10, 1000, 1000}, ExpiresAt: time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339),
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/tokens:verify", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in struct {
			Token string `json:"token"`
		}
		if err != nil || json.Unmarshal(body, &in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v := known[sha256.Sum256([]byte(in.Token))]
		if v == nil {
			v = &verdict{Code: "NOT_FOUND", Cache: "MISS"}
		}
		out, _ := json.Marshal(v)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	})
	mux.HandleFunc("GET /v1/auth", func(w http.ResponseWriter, r *http.Request) {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		v := known[sha256.Sum256([]byte(text))]
		if v == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h := w.Header()
		h.Set("X-Tenant-Id", v.Tenant)
		h.Set("X-Token-Id", v.TokenID)
		h.Set("X-Token-Kind", v.Kind)
		h.Set("X-Token-Permissions", strings.Join(v.Permissions, " "))
		h.Set("X-Tenant-Model", v.Model)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	return http.ListenAndServe(*listen, mux)
}
