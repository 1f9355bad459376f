// Package tenantry is the ground floor: the words that every other package
// speaks. Typed ids, the scope of a caller, the kinds of error, pages, findings
// and secrets live here, and nothing that does anything. It imports only the
// standard library; a word moves down here when a third room needs it.
package tenantry
