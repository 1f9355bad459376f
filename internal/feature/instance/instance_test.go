package instance_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/tenantry/tenantry/internal/app/apptest"
	"github.com/tenantry/tenantry/internal/feature/instance"
)

func TestEveryProcessHasTheSameKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		key := func(random io.Reader, name string) []byte {
			t.Helper()
			k, err := instance.New(h.DB, random).Key(t.Context(), name)
			if err != nil || len(k) != 32 {
				t.Fatalf("%d bytes, %v", len(k), err)
			}
			return k
		}
		first := key(rand.Reader, "cursor_key")
		// Who comes later needs no chance at all.
		if later := key(iotest.ErrReader(io.EOF), "cursor_key"); !bytes.Equal(first, later) {
			t.Error("another process has another key")
		}
		if other := key(rand.Reader, "another_key"); bytes.Equal(first, other) {
			t.Error("two names have one key")
		}
	})
}

func TestOf16ProcessesThatStartAtOnceOneMakesTheKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		keys := make([][]byte, 16)
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				<-start
				var err error
				if keys[i], err = instance.New(h.DB, rand.Reader).Key(t.Context(), "cursor_key"); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		for _, k := range keys {
			if !bytes.Equal(k, keys[0]) || len(k) != 32 {
				t.Fatalf("keys %x", keys)
			}
		}
	})
}

func TestNoKeyIsMadeWithoutChance(t *testing.T) {
	apptest.Each(t, func(t *testing.T, h apptest.House) {
		dry := errors.New("dry")
		if _, err := instance.New(h.DB, iotest.ErrReader(dry)).Key(t.Context(), "cursor_key"); !errors.Is(err, dry) {
			t.Errorf("error %v", err)
		}
		if _, err := instance.New(h.DB, bytes.NewReader(make([]byte, 31))).Key(t.Context(), "cursor_key"); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v", err)
		}
		if n := h.Number(t, `SELECT count(*) FROM tenantry_instance`); n != 0 {
			t.Errorf("%d keys are kept", n)
		}
	})
}
