package password_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/password"
)

func TestValidateAgreesWithDjangosValidators(t *testing.T) {
	t.Parallel()
	ana := password.Owner{UserName: "ana.perez", FirstName: "Ana María", LastName: "Pérez Soto", Email: "contacto@viñasur.example"}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"testpass123", nil},
		{"contraseña-日本-🔑", nil},
		{strings.Repeat("a", 4096), nil},
		{"日本語日本語日本", nil}, // eight characters
		{"", []string{"password.too_short"}},
		{"日本語日本語日", []string{"password.too_short"}},
		{"1234567", []string{"password.too_short", "password.entirely_numeric"}},
		{"12345678", []string{"password.entirely_numeric"}},
		{"١٢٣٤٥٦٧٨", []string{"password.entirely_numeric"}},
		{"12345678 ", nil},
		{strings.Repeat("a", 4097), []string{"password.too_long"}},
		{strings.Repeat("1", 4097), []string{"password.too_long", "password.entirely_numeric"}},
		{strings.Repeat("ñ", 2049), []string{"password.too_long"}}, // bytes
		{"ana.perez", []string{"password.similar_to_user_name"}},
		{"ANA.PEREZ2024", []string{"password.similar_to_user_name"}},
		{"zerep.ana", []string{"password.similar_to_user_name"}}, // the order does not count
		{"ana.perez-2024-lluvia", nil},
		{"anamaría", []string{"password.similar_to_first_name"}},
		{"perezsoto", []string{"password.similar_to_user_name"}},
		{"PérezSotoZ", []string{"password.similar_to_last_name"}},
		{"viñasur1", []string{"password.similar_to_email"}},
		{"contacto", []string{"password.similar_to_email"}},
		{"ana", []string{"password.too_short", "password.similar_to_user_name"}},
	} {
		var want []tenantry.FieldError
		for _, code := range c.want {
			e := tenantry.FieldError{Field: "password", Code: code}
			switch code {
			case "password.too_short":
				e.Params = map[string]any{"min": 8}
			case "password.too_long":
				e.Params = map[string]any{"max": 4096}
			}
			want = append(want, e)
		}
		err := password.Validate(tenantry.NewSecret(c.text), ana)
		if len(want) == 0 {
			if err != nil {
				t.Errorf("%.40q: %v", c.text, err)
			}
			continue
		}
		var got *tenantry.Error
		if !errors.As(err, &got) || got.Kind != tenantry.Invalid || got.Code != "password.unacceptable" {
			t.Errorf("%.40q: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(want, got.Fields); diff != "" {
			t.Errorf("%.40q: %s", c.text, diff)
		}
	}
}

func TestValidateComparesOnlyWhatIsKnown(t *testing.T) {
	t.Parallel()
	if err := password.Validate(tenantry.NewSecret("ana.perez"), password.Owner{}); err != nil {
		t.Error(err)
	}
}

func TestValidateDrawsTheLineAtSevenTenths(t *testing.T) {
	t.Parallel()
	owner := password.Owner{UserName: "abcdefghij"}
	if err := password.Validate(tenantry.NewSecret("abcdefg123"), owner); err == nil {
		t.Error("7 of 10 characters in common were accepted")
	}
	if err := password.Validate(tenantry.NewSecret("abcdef1234"), owner); err != nil {
		t.Errorf("6 of 10 characters in common: %v", err)
	}
}
