package tenant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/feature/audit"
)

// ConfigurationSchema is by what configurations of a type are judged when they are
// written: JSON Schema, draft 2020-12. What was stored before stays.
type ConfigurationSchema struct {
	Type      string
	Schema    sqldb.JSON
	UpdatedAt time.Time
	UpdatedBy string
}

// Schemas lists the schemas of all types that have one.
func (s *Configurations) Schemas(ctx context.Context, scope tenantry.Scope) (all []ConfigurationSchema, err error) {
	if err := scope.Require(tenantry.ConfigurationRead); err != nil {
		return nil, err
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		all, err = selectSchemas(ctx, tx, "")
		return err
	})
	return all, err
}

// Schema reads the schema of a type.
func (s *Configurations) Schema(ctx context.Context, scope tenantry.Scope, name string) (c ConfigurationSchema, err error) {
	if err := scope.Require(tenantry.ConfigurationRead); err != nil {
		return c, err
	}
	if validateType(name) != nil {
		return c, noSchema()
	}
	err = s.db.As(scope).Read(ctx, func(tx *sqldb.Tx) error {
		found, err := selectSchemas(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return noSchema()
		}
		c = found[0]
		return nil
	})
	return c, err
}

// PutSchema gives a type its schema, or another one.
func (s *Configurations) PutSchema(ctx context.Context, scope tenantry.Scope, name string, schema sqldb.JSON) (c ConfigurationSchema, err error) {
	if err := scope.RequirePlatform(tenantry.ConfigurationWrite); err != nil {
		return c, err
	}
	if err := validateType(name); err != nil {
		return c, err
	}
	if err := validateDocument("schema", schema); err != nil {
		return c, err
	}
	if _, err := compile(schema); err != nil {
		return c, badConfiguration("schema", "configuration.bad_schema", "reason", schemaFault(err))
	}
	c = ConfigurationSchema{Type: name, Schema: schema, UpdatedAt: s.clock(), UpdatedBy: scope.Actor().Name}
	err = s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		if err := upsertSchema(ctx, tx, c); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "configuration.schema_set", Subject: name})
	})
	return c, err
}

// DeleteSchema lets configurations of a type be whatever they like.
func (s *Configurations) DeleteSchema(ctx context.Context, scope tenantry.Scope, name string) error {
	if err := scope.RequirePlatform(tenantry.ConfigurationWrite); err != nil {
		return err
	}
	if validateType(name) != nil {
		return noSchema()
	}
	return s.db.As(scope).Write(ctx, func(tx *sqldb.Tx) error {
		n, err := deleteSchema(ctx, tx, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return noSchema()
		}
		return s.audit.Record(ctx, tx, scope, audit.Event{Action: "configuration.schema_deleted", Subject: name})
	})
}

func noSchema() error {
	return tenantry.NewError(tenantry.NotFound, "configuration.schema_not_found")
}

// judge holds a configuration against the schema of its type.
func (s *Configurations) judge(ctx context.Context, tx *sqldb.Tx, name string, data sqldb.JSON) error {
	found, err := selectSchemas(ctx, tx, name)
	if err != nil || len(found) == 0 {
		return err
	}
	schema, err := compile(found[0].Schema)
	if err != nil {
		return err
	}
	v, err := document(data)
	if err != nil {
		return err
	}
	var broken *jsonschema.ValidationError
	if err = schema.Validate(v); !errors.As(err, &broken) {
		return err
	}
	var wrong []tenantry.FieldError
	violations(broken, &wrong)
	return tenantry.NewError(tenantry.Invalid, "configuration.invalid").WithFields(wrong...)
}

// nowhere loads nothing: what a schema refers to is in it, or one of the drafts
// that the library has.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not loaded", url)
}

// compile makes a schema ready. Go's regular expressions take linear time, so a
// pattern cannot hold up a process.
func compile(text sqldb.JSON) (*jsonschema.Schema, error) {
	v, err := document(text)
	if err != nil {
		return nil, err
	}
	const here = "urn:tenantry:schema"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	if err := c.AddResource(here, v); err != nil {
		return nil, err
	}
	return c.Compile(here)
}

// schemaFault is the first line of what the library says, whose words are English.
func schemaFault(err error) string {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		err = invalid.Err
	}
	lines := strings.Split(err.Error(), "\n")
	return shorten(strings.TrimPrefix(lines[min(1, len(lines)-1)], "- "))
}

// violations says of every place what is wrong there; the field is a JSON pointer
// into the configuration.
func violations(e *jsonschema.ValidationError, wrong *[]tenantry.FieldError) {
	const most = 20
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			violations(cause, wrong)
		}
		return
	}
	if len(*wrong) >= most {
		return
	}
	at := "data"
	if len(e.InstanceLocation) > 0 {
		at = pointer(e.InstanceLocation)
	}
	add := func(field, code string, params ...any) {
		*wrong = append(*wrong, tenantry.NewFieldError(field, code, params...))
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add(pointer(e.InstanceLocation)+"/"+pointerPart(name), "field.required")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(pointer(e.InstanceLocation)+"/"+pointerPart(name), "field.unknown")
		}
	case *kind.Type:
		add(at, "configuration.wrong_type", "want", strings.Join(k.Want, ", "), "got", k.Got)
	case *kind.Enum:
		add(at, "field.not_one_of", "choices", k.Want)
	default:
		keyword := "schema"
		if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
			keyword = path[len(path)-1]
		}
		add(at, "configuration.violates", "keyword", keyword)
	}
}

func pointer(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + pointerPart(part))
	}
	return b.String()
}
