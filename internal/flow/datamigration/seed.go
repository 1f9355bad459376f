package datamigration

import (
	"context"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Request says which steps to take, and for whom.
type Request struct {
	GenerateTokens bool
	CreateProfiles bool
	Migrate        bool
	Only           tenantry.TenantKey // one tenant, or zero for all
	DryRun         bool               // count, and change nothing
}

// Result is how much each step did, or would do.
type Result struct {
	TokensGenerated int64 `json:"tokens_generated"`
	ProfilesCreated int64 `json:"profiles_created"`
	Migrated        int64 `json:"migrated"`
}

// Stage names a part of Run to whoever watches.
type Stage string

const (
	Tokens   Stage = "tokens"
	Profiles Stage = "profiles"
	Tenants  Stage = "tenants"
)

// Run takes the steps in the seed's order: tokens, profiles, migration. watch is
// told how far each has come and once when it ends. A tenant that does not exist
// is NotFound before anything is done.
func (f *Flow) Run(ctx context.Context, s tenantry.Scope, r Request, watch func(stage Stage, done, total int64, ended bool)) (Result, error) {
	var result Result
	if r.Only != 0 {
		if _, err := f.Tenants.Get(ctx, s, tenant.ByKey(r.Only)); err != nil {
			if tenantry.KindOf(err) == tenantry.NotFound {
				err = tenantry.NewError(tenantry.NotFound, "tenant.no_such_id", "id", int64(r.Only))
			}
			return result, err
		}
	}
	if r.GenerateTokens {
		total, err := f.Tokens.CountMissing(ctx, s, r.Only)
		if err != nil {
			return result, err
		}
		result.TokensGenerated = total
		if !r.DryRun {
			result.TokensGenerated, err = f.Tokens.GenerateMissing(ctx, s, r.Only, func(done int64) { watch(Tokens, done, total, false) })
			if err != nil {
				return result, err
			}
		}
		watch(Tokens, result.TokensGenerated, total, true)
	}
	if r.CreateProfiles {
		n, err := f.createAllProfiles(ctx, s, r)
		if err != nil {
			return result, err
		}
		result.ProfilesCreated = n
		watch(Profiles, n, n, true)
	}
	if r.Migrate {
		n, err := f.migrate(ctx, s, r)
		if err != nil {
			return result, err
		}
		result.Migrated = n
		watch(Tenants, n, n, true)
	}
	return result, nil
}

// Quarantine is the seed's tenant for people who belong nowhere.
const Quarantine = "default"

// createAllProfiles gives people without a profile one on the tenant "default",
// which is made if need be, as the seed's create_user_profiles does. For one
// tenant only its own members without a profile are given one, there.
func (f *Flow) createAllProfiles(ctx context.Context, s tenantry.Scope, r Request) (created int64, err error) {
	if err := s.RequirePlatform(tenantry.UsersWrite); err != nil {
		return 0, err
	}
	p := user.Placement{Tenant: r.Only, Only: r.Only, Language: "es", Timezone: "America/Santiago"}
	if r.DryRun {
		return f.Users.CountMissingProfiles(ctx, s, p)
	}
	err = f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := f.Tenants.FillMissingIn(ctx, tx); err != nil {
			return err
		}
		if r.Only == 0 {
			if p.Tenant, err = f.quarantine(ctx, tx, s); err != nil {
				return err
			}
		}
		created, err = f.Users.CreateMissingProfilesIn(ctx, tx, s, p)
		return err
	})
	return created, err
}

// quarantine returns the tenant "default" and makes it when there is none. Its
// tokens are made with it: the seed generates tokens before it makes the
// tenant, and its own validation then fails.
func (f *Flow) quarantine(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope) (tenantry.TenantKey, error) {
	t, err := f.Tenants.GetIn(ctx, tx, s, tenant.ByName(Quarantine))
	if tenantry.KindOf(err) != tenantry.NotFound {
		return t.Key, err
	}
	t, err = f.Tenants.CreateIn(ctx, tx, s, tenant.Draft{
		Name: Quarantine, Description: "Tenant por defecto", Model: "gpt-3.5-turbo", Quarantine: true,
	})
	if err != nil {
		return 0, err
	}
	_, err = f.Tokens.IssueIn(ctx, tx, s, t.Key)
	return t.Key, err
}

// migrate makes Django's rows whole in our eyes, public ids, memberships and what
// verification knows of tokens, and tells how many tenants took part.
func (f *Flow) migrate(ctx context.Context, s tenantry.Scope, r Request) (int64, error) {
	if !r.DryRun {
		if err := f.DB.As(s).Write(ctx, func(tx *sqldb.Tx) error { return f.fillMissing(ctx, tx) }); err != nil {
			return 0, err
		}
		if _, err := f.Tokens.Reconcile(ctx, s, func(int64) {}); err != nil {
			return 0, err
		}
	}
	if r.Only != 0 {
		return 1, nil
	}
	counts, err := f.Tenants.Count(ctx, s)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, c := range counts {
		n += c
	}
	return n, nil
}
