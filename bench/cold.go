package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// cold: from the start of `serve` on a database of many tokens until it is ready
// and until it remembers all of them, and the memory that it holds then. There is
// no rival; the same without tokens tells what remembering costs.
func (b *bench) cold(ctx context.Context, engine sqldb.Engine) error {
	fmt.Printf("\ncold start, %s (%d runs)\n", engine, b.runs)
	var empty float64
	for _, tokens := range []int{0, 200_000, 1_000_000} {
		d, err := b.filled(ctx, engine, tokens)
		if err != nil {
			return err
		}
		var ready, warm, memory []float64
		for i := range b.runs + 1 {
			p, err := b.node(d.database)
			if err != nil {
				return err
			}
			took, err := p.warmed()
			time.Sleep(2 * time.Second) // what warming up left behind is given back
			held := float64(resident(p.Process.Pid)) / 1024
			isReady := ms(p.ready.Sub(p.began))
			p.stop()
			if err != nil {
				return err
			}
			if i > 0 || b.runs == 1 {
				ready, warm, memory = append(ready, isReady), append(warm, ms(took)), append(memory, held)
			}
		}
		fmt.Printf("  %9d tokens  ready %7.1f ms  warm %8.1f ms  resident %7.1f MiB", tokens, middle(ready), middle(warm), middle(memory))
		if tokens == 0 {
			empty = middle(memory)
		} else {
			fmt.Printf("  %.0f bytes for each token", (middle(memory)-empty)*(1<<20)/float64(tokens))
		}
		fmt.Println()
	}
	return nil
}
