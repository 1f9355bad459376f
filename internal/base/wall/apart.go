package wall

import (
	"slices"

	"github.com/tenantry/tenantry/internal/base/catalog"
)

// Apart is a catalog without what walls have put on its tables and given to some
// roles, for whoever compares it with what migrations make.
func Apart(c catalog.Catalog, roles ...string) catalog.Catalog {
	c.Grants = slices.DeleteFunc(slices.Clone(c.Grants), func(g catalog.Grant) bool {
		return slices.ContainsFunc(roles, func(name string) bool { return g.To == name || g.To == quote(name) })
	})
	c.Tables = slices.Clone(c.Tables)
	for i, t := range c.Tables {
		others := slices.DeleteFunc(slices.Clone(t.Policies), func(p catalog.Policy) bool { return slices.Contains(policyNames, p.Name) })
		if len(others) == len(t.Policies) {
			continue
		}
		t.Policies, t.RowSecurity = others, catalog.RowSecurity{}
		if len(others) == 0 {
			t.Policies = nil
		}
		c.Tables[i] = t
	}
	return c
}
