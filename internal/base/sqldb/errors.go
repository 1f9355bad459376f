package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/tenantry/tenantry"
)

// meaning turns a driver's error into one of ours by its code, never by its
// text. What has a meaning already passes unchanged.
func meaning(err error) error {
	var known *tenantry.Error
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, pgx.ErrNoRows):
		return tenantry.NewError(tenantry.NotFound, "database.no_rows").Because(err)
	case errors.As(err, &lite):
		return sqliteMeaning(lite)
	case errors.As(err, &pg):
		return postgresMeaning(pg, err)
	case errors.As(err, &connect):
		return tenantry.NewError(tenantry.Unavailable, "database.down", "address", connectAddress(connect)).Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return tenantry.NewError(tenantry.Busy, "database.timeout").Because(err)
	case errors.As(err, &network), pgconn.SafeToRetry(err), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrUnexpectedEOF):
		return tenantry.NewError(tenantry.Unavailable, "database.lost").Because(err)
	}
	return err
}

func connectAddress(e *pgconn.ConnectError) string {
	if e.Config == nil {
		return ""
	}
	return e.Config.Host
}

// https://www.sqlite.org/rescode.html: the low byte is the primary code.
func sqliteMeaning(e *sqlite.Error) error {
	fail := func(kind tenantry.Kind, code string, params ...any) error {
		return tenantry.NewError(kind, code, params...).Because(e)
	}
	switch e.Code() {
	case 2067, 1555, 2579: // UNIQUE, PRIMARYKEY, ROWID
		return fail(tenantry.Conflict, "database.unique", "constraint", afterColon(e.Error()))
	case 787: // FOREIGNKEY
		return fail(tenantry.Conflict, "database.foreign_key", "constraint", "")
	case 275, 1299, 3091: // CHECK, NOTNULL, DATATYPE
		return fail(tenantry.Invalid, "database.bad_value")
	}
	switch e.Code() & 0xff {
	case 5, 6: // BUSY, LOCKED
		return fail(tenantry.Busy, "database.busy")
	case 18, 20: // TOOBIG, MISMATCH
		return fail(tenantry.Invalid, "database.bad_value")
	case 8: // READONLY
		return fail(tenantry.Unavailable, "database.readonly")
	case 10, 13: // IOERR, FULL
		return fail(tenantry.Unavailable, "database.disk")
	case 11, 26: // CORRUPT, NOTADB
		return fail(tenantry.Unavailable, "database.damaged")
	case 14: // CANTOPEN
		return fail(tenantry.Unavailable, "database.cannot_open")
	case 9: // INTERRUPT: the context ended
		return fail(tenantry.Busy, "database.timeout")
	}
	return e
}

// afterColon returns "table.column" from "… UNIQUE constraint failed: table.column (2067)".
func afterColon(message string) string {
	i := strings.LastIndex(message, ": ")
	if i < 0 {
		return ""
	}
	name, _, _ := strings.Cut(message[i+2:], " (")
	return name
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
func postgresMeaning(e *pgconn.PgError, err error) error {
	fail := func(kind tenantry.Kind, code string, params ...any) error {
		return tenantry.NewError(kind, code, params...).Because(err)
	}
	switch e.Code {
	case "23505":
		return fail(tenantry.Conflict, "database.unique", "constraint", e.ConstraintName)
	case "23503":
		return fail(tenantry.Conflict, "database.foreign_key", "constraint", e.ConstraintName)
	case "23502", "23514", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05":
		return fail(tenantry.Invalid, "database.bad_value")
	case "42P06", "42P07", "42710":
		// IF NOT EXISTS looks before it waits: the loser of a race still fails.
		return fail(tenantry.Conflict, "database.exists", "message", e.Message)
	case "40001", "40P01":
		return fail(tenantry.Busy, "database.deadlock")
	case "55P03", "53300":
		return fail(tenantry.Busy, "database.busy")
	case "57014":
		return fail(tenantry.Busy, "database.timeout")
	case "42501":
		return fail(tenantry.Unavailable, "database.permission", "message", e.Message)
	case "28P01", "28000":
		return fail(tenantry.Unavailable, "database.refused", "message", e.Message)
	case "3D000":
		return fail(tenantry.Unavailable, "database.missing", "message", e.Message)
	case "25006":
		return fail(tenantry.Unavailable, "database.readonly")
	case "53100", "53200":
		return fail(tenantry.Unavailable, "database.disk")
	case "57P01", "57P02", "57P03":
		return fail(tenantry.Unavailable, "database.lost")
	}
	if strings.HasPrefix(e.Code, "08") {
		return fail(tenantry.Unavailable, "database.lost")
	}
	return err
}

// retryable tells whether running the transaction again may help: the engine
// chose it as the victim of a deadlock or of serialization.
func retryable(err error) bool {
	// Not errors.As: a room may have put an error of its own around it.
	return errors.Is(err, &tenantry.Error{Kind: tenantry.Busy, Code: "database.deadlock"})
}
