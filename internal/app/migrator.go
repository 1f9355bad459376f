package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/version"
	"github.com/tenantry/tenantry/internal/base/wall"
)

// Migrator is a runner on the product's migrations and the database it has open
// as the owner of the schema.
type Migrator struct {
	*migrate.Runner
	DB      *sqldb.DB   // nil: there is no database yet
	Walls   wall.Report // what RaiseWalls left to somebody with more rights
	program Program
	cleanup func()
}

// Graph loads the migrations for the engine that the settings choose.
func (p Program) Graph() (*migrate.Graph, error) {
	engine, err := sqldb.EngineOf(p.DatabaseURL())
	if err != nil {
		return nil, err
	}
	return p.graphFor(engine)
}

// Migrator opens the database for migrations. With sqldb.Create a missing SQLite
// file is made; with sqldb.ReadOnly it stands for an empty database.
func (p Program) Migrator(ctx context.Context, access sqldb.Access) (*Migrator, error) {
	g, err := p.Graph()
	if err != nil {
		return nil, err
	}
	o := p.database(access)
	m := &Migrator{program: p, cleanup: func() {}}
	if access == sqldb.ReadOnly && p.fileMissing() {
		m.Runner = migrate.New(nil, g, p.migration())
		return m, nil
	}
	if access == sqldb.Create {
		if err := p.makeDataDir(); err != nil {
			return nil, err
		}
	}
	if m.DB, err = sqldb.OpenOwner(ctx, o); err != nil {
		return nil, err
	}
	m.Runner = migrate.New(m.DB, g, p.migration())
	return m, nil
}

// OnCopy returns a migrator on which everything may be tried: on a copy of an
// SQLite file; on PostgreSQL it is the same database, where rehearsals are
// rolled back.
func (m *Migrator) OnCopy(ctx context.Context) (*Migrator, error) {
	if m.DB != nil && m.DB.Engine() == sqldb.Postgres {
		return &Migrator{Runner: m.Runner, DB: m.DB, program: m.program, cleanup: func() {}}, nil
	}
	folder, err := os.MkdirTemp("", "tenantry-dry-run-")
	if err != nil {
		return nil, err
	}
	remove := func() { _ = os.RemoveAll(folder) }
	path := filepath.Join(folder, "copy.sqlite3")
	if m.DB != nil {
		if err := m.DB.CopyTo(ctx, path); err != nil {
			remove()
			return nil, err
		}
	}
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: "sqlite:" + path})
	if err != nil {
		remove()
		return nil, err
	}
	return &Migrator{Runner: migrate.New(db, m.Graph(), m.program.migration()), DB: db, program: m.program, cleanup: func() { db.Close(); remove() }}, nil
}

// Close closes the database.
func (m *Migrator) Close() {
	if m.cleanup(); m.DB != nil {
		m.DB.Close()
	}
}

// migration says how and as whom to migrate.
func (p Program) migration() migrate.Options {
	return migrate.Options{
		Ledger: "tenantry_migration", Lease: "tenantry_lease", OwnApps: []string{"tenantry"},
		LeaseLength: p.Settings.Migrations.Lease, LockTimeout: p.Settings.Migrations.LockTimeout,
		Holder: p.Holder, Actor: p.Who, ProgramVersion: version.String(), Clock: p.Clock,
		Accept: p.AcceptEdited,
	}
}

// DatabaseURL is what the settings say, or the file in the data folder.
func (p Program) DatabaseURL() string {
	if u := p.Settings.Database.URL.Reveal(); u != "" {
		return u
	}
	return "sqlite:" + filepath.Join(p.Settings.DataDir, "tenantry.sqlite3")
}

func (p Program) database(access sqldb.Access) sqldb.Options {
	return sqldb.Options{
		URL: p.DatabaseURL(), OwnerURL: p.Settings.Database.OwnerURL.Reveal(), DirectURL: p.Settings.Database.DirectURL.Reveal(),
		MaxConnections: p.Settings.Database.MaxConnections, Access: access,
		Roles: p.roles(), Notices: "tenantry_notice", Clock: p.Clock,
	}
}

// file is the path of an SQLite database, "" for a server's.
func (p Program) file() string {
	path, ok := strings.CutPrefix(p.DatabaseURL(), "sqlite:")
	if !ok {
		return ""
	}
	return path
}

func (p Program) fileMissing() bool {
	path := p.file()
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// makeDataDir makes the data folder for its owner alone: it will hold secrets.
func (p Program) makeDataDir() error {
	if !p.Settings.Database.URL.Empty() {
		return nil
	}
	if err := os.MkdirAll(p.Settings.DataDir, 0o700); err != nil {
		return tenantry.NewError(tenantry.Unavailable, "data_dir.unwritable", "path", p.Settings.DataDir).Because(err)
	}
	probe, err := os.CreateTemp(p.Settings.DataDir, ".probe-")
	if err != nil {
		return tenantry.NewError(tenantry.Unavailable, "data_dir.unwritable", "path", p.Settings.DataDir).Because(err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// holder makes a name for this process that no other has.
func holder(who string, random func() uint64) string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s@%s:%d:%x", who, host, os.Getpid(), random())
}

// Runner makes a runner on a database that is open already, to look at its
// history.
func (p Program) Runner(db *sqldb.DB, g *migrate.Graph) *migrate.Runner {
	return migrate.New(db, g, p.migration())
}
