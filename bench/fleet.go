package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// fleet: a run over every tenant, tokens and then a profile for everybody, beside
// Django's loops; how much memory it takes for a tenth of them, and what somebody
// else who writes at the same time notices of it.
func (b *bench) fleet(ctx context.Context, engine sqldb.Engine) error {
	peopled, err := b.unplaced(ctx, engine, b.tenants)
	if err != nil {
		return err
	}
	defer peopled.drop()
	if err := b.compare(fmt.Sprintf("datamigration start: tokens and profiles, %d tenants and people, %s", b.tenants, engine), contest{
		prepare: func() (database, error) { return b.copyOf(ctx, peopled) },
		ours:    b.carried,
		theirs: func(d database) *exec.Cmd {
			return b.manage(d, "migrate_tenant_data", "--generate-tokens", "--create-profiles")
		},
	}); err != nil {
		return err
	}
	few, err := b.unplaced(ctx, engine, b.tenants/10)
	if err != nil {
		return err
	}
	defer few.drop()
	f, err := measure(b.carried(few))
	if err != nil {
		return err
	}
	fmt.Printf("  a tenth of them: wall %.1f ms, memory %.1f MiB\n", ms(f.wall), float64(f.memory)/1024)
	return b.beside(ctx, peopled)
}

// carried is both runs, one after the other.
func (b *bench) carried(d database) *exec.Cmd {
	c := b.tenantry(d)
	c.Path, c.Args = "/bin/sh", []string{"sh", "-c", b.binary + " datamigration start generate_tenant_tokens && " + b.binary + " datamigration start create_user_profiles"}
	return c
}

// unplaced is a large database with as many people, none of whom has a profile.
func (b *bench) unplaced(ctx context.Context, engine sqldb.Engine, n int) (database, error) {
	all := b.tenants
	b.tenants = n
	d, err := b.large(ctx, engine)
	b.tenants = all
	if err != nil {
		return d, err
	}
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return d, err
	}
	defer db.Close()
	joined := time.Date(2024, 3, 10, 3, 30, 15, 0, time.UTC)
	return d, db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE bench_written (id bigint NOT NULL PRIMARY KEY, n bigint NOT NULL)`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO bench_written (id, n) VALUES (1, 0)`); err != nil {
			return err
		}
		_, err := tx.Load(ctx, "auth_user",
			[]string{"username", "email", "first_name", "last_name", "password", "is_active", "is_staff", "is_superuser", "date_joined"},
			func(yield func([]any) bool) {
				for i := range n {
					if !yield([]any{fmt.Sprintf("user%06d", i), "", "", "", "!", true, false, false, joined}) {
						return
					}
				}
			})
		return err
	})
}

// beside is how long somebody else's small transactions take, alone and while a run
// goes on in another process.
func (b *bench) beside(ctx context.Context, peopled database) error {
	d, err := b.copyOf(ctx, peopled)
	if err != nil {
		return err
	}
	defer d.drop()
	alone, err := writes(ctx, d, func(stop chan<- struct{}) {
		time.Sleep(b.seconds)
		close(stop)
	})
	if err != nil {
		return err
	}
	var failed error
	during, err := writes(ctx, d, func(stop chan<- struct{}) {
		_, failed = measure(b.carried(d))
		close(stop)
	})
	if err = firstError(err, failed); err != nil {
		return err
	}
	fmt.Printf("  another writer, alone:      p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms (%d transactions)\n", ms(at(alone, 50)), ms(at(alone, 99)), ms(at(alone, 100)), len(alone))
	fmt.Printf("  another writer, during it:  p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms (%d transactions)\n", ms(at(during, 50)), ms(at(during, 99)), ms(at(during, 100)), len(during))
	return nil
}

// writes makes a small transaction every 5 ms until it is told to stop, and tells how
// long each took.
func writes(ctx context.Context, d database, until func(stop chan<- struct{})) (took []time.Duration, err error) {
	db, err := sqldb.Open(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	stop := make(chan struct{})
	go until(stop)
	for {
		select {
		case <-stop:
			slices.Sort(took)
			return took, nil
		case <-time.After(5 * time.Millisecond):
		}
		began := time.Now()
		if err := db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE bench_written SET n = n + 1 WHERE id = 1`)
			return err
		}); err != nil {
			<-stop // the run must not be left alone
			return nil, err
		}
		took = append(took, time.Since(began))
	}
}

// at is a percentile of sorted durations.
func at(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100]
}
