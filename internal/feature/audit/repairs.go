package audit

import (
	"github.com/tenantry/tenantry"
)

// Repairs are the events of what was put right: one for each sort, in the record of
// the tenant that it concerned or, of several, of the platform.
func Repairs(done []tenantry.Finding) []Event {
	events := make([]Event, 0, len(done))
	for _, f := range done {
		e := Event{Action: "integrity.repaired", Subject: f.Code, Detail: map[string]any{"count": f.Count, "rows": f.Rows}}
		if len(f.Tenants) == 1 {
			e.Tenant = f.Tenants[0]
		}
		events = append(events, e)
	}
	return events
}
