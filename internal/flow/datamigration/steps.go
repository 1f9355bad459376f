package datamigration

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/tenant"
	"github.com/tenantry/tenantry/internal/feature/token"
	"github.com/tenantry/tenantry/internal/feature/user"
)

// Builtin lists the steps that the product brings along; the first two are the
// seed's, in its order.
func (f *Flow) Builtin() []Step {
	return []Step{f.generateTokens(), f.createProfiles(), f.sealTokens(), f.normaliseConfiguration()}
}

// Steps lists the steps that can be run: the product's and the operator's own.
func (f *Flow) Steps() ([]Step, error) {
	own, err := f.Own()
	return slices.Concat(f.Builtin(), f.More, own), err
}

// Step finds one by its name. What is wrong with another file does not stop it.
func (f *Flow) Step(name string) (Step, error) {
	for _, s := range slices.Concat(f.Builtin(), f.More) {
		if s.Name == name {
			return s, nil
		}
	}
	if f.Dir != "" && stepName.MatchString(name) {
		if err := f.hasDir(); err != nil {
			return Step{}, err
		}
		if step, err := f.own(filepath.Join(f.Dir, name+".sql")); !errors.Is(err, fs.ErrNotExist) {
			return step, err
		}
	}
	return Step{}, tenantry.NewError(tenantry.NotFound, "datamigration.no_step", "step", name)
}

func (f *Flow) generateTokens() Step {
	return Step{
		Name: "generate_tenant_tokens", Summary: "step.generate_tenant_tokens", Version: 1, Sum: "generate_tenant_tokens/1", Depends: Depends(), Many: true,
		Mends: []string{"token.missing"},
		Plan:  f.Tokens.CountMissingIn,
		Apply: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Change, error) {
			made, err := f.Tokens.GenerateIn(ctx, tx, s, tenants)
			did := make(map[tenantry.TenantKey]Change, len(made))
			for key, issued := range made {
				undo, err := json.Marshal(issued)
				if err != nil {
					return nil, err
				}
				did[key] = Change{int64(len(issued)), string(undo)}
			}
			return did, err
		},
		Verify: noneLeft(f.Tokens.CountMissingIn),
		Revert: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, undo []string) (int64, error) {
			return undone(undo, func(issued []token.Issued) (int64, error) { return f.Tokens.WithdrawIn(ctx, tx, s, tenant, issued) })
		},
	}
}

// undone takes back what a step kept in JSON, one piece after the other.
func undone[T any](undo []string, take func(T) (int64, error)) (n int64, err error) {
	for _, text := range undo {
		var kept T
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			return n, err
		}
		m, err := take(kept)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// noneLeft holds when a step finds nothing more to do.
func noneLeft(plan func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error)) func(context.Context, *sqldb.Tx, []tenantry.TenantKey) error {
	return func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) error {
		left, err := plan(ctx, tx, tenants)
		if err == nil && len(left) > 0 {
			err = tenantry.NewError(tenantry.Conflict, "rollout.not_true", "tenants", len(left))
		}
		return err
	}
}

// placed is what createProfiles keeps: where it put whom.
type placed struct {
	Tenant tenantry.TenantKey
	People []tenantry.UserKey
}

