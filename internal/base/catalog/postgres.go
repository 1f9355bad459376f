package catalog

import (
	"context"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// readPostgres reads pg_catalog rather than information_schema, which shows a
// role only what it owns or may use. Every statement reads one sort of object
// for the whole schema. char and name columns are cast, so that they arrive as
// plain text.
func readPostgres(ctx context.Context, tx *sqldb.Tx, b *builder) error {
	for _, step := range []struct {
		query string
		scan  func(b *builder, r *sqldb.Rows) error
	}{
		{postgresTables, scanTable},
		{postgresColumns, scanColumn},
		{postgresConstraints, scanConstraint},
		{postgresIndexes, scanIndex},
		{postgresTriggers, scanTrigger},
		{postgresPolicies, scanPolicy},
		{postgresViews, scanView},
		{postgresFunctions, scanFunction},
	} {
		err := each(ctx, tx, step.query, func(r *sqldb.Rows) error { return step.scan(b, r) })
		if err != nil {
			return err
		}
	}
	return nil
}

const postgresTables = `
SELECT c.relname::text,
       concat_ws(', ',
         CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END,
         CASE WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
         CASE WHEN c.relispartition THEN 'PARTITION OF ' || (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid)
           || ' ' || pg_get_expr(c.relpartbound, c.oid) END),
       c.relrowsecurity, c.relforcerowsecurity
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')`

func scanTable(b *builder, r *sqldb.Rows) error {
	var t Table
	if err := r.Scan(&t.Name, &t.Options, &t.RowSecurity.Enabled, &t.RowSecurity.Forced); err != nil {
		return err
	}
	b.tables[t.Name] = &t
	return nil
}

// A column is serial when its default draws from a sequence that goes when the
// column goes, which is what pg_depend's deptype a says.
const postgresColumns = `
SELECT c.relname::text, a.attname::text,
       row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)::int,
       format_type(a.atttypid, a.atttypmod)
         || CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END,
       a.attnotnull,
       coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
       a.attgenerated::text, a.attidentity::text,
       EXISTS (SELECT FROM pg_depend s
               JOIN pg_class q ON q.oid = s.objid AND q.relkind = 'S'
               JOIN pg_depend u ON u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                 AND u.refclassid = 'pg_class'::regclass AND u.refobjid = q.oid
               WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass
                 AND s.refobjid = c.oid AND s.refobjsubid = a.attnum AND s.deptype = 'a')
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')`

func scanColumn(b *builder, r *sqldb.Rows) error {
	var table, generated, identity string
	var c Column
	var serial bool
	err := r.Scan(&table, &c.Name, &c.Position, &c.Type, &c.NotNull, &c.Default, &generated, &identity, &serial)
	if err != nil {
		return err
	}
	switch {
	case generated == "s":
		c.Default = "GENERATED ALWAYS AS (" + c.Default + ") STORED"
	case identity == "d":
		c.Identity = IdentityByDefault
	case identity == "a":
		c.Identity = IdentityAlways
	case serial:
		c.Identity, c.Default = Serial, ""
	}
	t := b.table(table)
	t.Columns = append(t.Columns, c)
	return nil
}

// NOT NULL is a column's affair, also where PostgreSQL 18 keeps it as a
// constraint (contype n).
const postgresConstraints = `
SELECT c.relname::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid, true)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND k.contype IN ('p', 'u', 'f', 'c', 'x')`

func scanConstraint(b *builder, r *sqldb.Rows) error {
	var table, kind string
	var k Constraint
	if err := r.Scan(&table, &k.Name, &kind, &k.Definition); err != nil {
		return err
	}
	k.Kind = map[string]ConstraintKind{"p": Primary, "u": Unique, "f": Foreign, "c": Check, "x": Exclusion}[kind]
	t := b.table(table)
	t.Constraints = append(t.Constraints, k)
	return nil
}

const postgresIndexes = `
SELECT c.relname::text, x.relname::text, i.indisunique, i.indisvalid, m.amname::text, pg_get_indexdef(x.oid)
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_am m ON m.oid = x.relam
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))`

func scanIndex(b *builder, r *sqldb.Rows) error {
	var table, method, definition string
	var i Index
	var valid bool
	if err := r.Scan(&table, &i.Name, &i.Unique, &valid, &method, &definition); err != nil {
		return err
	}
	// CREATE INDEX name ON schema.table USING btree (…): both names are known
	// already, and the schema is wherever the reader is.
	_, rest, _ := strings.Cut(definition, " USING "+method+" ")
	i.Definition = "USING " + method + " " + rest
	if !valid { // a CREATE INDEX CONCURRENTLY that failed
		i.Definition += " INVALID"
	}
	t := b.table(table)
	t.Indexes = append(t.Indexes, i)
	return nil
}

const postgresTriggers = `
SELECT c.relname::text, g.tgname::text,
       pg_get_triggerdef(g.oid, true) || CASE g.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' ELSE ' ENABLED ' || g.tgenabled::text END
FROM pg_trigger g
JOIN pg_class c ON c.oid = g.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT g.tgisinternal`

func scanTrigger(b *builder, r *sqldb.Rows) error {
	var table string
	var g Trigger
	if err := r.Scan(&table, &g.Name, &g.Definition); err != nil {
		return err
	}
	b.trigger(table, g)
	return nil
}

const postgresPolicies = `
SELECT tablename::text, policyname::text,
       'AS ' || permissive || ' FOR ' || cmd
         || ' TO ' || (SELECT string_agg(quote_ident(role), ', ' ORDER BY role) FROM unnest(roles) role)
         || coalesce(' USING (' || qual || ')', '')
         || coalesce(' WITH CHECK (' || with_check || ')', '')
FROM pg_policies
WHERE schemaname = current_schema()`

func scanPolicy(b *builder, r *sqldb.Rows) error {
	var table string
	var p Policy
	if err := r.Scan(&table, &p.Name, &p.Definition); err != nil {
		return err
	}
	t := b.table(table)
	t.Policies = append(t.Policies, p)
	return nil
}

// A view's options are read because security_barrier and security_invoker are
// among them.
const postgresViews = `
SELECT relname::text,
       CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END
         || coalesce('WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o) || ') ', '')
         || 'AS' || regexp_replace(pg_get_viewdef(oid, true), '\s+', ' ', 'g')
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm')`

func scanView(b *builder, r *sqldb.Rows) error {
	var v View
	if err := r.Scan(&v.Name, &v.Definition); err != nil {
		return err
	}
	b.catalog.Views = append(b.catalog.Views, v)
	return nil
}

// Functions of extensions come and go with the extension and are left out.
const postgresFunctions = `
SELECT p.proname::text || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       quote_ident(current_schema()) || '.', pg_get_functiondef(p.oid)
FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`

func scanFunction(b *builder, r *sqldb.Rows) error {
	var f Function
	var schema string
	if err := r.Scan(&f.Name, &schema, &f.Definition); err != nil {
		return err
	}
	f.Definition = strings.Replace(f.Definition, schema, "", 1)
	b.catalog.Functions = append(b.catalog.Functions, f)
	return nil
}
