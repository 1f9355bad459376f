package user_test

import (
	"testing"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/feature/user"
)

func TestAccountsAreChangedByWhoeverHoldsAsMuch(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx, acme := t.Context(), h.tenant(t, "acme")
		ana, boss := h.person(t, "ana", acme), h.person(t, "boss", acme)
		must(h.users.AddMember(ctx, operator, acme, user.ByKey(boss.Key), "owner"))(t)
		admin := insider(acme, "admin")
		changed := must(h.users.Update(ctx, admin, user.ByKey(ana.Key), user.AccountChange{Email: to("Ana@EXAMPLE.com")}, ana.ETag()))(t)
		if changed.Email != "Ana@example.com" || changed.FirstName != ana.FirstName {
			t.Errorf("%+v", changed)
		}
		_, err := h.users.Update(ctx, admin, user.ByKey(ana.Key), user.AccountChange{FirstName: to("A")}, ana.ETag())
		wantError(t, err, "user.stale", "")
		// An owner's password or address would make an owner of the admin.
		_, err = h.users.Update(ctx, admin, user.ByKey(boss.Key), user.AccountChange{Email: to("mine@example.com")}, "")
		wantError(t, err, "user.holds_more", "")
		err = h.users.SetPassword(ctx, admin, user.ByKey(boss.Key), tenantry.NewSecret("una-clave-larga"))
		wantError(t, err, "user.holds_more", "")
		_, err = h.users.Deactivate(ctx, admin, user.ByKey(boss.Key))
		wantError(t, err, "user.holds_more", "")
		fine(t, h.users.SetPassword(ctx, insider(acme, "owner"), user.ByKey(boss.Key), tenantry.NewSecret("una-clave-larga")))
	})
}
