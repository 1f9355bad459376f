package app

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/config"
	"github.com/tenantry/tenantry/internal/base/locale"
	"github.com/tenantry/tenantry/internal/base/mail"
	"github.com/tenantry/tenantry/internal/base/web"
)

// Settings is everything that an operator may set. Load it with
// config.Load(&settings, Sources(…)).
type Settings struct {
	DataDir        string                `koanf:"data_dir" default:"tenantry-data" doc:"folder of the embedded database, files and logs"`
	Listen         string                `koanf:"listen" default:"127.0.0.1:8080" doc:"address of the API and the pages"`
	Proxies        []string              `koanf:"trusted_proxies" default:"127.0.0.0/8,::1/128" doc:"networks of proxies whose X-Forwarded-For is believed"`
	Lang           string                `koanf:"lang" doc:"language of messages, en or es; empty: the caller's"`
	Database       DatabaseSettings      `koanf:"database"`
	Operations     OperationsSettings    `koanf:"operations"`
	Log            LogSettings           `koanf:"log"`
	Tenants        TenantSettings        `koanf:"tenants"`
	Tokens         TokenSettings         `koanf:"tokens"`
	Passwords      PasswordSettings      `koanf:"passwords"`
	Migrations     MigrationSettings     `koanf:"migrations"`
	DataMigrations DataMigrationSettings `koanf:"data_migrations"`
	Integrity      IntegritySettings     `koanf:"integrity"`
	Sessions       SessionSettings       `koanf:"sessions"`
	Mail           MailSettings          `koanf:"mail"`
	PublicURL      string                `koanf:"public_url" doc:"address of the pages as people reach them, for links in mail; empty: http:// and listen"`
}

type DatabaseSettings struct {
	URL            tenantry.Secret `koanf:"url" secret:"url" doc:"sqlite:PATH or postgres://…; empty: SQLite in data_dir"`
	OwnerURL       tenantry.Secret `koanf:"owner_url" secret:"url" doc:"PostgreSQL as the role that owns the tables, for migrations; empty: url"`
	DirectURL      tenantry.Secret `koanf:"direct_url" secret:"url" doc:"PostgreSQL past any connection pooler, for LISTEN; empty: url"`
	MaxConnections int             `koanf:"max_connections" default:"10" doc:"most connections of the pool"`
}

type OperationsSettings struct {
	Listen string `koanf:"listen" default:"127.0.0.1:8081" doc:"address of health and metrics"`
}

type LogSettings struct {
	Level        string `koanf:"level" default:"info" doc:"least severe line in the main log: debug, info, warn or error"`
	Format       string `koanf:"format" default:"json" doc:"form of the main log: json or text"`
	SecurityFile string `koanf:"security_file" doc:"file of the channel tenants.security (LOGGING security_file); empty: logs/security.log in data_dir"`
	AuditFile    string `koanf:"audit_file" doc:"file of the channel tenants.access (LOGGING audit_file); empty: logs/audit.log in data_dir"`
}

type TenantSettings struct {
	DefaultModel            string        `koanf:"default_model" default:"gpt-3.5-turbo" doc:"model of a tenant that names none (TENANT_SETTINGS DEFAULT_MODEL)"`
	MaxAgentsPerTenant      int           `koanf:"max_agents_per_tenant" default:"50" doc:"ceiling of a tenant's max_agents (TENANT_SETTINGS MAX_AGENTS_PER_TENANT)"`
	MaxDocumentsPerTenant   int           `koanf:"max_documents_per_tenant" default:"10000" doc:"ceiling of a tenant's max_documents (TENANT_SETTINGS MAX_DOCUMENTS_PER_TENANT)"`
	MaxStorageMBPerTenant   int           `koanf:"max_storage_mb_per_tenant" default:"10000" doc:"ceiling of a tenant's max_storage_mb (TENANT_SETTINGS MAX_STORAGE_MB_PER_TENANT)"`
	EnableTenantIsolation   bool          `koanf:"enable_tenant_isolation" default:"true" doc:"tenants cannot see each other; false is refused on PostgreSQL (TENANT_SETTINGS ENABLE_TENANT_ISOLATION)"`
	AllowTenantRegistration bool          `koanf:"allow_tenant_registration" default:"false" doc:"anybody may ask for a tenant (TENANT_SETTINGS ALLOW_TENANT_REGISTRATION)"`
	RequireTenantApproval   bool          `koanf:"require_tenant_approval" default:"true" doc:"a registered tenant waits for an operator (TENANT_SETTINGS REQUIRE_TENANT_APPROVAL)"`
	DeleteGrace             time.Duration `koanf:"delete_grace" default:"30d" doc:"how long a deleted tenant can be brought back"`
}

