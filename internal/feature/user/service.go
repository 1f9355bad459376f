package user

import (
	"context"
	"io"
	"slices"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/password"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// Service holds the rules of people.
type Service struct {
	db     *sqldb.DB
	audit  *audit.Log
	hasher password.Hasher
	roles  Roles
	clock  tenantry.Clock
	random io.Reader
	// verifying bounds how many passwords are checked at once: each may hold
	// 100 MiB, and a stranger decides when.
	verifying chan struct{}
}

// New makes the service.
func New(db *sqldb.DB, log *audit.Log, hasher password.Hasher, roles Roles, clock tenantry.Clock, random io.Reader) *Service {
	return &Service{db: db, audit: log, hasher: hasher, roles: roles, clock: clock, random: random,
		verifying: make(chan struct{}, verifications)}
}

// Create makes a person, with a profile if the draft names a tenant.
func (s *Service) Create(ctx context.Context, scope tenantry.Scope, d Draft) (p Person, err error) {
	if err := s.mayCreate(scope, d); err != nil {
		return Person{}, err
	}
	if d, err = s.Prepare(d); err != nil {
		return Person{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		p, err = s.CreateIn(ctx, tx, scope, d)
		return err
	})
	return p, err
}

// Prepare checks a draft's account and hashes its password. CreateIn does it for
// whoever has not; doing it before the transaction keeps the time that a hash
// must take from everybody who waits for SQLite's one writer.
func (s *Service) Prepare(d Draft) (Draft, error) {
	d = d.normal()
	if err := d.validate(); err != nil {
		return d, err
	}
	var err error
	d.encoded, err = s.encode(d.Password, password.Owner{UserName: d.Username, FirstName: d.FirstName, LastName: d.LastName, Email: d.Email})
	return d, err
}

// CreateIn is Create within a transaction of the caller's.
func (s *Service) CreateIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, d Draft) (Person, error) {
	if err := s.mayCreate(scope, d); err != nil {
		return Person{}, err
	}
	if d.encoded == "" {
		var err error
		if d, err = s.Prepare(d); err != nil {
			return Person{}, err
		}
	}
	now := s.clock()
	id := tenantry.NewUserID(now, s.random)
	key, err := insertPerson(ctx, tx, d, id, now)
	if tenantry.KindOf(err) == tenantry.Conflict {
		return Person{}, tenantry.NewError(tenantry.Conflict, "user.username_taken", "username", d.Username).Because(err)
	}
	if err != nil {
		return Person{}, err
	}
	if err := s.audit.Record(ctx, tx, scope, audit.Event{Tenant: d.Tenant, Action: "user.created", Subject: id.String(),
		Detail: map[string]any{"password": !d.Password.Empty()}}); err != nil {
		return Person{}, err
	}
	if d.Tenant == 0 {
		return selectOne(ctx, tx, 0, ByKey(key))
	}
	// Until there is a profile the person is nobody's, and cannot be read back.
	return s.saveProfile(ctx, tx, scope, d.Tenant, Person{Key: key, ID: id, Username: d.Username}, d.Profile)
}

func (s *Service) mayCreate(scope tenantry.Scope, d Draft) error {
	if d.Tenant == 0 {
		return scope.RequirePlatform(tenantry.UsersWrite)
	}
	return scope.RequireIn(d.Tenant, tenantry.UsersWrite)
}

// Get reads one person. One that the scope does not reach is NotFound, as a
// missing one is.
func (s *Service) Get(ctx context.Context, scope tenantry.Scope, ref Ref) (p Person, err error) {
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		p, err = s.GetIn(ctx, tx, scope, ref)
		return !p.ID.IsZero(), err
	})
	return p, err
}

// GetIn is Get within a transaction of the caller's.
func (s *Service) GetIn(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, ref Ref) (Person, error) {
	if err := scope.Require(tenantry.UsersRead); err != nil {
		return Person{}, err
	}
	return selectOne(ctx, tx, scope.Tenant(), ref)
}

// Query says which people to list.
type Query struct {
	Search string             // part of the user name, the e-mail address or the name, whatever its case
	Tenant tenantry.TenantKey // at home or members there; zero for everybody
	Active *bool
	Sort   Sort
	Page   tenantry.Page
}

