package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// database is one that a run may change.
type database struct {
	engine sqldb.Engine
	url    string
	name   string // PostgreSQL
	drop   func()
	server *server
}

// server is the PostgreSQL to make databases on.
type server struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn
	url    *url.URL
	made   int
}

func connect(ctx context.Context) (*server, error) {
	text := os.Getenv("TENANTRY_TEST_POSTGRES")
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	return &server{config: config, conn: conn, url: u}, err
}

func (s *server) create(ctx context.Context, from string) (database, error) {
	s.made++
	name := fmt.Sprintf("tenantry_bench_%d_%d", os.Getpid(), s.made)
	statement := `CREATE DATABASE ` + name
	if from != "" {
		statement += ` TEMPLATE ` + from
	}
	if _, err := s.conn.Exec(ctx, statement); err != nil {
		return database{}, err
	}
	u := *s.url
	u.Path = "/" + name
	return database{engine: sqldb.Postgres, url: u.String(), name: name, server: s, drop: func() {
		_, _ = s.conn.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}}, nil
}

// django is the environment of the rival's settings.
func (d database) django() []string {
	if d.engine == sqldb.SQLite {
		return []string{"DJ_DB=" + d.url}
	}
	c := d.server.config
	return []string{"DJ_DB=pg:" + d.name, "PGHOST=" + c.Host, fmt.Sprintf("PGPORT=%d", c.Port), "PGUSER=" + c.User, "PGPASSWORD=" + c.Password}
}

func (b *bench) empty(ctx context.Context, engine sqldb.Engine) (database, error) {
	if engine == sqldb.Postgres {
		return b.server.create(ctx, "")
	}
	dir, err := os.MkdirTemp(b.dir, "db-")
	if err != nil {
		return database{}, err
	}
	return database{engine: engine, url: "sqlite:" + filepath.Join(dir, "bench.sqlite3"), drop: func() { _ = os.RemoveAll(dir) }}, nil
}

func (b *bench) migrated(ctx context.Context, engine sqldb.Engine) (database, error) {
	d, err := b.empty(ctx, engine)
	if err != nil {
		return d, err
	}
	_, err = measure(b.tenantry(d, "migrate"))
	return d, err
}

// large is a migrated database of many tenants without tokens, as Django would
// have stored them.
func (b *bench) large(ctx context.Context, engine sqldb.Engine) (database, error) {
	d, err := b.migrated(ctx, engine)
	if err != nil {
		return d, err
	}
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return d, err
	}
	defer db.Close()
	models := []string{"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus"}
	made := time.Date(2024, 3, 10, 3, 30, 15, 123456000, time.UTC)
	return d, db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Load(ctx, "tenants_tenantmodel",
			[]string{"name", "description", "model", "ai_token", "cwu_token", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at"},
			func(yield func([]any) bool) {
				for i := range b.tenants {
					configuration := sqldb.JSON(fmt.Sprintf(`{"max_tokens": %d, "temperature": 0.%d}`, 1000+i%4000, i%10))
					if !yield([]any{fmt.Sprintf("Tenant %06d — Ñandú", i), "", models[i%6], "", "", configuration, i%20 != 0, 10, 1000, 1000, made, made}) {
						return
					}
				}
			})
		return err
	})
}

func (b *bench) copyOf(ctx context.Context, d database) (database, error) {
	if d.engine == sqldb.Postgres {
		return b.server.create(ctx, d.name)
	}
	c, err := b.empty(ctx, d.engine)
	if err != nil {
		return c, err
	}
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return c, err
	}
	defer db.Close()
	return c, db.CopyTo(ctx, c.url[len("sqlite:"):])
}

// login is the database as the role that serves, which `migrate` makes.
func (d database) login() string {
	if d.engine == sqldb.SQLite {
		return d.url
	}
	return asLogin(d.url)
}

// ownerURL is "" on SQLite, where there are no roles.
func (d database) ownerURL() string {
	if d.engine == sqldb.SQLite {
		return ""
	}
	return d.url
}

func asLogin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // a URL of our own
	}
	u.User = nil
	q := u.Query()
	q.Set("user", "tenantry_bench")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}
