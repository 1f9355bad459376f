package tenant

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// The lengths of the catalogue's columns.
const (
	modelLength    = 100
	labelLength    = 255
	providerLength = 50
)

// AddModel puts a model into the catalogue, behind those that are there.
func (s *Service) AddModel(ctx context.Context, scope tenantry.Scope, m Model) (Model, error) {
	return s.saveModel(ctx, scope, m, "model.added", insertModel)
}

// ReplaceModel writes everything of a model but its name. Tenants that have one
// which is switched off keep it; no other is given it.
func (s *Service) ReplaceModel(ctx context.Context, scope tenantry.Scope, m Model) (Model, error) {
	return s.saveModel(ctx, scope, m, "model.changed", updateModel)
}

func (s *Service) saveModel(ctx context.Context, scope tenantry.Scope, m Model, action string, save func(context.Context, *sqldb.Tx, Model) error) (Model, error) {
	if err := scope.RequirePlatform(tenantry.TenantsWrite); err != nil {
		return m, err
	}
	if err := m.validate(); err != nil {
		return m, err
	}
	return m, s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := save(ctx, tx, m); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: action, Subject: m.Name,
			Detail: map[string]any{"label": m.Label, "provider": m.Provider, "enabled": m.Enabled}})
	})
}

func (m Model) validate() error {
	var wrong []tenantry.FieldError
	for _, f := range []struct {
		name, value string
		most        int
	}{{"name", m.Name, modelLength}, {"label", m.Label, labelLength}, {"provider", m.Provider, providerLength}} {
		switch {
		case f.value == "":
			wrong = append(wrong, tenantry.NewFieldError(f.name, "field.required"))
		case utf8.RuneCountInString(f.value) > f.most:
			wrong = append(wrong, tenantry.NewFieldError(f.name, "field.too_long", "max", f.most))
		case !printable(f.value, false):
			wrong = append(wrong, tenantry.NewFieldError(f.name, "field.not_text"))
		case strings.TrimSpace(f.value) != f.value:
			wrong = append(wrong, tenantry.NewFieldError(f.name, "field.outer_space"))
		}
	}
	if len(wrong) > 0 {
		return tenantry.NewError(tenantry.Invalid, "catalogue.invalid").WithFields(wrong...)
	}
	return nil
}

func insertModel(ctx context.Context, tx *sqldb.Tx, m Model) error {
	err := addModel(ctx, tx, m)
	if tenantry.KindOf(err) == tenantry.Conflict {
		return tenantry.NewError(tenantry.Conflict, "catalogue.exists", "name", m.Name).Because(err)
	}
	return err
}

func updateModel(ctx context.Context, tx *sqldb.Tx, m Model) error {
	n, err := replaceModel(ctx, tx, m)
	if err == nil && n == 0 {
		return tenantry.NewError(tenantry.NotFound, "catalogue.not_found")
	}
	return err
}
