package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// Sequence is a sequence that no column owns, PostgreSQL only.
type Sequence struct{ Name, Definition string }

// Type is an enumeration, domain or composite type, PostgreSQL only. Definition
// is what follows the name in its CREATE TYPE or CREATE DOMAIN.
type Type struct{ Name, Kind, Definition string }

// Comment is a comment, PostgreSQL only. On is as COMMENT ON wants it.
type Comment struct{ On, Text string }

// Grant is what a role other than the owner may do, PostgreSQL only. On is as
// GRANT … ON wants it.
type Grant struct{ On, To, Rights string }

// ReadWhole reads what Read does and what belongs to a schema without being its
// shape: sequences, types, comments and grants. Adoption does not ask for these,
// for they are the operator's own.
func ReadWhole(ctx context.Context, tx *sqldb.Tx) (Catalog, error) {
	c, err := Read(ctx, tx)
	if err != nil || c.Engine != sqldb.Postgres {
		return c, err
	}
	for _, step := range []struct {
		query string
		scan  func(r *sqldb.Rows) error
	}{
		{postgresSequences, func(r *sqldb.Rows) error {
			var s Sequence
			err := r.Scan(&s.Name, &s.Definition)
			c.Sequences = append(c.Sequences, s)
			return err
		}},
		{postgresTypes, func(r *sqldb.Rows) error {
			var t Type
			err := r.Scan(&t.Name, &t.Kind, &t.Definition)
			c.Types = append(c.Types, t)
			return err
		}},
		{postgresComments, func(r *sqldb.Rows) error {
			var n Comment
			err := r.Scan(&n.On, &n.Text)
			c.Comments = append(c.Comments, n)
			return err
		}},
		{postgresGrants, func(r *sqldb.Rows) error {
			var g Grant
			err := r.Scan(&g.On, &g.To, &g.Rights)
			c.Grants = append(c.Grants, g)
			return err
		}},
	} {
		if err := each(ctx, tx, step.query, step.scan); err != nil {
			return Catalog{}, err
		}
	}
	slices.SortFunc(c.Sequences, func(a, b Sequence) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Comments, func(a, b Comment) int { return strings.Compare(a.On, b.On) })
	slices.SortFunc(c.Grants, func(a, b Grant) int { return strings.Compare(a.On+" "+a.To, b.On+" "+b.To) })
	return c, nil
}

// A sequence that is part of a column goes with the column.
const postgresSequences = `
SELECT c.relname::text,
       'AS ' || format_type(s.seqtypid, NULL) || ' START WITH ' || s.seqstart || ' INCREMENT BY ' || s.seqincrement
         || ' MINVALUE ' || s.seqmin || ' MAXVALUE ' || s.seqmax || ' CACHE ' || s.seqcache || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))`

const postgresTypes = `
SELECT t.typname::text,
       CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'composite' END,
       CASE t.typtype
         WHEN 'e' THEN 'AS ENUM (' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) || ')'
         WHEN 'd' THEN 'AS ' || format_type(t.typbasetype, t.typtypmod)
           || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid, true), '' ORDER BY k.conname)
                        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
         ELSE 'AS (' || coalesce((SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                        FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')'
       END
FROM pg_type t
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = current_schema()::regnamespace
  AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')`

const postgresComments = `
SELECT o.name, d.description
FROM pg_description d
JOIN (
  SELECT 'pg_class'::regclass AS class, c.oid, 0 AS sub,
         CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'S' THEN 'SEQUENCE ' WHEN 'i' THEN 'INDEX ' WHEN 'I' THEN 'INDEX ' ELSE 'TABLE ' END
           || quote_ident(c.relname) AS name
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I')
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, a.attnum, 'COLUMN ' || quote_ident(c.relname) || '.' || quote_ident(a.attname)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid, 0, 'CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || quote_ident(c.relname)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = current_schema()::regnamespace
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid, 0, 'TRIGGER ' || quote_ident(g.tgname) || ' ON ' || quote_ident(c.relname)
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = current_schema()::regnamespace
  UNION ALL
  SELECT 'pg_policy'::regclass, p.oid, 0, 'POLICY ' || quote_ident(p.polname) || ' ON ' || quote_ident(c.relname)
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = current_schema()::regnamespace
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END
           || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || quote_ident(t.typname)
  FROM pg_type t WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype IN ('e', 'd', 'c')
) o ON o.class = d.classoid AND o.oid = d.objoid AND o.sub = d.objsubid
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')`

// What the owner may do is not told: every owner may do all, under whatever name.
// Everybody may call a function unless that is revoked, so it is the revocation
// that is told.
const postgresGrants = `
SELECT o.name, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
       string_agg(g.privilege_type || o.columns || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY g.privilege_type)
FROM (
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || quote_ident(c.relname) AS name, '' AS columns, c.relacl AS acl, c.relowner AS owner
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  UNION ALL
  SELECT 'TABLE ' || quote_ident(c.relname), ' (' || quote_ident(a.attname) || ')', a.attacl, c.relowner
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  UNION ALL
  SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
         '', p.proacl, p.proowner
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
) o, aclexplode(o.acl) g
WHERE g.grantee <> o.owner AND NOT (g.grantee = 0 AND g.privilege_type = 'EXECUTE')
GROUP BY 1, 2
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')', 'PUBLIC', 'NOTHING'
FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p') AND p.proacl IS NOT NULL
  AND NOT EXISTS (SELECT FROM aclexplode(p.proacl) g WHERE g.grantee = 0)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`
