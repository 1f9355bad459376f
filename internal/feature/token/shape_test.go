package token

import (
	"bytes"
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

var shapes = Settings{AIPrefix: "ai_", CWUPrefix: "cwu_", Length: 32}

const body = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" // 32 bytes 0…31

func TestSecretsHaveTheSeedsShapeAndAChecksum(t *testing.T) {
	t.Parallel()
	counted := make([]byte, 32)
	for i := range counted {
		counted[i] = byte(i)
	}
	secret, err := shapes.generate(AI, bytes.NewReader(counted))
	if want := "ai_" + body + "2UfaOF"; err != nil || secret.Reveal() != want {
		t.Errorf("got %s, want %s, %v", secret.Reveal(), want, err)
	}
	// The check value of CRC-32/ISO-HDLC, 0xCBF43926, in base 62; both constants were
	// made with zlib.
	if got := checksumOf("123456789"); got != "3jZRME" {
		t.Errorf("checksum of the check value is %s", got)
	}
}

func checksumOf(text string) string {
	sum := checksum(text)
	return string(sum[:])
}

func TestShapes(t *testing.T) {
	t.Parallel()
	ours := "ai_" + body + checksumOf("ai_"+body)
	for text, want := range map[string]Shape{
		ours:                                    Ours,
		"ai_" + body:                            Seed,
		"cwu_" + body + checksumOf("cwu_"+body): Ours,
		"cwu_" + body:                           Seed,
		"test_ai_token":                         OtherShape, // the seed's own tests store such
		"cwu_test_token_456":                    OtherShape,
		ours[:len(ours)-1]:                      OtherShape, // cut off: nobody's, which a look-up tells
		"":                                      Malformed,
		ours[:len(ours)-1] + "!":                Malformed, // the checksum is wrong
		flip(ours, 10):                          Malformed,
		ours + "\n":                             Malformed,
		" " + ours:                              Malformed,
		"аi_" + body:                            Malformed, // a Cyrillic а
		"ai_\x00" + body[1:]:                    Malformed,
		strings.Repeat("x", 256):                Malformed,
		strings.Repeat("x", 10<<20):             Malformed,
		strings.Repeat("x", 255):                OtherShape,
	} {
		if got, kind := shapes.ShapeOf(text); got != want || (got == Ours || got == Seed) && !strings.HasPrefix(text, string(kind)+"_") {
			t.Errorf("%.70q: shape %d of kind %q, want %d", text, got, kind, want)
		}
	}
}

// flip exchanges one character for another.
func flip(text string, i int) string {
	c := byte('A')
	if text[i] == c {
		c = 'B'
	}
	return text[:i] + string(c) + text[i+1:]
}

func TestPatternFindsEverySecretAndNothingLonger(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		pattern := regexp.MustCompile(shapes.Pattern(kind))
		for range 1000 {
			secret, err := shapes.generate(kind, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			text := secret.Reveal()
			if got := pattern.FindString("key = \"" + text + "\"; more"); got != text {
				t.Fatalf("found %q in a line with %q", got, text)
			}
			if !Checked(text) {
				t.Fatalf("%s does not carry its checksum", text)
			}
		}
	}
}

func TestLookingAtAShapeCostsNoMemory(t *testing.T) {
	ours := "ai_" + body + checksumOf("ai_"+body)
	if n := testing.AllocsPerRun(100, func() { shapes.ShapeOf(ours); DigestOf(ours) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzShape(f *testing.F) {
	ours := "ai_" + body + checksumOf("ai_"+body)
	for _, seed := range []string{ours, "ai_" + body, "cwu_" + body, "ai_", "", "cwu_test_token_456", ours + "\n", "\xff\xfe", strings.Repeat("ai_", 90)} {
		f.Add(seed)
	}
	pattern := regexp.MustCompile(`^(?:` + shapes.Pattern(AI) + `|` + shapes.Pattern(CWU) + `)$`)
	f.Fuzz(func(t *testing.T, text string) {
		shape, kind := shapes.ShapeOf(text)
		switch shape {
		case Ours:
			if !Checked(text) || len(text) != len(shapes.prefix(kind))+43+6 || !pattern.MatchString(text) && text[len(text)-1] != '-' && text[len(text)-1] != '_' {
				t.Errorf("%q passes for one of ours", text)
			}
		case Seed:
			if len(text) != len(shapes.prefix(kind))+43 {
				t.Errorf("%q passes for one of the seed's", text)
			}
		case OtherShape:
			if len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q passes for a token", text)
			}
		}
	})
}
