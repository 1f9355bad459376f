package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

func (p *program) userCommand() *cobra.Command {
	return p.group("user", "cli.user",
		p.userListCommand(), p.userShowCommand(), p.userCreateCommand(), p.userProfileCommand(), p.userMoveCommand(),
		p.userSetPasswordCommand(), p.userCheckPasswordCommand(),
		p.userActCommand("deactivate", func(ctx context.Context, a *app.App, s tenantry.Scope, r user.Ref) (user.Person, error) {
			return a.Users.Deactivate(ctx, s, r)
		}),
		p.userActCommand("activate", func(ctx context.Context, a *app.App, s tenantry.Scope, r user.Ref) (user.Person, error) {
			return a.Users.Activate(ctx, s, r)
		}),
		p.userSessionsCommand(), p.userSignOutCommand(),
	)
}

// personDocument is a person as programs read it, the same as the API's.
type personDocument struct {
	ID         string           `json:"id"`
	Key        int64            `json:"key"` // Django's integer id
	Username   string           `json:"username"`
	Email      string           `json:"email"`
	FirstName  string           `json:"first_name"`
	LastName   string           `json:"last_name"`
	IsActive   bool             `json:"is_active"`
	LastLogin  *time.Time       `json:"last_login"`
	DateJoined time.Time        `json:"date_joined"`
	Profile    *profileDocument `json:"profile"`
}

type profileDocument struct {
	TenantKey            int64      `json:"tenant_key"`
	Phone                string     `json:"phone"`
	Avatar               string     `json:"avatar"`
	Bio                  string     `json:"bio"`
	Language             string     `json:"language"`
	Timezone             string     `json:"timezone"`
	NotificationsEnabled bool       `json:"notifications_enabled"`
	IsTenantAdmin        bool       `json:"is_tenant_admin"`
	Permissions          sqldb.JSON `json:"permissions"`
}

func personDocumentOf(u user.Person) personDocument {
	d := personDocument{
		ID: u.ID.String(), Key: int64(u.Key), Username: u.Username, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName,
		IsActive: u.IsActive, LastLogin: u.LastLogin, DateJoined: u.DateJoined,
	}
	if f := u.Profile; f != nil {
		d.Profile = &profileDocument{
			TenantKey: int64(f.Tenant), Phone: f.Phone, Avatar: f.Avatar, Bio: f.Bio, Language: f.Language, Timezone: f.Timezone,
			NotificationsEnabled: f.NotificationsEnabled, IsTenantAdmin: f.IsTenantAdmin, Permissions: f.Permissions,
		}
	}
	return d
}

func (p *program) userListCommand() *cobra.Command {
	var q user.Query
	var in string
	c := &cobra.Command{
		Use: "list", Short: p.Text.Text("cli.user.list"), Args: exactly(0),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, _ []string) error {
			if in != "" {
				t, err := p.tenantNamed(ctx, a, s, in)
				if err != nil {
					return err
				}
				q.Tenant = t.Key
			}
			list, err := a.Users.List(ctx, s, q)
			if err != nil {
				return err
			}
			return showList(p, list, personDocumentOf, "user.none", []string{"column.key", "column.id", "column.username", "column.email", "column.name", "column.tenant", "column.active"}, func(u user.Person) []string {
				home := ""
				if u.Profile != nil {
					home = fmt.Sprint(u.Profile.Tenant)
				}
				return []string{fmt.Sprint(u.Key), u.ID.String(), u.Username, u.Email, strings.TrimSpace(u.FirstName + " " + u.LastName), home, p.yesNo(u.IsActive)}
			})
		}),
	}
	f := c.Flags()
	f.StringVar(&q.Search, "search", "", p.Text.Text("cli.user.search"))
	f.StringVar(&in, "tenant", "", p.Text.Text("cli.user.tenant"))
	f.IntVar(&q.Page.Limit, "limit", tenantry.DefaultPageLimit, p.Text.Text("cli.flag.limit"))
	f.StringVar(&q.Page.Cursor, "cursor", "", p.Text.Text("cli.flag.cursor"))
	return c
}

func (p *program) userShowCommand() *cobra.Command {
	return p.userActCommand("show", func(ctx context.Context, a *app.App, s tenantry.Scope, r user.Ref) (user.Person, error) {
		return a.Users.Get(ctx, s, r)
	})
}

