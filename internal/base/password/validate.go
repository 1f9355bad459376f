package password

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
)

// MinLength counts characters, as Django does; MaxLength counts bytes and keeps
// a request from buying minutes of hashing.
const (
	MinLength = 8
	MaxLength = 4096
)

// Owner is what is known of the person whose password it will be. Empty fields
// are not compared.
type Owner struct {
	UserName, FirstName, LastName, Email string
}

// Validate judges a new password by the rules of Django's
// MinimumLengthValidator, NumericPasswordValidator and
// UserAttributeSimilarityValidator with their defaults. The error is Invalid,
// "password.unacceptable", with everything that is wrong as Fields of the field
// "password": "password.too_long", "password.too_short",
// "password.entirely_numeric", and one of "password.similar_to_user_name",
// "…first_name", "…last_name", "…email".
func Validate(password tenantry.Secret, owner Owner) error {
	text := password.Reveal()
	var wrong []tenantry.FieldError
	reject := func(code string, params ...any) {
		wrong = append(wrong, tenantry.NewFieldError("password", code, params...))
	}
	switch {
	case len(text) > MaxLength:
		reject("password.too_long", "max", MaxLength)
	case utf8.RuneCountInString(text) < MinLength:
		reject("password.too_short", "min", MinLength)
	}
	if isNumeric(text) {
		reject("password.entirely_numeric")
	}
	if code := owner.resembling(text); code != "" {
		reject(code)
	}
	if len(wrong) == 0 {
		return nil
	}
	return tenantry.NewError(tenantry.Invalid, "password.unacceptable").WithFields(wrong...)
}

// resembling returns the code of the first thing about the owner that the
// password is too similar to.
func (o Owner) resembling(password string) string {
	if len(password) > MaxLength {
		return ""
	}
	password = strings.ToLower(password)
	for _, about := range []struct{ value, code string }{
		{o.UserName, "password.similar_to_user_name"},
		{o.FirstName, "password.similar_to_first_name"},
		{o.LastName, "password.similar_to_last_name"},
		{o.Email, "password.similar_to_email"},
	} {
		value := strings.ToLower(about.value)
		for _, part := range append(strings.FieldsFunc(value, isSeparator), value) {
			if part != "" && isSimilar(password, part) {
				return about.code
			}
		}
	}
	return ""
}

// isSimilar is Python's SequenceMatcher.quick_ratio() ≥ 0.7: twice the
// characters in common, wherever they stand, over the sum of the lengths.
func isSimilar(a, b string) bool {
	unused := make(map[rune]int)
	total, common := 0, 0
	for _, r := range b {
		unused[r]++
		total++
	}
	for _, r := range a {
		if unused[r] > 0 {
			unused[r]--
			common++
		}
		total++
	}
	return 2*common*10 >= 7*total
}

// isSeparator is Python's \W.
func isSeparator(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_'
}

func isNumeric(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}
