package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// rowsPerTenant makes ten million rows of a hundred thousand tenants.
const rowsPerTenant = 100

// lowercases is the operator's own data migration of a large table.
const lowercases = `-- +next SELECT max(id) FROM (SELECT id FROM bench_event WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :limit) AS part
-- +apply UPDATE bench_event SET kind = lower(kind) WHERE tenant_id = :tenant AND id > :after AND id <= :upto;
`

// largeTable: every row of a large table is rewritten in parts, beside one UPDATE of all of
// it; how long somebody else waits meanwhile who writes to the database.
func (b *bench) largeTable(ctx context.Context, engine sqldb.Engine) error {
	const tenants = 20
	d, err := b.unplaced(ctx, engine, tenants)
	if err != nil {
		return err
	}
	defer d.drop()
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return err
	}
	defer db.Close()
	rows := int64(b.tenants) * rowsPerTenant
	if err := db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE bench_event (tenant_id bigint NOT NULL, id bigint NOT NULL, kind varchar(20) NOT NULL, PRIMARY KEY (tenant_id, id))`); err != nil {
			return err
		}
		_, err := tx.Load(ctx, "bench_event", []string{"tenant_id", "id", "kind"}, func(yield func([]any) bool) {
			for i := range rows {
				if !yield([]any{1 + i*tenants/rows, i, "Opened"}) {
					return
				}
			}
		})
		return err
	}); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "steps-")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "lowercases.sql"), []byte(lowercases), 0o600); err != nil {
		return err
	}
	fmt.Printf("\na large table in parts, %d rows, %s\n", rows, engine)
	run := func() *exec.Cmd {
		c := b.tenantry(d, "datamigration", "start", "lowercases")
		c.Env = append(c.Env, "TENANTRY_DATA_MIGRATIONS_DIR="+dir)
		return c
	}
	var f figures
	var failed error
	during, err := writes(ctx, d, func(stop chan<- struct{}) {
		f, failed = measure(run())
		close(stop)
	})
	if err = firstError(err, failed); err != nil {
		return err
	}
	fmt.Printf("  in parts:        %8.1f ms, %.0f rows/s, memory %.1f MiB; another writer waits p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
		ms(f.wall), float64(rows)/f.wall.Seconds(), float64(f.memory)/1024, ms(at(during, 50)), ms(at(during, 99)), ms(at(during, 100)))
	// What somebody would do without: one statement. Its floor, and how long it keeps
	// others out; on PostgreSQL those who write to the same rows.
	var took time.Duration
	during, err = writes(ctx, d, func(stop chan<- struct{}) {
		began := time.Now()
		failed = db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE bench_event SET kind = upper(kind)`)
			return err
		})
		took = time.Since(began)
		close(stop)
	})
	if err = firstError(err, failed); err != nil {
		return err
	}
	fmt.Printf("  one statement:   %8.1f ms, %.0f rows/s; another writer waits max %.2f ms\n", ms(took), float64(rows)/took.Seconds(), ms(at(during, 100)))
	return nil
}
