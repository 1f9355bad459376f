package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/seal"
)

// known is a keyset of one key, 32 bytes of "k", with the id 1234567.
var known = fmt.Sprintf(`{"primaryKeyId":1234567,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":%q,`+
	`"keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1234567,"outputPrefixType":"RAW"}]}`,
	base64.StdEncoding.EncodeToString(append([]byte{0x1a, 32}, strings.Repeat("k", 32)...)))

func TestWhatIsSealedOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	k := create(t)
	rapid.Check(t, func(r *rapid.T) {
		plain := rapid.String().Draw(r, "plain")
		note := rapid.StringMatching(`[A-Za-z0-9._-]{0,16}`).Draw(r, "note")
		aad := rapid.SliceOfN(rapid.String(), 0, 4).Draw(r, "aad")
		text, err := k.Seal(tenantry.NewSecret(plain), note, aad...)
		if err != nil {
			r.Fatal(err)
		}
		if again, _ := k.Seal(tenantry.NewSecret(plain), note, aad...); again == text {
			r.Fatal("sealed twice to the same text")
		}
		got, err := k.Open(text, aad...)
		if err != nil || got.Reveal() != plain {
			r.Fatalf("opens as %q, %v", got.Reveal(), err)
		}
		if id, n, ok := seal.Visible(text); !ok || id != k.Primary() || n != note || !seal.Sealed(text) {
			r.Fatalf("visible: %d %q %v of %s", id, n, ok, text)
		}
		other := rapid.SliceOfN(rapid.String(), 0, 4).Draw(r, "other")
		if fmt.Sprintf("%q", other) != fmt.Sprintf("%q", aad) {
			if _, err := k.Open(text, other...); !is(err, tenantry.Conflict, "seal.does_not_open") {
				r.Fatalf("opens with %q: %v", other, err)
			}
		}
		// One byte changed, anywhere.
		changed := []byte(text)
		changed[rapid.IntRange(0, len(text)-1).Draw(r, "at")] ^= byte(rapid.IntRange(1, 255).Draw(r, "flip"))
		if got, err := k.Open(string(changed), aad...); err == nil {
			r.Fatalf("%s opens as %q", changed, got.Reveal())
		}
	})
}

func TestPartsAreNotJoined(t *testing.T) {
	t.Parallel()
	k := create(t)
	text := sealed(t, k, "secret", "", "ab", "c")
	for _, aad := range [][]string{nil, {"abc"}, {"a", "bc"}, {"ab"}, {"ab", "c", ""}, {"c", "ab"}, {"", "ab", "c"}} {
		if _, err := k.Open(text, aad...); !is(err, tenantry.Conflict, "seal.does_not_open") {
			t.Errorf("opens with %q: %v", aad, err)
		}
	}
}

