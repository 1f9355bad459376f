package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tenantry/tenantry"
)

// present makes a problem of every error that passes through huma: those of our
// handlers and those that huma finds in parameters by itself. Everything else
// goes out as it is.
func (a *API) present(ctx huma.Context, _ string, v any) (any, error) {
	var err error
	switch v := v.(type) {
	case *failure:
		err = v.err
	case *huma.ErrorModel:
		err = meaning(ctx.Operation(), v)
	default:
		return v, nil
	}
	r, w := humago.Unwrap(ctx)
	problem := a.problems.Of(r, err)
	a.problems.Prepare(w.Header(), problem)
	return problem, nil
}

// meaning gives huma's findings our codes. Its texts are English and made to be
// read; the parameter's schema says the rest.
func meaning(op *huma.Operation, m *huma.ErrorModel) error {
	if m.Status != http.StatusUnprocessableEntity {
		return tenantry.NewError(tenantry.Internal, "internal").Because(m)
	}
	var fields []tenantry.FieldError
	for _, e := range m.Errors {
		_, name, _ := strings.Cut(e.Location, ".")
		fields = append(fields, fieldMeaning(name, e.Message, schemaOf(op, name)))
	}
	return tenantry.NewError(tenantry.Invalid, "request.invalid").WithFields(fields...)
}

func fieldMeaning(name, message string, s *huma.Schema) tenantry.FieldError {
	switch {
	case s == nil:
		return tenantry.NewFieldError(name, "field.unknown")
	case s.Type == huma.TypeBoolean:
		return tenantry.NewFieldError(name, "field.not_boolean")
	case s.Type == huma.TypeInteger && strings.HasPrefix(message, "expected number") && s.Minimum != nil && s.Maximum != nil:
		return tenantry.NewFieldError(name, "field.out_of_range", "min", int64(*s.Minimum), "max", int64(*s.Maximum))
	case s.Type == huma.TypeInteger:
		return tenantry.NewFieldError(name, "field.not_integer")
	case len(s.Enum) > 0:
		return tenantry.NewFieldError(name, "field.not_one_of", "choices", s.Enum)
	case s.MaxLength != nil:
		return tenantry.NewFieldError(name, "field.too_long", "max", *s.MaxLength)
	}
	return tenantry.NewFieldError(name, "field.invalid")
}

func schemaOf(op *huma.Operation, name string) *huma.Schema {
	for _, p := range op.Parameters {
		if p.Name == name {
			return p.Schema
		}
	}
	return nil
}

var _ huma.ContentTypeFilter = (*failure)(nil)
