package token_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/token"
)

func many(t *testing.T, h apptest.House, n int) (all []customer) {
	t.Helper()
	for i := range n {
		all = append(all, bare(t, h, fmt.Sprintf("Tenant %03d", i)))
	}
	if _, err := h.Tokens.GenerateMissing(t.Context(), operator(h), 0, none); err != nil {
		t.Fatal(err)
	}
	return all
}

func everything() token.Bulk { return token.Bulk{Kinds: token.Kinds(), AbortOver: 10} }

func TestEveryTokenIsRotatedOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		many(t, h, 120) // more than the first wave
		lacking := bare(t, h, "Sin tokens")
		waves := 0
		run, err := h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) { waves++ })
		if err != nil || run.Done != 240 || run.Total != 240 || run.Failed != 0 || run.State != token.Finished || waves < 3 {
			t.Fatalf("%+v, %v, %d waves", run, err, waves)
		}
		for query, want := range map[string]int64{
			`SELECT count(*) FROM tenantry_token WHERE current_version = 2`:                                                              240,
			`SELECT count(*) FROM tenantry_token_version WHERE version = 1 AND retire_at IS NOT NULL AND revoked_reason = ''`:            240,
			`SELECT count(*) FROM tenantry_token_version WHERE version = 1 AND retire_at IS NOT NULL AND retire_on_use`:                  240,
			`SELECT count(*) FROM tenantry_audit WHERE action = 'token.rotated'`:                                                         240,
			`SELECT count(*) FROM tenants_tenantmodel WHERE ai_token LIKE 'sealed:%:2:%' AND cwu_token LIKE 'sealed:%:2:%'`:              120,
			`SELECT count(*) FROM tenants_tenantmodel WHERE ai_token = ''`:                                                               1,   // tokens existentes
			`SELECT count(DISTINCT retire_at) FROM tenantry_token_version WHERE version = 1 AND retire_at IS NOT NULL AND tenant_id > 0`: 240, // not all at once
		} {
			if got := h.Number(t, query); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		_ = lacking
		if found := validate(t, h); len(found) != 1 || found[0] != "token.missing" {
			t.Errorf("findings: %v", found)
		}
	})
}

