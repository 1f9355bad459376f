package locale

import (
	"testing"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// The forms stand here and not in the program's files, so that a better wording
// there does not end what this test is about.
const forms = `
"rows" = {one="{{.Count}} fila de {{.table}}", other="{{.Count}} filas de {{.table}}"}
"single" = "son {{.Count}}"
`

func TestCountChoosesTheForm(t *testing.T) {
	t.Parallel()
	p := &Printer{lang: "es", localizer: func() *i18n.Localizer { return parse("es", []byte(forms)) }}
	for _, tt := range []struct {
		code  string
		count any
		want  string
	}{
		{"rows", 0, "0 filas de x"},
		{"rows", 1, "1 fila de x"},
		{"rows", int64(1), "1 fila de x"},
		{"rows", int64(2), "2 filas de x"},
		{"rows", 1000000, "1000000 filas de x"}, // Spanish has a form of its own for a million
		{"rows", "1", "1 filas de x"},           // not an integer: no choice
		{"single", 1, "son 1"},
		{"single", 5, "son 5"},
	} {
		if got := p.Text(tt.code, "Count", tt.count, "table", "x"); got != tt.want {
			t.Errorf("%s of %v: %q, want %q", tt.code, tt.count, got, tt.want)
		}
	}
}