func TestAChangedTextDoesNotOpen(t *testing.T) {
	t.Parallel()
	k, second := addTo(t, create(t))
	first := k.Primary()
	text := sealed(t, k, "secret", "v1.a", "place")
	head := fmt.Sprintf("sealed:%d:v1.a:", first)
	body, ok := strings.CutPrefix(text, head)
	if !ok {
		t.Fatalf("%s does not begin with %s", text, head)
	}
	for name, changed := range map[string]string{
		"moved note":        fmt.Sprintf("sealed:%d:v1.b:%s", first, body),
		"no note":           fmt.Sprintf("sealed:%d::%s", first, body),
		"another key":       fmt.Sprintf("sealed:%d:v1.a:%s", second, body),
		"truncated":         text[:len(text)-1],
		"truncated by four": text[:len(text)-4],
		"no body":           head,
		"too short":         head + "AAAA",
		"line end":          text[:len(text)-3] + "\n" + text[len(text)-3:],
		"trailing line end": text + "\n",
		"padding":           text + "=",
		"another alphabet":  head + "+/" + body[2:],
	} {
		_, err := k.Open(changed, "place")
		var e *tenantry.Error
		if !is(err, tenantry.Conflict, "seal.does_not_open") || !errors.As(err, &e) || e.Params["key"] == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBodiesHaveOneTextEach(t *testing.T) {
	t.Parallel()
	k := create(t)
	text := sealed(t, k, "1", "") // 29 bytes: the last character carries four spare bits
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	opened := 0
	for _, c := range alphabet {
		if _, err := k.Open(text[:len(text)-1] + string(c)); err == nil {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("%d last characters open", opened)
	}
}

func TestAnotherTextIsNotSealed(t *testing.T) {
	t.Parallel()
	k := create(t)
	id := k.Primary()
	for _, text := range []string{"", "ai_token", "sealed", "sealed:", "sealed::", "sealed:::", "sealed:1", "sealed:1:n", "sealed:01:n:AAAA", "sealed:+1:n:AAAA",
		"sealed:-1:n:AAAA", "sealed:4294967296:n:AAAA", "sealed:1:no te:AAAA", "sealed:1:seventeen-letters:AAAA", " sealed:1:n:AAAA", "SEALED:1:n:AAAA",
		fmt.Sprintf("sealed:%d:ñ:AAAA", id)} {
		if _, err := k.Open(text); !is(err, tenantry.Invalid, "seal.not_sealed") {
			t.Errorf("%q: %v", text, err)
		}
		if _, _, ok := seal.Visible(text); ok {
			t.Errorf("%q is visible", text)
		}
	}
	for text, want := range map[string]bool{"sealed:": true, "sealed:1:n": true, "ai_sealed:": false, "": false} {
		if seal.Sealed(text) != want {
			t.Errorf("Sealed(%q) is not %v", text, want)
		}
	}
}

func TestAnUnknownKeyIsNamed(t *testing.T) {
	t.Parallel()
	a, b := create(t), create(t)
	_, err := b.Open(sealed(t, a, "secret", ""))
	var e *tenantry.Error
	if !is(err, tenantry.Unavailable, "seal.unknown_key") || !errors.As(err, &e) || e.Params["key"] != a.Primary() {
		t.Errorf("%v, want the key %d", err, a.Primary())
	}
}

// The form is stored in databases and must stay as it is.
func TestATextOfTheFirstReleaseOpens(t *testing.T) {
	t.Parallel()
	k := load(t, seal.Source{Inline: tenantry.NewSecret(known)})
	got, err := k.Open(firstRelease, "table", "7", "column")
	if err != nil || got.Reveal() != "ai_secret" {
		text, _ := k.Seal(tenantry.NewSecret("ai_secret"), "v1", "table", "7", "column")
		t.Errorf("opens as %q, %v; a new one: %s", got.Reveal(), err, text)
	}
}

const firstRelease = "sealed:1234567:v1:k0P3q2dTr6YIB3Q7UU2BoloKIOkQWMpiIlkevcsMEJQ4u4MYhA"

func TestALongTokenFitsItsColumn(t *testing.T) {
	t.Parallel()
	k := create(t)
	for range 20 { // key ids differ in length
		var id uint32
		k, id = addTo(t, k)
		k = must(k.Promote(id))
		if text := sealed(t, k, strings.Repeat("x", 138), "1234567", "tenants_tenantmodel", "1"); len(text) > 255 {
			t.Fatalf("%d characters", len(text))
		}
	}
}

func TestNotesAreShortAndPlain(t *testing.T) {
	t.Parallel()
	k := create(t)
	for _, note := range []string{"a:b", "seventeen-letters", "ñ", " ", "a\n"} {
		if text, err := k.Seal(tenantry.NewSecret("secret"), note); err == nil {
			t.Errorf("%q is taken: %s", note, text)
		}
	}
}

func TestAKeyIsReplacedInFourSteps(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), source(t)
	k := must(seal.Create(ctx, s))
	first := k.Primary()
	old := sealed(t, k, "old", "n", "place")

	k, second := addTo(t, k)
	save(t, k)
	if k.Primary() != first || second == first {
		t.Fatal("a new key is primary at once")
	}
	before := load(t, s)

	k = must(k.Promote(second))
	save(t, k)
	if got := fmt.Sprint(k.Keys()); got != fmt.Sprintf("[{%d false} {%d true}]", first, second) {
		t.Errorf("keys: %s", got)
	}
	young := sealed(t, k, "new", "n", "place")
	for text, want := range map[string]string{old: "old", young: "new"} {
		for _, ring := range []*seal.Keyring{k, before, load(t, s)} {
			if got, err := ring.Open(text, "place"); err != nil || got.Reveal() != want {
				t.Errorf("%s opens as %q, %v", text, got.Reveal(), err)
			}
		}
	}

	if _, err := k.Drop(second); !is(err, tenantry.Conflict, "seal.key_is_primary") {
		t.Errorf("the primary is dropped: %v", err)
	}
	k = must(k.Drop(first))
	save(t, k)
	k = load(t, s)
	if _, err := k.Open(old, "place"); !is(err, tenantry.Unavailable, "seal.unknown_key") || k.Holds(first) || !k.Holds(second) {
		t.Errorf("what the dropped key sealed: %v", err)
	}
	if got, err := k.Open(young, "place"); err != nil || got.Reveal() != "new" {
		t.Errorf("opens as %q, %v", got.Reveal(), err)
	}
	for _, change := range []func(uint32) (*seal.Keyring, error){k.Promote, k.Drop} {
		if _, err := change(first); !is(err, tenantry.NotFound, "seal.no_such_key") {
			t.Errorf("a key that is not there: %v", err)
		}
	}
}

func TestOneOfSixteenCreates(t *testing.T) {
	t.Parallel()
	s := source(t)
	var all sync.WaitGroup
	made := make(chan uint32, 16)
	loaded := make(chan uint32, 16)
	start := make(chan struct{})
	for range 16 {
		all.Go(func() {
			<-start
			k, err := seal.Create(t.Context(), s)
			switch {
			case err == nil:
				made <- k.Primary()
			case !is(err, tenantry.Conflict, "seal.keyset_exists"):
				t.Error(err)
			}
			if k, err = seal.Load(t.Context(), s); err != nil {
				t.Error(err)
				return
			}
			loaded <- k.Primary()
		})
	}
	close(start)
	all.Wait()
	close(loaded)
	if len(made) != 1 {
		t.Fatalf("%d made it", len(made))
	}
	id := <-made
	for got := range loaded {
		if got != id {
			t.Errorf("loaded %d, made was %d", got, id)
		}
	}
	onlyFile(t, s.File)
}

func TestOneOfSixteenSaves(t *testing.T) {
	t.Parallel()
	s := source(t)
	must(seal.Create(t.Context(), s))
	var all sync.WaitGroup
	saved := make(chan uint32, 16)
	rings := make([]*seal.Keyring, 16)
	for i := range rings {
		rings[i] = load(t, s)
	}
	for _, k := range rings {
		all.Go(func() {
			k, id, err := k.Add()
			if err == nil {
				err = k.Save(t.Context())
			}
			if err == nil {
				saved <- id
			} else if !is(err, tenantry.Stale, "seal.keyset_changed") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(saved) != 1 {
		t.Fatalf("%d saved", len(saved))
	}
	if k := load(t, s); !k.Holds(<-saved) || len(k.Keys()) != 2 {
		t.Errorf("kept: %v", k.Keys())
	}
	onlyFile(t, s.File)
}

func TestSaveKeepsWhatSomebodyElseSaved(t *testing.T) {
	t.Parallel()
	s := source(t)
	mine := must(seal.Create(t.Context(), s))
	theirs := load(t, s)
	theirs, id := addTo(t, theirs)
	save(t, theirs)
	mine, _ = addTo(t, mine)
	if err := mine.Save(t.Context()); !is(err, tenantry.Stale, "seal.keyset_changed") {
		t.Errorf("saved over it: %v", err)
	}
	if !load(t, s).Holds(id) {
		t.Error("their key is lost")
	}
	if err := os.Remove(s.File); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Save(t.Context()); !is(err, tenantry.Stale, "seal.keyset_changed") {
		t.Errorf("saved where the file is gone: %v", err)
	}
}

// Whoever waits for the file holds the old one when another has replaced it.
func TestSaveAfterWaitingLooksAtTheNewFile(t *testing.T) {
	t.Parallel()
	s, other := source(t), source(t)
	k := must(seal.Create(t.Context(), s))
	theirs := must(seal.Create(t.Context(), other)).Primary()
	f, err := os.Open(s.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- k.Save(t.Context()) }()
	time.Sleep(100 * time.Millisecond) // for Save to wait
	if err := errors.Join(os.Rename(other.File, s.File), syscall.Flock(int(f.Fd()), syscall.LOCK_UN)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !is(err, tenantry.Stale, "seal.keyset_changed") || load(t, s).Primary() != theirs {
		t.Errorf("saved over it: %v", err)
	}
}

func TestSaveWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	s := source(t)
	k := must(seal.Create(t.Context(), s))
	f, err := os.Open(s.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Save(ctx); tenantry.KindOf(err) != tenantry.Busy {
		t.Error(err)
	}
}

func TestAnExposedFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601, 0o777} {
		s := source(t)
		k := must(seal.Create(t.Context(), s))
		if err := os.Chmod(s.File, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.Load(t.Context(), s)
		var e *tenantry.Error
		if !is(err, tenantry.Unavailable, "seal.keyset_exposed") || !errors.As(err, &e) || e.Params["path"] != s.File || e.Params["mode"] != mode.String() {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err := k.Save(t.Context()); !is(err, tenantry.Unavailable, "seal.keyset_exposed") {
			t.Errorf("mode %o: saved: %v", mode, err)
		}
	}
	s := source(t)
	k := must(seal.Create(t.Context(), s))
	if info, err := os.Stat(s.File); err != nil || info.Mode() != 0o600 {
		t.Errorf("made with %v, %v", info.Mode(), err)
	}
	save(t, k)
	if info, err := os.Stat(s.File); err != nil || info.Mode() != 0o600 {
		t.Errorf("saved with %v, %v", info.Mode(), err)
	}

	folder := t.TempDir()
	link, pipe := filepath.Join(folder, "link"), filepath.Join(folder, "pipe")
	if err := errors.Join(os.Symlink(s.File, link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, link, pipe} {
		if _, err := seal.Load(t.Context(), seal.Source{File: path}); !is(err, tenantry.Unavailable, "seal.keyset_exposed") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAKeysetFromTheEnvironmentCannotBeSaved(t *testing.T) {
	t.Parallel()
	s := source(t)
	k := must(seal.Create(t.Context(), s))
	text := sealed(t, k, "secret", "")
	content, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	s = seal.Source{Inline: tenantry.NewSecret(string(content))}
	k = load(t, s)
	if got, err := k.Open(text); err != nil || got.Reveal() != "secret" {
		t.Errorf("opens as %q, %v", got.Reveal(), err)
	}
	k, _ = addTo(t, k)
	if err := k.Save(t.Context()); !is(err, tenantry.Conflict, "seal.keyset_readonly") {
		t.Errorf("saved: %v", err)
	}
	if _, err := seal.Create(t.Context(), s); !is(err, tenantry.Conflict, "seal.keyset_readonly") {
		t.Errorf("created: %v", err)
	}
}

func TestAKeysetIsInOnePlace(t *testing.T) {
	t.Parallel()
	both := source(t)
	both.Inline = tenantry.NewSecret(known)
	for _, s := range []seal.Source{{}, both} {
		if _, err := seal.Load(t.Context(), s); !is(err, tenantry.Usage, "seal.bad_source") {
			t.Errorf("loaded: %v", err)
		}
		if _, err := seal.Create(t.Context(), s); !is(err, tenantry.Usage, "seal.bad_source") {
			t.Errorf("created: %v", err)
		}
	}
	if _, err := seal.Load(t.Context(), source(t)); !is(err, tenantry.NotFound, "seal.keyset_missing") {
		t.Errorf("loaded what is not there: %v", err)
	}
	if _, err := seal.Create(t.Context(), seal.Source{File: filepath.Join(t.TempDir(), "no", "keys")}); err == nil {
		t.Error("created in a folder that is not there")
	}
}

func TestADamagedKeysetSaysNothingOfItsKeys(t *testing.T) {
	t.Parallel()
	material := base64.StdEncoding.EncodeToString(append([]byte{0x1a, 32}, strings.Repeat("k", 32)...))
	for name, text := range map[string]string{
		"empty":            "{}",
		"not JSON":         material,
		"half":             known[:len(known)/2],
		"another field":    strings.Replace(known, `"keyData"`, `"`+material+`"`, 1),
		"a string for id":  strings.Replace(known, `"primaryKeyId":1234567`, `"primaryKeyId":"`+material+`"`, 1),
		"no such primary":  strings.Replace(known, `"primaryKeyId":1234567`, `"primaryKeyId":7`, 1),
		"short key":        strings.Replace(known, material, base64.StdEncoding.EncodeToString(append([]byte{0x1a, 16}, strings.Repeat("k", 16)...)), 1),
		"a primitive more": strings.Replace(known, "AesGcmKey", "AesGcmSivKey", 1),
		"disabled":         strings.Replace(known, "ENABLED", "DISABLED", 1),
		"twice":            strings.Replace(known, `"key":[`, `"key":[`+known[strings.Index(known, `[`)+1:strings.LastIndex(known, `]`)]+",", 1),
	} {
		s := source(t)
		if err := os.WriteFile(s.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, s := range []seal.Source{s, {Inline: tenantry.NewSecret(text)}} {
			_, err := seal.Load(t.Context(), s)
			var e *tenantry.Error
			if !is(err, tenantry.Unavailable, "seal.keyset_damaged") || !errors.As(err, &e) || e.Params["path"] != s.File {
				t.Errorf("%s: %v", name, err)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, e, e); strings.Contains(shown, material[:20]) || strings.Contains(shown, "kkkk") {
				t.Errorf("%s: key material in %s", name, shown)
			}
		}
	}
}

// A keyset of tinkey's default template writes Tink's prefix; here it does not.
func TestAKeysetMadeByTinkeyIsUsedWithoutItsPrefix(t *testing.T) {
	t.Parallel()
	k := load(t, seal.Source{Inline: tenantry.NewSecret(strings.Replace(known, `"RAW"`, `"TINK"`, 1))})
	if got, err := k.Open(firstRelease, "table", "7", "column"); err != nil || got.Reveal() != "ai_secret" {
		t.Errorf("opens as %q, %v", got.Reveal(), err)
	}
}

func TestAKeyringShowsNoKeys(t *testing.T) {
	t.Parallel()
	s := seal.Source{Inline: tenantry.NewSecret(known)}
	k := load(t, s)
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+" "+verb+" "+verb+"\n", k, s, struct{ k *seal.Keyring }{k})
	}
	for _, v := range []any{k, s} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "v", v)
	}
	if strings.Contains(shown.String(), "a2tra2") || strings.Contains(shown.String(), "kkkk") || strings.Contains(shown.String(), "6b6b6b") || strings.Contains(shown.String(), "107 107") {
		t.Errorf("key material in:\n%s", &shown)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "seal.Keyring(1 keys, primary 1234567)" {
			t.Errorf("%s shows %s", verb, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, text := range []string{"", "sealed:", "sealed:1:n:AAAA", "sealed:1234567::", "sealed:1234567:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", firstRelease} {
		f.Add(text, "table")
	}
	k, err := seal.Load(context.Background(), seal.Source{Inline: tenantry.NewSecret(known)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, aad string) {
		id, note, ok := seal.Visible(text)
		if ok && (!seal.Sealed(text) || !strings.HasPrefix(text, fmt.Sprintf("sealed:%d:%s:", id, note))) {
			t.Errorf("%q shows %d, %q", text, id, note)
		}
		_, err := k.Open(text, aad)
		switch {
		case !ok && is(err, tenantry.Invalid, "seal.not_sealed"):
		case ok && id != k.Primary() && is(err, tenantry.Unavailable, "seal.unknown_key"):
		case ok && id == k.Primary() && is(err, tenantry.Conflict, "seal.does_not_open"):
		default:
			t.Errorf("%q: %v", text, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain := benchmarked(b), tenantry.NewSecret(strings.Repeat("x", 52))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(plain, "v1", "tenants_tenantmodel", "123456", "ai_token"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := benchmarked(b)
	text, err := k.Seal(tenantry.NewSecret(strings.Repeat("x", 52)), "v1", "tenants_tenantmodel", "123456", "ai_token")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(text, "tenants_tenantmodel", "123456", "ai_token"); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarked(b *testing.B) *seal.Keyring {
	k, err := seal.Load(b.Context(), seal.Source{Inline: tenantry.NewSecret(known)})
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func source(t *testing.T) seal.Source {
	t.Helper()
	return seal.Source{File: filepath.Join(t.TempDir(), "keyset.json")}
}

func create(t *testing.T) *seal.Keyring {
	t.Helper()
	k, err := seal.Create(t.Context(), source(t))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func load(t *testing.T, s seal.Source) *seal.Keyring {
	t.Helper()
	k, err := seal.Load(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func addTo(t *testing.T, k *seal.Keyring) (*seal.Keyring, uint32) {
	t.Helper()
	k, id, err := k.Add()
	if err != nil {
		t.Fatal(err)
	}
	return k, id
}

func save(t *testing.T, k *seal.Keyring) {
	t.Helper()
	if err := k.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func sealed(t *testing.T, k *seal.Keyring, plain, note string, aad ...string) string {
	t.Helper()
	text, err := k.Seal(tenantry.NewSecret(plain), note, aad...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// onlyFile wants no temporary file left behind.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the keyset: %v, %v", entries, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func is(err error, kind tenantry.Kind, code string) bool {
	var e *tenantry.Error
	return errors.As(err, &e) && e.Kind == kind && e.Code == code
}
