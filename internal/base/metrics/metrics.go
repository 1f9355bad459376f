// Package metrics counts a program for Prometheus: its HTTP requests, its build
// and its Go runtime, in a registry of its own. What else is worth counting the
// packages register there themselves; on which address it is read is a door's
// business.
package metrics

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a program's registry and what every program counts.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// New makes a registry whose own names begin with prefix ("acme"): requests as
// acme_http_requests_total and acme_http_request_seconds, the build as
// acme_build_info with its labels, which is always 1.
func New(prefix string, build map[string]string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "_http_request_seconds", Help: "Time to answer an HTTP request.",
			Buckets: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "_build_info", Help: "The build that runs; always 1.", ConstLabels: build})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where others register what they count.
func (m *Metrics) Registry() prometheus.Registerer { return m.registry }

// Request counts one request. route is the pattern that matched, not the path:
// each value makes a series. "" is counted as "none", and methods outside of the
// common ones as "other", for both come from strangers.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

// Route counts the requests of one route as Request does, for routes that are
// asked so often that looking their series up would show.
func (m *Metrics) Route(method, route string) func(status int, took time.Duration) {
	seconds := m.seconds.WithLabelValues(method, route)
	var byStatus [600]atomic.Pointer[prometheus.Counter]
	return func(status int, took time.Duration) {
		status = max(0, min(status, len(byStatus)-1))
		counter := byStatus[status].Load()
		if counter == nil {
			made := m.requests.WithLabelValues(method, route, strconv.Itoa(status))
			counter = &made
			byStatus[status].Store(counter)
		}
		(*counter).Inc()
		seconds.Observe(took.Seconds())
	}
}

// Handler answers with everything counted, in the format that was asked for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
