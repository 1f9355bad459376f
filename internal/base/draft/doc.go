// Package draft writes migrations: it looks for the statements that turn one
// database into another, and proves them by running them on a copy and comparing
// the whole catalogue. The library atlas says how columns change, and what
// SQLite can alter in place; it does not see row security, policies, triggers,
// views and functions, and its rebuilt SQLite tables lose triggers and
// deferrable keys. All of that comes from the desired schema's own words, or from
// what the engine prints of it. What no statement could be found for is handed
// back as differences, not left out in silence.
//
// What a migration is and how it is run is base/migrate's, what hurts in one
// base/lint's, and how two databases differ base/catalog's. Everything here
// happens on scratch databases; a database in use is read at most.
package draft
