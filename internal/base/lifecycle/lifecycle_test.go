package lifecycle_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/lifecycle"
)

// recorder notes what services do, in order.
type recorder struct {
	mu    sync.Mutex
	notes []string
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.notes, " ")
}

// service is a real, if idle, service whose steps a test can bend.
type service struct {
	*recorder
	name     string
	startErr error
	onStart  func(ctx context.Context, failed func(error))
	onStop   func(ctx context.Context) error
}

func (s *service) Start(ctx context.Context, failed func(error)) error {
	s.note("+%s", s.name)
	if s.onStart != nil {
		s.onStart(ctx, failed)
	}
	return s.startErr
}

func (s *service) Stop(ctx context.Context) error {
	s.note("-%s", s.name)
	if s.onStop != nil {
		return s.onStop(ctx)
	}
	return nil
}

func group(r *recorder, services ...*service) *lifecycle.Group {
	g := lifecycle.NewGroup(10 * time.Second)
	for i, s := range services {
		s.recorder, s.name = r, string(rune('a'+i))
		g.Add(s.name, s)
	}
	return g
}

func TestServicesStartInOrderAndStopInReverse(t *testing.T) {
	t.Parallel()
	var r recorder
	ctx, cancel := context.WithCancel(t.Context())
	err := group(&r, &service{}, &service{}, &service{}).Run(ctx, func() { r.note("ready"); cancel() })
	if err != nil || r.String() != "+a +b +c ready -c -b -a" {
		t.Errorf("%s, %v", &r, err)
	}
}

func TestAServiceThatDoesNotStartStopsThoseBeforeIt(t *testing.T) {
	t.Parallel()
	var r recorder
	cause := tenantry.NewError(tenantry.Unavailable, "port.in_use")
	err := group(&r, &service{}, &service{startErr: cause}, &service{}).Run(t.Context(), func() { r.note("ready") })
	if !errors.Is(err, cause) || tenantry.KindOf(err) != tenantry.Unavailable || r.String() != "+a +b -a" {
		t.Errorf("%s, %v", &r, err)
	}
}

func TestTheFirstFailureStopsAll(t *testing.T) {
	t.Parallel()
	var r recorder
	first, second := errors.New("first"), errors.New("second")
	var failed func(error)
	g := group(&r, &service{}, &service{onStart: func(_ context.Context, f func(error)) { failed = f }}, &service{})
	err := g.Run(t.Context(), func() { r.note("ready"); failed(first); failed(second) })
	if !errors.Is(err, first) || errors.Is(err, second) || err.Error() != "b: first" || r.String() != "+a +b +c ready -c -b -a" {
		t.Errorf("%s, %v", &r, err)
	}
}

func TestAFailureWhileOthersStartStopsTheStart(t *testing.T) {
	t.Parallel()
	var r recorder
	cause := errors.New("gone")
	err := group(&r, &service{onStart: func(_ context.Context, f func(error)) { f(cause) }}, &service{}).Run(t.Context(), func() { r.note("ready") })
	if !errors.Is(err, cause) || r.String() != "+a -a" {
		t.Errorf("%s, %v", &r, err)
	}
}

func TestAskedToStopWhileStarting(t *testing.T) {
	t.Parallel()
	var r recorder
	ctx, cancel := context.WithCancel(t.Context())
	err := group(&r, &service{onStart: func(context.Context, func(error)) { cancel() }}, &service{}).Run(ctx, func() { r.note("ready") })
	if err != nil || r.String() != "+a -a" {
		t.Errorf("%s, %v", &r, err)
	}

	r = recorder{}
	ctx, cancel = context.WithCancel(t.Context())
	waiting := &service{onStart: func(context.Context, func(error)) { cancel() }, startErr: fmt.Errorf("connect: %w", context.Canceled)}
	if err := group(&r, &service{}, waiting).Run(ctx, func() {}); err != nil || r.String() != "+a +b -a" {
		t.Errorf("%s, %v", &r, err)
	}
}

func TestEachServiceHasItsOwnTimeToStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		never := make(chan struct{})
		defer close(never)
		left := time.Duration(0)
		ctx, cancel := context.WithCancel(t.Context())
		g := group(&r,
			&service{onStop: func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				left = time.Until(deadline)
				return nil
			}},
			&service{onStop: func(context.Context) error { <-never; return nil }}, // deaf
			&service{onStop: func(context.Context) error { return errors.New("torn") }},
		)
		err := g.Run(ctx, cancel)
		if left != 10*time.Second || r.String() != "+a +b +c -c -b -a" {
			t.Errorf("%s, a had %v left", &r, left)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "b: ") || !strings.Contains(err.Error(), "c: torn") {
			t.Errorf("got %v", err)
		}
	})
}

func TestPeriodicPassesNeverOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		s := lifecycle.Every(time.Minute, func(ctx context.Context) {
			if ctx.Err() != nil {
				t.Error("the end of the start ended the service")
			}
			at = append(at, time.Since(begin))
			advance(150 * time.Second)
		})
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Start(ctx, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		advance(9 * time.Minute)
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(at) != "[1m0s 4m30s 8m0s]" {
			t.Errorf("passes at %v", at)
		}
		passes := len(at)
		advance(time.Hour)
		if len(at) != passes {
			t.Error("it runs on after Stop")
		}
	})
}

func TestStoppingAPeriodicServiceWaitsForThePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		finished, cancelled := false, false
		s := lifecycle.Every(time.Minute, func(ctx context.Context) {
			select {
			case <-time.After(30 * time.Second):
				finished = true
			case <-ctx.Done():
				cancelled = true
			}
		})
		if err := s.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		advance(61 * time.Second)
		if err := s.Stop(t.Context()); err != nil || !finished || cancelled {
			t.Errorf("finished=%v cancelled=%v %v", finished, cancelled, err)
		}
	})
}

func TestAPassThatIsTooSlowIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cancelled := false
		s := lifecycle.Every(time.Minute, func(ctx context.Context) {
			<-ctx.Done()
			cancelled = true
		})
		if err := s.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		advance(61 * time.Second)
		patience, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Stop(patience); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if !cancelled {
			t.Error("the pass runs on")
		}
	})
}

// advance moves the clock of a synctest bubble; no real time passes.
func advance(d time.Duration) { time.Sleep(d) }

// Signals reach a whole process, so these tests run the test binary as one.
const roleVariable = "LIFECYCLE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

func play(role string) int {
	ctx, release := lifecycle.UntilSignal(context.Background())
	defer release()
	g := lifecycle.NewGroup(time.Hour)
	g.Add("s", &service{recorder: &recorder{}, onStop: func(ctx context.Context) error {
		fmt.Println("stopping")
		if role == "stuck" {
			<-ctx.Done()
		}
		return nil
	}})
	if err := g.Run(ctx, func() { fmt.Println("ready") }); err != nil {
		return 1
	}
	return 0
}

func TestTheFirstSignalStopsGracefully(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p, out := spawn(t, "willing")
		expect(t, out, "ready")
		send(t, p, sig)
		expect(t, out, "stopping")
		if err := p.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
}

func TestTheSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	p, out := spawn(t, "stuck")
	expect(t, out, "ready")
	send(t, p, syscall.SIGTERM)
	expect(t, out, "stopping")
	// The handler is given up just after the first signal was seen. Until then a
	// signal is swallowed, so this one is repeated until it works.
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	repeat := time.NewTicker(10 * time.Millisecond)
	defer repeat.Stop()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
				t.Errorf("got %v", err)
			}
			return
		case <-repeat.C:
			_ = p.Process.Signal(syscall.SIGINT)
		}
	}
}

func spawn(t *testing.T, role string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	p := exec.CommandContext(t.Context(), os.Args[0])
	p.Env = append(os.Environ(), roleVariable+"="+role)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p, bufio.NewScanner(out)
}

func expect(t *testing.T, out *bufio.Scanner, line string) {
	t.Helper()
	if !out.Scan() || out.Text() != line {
		t.Fatalf("got %q, want %q", out.Text(), line)
	}
}

func send(t *testing.T, p *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
