package main

import (
	"bytes"
	"errors"
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

// measure runs a command by way of a small copy of this program: Linux counts the
// peak of whoever starts a process as the process's own, and this one holds whole
// databases.
func measure(c *exec.Cmd) (f figures, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	by := exec.Command(self, append([]string{measureCommand, c.Path}, c.Args...)...)
	by.Env, by.Dir = c.Env, c.Dir
	var told bytes.Buffer
	var complaint tail
	by.Stdout, by.Stderr = &told, &complaint
	if err := by.Run(); err != nil {
		return f, fmt.Errorf("%v: %w: %s", c.Args, err, complaint)
	}
	var wall, cpu int64
	_, err = fmt.Sscan(told.String(), &wall, &cpu, &f.memory)
	f.wall, f.cpu = time.Duration(wall), time.Duration(cpu)
	return f, err
}

// measureCommand makes this program the one that measures another: its path, and
// its arguments from the name on.
const measureCommand = "measure"

// measured runs a command and tells its figures on standard output.
func measured(args []string) error {
	c := exec.Command(args[0])
	c.Args, c.Stderr = args[1:], os.Stderr
	began := time.Now()
	if err := c.Run(); err != nil {
		return err
	}
	wall := time.Since(began)
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell how much memory a process took")
	}
	fmt.Println(int64(wall), int64(c.ProcessState.UserTime()+c.ProcessState.SystemTime()), usage.Maxrss)
	return nil
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
