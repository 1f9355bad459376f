package tenantry

import "slices"

// Severity orders findings.
type Severity string

const (
	Notice   Severity = "notice"   // worth knowing
	Warning  Severity = "warning"  // will hurt somebody
	Critical Severity = "critical" // hurts now, or is a hole
)

// Finding is one sort of thing that is wrong in the data, with how many rows it
// concerns and the first few of them. Code names its message in the language
// files, which may use {{.Count}} and the Params.
type Finding struct {
	Code     string         `json:"code"`
	Severity Severity       `json:"severity"`
	Count    int64          `json:"count"`
	Rows     []string       `json:"rows,omitempty"` // at most FindingRows, as "table:id"
	Params   map[string]any `json:"params,omitempty"`
	// Tenants are all that it concerns, each once and in order; a row that belongs to
	// nobody adds none. They are for whoever asked about some tenants.
	Tenants []TenantKey `json:"-"`
}

// FindingRows is how many rows a finding names.
const FindingRows = 10

// Rule is something that holds of every row that its text does not find. The text
// answers with what names a row and whose it is; {column} in it limits it to the
// tenants in question.
type Rule struct {
	Code     string
	Severity Severity
	Table    string         // of the rows
	Params   map[string]any // of the finding
	Text     string
	Args     []any
}

// Ask asks a database for what a rule's text finds.
type Ask func(text string, args []any, found func(row string, owners []TenantKey)) error

// Broken lists what breaks rules, in their order.
func Broken(ask Ask, rules ...Rule) ([]Finding, error) {
	var c Findings
	err := c.Broken(ask, rules...)
	return c.All(), err
}

// Findings collects findings row by row, each code once.
type Findings struct{ found []Finding }

// Found notes one row, as "table:id", and whose it is. What it returns is for the
// Params of the finding, and good until the next.
func (c *Findings) Found(code string, severity Severity, row string, tenants ...TenantKey) *Finding {
	i := slices.IndexFunc(c.found, func(f Finding) bool { return f.Code == code })
	if i < 0 {
		i = len(c.found)
		c.found = append(c.found, Finding{Code: code, Severity: severity})
	}
	f := &c.found[i]
	f.Count++
	if n := len(f.Rows); n < FindingRows && (n == 0 || f.Rows[n-1] != row) {
		f.Rows = append(f.Rows, row)
	}
	f.Tenants = append(f.Tenants, tenants...)
	return f
}

// Broken adds what breaks rules.
func (c *Findings) Broken(ask Ask, rules ...Rule) error {
	for _, r := range rules {
		if err := ask(r.Text, r.Args, func(row string, owners []TenantKey) {
			c.Found(r.Code, r.Severity, r.Table+":"+row, owners...).Params = r.Params
		}); err != nil {
			return err
		}
	}
	return nil
}

// All returns what was found, in the order in which the codes came.
func (c *Findings) All() []Finding {
	for i := range c.found {
		f := &c.found[i]
		slices.Sort(f.Tenants)
		f.Tenants = slices.Compact(f.Tenants)
	}
	return c.found
}

// SortFindings puts the gravest first and keeps the order within a severity.
func SortFindings(all []Finding) {
	rank := func(f Finding) int { return slices.Index([]Severity{Critical, Warning, Notice}, f.Severity) }
	slices.SortStableFunc(all, func(a, b Finding) int { return rank(a) - rank(b) })
}
