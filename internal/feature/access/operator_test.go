package access_test

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/base/migrate"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/base/sqldb/sqldbtest"
	"github.com/tenantry/tenantry/internal/feature/access"
	"github.com/tenantry/tenantry/internal/feature/audit"
	"github.com/tenantry/tenantry/internal/feature/user"
)

var console = tenantry.NewScope(tenantry.Actor{Kind: "console", Name: "root"}, 0, tenantry.Permissions()...)

// room is the room on a database of a test's own, with a clock to turn.
type room struct {
	*access.Service
	db  *sqldb.DB
	now *atomic.Int64
}

var empty = sqldbtest.NewTemplate(func(t testing.TB, d sqldbtest.Database) {
	g := apptest.Graph(t, d)
	runner := migrate.New(d.Owner(t), g, migrate.Options{Ledger: "tenantry_ledger", Lease: "tenantry_lease",
		LeaseLength: 10 * time.Second, LockTimeout: 5 * time.Second, Holder: t.Name(), Clock: time.Now})
	if _, err := runner.Run(t.Context(), migrate.Request{}, func(migrate.Event) {}); err != nil {
		t.Fatal(err)
	}
})

func each(t *testing.T, fn func(t *testing.T, r room)) {
	t.Helper()
	t.Parallel()
	sqldbtest.EachFrom(t, empty, func(t *testing.T, d sqldbtest.Database) {
		r := room{db: d.Open(t), now: new(atomic.Int64)}
		r.now.Store(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC).Unix())
		clock := func() time.Time { return time.Unix(r.now.Load(), 0).UTC() }
		r.Service = access.New(r.db, audit.New(clock, rand.Reader), user.CountRole, clock, rand.Reader)
		fn(t, r)
	})
}

func (r room) make(t *testing.T, name string) (access.Operator, tenantry.Secret) {
	t.Helper()
	o, key, err := r.CreateOperator(t.Context(), console, name, access.OperatorAdmin)
	if err != nil {
		t.Fatal(err)
	}
	return o, key
}

func wantCode(t *testing.T, err error, kind tenantry.Kind, code string) {
	t.Helper()
	var e *tenantry.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Code != code {
		t.Errorf("error %v, want %s %s", err, kind, code)
	}
}

