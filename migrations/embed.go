// Package migrations holds the SQL that makes and unmakes every table, one file
// per migration under its app's name, or one per engine where the two differ;
// reading the files and applying them is internal/base/migrate's.
package migrations

import "embed"

// Files are the migrations as <app>/<name>.sql, <app>/<name>.sqlite.sql and
// <app>/<name>.postgres.sql.
//
//go:embed */*.sql
var Files embed.FS