// userActCommand is something that needs nothing but the person.
func (p *program) userActCommand(verb string, act func(context.Context, *app.App, tenantry.Scope, user.Ref) (user.Person, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " USER", Short: p.Text.Text("cli.user." + verb), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := user.ParseRef(args[0])
			if err != nil {
				return err
			}
			u, err := act(ctx, a, s, ref)
			if err != nil {
				return err
			}
			return p.showPerson(u)
		}),
	}
}

func (p *program) showPerson(u user.Person) error {
	if p.JSON {
		return p.Document(personDocumentOf(u))
	}
	rows := [][]string{
		{p.Text.Text("column.id"), u.ID.String()},
		{p.Text.Text("column.key"), fmt.Sprint(u.Key)},
		{p.Text.Text("column.username"), u.Username},
		{p.Text.Text("column.email"), u.Email},
		{p.Text.Text("column.name"), strings.TrimSpace(u.FirstName + " " + u.LastName)},
		{p.Text.Text("column.active"), p.yesNo(u.IsActive)},
		{p.Text.Text("column.joined"), u.DateJoined.UTC().Format(time.RFC3339)},
	}
	if f := u.Profile; f != nil {
		rows = append(rows,
			[]string{p.Text.Text("column.tenant"), fmt.Sprint(f.Tenant)},
			[]string{p.Text.Text("column.admin"), p.yesNo(f.IsTenantAdmin)},
			[]string{p.Text.Text("column.language"), f.Language},
			[]string{p.Text.Text("column.timezone"), f.Timezone},
			[]string{p.Text.Text("column.phone"), f.Phone},
			[]string{p.Text.Text("column.permissions"), string(f.Permissions)})
	}
	p.Table([]string{"column.fact", "column.value"}, rows)
	return nil
}

// profileFlags are the flags for what can be written of a profile.
type profileFlags struct {
	phone, bio, language, timezone, permissions string
	notifications, admin                        bool
}

func (o *profileFlags) declare(p *program, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.phone, "phone", "", p.Text.Text("cli.user.phone"))
	f.StringVar(&o.bio, "bio", "", p.Text.Text("cli.user.bio"))
	f.StringVar(&o.language, "language", "", p.Text.Text("cli.user.language"))
	f.StringVar(&o.timezone, "timezone", "", p.Text.Text("cli.user.timezone"))
	f.StringVar(&o.permissions, "permissions", "", p.Text.Text("cli.user.permissions"))
	f.BoolVar(&o.notifications, "notifications", true, p.Text.Text("cli.user.notifications"))
	f.BoolVar(&o.admin, "tenant-admin", false, p.Text.Text("cli.user.tenant_admin"))
}

// change holds the flags that were given.
func (o *profileFlags) change(c *cobra.Command) user.ProfileChange {
	var change user.ProfileChange
	given := func(flag string) bool { return c.Flags().Changed(flag) }
	for flag, field := range map[string]struct {
		from *string
		to   **string
	}{
		"phone": {&o.phone, &change.Phone}, "bio": {&o.bio, &change.Bio},
		"language": {&o.language, &change.Language}, "timezone": {&o.timezone, &change.Timezone},
	} {
		if given(flag) {
			*field.to = field.from
		}
	}
	if given("permissions") {
		text := sqldb.JSON(o.permissions)
		change.Permissions = &text
	}
	if given("notifications") {
		change.NotificationsEnabled = &o.notifications
	}
	if given("tenant-admin") {
		change.IsTenantAdmin = &o.admin
	}
	return change
}

func (p *program) userCreateCommand() *cobra.Command {
	var d user.Draft
	var o profileFlags
	var in string
	var passwordStdin bool
	c := &cobra.Command{Use: "create USERNAME", Short: p.Text.Text("cli.user.create"), Args: exactly(1)}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) (err error) {
		d.Username, d.Profile = args[0], o.change(c)
		if in != "" {
			t, err := p.tenantNamed(ctx, a, s, in)
			if err != nil {
				return err
			}
			d.Tenant = t.Key
		}
		if passwordStdin {
			if d.Password, err = p.readSecret(); err != nil {
				return err
			}
		}
		u, err := a.Users.Create(ctx, s, d)
		if err != nil {
			return err
		}
		return p.showPerson(u)
	})
	f := c.Flags()
	f.StringVar(&d.Email, "email", "", p.Text.Text("column.email"))
	f.StringVar(&d.FirstName, "first-name", "", p.Text.Text("cli.user.first_name"))
	f.StringVar(&d.LastName, "last-name", "", p.Text.Text("cli.user.last_name"))
	f.StringVar(&in, "tenant", "", p.Text.Text("cli.user.home"))
	f.BoolVar(&passwordStdin, "password-stdin", false, p.Text.Text("cli.flag.password_stdin"))
	o.declare(p, c)
	return c
}

