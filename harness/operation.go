package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Operation is what a step does, as a value. The engine brings it about on whichever side is ours and
// asks it of the IUT, or awaits it, where the IUT is that side; either way it becomes an exchange of
// the trace. A nil exchange with a nil error is a step that leaves nothing to judge.
type Operation interface {
	play(ctx context.Context, p *Play, s Step) (*Exchange, error)
	// verbs are what the control must offer for this operation when the role is under test.
	verbs(under Role) []control.Verb
}

// Target is a path that is found in the play: instance ids are never assumed (ruling R-4).
type Target struct {
	name string
	find func(p *Play) (lwm2m.Path, error)
}

// String names the target as the ETS does: "/1/x/1", "/3/0".
func (t Target) String() string { return t.name }

// At is a target whose path is fixed by the specification, like "/3/0/0".
func At(path string) Target {
	p := lwm2m.MustParsePath(path)
	return Target{name: path, find: func(*Play) (lwm2m.Path, error) { return p, nil }}
}

// Account is a resource of the Server object instance that holds our server's account, /1/x/r.
func Account(resource uint16) Target {
	return Target{
		name: fmt.Sprintf("/1/x/%d", resource),
		find: func(p *Play) (lwm2m.Path, error) {
			i, err := p.accountInstance()
			return lwm2m.NewPath(1, i, resource), err
		},
	}
}

// The resources of the Server object that cases name (Core E.2).
const (
	ShortServerID             uint16 = 0
	Lifetime                  uint16 = 1
	Disable                   uint16 = 4
	DisableTimeout            uint16 = 5
	RegistrationUpdateTrigger uint16 = 8
)

// call is an operation a server or bootstrap server starts.
type call struct {
	kind       peer.Kind
	target     Target
	accept     *lwm2m.ContentFormat
	value      any
	attributes string
}

// Read reads the target; As asks for a format.
func Read(t Target) call { return call{kind: peer.Read, target: t} }

// Write replaces the value of a single resource, in the format of ruling R-7.
func Write(t Target, value any) call { return call{kind: peer.Write, target: t, value: value} }

// WriteAttributes sets notification attributes, "pmin=5&pmax=15".
func WriteAttributes(t Target, query string) call {
	return call{kind: peer.WriteAttributes, target: t, attributes: query}
}

// Execute executes a resource without arguments.
func Execute(t Target) call { return call{kind: peer.Execute, target: t} }

// Observe starts an observation.
func Observe(t Target) call { return call{kind: peer.Observe, target: t} }

// As asks for the answer in the format.
func (c call) As(f lwm2m.ContentFormat) call { c.accept = &f; return c }

func (c call) verbs(under Role) []control.Verb {
	if under == Client {
		return nil
	}
	return []control.Verb{control.Operate(c.kind)}
}

func (c call) build(p *Play) (peer.Call, error) {
	path, err := c.target.find(p)
	if err != nil {
		return peer.Call{}, err
	}
	out := peer.Call{Kind: c.kind, Path: path, Accept: c.accept, Attributes: c.attributes}
	if c.value != nil {
		v, err := p.value(path, c.value)
		if err != nil {
			return peer.Call{}, err
		}
		out.Values.Add(path, v)
	}
	return out, nil
}

func (c call) play(ctx context.Context, p *Play, s Step) (*Exchange, error) {
	pc, err := c.build(p)
	if err != nil {
		return nil, err
	}
	if p.Role == s.From {
		return p.operate(ctx, pc, s)
	}
	return p.send(ctx, pc, s)
}

// request is an operation the client starts on the registration or bootstrap interface.
type request struct {
	name  string
	match func(x *Exchange) bool
	send  func(ctx context.Context, p *Play) error
	after time.Duration // our client waits this long before
	// expiry: it waits the profile's grace on top, after which a server must have forgotten it.
	expiry bool
}

func (r request) verbs(Role) []control.Verb { return nil }

func (r request) play(ctx context.Context, p *Play, s Step) (*Exchange, error) {
	if p.Role == s.From {
		return p.await(ctx, s, r.name, r.match)
	}
	if wait := r.after; wait > 0 {
		if r.expiry {
			wait += p.profile.Tolerances.ExpiryGrace
		}
		if err := p.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	return p.act(ctx, r.name, r.match, func(ctx context.Context) error { return r.send(ctx, p) })
}
