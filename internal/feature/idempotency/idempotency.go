// Package idempotency is the room of answers given once: whoever repeats a
// request under the same key gets the first answer again and nothing is done
// twice. It owns tenantry_idempotency. What a request is, and how an answer looks
// on the wire, is the doors' to say.
package idempotency

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

const (
	// Kept is how long an answer can be had again.
	Kept = 24 * time.Hour
	// abandoned is when a request without an answer is taken to have died with its
	// process; no request may last as long.
	abandoned = 2 * time.Minute
	keyLength = 255
)

// Request is what somebody asks to be done once.
type Request struct {
	Key string
	// Credential is what the caller signed in with. Answers hold tokens that are
	// shown once, so they are kept only in a form that takes it to read them.
	Credential tenantry.Secret
	// Content is everything that tells this request from another one.
	Content []byte
}

// Answer is what was answered. Header holds names and values worth repeating.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Service keeps answers.
type Service struct {
	db     *sqldb.DB
	clock  tenantry.Clock
	random io.Reader
}

// New makes the service.
func New(db *sqldb.DB, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, clock: clock, random: random}
}

// Claim is the right to carry out a request. It ends in Keep or in Release.
type Claim struct {
	service *Service
	scope   tenantry.Scope
	place   place
	cipher  cipher.AEAD
}

// Begin claims a request, or returns the answer that it had before. Of several
// at once one gets the claim. Errors: Conflict "idempotency.reused" for a key of
// another request, Conflict "idempotency.in_progress" while the first is still
// being carried out, Invalid "idempotency.bad_key".
func (s *Service) Begin(ctx context.Context, scope tenantry.Scope, r Request) (*Claim, *Answer, error) {
	if !wellFormed(r.Key) {
		return nil, nil, tenantry.NewError(tenantry.Invalid, "idempotency.bad_key", "max", keyLength)
	}
	actor := scope.Actor()
	p := place{tenant: scope.Tenant(), caller: actor.Kind + ":" + actor.ID, key: r.Key, at: s.clock().UTC().Truncate(time.Microsecond)}
	seal, digest, err := p.secrets(r)
	if err != nil {
		return nil, nil, err
	}
	var first *stored
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		first = nil
		if err := deleteDead(ctx, tx, p, p.at.Add(-Kept), p.at.Add(-abandoned)); err != nil {
			return err
		}
		claimed, err := insertClaim(ctx, tx, p, digest)
		if err != nil || claimed {
			return err
		}
		first, err = selectStored(ctx, tx, p)
		return err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case first == nil:
		return &Claim{service: s, scope: scope, place: p, cipher: seal}, nil, nil
	case first.digest != digest:
		return nil, nil, tenantry.NewError(tenantry.Conflict, "idempotency.reused")
	case first.status == 0:
		return nil, nil, tenantry.NewError(tenantry.Conflict, "idempotency.in_progress")
	}
	answer, err := p.open(seal, *first)
	return nil, &answer, err
}

// Keep keeps the answer to a claimed request for those who repeat it.
func (c *Claim) Keep(ctx context.Context, a Answer) error {
	header, err := json.Marshal(a.Header)
	if err != nil {
		return err
	}
	nonce := make([]byte, c.cipher.NonceSize())
	if _, err := io.ReadFull(c.service.random, nonce); err != nil {
		return err
	}
	body := c.cipher.Seal(nonce, nonce, a.Body, c.place.binding(a.Status))
	return c.service.db.As(c.scope).Write(ctx, func(tx *sqldb.Tx) error {
		return updateAnswer(ctx, tx, c.place, a.Status, string(header), base64.StdEncoding.EncodeToString(body))
	})
}

// Release gives a claim back: what went wrong may go well when it is repeated.
func (c *Claim) Release(ctx context.Context) error {
	return c.service.db.As(c.scope).Write(ctx, func(tx *sqldb.Tx) error { return deleteClaim(ctx, tx, c.place) })
}

// Sweep forgets the answers that are too old to be had again, and tells how many.
func (s *Service) Sweep(ctx context.Context) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err = deleteOld(ctx, tx, s.clock().Add(-Kept))
		return err
	})
	return n, err
}

// place is where an answer is kept; at tells a claim from a later one that took
// its place.
type place struct {
	tenant      tenantry.TenantKey
	caller, key string
	at          time.Time
}

// secrets derives, from what only the caller knows, the cipher of the answer and
// the digest of the request: a plain digest would let whoever reads the table
// try out the passwords in it.
func (p place) secrets(r Request) (cipher.AEAD, string, error) {
	key, err := hkdf.Key(sha256.New, []byte(r.Credential.Reveal()), nil, "tenantry idempotency "+p.caller+" "+p.key, 64)
	if err != nil {
		return nil, "", err
	}
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return nil, "", err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, "", err
	}
	h := hmac.New(sha256.New, key[32:])
	h.Write(r.Content)
	return seal, hex.EncodeToString(h.Sum(nil)), nil
}

func (p place) binding(status int) []byte {
	return fmt.Appendf(nil, "%d %q %q %d", p.tenant, p.caller, p.key, status)
}

func (p place) open(seal cipher.AEAD, s stored) (Answer, error) {
	a := Answer{Status: s.status}
	if err := json.Unmarshal([]byte(s.header), &a.Header); err != nil {
		return a, err
	}
	sealed, err := base64.StdEncoding.DecodeString(s.body)
	if err != nil || len(sealed) < seal.NonceSize() {
		return a, errors.Join(errDamaged, err)
	}
	a.Body, err = seal.Open(nil, sealed[:seal.NonceSize()], sealed[seal.NonceSize():], p.binding(s.status))
	return a, err
}

var errDamaged = errors.New("idempotency: a stored answer is damaged")

// wellFormed keeps keys printable, so that they can stand in a log.
func wellFormed(key string) bool {
	for _, c := range []byte(key) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return key != "" && len(key) <= keyLength
}
