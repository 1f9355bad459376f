package sqldb

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenantry/tenantry"
)

// Codes that a test cannot make a server say: it would have to run out of disk,
// shut down, or ask for passwords. The others are provoked in errors_test.go.
func TestRareCodesOfPostgresHaveAMeaning(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]struct {
		kind tenantry.Kind
		code string
	}{
		"28P01": {tenantry.Unavailable, "database.refused"},
		"28000": {tenantry.Unavailable, "database.refused"},
		"40001": {tenantry.Busy, "database.deadlock"},
		"53300": {tenantry.Busy, "database.busy"},
		"42501": {tenantry.Unavailable, "database.permission"},
		"53100": {tenantry.Unavailable, "database.disk"},
		"57P01": {tenantry.Unavailable, "database.lost"},
		"57P03": {tenantry.Unavailable, "database.lost"},
		"08006": {tenantry.Unavailable, "database.lost"},
	} {
		err := meaning(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: state}))
		if !errors.Is(err, &tenantry.Error{Kind: want.kind, Code: want.code}) {
			t.Errorf("%s means %v, want %s %s", state, err, want.kind, want.code)
		}
	}
	unknown := &pgconn.PgError{Code: "42601"}
	if err := meaning(unknown); err != error(unknown) {
		t.Errorf("a syntax error means %v, want it unchanged", err)
	}
}
