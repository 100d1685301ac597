package harness

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
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
func Update() Operation { return request{name: "Update", match: isUpdate, send: sendUpdate} }

// UpdateAfter is an Update of ours after a silence that the specification asks for.
func UpdateAfter(silence time.Duration) Operation {
	return request{name: "Update", match: isUpdate, after: silence, send: sendUpdate}
}

// UpdateAfterExpiry is an Update of ours after the lifetime is over, and the profile's expiry_grace with it.
func UpdateAfterExpiry(lifetime time.Duration) Operation {
	return request{name: "Update", match: isUpdate, after: lifetime, expiry: true, send: sendUpdate}
}

// StaleUpdate is an Update of ours to the location that the client has left.
func StaleUpdate() Operation {
	return request{name: "Update", match: isUpdate, send: func(ctx context.Context, p *Play) error {
		if p.left != nil {
			p.client.SetLocation(p.account.ShortServerID, p.left)
		}
		return sendUpdate(ctx, p)
	}}
}

func sendUpdate(ctx context.Context, p *Play) error {
	_, err := p.client.Update(ctx, p.account.ShortServerID)
	return err
}

// Deregister is the client's De-register (Core 6.2.3).
func Deregister() Operation {
	return request{name: "De-register", match: isDeregister, send: func(ctx context.Context, p *Play) error {
		p.left = p.client.Location(p.account.ShortServerID)
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
	return x.Request.From == string(Client) && v.Code == coap.POST && slices.Equal(v.Path(), []string{"rd"})
}

// isUpdate: a POST of the client's to any location; whether it is the right one is for a check.
func isUpdate(x *Exchange) bool {
	v := x.Request.View
	p := v.Path()
	entry := len(p) == 1 && (p[0] == "rd" || p[0] == "bs" || p[0] == "dp")
	return x.Request.From == string(Client) && v.Code == coap.POST && len(p) > 0 && !entry
}

func isDeregister(x *Exchange) bool {
	v := x.Request.View
	return x.Request.From == string(Client) && v.Code == coap.DELETE && len(v.Path()) > 0
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

// Silence watches that the client sends nothing new to the server for d after the last step;
// repetitions of older messages are no news.
func Silence(d time.Duration) Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) {
		from := p.trace.Len()
		ctx, cancel := context.WithTimeoutCause(ctx, d, errSilence)
		defer cancel()
		e, err := p.trace.AwaitEntry(ctx, from, func(e trace.Entry) bool { return isNews(e, Client) })
		if err != nil && !errors.Is(err, errSilence) {
			return nil, err
		}
		all := p.trace.Exchanges()
		last := &Exchange{all[len(all)-1], p, nil}
		if err == nil {
			last.brokenBy = &e
		}
		return last, nil
	})
}

func isNews(e trace.Entry, from Role) bool {
	return e.From == string(from) && e.Kind == trace.CoAP && e.Repeats == 0 && e.View.Code != coap.Empty
}

// BeSilent expects that nothing came from the client while the step watched.
func BeSilent() types.GomegaMatcher {
	return Satisfy("silence", func(x *Exchange) Judgement {
		if e := x.brokenBy; e != nil {
			return Judgement{Actual: e.View.Code.Name() + " /" + strings.Join(e.View.Path(), "/"), Message: e.N}
		}
		return Judgement{OK: true, Actual: "silence"}
	})
}

// Pause lets time pass that the ETS asks for.
func Pause(d time.Duration) Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) { return nil, p.sleep(ctx, d) })
}

// Cadence waits for the client's next refresh of its own, within the lifetime.
func Cadence(lifetime time.Duration) Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) {
		from := p.stepEnd
		s := Step{From: Client, Within: lifetime}
		x, err := p.await(ctx, s, "the next refresh", isUpdate)
		if x != nil {
			p.cadence = x.Request.At.Sub(from)
		}
		return x, err
	})
}

// ShortCadence is true where the client updates of itself so often that an Update soon after a trigger
// proves nothing.
func ShortCadence(p *Play) bool { return p.cadence > 0 && p.cadence < 10*time.Second }

// Has is true where the profile says that the IUT has the capability.
func Has(token string) func(*Play) bool {
	return func(p *Play) bool { return p.profile.Capabilities[token] == profile.Yes }
}

// AccountInstance is the Server object instance that holds our server's account, /1/x.
func AccountInstance() Target {
	return Target{name: "/1/x", find: func(p *Play) (lwm2m.Path, error) {
		i, err := p.accountInstance()
		return lwm2m.NewPath(1, i), err
	}}
}

// Discover lists what is at and below the target.
func Discover(t Target) Operation { return call{kind: peer.Discover, target: t} }
