package app

import (
	"context"
	"encoding/binary"
	"io"
	"os/user"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/instance"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	people "github.com/tenantry/tenantry/internal/feature/user"
	"github.com/tenantry/tenantry/internal/flow/adopt"
	"github.com/tenantry/tenantry/internal/flow/datamigration"
	"github.com/tenantry/tenantry/internal/flow/demo"
	"github.com/tenantry/tenantry/internal/flow/integrity"
	"github.com/tenantry/tenantry/internal/flow/offboard"
	"github.com/tenantry/tenantry/internal/flow/onboard"
	"github.com/tenantry/tenantry/internal/flow/signin"
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
	Users   *people.Service
	Access  *access.Service
	Tokens  *token.Service
	// What the processes on the database share.
	Instance *instance.Service

	SignIn        *signin.Flow
	Onboard       *onboard.Flow
	Offboard      *offboard.Flow
	Adopt         *adopt.Flow
	DataMigration *datamigration.Flow
	Integrity     *integrity.Flow
	Demo          *demo.Flow
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

// OpenForeign opens a database to be looked at that may not be ours yet.
// Nothing can be written to it.
func (p Program) OpenForeign(ctx context.Context) (*App, error) {
	db, err := sqldb.Open(ctx, p.database(sqldb.ReadOnly))
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
	a.Access = access.New(db, a.Audit, p.Clock, p.Random)
	a.Users = people.New(db, a.Audit, password.Hasher{Iterations: s.Passwords.Iterations, Random: p.Random}, access.Grants, p.Clock, p.Random)
	a.Tokens = token.New(db, a.Audit, token.Settings{AIPrefix: s.Tokens.AIPrefix, CWUPrefix: s.Tokens.CWUPrefix, Length: s.Tokens.Length}, p.Clock, p.Random)

	a.Instance = instance.New(db, p.Random)

	a.SignIn = &signin.Flow{Users: a.Users, Tenants: a.Tenants, Access: a.Access}
	a.Onboard = &onboard.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.Offboard = &offboard.Flow{DB: db, Tenants: a.Tenants, Users: a.Users}
	a.Adopt = &adopt.Flow{Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.DataMigration = &datamigration.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.Integrity = &integrity.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	a.Demo = &demo.Flow{DB: db, Tenants: a.Tenants, Users: a.Users, Tokens: a.Tokens}
	return a
}

// Close closes the database.
func (a *App) Close() { a.DB.Close() }
