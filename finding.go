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
}

// FindingRows is how many rows a finding names.
const FindingRows = 10

// SortFindings puts the gravest first and keeps the order within a severity.
func SortFindings(all []Finding) {
	rank := func(f Finding) int { return slices.Index([]Severity{Critical, Warning, Notice}, f.Severity) }
	slices.SortStableFunc(all, func(a, b Finding) int { return rank(a) - rank(b) })
}