type TokenSettings struct {
	ExpiryDays int    `koanf:"expiry_days" default:"365" doc:"days until a token's secret dies (TENANT_SETTINGS TOKEN_EXPIRY_DAYS)"`
	AIPrefix   string `koanf:"ai_prefix" default:"ai_" doc:"how tokens for AI services begin (TOKEN_SETTINGS AI_TOKEN_PREFIX)"`
	CWUPrefix  string `koanf:"cwu_prefix" default:"cwu_" doc:"how tokens for Chat With Us begin (TOKEN_SETTINGS CWU_TOKEN_PREFIX)"`
	Length     int    `koanf:"length" default:"32" doc:"random bytes in a token (TOKEN_SETTINGS TOKEN_LENGTH)"`
	Encrypt    bool   `koanf:"encrypt" default:"true" doc:"token columns hold ciphertext (TOKEN_SETTINGS ENCRYPT_TOKENS)"`
	RotateDays int    `koanf:"rotate_days" default:"90" doc:"days until a token is due for rotation (TOKEN_SETTINGS ROTATE_TOKENS_DAYS)"`

	Grace         time.Duration   `koanf:"grace" default:"24h" doc:"how long a rotated secret works beside its successor, unless that is used first"`
	IdleDays      int             `koanf:"idle_days" default:"0" doc:"days without use after which a secret dies; 0: never"`
	KeysetFile    string          `koanf:"keyset_file" doc:"file of the keys that seal token columns; empty: beside the SQLite file, or keyset.json in data_dir"`
	Keyset        tenantry.Secret `koanf:"keyset" secret:"all" doc:"the keys themselves, in place of a file"`
	KMS           string          `koanf:"kms_url" doc:"key that the keyset is wrapped with: hcvault://HOST/transit/keys/NAME"`
	CacheSize     int             `koanf:"cache_size" default:"1000000" doc:"most tokens that verification remembers"`
	CacheLifetime time.Duration   `koanf:"cache_lifetime" default:"5m" doc:"how long a remembered token is believed without looking"`
	Silence       time.Duration   `koanf:"silence" default:"5s" doc:"how long changes may go unheard of before nothing remembered is believed"`
	Reconcile     time.Duration   `koanf:"reconcile" default:"1m" doc:"how often token columns are compared with what is known, for a Django process may write them"`
}

type PasswordSettings struct {
	Iterations int `koanf:"iterations" default:"600000" doc:"PBKDF2 rounds of new password hashes"`
}

type MigrationSettings struct {
	Lease       time.Duration   `koanf:"lease" default:"15s" doc:"how long a migrating process that was killed keeps others waiting"`
	LockTimeout time.Duration   `koanf:"lock_timeout" default:"5s" doc:"how long a migration waits for a lock on PostgreSQL before it tries again"`
	Dir         string          `koanf:"dir" doc:"folder of your own apps' schemas and migrations; empty: none"`
	DevDatabase tenantry.Secret `koanf:"dev_database" secret:"url" doc:"PostgreSQL server for scratch databases, on which makemigrations and --drift work; empty: that of database.url"`
}

type DataMigrationSettings struct {
	Dir         string        `koanf:"dir" default:"" doc:"folder of your own data migrations, NAME.sql; empty: none"`
	Lease       time.Duration `koanf:"lease" default:"15s" doc:"how long the part of a process that was killed waits for another"`
	Timeout     time.Duration `koanf:"timeout" default:"1m" doc:"how long one transaction of a data migration may take"`
	Transaction time.Duration `koanf:"transaction" default:"100ms" doc:"how long one is to take: groups grow and shrink with it"`
	Rest        int           `koanf:"rest" default:"10" doc:"per cent of the time in which a data migration leaves the database to others"`
}

type IntegritySettings struct {
	Hour int `koanf:"hour" default:"3" doc:"hour of the day, in UTC, at which one of the servers checks all data; -1: never"`
}

type SessionSettings struct {
	Lifetime time.Duration `koanf:"lifetime" default:"14d" doc:"how long somebody stays signed in at most"`
	Idle     time.Duration `koanf:"idle" default:"24h" doc:"how long somebody stays signed in without doing anything"`
}

type MailSettings struct {
	URL  tenantry.Secret `koanf:"url" secret:"url" default:"file:" doc:"how mail goes out: smtp://USER:PASSWORD@HOST:PORT, smtps://…, or file: for files in mail in data_dir"`
	From string          `koanf:"from" default:"Tenantry <no-reply@localhost>" doc:"whom mail comes from"`
}

