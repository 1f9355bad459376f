package app

import (
	"context"
	"encoding/binary"
	"io"
	"os/user"
	"path/filepath"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/mail"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/seal"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/instance"
	"github.com/tenantry/tenantry/internal/feature/keyring"
	"github.com/tenantry/tenantry/internal/feature/rollout"
	"github.com/tenantry/tenantry/internal/feature/session"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	people "github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/adopt"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
	"github.com/tenantry/tenantry/internal/flow/demo"
	"github.com/tenantry/tenantry/internal/flow/explain"
	"github.com/tenantry/tenantry/internal/flow/integrity"
	"github.com/tenantry/tenantry/internal/flow/offboard"
	"github.com/tenantry/tenantry/internal/flow/onboard"
	"github.com/tenantry/tenantry/internal/flow/rekey"
	"github.com/tenantry/tenantry/internal/flow/signin"
	"github.com/tenantry/tenantry/internal/flow/verify"
)

// Program is what the process brings along: its settings, and where it takes
// time and randomness from.
type Program struct {
	Settings     Settings
	Clock        tenantry.Clock
	Random       io.Reader
	Who          string // who typed the command, for the record
	Holder       string // this process, among those that share the database
	AcceptEdited bool   // let edited and removed migrations stand
}

// NewProgram fills in who and where.
func NewProgram(s Settings, clock tenantry.Clock, random io.Reader) Program {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	return Program{Settings: s, Clock: clock, Random: random, Who: who, Holder: holder(who, func() uint64 {
		var b [8]byte
		_, _ = io.ReadFull(random, b[:])
		return binary.BigEndian.Uint64(b[:])
	})}
}

// App is the whole house on one database.
type App struct {
	Program
	DB *sqldb.DB

	Audit   *audit.Log
	Tenants *tenant.Service
	// What tenants configure, type by type.
	Configurations *tenant.Configurations
	Users          *people.Service
	Access         *access.Service
	Tokens         *token.Service
	Keyring        *keyring.Service
	// What the processes on the database share.
	Instance *instance.Service
	Rollouts *rollout.Service
	Sessions *session.Service

	SignIn        *signin.Flow
	Rekey         *rekey.Flow
	Onboard       *onboard.Flow
	Offboard      *offboard.Flow
	Adopt         *adopt.Flow
	DataMigration *datamigration.Flow
	Integrity     *integrity.Flow
	Demo          *demo.Flow
	Explain       *explain.Flow
}

// Open opens a database whose schema is current. Otherwise the error is that of
// migrate.Runner.Verify, or "schema.behind".
func (p Program) Open(ctx context.Context, access sqldb.Access) (*App, error) {
	db, err := sqldb.Open(ctx, p.database(access))
	if err != nil {
		return nil, err
	}
	a := p.wire(db)
	if err := a.Current(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return a, nil
}

// OpenForeign opens a database to be looked at that may not be ours yet, as the
// role that owns its tables: another one need not be there. Nothing can be written
// to it.
func (p Program) OpenForeign(ctx context.Context) (*App, error) {
	db, err := sqldb.OpenOwner(ctx, p.database(sqldb.ReadOnly))
	if err != nil {
		return nil, err
	}
	return p.wire(db), nil
}

// wire builds the house from the ground up.
func (p Program) wire(db *sqldb.DB) *App {
	a := &App{Program: p, DB: db}
	s := p.Settings

	a.Audit = audit.New(p.Clock, p.Random)
	a.Tenants = tenant.New(db, a.Audit, tenant.Limits{
		DefaultModel: s.Tenants.DefaultModel,
		MaxAgents:    int64(s.Tenants.MaxAgentsPerTenant),
		MaxDocuments: int64(s.Tenants.MaxDocumentsPerTenant),
		MaxStorageMB: int64(s.Tenants.MaxStorageMBPerTenant),
		DeleteGrace:  s.Tenants.DeleteGrace,
	}, p.Clock, p.Random)
	a.Configurations = tenant.NewConfigurations(db, a.Audit, p.Clock)
	a.Access = access.New(db, a.Audit, people.CountRole, p.Clock, p.Random)
	a.Users = people.New(db, a.Audit, password.Hasher{Iterations: s.Passwords.Iterations, Random: p.Random}, access.GrantsIn, p.Clock, p.Random)
	a.Keyring = keyring.New(db, a.Audit, p.keyset(), p.Clock)
	a.Tokens = token.New(db, a.Audit, token.Keys{ToSeal: a.Keyring.ToSeal, ToOpen: a.Keyring.ToOpen}, s.Tokens.room(), p.Clock, p.Random)
	a.Instance = instance.New(db, p.Random)
	a.Rollouts = rollout.New(db, a.Audit, p.Clock, p.Random)

	a.Sessions = session.New(db, a.Audit, session.Settings{Lifetime: s.Sessions.Lifetime, Idle: s.Sessions.Idle}, p.Clock, p.Random)

	a.SignIn = &signin.Flow{Users: a.Users, Tenants: a.Tenants, Access: a.Access, DB: db, Sessions: a.Sessions, Letters: p.letters()}
	a.Rekey = &rekey.Flow{Keyring: a.Keyring, Tokens: a.Tokens}
	a.Onboard = &onboard.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.Offboard = &offboard.Flow{DB: db, Tenants: a.Tenants, Users: a.Users}
	a.Adopt = &adopt.Flow{Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.Integrity = &integrity.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens, Access: a.Access, Audit: a.Audit, Instance: a.Instance, Clock: p.Clock, Holder: p.Holder}
	a.DataMigration = &datamigration.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens, Rollouts: a.Rollouts,
		Clock: p.Clock, Elapsed: sinceNow(), Dir: s.DataMigrations.Dir, Invariants: a.invariants, Applied: a.applied}
	a.Explain = &explain.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Access: a.Access}
	a.Demo = &demo.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	return a
}

