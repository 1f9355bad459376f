package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/tenantry/tenantry"
)

// Listen opens a TCP address, "HOST:PORT". Errors are Unavailable:
// "web.port_in_use", "web.port_forbidden" for one that needs privileges,
// "web.bad_address" for one that is none of this machine's, or none at all.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, tenantry.NewError(tenantry.Unavailable, "web.port_in_use", "address", address).Because(err)
	case errors.Is(err, syscall.EACCES):
		return nil, tenantry.NewError(tenantry.Unavailable, "web.port_forbidden", "address", address).Because(err)
	}
	return nil, tenantry.NewError(tenantry.Unavailable, "web.bad_address", "address", clip(address, 200)).Because(err)
}

// Server serves a listener. It starts and stops as base/lifecycle has it.
type Server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{}
}

// NewServer makes a server with limits that a slow or greedy client runs into.
// What net/http itself has to say goes to log.
func NewServer(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	return &Server{listener: l, done: make(chan struct{}), http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// Address returns where the server listens, with the port that the system chose
// for port 0.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Start begins to serve and returns.
func (s *Server) Start(_ context.Context, failed func(error)) error {
	go func() {
		defer close(s.done)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	}()
	return nil
}

// Stop accepts nobody any more and waits for the requests under way; when ctx
// ends it cuts them off.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
