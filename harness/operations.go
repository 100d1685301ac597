package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// Register is the client's registration (Core 6.2.1). A client under test is started by it, where the
// case is given nothing.
func Register() Operation {
	return request{name: "Register", match: isRegister, send: func(ctx context.Context, p *Play) error {
		_, err := p.client.Register(ctx, p.account.ShortServerID)
		return err
	}}
}

// Update is the client's registration update: what has changed since the last one, or nothing (Core
// 6.2.2).
func Update() Operation { return update(0) }

// UpdateAfter is an Update of ours after a silence, which the specification asks for; the profile's
// grace is added to it.
func UpdateAfter(silence time.Duration) Operation { return update(silence) }

func update(after time.Duration) Operation {
	return request{name: "Update", match: isUpdate, after: after, send: func(ctx context.Context, p *Play) error {
		_, err := p.client.Update(ctx, p.account.ShortServerID)
		return err
	}}
}

// Deregister is the client's De-register (Core 6.2.3).
func Deregister() Operation {
	return request{name: "De-register", match: isDeregister, send: func(ctx context.Context, p *Play) error {
		_, err := p.client.Deregister(ctx, p.account.ShortServerID)
		return err
	}}
}

// BootstrapRequest is the client's Bootstrap-Request (Core 6.1.7.1).
func BootstrapRequest() Operation {
	return request{name: "Bootstrap-Request", match: isBootstrapRequest, send: func(ctx context.Context, p *Play) error {
		_, err := p.client.BootstrapRequest(ctx)
		return err
	}}
}

func isRegister(x *Exchange) bool {
	v := x.Request.View
	return v.Code == coap.POST && slices.Equal(v.Path(), []string{"rd"})
}

// isUpdate: a POST below /rd; whether the location is the right one is for a check.
func isUpdate(x *Exchange) bool {
	v := x.Request.View
	return v.Code == coap.POST && len(v.Path()) > 1 && v.Path()[0] == "rd"
}

func isDeregister(x *Exchange) bool {
	v := x.Request.View
	return v.Code == coap.DELETE && len(v.Path()) > 0 && v.Path()[0] == "rd"
}

func isBootstrapRequest(x *Exchange) bool {
	v := x.Request.View
	return v.Code == coap.POST && slices.Equal(v.Path(), []string{"bs"}) && x.Request.From == string(Client)
}

// isCall reports whether a server's request is the operation, in any shape the specification allows
// (ruling R-6): a Write of a resource may come as PUT of it, or as PUT or POST of its instance.
func isCall(x *Exchange, c peer.Call) bool {
	v := x.Request.View
	path, ok := x.Path()
	_, observe := v.Observe()
	if !ok {
		return false
	}
	switch c.Kind {
	case peer.Read:
		return v.Code == coap.GET && !observe && !acceptsLink(v) && path == c.Path
	case peer.Observe:
		n, _ := v.Observe()
		return v.Code == coap.GET && observe && n == 0 && path == c.Path
	case peer.CancelObserve:
		n, _ := v.Observe()
		return v.Code == coap.GET && observe && n == 1 && path == c.Path
	case peer.Discover:
		return v.Code == coap.GET && acceptsLink(v) && path == c.Path
	case peer.Write, peer.WriteUpdate:
		body := len(v.Payload) > 0 || len(v.Queries()) == 0
		return (v.Code == coap.PUT || v.Code == coap.POST) && body && path.Contains(c.Path) && path.Len() >= 2
	case peer.WriteAttributes:
		return v.Code == coap.PUT && len(v.Payload) == 0 && len(v.Queries()) > 0 && path == c.Path
	case peer.Execute:
		return v.Code == coap.POST && path == c.Path
	case peer.Create:
		return v.Code == coap.POST && path == c.Path.Truncate(lwm2m.LevelObject)
	case peer.Delete:
		return v.Code == coap.DELETE && path == c.Path
	}
	return false
}

func acceptsLink(v coap.View) bool {
	a, ok := v.Accept()
	return ok && a == uint16(lwm2m.FormatLink)
}

// Func is a step that no operation expresses.
func Func(do func(ctx context.Context, p *Play) (*Exchange, error)) Operation { return function(do) }

type function func(ctx context.Context, p *Play) (*Exchange, error)

func (f function) verbs(Role) []control.Verb { return nil }

func (f function) play(ctx context.Context, p *Play, _ Step) (*Exchange, error) { return f(ctx, p) }

// ForgetRegistration makes the server believe that the client is gone, while the client does not know:
// our own server forgets; a server under test is made to by its hook, where it has one, else by our
// client's De-register, which our client then forgets to have sent (ruling int-105).
func ForgetRegistration() Operation { return forget{} }

type forget struct{}

func (forget) verbs(Role) []control.Verb { return nil }

func (forget) play(ctx context.Context, p *Play, _ Step) (*Exchange, error) {
	if p.Role == Client {
		p.server.Forget(p.endpoint)
		return nil, nil
	}
	location := p.client.Location(p.account.ShortServerID)
	if p.iut.Supports(control.Forget) {
		_, err := p.iut.Do(ctx, control.Request{Verb: control.Forget, Endpoint: p.endpoint})
		p.warn("the server was made to forget the registration by its control")
		return nil, err
	}
	x, err := p.act(ctx, "De-register", isDeregister, func(ctx context.Context) error {
		_, err := p.client.Deregister(ctx, p.account.ShortServerID)
		return err
	})
	p.client.SetLocation(p.account.ShortServerID, location)
	p.warn("the server was made to forget the registration by a De-register of our client")
	return x, err
}

// Silence watches that the client sends nothing to the server for d after the last step; retransmissions
// of older messages count too. The exchange is the one that broke the silence, or the last step's.
func Silence(d time.Duration) Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) {
		from := p.trace.Len()
		ctx, cancel := context.WithTimeoutCause(ctx, d, errSilence)
		defer cancel()
		_, err := p.trace.AwaitEntry(ctx, from, func(e trace.Entry) bool { return e.From == string(Client) && e.Kind == trace.CoAP })
		all := p.trace.Exchanges()
		last := Exchange{all[len(all)-1], p, nil}
		if errors.Is(err, errSilence) || err == nil {
			last.brokenBy = p.trace.Entries()[from:]
			return &last, nil
		}
		return nil, err
	})
}

// KeepSilent expects that nothing came from the client while the step watched.
func KeepSilent(d time.Duration) types.GomegaMatcher {
	return &check{fmt.Sprintf("nothing from the client for %v", d), func(x *Exchange) Judgement {
		for _, e := range x.brokenBy {
			if e.From == string(Client) && e.Kind == trace.CoAP {
				return Judgement{Actual: e.View.Code.Name() + " /" + strings.Join(e.View.Path(), "/"), Message: e.N}
			}
		}
		return Judgement{OK: true, Actual: "silence"}
	}}
}
