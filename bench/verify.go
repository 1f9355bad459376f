package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	connections  = 64
	warmTokens   = 200_000
	loadRequests = 50_000 // different ones
)

// verify: POST /v1/tokens:verify and GET /v1/auth of `serve`, beside a bare
// net/http handler that reads the same, hashes, looks up and answers the same.
func (b *bench) verify(ctx context.Context, engine sqldb.Engine) error {
	d, err := b.filled(ctx, engine, warmTokens)
	if err != nil {
		return err
	}
	ours, err := b.node(d.database)
	if err != nil {
		return err
	}
	defer ours.stop()
	if _, err := ours.warmed(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	address, _, err := freePorts()
	if err != nil {
		return err
	}
	theirs, err := start(exec.Command(self, floorCommand, "-listen", address, "-tokens", fmt.Sprint(warmTokens)), address, address)
	if err != nil {
		return err
	}
	defer theirs.stop()
	for _, route := range []struct {
		name string
		of   func(secret string) []byte
	}{{"POST /v1/tokens:verify", verification}, {"GET /v1/auth", authorization}} {
		requests := make([][]byte, loadRequests)
		for i := range requests {
			requests[i] = route.of(secret(i * (warmTokens / loadRequests)))
		}
		if err := b.versus(route.name, ours, theirs, requests); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) versus(name string, ours, theirs *process, requests [][]byte) error {
	sides := []struct {
		who                 string
		server              *process
		rate, cpu, p50, p99 []float64
	}{{who: "tenantry", server: ours}, {who: "floor", server: theirs}}
	for run := range b.runs + 1 {
		for i := range sides {
			s := &sides[i]
			l, err := press(s.server, connections, requests, b.seconds)
			if err != nil {
				return fmt.Errorf("%s: %w", s.who, err)
			}
			if run > 0 {
				s.rate, s.cpu, s.p50, s.p99 = append(s.rate, l.perSecond), append(s.cpu, l.cpu), append(s.p50, ms(l.p50)), append(s.p99, ms(l.p99))
			}
		}
	}
	fmt.Printf("\n%s, %d connections, %d tokens (%d runs of %v)\n", name, connections, warmTokens, b.runs, b.seconds)
	for _, s := range sides {
		fmt.Printf("  %-10s %7.0f requests/s  cpu %5.1f µs/request  p50 %.2f ms  p99 %.2f ms  resident %.1f MiB\n",
			s.who, middle(s.rate), middle(s.cpu), middle(s.p50), middle(s.p99), float64(resident(s.server.Process.Pid))/1024)
	}
	fmt.Printf("  %-10s requests/s %.2f of the floor's, 0.85 promised; by cpu %.2f\n", "ratio",
		middle(sides[0].rate)/middle(sides[1].rate), middle(sides[1].cpu)/middle(sides[0].cpu))
	return nil
}
