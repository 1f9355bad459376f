package credential_test

import (
	"crypto/rand"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/credential"
)

func TestCredentialIsKnownByItsShape(t *testing.T) {
	t.Parallel()
	c, err := credential.New("xyz_", rand.Reader)
	if err != nil || !regexp.MustCompile(`^xyz_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$`).MatchString(c.Reveal()) {
		t.Fatalf("%d characters, %v", len(c.Reveal()), err)
	}
	if !credential.WellFormed("xyz_", c) || len(credential.Digest(c)) != 64 {
		t.Error("not its own shape")
	}
	text := c.Reveal()
	flip := func(i int) string {
		b := []byte(text)
		if b[i]++; b[i] > 'z' {
			b[i] = 'A'
		}
		return string(b)
	}
	for _, wrong := range []string{"", "xyz_", flip(8), flip(len(text) - 1), text + "x", text[1:], "abc_" + text[4:], strings.ToUpper(text), strings.Repeat("x", 1<<20)} {
		if credential.WellFormed("xyz_", tenantry.NewSecret(wrong)) {
			t.Errorf("%.60s passes", wrong)
		}
	}
}

func TestNoCredentialIsMadeWithoutChance(t *testing.T) {
	t.Parallel()
	if c, err := credential.New("xyz_", iotest.ErrReader(io.EOF)); err == nil || !c.Empty() {
		t.Error("one was made")
	}
}
