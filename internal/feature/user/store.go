package user

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// selectPeople tolerates what SQLite lets happen: a profile need not have a
// tenant, nor an account a profile.
const selectPeople = `SELECT u.id, COALESCE(s.public_id, ''), u.username, u.email, u.first_name, u.last_name,
	u.is_active, u.is_staff, u.is_superuser, u.last_login, u.date_joined,
	COALESCE(p.user_id, 0), COALESCE(p.tenant_id, 0), COALESCE(p.phone, ''), COALESCE(p.avatar, ''), COALESCE(p.bio, ''),
	COALESCE(p.language, ''), COALESCE(p.timezone, ''), COALESCE(p.notifications_enabled, false), COALESCE(p.is_tenant_admin, false),
	p.permissions, p.created_at, p.updated_at
	FROM auth_user u LEFT JOIN tenantry_user s ON s.user_id = u.id LEFT JOIN tenants_userprofile p ON p.user_id = u.id`

func scanPerson(r *sqldb.Rows) (p Person, err error) {
	var f Profile
	var of tenantry.UserKey
	var created, updated *time.Time
	err = r.Scan(&p.Key, &p.ID, &p.Username, &p.Email, &p.FirstName, &p.LastName,
		&p.IsActive, &p.IsStaff, &p.IsSuperuser, &p.LastLogin, &p.DateJoined,
		&of, &f.Tenant, &f.Phone, &f.Avatar, &f.Bio, &f.Language, &f.Timezone, &f.NotificationsEnabled, &f.IsTenantAdmin,
		&f.Permissions, &created, &updated)
	if err == nil && of != 0 {
		f.CreatedAt, f.UpdatedAt = *created, *updated
		p.Profile = &f
	}
	return p, err
}

// within limits people to those of one tenant: at home there, or members. It
// begins with the tenant, belongs with the person: the one for lists, the other
// where somebody is named already.
const (
	within  = `u.id IN (SELECT user_id FROM tenants_userprofile WHERE tenant_id = ? UNION SELECT user_id FROM tenantry_membership WHERE tenant_id = ?)`
	belongs = `(p.tenant_id = ? OR EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = ? AND m.user_id = u.id))`
)

// condition is the WHERE of a reference. Keys are compared as bigint because
// Django's are integer: PostgreSQL's driver would refuse a larger one, where
// there is just nobody of that number.
func (r Ref) condition() (text string, arg any) {
	switch {
	case r.key != 0:
		return `u.id = CAST(? AS bigint)`, r.key
	case !r.id.IsZero():
		return `s.public_id = ?`, r.id
	}
	return `u.username = ?`, r.username
}

// selectOne reads one person; own limits it to the people of one tenant unless
// it is zero.
func selectOne(ctx context.Context, tx *sqldb.Tx, own tenantry.TenantKey, ref Ref) (Person, error) {
	where, arg := ref.condition()
	args := []any{arg}
	if own != 0 {
		where += ` AND ` + belongs
		args = append(args, own, own)
	}
	found, err := sqldb.All(ctx, tx, scanPerson, selectPeople+` WHERE `+where, args...)
	if err == nil && len(found) == 0 {
		err = notFound()
	}
	if err != nil {
		return Person{}, err
	}
	return found[0].seenBy(own), nil
}

// seenBy hides the profile from a tenant that is not its own: it is what another
// customer's people say of themselves there.
func (p Person) seenBy(own tenantry.TenantKey) Person {
	if own != 0 && p.Profile != nil && p.Profile.Tenant != own {
		p.Profile = nil
	}
	return p
}

// position is where a page of a list ended.
type position struct {
	Key      tenantry.UserKey `json:"k"`
	Username string           `json:"u,omitempty"`
}

