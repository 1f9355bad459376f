// Package client asks a Tenantry service whose a token is and what it may do, and
// puts that question before an http.Handler.
//
// It remembers answers, and believes none for longer than a second (Bound): a
// token that was revoked is refused after that at the latest, counted from when
// the service knows of it. When the service cannot be reached within that second
// nothing is valid.
package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/tenantry/tenantry"
)

// Bound is how long an answer is believed at most, counted from before it was
// asked for. An answer that takes longer than this to arrive is none.
const Bound = time.Second

// brief is the same for an answer other than VALID: who mends what was wrong
// should not have to wait.
const brief = Bound / 4

// longestToken is longer than any token is.
const longestToken = 1000

// defaultSize is how many answers are remembered.
const defaultSize = 10_000

// ErrUnavailable is what every error of Verify wraps: nobody can tell whether the
// token is valid. Treat it as if it were not.
var ErrUnavailable = errors.New("tenantry: the service cannot be asked")

// Code is the outcome of a verification, as the API gives it.
type Code string

const (
	Valid           Code = "VALID"
	NotFound        Code = "NOT_FOUND" // nobody's, or not of the tenant that was asked about
	Malformed       Code = "MALFORMED"
	Disabled        Code = "DISABLED" // the tenant is not yet approved, in quarantine, or on its way out
	Expired         Code = "EXPIRED"
	Revoked         Code = "REVOKED"
	TenantSuspended Code = "TENANT_SUSPENDED"
	Forbidden       Code = "FORBIDDEN"    // valid, but not for this: another kind, permission or address
	RateLimited     Code = "RATE_LIMITED" // whoever asks has asked about too many bad tokens
	UsageExceeded   Code = "USAGE_EXCEEDED"
)

// Question is what is asked besides whether the token is valid; zero values ask
// nothing.
type Question struct {
	Kind       string            // "ai" or "cwu"
	Tenant     tenantry.TenantID // the token must be this tenant's
	Permission string            // what the token is to be used for
	// Address is where the token was presented. Without one the service takes it to
	// be where the question comes from, and a token that is limited to other
	// addresses is FORBIDDEN.
	Address netip.Addr
}

// Verdict is what the service says of a token. Everything but Code is empty for
// what is no token of anybody's. Its Permissions are shared: read only.
type Verdict struct {
	Code        Code
	Reason      string // of REVOKED and some EXPIRED
	Tenant      tenantry.TenantID
	TenantName  string
	Token       tenantry.TokenID
	Version     int64
	Kind        string
	Permissions []string
	Model       string
	Limits      Limits
	ExpiresAt   time.Time // when the token ends if nobody does anything; zero is never
}

// Limits are those of the token's tenant.
type Limits struct {
	MaxAgents    int64 `json:"max_agents"`
	MaxDocuments int64 `json:"max_documents"`
	MaxStorageMB int64 `json:"max_storage_mb"`
}

// Valid tells whether the token may be used for what was asked.
func (v Verdict) Valid() bool { return v.Code == Valid }

// May tells whether the token is valid and has a permission.
func (v Verdict) May(permission string) bool {
	return v.Valid() && slices.Contains(v.Permissions, permission)
}

// Client asks one service. Make one and share it: any number of goroutines may
// use it at once.
type Client struct {
	base    *url.URL
	http    http.Client
	key     func() tenantry.Secret // not the key itself: fmt shows what is in fields
	address func(*http.Request) netip.Addr
	size    int
	maxAge  time.Duration
	now     func() time.Time // whose readings carry the monotonic clock
	memory  *memory
}

// Option changes what New makes.
type Option func(*Client)

// WithKey lets the client say who it is. Without an operator's key the service
// counts failures against the address that asks, and after too many it looks up
// nothing for it that it does not remember.
func WithKey(key tenantry.Secret) Option {
	return func(c *Client) { c.key = func() tenantry.Secret { return key } }
}

// WithHTTPClient takes transport and timeout from h. Redirects are never
// followed: the token would go along.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = *h } }

// WithSize says how many answers are remembered, 10,000 if nobody does; a tenth
// of them may be refusals. 0 remembers none.
func WithSize(answers int) Option { return func(c *Client) { c.size = max(answers, 0) } }

// WithMaxAge shortens for how long a remembered answer is believed. It cannot be
// made longer than Bound. 0 believes no remembered answer.
func WithMaxAge(d time.Duration) Option {
	return func(c *Client) { c.maxAge = min(max(d, 0), Bound) }
}

// WithAddress says where a request comes from, for programs behind a proxy of
// their own. Without it that is the other end of the connection.
func WithAddress(of func(*http.Request) netip.Addr) Option {
	return func(c *Client) { c.address = of }
}

// New makes a client of the service at baseURL, "https://tenantry.example". It
// does not connect yet. Tokens go over the connection: let it be HTTPS, or a
// network that is yours alone.
func New(baseURL string, options ...Option) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("tenantry: the address of the service must be like https://HOST[:PORT][/PATH]")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // all of them go to one
	c := &Client{base: base, http: http.Client{Transport: transport}, key: func() tenantry.Secret { return tenantry.Secret{} }, address: remote, size: defaultSize, maxAge: Bound, now: time.Now}
	for _, option := range options {
		option(c)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.memory = newMemory(c.size, c.maxAge)
	return c, nil
}

// Format shows which service this is, and nothing that is secret or was answered.
func (c Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "tenantry client of %s", c.base.Redacted())
}

// Verify answers for a token that somebody presented. The error is ErrUnavailable,
// with its cause.
func (c *Client) Verify(ctx context.Context, token tenantry.Secret, q Question) (Verdict, error) {
	if token.Empty() || len(token.Reveal()) > longestToken {
		return Verdict{Code: Malformed}, nil
	}
	came := c.now()
	k := key{sha256.Sum256([]byte(token.Reveal())), q}
	for {
		v, f, begin := c.memory.find(k, c.now())
		if begin {
			go c.fly(context.WithoutCancel(ctx), f, k, token)
		}
		if v != nil {
			return *v, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Verdict{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		if f.err != nil {
			return Verdict{}, f.err
		}
		// Who joined a question that another had asked before gets its answer while it
		// is fresh enough, or asks again.
		if !f.began.Before(came) || age(f.began, c.now()) < c.memory.believed(&f.verdict) {
			return f.verdict, nil
		}
	}
}

// fly asks the service on behalf of everybody who waits.
func (c *Client) fly(ctx context.Context, f *flight, k key, token tenantry.Secret) {
	ctx, cancel := context.WithTimeout(ctx, Bound)
	defer cancel()
	v, err := c.ask(ctx, token, k.question)
	if err == nil && age(f.began, c.now()) >= Bound {
		err = fmt.Errorf("%w: the answer took too long", ErrUnavailable)
	}
	c.memory.land(f, k, v, err)
}
