// Package migrate changes the schema of a database step by step, and keeps
// Django's account of it: migrations belong to apps, depend on each other
// across apps, are recorded in django_migrations, and apply in the order in
// which Django would apply them, so that a Django process and this program can
// take turns on one database. What the steps say is in files (package
// migrations) or in rooms; how a statement reaches an engine is base/sqldb's.
//
// Where Django leaves a gap this package closes it:
//
//   - A migration, its row in django_migrations and its row in the ledger are
//     one transaction, whatever the migration does.
//   - The ledger keeps the SHA-256 of what was applied. A file that was edited or
//     removed afterwards is refused, not overlooked.
//   - One process migrates at a time. Ownership is a lease that must be renewed;
//     each migration's own transaction checks it, so an owner that was declared
//     dead cannot finish what its successor has begun. Nobody compares clocks:
//     a waiter takes over when it has seen no sign of life for the length of the
//     lease by its own watch.
//   - On SQLite, where changing a table means rebuilding it, indexes, triggers
//     and columns that somebody else put there are kept or the migration is
//     refused, and rows that already broke a foreign key before do not stop it.
package migrate
