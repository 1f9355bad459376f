package user

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// The lengths of Django's columns, in characters, and ours where it sets none.
const (
	usernameLength    = 150
	emailLength       = 254
	nameLength        = 150
	avatarLength      = 100
	bioLength         = 10_000
	languageLength    = 10
	timezoneLength    = 50
	permissionsLength = 64 << 10
)

// Draft is a person to be made.
type Draft struct {
	Username  string
	Email     string // or ""
	FirstName string
	LastName  string
	// Password may be empty: then nobody can sign in with one.
	Password tenantry.Secret
	// Tenant is the home tenant and Profile what is said of the person there;
	// zero makes an account only.
	Tenant  tenantry.TenantKey
	Profile ProfileChange

	encoded string // the password's hash, once Prepare has made it
}

// AccountChange is what to write of an account; nil leaves a field alone. The user
// name stays: it is what people, and Django, know somebody by.
type AccountChange struct {
	Email     *string
	FirstName *string
	LastName  *string
}

// ProfileChange is what to write of a profile; nil leaves a field alone, or
// takes Django's default for a new one.
type ProfileChange struct {
	Phone                *string
	Avatar               *string
	Bio                  *string
	Language             *string
	Timezone             *string
	NotificationsEnabled *bool
	IsTenantAdmin        *bool
	Permissions          *sqldb.JSON
}

// normal puts a draft into the form in which Django's create_user stores it.
func (d Draft) normal() Draft {
	if name, ok := normalUsername(d.Username); ok {
		d.Username = name
	}
	d.Email = normalEmail(d.Email)
	return d
}

// normalEmail is Django's normalize_email: the host of an address has no case.
func normalEmail(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		return text[:i] + strings.ToLower(text[i:])
	}
	return text
}

// normalUsername is Django's normalize_username; ok is false for what no engine
// could hold as one.
func normalUsername(text string) (name string, ok bool) {
	if len(text) > 4*usernameLength {
		return "", false
	}
	name = norm.NFKC.String(text)
	return name, name != "" && printable(name, false) && utf8.RuneCountInString(name) <= usernameLength
}

// validate says field by field what must not be written of an account.
func (d Draft) validate() error {
	var wrong problems
	switch name, ok := normalUsername(d.Username); {
	case d.Username == "":
		wrong.add("username", "field.required")
	case len(d.Username) > 4*usernameLength || utf8.RuneCountInString(name) > usernameLength:
		wrong.add("username", "field.too_long", "max", usernameLength)
	case !ok || strings.IndexFunc(name, notInUsername) >= 0:
		wrong.add("username", "user.bad_username")
	}
	wrong.addAccount(AccountChange{Email: &d.Email, FirstName: &d.FirstName, LastName: &d.LastName})
	return wrong.err()
}

// addAccount looks at what is written of an account besides its user name.
func (p *problems) addAccount(c AccountChange) {
	if c.Email != nil {
		switch {
		case utf8.RuneCountInString(*c.Email) > emailLength:
			p.add("email", "field.too_long", "max", emailLength)
		case *c.Email != "" && !isAddress(*c.Email):
			p.add("email", "user.bad_email")
		}
	}
	for _, f := range []struct {
		name  string
		value *string
	}{{"first_name", c.FirstName}, {"last_name", c.LastName}} {
		switch {
		case f.value == nil:
		case utf8.RuneCountInString(*f.value) > nameLength:
			p.add(f.name, "field.too_long", "max", nameLength)
		case !printable(*f.value, false):
			p.add(f.name, "field.not_text")
		}
	}
}

// searchLength is that of the longest thing that is searched. SQLite refuses
// patterns of more than 50,000 bytes.
const searchLength = emailLength

func (q Query) validate() error {
	var wrong problems
	switch {
	case utf8.RuneCountInString(q.Search) > searchLength:
		wrong.add("search", "field.too_long", "max", searchLength)
	case !printable(q.Search, false):
		wrong.add("search", "field.not_text")
	}
	if q.Sort != Oldest && q.Sort != Newest && q.Sort != Username {
		wrong.add("sort", "field.not_one_of", "choices", []Sort{Newest, Username})
	}
	return wrong.err()
}

// notInUsername is the negation of Django's UnicodeUsernameValidator: Python's
// \w, which has no combining marks, and @.+-.
func notInUsername(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("_@.+-", r)
}

// isAddress tells whether text is an address of RFC 5322 and nothing more, at a
// host that can be reached from elsewhere.
func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text || !printable(text, false) {
		return false
	}
	host := text[strings.LastIndexByte(text, '@')+1:]
	labels := strings.Split(host, ".")
	return (len(labels) > 1 || host == "localhost") && !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || l[0] == '-' || l[len(l)-1] == '-'
	})
}

