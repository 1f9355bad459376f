package web

import (
	"net/http"

	"github.com/tenantry/tenantry"
)

// SameOrigin refuses what a page of another site has a browser send: a request
// that changes something and says of itself that it comes from elsewhere
// (Sec-Fetch-Site, Origin). Programs, which say nothing of the kind, pass.
func SameOrigin(p *Problems, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := protection.Check(r); err != nil {
			p.Write(w, r, tenantry.NewError(tenantry.Forbidden, "web.cross_origin").Because(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}
