package sqldb

import "context"

// unknownTables are large tables of which PostgreSQL has no statistics, as after a
// bulk load, and whose statistics this role may gather.
const unknownTables = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'r' AND c.reltuples < 0 AND n.nspname = ANY (current_schemas(false))
		AND pg_has_role(c.relowner, 'USAGE') AND pg_relation_size(c.oid) > ?`

// smallTable is how many bytes may be read whole, whatever the planner thinks.
const smallTable = 1 << 20

// Survey gathers the statistics of large tables that have none. Until the engine's
// own upkeep has come by, PostgreSQL would read such tables whole for a few rows. It
// returns how many it has gathered; SQLite needs none.
func (db *DB) Survey(ctx context.Context) (tables int, err error) {
	if db.Engine() == SQLite {
		return 0, nil
	}
	var unknown []string
	if err := db.Read(ctx, func(tx *Tx) (err error) {
		unknown, err = All(ctx, tx, func(r *Rows) (table string, err error) { return table, r.Scan(&table) }, unknownTables, smallTable)
		return err
	}); err != nil {
		return 0, err
	}
	for _, table := range unknown {
		if err := db.Outside(ctx, "ANALYZE "+table); err != nil {
			return tables, err
		}
		tables++
	}
	return tables, nil
}
