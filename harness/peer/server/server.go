// Package server is the reference LwM2M server: registrations, device management and observation
// towards any number of clients (Core 6.2 to 6.4). It sends what it is told; it judges nothing.
package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
)

// Config is what a server is made with.
type Config struct {
	Versions  []lwm2m.Version // enabler versions it accepts; empty: all
	Behaviour peer.Behaviour
	Seed      uint64
	// Event gets one line per event: registered, updated, deregistered, expired, notify.
	Event func(string)
	// OnPanic gets what a handler panicked with.
	OnPanic func(any)
}

// Registration is what the server knows of a client.
type Registration struct {
	Endpoint  string
	Location  []string
	Lifetime  time.Duration // 0: for ever
	Version   lwm2m.Version
	Binding   string
	List      registration.List
	Refreshed time.Time
	Identity  []byte

	at *exchange.Endpoint
}

// Server is a running server.
type Server struct {
	listener peer.Listener
	cfg      Config
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu            sync.Mutex
	registrations map[string]*Registration // by location
	observations  map[string]*exchange.Observation
	endpoints     []*exchange.Endpoint
	next          int
}

// defaultLifetime is that of LwM2M 1.0 for a client that states none (TS 1.0 5.3.1).
const defaultLifetime = 86400 * time.Second

// Start serves what the listener accepts until Close.
func Start(l peer.Listener, cfg Config) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{listener: l, cfg: cfg, cancel: cancel, registrations: map[string]*Registration{}, observations: map[string]*exchange.Observation{}, next: int(cfg.Seed % 9000)}
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
		cfg.Handle = func(r *exchange.Request) { s.handle(r, identity) }
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

// Registrations gives those that have not expired, by endpoint.
func (s *Server) Registrations() []Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	var out []Registration
	for _, r := range s.registrations {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Registration) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	return out
}

// Registration gives that of an endpoint.
func (s *Server) Registration(endpoint string) (Registration, bool) {
	for _, r := range s.Registrations() {
		if r.Endpoint == endpoint {
			return r, true
		}
	}
	return Registration{}, false
}

// Forget drops the registration of an endpoint without a word.
func (s *Server) Forget(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.registrations {
		if r.Endpoint == endpoint {
			delete(s.registrations, k)
		}
	}
}

// expire drops what has run out; called with the lock held.
func (s *Server) expire() {
	for k, r := range s.registrations {
		life := r.Lifetime
		if s.cfg.Behaviour.ExpiresEarly {
			life = life * 6 / 10
		}
		if life > 0 && time.Since(r.Refreshed) > life && !s.cfg.Behaviour.NeverExpires {
			delete(s.registrations, k)
			s.event("expired %s", r.Endpoint)
		}
	}
}

func (s *Server) handle(r *exchange.Request, identity []byte) {
	path := r.Path()
	m, operation := coap.Message{Code: coap.NotFound}, ""
	switch {
	case len(path) == 1 && path[0] == "rd" && r.Code == coap.POST:
		m, operation = s.register(r, identity), "register"
	case len(path) == 1 && path[0] == "rd":
		m.Code = coap.MethodNotAllowed
	case len(path) > 1 && r.Code == coap.POST:
		m, operation = s.update(r), "update"
	case len(path) > 1 && r.Code == coap.DELETE:
		m, operation = s.deregister(r), "deregister"
	}
	if c, ok := s.cfg.Behaviour.Answer[operation]; ok {
		m.Code = c
	}
	if edit := s.cfg.Behaviour.EditAnswer; edit != nil {
		edit(operation, r.View, &m)
	}
	_ = r.Respond(m)
}

func bad(text string) coap.Message {
	return coap.Message{Code: coap.BadRequest, Payload: []byte(text)}
}

