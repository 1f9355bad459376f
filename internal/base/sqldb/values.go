package sqldb

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// JSON is the text of a JSON column, kept as it stands: Python's \u escapes,
// big integers and the order of keys survive reading and writing on SQLite.
// PostgreSQL's jsonb keeps values, not their spelling.
type JSON []byte

// Scan reads a JSON column of either engine.
func (j *JSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j = nil
	case string:
		*j = JSON(v)
	case []byte:
		*j = append(JSON(nil), v...)
	default:
		return fmt.Errorf("sqldb: cannot read JSON from %T", src)
	}
	return nil
}

// Value writes the text, NULL for none.
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil
	}
	return string(j), nil
}

// MarshalJSON gives the text itself, null for none.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps the text itself.
func (j *JSON) UnmarshalJSON(b []byte) error {
	*j = append((*j)[:0], b...)
	return nil
}

// Object returns the members of a JSON object, each with its text unchanged.
// ok is false for anything else: Django stores lists, strings and numbers in
// such columns without complaint.
func (j JSON) Object() (members map[string]json.RawMessage, ok bool) {
	if err := json.Unmarshal(j, &members); err != nil || members == nil {
		return nil, false
	}
	return members, true
}

// FormatInstant writes an instant as Django does on SQLite: UTC without a zone,
// and no fraction when the microseconds are zero.
func FormatInstant(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05.000000")
}

// ParseInstant reads an instant as Django or SQLite writes it: with 0 to 9
// decimals, a blank or a T, with a zone or in UTC.
func ParseInstant(text string) (time.Time, error) {
	for _, layout := range [...]string{"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02"} {
		// Go reads a fraction after the seconds whether or not the layout has one.
		if t, err := time.Parse(layout, strings.Replace(text, "T", " ", 1)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("sqldb: %q is not an instant", text)
}

// bind turns arguments into what the engine's driver takes. The caller's slice
// stays as it is: a transaction may run again with it.
func bind(engine Engine, args []any) []any {
	bound := args
	set := func(i int, v any) {
		if &bound[0] == &args[0] {
			bound = slices.Clone(args)
		}
		bound[i] = v
	}
	for i, a := range args {
		switch v := a.(type) {
		case time.Time:
			set(i, bindInstant(engine, v))
		case *time.Time:
			if v == nil {
				set(i, nil)
			} else {
				set(i, bindInstant(engine, *v))
			}
		case json.RawMessage:
			set(i, string(v))
		}
	}
	return bound
}

func bindInstant(engine Engine, t time.Time) any {
	if engine == SQLite {
		return FormatInstant(t)
	}
	return t.UTC().Truncate(time.Microsecond)
}

// destinations puts readers of Django's forms in front of the destinations that
// database/sql would refuse. PostgreSQL's driver reads all of them itself.
func destinations(engine Engine, dest []any) []any {
	if engine == Postgres {
		return dest
	}
	readers := slices.Clone(dest)
	for i, d := range dest {
		switch v := d.(type) {
		case *time.Time:
			readers[i] = instant{v}
		case **time.Time:
			readers[i] = optionalInstant{v}
		}
	}
	return readers
}

type instant struct{ to *time.Time }

func (i instant) Scan(src any) (err error) {
	switch v := src.(type) {
	case time.Time:
		*i.to = v.UTC()
	case string:
		*i.to, err = ParseInstant(v)
	case []byte:
		*i.to, err = ParseInstant(string(v))
	default:
		return fmt.Errorf("sqldb: cannot read an instant from %T", src)
	}
	return err
}

type optionalInstant struct{ to **time.Time }

func (o optionalInstant) Scan(src any) error {
	if src == nil {
		*o.to = nil
		return nil
	}
	var t time.Time
	if err := (instant{&t}).Scan(src); err != nil {
		return err
	}
	*o.to = &t
	return nil
}
