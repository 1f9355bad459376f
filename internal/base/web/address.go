package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of proxies whose word about a request is believed.
type Proxies []netip.Prefix

// ClientOf tells where a request comes from: the other end of the connection, or,
// where that is one of our proxies, the last address in X-Forwarded-For that is
// none. What stands before it anybody can have written. The zero Addr is unknown.
func (p Proxies) ClientOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := ap.Addr().Unmap().WithZone("")
	given := r.Header["X-Forwarded-For"]
	for i := len(given) - 1; i >= 0; i-- {
		rest := given[i]
		for rest != "" {
			if !p.hold(from) {
				return from
			}
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			next, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return from
			}
			from = next.Unmap().WithZone("")
		}
	}
	return from
}

func (p Proxies) hold(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
