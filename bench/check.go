package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

// checked is what one size of the in-process check is measured on.
type checked struct {
	texts        []string
	flow         *verify.Flow
	floor        map[[32]byte]*string
	ours, theirs []float64 // ns of each run
	allocations  float64
	memory       float64 // bytes of heap for each token that is remembered
}

// check: a warm verification inside the process, in random order, beside what
// nobody can do without: the hash and one look-up in a map that nobody writes
// to. What a request brings is in the processor's cache; what is remembered of
// the token may be anywhere.
func (b *bench) check(ctx context.Context, engine sqldb.Engine) error {
	var all []*checked
	sizes := []int{1_000, 10_000, 100_000, 1_000_000}
	for _, n := range sizes { // first, for that takes its time
		if _, err := b.filled(ctx, engine, n); err != nil {
			return err
		}
	}
	for _, n := range sizes {
		c, stop, err := b.warm(ctx, engine, n)
		if err != nil {
			return err
		}
		defer stop()
		all = append(all, c)
	}
	if file := os.Getenv("BENCH_PROFILE"); file != "" {
		out, err := os.Create(file)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for run := range b.runs + 1 {
		for _, c := range all {
			ours, allocations := c.time(func(text string) bool {
				v, err := c.flow.Verify(ctx, text, verify.Question{})
				return err == nil && v.Code == verify.Valid && v.Hit
			})
			theirs, _ := c.time(func(text string) bool { return c.floor[sha256.Sum256([]byte(text))] != nil })
			if ours < 0 || theirs < 0 {
				return fmt.Errorf("a token of %d was not found in memory", len(c.texts))
			}
			if run > 0 {
				c.ours, c.theirs, c.allocations = append(c.ours, ours), append(c.theirs, theirs), max(c.allocations, allocations)
			}
		}
	}
	fmt.Printf("\ncheck in process, warm, random order (%d runs)\n", b.runs)
	for _, c := range all {
		o, t := middle(c.ours), middle(c.theirs)
		fmt.Printf("  %9d tokens  tenantry %6.0f ns %.3f allocs  floor %6.0f ns  ratio %.2f  heap %.0f bytes/token\n", len(c.texts), o, c.allocations, t, o/t, c.memory)
	}
	first, last := all[0], all[len(all)-1]
	fmt.Printf("  from %d to %d tokens: tenantry × %.2f of 1.3 promised, floor × %.2f\n", len(first.texts), len(last.texts),
		middle(last.ours)/middle(first.ours), middle(last.theirs)/middle(first.theirs))
	return nil
}

// warm builds the house as `serve` does, with what is remembered complete.
func (b *bench) warm(ctx context.Context, engine sqldb.Engine, tokens int) (*checked, func(), error) {
	d, err := b.filled(ctx, engine, tokens)
	if err != nil {
		return nil, nil, err
	}
	var s app.Settings
	if err := config.Load(&s, app.Sources("", nil, []config.Given{{Key: "data_dir", Value: b.dir}, {Key: "database.url", Value: d.url}, {Key: "tokens.cache_lifetime", Value: "1h"}})); err != nil {
		return nil, nil, err
	}
	a, err := app.NewProgram(s, time.Now, rand.Reader).Open(ctx, sqldb.MustExist)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := func() { cancel(); a.Close() }
	before := heap()
	c := &checked{flow: a.Verifier()}
	go c.flow.Watch(ctx, func() {}, func(error) {})
	for c.flow.Listening(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := c.flow.Warm(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	c.memory = float64(heap()-before) / float64(tokens)
	c.texts, c.floor = make([]string, tokens), make(map[[32]byte]*string, tokens)
	for i := range c.texts {
		c.texts[i] = secret(i)
		c.floor[sha256.Sum256([]byte(c.texts[i]))] = &c.texts[i]
	}
	return c, stop, nil
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// time runs one way of checking over batches of random tokens, and returns the
// nanoseconds and allocations of one check, or less than zero if one failed.
func (c *checked) time(check func(text string) bool) (ns, allocations float64) {
	const batches = 1000
	var texts [512]string
	room := make([]byte, 0, len(texts)*64)
	all := func() bool {
		for _, text := range texts {
			if !check(text) {
				return false
			}
		}
		return true
	}
	var took time.Duration
	for range batches {
		room = room[:0]
		for i := range texts {
			from := len(room)
			room = append(room, c.texts[mathrand.IntN(len(c.texts))]...)
			texts[i] = unsafe.String(&room[from], len(room)-from) // garbage would be collected in the middle
		}
		began := time.Now()
		if !all() {
			return -1, 0
		}
		took += time.Since(began)
	}
	allocations = testing.AllocsPerRun(100, func() { all() })
	return float64(took) / float64(batches*len(texts)), allocations / float64(len(texts))
}

func middle(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
