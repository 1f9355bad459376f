package sqldbtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// LoadPostgres gives a database filled from scripts as pg_dump writes them in
// plain text, one after the other on one connection. Nothing of psql is needed:
// its backslash commands are passed over and COPY … FROM stdin blocks are sent
// as such.
func LoadPostgres(t testing.TB, scripts ...string) Database {
	t.Helper()
	d := server(t).create(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgconn.Connect(ctx, d.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, path := range scripts {
		if err := runFile(ctx, conn, path); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		// A dump empties the search path for what follows on the connection.
		if err := conn.Exec(ctx, `RESET ALL`).Close(); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func runFile(ctx context.Context, conn *pgconn.PgConn, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return runDump(ctx, conn, f)
}

var copyLine = regexp.MustCompile(`^COPY .* FROM stdin;$`)

func runDump(ctx context.Context, conn *pgconn.PgConn, dump io.Reader) error {
	in := bufio.NewReader(dump)
	var statements strings.Builder
	flush := func() error {
		text := statements.String()
		statements.Reset()
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return conn.Exec(ctx, text).Close()
	}
	for {
		line, err := in.ReadString('\n')
		if line == "" && err == io.EOF {
			return flush()
		}
		if err != nil && err != io.EOF {
			return err
		}
		text := strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(text, `\`):
			// psql's own: \restrict, \unrestrict, \connect
		case copyLine.MatchString(text):
			if err := flush(); err != nil {
				return err
			}
			block := &copyBlock{in: in}
			if _, err := conn.CopyFrom(ctx, block, text); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		default:
			statements.WriteString(line)
		}
	}
}

// copyBlock reads the lines of a COPY block up to its end mark, which it takes
// away.
type copyBlock struct {
	in   *bufio.Reader
	rest []byte
	done bool
}

func (b *copyBlock) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.done {
			return 0, io.EOF
		}
		line, err := b.in.ReadBytes('\n')
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if text := strings.TrimRight(string(line), "\r\n"); text == `\.` {
			b.done = true
			return 0, io.EOF
		}
		b.rest = line
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}