// validate says field by field what must not be written of a profile. What is
// left unchanged of a stored one is not looked at; old is the stored one, or the
// defaults of a new one.
func (c ProfileChange) validate(old Profile) error {
	var wrong problems
	if c.Phone != nil && *c.Phone != "" && !isPhone(*c.Phone) {
		wrong.add("phone", "user.bad_phone")
	}
	if c.Avatar != nil && *c.Avatar != "" {
		switch {
		case utf8.RuneCountInString(*c.Avatar) > avatarLength:
			wrong.add("avatar", "field.too_long", "max", avatarLength)
		case !printable(*c.Avatar, false) || !fs.ValidPath(*c.Avatar) || *c.Avatar == "." || strings.ContainsRune(*c.Avatar, '\\'):
			wrong.add("avatar", "user.bad_avatar")
		}
	}
	if c.Bio != nil {
		switch {
		case utf8.RuneCountInString(*c.Bio) > bioLength:
			wrong.add("bio", "field.too_long", "max", bioLength)
		case !printable(*c.Bio, true):
			wrong.add("bio", "field.not_text")
		}
	}
	if c.Language != nil && !isLanguage(*c.Language) {
		wrong.add("language", "user.bad_language")
	}
	if c.Timezone != nil && !isTimezone(*c.Timezone) {
		wrong.add("timezone", "user.bad_timezone")
	}
	if c.Permissions != nil {
		wrong.addPermissions(*c.Permissions, old.Permissions)
	}
	return wrong.err()
}

// isPhone tells whether text is a number of E.164: a plus, a country code that
// does not begin with 0, at most 15 digits. The shortest in use have 7.
func isPhone(text string) bool {
	if len(text) < 1+7 || len(text) > 1+15 || text[0] != '+' || text[1] == '0' {
		return false
	}
	for _, c := range []byte(text[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isLanguage tells whether text is a tag of BCP 47 with subtags that are
// registered. The library would also take "es_CL", which is POSIX's form.
func isLanguage(text string) bool {
	if text == "" || len(text) > languageLength || strings.ContainsRune(text, '_') {
		return false
	}
	tag, err := language.Parse(text)
	return err == nil && tag != language.Und
}

// isTimezone tells whether text names a zone of the IANA database. "" and
// "Local" are Go's own names, and what is below posix/ and right/ is a layout of
// files, not a name.
func isTimezone(text string) bool {
	if text == "" || text == "Local" || text == "localtime" || len(text) > timezoneLength ||
		strings.HasPrefix(text, "posix") || strings.HasPrefix(text, "right/") {
		return false
	}
	_, err := time.LoadLocation(text)
	return err == nil
}

// addPermissions looks at the members that are new or changed: what Django wrote
// beside them may stay until somebody touches it.
func (p *problems) addPermissions(now, before sqldb.JSON) {
	members, object := now.Object()
	if len(now) > permissionsLength {
		p.add("permissions", "field.too_long", "max", permissionsLength)
		return
	}
	if !object {
		p.add("permissions", "field.not_object")
		return
	}
	stored, _ := before.Object()
	var unknown, odd []string
	for name, value := range members {
		if was, ok := stored[name]; ok && sameJSON(was, value) {
			continue
		}
		switch {
		case !slices.Contains(tenantry.Permissions(), tenantry.Permission(name)):
			unknown = append(unknown, shorten(name))
		case !isBoolean(value):
			odd = append(odd, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		p.add("permissions", "user.permissions_unknown", "names", strings.Join(unknown[:min(5, len(unknown))], ", "))
	}
	if len(odd) > 0 {
		slices.Sort(odd)
		p.add("permissions", "user.permissions_not_boolean", "names", strings.Join(odd, ", "))
	}
}

func isBoolean(value json.RawMessage) bool {
	text := string(bytes.TrimSpace(value))
	return text == "true" || text == "false"
}

// granted lists the permissions that a stored object says true to, in the
// catalogue's order.
func granted(j sqldb.JSON) []tenantry.Permission {
	members, _ := j.Object()
	var held []tenantry.Permission
	for _, p := range tenantry.Permissions() {
		if string(bytes.TrimSpace(members[string(p)])) == "true" {
			held = append(held, p)
		}
	}
	return held
}

// withoutGrants takes what the catalogue knows out of a permissions column, and
// leaves whatever else Django stored there.
func withoutGrants(j sqldb.JSON) sqldb.JSON {
	members, ok := j.Object()
	if !ok {
		return j
	}
	n := len(members)
	for _, p := range tenantry.Permissions() {
		delete(members, string(p))
	}
	if len(members) == n {
		return j
	}
	text, err := json.Marshal(members)
	if err != nil { // every member was JSON a moment ago
		panic(err)
	}
	return text
}

// sameJSON compares two texts of JSON but for blanks. PostgreSQL spells what it
// gives back in a way of its own.
func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// problems gathers what is wrong with the fields of a request.
type problems []tenantry.FieldError

func (p *problems) add(field, code string, params ...any) {
	*p = append(*p, tenantry.NewFieldError(field, code, params...))
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return tenantry.NewError(tenantry.Invalid, "user.invalid").WithFields(p...)
}

// printable tells whether s is text that both engines store and a screen shows:
// valid UTF-8 without control characters, line breaks and tabs apart when
// allowed.
func printable(s string, breaks bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) && !(breaks && (r == '\n' || r == '\r' || r == '\t')) {
			return false
		}
	}
	return true
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:60]) + "…"
}
