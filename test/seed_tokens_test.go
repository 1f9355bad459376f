package test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// The seed's lines about tokens, by their numbers, as somebody types them.

// says runs a command of manage's and wants an exit code and, byte for byte, what
// it prints.
func says(t *testing.T, d sqldbtest.Database, code int, want string, args ...string) {
	t.Helper()
	r := runOn(t, d, append([]string{"manage"}, args...)...)
	if r.code != code || r.stdout != want {
		t.Errorf("%v: exit code %d, want %d; it printed\n%swant\n%s%s", args, r.code, code, r.stdout, want, r.stderr)
	}
}

// verdict asks the program about a token.
func verdict(t *testing.T, d sqldbtest.Database, secret string, variables ...string) (code, tenant string) {
	t.Helper()
	p := command(t, append(variablesOf(d), variables...), "token", "verify", "-o", "json")
	p.Stdin = strings.NewReader(secret + "\n")
	out, _ := p.Output() // its exit code says what the document does
	var v struct{ Code, Tenant string }
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return v.Code, v.Tenant
}

func TestR068_R069_R070_R071_HelpOfManageTenantTokens(t *testing.T) {
	t.Parallel()
	help := run(t, []string{"COLUMNS=200"}, "manage", "manage_tenant_tokens", "--help").stdout
	for _, line := range []string{
		`usage: tenantry manage manage_tenant_tokens \[-h\] \[--rotate\] \[--tenant-id TENANT_ID\] \[--token-type \{ai,cwu,both\}\] .*`,
		`Gestionar tokens de tenants`,
		`  --rotate +Rotar tokens existentes`,
		`  --tenant-id TENANT_ID\n +ID del tenant específico`,
		`  --token-type \{ai,cwu,both\}\n +Tipo de token a gestionar`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(help) {
			t.Errorf("no line %q in\n%s", line, help)
		}
	}
	wrong := run(t, nil, "manage", "manage_tenant_tokens", "--token-type", "xyz")
	if wrong.code != 2 || !strings.Contains(wrong.stderr, "error: argument --token-type: invalid choice: 'xyz' (choose from 'ai', 'cwu', 'both')") {
		t.Errorf("exit code %d: %s", wrong.code, wrong.stderr)
	}
}

func TestR072_R073_R074_R093_R094_RotationCountsTokens(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		one := createTenant(t, d, "One")
		createTenant(t, d, "Two")
		djangoTenant(t, d, "none", "", "") // rotation makes no missing tokens
		says(t, d, 0, "Tokens rotados: 2\n", "manage_tenant_tokens", "--rotate", "--tenant-id", "1")
		says(t, d, 0, "Tokens rotados: 1\n", "manage_tenant_tokens", "--rotate", "--tenant-id", "1", "--token-type", "ai")
		says(t, d, 0, "Tokens rotados: 4\n", "manage_tenant_tokens", "--rotate")
		says(t, d, 0, "Tokens rotados: 2\n", "manage_tenant_tokens", "--rotate", "--token-type", "cwu")
		says(t, d, 0, "Tokens rotados: 0\n", "manage_tenant_tokens", "--rotate", "--tenant-id", "3")
		if code, _ := verdict(t, d, one.Tokens.AI); code != "VALID" {
			t.Errorf("the first secret within its grace period is %s", code)
		}
		for _, id := range []string{"0", "-1", "99"} { // 0 is not everybody
			if r := runOn(t, d, "manage", "manage_tenant_tokens", "--rotate", "--tenant-id="+id); r.code != 1 || !strings.Contains(r.stderr, "hint: ") || r.stdout != "" {
				t.Errorf("--tenant-id=%s: exit code %d, %s%s", id, r.code, r.stdout, r.stderr)
			}
		}
	})
}

