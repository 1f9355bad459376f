package tenantry_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tenantry/tenantry"
)

// Whatever a program does by mistake with a secret, its text does not come out.
func TestSecretDoesNotShow(t *testing.T) {
	t.Parallel()
	const text = "ai_canary_0123456789_0123456789_0123456789"
	secret := tenantry.NewSecret(text)
	type inside struct{ hidden tenantry.Secret } // fmt asks no method of an unexported field
	type holder struct {
		Shown  tenantry.Secret
		hidden inside
		list   []tenantry.Secret
	}
	h := holder{secret, inside{secret}, []tenantry.Secret{secret}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("said", "secret", secret, "holder", h, "pointer", &h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("said", "secret", secret, "holder", h, "pointer", &h)
	document, err := json.Marshal(map[string]any{"secret": secret, "holder": h})
	if err != nil {
		t.Fatal(err)
	}
	said := []string{log.String(), string(document), fmt.Errorf("with %v: %w", secret, fmt.Errorf("%+v", h)).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		said = append(said, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h), fmt.Sprintf(verb, map[string]holder{"a": h}))
	}
	for _, s := range said {
		if strings.Contains(s, "canary") || strings.Contains(s, fmt.Sprintf("%x", "canary")) {
			t.Errorf("it shows in %s", s)
		}
	}
	if secret.Reveal() != text || secret != tenantry.NewSecret(text) || secret.Empty() || secret.Display() != "ai_can…6789" {
		t.Errorf("it is not itself: %s", secret.Display())
	}
	if none := tenantry.NewSecret(""); !none.Empty() || none != (tenantry.Secret{}) || none.Reveal() != "" {
		t.Error("nothing is something")
	}
}
