package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/bootstrap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
)

// The variants of a case that writes an account by bootstrap.
const (
	ObjectWise   = "object-wise"   // PUT /0 with the instance in the payload
	InstanceWise = "instance-wise" // PUT /0/i
)

// bootstrapCall is an operation our bootstrap server does to a client under test.
type bootstrapCall func(p *Play) (peer.Call, error)

func (c bootstrapCall) verbs(Role) []control.Verb { return nil }

func (c bootstrapCall) play(ctx context.Context, p *Play, s Step) (*Exchange, error) {
	pc, err := c(p)
	if err != nil {
		return nil, err
	}
	return p.send(ctx, pc, s)
}

// BootstrapDiscover asks for everything the client has (Core 6.1.7.3).
func BootstrapDiscover() Operation {
	return bootstrapCall(func(*Play) (peer.Call, error) { return peer.Call{Kind: peer.BootstrapDiscover}, nil })
}

// FindFreeInstances is a Bootstrap-Discover by which the harness learns the instance ids that the new
// account may take, so that it never writes over the bootstrap server's.
func FindFreeInstances() Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) {
		x, err := p.send(ctx, peer.Call{Kind: peer.BootstrapDiscover}, Step{From: BootstrapServer})
		if err != nil || x.Response == nil {
			return x, err
		}
		d, _ := registration.ParseBootstrapDiscover(x.Response.View.Payload)
		for _, l := range d.Links {
			p.held = append(p.held, l.Path)
		}
		free := func(object uint16) uint16 {
			var id uint16
			for slices.Contains(p.held, lwm2m.NewPath(object, id)) {
				id++
			}
			return id
		}
		p.account.SecurityID, p.account.ServerID = free(0), free(1)
		return x, nil
	})
}

// WriteSecurity brings the client the Security object's part of the account.
func WriteSecurity() Operation { return writeAccount(0) }

// WriteServer brings the client the Server object's part of the account.
func WriteServer() Operation { return writeAccount(1) }

func writeAccount(object uint16) Operation {
	return bootstrapCall(func(p *Play) (peer.Call, error) {
		return bootstrap.Writes(p.account, p.Key.Format == ObjectWise)[object], nil
	})
}

// BootstrapFinish ends the bootstrap.
func BootstrapFinish() Operation {
	return bootstrapCall(func(*Play) (peer.Call, error) { return peer.Call{Kind: peer.BootstrapFinish}, nil })
}

// AwaitBootstrap lets a bootstrap server under test do its work, in whatever order and shape, until it
// sends Bootstrap-Finish.
func AwaitBootstrap() Operation {
	return function(func(ctx context.Context, p *Play) (*Exchange, error) {
		s := Step{From: BootstrapServer, Within: bootstrapTimeout}
		return p.await(ctx, s, "Bootstrap-Finish", func(x *Exchange) bool {
			v := x.Request.View
			return v.Code == coap.POST && slices.Equal(v.Path(), []string{"bs"})
		})
	})
}

// bootstrapTimeout is EXCHANGE_LIFETIME, within which Finish is due (Core 6.1.6).
const bootstrapTimeout = 247e9

// HaveBroughtAnAccount expects our client to hold a consistent account: a server's Security instance
// with a legal Short Server ID, and the Server instance that belongs to it (Core 6.1.2).
func HaveBroughtAnAccount() types.GomegaMatcher {
	return Satisfy("a consistent server account on the client: /0/x with /0/x/1 false, and /1/y with the same Short Server ID", func(x *Exchange) Judgement {
		var found []string
		for _, a := range x.play.client.Accounts() {
			if !a.Bootstrap {
				found = append(found, fmt.Sprintf("%s with Short Server ID %d, lifetime %d s", a.URI, a.ShortServerID, a.Lifetime))
			}
		}
		return Judgement{OK: len(found) > 0 && x.play.client.Consistent(), Actual: fmt.Sprintf("server accounts: %q", found), Message: x.Request.N}
	})
}