// selectPage reads one page; own limits it to the people of one tenant unless it
// is zero.
func selectPage(ctx context.Context, tx *sqldb.Tx, own tenantry.TenantKey, q Query) (list tenantry.List[Person], err error) {
	var where []string
	var args []any
	and := func(condition string, a ...any) {
		where = append(where, condition)
		args = append(args, a...)
	}
	if own != 0 {
		and(within, own, own)
	}
	if q.Tenant != 0 {
		and(within, q.Tenant, q.Tenant)
	}
	if q.Search != "" {
		like := "%" + likeLiteral(strings.ToLower(q.Search)) + "%"
		and(`(lower(u.username) LIKE ? ESCAPE '\' OR lower(u.email) LIKE ? ESCAPE '\' OR lower(u.first_name || ' ' || u.last_name) LIKE ? ESCAPE '\')`, like, like, like)
	}
	if q.Active != nil {
		and(`u.is_active = ?`, *q.Active)
	}
	var after position
	further := q.Page.Cursor != ""
	if further && (json.Unmarshal([]byte(q.Page.Cursor), &after) != nil || !printable(after.Username, false)) {
		return list, tenantry.NewError(tenantry.Invalid, "page.bad_cursor")
	}
	order := ` ORDER BY u.id`
	switch q.Sort {
	case Newest:
		order = ` ORDER BY u.id DESC`
		if further {
			and(`u.id < CAST(? AS bigint)`, after.Key)
		}
	case Username:
		order = ` ORDER BY u.username`
		if further {
			and(`u.username > ?`, after.Username)
		}
	default:
		if further {
			and(`u.id > CAST(? AS bigint)`, after.Key)
		}
	}
	text := selectPeople
	if len(where) > 0 {
		text += ` WHERE ` + strings.Join(where, ` AND `)
	}
	limit := q.Page.Clamp()
	list.Items, err = sqldb.All(ctx, tx, scanPerson, text+order+` LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return list, err
	}
	for i := range list.Items {
		list.Items[i] = list.Items[i].seenBy(own)
	}
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		last := list.Items[limit-1]
		end := position{Key: last.Key}
		if q.Sort == Username {
			end.Username = last.Username
		}
		cursor, err := json.Marshal(end)
		if err != nil {
			return list, err
		}
		list.NextCursor = string(cursor)
	}
	return list, nil
}

func likeLiteral(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// insertPerson writes Django's row. No column of it has a database default.
func insertPerson(ctx context.Context, tx *sqldb.Tx, d Draft, id tenantry.UserID, now time.Time) (key tenantry.UserKey, err error) {
	// Names of users are the whole platform's, and who is made belongs to nobody yet.
	err = tx.AsProgram(ctx, func() error {
		err := tx.Get(ctx, `INSERT INTO auth_user
			(username, email, first_name, last_name, password, is_active, is_staff, is_superuser, last_login, date_joined)
			VALUES (?, ?, ?, ?, ?, true, false, false, NULL, ?) RETURNING id`,
			[]any{d.Username, d.Email, d.FirstName, d.LastName, d.encoded, now}, &key)
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO tenantry_user (user_id, public_id) VALUES (?, ?)`, key, id)
		}
		return err
	})
	return key, err
}

// lockPerson: SQLite has no row locks and needs none, its writer is alone.
var lockPerson = sqldb.Twin{
	SQLite:   `SELECT id FROM auth_user WHERE id = ?`,
	Postgres: `SELECT id FROM auth_user WHERE id = ? FOR UPDATE`,
}

func lock(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey) error {
	err := tx.Get(ctx, tx.Of(lockPerson), []any{key}, &key)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return notFound()
	}
	return err
}

func updatePassword(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, encoded string) error {
	_, err := tx.Exec(ctx, `UPDATE auth_user SET password = ? WHERE id = ?`, encoded, key)
	return err
}

func updateAccount(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, c AccountChange) error {
	_, err := tx.Exec(ctx, `UPDATE auth_user SET email = COALESCE(?, email), first_name = COALESCE(?, first_name), last_name = COALESCE(?, last_name) WHERE id = ?`,
		c.Email, c.FirstName, c.LastName, key)
	return err
}

func updateActive(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, active bool) error {
	_, err := tx.Exec(ctx, `UPDATE auth_user SET is_active = ? WHERE id = ?`, active, key)
	return err
}

