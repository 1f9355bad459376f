package session_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/session"
)

func TestWaitsDoubleUpToAQuarterOfAnHour(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		try := session.Try{What: "signin", Account: "Ana", Address: netip.MustParseAddr("2001:db8::1")}
		// wait is how many seconds a try is told to wait, 0 for one that is let in.
		wait := func(try session.Try) int64 {
			t.Helper()
			leave, err := h.Sessions.Enter(t.Context(), try)
			if err == nil {
				leave()
				return 0
			}
			var e *tenantry.Error
			if !errors.As(err, &e) || e.Kind != tenantry.Limited {
				t.Fatal(err)
			}
			return e.Params["seconds"].(int64)
		}
		fail := func(try session.Try) {
			t.Helper()
			if err := h.Sessions.Failed(t.Context(), try); err != nil {
				t.Fatal(err)
			}
		}
		for n, want := range []int64{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
			fail(try)
			got := wait(try)
			if got > 0 {
				got-- // rounded up
			}
			if got != want {
				t.Errorf("after %d failures %d seconds, want %d", n+1, got, want)
			}
		}
		for other, free := range map[session.Try]bool{
			{What: "signin", Account: "ben", Address: netip.MustParseAddr("2001:db8::ffff")}:    false, // the same /64
			{What: "signin", Account: " aNA ", Address: netip.MustParseAddr("192.0.2.1")}:       false, // the same account
			{What: "signin", Account: "ben", Address: netip.MustParseAddr("2001:db8:0:1::1")}:   true,
			{What: "reset", Account: "Ana", Address: netip.MustParseAddr("2001:db8::1")}:        true,
			{What: "signin", Account: "ben", Address: netip.MustParseAddr("::ffff:192.0.2.99")}: true,
		} {
			if got := wait(other); (got == 0) != free {
				t.Errorf("%+v waits %d seconds", other, got)
			}
		}
		h.Pass(15 * time.Minute)
		if got := wait(try); got != 0 {
			t.Errorf("still %d seconds", got)
		}
		h.Pass(time.Hour)
		fail(try)
		if got := wait(try); got != 0 {
			t.Errorf("an old failure counts: %d seconds", got)
		}
	})
}

func TestSuccessForgetsTheAccountNotTheAddress(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		from := netip.MustParseAddr("192.0.2.1")
		try := session.Try{What: "signin", Account: "ana", Address: from}
		for range 4 {
			if err := h.Sessions.Failed(t.Context(), try); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Sessions.Succeeded(t.Context(), try); err != nil {
			t.Fatal(err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_attempt WHERE subject LIKE 'signin:of:%'`); n != 0 {
			t.Errorf("%d accounts are remembered", n)
		}
		if n := h.Number(t, `SELECT failures FROM tenantry_attempt WHERE subject = 'signin:from:192.0.2.1'`); n != 4 {
			t.Errorf("%d failures of the address", n)
		}
	})
}

func TestWhoeverComesOnTopOfManyIsTurnedAwayAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		var leave []func()
		for {
			out, err := h.Sessions.Enter(t.Context(), session.Try{What: "signin", Account: "ana"})
			if tenantry.KindOf(err) == tenantry.Busy {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if leave = append(leave, out); len(leave) > 1000 {
				t.Fatal("no end to it")
			}
		}
		for _, out := range leave {
			out()
		}
		if out, err := h.Sessions.Enter(t.Context(), session.Try{What: "signin", Account: "ana"}); err != nil {
			t.Error(err)
		} else {
			out()
		}
	})
}
