package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Router finds the handler of a request. It is net/http's ServeMux, which
// matches paths, and two things that ServeMux cannot do: custom verbs at the end
// of a path, "/things/{id}:stop" (google.aip.dev/136), and misses in the form
// of the door's other answers.
type Router struct {
	mux   *http.ServeMux
	paths map[string]*route
	miss  func(w http.ResponseWriter, r *http.Request, err error)
}

// NewRouter makes a router without routes. miss answers when there is no route
// (404) or none for the method (405).
func NewRouter(miss func(w http.ResponseWriter, r *http.Request, err error)) *Router {
	return &Router{mux: http.NewServeMux(), paths: map[string]*route{}, miss: miss}
}

// Handle adds a route. path is a pattern of ServeMux without method and host,
// which may end in a verb: the text behind the last colon of the last segment.
func (rt *Router) Handle(method, path string, h http.Handler) {
	path, verb := splitVerb(path)
	at := rt.paths[path]
	if at == nil {
		at = &route{router: rt, path: path, verbs: map[string]methods{}}
		rt.paths[path] = at
		rt.mux.Handle(path, at)
	}
	if at.verbs[verb] == nil {
		at.verbs[verb] = methods{}
	}
	at.verbs[verb][method] = h
}

func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := rt.mux.Handler(r); pattern == "" {
		rt.miss(w, r, Refuse(http.StatusNotFound, "web.no_route"))
		return
	}
	rt.mux.ServeHTTP(w, r)
}

// route is everything at one path: handlers by verb, "" for none, and method.
type route struct {
	router *Router
	path   string
	verbs  map[string]methods
}

type methods map[string]http.Handler

func (at *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verb := ""
	if last := at.lastWildcard(); last != "" && (len(at.verbs) > 1 || at.verbs[""] == nil) {
		value := r.PathValue(last)
		if i := strings.LastIndexByte(value, ':'); i >= 0 {
			verb = value[i+1:]
			r.SetPathValue(last, value[:i])
		}
	}
	found := at.verbs[verb]
	if found == nil {
		at.router.miss(w, r, Refuse(http.StatusNotFound, "web.no_route"))
		return
	}
	exchangeOf(r.Context()).route = joinVerb(at.path, verb)
	h := found[r.Method]
	if h == nil && r.Method == http.MethodHead {
		h = found[http.MethodGet] // net/http drops the body
	}
	switch {
	case h != nil:
		h.ServeHTTP(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", found.allow())
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", found.allow())
		at.router.miss(w, r, Refuse(http.StatusMethodNotAllowed, "web.no_method", "methods", found.allow()))
	}
}

// allow lists the methods for the header of that name (RFC 9110 §10.2.1).
func (m methods) allow() string {
	names := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil && m[http.MethodHead] == nil {
		names = append(names, http.MethodHead)
	}
	names = append(names, http.MethodOptions)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func (at *route) lastWildcard() string {
	rest, ok := strings.CutSuffix(at.path, "}")
	if !ok {
		return ""
	}
	return rest[strings.LastIndexByte(rest, '{')+1:]
}

func splitVerb(path string) (base, verb string) {
	if i := strings.LastIndex(path, "}:"); i >= 0 {
		return path[:i+1], path[i+2:]
	}
	return path, ""
}

func joinVerb(path, verb string) string {
	if verb == "" {
		return path
	}
	return path + ":" + verb
}