// account is what signing in needs to know.
type account struct {
	key     tenantry.UserKey
	id      tenantry.UserID
	encoded string
	active  bool
}

func selectAccount(ctx context.Context, tx *sqldb.Tx, username string) (a account, err error) {
	err = tx.Get(ctx, `SELECT u.id, COALESCE(s.public_id, ''), u.password, u.is_active
		FROM auth_user u LEFT JOIN tenantry_user s ON s.user_id = u.id WHERE u.username = ?`,
		[]any{username}, &a.key, &a.id, &a.encoded, &a.active)
	return a, err
}

// updateSignIn sets last_login and, unless upgraded is "", replaces the hash, if
// it is still the one that was verified: a Django process rewrites hashes too.
func updateSignIn(ctx context.Context, tx *sqldb.Tx, a account, upgraded string, now time.Time) error {
	if upgraded != "" {
		if _, err := tx.Exec(ctx, `UPDATE auth_user SET password = ? WHERE id = ? AND password = ?`, upgraded, a.key, a.encoded); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE auth_user SET last_login = ? WHERE id = ?`, now, a.key)
	return err
}

// deletePerson takes a person out of all tables of the app auth and of ours.
// What another app keeps of them stops it at the commit, by its foreign key.
func deletePerson(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey) error {
	for _, statement := range []string{
		`DELETE FROM tenantry_membership WHERE user_id = ?`,
		`DELETE FROM tenantry_user WHERE user_id = ?`,
		`DELETE FROM tenants_userprofile WHERE user_id = ?`,
		`DELETE FROM auth_user_groups WHERE user_id = ?`,
		`DELETE FROM auth_user_user_permissions WHERE user_id = ?`,
		`DELETE FROM auth_user WHERE id = ?`,
	} {
		if _, err := tx.Exec(ctx, statement, key); err != nil {
			return err
		}
	}
	return nil
}

// requireTenant fails for a tenant that does not exist. It asks room tenant's
// table so that memberships, which refer to that one, can be written.
func requireTenant(ctx context.Context, tx *sqldb.Tx, key tenantry.TenantKey) error {
	err := tx.Get(ctx, `SELECT tenant_id FROM tenantry_tenant WHERE tenant_id = ?`, []any{key}, &key)
	if tenantry.KindOf(err) == tenantry.NotFound {
		return tenantry.NewError(tenantry.NotFound, "tenant.not_found")
	}
	return err
}

func insertProfile(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, f Profile, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenants_userprofile
		(user_id, tenant_id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		key, f.Tenant, f.Phone, f.Avatar, f.Bio, f.Language, f.Timezone, f.NotificationsEnabled, f.IsTenantAdmin, f.Permissions, now, now)
	return err
}

func updateProfile(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, c ProfileChange, now time.Time) error {
	set := []string{`updated_at = ?`}
	args := []any{now}
	column := func(name string, written bool, value func() any) {
		if written {
			set = append(set, name+` = ?`)
			args = append(args, value())
		}
	}
	column("phone", c.Phone != nil, func() any { return *c.Phone })
	column("avatar", c.Avatar != nil, func() any { return *c.Avatar })
	column("bio", c.Bio != nil, func() any { return *c.Bio })
	column("language", c.Language != nil, func() any { return *c.Language })
	column("timezone", c.Timezone != nil, func() any { return *c.Timezone })
	column("notifications_enabled", c.NotificationsEnabled != nil, func() any { return *c.NotificationsEnabled })
	column("is_tenant_admin", c.IsTenantAdmin != nil, func() any { return *c.IsTenantAdmin })
	column("permissions", c.Permissions != nil, func() any { return *c.Permissions })
	_, err := tx.Exec(ctx, `UPDATE tenants_userprofile SET `+strings.Join(set, ", ")+` WHERE user_id = ?`, append(args, key)...)
	return err
}

func updateHome(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, f Profile, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenants_userprofile SET tenant_id = ?, is_tenant_admin = ?, permissions = ?, updated_at = ? WHERE user_id = ?`,
		f.Tenant, f.IsTenantAdmin, f.Permissions, now, key)
	return err
}