// The run is interrupted between two waves; the same request goes on, and rotates
// nothing a second time.
func TestInterruptedRunGoesOnWhereItStopped(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		many(t, h, 120)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := h.Tokens.RotateAll(ctx, operator(h), everything(), func(r token.Run) {
			if r.Done > 0 {
				cancel()
			}
		})
		if err == nil || first.Done != 100 {
			t.Fatalf("%+v, %v", first, err)
		}
		// Another request is another run.
		other := everything()
		other.Only = 1
		if run, err := h.Tokens.RotateAll(t.Context(), operator(h), other, func(token.Run) {}); err != nil || run.Done != 2 || run.Resumed {
			t.Errorf("%+v, %v", run, err)
		}
		second, err := h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) {})
		if err != nil || !second.Resumed || second.ID != first.ID || second.Done != 240 || second.State != token.Finished {
			t.Fatalf("%+v, %v", second, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_token WHERE current_version = 2`); n != 238 {
			t.Errorf("%d tokens were rotated once", n)
		}
		third, err := h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) {})
		if err != nil || third.Resumed || third.ID == first.ID || third.Done != 240 {
			t.Errorf("%+v, %v", third, err)
		}
	})
}

func TestOnlyWhatIsDueIsRotated(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		all := many(t, h, 3)
		h.Pass(91 * day)
		arrive(t, h, "Nueva")
		due := everything()
		due.Due, due.Kinds = true, []token.Kind{token.CWU}
		n, err := h.Tokens.CountBulk(t.Context(), operator(h), due)
		if err != nil || n != 3 {
			t.Errorf("%d are due, %v", n, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_token WHERE current_version = 2`); n != 0 {
			t.Error("counting rotated something")
		}
		run, err := h.Tokens.RotateAll(t.Context(), operator(h), due, func(token.Run) {})
		if err != nil || run.Done != 3 {
			t.Errorf("%+v, %v", run, err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_token WHERE current_version = 2 AND kind = 'cwu' AND tenant_id <= ?`, all[2].tenant.Key); n != 3 {
			t.Errorf("%d", n)
		}
	})
}

// One tenant's token cannot be written; the others do not wait for it, and when
// there are too many of those the rest is left alone.
func TestFailingTenantsAreLeftOutAndTooManyStopTheRun(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		all := many(t, h, 60)
		bad := func(c customer) { // a version that the next rotation would make is there already
			h.Exec(t, `INSERT INTO tenantry_token_version (tenant_id, token_id, version, digest, display)
				SELECT tenant_id, token_id, 2, digest, 'x' FROM tenantry_token_version WHERE tenant_id = ? AND version = 1`, c.tenant.Key)
		}
		bad(all[10])
		run, err := h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) {})
		if err != nil || run.Done != 118 || run.Failed != 2 || len(run.Failures) != 1 || run.Failures[0].Tenant != all[10].tenant.Key || run.State != token.Finished {
			t.Fatalf("%+v, %v", run, err)
		}
		for _, c := range all[:20] {
			h.Exec(t, `DELETE FROM tenantry_token_version WHERE tenant_id = ? AND version > 2`, c.tenant.Key)
			if c.tenant.Key != all[10].tenant.Key {
				h.Exec(t, `INSERT INTO tenantry_token_version (tenant_id, token_id, version, digest, display)
					SELECT tenant_id, token_id, 3, digest, 'x' FROM tenantry_token_version WHERE tenant_id = ? AND version = 1`, c.tenant.Key)
			}
		}
		run, err = h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) {})
		fails(t, err, tenantry.Conflict, "token.run_aborted")
		if run.State != token.Aborted || h.Number(t, `SELECT count(*) FROM tenantry_token WHERE current_version = 3 AND tenant_id > ?`, all[49].tenant.Key) != 0 {
			t.Errorf("%+v: the second wave was not left alone", run)
		}
		// Put right, the same command goes on with what was left alone.
		h.Exec(t, `DELETE FROM tenantry_token_version WHERE version > (SELECT current_version FROM tenantry_token t WHERE t.token_id = tenantry_token_version.token_id)`)
		again, err := h.Tokens.RotateAll(t.Context(), operator(h), everything(), func(token.Run) {})
		if err != nil || !again.Resumed || again.ID != run.ID || again.State != token.Finished || h.Number(t, `SELECT count(*) FROM tenantry_token WHERE current_version = 3 AND tenant_id > ?`, all[49].tenant.Key) != 20 {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

// Nothing becomes valid that could not be handed over.
func TestUndeliveredSecretsAreNotMade(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		b := everything()
		full := errors.New("disk full")
		b.Deliver = func([]token.Delivered) error { return full }
		if _, err := h.Tokens.RotateAll(t.Context(), operator(h), b, func(token.Run) {}); !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
		wants(t, h, "the old secret", c.ai.secret, token.Active, "")
		var got []token.Delivered
		b.Deliver = func(all []token.Delivered) error { got = append(got, all...); return nil }
		run, err := h.Tokens.RotateAll(t.Context(), operator(h), b, func(token.Run) {})
		if err != nil || !run.Resumed || len(got) != 2 {
			t.Fatalf("%+v, %v, %d delivered", run, err, len(got))
		}
		for _, d := range got {
			wants(t, h, "what was delivered", d.Secret, token.Active, "")
		}
	})
}

func TestCompromisedForAllEndsEverySecretAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		c := arrive(t, h, "Uno")
		b := everything()
		b.Ended = token.Compromised
		if _, err := h.Tokens.RotateAll(t.Context(), operator(h), b, func(token.Run) {}); err != nil {
			t.Fatal(err)
		}
		wants(t, h, "ai", c.ai.secret, token.Revoked, token.Compromised)
		wants(t, h, "cwu", c.cwu.secret, token.Revoked, token.Compromised)
		h.Pass(time.Minute)
	})
}