// createProfiles is the seed's create_user_profiles. People without a profile are
// nobody's, so it is of the platform; for one tenant it is about its members.
func (f *Flow) createProfiles() Step {
	return Step{
		Name: "create_user_profiles", Summary: "step.create_user_profiles", Version: 1, Sum: "create_user_profiles/1", Depends: Depends(), Whole: true,
		Mends: []string{"user.no_profile"},
		Plan: func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
			counts := map[tenantry.TenantKey]int64{}
			for _, key := range tenants {
				n, err := f.Users.CountUnplacedIn(ctx, tx, user.Placement{Only: key})
				if err != nil {
					return nil, err
				}
				if n > 0 {
					counts[key] = n
				}
			}
			return counts, nil
		},
		Batch: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, position string, limit int64) (Part, error) {
			p := user.Placement{Tenant: tenant, Only: tenant, Language: "es", Timezone: "America/Santiago"}
			after, _ := strconv.ParseInt(position, 10, 64) // "" is the beginning
			if position == "" {
				if err := f.fillMissing(ctx, tx); err != nil {
					return Part{}, err
				}
			}
			if tenant == 0 {
				home, err := f.quarantine(ctx, tx, s)
				if err != nil {
					return Part{}, err
				}
				p.Tenant = home
			}
			people, err := f.Users.PlaceNextIn(ctx, tx, s, p, tenantry.UserKey(after), limit)
			if err != nil || len(people) == 0 {
				return Part{}, err
			}
			undo, err := json.Marshal(placed{p.Tenant, people})
			part := Part{Change: Change{int64(len(people)), string(undo)}}
			if part.Count == limit {
				part.Next = strconv.FormatInt(int64(people[len(people)-1]), 10)
			}
			return part, err
		},
		Revert: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, _ tenantry.TenantKey, undo []string) (int64, error) {
			return undone(undo, func(p placed) (int64, error) { return f.Users.TakeBackIn(ctx, tx, s, p.Tenant, p.People) })
		},
	}
}

// fillMissing gives what Django made since the last look its rows of ours.
func (f *Flow) fillMissing(ctx context.Context, tx *sqldb.Tx) error {
	if _, err := f.Tenants.FillMissingIn(ctx, tx); err != nil {
		return err
	}
	_, err := f.Users.FillMissingIn(ctx, tx)
	return err
}

func (f *Flow) sealTokens() Step {
	plain := func(ctx context.Context, tx *sqldb.Tx, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]int64, error) {
		return f.Tokens.CountTreatable(ctx, tx, token.Encrypt, tenants)
	}
	return Step{
		Name: "seal_tokens", Summary: "step.seal_tokens", Version: 1, Sum: "seal_tokens/1", Depends: Depends(), Many: true,
		Mends: []string{"token.plain"},
		Plan:  plain,
		Apply: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Change, error) {
			counts, err := f.Tokens.TreatIn(ctx, tx, s, token.Encrypt, tenants)
			did := make(map[tenantry.TenantKey]Change, len(counts))
			for key, n := range counts {
				did[key] = Change{Count: n}
			}
			return did, err
		},
		Verify: noneLeft(plain),
		Revert: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenant tenantry.TenantKey, _ []string) (int64, error) {
			counts, err := f.Tokens.TreatIn(ctx, tx, s, token.Decrypt, []tenantry.TenantKey{tenant})
			return counts[tenant], err
		},
	}
}

func (f *Flow) normaliseConfiguration() Step {
	return Step{
		Name: "normalise_configuration", Summary: "step.normalise_configuration", Version: 1, Sum: "normalise_configuration/1", Depends: Depends(), Many: true,
		Mends: []string{"tenant.configuration_not_object"},
		Plan:  f.Tenants.CountOddConfigurations,
		Apply: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, tenants []tenantry.TenantKey) (map[tenantry.TenantKey]Change, error) {
			changed, err := f.Tenants.NormaliseConfigurationIn(ctx, tx, s, tenants)
			did := make(map[tenantry.TenantKey]Change, len(changed))
			for key, n := range changed {
				undo, err := json.Marshal(n)
				if err != nil {
					return nil, err
				}
				did[key] = Change{1, string(undo)}
			}
			return did, err
		},
		Verify: noneLeft(f.Tenants.CountOddConfigurations),
		Revert: func(ctx context.Context, tx *sqldb.Tx, s tenantry.Scope, key tenantry.TenantKey, undo []string) (int64, error) {
			return undone(undo, func(n tenant.Normalised) (int64, error) {
				if restored, err := f.Tenants.RestoreConfigurationIn(ctx, tx, s, key, n); err != nil || !restored {
					return 0, err
				}
				return 1, nil
			})
		},
	}
}