func updateTenantAdmin(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey, admin bool, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE tenants_userprofile SET is_tenant_admin = ?, updated_at = ? WHERE user_id = ? AND is_tenant_admin <> ?`,
		admin, now, key, admin)
	return err
}

// Placement says where people without a profile are put, and with what.
type Placement struct {
	Tenant             tenantry.TenantKey
	Language, Timezone string
	// Only limits it to people who are members of that tenant, unless it is zero.
	Only tenantry.TenantKey
	// After and Upto limit it to people with keys between, unless Upto is zero.
	After, Upto tenantry.UserKey
}

// unplaced is the FROM and WHERE of the people whom a placement concerns.
func (p Placement) unplaced() (text string, args []any) {
	text = ` FROM auth_user u WHERE NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.user_id = u.id)`
	if p.Only != 0 {
		text += ` AND EXISTS (SELECT 1 FROM tenantry_membership o WHERE o.tenant_id = ? AND o.user_id = u.id)`
		args = append(args, p.Only)
	}
	if p.Upto != 0 {
		text += ` AND u.id > ? AND u.id <= ?`
		args = append(args, p.After, p.Upto)
	}
	return text, args
}

// selectUnplaced finds the next people whom a placement concerns.
func selectUnplaced(ctx context.Context, tx *sqldb.Tx, p Placement, after tenantry.UserKey, limit int64) ([]tenantry.UserKey, error) {
	text, args := p.unplaced()
	return sqldb.All(ctx, tx, func(r *sqldb.Rows) (k tenantry.UserKey, err error) { return k, r.Scan(&k) },
		`SELECT u.id`+text+` AND u.id > ? ORDER BY u.id LIMIT ?`, append(args, after, limit)...)
}

// deleteUntouched takes profiles and memberships of a placement away that nobody has
// changed since.
func deleteUntouched(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey, users []tenantry.UserKey) (n int64, err error) {
	given, args := tx.Given("g", sqldb.Collect("user_id", users, func(k tenantry.UserKey) int64 { return int64(k) }))
	if n, err = tx.Exec(ctx, `DELETE FROM tenants_userprofile WHERE tenant_id = ? AND created_at = updated_at AND user_id IN (SELECT user_id FROM `+given+`)`,
		append([]any{tenant}, args...)...); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM tenantry_membership WHERE tenant_id = ? AND role = '`+RoleQuarantined+`' AND user_id IN (SELECT user_id FROM `+given+`)
		AND NOT EXISTS (SELECT 1 FROM tenants_userprofile p WHERE p.tenant_id = tenantry_membership.tenant_id AND p.user_id = tenantry_membership.user_id)`,
		append([]any{tenant}, args...)...)
	return n, err
}

func countUnplaced(ctx context.Context, tx *sqldb.Tx, p Placement) (n int64, err error) {
	text, args := p.unplaced()
	err = tx.Get(ctx, `SELECT count(*)`+text, args, &n)
	return n, err
}

