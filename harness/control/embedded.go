package control

import (
	"context"
	"fmt"
	"sync"

	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/bootstrap"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/client"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/server"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/harness/stack"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
)

// Embedded is a reference peer as the implementation under test, within the process. It is reached
// only through this interface, over the network it is given.
type Embedded struct {
	role      string
	network   link.Network
	behaviour peer.Behaviour
	output    lines
	tell      func(string)

	client    *client.Client
	server    *server.Server
	bootstrap *bootstrap.Server
	ended     chan struct{}
	endOnce   sync.Once
	err       error
}

// NewEmbedded makes the control of a profile with control.embedded.
func NewEmbedded(p *profile.Profile, n link.Network, b peer.Behaviour) *Embedded {
	return &Embedded{role: p.Role, network: n, behaviour: b, ended: make(chan struct{})}
}

// Tell sends every event of the peer to f as well, as it happens.
func (e *Embedded) Tell(f func(string)) { e.tell = f }

func (e *Embedded) event(line string) {
	e.output.add(line)
	if e.tell != nil {
		e.tell(line)
	}
}

// Start starts the reference peer of the role.
func (e *Embedded) Start(ctx context.Context, s Setup) error {
	if e.role == "client" {
		e.client = client.New(client.Config{
			Endpoint: s.Endpoint, Version: s.Version, Accounts: s.Accounts, Device: peer.Device(), Autonomous: true,
			Dial:      stack.Dial(e.network, stack.Watch{}, stack.Offer{Suites: e.behaviour.OfferOnly, PlainToo: e.behaviour.PlainToo}),
			Behaviour: e.behaviour, Seed: s.Seed, Event: e.event, OnPanic: e.panicked,
		})
		e.client.Start()
		return nil
	}
	var keys stack.Keys
	if s.Mode == peer.PSK {
		keys = stack.Keys{string(s.Identity): s.Key}
	}
	l, err := stack.Listen(ctx, e.network, s.Listen, keys, stack.Watch{})
	if err != nil {
		return err
	}
	if e.role == "server" {
		e.server = server.Start(l, server.Config{Versions: lwm2m.Versions(), Behaviour: e.behaviour, Seed: s.Seed, Event: e.event, OnPanic: e.panicked})
		return nil
	}
	e.bootstrap = bootstrap.Start(l, bootstrap.Config{Provision: s.Provision, Behaviour: e.behaviour, Seed: s.Seed, Event: e.event, OnPanic: e.panicked})
	return nil
}

func (e *Embedded) panicked(p any) {
	e.endOnce.Do(func() {
		e.err = fmt.Errorf("the embedded %s failed: %v", e.role, p)
		close(e.ended)
	})
}

// Supports lists what the reference peers can be asked.
func (e *Embedded) Supports(v Verb) bool {
	switch v {
	case Start, Stop, Configure:
		return true
	case SetValue:
		return e.role == "client" && !e.behaviour.ConstantOnly
	case TriggerUpdate, TriggerDeregister:
		return e.role == "client"
	case ListRegistrations, Forget:
		return e.role == "server"
	}
	for _, k := range []peer.Kind{peer.Read, peer.Discover, peer.Write, peer.WriteUpdate, peer.WriteAttributes, peer.Execute, peer.Create, peer.Delete, peer.Observe, peer.CancelObserve} {
		if v == Operate(k) {
			return e.role == "server"
		}
	}
	return false
}

// Do carries out a verb.
func (e *Embedded) Do(ctx context.Context, r Request) (string, error) {
	switch {
	case !e.Supports(r.Verb):
		return "", fmt.Errorf("%s: %w", r.Verb, ErrUnsupported)
	case r.Verb == TriggerUpdate:
		e.client.TriggerUpdate()
	case r.Verb == TriggerDeregister, r.Verb == Stop && e.client != nil:
		e.client.Stop(ctx)
	case r.Verb == SetValue:
		e.client.SetValue(r.Path, r.Value)
	case r.Verb == Forget:
		e.server.Forget(r.Endpoint)
	case r.Verb == ListRegistrations:
		out := ""
		for _, reg := range e.server.Registrations() {
			out += reg.Endpoint + "\n"
		}
		return out, nil
	case r.Call != nil:
		did, err := e.server.Send(ctx, r.Endpoint, *r.Call)
		if err != nil {
			return "", err
		}
		return did.Response.Code.String(), nil
	}
	return "", nil
}

// Ended is closed when the peer failed.
func (e *Embedded) Ended() <-chan struct{} { return e.ended }

// Err says how.
func (e *Embedded) Err() error { return e.err }

// Output gives the peer's events.
func (e *Embedded) Output() []string { return e.output.all() }

// Close ends the peer without a word.
func (e *Embedded) Close() error {
	if e.client != nil {
		e.client.Kill()
	}
	if e.server != nil {
		e.server.Close()
	}
	if e.bootstrap != nil {
		e.bootstrap.Close()
	}
	return nil
}