// Sources says where settings come from: file as given with --config, else the
// one that TENANTRY_CONFIG names, else ./tenantry.toml if there is one; then
// env, as os.Environ gives it; then the flags that were given.
func Sources(file string, env []string, flags []config.Given) config.Sources {
	const prefix = "TENANTRY_"
	if file == "" {
		for _, pair := range env {
			if named, ok := strings.CutPrefix(pair, prefix+"CONFIG="); ok {
				file = named
			}
		}
	}
	from := config.Sources{
		File: file, FileRequired: file != "", Env: env, EnvPrefix: prefix, Flags: flags,
		// Kubernetes and Docker describe a service called "tenantry" to every
		// container beside it in variables that look like settings.
		EnvIgnore: []string{prefix + "CONFIG", prefix + "TEST_*", prefix + "SERVICE_*", prefix + "PORT", prefix + "PORT_*"},
	}
	if file == "" {
		from.File = "tenantry.toml"
	}
	return from
}

// SecurityLog is the file of the channel tenants.security.
func (s Settings) SecurityLog() string { return s.logFile(s.Log.SecurityFile, "security.log") }

// AccessLog is the file of the channel tenants.access.
func (s Settings) AccessLog() string { return s.logFile(s.Log.AuditFile, "audit.log") }

// pages is where people reach the pages.
func (s Settings) pages() string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	return "http://" + s.Listen
}

func (s Settings) logFile(set, name string) string {
	if set != "" {
		return set
	}
	return filepath.Join(s.DataDir, "logs", name)
}