// letters is the post. The settings were judged when they were read; a house that
// is built of others without mail has none.
func (p Program) letters() *signin.Letters {
	sender, err := mail.New(mail.Options{URL: p.Settings.Mail.URL, From: p.Settings.Mail.From, Dir: filepath.Join(p.Settings.DataDir, "mail"), Clock: p.Clock, Random: p.Random})
	if err != nil {
		return nil
	}
	return signin.NewLetters(sender, locale.New(), p.Settings.pages())
}

// room is what the settings say to room token.
func (t TokenSettings) room() token.Settings {
	const day = 24 * time.Hour
	return token.Settings{
		AIPrefix: t.AIPrefix, CWUPrefix: t.CWUPrefix, Length: t.Length, Encrypt: t.Encrypt,
		MaxAge: time.Duration(t.ExpiryDays) * day, RotateAfter: time.Duration(t.RotateDays) * day,
		IdleAge: time.Duration(t.IdleDays) * day, Grace: t.Grace,
	}
}

// keyset is where the keys are that seal columns: by default beside the database
// that they are for.
func (p Program) keyset() seal.Source {
	t := p.Settings.Tokens
	s := seal.Source{File: t.KeysetFile, Inline: t.Keyset, KMS: t.KMS}
	if s.File == "" && s.Inline.Empty() {
		s.File = filepath.Join(p.Settings.DataDir, "keyset.json")
		if file := p.file(); file != "" {
			s.File = file + ".keyset"
		}
	}
	return s
}

// Verifier makes the flow that answers for tokens. It remembers nothing until its
// Watch runs.
func (a *App) Verifier() *verify.Flow {
	started := a.Clock()
	clocks := func() (time.Time, time.Duration) {
		now := a.Clock()
		return now, now.Sub(started) // time.Now's carry what a clock said that nobody sets, and Sub goes by that
	}
	t := a.Settings.Tokens
	return verify.New(a.DB, a.Tokens, a.Tenants, a.SignIn.System("verify"), clocks,
		verify.Options{Size: t.CacheSize, Lifetime: t.CacheLifetime, Silence: t.Silence, Loads: max(1, a.Settings.Database.MaxConnections-2)})
}

// Pace is how the settings want this process to work on data migrations. On SQLite
// a second worker would wait for the first.
func (a *App) Pace() datamigration.Pace {
	d := a.Settings.DataMigrations
	workers := 2
	if a.DB.Engine() == sqldb.SQLite {
		workers = 1
	}
	return datamigration.Pace{Workers: workers, Transaction: d.Transaction, Rest: d.Rest, Attempts: 3, Timeout: d.Timeout, Lease: d.Lease}
}

// sinceNow is a clock that nobody sets.
func sinceNow() func() time.Duration {
	started := time.Now()
	return func() time.Duration { return time.Since(started) }
}

// Close closes the database.
func (a *App) Close() { a.DB.Close() }
