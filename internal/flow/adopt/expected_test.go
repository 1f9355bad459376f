package adopt_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/catalog"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/flow/adopt"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGoldenExpectedCatalogues(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, d sqldbtest.Database) {
		db := d.Owner(t)
		g := apptest.Graph(t, d)
		runner := migrate.New(db, g, migrate.Options{Ledger: "l", Lease: "s", LeaseLength: time.Minute, LockTimeout: time.Second, Holder: "test", Clock: time.Now})
		if _, err := runner.Run(t.Context(), migrate.Request{}, func(migrate.Event) {}); err != nil {
			t.Fatal(err)
		}
		var made catalog.Catalog
		if err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
			made, err = catalog.Read(t.Context(), tx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetIndent("", " ")
		e.SetEscapeHTML(false)
		if err := e.Encode(adopt.OfDjango(made)); err != nil {
			t.Fatal(err)
		}
		file := "expected." + string(d.Engine) + ".json"
		if *update {
			if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(golden), text.String()); diff != "" {
			t.Errorf("go test ./internal/flow/adopt -run Golden -update (-golden +made)\n%s", diff)
		}
	})
}
