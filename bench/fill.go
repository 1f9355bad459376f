package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/sqldb"
)

// filledDatabase is a database of tenants that have both tokens: secret(0) and secret(1)
// are the first one's, and so on.
type filledDatabase struct {
	database
	tokens []tenantry.TokenID
}

// secret is the n-th token, which every process of a run works out for itself:
// text as the product makes it, of a randomness that is none.
func secret(n int) string {
	prefix := "ai_"
	if n%2 == 1 {
		prefix = "cwu_"
	}
	raw := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("bench"), uint64(n)))
	text := prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(text))
	var tail [6]byte
	for i := range tail {
		tail[5-i], sum = digits[sum%62], sum/62
	}
	return text + string(tail[:])
}

// filled makes a database with so many tokens, once in a run. Whoever changes it
// works on a copy.
func (b *bench) filled(ctx context.Context, engine sqldb.Engine, tokens int) (filledDatabase, error) {
	name := fmt.Sprint(engine, tokens)
	if f, there := b.fills[name]; there {
		return f, nil
	}
	d, err := b.migrated(ctx, engine)
	if err != nil {
		return filledDatabase{}, err
	}
	f := filledDatabase{database: d}
	now := time.Now().UTC()
	for range tokens {
		f.tokens = append(f.tokens, tenantry.NewTokenID(now, rand.Reader))
	}
	b.fills[name] = f
	db, err := sqldb.OpenOwner(ctx, sqldb.Options{URL: d.url, Access: sqldb.MustExist})
	if err != nil {
		return f, err
	}
	defer db.Close()
	return f, db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, t := range f.tables(now) {
			if _, err := tx.Load(ctx, t.name, t.columns, func(yield func([]any) bool) {
				for i := range t.rows {
					if !yield(t.row(i)) {
						return
					}
				}
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bench) dropFilled() {
	for _, f := range b.fills {
		f.drop()
	}
}

type table struct {
	name    string
	columns []string
	rows    int
	row     func(i int) []any
}

func (f filledDatabase) tables(now time.Time) []table {
	n := len(f.tokens)
	tenantOf := func(i int) int64 { return int64(i/2 + 1) }
	kinds, expires := [2]string{"ai", "cwu"}, now.AddDate(1, 0, 0)
	return []table{
		{"tenants_tenantmodel", []string{"id", "name", "description", "model", "ai_token", "cwu_token", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at"}, n / 2,
			func(i int) []any {
				return []any{int64(i + 1), fmt.Sprintf("Tenant %07d — Ñandú", i), "", "gpt-4", secret(2 * i), secret(2*i + 1), sqldb.JSON(`{}`), true, 10, 1000, 1000, now, now}
			}},
		{"tenantry_tenant", []string{"tenant_id", "public_id", "status", "status_reason", "status_at", "approved_by"}, n / 2,
			func(i int) []any {
				return []any{int64(i + 1), tenantry.NewTenantID(now, rand.Reader).String(), "active", "", now, ""}
			}},
		{"tenantry_token", []string{"tenant_id", "token_id", "kind", "home", "current_version", "created_at", "created_by"}, n,
			func(i int) []any {
				return []any{tenantOf(i), f.tokens[i].String(), kinds[i%2], true, int64(1), now, "bench"}
			}},
		{"tenantry_token_version", []string{"tenant_id", "token_id", "version", "digest", "display", "created_at", "expires_at"}, n,
			func(i int) []any {
				digest := sha256.Sum256([]byte(secret(i)))
				return []any{tenantOf(i), f.tokens[i].String(), int64(1), digest[:], tenantry.NewSecret(secret(i)).Display(), now, expires}
			}},
		{"tenantry_token_digest", []string{"digest", "tenant_id", "token_id", "version", "ambiguous"}, n,
			func(i int) []any {
				digest := sha256.Sum256([]byte(secret(i)))
				return []any{digest[:], tenantOf(i), f.tokens[i].String(), int64(1), false}
			}},
	}
}
