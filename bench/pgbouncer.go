package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const pgbouncerProgram = "pgbouncer"

// pgbouncer is a pooler of our own in front of the server, on the loopback.
type pgbouncer struct {
	*exec.Cmd
	address string
	user    string
}

func (b *bench) startPgBouncer() (*pgbouncer, error) {
	address, _, err := freePorts()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	dir, err := os.MkdirTemp("", "tenantry-pgbouncer-")
	if err != nil {
		return nil, err
	}
	c := b.server.config
	ini, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
max_client_conn = 200
default_pool_size = 10
logfile = %s
`, c.Host, c.Port, port, users, filepath.Join(dir, "pgbouncer.log"))
	for name, content := range map[string]string{ini: text, users: fmt.Sprintf("%q %q\n", c.User, c.Password)} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	p := &pgbouncer{Cmd: exec.Command(pgbouncerProgram, "-q", ini), address: address, user: c.User}
	if os.Getuid() == 0 { // which it refuses to run as
		if err := p.unprivileged(dir, c.Host); err != nil {
			return nil, err
		}
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return p, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("pgbouncer does not answer on %s", address)
}

// unprivileged runs it as whoever the server's socket belongs to, who can reach
// it, or as nobody; they get the folder.
func (p *pgbouncer) unprivileged(dir, socket string) error {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	gid, err2 := strconv.Atoi(nobody.Gid)
	if info, err := os.Stat(socket); err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			uid, gid = int(owner.Uid), int(owner.Gid)
		}
	}
	if err := firstError(err, err2, os.Chown(dir, uid, gid)); err != nil {
		return err
	}
	p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return nil
}

func (p *pgbouncer) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
	_ = os.RemoveAll(filepath.Dir(p.Args[len(p.Args)-1]))
}

// url reaches a database through the pooler.
func (p *pgbouncer) url(d database) string {
	return (&url.URL{Scheme: "postgres", User: url.User(p.user), Host: p.address, Path: "/" + d.name}).String()
}
