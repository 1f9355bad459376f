package signin

import (
	"context"
	"errors"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// RequestReset has a link mailed to whoever has a name or an e-mail address, in a
// language unless their profile names another. The answer is the same whether or
// not there is anybody: they are looked for when the post goes out.
func (f *Flow) RequestReset(ctx context.Context, nameOrEmail, lang string, from Client) error {
	try := session.Try{What: "reset", Account: nameOrEmail, Address: from.Address}
	leave, err := f.Sessions.Enter(ctx, try)
	if err != nil {
		return err
	}
	defer leave()
	if err := f.Sessions.Failed(ctx, try); err != nil { // each request counts
		return err
	}
	return f.Letters.post(func(ctx context.Context) error { return f.sendResets(ctx, nameOrEmail, lang) })
}

func (f *Flow) sendResets(ctx context.Context, nameOrEmail, lang string) error {
	system := f.System("password_reset")
	found, err := f.Users.Addressed(ctx, system, nameOrEmail)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range found {
		_, mark, err := f.Users.Marked(ctx, system, p.Key)
		if err != nil {
			return err
		}
		secret, err := f.Sessions.NewPasswordLink(ctx, system, p.Key, mark)
		if err != nil {
			return err
		}
		spoken := lang
		if p.Profile != nil && p.Profile.Language != "" {
			spoken = p.Profile.Language
		}
		failed = append(failed, f.Letters.send(ctx, spoken, p.Email, "mail.password_reset", "/password-reset", secret, "username", p.Username))
	}
	return errors.Join(failed...)
}

// CompleteReset sets a new password for whoever has the link and ends all their
// sessions. Errors: NotFound "link.not_found" for a link that is used up, too old
// or older than the password, and those of a password that is too weak.
func (f *Flow) CompleteReset(ctx context.Context, secret, password tenantry.Secret) error {
	system := f.System("password_reset")
	link, err := f.Sessions.FindLink(ctx, system, secret, session.ForPassword)
	if err != nil {
		return err
	}
	p, mark, err := f.Users.Marked(ctx, system, link.User)
	if tenantry.KindOf(err) == tenantry.Unauthenticated || err == nil && mark != link.Mark {
		return tenantry.NewError(tenantry.NotFound, "link.not_found")
	}
	if err != nil {
		return err
	}
	if password.Empty() { // which would mean that nobody can sign in with one
		return tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(tenantry.NewFieldError("password", "field.required"))
	}
	if err := f.Sessions.UseLink(ctx, system, secret); err != nil {
		return err
	}
	self := platform(actorOf(p))
	if err := f.Users.SetPassword(ctx, self, user.ByKey(p.Key), password); err != nil {
		return errors.Join(err, f.Sessions.Restore(ctx, system, secret))
	}
	_, err = f.Sessions.CloseAllOf(ctx, self, p.Key, session.Password)
	return err
}
