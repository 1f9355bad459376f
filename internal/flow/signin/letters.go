package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/mail"
)

// Letters is the post: what is to be mailed waits here until somebody delivers
// it, so that no answer tells by the time it takes whether there was anything to
// mail.
type Letters struct {
	mail    *mail.Sender
	catalog *locale.Catalog
	url     string // of the pages, without a slash at its end
	waiting chan func(ctx context.Context) error
}

// mostWaiting is how many letters wait at once. What a process loses when it is
// killed can be asked for again.
const mostWaiting = 1000

// NewLetters makes the post.
func NewLetters(sender *mail.Sender, catalog *locale.Catalog, url string) *Letters {
	return &Letters{mail: sender, catalog: catalog, url: url, waiting: make(chan func(context.Context) error, mostWaiting)}
}

// Deliver sends what waits, and tells of what could not be sent.
func (l *Letters) Deliver(ctx context.Context) error {
	var failed []error
	for {
		select {
		case send := <-l.waiting:
			failed = append(failed, send(ctx))
		default:
			return errors.Join(failed...)
		}
	}
}

func (l *Letters) post(send func(ctx context.Context) error) error {
	select {
	case l.waiting <- send:
		return nil
	default:
		return tenantry.NewError(tenantry.Busy, "signin.busy")
	}
}

// send writes a letter in a language: CODE.text, the link, CODE.otherwise. Secrets
// stand behind a #, which no browser tells to a server.
func (l *Letters) send(ctx context.Context, lang, to, letter, path string, secret tenantry.Secret, params ...any) error {
	p := l.catalog.Printer(lang)
	text := []string{p.Text(letter+".text", params...), l.url + path + "#" + secret.Reveal(), p.Text(letter+".otherwise", params...)}
	return l.mail.Send(ctx, mail.Message{To: to, Subject: p.Text(letter+".subject", params...), Text: strings.Join(text, "\n\n") + "\n"})
}
