package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server that runs beside this program.
type process struct {
	*exec.Cmd
	address, operations string
	began, ready        time.Time
	log                 *record
}

// record keeps what a process writes.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), text)
}

// start runs a server until it says that it is ready. address is where it
// listens, operations where /readyz is.
func start(c *exec.Cmd, address, operations string) (*process, error) {
	p := &process{Cmd: c, address: address, operations: operations, began: time.Now(), log: &record{}}
	c.Stderr = p.log
	if err := c.Start(); err != nil {
		return nil, err
	}
	for time.Since(p.began) < time.Minute {
		answer, err := http.Get("http://" + operations + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				p.ready = time.Now()
				return p, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("%v: not ready within a minute: %s", c.Args, p.log.text.String())
}

func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
}

// cpu is what the process has used so far, which the kernel counts in hundredths
// of a second.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return 0
	}
	var user, system int64
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	_, _ = fmt.Sscan(fields[11], &user)
	_, _ = fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// warmed waits until the process remembers every token.
func (p *process) warmed() (time.Duration, error) {
	for time.Since(p.began) < 5*time.Minute {
		if p.log.has(`"warmed up"`) {
			return time.Since(p.began), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("not warm: %s", p.log.text.String())
}

// node starts `tenantry serve` on a database.
func (b *bench) node(d database, env ...string) (*process, error) {
	address, operations, err := freePorts()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, err
	}
	c := b.tenantry(d, "serve")
	c.Env = append(append(c.Env, "TENANTRY_LISTEN="+address, "TENANTRY_OPERATIONS_LISTEN="+operations, "TENANTRY_DATA_DIR="+dir), env...)
	return start(c, address, operations)
}

// operator makes somebody who may do everything, and returns their key.
func (b *bench) operator(ctx context.Context, d database) (string, error) {
	c := b.tenantry(d, "operator", "create", "bench", "--output", "json")
	var complaint tail
	c.Stderr = &complaint
	out, err := c.Output()
	var made struct {
		Key string `json:"key"`
	}
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", c.Args, err, complaint)
	}
	err = json.Unmarshal(out, &made)
	return made.Key, err
}

// manage asks the management API for something, and returns what it answers.
func (p *process) manage(path, key, body string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", path, answer.StatusCode, out)
	}
	return out, err
}
