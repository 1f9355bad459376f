// Package mail sends plain-text mail: by SMTP, or into a folder, one file each,
// where there is no server to try it with. What a letter says, and to whom, its
// callers know.
package mail

import (
	"context"
	"encoding/hex"
	"io"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	smtp "github.com/wneessen/go-mail"

	"github.com/tenantry/tenantry"
)

// Message is a letter.
type Message struct {
	To, Subject, Text string
}

// Options say how letters go out.
type Options struct {
	URL    tenantry.Secret // file:, smtp://USER:PASSWORD@HOST:PORT or smtps://…
	From   string
	Dir    string // of file:
	Clock  tenantry.Clock
	Random io.Reader
}

// Sender sends letters.
type Sender struct {
	Options
	server *url.URL // nil for files
}

const timeout = 15 * time.Second

// New makes a sender. The error is Usage, "mail.bad_url".
func New(o Options) (*Sender, error) {
	if !IsURL(o.URL) {
		return nil, tenantry.NewError(tenantry.Usage, "mail.bad_url")
	}
	s := &Sender{Options: o}
	if u, _ := url.Parse(o.URL.Reveal()); u.Scheme != "file" {
		s.server = u
	}
	return s, nil
}

// IsURL tells whether a text is one that New takes.
func IsURL(text tenantry.Secret) bool {
	u, err := url.Parse(text.Reveal())
	switch {
	case err != nil:
		return false
	case u.Scheme == "file":
		return u.Opaque == "" && u.Host == "" && u.Path == ""
	}
	return (u.Scheme == "smtp" || u.Scheme == "smtps") && u.Hostname() != ""
}

// IsAddress tells whether a text is whom mail can come from: an address of RFC
// 5322, with a name or without.
func IsAddress(text string) bool {
	_, err := netmail.ParseAddress(text)
	return err == nil
}

// Send sends one letter. The error is Unavailable, "mail.not_sent", for whatever
// the server says.
func (s *Sender) Send(ctx context.Context, m Message) error {
	letter, id, err := s.letter(m)
	if err != nil {
		return tenantry.NewError(tenantry.Invalid, "mail.bad_address").Because(err)
	}
	if s.server == nil {
		err = s.file(letter, id)
	} else {
		err = s.deliver(ctx, letter)
	}
	if err != nil {
		return tenantry.NewError(tenantry.Unavailable, "mail.not_sent").Because(err)
	}
	return nil
}

func (s *Sender) letter(m Message) (*smtp.Msg, string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(s.Random, raw[:]); err != nil {
		return nil, "", err
	}
	id := hex.EncodeToString(raw[:])
	letter := smtp.NewMsg()
	if err := letter.From(s.From); err != nil {
		return nil, "", err
	}
	if err := letter.To(m.To); err != nil {
		return nil, "", err
	}
	letter.Subject(m.Subject)
	letter.SetDateWithValue(s.Clock())
	letter.SetMessageIDWithValue(id + "@tenantry")
	letter.SetBodyString(smtp.TypeTextPlain, m.Text)
	return letter, id, nil
}

// file writes a letter whole or not at all; it may hold a secret.
func (s *Sender) file(letter *smtp.Msg, id string) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(s.Dir, s.Clock().UTC().Format("20060102T150405Z-")+id[:8]+".eml")
	out, err := os.OpenFile(name+".part", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = letter.WriteTo(out); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}

func (s *Sender) deliver(ctx context.Context, letter *smtp.Msg) error {
	options := []smtp.Option{smtp.WithTimeout(timeout)}
	port, _ := strconv.Atoi(s.server.Port())
	switch {
	case s.server.Scheme == "smtps":
		options = append(options, smtp.WithSSL())
		if port == 0 {
			port = smtp.DefaultPortSSL
		}
	default:
		options = append(options, smtp.WithTLSPolicy(smtp.TLSOpportunistic))
		if port == 0 {
			port = smtp.DefaultPort
		}
	}
	options = append(options, smtp.WithPort(port))
	if u := s.server.User; u != nil {
		password, _ := u.Password()
		// The mechanism is the best that the server has; without encryption none
		// that would tell the password, except to this machine itself.
		options = append(options, smtp.WithSMTPAuth(smtp.SMTPAuthAutoDiscover), smtp.WithUsername(u.Username()), smtp.WithPassword(password))
	}
	client, err := smtp.NewClient(s.server.Hostname(), options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return client.DialAndSendWithContext(ctx, letter)
}