func TestOperatorIsFoundByTheKeyThatIsShownOnce(t *testing.T) {
	each(t, func(t *testing.T, r room) {
		if any, err := r.AnyOperator(t.Context()); any || err != nil {
			t.Fatalf("%v, %v", any, err)
		}
		o, key := r.make(t, "María del Mar")
		text := key.Reveal()
		if !regexp.MustCompile(`^opk_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$`).MatchString(text) {
			t.Errorf("a key of the form %s (%d)", o.KeyDisplay, len(text))
		}
		if o.KeyDisplay != text[:6]+"…"+text[len(text)-4:] {
			t.Errorf("shown as %s", o.KeyDisplay)
		}
		found, err := r.FindByKey(t.Context(), key)
		if d := cmp.Diff(o, found, cmp.AllowUnexported(tenantry.OperatorID{})); d != "" || err != nil {
			t.Errorf("%v; made (-), found (+):\n%s", err, d)
		}
		if any, err := r.AnyOperator(t.Context()); !any || err != nil {
			t.Errorf("%v, %v", any, err)
		}
		err = r.db.Read(t.Context(), func(tx *sqldb.Tx) error {
			var n int
			err := tx.Get(t.Context(), `SELECT (SELECT count(*) FROM tenantry_operator WHERE key_digest LIKE ? OR key_display LIKE ?)
				+ (SELECT count(*) FROM tenantry_audit WHERE CAST(detail AS text) LIKE ?)`, []any{"%" + text + "%", "%" + text + "%", "%" + text + "%"}, &n)
			if n != 0 {
				t.Error("the key itself is stored")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestEveryOtherTextIsNobodysKey(t *testing.T) {
	each(t, func(t *testing.T, r room) {
		_, key := r.make(t, "ana")
		text := key.Reveal()
		flip := func(i int) string {
			c := byte('A')
			if text[i] == c {
				c = 'B'
			}
			return text[:i] + string(c) + text[i+1:]
		}
		for _, wrong := range []string{"", "opk_", flip(10), flip(len(text) - 1), text + "x", text[1:], " " + text, "ai_" + text[4:], strings.Repeat("a", 10<<20), strings.ToUpper(text)} {
			_, err := r.FindByKey(t.Context(), tenantry.NewSecret(wrong))
			wantCode(t, err, tenantry.Unauthenticated, "access.unauthenticated")
		}
		// One that is whole, and was never given out.
		_, other := r.make(t, "other")
		if err := r.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM tenantry_operator WHERE name = 'other'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		_, err := r.FindByKey(t.Context(), other)
		wantCode(t, err, tenantry.Unauthenticated, "access.unauthenticated")
	})
}

func TestRevokedKeyIsRefusedForGood(t *testing.T) {
	each(t, func(t *testing.T, r room) {
		ana, key := r.make(t, "ana")
		r.now.Add(1) // ids sort by age
		_, bens := r.make(t, "ben")
		for range 2 { // again changes nothing
			if o, err := r.RevokeOperator(t.Context(), console, "ana"); err != nil || o.RevokedAt == nil {
				t.Fatalf("%+v, %v", o, err)
			}
		}
		_, err := r.FindByKey(t.Context(), key)
		wantCode(t, err, tenantry.Unauthenticated, "access.unauthenticated")
		if _, err := r.FindByKey(t.Context(), bens); err != nil {
			t.Error(err)
		}
		all, err := r.ListOperators(t.Context(), console)
		if err != nil || len(all) != 2 || all[0].ID != ana.ID || all[0].RevokedAt == nil || all[1].RevokedAt != nil {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := r.RevokeOperator(t.Context(), console, all[1].ID.String()); err != nil {
			t.Error(err)
		}
		if any, err := r.AnyOperator(t.Context()); any || err != nil {
			t.Errorf("%v, %v", any, err)
		}
		for _, ref := range []string{"carl", "", strings.Repeat("x", 10<<20)} {
			_, err = r.RevokeOperator(t.Context(), console, ref)
			wantCode(t, err, tenantry.NotFound, "operator.not_found")
		}
	})
}

func TestLastUseIsNotedOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, r room) {
		_, key := r.make(t, "ana")
		start := r.now.Load()
		var seen []int64
		for _, after := range []int64{0, 30, 59, 61, 70, 130} {
			r.now.Store(start + after)
			if _, err := r.FindByKey(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			all, err := r.ListOperators(t.Context(), console)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, all[0].LastUsedAt.Unix()-start)
		}
		if d := cmp.Diff([]int64{0, 0, 0, 61, 61, 130}, seen); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
	})
}

func TestOperatorsAreMadeByThoseWhoMay(t *testing.T) {
	each(t, func(t *testing.T, r room) {
		r.make(t, "ana")
		_, _, err := r.CreateOperator(t.Context(), console, "ana", access.OperatorAdmin)
		wantCode(t, err, tenantry.Conflict, "operator.name_taken")
		for _, name := range []string{"", "  ", " ana", "a\nb", "opr_x", strings.Repeat("ñ", 151)} {
			_, _, err := r.CreateOperator(t.Context(), console, name, access.OperatorAdmin)
			wantCode(t, err, tenantry.Invalid, "operator.invalid")
		}
		owner, _ := access.Grants(access.Owner)
		for _, s := range []tenantry.Scope{
			tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "x"}, 1, owner...),
			tenantry.NewScope(tenantry.Actor{Kind: "user", Name: "x"}, 1, tenantry.Permissions()...),
		} {
			_, _, err := r.CreateOperator(t.Context(), s, "ben", access.OperatorAdmin)
			wantCode(t, err, tenantry.Forbidden, "access.forbidden")
			_, err = r.ListOperators(t.Context(), s)
			wantCode(t, err, tenantry.Forbidden, "access.forbidden")
			_, err = r.RevokeOperator(t.Context(), s, "ana")
			wantCode(t, err, tenantry.Forbidden, "access.forbidden")
		}
		_, _, err = r.CreateOperator(t.Context(), tenantry.Scope{}, "ben", access.OperatorAdmin)
		wantCode(t, err, tenantry.Unauthenticated, "access.unauthenticated")
	})
}
