package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	revocations = 1000
	nodes       = 3
	bound       = 5 * time.Second // past which nothing stale may be believed
)

// revoke: from the answer to a revocation on one node until a token is refused,
// on the same node and on two others over one PostgreSQL: as they are, through
// PgBouncer, and while the connections on which they hear of changes are cut.
func (b *bench) revoke(ctx context.Context, engine sqldb.Engine) error {
	full, err := b.filled(ctx, engine, 2*revocations)
	if err != nil {
		return err
	}
	run := func(name string, env func(d database) ([]string, error), meanwhile func(ctx context.Context, d database) (int, error)) error {
		d, err := b.copyOf(ctx, full.database)
		if err != nil {
			return err
		}
		defer d.drop()
		more, err := env(d)
		if err != nil {
			return err
		}
		return b.revokeAll(ctx, name, filledDatabase{d, full.tokens}, more, meanwhile)
	}
	nothing := func(context.Context, database) (int, error) { return 0, nil }
	plain := func(database) ([]string, error) { return nil, nil }
	if err := run("as it comes", plain, nothing); err != nil {
		return err
	}
	if err := run("while the listeners are cut", plain, b.cutListeners); err != nil {
		return err
	}
	if _, err := exec.LookPath(pgbouncerProgram); err != nil {
		fmt.Println("\nPgBouncer is not installed here (Debian: pgbouncer)")
		return nil
	}
	pooler, err := b.startPgBouncer()
	if err != nil {
		return err
	}
	defer pooler.stop()
	return run("through PgBouncer, pool_mode=transaction", func(d database) ([]string, error) {
		return []string{"TENANTRY_DATABASE_URL=" + asLogin(pooler.url(d)), "TENANTRY_DATABASE_DIRECT_URL=" + d.login(), "TENANTRY_DATABASE_OWNER_URL=" + d.url}, nil
	}, nothing)
}

// watcher asks one node about one token after the other, as fast as it answers.
type watcher struct {
	node  *process
	line  *line
	taken []time.Duration // from the answer to the revocation to the first refusal
	stale int             // VALID to a question that was asked later than the bound
	asked int
}

func (b *bench) revokeAll(ctx context.Context, name string, d filledDatabase, env []string, meanwhile func(ctx context.Context, d database) (int, error)) error {
	key, err := b.operator(ctx, d.database)
	if err != nil {
		return err
	}
	var watchers []*watcher
	for range nodes {
		p, err := b.node(d.database, env...)
		if err != nil {
			return err
		}
		defer p.stop()
		if _, err := p.warmed(); err != nil {
			return err
		}
		l, err := dial(p.address)
		if err != nil {
			return err
		}
		watchers = append(watchers, &watcher{node: p, line: l})
	}
	meanwhileCtx, stop := context.WithCancel(ctx)
	defer stop()
	var cuts int
	var failure error
	done := make(chan struct{})
	go func() {
		defer close(done)
		cuts, failure = meanwhile(meanwhileCtx, d.database)
	}()
	next := 0 // on the node itself: accepted by the very next request
	for i := range revocations {
		text := verificationFrom(secret(i))
		var revoked atomic.Int64 // when the answer came, in Unix nanoseconds
		var wg sync.WaitGroup
		errs := make([]error, nodes)
		for n, w := range watchers {
			if n == 0 {
				continue
			}
			wg.Go(func() { errs[n] = w.until(text, &revoked) })
		}
		time.Sleep(time.Millisecond + rand.N(5*time.Millisecond))
		_, err := watchers[0].node.manage("/v1/tokens/"+d.tokens[i].String()+":revoke", key, `{"reason":"administrative"}`)
		revoked.Store(time.Now().UnixNano())
		if err == nil {
			var body []byte
			if _, body, err = watchers[0].line.ask(text); err == nil && valid(body) {
				next++
			}
		}
		wg.Wait()
		if err := firstError(append(errs, err)...); err != nil {
			return err
		}
	}
	stop()
	<-done
	if failure != nil {
		return failure
	}
	all, stale, asked := []time.Duration(nil), 0, 0
	for _, w := range watchers[1:] {
		all, stale, asked = append(all, w.taken...), stale+w.stale, asked+w.asked
	}
	slices.Sort(all)
	at := func(q float64) float64 { return ms(all[min(len(all)-1, int(q*float64(len(all))))]) }
	fmt.Printf("\nrevoke → refused, %d nodes on one PostgreSQL, %s: %d revocations\n", nodes, name, revocations)
	fmt.Printf("  same node  accepted by the next request %d times\n", next)
	fmt.Printf("  others     p50 %.2f ms  p99.9 %.2f ms  max %.2f ms of 1000 promised; accepted after %v %d times, of %d questions\n",
		at(0.5), at(0.999), at(1), bound, stale, asked)
	if cuts > 0 {
		fmt.Printf("  listeners  cut %d times\n", cuts)
	}
	return nil
}

// until asks about a token until it is refused after its revocation was answered.
func (w *watcher) until(text []byte, revoked *atomic.Int64) error {
	for {
		asked := time.Now()
		status, body, err := w.line.ask(text)
		if err != nil || status != 200 {
			return fmt.Errorf("verification: status %d, %w: %s", status, err, body)
		}
		if !valid(body) && !bytes.Contains(body, []byte(`"code":"REVOKED"`)) {
			return fmt.Errorf("verification: %s", body)
		}
		w.asked++
		at := revoked.Load()
		switch {
		case !valid(body) && at == 0: // refused before the answer was out
			for at == 0 {
				time.Sleep(100 * time.Microsecond)
				at = revoked.Load()
			}
			w.taken = append(w.taken, 0)
			return nil
		case !valid(body):
			w.taken = append(w.taken, max(0, time.Since(time.Unix(0, at))))
			return nil
		case at != 0 && asked.Sub(time.Unix(0, at)) > bound:
			w.stale++
			if asked.Sub(time.Unix(0, at)) > 4*bound {
				return fmt.Errorf("still accepted %v after its revocation", asked.Sub(time.Unix(0, at)))
			}
		}
	}
}

// cutListeners ends the connections on which nodes hear of changes, one after the
// other and all the time.
func (b *bench) cutListeners(ctx context.Context, d database) (cuts int, err error) {
	conn, err := pgx.ConnectConfig(ctx, b.server.config)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		var n int
		err := conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = $1 AND (query LIKE 'LISTEN %' OR query LIKE '-- still there%') ORDER BY random() LIMIT 2) AS picked`, d.name).Scan(&n)
		if err != nil && ctx.Err() == nil {
			return cuts, err
		}
		cuts += n
		select {
		case <-time.After(20*time.Millisecond + rand.N(600*time.Millisecond)):
		case <-ctx.Done():
		}
	}
	return cuts, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
