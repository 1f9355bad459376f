package seal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/tenantry/tenantry"
)

// vault is a key of Vault's transit engine, for one reading or writing of a
// keyset. It remembers its own failure, which Tink's errors do not tell from a
// keyset that is damaged.
type vault struct {
	tink.AEAD
	kms    string
	failed error
}

// isVault wants a host, a key's path, and nothing that could hold a password.
func isVault(kms string) bool {
	u, err := url.Parse(kms)
	if err != nil || u.Scheme != "hcvault" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	mount, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/keys/")
	return ok && mount != "" && name != "" && !strings.HasSuffix(name, "/")
}

func newVault(ctx context.Context, kms string) (*vault, error) {
	u, err := url.Parse(kms)
	if err != nil {
		return nil, noKMS(kms, err)
	}
	c := api.DefaultConfig()
	if c.Error != nil {
		return nil, noKMS(kms, c.Error)
	}
	c.Address = "https://" + u.Host
	c.HttpClient.Transport = until{ctx, c.HttpClient.Transport}
	c.CheckRetry = func(request context.Context, r *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return api.DefaultRetryPolicy(request, r, err)
	}
	client, err := api.NewClient(c)
	if err != nil {
		return nil, noKMS(kms, err)
	}
	key, err := hcvault.NewAEAD(u.EscapedPath(), client.Logical())
	if err != nil {
		return nil, noKMS(kms, err)
	}
	return &vault{AEAD: key, kms: kms}, nil
}

func (v *vault) Encrypt(plain, aad []byte) ([]byte, error) {
	out, err := v.AEAD.Encrypt(plain, aad)
	return out, v.note(err)
}

func (v *vault) Decrypt(sealed, aad []byte) ([]byte, error) {
	out, err := v.AEAD.Decrypt(sealed, aad)
	return out, v.note(err)
}

func (v *vault) note(err error) error {
	if err != nil {
		v.failed = noKMS(v.kms, err)
	}
	return v.failed
}

// noKMS keeps of an error what is certain to quote neither request nor answer:
// they hold the keyset.
func noKMS(kms string, err error) error {
	said := "unexpected answer"
	var answer *api.ResponseError
	var network *url.Error
	switch {
	case errors.As(err, &answer):
		said = http.StatusText(answer.StatusCode)
	case errors.As(err, &network):
		said = network.Err.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		said = err.Error()
	}
	return tenantry.NewError(tenantry.Unavailable, "seal.kms", "kms", kms, "reason", said)
}

// until ends requests with a context that the library has no way to be given.
type until struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t until) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	context.AfterFunc(t.ctx, cancel)
	return t.next.RoundTrip(r.WithContext(ctx))
}