func TestR075_R095_InformationOfTokens(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		m := createTenant(t, d, "Ñandú")
		djangoTenant(t, d, "none", "", "")
		says(t, d, 0, "Información de tokens: {'tenants': 2, 'ai_tokens': 1, 'cwu_tokens': 1, 'missing': 2, 'active': 2, 'retiring': 0, 'expired': 0, 'revoked': 0, 'due': 0}\n", "manage_tenant_tokens")
		out := runOn(t, d, "manage", "manage_tenant_tokens", "--tenant-id", "1").stdout
		want := "Información de tokens: {'tenant_id': 1, 'name': 'Ñandú', "
		if !strings.HasPrefix(out, want) || !strings.Contains(out, "'ai_token': {'token': '"+m.Tokens.AI[:6]+"…"+m.Tokens.AI[len(m.Tokens.AI)-4:]+"', 'version': 1, 'status': 'active', 'due': False}") {
			t.Errorf("%s", out)
		}
		if strings.Contains(out, m.Tokens.AI) || strings.Contains(out, m.Tokens.CWU) {
			t.Error("it shows a secret")
		}
	})
}

func TestR076_R096_R097_R098_GenerateTenantTokensKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		kept := "ai_" + strings.Repeat("k", 43)
		djangoTenant(t, d, "half", kept, "")
		djangoTenant(t, d, "none", "", "")
		says(t, d, 0, "Tokens generados: 3\n", "generate_tenant_tokens")
		says(t, d, 0, "Tokens generados: 0\n", "generate_tenant_tokens")
		runOn(t, d, "manage", "validate_tenant_tokens", "--fix") // as `serve` does every minute
		if code, tenant := verdict(t, d, kept); code != "VALID" || tenant == "" {
			t.Errorf("the token that was there is %s", code)
		}
	})
}

func TestR077_RotateTenantTokensAsksBeforeItRotatesEverybody(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		createTenant(t, d, "One")
		createTenant(t, d, "Two")
		says(t, d, 0, "Tokens rotados: 2\n", "rotate_tenant_tokens", "--tenant-id=1")
		if r := runOn(t, d, "manage", "rotate_tenant_tokens"); r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "--yes") {
			t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
		says(t, d, 0, "Tokens rotados: 4\n", "rotate_tenant_tokens", "--yes")
	})
}

func TestR081_R087_AuditAndValidationOfTokens(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		createTenant(t, d, "One")
		for _, name := range []string{"validate_tenant_tokens", "audit_tenant_tokens"} {
			says(t, d, 0, "Sin hallazgos.\n", name)
		}
		djangoTenant(t, d, "none", "", "")
		djangoTenant(t, d, "short", "test_ai_token", "cwu_"+strings.Repeat("d", 43))
		for _, name := range []string{"validate_tenant_tokens", "audit_tenant_tokens"} {
			r := runOn(t, d, "manage", name)
			if r.code != 3 || !strings.Contains(r.stdout, "token.missing") || !strings.Contains(r.stdout, "token.weak") || !strings.Contains(r.stdout, "token.plain") {
				t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.stdout, r.stderr)
			}
		}
		r := runOn(t, d, "manage", "validate_tenant_tokens", "--fix")
		if r.code != 3 || strings.Contains(r.stdout, "token.missing") || !strings.Contains(r.stdout, "token.weak") {
			t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
		}
	})
}