// placeAll makes the missing profiles and their memberships. Somebody who
// administers the tenant as a member is its administrator to Django too. That
// another process makes one of them at the same moment does no harm.
func placeAll(ctx context.Context, tx *sqldb.Tx, p Placement, now time.Time) (int64, error) {
	text, args := p.unplaced()
	made, err := tx.Exec(ctx, `INSERT INTO tenants_userprofile
		(user_id, tenant_id, phone, avatar, bio, language, timezone, notifications_enabled, is_tenant_admin, permissions, created_at, updated_at)
		SELECT u.id, ?, '', '', '', ?, ?, true,
			EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = ? AND m.user_id = u.id AND m.role IN ('`+RoleOwner+`', '`+RoleAdmin+`')),
			'{}', ?, ?`+text+` ON CONFLICT DO NOTHING`,
		append([]any{p.Tenant, p.Language, p.Timezone, p.Tenant, now, now}, args...)...)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tenantry_membership (tenant_id, user_id, role, created_at)
		SELECT p.tenant_id, p.user_id, '`+RoleQuarantined+`', p.created_at
		FROM tenants_userprofile p JOIN tenantry_user s ON s.user_id = p.user_id
		WHERE p.tenant_id = ? AND (? = 0 OR p.user_id > ? AND p.user_id <= ?)
			AND NOT EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = p.tenant_id AND m.user_id = p.user_id)
		ON CONFLICT DO NOTHING`, p.Tenant, p.Upto, p.After, p.Upto)
	return made, err
}

func deleteOfTenant(ctx context.Context, tx *sqldb.Tx, tenant tenantry.TenantKey) (profiles int64, err error) {
	if _, err := tx.Exec(ctx, `DELETE FROM tenantry_membership WHERE tenant_id = ?`, tenant); err != nil {
		return 0, err
	}
	return tx.Exec(ctx, `DELETE FROM tenants_userprofile WHERE tenant_id = ?`, tenant)
}

// fillMissing gives the people whom Django made their rows beside Django's, and
// the profiles that it made their memberships. The public id carries the time at
// which the person joined, so that ids sort by age whoever made them. It returns
// how many people it found; watch is told of them now and then.
func fillMissing(ctx context.Context, tx *sqldb.Tx, random io.Reader, watch func(done, total int64)) (int64, error) {
	type row struct {
		key    tenantry.UserKey
		joined time.Time
	}
	missing, err := sqldb.All(ctx, tx, func(r *sqldb.Rows) (m row, err error) {
		err = r.Scan(&m.key, &m.joined)
		return m, err
	}, `SELECT u.id, u.date_joined FROM auth_user u
		WHERE NOT EXISTS (SELECT 1 FROM tenantry_user s WHERE s.user_id = u.id) ORDER BY u.id`)
	if err != nil {
		return 0, err
	}
	if len(missing) > 0 {
		_, err = tx.Load(ctx, "tenantry_user", []string{"user_id", "public_id"}, func(yield func([]any) bool) {
			for i, m := range missing {
				if i%1000 == 0 {
					watch(int64(i), int64(len(missing)))
				}
				if !yield([]any{int64(m.key), tenantry.NewUserID(m.joined, random).String()}) {
					return
				}
			}
		})
		if err != nil {
			return 0, err
		}
	}
	// Profiles of people or tenants that do not exist have nobody to belong to.
	_, err = tx.Exec(ctx, `INSERT INTO tenantry_membership (tenant_id, user_id, role, created_at)
		SELECT p.tenant_id, p.user_id, CASE WHEN p.is_tenant_admin THEN '`+RoleAdmin+`' ELSE '`+RoleMember+`' END, p.created_at
		FROM tenants_userprofile p JOIN tenantry_user s ON s.user_id = p.user_id JOIN tenantry_tenant t ON t.tenant_id = p.tenant_id
		WHERE NOT EXISTS (SELECT 1 FROM tenantry_membership m WHERE m.tenant_id = p.tenant_id AND m.user_id = p.user_id)
		ON CONFLICT DO NOTHING`)
	return int64(len(missing)), err
}

func selectPassword(ctx context.Context, tx *sqldb.Tx, key tenantry.UserKey) (encoded string, err error) {
	err = tx.Get(ctx, `SELECT password FROM auth_user WHERE id = CAST(? AS bigint)`, []any{key}, &encoded)
	return encoded, err
}

// selectAddressed stops at a few: an address that many accounts share is nobody's
// own.
func selectAddressed(ctx context.Context, tx *sqldb.Tx, nameOrEmail string) ([]Person, error) {
	return sqldb.All(ctx, tx, scanPerson, selectPeople+` WHERE u.is_active AND u.email <> '' AND (u.username = ? OR lower(u.email) = ?)
		ORDER BY u.id LIMIT 5`, nameOrEmail, strings.ToLower(nameOrEmail))
}