// register answers a Register (Core 6.2.1). What the version of the client does not allow is refused.
func (s *Server) register(r *exchange.Request, identity []byte) coap.Message {
	version := lwm2m.V1_0
	for _, q := range r.Queries() {
		if v, ok := strings.CutPrefix(q, "lwm2m="); ok {
			parsed, err := lwm2m.ParseVersion(v)
			if err != nil || len(s.cfg.Versions) > 0 && !slices.Contains(s.cfg.Versions, parsed) {
				return coap.Message{Code: coap.PreconditionFailed}
			}
			version = parsed
		}
	}
	p, fs := registration.ParseQuery(registration.Register, r.Queries(), version)
	if lwm2m.BreaksMUST(fs) {
		return bad(fs[0].Text)
	}
	endpoint := string(identity)
	if p.Endpoint != nil {
		endpoint = *p.Endpoint
	}
	if endpoint == "" {
		return bad("no endpoint client name")
	}
	if cf, ok := r.ContentFormat(); len(r.Payload) > 0 && (!ok || cf != uint16(lwm2m.FormatLink)) {
		return bad("the object list is not in link format")
	}
	list, fs := registration.ParseList(r.Payload, version)
	if lwm2m.BreaksMUST(fs) {
		return bad(fs[0].Text)
	}
	reg := &Registration{Endpoint: endpoint, Lifetime: defaultLifetime, Version: version, Binding: "U", List: list, Refreshed: time.Now(), Identity: identity, at: r.Endpoint()}
	apply(reg, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, old := range s.registrations {
		if old.Endpoint == endpoint {
			delete(s.registrations, k)
		}
	}
	s.next++
	reg.Location = []string{"rd", strconv.Itoa(s.next)}
	for i := range s.cfg.Behaviour.LocationDepth {
		reg.Location = append(reg.Location, fmt.Sprintf("s%d", i))
	}
	if s.cfg.Behaviour.LocationElsewhere {
		reg.Location[0] = "devices"
	}
	if !s.cfg.Behaviour.LoseLocation {
		s.registrations[strings.Join(reg.Location, "/")] = reg
	}
	s.event("registered %s at /%s", endpoint, strings.Join(reg.Location, "/"))
	m := coap.Message{Code: coap.Created}
	if !s.cfg.Behaviour.NoLocation {
		m.AddStrings(coap.LocationPath, reg.Location...)
	}
	return m
}

func apply(reg *Registration, p registration.Parameters) {
	if p.Lifetime != nil {
		reg.Lifetime = time.Duration(min(*p.Lifetime, 1<<32)) * time.Second
	}
	if p.Binding != nil {
		reg.Binding = *p.Binding
	}
}

func (s *Server) update(r *exchange.Request) coap.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	reg := s.registrations[strings.Join(r.Path(), "/")]
	if reg == nil {
		return coap.Message{Code: coap.NotFound}
	}
	p, fs := registration.ParseQuery(registration.Update, r.Queries(), reg.Version)
	if lwm2m.BreaksMUST(fs) {
		return bad(fs[0].Text)
	}
	if len(r.Payload) > 0 {
		list, fs := registration.ParseList(r.Payload, reg.Version)
		if cf, ok := r.ContentFormat(); !ok || cf != uint16(lwm2m.FormatLink) || lwm2m.BreaksMUST(fs) {
			return bad("the object list is malformed")
		}
		reg.List = list
	}
	apply(reg, p)
	reg.Refreshed, reg.at = time.Now(), r.Endpoint()
	s.event("updated %s", reg.Endpoint)
	return coap.Message{Code: coap.Changed}
}

func (s *Server) deregister(r *exchange.Request) coap.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	k := strings.Join(r.Path(), "/")
	reg := s.registrations[k]
	if reg == nil {
		return coap.Message{Code: coap.NotFound}
	}
	if !s.cfg.Behaviour.KeepsDeregistered {
		delete(s.registrations, k)
	}
	s.event("deregistered %s", reg.Endpoint)
	return coap.Message{Code: coap.Deleted}
}

// ErrNotRegistered says that there is no registration to send to.
var ErrNotRegistered = errors.New("the endpoint is not registered")

// Send sends the call to a registered client, at the address of its last registration message, and
// returns the exchange. An Observe keeps the observation; notifications are acknowledged.
func (s *Server) Send(ctx context.Context, endpoint string, c peer.Call) (exchange.Exchanged, error) {
	s.mu.Lock()
	s.expire()
	var reg *Registration
	for _, r := range s.registrations {
		if r.Endpoint == endpoint {
			reg = r
		}
	}
	s.mu.Unlock()
	if reg == nil {
		return exchange.Exchanged{}, fmt.Errorf("%s: %w", endpoint, ErrNotRegistered)
	}
	if edit := s.cfg.Behaviour.EditCall; edit != nil {
		edited := edit(c)
		if edited == nil {
			return exchange.Exchanged{}, nil
		}
		c = *edited
	}
	m, err := c.Message(s.cfg.Behaviour, reg.List.Prefix)
	if err != nil {
		return exchange.Exchanged{}, err
	}
	switch c.Kind {
	case peer.Observe:
		return s.observe(ctx, reg, c, m)
	case peer.CancelObserve:
		s.mu.Lock()
		o := s.observations[endpoint+c.Path.String()]
		delete(s.observations, endpoint+c.Path.String())
		s.mu.Unlock()
		if o != nil {
			return o.Cancel(ctx)
		}
	}
	return reg.at.Do(ctx, m)
}

func (s *Server) observe(ctx context.Context, reg *Registration, c peer.Call, m coap.Message) (exchange.Exchanged, error) {
	o, did, err := reg.at.Observe(ctx, m)
	if err != nil {
		return did, err
	}
	if s.cfg.Behaviour.ResetNotifications {
		o.Forget()
	}
	s.mu.Lock()
	s.observations[reg.Endpoint+c.Path.String()] = o
	s.mu.Unlock()
	s.wg.Go(func() {
		for v := range o.Notifications() {
			s.event("notify %s %s %s", reg.Endpoint, c.Path, v.Code)
		}
	})
	return did, nil
}