// Sort is the order of a list.
type Sort string

const (
	Oldest   Sort = ""         // by key, the order in which they came
	Newest   Sort = "-created" // by key, backwards
	Username Sort = "username" // as the index has it
)

// List reads one page of the people whom the scope reaches.
func (s *Service) List(ctx context.Context, scope tenantry.Scope, q Query) (list tenantry.List[Person], err error) {
	if err := scope.Require(tenantry.UsersRead); err != nil {
		return list, err
	}
	if q.Tenant != 0 {
		if err := scope.RequireIn(q.Tenant, tenantry.UsersRead); err != nil {
			return list, err
		}
	}
	if err := q.validate(); err != nil {
		return list, err
	}
	err = s.filled(ctx, scope, func(tx *sqldb.Tx) (complete bool, err error) {
		list, err = selectPage(ctx, tx, scope.Tenant(), q)
		return !slices.ContainsFunc(list.Items, func(p Person) bool { return p.ID.IsZero() }), err
	})
	return list, err
}

// SetPassword gives a person a new password, or none with an empty one.
func (s *Service) SetPassword(ctx context.Context, scope tenantry.Scope, ref Ref, secret tenantry.Secret) error {
	p, err := s.mayChangeAccount(ctx, scope, ref)
	if err != nil {
		return err
	}
	encoded, err := s.encode(secret, password.Owner{UserName: p.Username, FirstName: p.FirstName, LastName: p.LastName, Email: p.Email})
	if err != nil {
		return err
	}
	_, err = s.alter(ctx, scope, ref, func(tx *sqldb.Tx, p Person) error {
		if err := updatePassword(ctx, tx, p.Key, encoded); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, p, "user.password_set", map[string]any{"password": !secret.Empty()})
	})
	return err
}

// Deactivate keeps a person from signing in, here and to Django.
func (s *Service) Deactivate(ctx context.Context, scope tenantry.Scope, ref Ref) (Person, error) {
	return s.setActive(ctx, scope, ref, false, "user.deactivated")
}

// Activate lets a person sign in again.
func (s *Service) Activate(ctx context.Context, scope tenantry.Scope, ref Ref) (Person, error) {
	return s.setActive(ctx, scope, ref, true, "user.activated")
}

func (s *Service) setActive(ctx context.Context, scope tenantry.Scope, ref Ref, active bool, action string) (Person, error) {
	return s.alter(ctx, scope, ref, func(tx *sqldb.Tx, p Person) error {
		if p.IsActive == active {
			return nil
		}
		if err := updateActive(ctx, tx, p.Key, active); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, p, action, nil)
	})
}

// Remove takes a person away for good, with profile and memberships. What
// another Django app keeps of them is a Conflict: deactivate instead.
func (s *Service) Remove(ctx context.Context, scope tenantry.Scope, ref Ref) error {
	if err := scope.RequirePlatform(tenantry.UsersWrite); err != nil {
		return err
	}
	var p Person
	err := s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) (err error) {
		if p, err = selectOne(ctx, tx, 0, ref); err != nil {
			return err
		}
		if err := lock(ctx, tx, p.Key); err != nil {
			return err
		}
		if err := deletePerson(ctx, tx, p.Key); err != nil {
			return err
		}
		return s.record(ctx, tx, scope, p, "user.removed", nil)
	})
	if tenantry.KindOf(err) == tenantry.Conflict { // only a foreign key can object, some at the commit
		return tenantry.NewError(tenantry.Conflict, "user.referenced", "username", p.Username).Because(err)
	}
	return err
}