func (p *program) userProfileCommand() *cobra.Command {
	var o profileFlags
	var in string
	c := &cobra.Command{Use: "profile USER", Short: p.Text.Text("cli.user.profile"), Args: exactly(1)}
	c.RunE = p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
		ref, err := user.ParseRef(args[0])
		if err != nil {
			return err
		}
		var home tenantry.TenantKey
		if in != "" {
			t, err := p.tenantNamed(ctx, a, s, in)
			if err != nil {
				return err
			}
			home = t.Key
		} else {
			u, err := a.Users.Get(ctx, s, ref)
			if err != nil {
				return err
			}
			if u.Profile == nil {
				return tenantry.NewError(tenantry.Usage, "cli.user.needs_tenant")
			}
			home = u.Profile.Tenant
		}
		u, err := a.Users.SaveProfile(ctx, s, home, ref, o.change(c))
		if err != nil {
			return err
		}
		return p.showPerson(u)
	})
	c.Flags().StringVar(&in, "tenant", "", p.Text.Text("cli.user.home"))
	o.declare(p, c)
	return c
}

func (p *program) userMoveCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use: "move USER TENANT", Short: p.Text.Text("cli.user.move"), Args: exactly(2),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := user.ParseRef(args[0])
			if err != nil {
				return err
			}
			t, err := p.tenantNamed(ctx, a, s, args[1])
			if err != nil {
				return err
			}
			u, err := a.Users.Move(ctx, s, ref, t.Key, role)
			if err != nil {
				return err
			}
			return p.showPerson(u)
		}),
	}
	c.Flags().StringVar(&role, "role", user.RoleMember, p.Text.Text("cli.user.role"))
	return c
}

func (p *program) userSetPasswordCommand() *cobra.Command {
	stdin := false
	c := &cobra.Command{
		Use: "set-password USER", Short: p.Text.Text("cli.user.set_password"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			ref, err := user.ParseRef(args[0])
			if err != nil {
				return err
			}
			secret, err := p.askSecret(stdin)
			if err != nil {
				return err
			}
			if err := a.Users.SetPassword(ctx, s, ref, secret); err != nil {
				return err
			}
			p.Say("user.password_set")
			return nil
		}),
	}
	c.Flags().BoolVar(&stdin, "stdin", false, p.Text.Text("cli.flag.password_stdin"))
	return c
}

// userCheckPasswordCommand signs a person in and out again: it tells whether a
// password still works after a move, and upgrades its hash as a sign-in does.
func (p *program) userCheckPasswordCommand() *cobra.Command {
	stdin := false
	c := &cobra.Command{
		Use: "check-password USERNAME", Short: p.Text.Text("cli.user.check_password"), Args: exactly(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, s tenantry.Scope, args []string) error {
			secret, err := p.askSecret(stdin)
			if err != nil {
				return err
			}
			if _, err := a.Users.Authenticate(ctx, s, args[0], secret); err != nil {
				return err
			}
			p.Say("user.password_right")
			return nil
		}),
	}
	c.Flags().BoolVar(&stdin, "stdin", false, p.Text.Text("cli.flag.password_stdin"))
	return c
}

func (p *program) tenantNamed(ctx context.Context, a *app.App, s tenantry.Scope, text string) (tenant.Tenant, error) {
	ref, err := tenant.ParseRef(text)
	if err != nil {
		return tenant.Tenant{}, err
	}
	return a.Tenants.Get(ctx, s, ref)
}

func (p *program) yesNo(b bool) string {
	if b {
		return p.Text.Text("yes")
	}
	return p.Text.Text("no")
}

// secretLength bounds what is read from standard input as a password.
const secretLength = 64 << 10

// readSecret reads a secret from standard input, without the line end that
// `echo` adds.
func (p *program) readSecret() (tenantry.Secret, error) {
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(p.In), secretLength))
	return tenantry.NewSecret(strings.TrimRight(string(text), "\r\n")), err
}

// askSecret asks for a secret without showing it, or reads it from standard
// input.
func (p *program) askSecret(stdin bool) (tenantry.Secret, error) {
	if stdin {
		return p.readSecret()
	}
	terminal, ok := p.In.(*os.File)
	if !p.Prompt || !ok {
		return tenantry.Secret{}, tenantry.NewError(tenantry.Usage, "cli.needs_stdin")
	}
	fmt.Fprint(p.Err, p.Text.Text("cli.password")+" ")
	text, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(p.Err)
	return tenantry.NewSecret(string(text)), err
}
