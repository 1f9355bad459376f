//go:build long

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// What docs/verification.md tells people to write, with addresses of the test's.
const (
	nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
	access_log access.log;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen %[1]s;
		location / {
			auth_request /_tenantry;
			auth_request_set $tenant_id $upstream_http_x_tenant_id;
			proxy_set_header X-Tenant-Id $tenant_id;
			proxy_set_header Authorization "";
			proxy_pass http://%[3]s;
		}
		location = /_tenantry {
			internal;
			proxy_pass http://%[2]s/v1/auth?kind=ai;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Original-URI $request_uri;
			proxy_set_header X-Forwarded-For %[4]s;
		}
	}
}
`
	caddyConfig = `{
	admin off
	auto_https off
}
http://%[1]s {
	forward_auth %[2]s {
		uri /v1/auth%[4]s
		copy_headers X-Tenant-Id
	}
	reverse_proxy %[3]s {
		header_up -Authorization
	}
}
`
)

// proxy is one that stands before an upstream and asks the program about every
// request.
type proxy struct {
	address string
	said    *strings.Builder
}

// Proxies as people have them let through who may, tell the upstream whose request
// it is, and turn away everybody else.
func TestProxiesAskTheProgram(t *testing.T) {
	t.Parallel()
	d := sqldbtest.New(t, sqldb.SQLite)
	if r := runOn(t, d, "migrate"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	var operator struct{ Key string }
	if r := runOn(t, d, "operator", "create", "ana", "--output", "json"); json.Unmarshal([]byte(r.stdout), &operator) != nil || operator.Key == "" {
		t.Fatalf("%s\n%s", r.stdout, r.stderr)
	}
	// Only the proxies are at this address; everybody else has another one.
	program, ready := serve(t, d, "TENANTRY_TRUSTED_PROXIES=127.0.0.1/32")
	if err := <-ready; err != nil {
		t.Fatalf("%v\n%s", err, program.log)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %s %s", r.Header["X-Tenant-Id"], r.Header["Authorization"], r.Method, r.RequestURI)
	}))
	t.Cleanup(upstream.Close)
	paths, err := exec.Command("../scripts/proxies.sh", "find").Output()
	if err != nil {
		t.Fatal("no proxies: run `make proxies`, or `make test-long`, which does")
	}
	nginx, caddy, _ := strings.Cut(strings.TrimSpace(string(paths)), "\n")

	m := management{t, program.Address, operator.Key}
	for i, one := range []struct{ name, program, config, detail string }{
		{"nginx", nginx, nginxConfig, "$remote_addr"},
		{"nginx in a chain", nginx, nginxConfig, "$proxy_add_x_forwarded_for"},
		{"Caddy", caddy, caddyConfig, "?kind=ai"},
		{"Caddy with no question", caddy, caddyConfig, ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			m.t = t
			p := startProxy(t, one.program, one.config, strings.TrimPrefix(program.Address, "http://"), strings.TrimPrefix(upstream.URL, "http://"), one.detail)
			p.asks(t, m, byte(10*i), one.detail != "")
			if p.said.String() != "" && one.program == nginx {
				t.Errorf("nginx complains:\n%s", p.said)
			}
		})
	}
	program.stop(t)
	for _, secret := range []string{"ai_", operator.Key} {
		if strings.Contains(program.log.String(), secret) {
			t.Errorf("a token stands in the program's log:\n%s", program.log)
		}
	}
}

// asks sends requests from addresses that begin with first.
func (p proxy) asks(t *testing.T, m management, first byte, ofKind bool) {
	var made struct {
		Tenant struct{ ID string }
		Tokens struct{ AI, CWU string }
	}
	m.post("/v1/tenants", fmt.Sprintf(`{"name":"Acme %d"}`, first), &made)
	home, away, mallory := net.IPv4(127, 0, 1, first), net.IPv4(127, 0, 1, first+1), net.IPv4(127, 0, 1, first+2)
	good := []string{"Authorization", "Bearer " + made.Tokens.AI}
	want := func(from net.IP, status int, headers ...string) (a reply) {
		t.Helper()
		if a = p.get(t, from, "GET", "/things?page=2", headers...); a.status != status {
			t.Errorf("%d, want %d: %s", a.status, status, a.body)
		}
		return a
	}
	passed := fmt.Sprintf(`["%s"] [] GET /things?page=2`, made.Tenant.ID)
	if a := want(home, 200, good...); a.body != passed {
		t.Errorf("the upstream was told %s, want %s", a.body, passed)
	}
	if a := want(home, 200, append(good, "X-Tenant-Id", "tnt_forged", "Cache-Control", "no-cache")...); a.body != passed {
		t.Errorf("a forged tenant reached the upstream: %s", a.body)
	}
	for _, request := range [][2]string{{"POST", "/"}, {"PUT", "/a/b"}, {"DELETE", "/a%20b//c?kind=cwu&permission=x&token=y"}} {
		if a := p.get(t, home, request[0], request[1], good...); a.status != 200 && ofKind || a.status == 200 && !strings.Contains(a.body, made.Tenant.ID) {
			t.Errorf("%s %s: %d %s", request[0], request[1], a.status, a.body)
		}
	}
	for _, given := range [][]string{nil, {"X-Tenant-Id", made.Tenant.ID}, {"Authorization", "Bearer ai_" + strings.Repeat("x", 43)}, {"Authorization", "Bearer"}, {"Authorization", "Basic eDp5"},
		{"Authorization", good[1] + "x"}} {
		if a := want(home, 401, given...); strings.Contains(a.body, "[") {
			t.Errorf("the upstream was asked: %s", a.body)
		}
	}
	if a := p.get(t, home, "GET", "/", append(good, good...)...); a.status == 200 { // nginx says 400
		t.Errorf("two headers: %d %s", a.status, a.body)
	}
	if ofKind {
		for _, target := range []string{"/", "/?kind=cwu", "/?kind=ai", "/?x=&kind=", "/%3Fkind=cwu"} {
			if a := p.get(t, home, "GET", target, "Authorization", "Bearer "+made.Tokens.CWU); a.status != 403 {
				t.Errorf("%s: a token of another kind: %d %s", target, a.status, a.body)
			}
		}
	}

	// Where a client is, it cannot make up.
	var narrow struct {
		Token  struct{ ID string }
		Secret string
	}
	m.post("/v1/tokens", fmt.Sprintf(`{"tenant":"%s","kind":"ai","name":"narrow","allowed_addresses":["%s"]}`, made.Tenant.ID, home), &narrow)
	held := []string{"Authorization", "Bearer " + narrow.Secret}
	want(home, 200, held...)
	want(away, 403, held...)
	for _, forged := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Original-Forwarded-For", "True-Client-Ip"} {
		want(away, 403, append(held, forged, home.String())...)
	}
	want(away, 403, append(held, "X-Forwarded-For", home.String()+", 127.0.0.1", "X-Forwarded-For", home.String())...)
	want(home, 200, append(held, "X-Forwarded-For", away.String())...)

	// Failures count against who fails.
	var cold struct{ Secret string }
	m.post("/v1/tokens", fmt.Sprintf(`{"tenant":"%s","kind":"ai","name":"cold"}`, made.Tenant.ID), &cold)
	last := reply{}
	for i := range 75 {
		last = p.get(t, mallory, "GET", "/", "Authorization", fmt.Sprintf("Bearer ai_%043d", i), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
	}
	if last.status != 403 {
		t.Errorf("after 75 failures: %d", last.status)
	}
	want(mallory, 403, "Authorization", "Bearer "+cold.Secret)
	want(mallory, 200, good...) // known: nobody has to look
	want(away, 200, "Authorization", "Bearer "+cold.Secret)

	// What was changed holds for the next request.
	m.post("/v1/tokens/"+narrow.Token.ID+":revoke", `{"reason":"leaked"}`, nil)
	want(home, 401, held...)
	m.post("/v1/tenants/"+made.Tenant.ID+":suspend", `{"reason":"unpaid"}`, nil)
	want(home, 403, good...)
	m.post("/v1/tenants/"+made.Tenant.ID+":activate", `{}`, nil)
	want(home, 200, good...)
}

// reply is what a proxy answered.
type reply struct {
	status int
	body   string
}

// get sends a request from an address of this machine's.
func (p proxy) get(t *testing.T, from net.IP, method, target string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, string(body)}
}

// startProxy runs one in a folder of its own until the test ends.
func startProxy(t *testing.T, program, config, service, upstream, detail string) proxy {
	t.Helper()
	folder := t.TempDir()
	p := proxy{address: freeAddress(t), said: &strings.Builder{}}
	file := filepath.Join(folder, "config")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, p.address, service, upstream, detail), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--config", file, "--adapter", "caddyfile"}
	if filepath.Base(program) == "nginx" {
		args = []string{"-p", folder, "-e", "stderr", "-c", file}
	}
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stderr = folder, p.said
	c.Env = []string{"HOME=" + folder, "XDG_DATA_HOME=" + folder, "XDG_CONFIG_HOME=" + folder}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait() // Caddy's code for SIGTERM is not nginx's
		cancel()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("tcp", p.address)
		if err == nil {
			connection.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", program, err)
		}
	}
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// management is the API as an operator has it.
type management struct {
	t            *testing.T
	address, key string
}

func (m management) post(path, body string, into any) {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), "POST", m.address+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+m.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		m.t.Fatalf("%s: %d %s %v", path, answer.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			m.t.Fatal(err)
		}
	}
}
