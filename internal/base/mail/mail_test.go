package mail_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/mail"
)

func options(t *testing.T, url string) mail.Options {
	clock := func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }
	return mail.Options{URL: tenantry.NewSecret(url), From: "Tenantry <no-reply@example.com>", Dir: filepath.Join(t.TempDir(), "mail"), Clock: clock, Random: rand.Reader}
}

var letter = mail.Message{To: "ana@example.com", Subject: "Contraseña nueva", Text: "Hola:\n\nñandú https://example.com/#x\n"}

func TestLettersBecomeFilesWithoutAServer(t *testing.T) {
	t.Parallel()
	o := options(t, "file:")
	s, err := mail.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Send(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(o.Dir + "/*")
	if len(files) != 2 || !strings.HasSuffix(files[0], ".eml") {
		t.Fatalf("%v", files)
	}
	text, _ := os.ReadFile(files[0])
	info, _ := os.Stat(files[0])
	if !strings.Contains(string(text), "To: <ana@example.com>") || !strings.Contains(string(text), "Date: Tue, 10 Mar 2026 12:00:00") || info.Mode().Perm() != 0o600 {
		t.Errorf("%s %s", info.Mode(), text)
	}
	var e *tenantry.Error
	if err := s.Send(t.Context(), mail.Message{To: "ana@example.com\r\nBcc: eva@example.com"}); !errors.As(err, &e) || e.Code != "mail.bad_address" {
		t.Errorf("%v", err)
	}
}

// post is a mail server that keeps what it is given.
type post struct {
	mu       sync.Mutex
	to, text string
	refuse   bool
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return session{p}, nil }

type session struct{ *post }

func (s session) Reset()                               {}
func (s session) Logout() error                        { return nil }
func (s session) Mail(string, *smtp.MailOptions) error { return nil }
func (s session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.refuse {
		return &smtp.SMTPError{Code: 550, Message: "no such box"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	return nil
}
func (s session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = string(b)
	return err
}

func TestLettersGoOutBySMTP(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		p := &post{refuse: refuse}
		server := smtp.NewServer(p)
		server.Domain = "localhost"
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		s, err := mail.New(options(t, "smtp://"+l.Addr().String()))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Send(t.Context(), letter)
		if refuse {
			if tenantry.KindOf(err) != tenantry.Unavailable {
				t.Errorf("%v", err)
			}
			continue
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil || p.to != "ana@example.com" || !strings.Contains(p.text, "=C3=B1and=C3=BA") {
			t.Errorf("%v, to %s: %s", err, p.to, p.text)
		}
	}
}

func TestURLsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for url, fine := range map[string]bool{"file:": true, "smtp://u:p@host:25": true, "smtps://host": true,
		"": false, "file:/tmp": false, "smtp:": false, "http://host": false, "host:25": false} {
		if got := mail.IsURL(tenantry.NewSecret(url)); got != fine {
			t.Errorf("%s: %v", url, got)
		}
	}
	if _, err := mail.New(options(t, "http://host")); tenantry.KindOf(err) != tenantry.Usage {
		t.Errorf("%v", err)
	}
}
