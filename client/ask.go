package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/tenantry/tenantry"
)

// wireQuestion and wireVerdict are how the API has them.
type wireQuestion struct {
	Token      string `json:"token"`
	Kind       string `json:"kind,omitempty"`
	Tenant     string `json:"tenant,omitempty"`
	Permission string `json:"permission,omitempty"`
	Address    string `json:"address,omitempty"`
}

type wireVerdict struct {
	Valid       bool      `json:"valid"`
	Code        Code      `json:"code"`
	Reason      string    `json:"reason"`
	Tenant      string    `json:"tenant"`
	TenantName  string    `json:"tenant_name"`
	TokenID     string    `json:"token_id"`
	Version     int64     `json:"version"`
	Kind        string    `json:"kind"`
	Permissions []string  `json:"permissions"`
	Model       string    `json:"model"`
	Limits      Limits    `json:"limits"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// longest is what is read of an answer.
const longest = 64 << 10

// ask asks the service. Whatever is not clearly an answer is an error; none of
// them holds the token.
func (c *Client) ask(ctx context.Context, token tenantry.Secret, q Question) (Verdict, error) {
	w := wireQuestion{Token: token.Reveal(), Kind: q.Kind, Permission: q.Permission, Address: textOf(q.Address)}
	if !q.Tenant.IsZero() {
		w.Tenant = q.Tenant.String()
	}
	body, err := json.Marshal(w)
	if err != nil {
		return Verdict{}, unavailable(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("v1", "tokens:verify").String(), bytes.NewReader(body))
	if err != nil {
		return Verdict{}, unavailable(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key := c.key(); !key.Empty() {
		r.Header.Set("Authorization", "Bearer "+key.Reveal())
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return Verdict{}, unavailable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err != nil {
		return Verdict{}, unavailable(err)
	}
	if answer.StatusCode == http.StatusOK {
		return read(text)
	}
	return Verdict{}, fmt.Errorf("%w: it answers %s %s", ErrUnavailable, answer.Status, problemCode(text))
}

// unavailable leaves out nothing: the errors of net/http name the address, and
// the token is not in it.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

func textOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

func read(text []byte) (v Verdict, err error) {
	var w wireVerdict
	if err := json.Unmarshal(text, &w); err != nil || w.Code == "" || w.Valid != (w.Code == Valid) {
		return Verdict{}, fmt.Errorf("%w: its answer is not a verdict", ErrUnavailable)
	}
	v = Verdict{Code: w.Code, Reason: w.Reason, TenantName: w.TenantName, Version: w.Version, Kind: w.Kind,
		Permissions: w.Permissions[:len(w.Permissions):len(w.Permissions)], Model: w.Model, Limits: w.Limits, ExpiresAt: w.ExpiresAt}
	if w.Tenant == "" && !w.Valid {
		return v, nil
	}
	if v.Tenant, err = tenantry.ParseTenantID(w.Tenant); err == nil {
		v.Token, err = tenantry.ParseTokenID(w.TokenID)
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("%w: its answer is not a verdict", ErrUnavailable)
	}
	return v, nil
}

// problemCode is the code of a problem document (RFC 9457), "" for anything else.
func problemCode(text []byte) string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(text, &p) // then it has none
	const longest = 100
	return fmt.Sprintf("%.*q", longest, p.Code)
}
