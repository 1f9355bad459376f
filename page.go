package tenantry

// Page is what a caller asks of a list: at most Limit items after the place
// that Cursor names. There are no offsets: they slow down with depth and skip
// rows when others write.
type Page struct {
	Limit  int
	Cursor string
}

const (
	DefaultPageLimit = 50
	MaxPageLimit     = 500
)

// Clamp returns the limit within 1…MaxPageLimit, DefaultPageLimit for none.
func (p Page) Clamp() int {
	switch {
	case p.Limit <= 0:
		return DefaultPageLimit
	case p.Limit > MaxPageLimit:
		return MaxPageLimit
	}
	return p.Limit
}

// List is one page of items; NextCursor is empty on the last.
type List[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}