// SlogLevel is the level of the main log; INFO if it is not a valid one.
func (l LogSettings) SlogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// Validate finds the first setting that makes no sense, alone or beside the
// others. The error is Usage, "config.bad_value", and names its key;
// config.Load calls this and adds where the value came from.
func (s Settings) Validate() error {
	const anyURL, postgresURL = "sqlite:PATH | postgres://USER:PASSWORD@HOST/NAME", "postgres://USER:PASSWORD@HOST/NAME"
	const address = "HOST:PORT"
	expiry := fmt.Sprintf("1 … tokens.expiry_days (%d)", s.Tokens.ExpiryDays)

	for _, r := range []rule{
		{"data_dir", s.DataDir, s.DataDir != "", "PATH"},
		{"listen", s.Listen, isAddress(s.Listen), address},
		{"operations.listen", s.Operations.Listen, isAddress(s.Operations.Listen), address},
		{"operations.listen", s.Operations.Listen, s.Listen != s.Operations.Listen || isAnyPort(s.Listen), "≠ listen"},
		{"lang", s.Lang, s.Lang == "" || isOurs(s.Lang), strings.Join(locale.Languages(), " | ")},
		{"database.url", s.Database.URL, isSQLite(s.Database.URL) || isPostgres(s.Database.URL) || s.Database.URL.Empty(), anyURL},
		{"database.owner_url", s.Database.OwnerURL, isPostgres(s.Database.OwnerURL) || s.Database.OwnerURL.Empty(), postgresURL},
		{"database.direct_url", s.Database.DirectURL, isPostgres(s.Database.DirectURL) || s.Database.DirectURL.Empty(), postgresURL},
		atLeast("data_migrations.lease", s.DataMigrations.Lease, time.Second),
		atLeast("data_migrations.timeout", s.DataMigrations.Timeout, time.Second),
		atLeast("data_migrations.transaction", s.DataMigrations.Transaction, time.Millisecond),
		within("data_migrations.rest", s.DataMigrations.Rest, 0, 90),
		{"migrations.dev_database", s.Migrations.DevDatabase, isPostgres(s.Migrations.DevDatabase) || s.Migrations.DevDatabase.Empty(), postgresURL},
		within("database.max_connections", s.Database.MaxConnections, 1, 10000),
		oneOf("log.level", s.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", s.Log.Format, "json", "text"),
		{"log.audit_file", s.Log.AuditFile, s.AccessLog() != s.SecurityLog(), "≠ log.security_file"},
		{"tenants.default_model", s.Tenants.DefaultModel, s.Tenants.DefaultModel != "" && len([]rune(s.Tenants.DefaultModel)) <= 100, "gpt-3.5-turbo, gpt-4, …"},
		// The ceilings bound columns that are 32-bit integers in Django's tables.
		within("tenants.max_agents_per_tenant", s.Tenants.MaxAgentsPerTenant, 0, math.MaxInt32),
		within("tenants.max_documents_per_tenant", s.Tenants.MaxDocumentsPerTenant, 0, math.MaxInt32),
		within("tenants.max_storage_mb_per_tenant", s.Tenants.MaxStorageMBPerTenant, 0, math.MaxInt32),
		{"tenants.enable_tenant_isolation", false, s.Tenants.EnableTenantIsolation || !isPostgres(s.Database.URL), "true"},
		atLeast("tenants.delete_grace", s.Tenants.DeleteGrace, 0),
		within("tokens.expiry_days", s.Tokens.ExpiryDays, 1, 36500),
		{"tokens.rotate_days", s.Tokens.RotateDays, s.Tokens.RotateDays >= 1 && s.Tokens.RotateDays <= s.Tokens.ExpiryDays, expiry},
		{"tokens.ai_prefix", s.Tokens.AIPrefix, isTokenPrefix(s.Tokens.AIPrefix), "ai_"},
		{"tokens.cwu_prefix", s.Tokens.CWUPrefix, isTokenPrefix(s.Tokens.CWUPrefix), "cwu_"},
		{"tokens.cwu_prefix", s.Tokens.CWUPrefix, !strings.HasPrefix(s.Tokens.CWUPrefix, s.Tokens.AIPrefix) && !strings.HasPrefix(s.Tokens.AIPrefix, s.Tokens.CWUPrefix), "≠ tokens.ai_prefix"},
		// 16 bytes cannot be guessed; of more than 96 the ciphertext would not fit
		// into the column's 255 characters.
		within("tokens.length", s.Tokens.Length, 16, 96),
		within("passwords.iterations", s.Passwords.Iterations, 1000, math.MaxInt32),
		atLeast("migrations.lease", s.Migrations.Lease, time.Second),
		atLeast("migrations.lock_timeout", s.Migrations.LockTimeout, time.Millisecond),
		atLeast("tokens.grace", s.Tokens.Grace, 0),
		within("tokens.idle_days", s.Tokens.IdleDays, 0, 36500),
		{"tokens.keyset_file", s.Tokens.KeysetFile, s.Tokens.KeysetFile == "" || s.Tokens.Keyset.Empty(), "≠ tokens.keyset"},
		within("tokens.cache_size", s.Tokens.CacheSize, 1, 100_000_000),
		atLeast("tokens.cache_lifetime", s.Tokens.CacheLifetime, time.Second),
		atLeast("tokens.silence", s.Tokens.Silence, time.Second),
		within("integrity.hour", s.Integrity.Hour, -1, 23),
		atLeast("tokens.reconcile", s.Tokens.Reconcile, time.Second),
		{"mail.url", s.Mail.URL, mail.IsURL(s.Mail.URL), "file: | smtp://USER:PASSWORD@HOST:PORT | smtps://USER:PASSWORD@HOST:PORT"},
		{"mail.from", s.Mail.From, mail.IsAddress(s.Mail.From), "Tenantry <no-reply@example.com>"},
		{"public_url", s.PublicURL, s.PublicURL == "" || strings.HasPrefix(s.PublicURL, "https://") || strings.HasPrefix(s.PublicURL, "http://"), "https://HOST"},
		atLeast("sessions.lifetime", s.Sessions.Lifetime, time.Minute),
		atLeast("sessions.idle", s.Sessions.Idle, 2*time.Minute), // seen_at is kept to the minute
		{"trusted_proxies", strings.Join(s.Proxies, ","), networksOf(s.Proxies) != nil || len(s.Proxies) == 0, "10.0.0.0/8, …"},
	} {
		if !r.ok {
			return tenantry.NewError(tenantry.Usage, "config.bad_value", "where", "settings", "key", r.key, "value", r.value, "expected", r.expected)
		}
	}
	return nil
}

// rule is one thing that holds of a sensible value of a key.
type rule struct {
	key      string
	value    any
	ok       bool
	expected string
}

func within(key string, n, least, most int) rule {
	return rule{key, n, least <= n && n <= most, fmt.Sprintf("%d … %d", least, most)}
}

func atLeast(key string, d, least time.Duration) rule {
	return rule{key, config.FormatDuration(d), d >= least, "≥ " + config.FormatDuration(least)}
}

func oneOf(key, value string, choices ...string) rule {
	return rule{key, value, slices.Contains(choices, value), strings.Join(choices, " | ")}
}

// isTokenPrefix keeps prefixes short and readable in URLs, headers and logs.
func isTokenPrefix(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	name, ok := strings.CutSuffix(s, "_")
	return ok && name != "" && len(name) <= 15 && strings.Trim(name, letters) == ""
}

// networksOf reads networks in CIDR form, nil if one is none.
func networksOf(texts []string) web.Proxies {
	all := make(web.Proxies, 0, len(texts))
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil
		}
		all = append(all, p)
	}
	return all
}

func isSQLite(url tenantry.Secret) bool {
	path, ok := strings.CutPrefix(url.Reveal(), "sqlite:")
	return ok && path != ""
}

func isPostgres(url tenantry.Secret) bool {
	scheme, _, ok := strings.Cut(url.Reveal(), "://")
	return ok && (scheme == "postgres" || scheme == "postgresql")
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isAnyPort reports whether the system chooses the port, which it does anew
// for every listener.
func isAnyPort(s string) bool { return strings.HasSuffix(s, ":0") }

func isOurs(lang string) bool {
	_, matched := locale.Match(lang)
	return matched
}
