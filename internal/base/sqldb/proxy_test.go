package sqldb_test

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
)

// proxy stands between a test and its PostgreSQL server and behaves as badly as
// a network can.
type proxy struct {
	url      string
	listener net.Listener

	mu    sync.Mutex
	mood  mood
	conns []net.Conn
}

type mood int

const (
	honest     mood = iota
	swallowing      // takes everything, passes on nothing, closes nothing
	oneWay          // passes on what the client says and hangs up when the server answers
)

func between(t testing.TB, d sqldbtest.Database) *proxy {
	t.Helper()
	server, err := pgconn.ParseConfig(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	q.Set("connect_timeout", "2")
	u.Host, u.RawQuery = listener.Addr().String(), strings.ReplaceAll(q.Encode(), "+", "%20")
	p := &proxy{url: u.String(), listener: listener}
	t.Cleanup(func() {
		listener.Close()
		p.cut()
	})
	network, address := pgconn.NetworkAddress(server.Host, server.Port)
	go p.accept(network, address)
	return p
}

func (p *proxy) database() sqldbtest.Database {
	return sqldbtest.Database{Engine: sqldb.Postgres, URL: p.url}
}

func (p *proxy) swallow()     { p.become(swallowing) }
func (p *proxy) loseAnswers() { p.become(oneWay) }

func (p *proxy) become(m mood) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mood = m
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

func (p *proxy) accept(network, address string) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(network, address)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go p.pass(server, client, func(m mood) bool { return m != swallowing })
		go p.pass(client, server, func(m mood) bool {
			if m == oneWay {
				client.Close()
			}
			return m == honest
		})
	}
}

// pass copies as long as the mood allows. It holds the lock for each piece, so
// that nothing passes any more once a mood has changed.
func (p *proxy) pass(to, from net.Conn, allowed func(mood) bool) {
	defer to.Close()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		p.mu.Lock()
		if allowed(p.mood) {
			_, err = to.Write(piece[:n])
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}