// alter is the shape of every change to an account: may I, lock it, do, read it
// back.
func (s *Service) alter(ctx context.Context, scope tenantry.Scope, ref Ref, do func(tx *sqldb.Tx, p Person) error) (p Person, err error) {
	seen, err := s.mayChangeAccount(ctx, scope, ref)
	if err != nil {
		return Person{}, err
	}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := lock(ctx, tx, seen.Key); err != nil {
			return err
		}
		old, err := selectOne(ctx, tx, scope.Tenant(), ByKey(seen.Key))
		if err != nil {
			return err
		}
		if err := requireAccount(scope, old); err != nil {
			return err
		}
		if err := s.holdsAsMuch(ctx, tx, scope, old); err != nil {
			return err
		}
		if err := do(tx, old); err != nil {
			return err
		}
		p, err = selectOne(ctx, tx, scope.Tenant(), ByKey(old.Key))
		return err
	})
	return p, err
}

func (s *Service) mayChangeAccount(ctx context.Context, scope tenantry.Scope, ref Ref) (Person, error) {
	if err := scope.Require(tenantry.UsersWrite); err != nil {
		return Person{}, err
	}
	p, err := s.Get(ctx, scope, ref)
	if err != nil {
		return Person{}, err
	}
	return p, requireAccount(scope, p)
}

// requireAccount: an account opens every tenant of its person, and Django's own
// administration to staff. A tenant decides over it only when it is the person's
// home, or its administrators could sign in elsewhere.
func requireAccount(scope tenantry.Scope, p Person) error {
	if scope.Tenant() == 0 {
		return scope.RequirePlatform(tenantry.UsersWrite)
	}
	if p.Profile == nil || p.Profile.Tenant != scope.Tenant() || p.IsStaff || p.IsSuperuser {
		return tenantry.NewError(tenantry.Forbidden, "user.not_at_home", "username", p.Username)
	}
	return scope.Require(tenantry.UsersWrite)
}

// holdsAsMuch: who can give somebody a password, or an e-mail address to ask for
// one at, can sign in as them. So an account is changed only by whoever may do all
// that it may.
func (s *Service) holdsAsMuch(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, p Person) error {
	if scope.Tenant() == 0 || p.Profile == nil {
		return nil
	}
	m, _, err := selectMembership(ctx, tx, scope.Tenant(), p.Key)
	if err != nil {
		return err
	}
	grants, _, err := s.roles(ctx, tx, scope.Tenant(), m.Role)
	if err != nil {
		return err
	}
	for _, held := range slices.Concat(grants, granted(p.Profile.Permissions)) {
		if !scope.May(held) {
			return tenantry.NewError(tenantry.Forbidden, "user.holds_more", "username", p.Username, "permission", string(held))
		}
	}
	return nil
}

// encode makes what is stored of a password, once it has been judged.
func (s *Service) encode(secret tenantry.Secret, owner password.Owner) (string, error) {
	if secret.Empty() {
		return password.Unusable(s.random)
	}
	if err := password.Validate(secret, owner); err != nil {
		return "", err
	}
	return s.hasher.Hash(secret)
}

func (s *Service) record(ctx context.Context, tx *sqldb.Tx, scope tenantry.Scope, p Person, action string, detail any) error {
	e := audit.Event{Action: action, Subject: p.ID.String(), Detail: detail}
	if p.Profile != nil {
		e.Tenant = p.Profile.Tenant
	}
	return s.audit.Record(ctx, tx, scope, e)
}

// filled reads, and reads again after filling in what Tenantry keeps beside rows
// that a Django process has added since.
func (s *Service) filled(ctx context.Context, scope tenantry.Scope, read func(tx *sqldb.Tx) (complete bool, err error)) error {
	var complete bool
	again := func(tx *sqldb.Tx) (err error) {
		complete, err = read(tx)
		return err
	}
	if err := s.db.As(scope).Read(ctx, again); err != nil || complete {
		return err
	}
	// What a Django process added is completed whoever comes upon it.
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := fillMissing(ctx, tx, s.random, func(int64, int64) {})
		return err
	})
	if err != nil && tenantry.KindOf(err) != tenantry.Conflict { // somebody else filled it in
		return err
	}
	return s.db.As(scope).Read(ctx, again)
}

// FillMissingIn gives every person whom Django made their public id, and every
// profile its membership; it tells how many people it found.
func (s *Service) FillMissingIn(ctx context.Context, tx *sqldb.Tx) (int64, error) {
	return fillMissing(ctx, tx, s.random, func(int64, int64) {})
}