func TestR084_R123_EncryptionSealsColumnsAndVerificationGoesOn(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		ai, cwu := "ai_"+strings.Repeat("d", 43), "cwu_"+strings.Repeat("d", 43)
		djangoTenant(t, d, "plain", ai, cwu)
		says(t, d, 0, "Tokens generados: 0\n", "generate_tenant_tokens")
		runOn(t, d, "token", "validate", "--fix")
		if n := rowsWhere(t, d, `ai_token LIKE 'sealed:%' AND cwu_token LIKE 'sealed:%'`); n != 1 {
			t.Error("the columns are not sealed")
		}
		says(t, d, 0, "Tokens encriptados: 0\n", "encrypt_tenant_tokens")
		for _, secret := range []string{ai, cwu} {
			if code, _ := verdict(t, d, secret); code != "VALID" {
				t.Errorf("sealed, it is %s", code)
			}
		}
		// With encryption off a Django process reads its columns as ever.
		if r := runOn(t, d, "keys", "decrypt"); r.code != 0 || rowsWhere(t, d, `ai_token = '`+ai+`' AND cwu_token = '`+cwu+`'`) != 1 {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		off := append(variablesOf(d), "TENANTRY_TOKENS_ENCRYPT=false")
		if r := run(t, off, "manage", "encrypt_tenant_tokens"); r.code != 1 || !strings.Contains(r.stderr, "hint: ") {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		if r := run(t, off, "manage", "rotate_tenant_tokens", "--tenant-id", "1"); r.stdout != "Tokens rotados: 2\n" || rowsWhere(t, d, `ai_token LIKE 'ai\_%' ESCAPE '\' AND cwu_token LIKE 'cwu\_%' ESCAPE '\'`) != 1 {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
		says(t, d, 0, "Tokens encriptados: 2\n", "encrypt_tenant_tokens")
	})
}

func rowsWhere(t *testing.T, d sqldbtest.Database, condition string) (n int) {
	t.Helper()
	err := d.Open(t).Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Get(t.Context(), `SELECT count(*) FROM tenants_tenantmodel WHERE `+condition, nil, &n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestR089_R090_R091_R092_ServiceBehindTheDataMigration(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		djangoTenant(t, d, "one", "", "")
		djangoTenant(t, d, "two", "", "")
		says(t, d, 0, "Tokens generados: 2\nMigrados 1 tenants\n", "migrate_tenant_data", "--tenant-id", "1", "--generate-tokens")
		says(t, d, 0, "Tokens generados: 2\nPerfiles creados: 0\nMigrados 3 tenants\n", "migrate_tenant_data", "--generate-tokens", "--create-profiles")
	})
}

func TestR120_R121_R122_NewTokensHaveTheSeedsShape(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		m := createTenant(t, d, "One")
		for secret, shape := range map[string]string{m.Tokens.AI: `^ai_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$`, m.Tokens.CWU: `^cwu_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$`} {
			if !regexp.MustCompile(shape).MatchString(secret) {
				t.Errorf("%s does not match %s", secret, shape)
			}
		}
		other := append(variablesOf(d), "TENANTRY_TOKENS_AI_PREFIX=ia_", "TENANTRY_TOKENS_LENGTH=64")
		r := run(t, other, "tenant", "create", "Two", "-o", "json")
		if !regexp.MustCompile(`"ai": "ia_[A-Za-z0-9_-]{86}[0-9A-Za-z]{6}"`).MatchString(r.stdout) {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
	})
}

func TestR116_R124_TokensAreDueAndExpireBySettings(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		createTenant(t, d, "One")
		if r := runOn(t, d, "token", "rotate", "--due", "--yes"); r.stdout != "Tokens rotados: 0\n" {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
		var page struct {
			Items []struct {
				CreatedAt string `json:"created_at"`
				ExpiresAt string `json:"expires_at"`
			}
		}
		r := run(t, append(variablesOf(d), "TENANTRY_TOKENS_EXPIRY_DAYS=30", "TENANTRY_TOKENS_ROTATE_DAYS=7"), "token", "rotate", "--all", "--yes")
		if r.stdout != "Tokens rotados: 2\n" {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
		if err := json.Unmarshal([]byte(runOn(t, d, "token", "list", "-o", "json").stdout), &page); err != nil || len(page.Items) != 2 {
			t.Fatal(err, page)
		}
	})
}

// "Tokens duplicados": verify token uniqueness.
func TestR128_DoubledTokensAreFoundAndPutRight(t *testing.T) {
	t.Parallel()
	sqldbtest.EachFrom(t, seeded, func(t *testing.T, d sqldbtest.Database) {
		doubled := "ai_" + strings.Repeat("d", 43)
		djangoTenant(t, d, "older", doubled, "cwu_"+strings.Repeat("a", 43))
		djangoTenant(t, d, "newer", doubled, "cwu_"+strings.Repeat("b", 43))
		if r := runOn(t, d, "manage", "validate_tenant_tokens"); r.code != 3 {
			t.Errorf("exit code %d: %s", r.code, r.stdout)
		}
		if code, _ := verdict(t, d, doubled); code != "NOT_FOUND" {
			t.Errorf("held by two it is %s", code)
		}
		runOn(t, d, "manage", "validate_tenant_tokens", "--fix")
		if code, _ := verdict(t, d, doubled); code != "VALID" {
			t.Errorf("held by one it is %s", code)
		}
		if n := rowsWhere(t, d, `name = 'older'`); n != 1 {
			t.Error("gone")
		}
	})
}
