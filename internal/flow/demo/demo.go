// Package demo fills an empty database with a platform that could be real, so
// that every screen and command has something to show. It writes through the
// rooms, as anybody would.
package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Flow fills databases.
type Flow struct {
	DB      *sqldb.DB
	Tenants *tenant.Service
	Users   *user.Service
	Tokens  *token.Service
}

// Fill makes the demo's customers and people in one transaction and returns how
// many tenants there are then. A database that holds tenants already is left
// alone: its own are better than ours.
func (f *Flow) Fill(ctx context.Context, s tenantry.Scope) (tenants int64, err error) {
	counts, err := f.Tenants.Count(ctx, s)
	if err != nil {
		return 0, err
	}
	for _, n := range counts {
		tenants += n
	}
	if tenants > 0 {
		return tenants, nil
	}
	err = f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error {
		for _, c := range customers {
			if err := f.bringIn(ctx, tx, s, c); err != nil {
				return fmt.Errorf("demo: %s: %w", c.name, err)
			}
			tenants++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return tenants, f.liveTheirLives(ctx, s)
}

func (f *Flow) bringIn(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, c customer) error {
	t, err := f.Tenants.CreateIn(ctx, tx, s, tenant.Draft{
		Name: c.name, Description: c.description, Model: c.model, Configuration: sqldb.JSON(c.configuration),
		MaxAgents: &c.agents, MaxDocuments: &c.documents, MaxStorageMB: &c.storageMB, Pending: c.story == waiting,
	})
	if err != nil {
		return err
	}
	if c.story != withoutTokens {
		if _, err := f.Tokens.IssueIn(ctx, tx, s, t.Key); err != nil {
			return err
		}
	}
	for i, name := range c.people {
		first, last, _ := strings.Cut(name, " ")
		username := plain(first) + "." + plain(last)
		admin := i == 0
		profile := user.ProfileChange{Language: &c.language, Timezone: &c.timezone, IsTenantAdmin: &admin}
		if i == 1 {
			permissions := sqldb.JSON(`{"can_create_agents": true, "can_manage_documents": true}`)
			profile.Permissions = &permissions
		}
		if _, err := f.Users.CreateIn(ctx, tx, s, user.Draft{
			Username: username, Email: username + "@" + c.domain, FirstName: first, LastName: last, Tenant: t.Key, Profile: profile,
		}); err != nil {
			return err
		}
	}
	return nil
}

// liveTheirLives gives some of the customers a past.
func (f *Flow) liveTheirLives(ctx context.Context, s tenantry.Scope) error {
	for _, c := range customers {
		var err error
		switch c.story {
		case unpaid:
			_, err = f.Tenants.Suspend(ctx, s, tenant.ByName(c.name), "Factura 2026-0917 impaga desde hace 60 días")
		case leaving:
			_, err = f.Tenants.Delete(ctx, s, tenant.ByName(c.name), "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain writes a name as user names are written.
func plain(name string) string {
	return strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ñ", "n", "ü", "u", " ", "", "'", "").
		Replace(strings.ToLower(name))
}
