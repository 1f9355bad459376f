package tenantry

import (
	"strconv"
	"strings"
)

// ChangedChannel is where a transaction says which tenants it changed in a way
// that others may have remembered: their standing, or what their tokens may do.
// Whoever keeps something of a tenant drops it on hearing of the tenant.
const ChangedChannel = "tenantry_changed"

// changedLength keeps a notice well within the 8,000 bytes that PostgreSQL
// carries.
const changedLength = 7000

// Changed writes tenants as notices for ChangedChannel; more than a notice holds
// become several.
func Changed(tenants ...TenantKey) []string {
	var notices []string
	var b strings.Builder
	for _, t := range tenants {
		if b.Len() > changedLength {
			notices = append(notices, b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(int64(t), 10))
	}
	if b.Len() > 0 {
		notices = append(notices, b.String())
	}
	return notices
}

// ParseChanged reads a notice. ok is false for one that another version of the
// program wrote: then everything may have changed.
func ParseChanged(notice string) (tenants []TenantKey, ok bool) {
	for text := range strings.SplitSeq(notice, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, false
		}
		tenants = append(tenants, TenantKey(n))
	}
	return tenants, true
}
