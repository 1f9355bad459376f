package draft

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqltext"
)

// Bench makes scratch databases of one engine: files in a temporary folder, or
// databases of their own on a PostgreSQL server. Close removes them all.
type Bench struct {
	engine sqldb.Engine
	folder string
	server *sqldb.DB
	url    *url.URL
	random io.Reader
	made   []*Scratch
}

// Scratch is a database that may be ruined.
type Scratch struct {
	DB   *sqldb.DB
	URL  string
	name string // of the database on a server
}

// NewBench makes a bench. serverURL names any database on a PostgreSQL server, as
// a role that may create databases; for SQLite it is not read. Nothing is done
// to that database itself.
func NewBench(ctx context.Context, engine sqldb.Engine, serverURL string, random io.Reader) (*Bench, error) {
	b := &Bench{engine: engine, random: random}
	var err error
	if engine == sqldb.SQLite {
		b.folder, err = os.MkdirTemp("", "tenantry-draft-")
		return b, err
	}
	if b.url, err = url.Parse(serverURL); err != nil {
		return nil, tenantry.NewError(tenantry.Usage, "database.bad_url")
	}
	b.server, err = sqldb.OpenOwner(ctx, sqldb.Options{URL: serverURL, MaxConnections: 1})
	return b, err
}

// Engine tells of which engine the databases are.
func (b *Bench) Engine() sqldb.Engine { return b.engine }

// Empty makes an empty database.
func (b *Bench) Empty(ctx context.Context) (*Scratch, error) { return b.make(ctx, nil) }

// Copy makes a copy. What was read from the original's DB before is closed.
func (b *Bench) Copy(ctx context.Context, of *Scratch) (*Scratch, error) { return b.make(ctx, of) }

func (b *Bench) make(ctx context.Context, of *Scratch) (*Scratch, error) {
	word := make([]byte, 8)
	if _, err := io.ReadFull(b.random, word); err != nil {
		return nil, err
	}
	s := &Scratch{name: "tenantry_draft_" + hex.EncodeToString(word)}
	if b.engine == sqldb.SQLite {
		path := filepath.Join(b.folder, s.name+".sqlite3")
		if of != nil {
			if err := of.DB.CopyTo(ctx, path); err != nil {
				return nil, err
			}
		}
		s.URL = "sqlite:" + path
	} else if err := b.create(ctx, s, of); err != nil {
		return nil, err
	}
	b.made = append(b.made, s)
	return s, s.open(ctx)
}

func (s *Scratch) open(ctx context.Context) (err error) {
	s.DB, err = sqldb.OpenOwner(ctx, sqldb.Options{URL: s.URL, MaxConnections: 2, Disposable: true})
	return err
}

func (b *Bench) create(ctx context.Context, s, of *Scratch) error {
	template := "template0"
	if of != nil { // PostgreSQL copies no database that somebody is connected to
		template = of.name
		of.DB.Close()
	}
	if err := b.server.Outside(ctx, "CREATE DATABASE "+s.name+" TEMPLATE "+template); err != nil {
		if tenantry.KindOf(err) == tenantry.Forbidden {
			return tenantry.NewError(tenantry.Forbidden, "draft.no_databases").Because(err)
		}
		return fmt.Errorf("making a scratch database: %w", err)
	}
	u := *b.url
	u.Path = "/" + s.name
	q := u.Query()
	for _, key := range []string{"dbname", "database", "search_path"} {
		q.Del(key)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	s.URL = u.String()
	if of != nil {
		return of.open(ctx)
	}
	return nil
}

// Close removes every database that was made here.
func (b *Bench) Close() {
	ctx := context.Background() // the caller's may be what ended the work
	for _, s := range b.made {
		if s.DB != nil {
			s.DB.Close()
		}
		if b.server != nil {
			_ = b.server.Outside(ctx, "DROP DATABASE IF EXISTS "+s.name+" WITH (FORCE)")
		}
	}
	if b.server != nil {
		b.server.Close()
	}
	if b.folder != "" {
		_ = os.RemoveAll(b.folder)
	}
}

// Execute runs the statements of a file on the database, in one transaction. The
// error, "draft.bad_schema", names the file and the line.
func (s *Scratch) Execute(ctx context.Context, file, text string) error {
	return s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		for _, statement := range sqltext.Split(text) {
			if _, err := tx.Raw(ctx, strings.TrimSuffix(statement.Text, ";")); err != nil {
				return tenantry.NewError(tenantry.Invalid, "draft.bad_schema", "file", file, "line", statement.Line, "cause", rootText(err)).Because(err)
			}
		}
		return nil
	})
}

// Catalog reads the whole catalogue, without the tables that every runner keeps.
func Catalog(ctx context.Context, db *sqldb.DB, without []string) (c catalog.Catalog, err error) {
	err = db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		c, err = catalog.ReadWhole(ctx, tx)
		return err
	})
	return c.Without(without), err
}

func rootText(err error) string {
	for {
		unwrapped, ok := err.(interface{ Unwrap() error })
		if !ok || unwrapped.Unwrap() == nil {
			return strings.Join(strings.Fields(err.Error()), " ")
		}
		err = unwrapped.Unwrap()
	}
}
