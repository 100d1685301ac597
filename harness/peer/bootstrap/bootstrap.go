// Package bootstrap is the reference bootstrap server (Core 6.1). On its own it brings a client the
// account it was given; or it is driven call by call.
package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
)

// Config is what a bootstrap server is made with.
type Config struct {
	// Provision is the account it gives on its own to whoever asks; nil waits for Send.
	Provision *peer.Account
	Behaviour peer.Behaviour
	Seed      uint64
	Event     func(string)
	OnPanic   func(any)
}

// Server is a running bootstrap server.
type Server struct {
	listener peer.Listener
	cfg      Config
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu        sync.Mutex
	clients   map[string]*session // by endpoint
	endpoints []*exchange.Endpoint
}

// session is a client that asked for bootstrap.
type session struct {
	at      *exchange.Endpoint
	formats []lwm2m.ContentFormat
}

// Start serves what the listener accepts until Close.
func Start(l peer.Listener, cfg Config) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{listener: l, cfg: cfg, cancel: cancel, clients: map[string]*session{}}
	s.wg.Go(func() { s.accept(ctx) })
	return s
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends all.
func (s *Server) Close() {
	s.cancel()
	_ = s.listener.Close()
	s.mu.Lock()
	all := slices.Clone(s.endpoints)
	s.mu.Unlock()
	for _, e := range all {
		_ = e.Close()
	}
	s.wg.Wait()
}

func (s *Server) accept(ctx context.Context) {
	for n := uint64(1); ; n++ {
		c, err := s.listener.Accept(ctx)
		if err != nil {
			return
		}
		cfg := exchange.Config{Policy: s.cfg.Behaviour.Exchange, Seed: s.cfg.Seed + n<<32, OnPanic: s.cfg.OnPanic}
		identity := c.Identity()
		cfg.Handle = func(r *exchange.Request) { s.handle(ctx, r, identity) }
		e := exchange.New(c, cfg)
		s.mu.Lock()
		s.endpoints = append(s.endpoints, e)
		s.mu.Unlock()
	}
}

func (s *Server) event(format string, args ...any) {
	if s.cfg.Event != nil {
		s.cfg.Event(fmt.Sprintf(format, args...))
	}
}

// handle answers a Bootstrap-Request (Core 6.1.7.1) and everything else with 4.04 or 4.05.
func (s *Server) handle(ctx context.Context, r *exchange.Request, identity []byte) {
	if p := r.Path(); len(p) != 1 || p[0] != "bs" {
		_ = r.Respond(coap.Message{Code: coap.NotFound})
		return
	}
	if r.Code != coap.POST {
		_ = r.Respond(coap.Message{Code: coap.MethodNotAllowed})
		return
	}
	endpoint := string(identity)
	formats := []lwm2m.ContentFormat{lwm2m.FormatTLV}
	for _, q := range r.Queries() {
		name, value, _ := strings.Cut(q, "=")
		switch name {
		case "ep":
			endpoint = value
		case "pct":
			var n uint16
			if _, err := fmt.Sscan(value, &n); err == nil {
				formats = []lwm2m.ContentFormat{lwm2m.ContentFormat(n)}
			}
		}
	}
	m := coap.Message{Code: coap.Changed}
	switch f := formats[0]; {
	case endpoint == "":
		m = coap.Message{Code: coap.BadRequest, Payload: []byte("no endpoint client name")}
	case f != lwm2m.FormatTLV && f != lwm2m.FormatSenMLJSON && f != lwm2m.FormatSenMLCBOR:
		m.Code = coap.UnsupportedContentFormat
	}
	accepted := m.Code == coap.Changed
	if c, ok := s.cfg.Behaviour.Answer["bootstrap-request"]; ok {
		m.Code = c
	}
	if accepted {
		s.mu.Lock()
		s.clients[endpoint] = &session{r.Endpoint(), formats}
		s.mu.Unlock()
	}
	s.event("bootstrap-request %s", endpoint)
	_ = r.Respond(m)
	if s.cfg.Provision != nil && accepted {
		s.wg.Go(func() { s.provision(ctx, endpoint) })
	}
}

// Send sends the call to a client that asked for bootstrap. Values go in the format the client asked
// for, else in TLV.
func (s *Server) Send(ctx context.Context, endpoint string, c peer.Call) (exchange.Exchanged, error) {
	s.mu.Lock()
	x := s.clients[endpoint]
	s.mu.Unlock()
	if x == nil {
		return exchange.Exchanged{}, fmt.Errorf("%s has not asked for bootstrap", endpoint)
	}
	b := s.cfg.Behaviour
	if len(b.Formats) == 0 {
		b.Formats = x.formats
	}
	if b.EditCall != nil {
		edited := b.EditCall(c)
		if edited == nil {
			return exchange.Exchanged{}, nil
		}
		c = *edited
	}
	m, err := c.Message(b, "")
	if err != nil {
		return exchange.Exchanged{}, err
	}
	return x.at.Do(ctx, m)
}

// provision brings the account (Core 6.1.7): discover, delete and write as its behaviour says, Finish.
func (s *Server) provision(ctx context.Context, endpoint string) {
	err := s.sequence(ctx, endpoint)
	if err != nil {
		s.event("failed %s: %v", endpoint, err)
		return
	}
	s.event("finished %s", endpoint)
}

func (s *Server) sequence(ctx context.Context, endpoint string) error {
	b, a := s.cfg.Behaviour, *s.cfg.Provision
	if b.SecurityID != 0 {
		a.SecurityID = b.SecurityID
	}
	if b.ServerID != 0 {
		a.ServerID = b.ServerID
	}
	do := func(c peer.Call, want coap.Code) error {
		x, err := s.Send(ctx, endpoint, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if x.Response.Raw != nil && x.Response.Code != want {
			return fmt.Errorf("%s was answered %s", c, x.Response.Code)
		}
		return nil
	}
	if b.DiscoverFirst {
		if err := do(peer.Call{Kind: peer.BootstrapDiscover}, coap.Content); err != nil {
			return err
		}
	}
	if b.DeleteFirst {
		if err := do(peer.Call{Kind: peer.BootstrapDelete}, coap.Deleted); err != nil {
			return err
		}
	}
	for _, c := range Writes(a, b.ObjectWise) {
		if err := do(c, coap.Changed); err != nil {
			return err
		}
	}
	if b.NoFinish {
		return nil
	}
	return do(peer.Call{Kind: peer.BootstrapFinish}, coap.Changed)
}

// Writes are the calls that bring an account: /0 and /1, as whole objects or instance by instance.
func Writes(a peer.Account, objectWise bool) []peer.Call {
	security, server := a.Security(), a.Server()
	if objectWise {
		return []peer.Call{
			{Kind: peer.BootstrapWrite, Path: lwm2m.NewPath(0), Values: security},
			{Kind: peer.BootstrapWrite, Path: lwm2m.NewPath(1), Values: server},
		}
	}
	return []peer.Call{
		{Kind: peer.BootstrapWrite, Path: lwm2m.NewPath(0, a.SecurityID), Values: security},
		{Kind: peer.BootstrapWrite, Path: lwm2m.NewPath(1, a.ServerID), Values: server},
	}
}

// Discovered reads the answer to a Bootstrap-Discover.
func Discovered(v coap.View) (registration.Discovered, []lwm2m.Finding) {
	return registration.ParseBootstrapDiscover(v.Payload)
}
