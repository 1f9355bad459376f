package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// contest is the same work by two programs, each on a database of its own.
type contest struct {
	prepare      func() (database, error)
	ours, theirs func(database) *exec.Cmd
}

// figures are what the operating system says of one finished process.
type figures struct {
	wall, cpu time.Duration
	memory    int64 // peak resident KiB
}

// compare runs both in turn, after one run each that does not count, and prints
// the medians and their ratios.
func (b *bench) compare(name string, c contest) error {
	var ours, theirs []figures
	for i := range b.runs + 1 {
		for _, side := range []struct {
			command func(database) *exec.Cmd
			all     *[]figures
			skip    bool
		}{{c.ours, &ours, false}, {c.theirs, &theirs, !b.django}} {
			if side.skip {
				continue
			}
			d, err := c.prepare()
			if err != nil {
				return err
			}
			f, err := measure(side.command(d))
			d.drop()
			if err != nil {
				return err
			}
			if i > 0 {
				*side.all = append(*side.all, f)
			}
		}
	}
	fmt.Printf("\n%s (%d runs)\n", name, b.runs)
	print("tenantry", ours)
	if len(theirs) > 0 {
		print("django", theirs)
		o, t := median(ours), median(theirs)
		fmt.Printf("  %-10s wall %.1f ×, cpu %.1f ×, memory %.1f × in our favour\n", "ratio",
			float64(t.wall)/float64(o.wall), float64(t.cpu)/float64(o.cpu), float64(t.memory)/float64(o.memory))
	}
	return nil
}

func measure(c *exec.Cmd) (figures, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return figures{}, err
	}
	defer null.Close()
	c.Stdout = null
	var complaint tail
	c.Stderr = &complaint
	began := time.Now()
	if err := c.Run(); err != nil {
		return figures{}, fmt.Errorf("%v: %w: %s", c.Args, err, complaint)
	}
	f := figures{wall: time.Since(began), cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.memory = u.Maxrss
	}
	return f, nil
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	if len(*t) > 2000 {
		*t = (*t)[len(*t)-2000:]
	}
	return len(b), nil
}

func (t tail) String() string { return string(t) }

func print(who string, all []figures) {
	m := median(all)
	lo, hi := extremes(all)
	fmt.Printf("  %-10s wall %8.1f ms [%.1f … %.1f]  cpu %8.1f ms  memory %6.1f MiB\n",
		who, ms(m.wall), ms(lo), ms(hi), ms(m.cpu), float64(m.memory)/1024)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(all []figures) figures {
	pick := func(of func(figures) int64) int64 {
		values := make([]int64, len(all))
		for i, f := range all {
			values[i] = of(f)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figures{
		wall:   time.Duration(pick(func(f figures) int64 { return int64(f.wall) })),
		cpu:    time.Duration(pick(func(f figures) int64 { return int64(f.cpu) })),
		memory: pick(func(f figures) int64 { return f.memory }),
	}
}

func extremes(all []figures) (lo, hi time.Duration) {
	lo, hi = all[0].wall, all[0].wall
	for _, f := range all {
		lo, hi = min(lo, f.wall), max(hi, f.wall)
	}
	return lo, hi
}