// HaveWrittenValidly expects every Bootstrap-Write of the play to be a PUT with a Content-Format whose
// rules its payload keeps, at object level with instance ids (Core 6.1.7.5).
func HaveWrittenValidly() types.GomegaMatcher {
	return Satisfy("every Bootstrap-Write with a Content-Format and a payload that is valid in it", func(x *Exchange) Judgement {
		n := 0
		for _, e := range x.play.trace.Exchanges() {
			w := &Exchange{e, x.play, nil}
			if e.Request.From != string(BootstrapServer) || e.Request.View.Code != coap.PUT {
				continue
			}
			n++
			body := w.RequestBody()
			path, _ := w.Path()
			bad := func(text string) Judgement {
				return Judgement{Actual: fmt.Sprintf("PUT %s: %s", path, text), Message: e.Request.N}
			}
			switch {
			case !body.Stated:
				return bad("no Content-Format")
			case body.Err != nil:
				return bad(body.Err.Error())
			}
			for _, f := range body.Findings {
				if f.Level == lwm2m.MUST {
					return bad(f.Text)
				}
			}
		}
		return Judgement{OK: n > 0, Actual: fmt.Sprintf("%d writes, all valid", n)}
	})
}

// ListTheAccount expects the answer to the Bootstrap-Discover to show the new account as Core 6.1.7.3
// has it for the version of the run; more links are legal.
func ListTheAccount() types.GomegaMatcher {
	return Satisfy("the root link with the enabler version, the account's /0/x (ssid, since 1.1 uri) and /1/y (ssid), no ssid at the bootstrap account, and /3/0", func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		d, fs := registration.ParseBootstrapDiscover(x.Response.View.Payload)
		fail := func(format string, args ...any) Judgement {
			return Judgement{Actual: fmt.Sprintf(format, args...) + fmt.Sprintf(" in %q", truncate(string(x.Response.View.Payload), 300)), Message: x.Response.N}
		}
		for _, f := range fs {
			if f.Level == lwm2m.MUST {
				return fail("%s", f.Text)
			}
			x.warn("Bootstrap-Discover: " + f.Text)
		}
		if text := x.play.missingFrom(d); text != "" {
			return fail("%s", text)
		}
		return Judgement{OK: true, Actual: fmt.Sprintf("%q", truncate(string(x.Response.View.Payload), 300)), Message: x.Response.N}
	})
}

// missingFrom says what a Bootstrap-Discover's answer lacks, or has that it must not have.
func (p *Play) missingFrom(d registration.Discovered) string {
	a := p.account
	if want := p.Version.String(); strings.Trim(d.Version, `"`) != want {
		return fmt.Sprintf("the enabler version is %q, not %s", d.Version, want)
	}
	if d.Legacy && p.Version > lwm2m.V1_0 {
		p.warn("the enabler version stands in the form of LwM2M 1.0, without the root link </>")
	}
	for _, at := range []lwm2m.Path{lwm2m.NewPath(0, a.SecurityID), lwm2m.NewPath(1, a.ServerID)} {
		l, ok := d.Link(at)
		if !ok {
			return fmt.Sprintf("no link of %s", at)
		}
		if id, has := l.ShortServerID(); !has || id != a.ShortServerID {
			return fmt.Sprintf("no ssid=%d at %s", a.ShortServerID, at)
		}
		uri, has := l.Get("uri")
		if at.Object() == 0 && p.Version > lwm2m.V1_0 && (!has || uri.Value != a.URI) {
			return fmt.Sprintf("no uri=%q at %s", a.URI, at)
		}
	}
	if _, ok := d.Link(lwm2m.NewPath(3, 0)); !ok {
		return "no link of /3/0"
	}
	for _, l := range d.Links {
		_, has := l.Get("ssid")
		if l.Path.Len() == 2 && l.Path.Object() == 0 && l.Path != lwm2m.NewPath(0, a.SecurityID) && has {
			return fmt.Sprintf("an ssid at %s, the account of the bootstrap server", l.Path)
		}
	}
	return ""
}

// LookBack is a step that sends nothing: what has come of the first exchange is looked at once more.
func LookBack() Operation {
	return function(func(_ context.Context, p *Play) (*Exchange, error) {
		return &Exchange{p.trace.Exchanges()[0], p, nil}, nil
	})
}
