package harness

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/bootstrap"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/client"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/server"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/harness/stack"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// environment is everything of a play that has to be ended.
type environment struct {
	closers   []func()
	listeners []*stack.Listener
}

func (e *environment) onClose(f func()) { e.closers = append(e.closers, f) }

func (e *environment) close() {
	for i := len(e.closers) - 1; i >= 0; i-- {
		e.closers[i]()
	}
}

// credentials are the PSK identity and key of a play: the profile's, or fresh from the seed.
type credentials struct {
	mode     peer.SecurityMode
	identity []byte
	key      []byte
}

func (p *Play) credentials() credentials {
	s, _ := p.profile.Mode(string(p.security))
	if p.security == NoSec {
		return credentials{mode: peer.NoSec}
	}
	c := credentials{peer.PSK, []byte(s.Identity), s.Key}
	if s.Identity == "" {
		sum := p.derive("psk")
		// The bytes 0xFB and 0xFF make Base64 differ from base64url, so that a codec that mixes them up
		// is seen (field bug F031).
		c.identity, c.key = []byte(p.endpoint), append([]byte{0xfb, 0xff}, sum[:14]...)
	}
	return c
}

// derive makes bytes that are fixed by the seed and what they are for.
func (p *Play) derive(what string) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(what+p.Case.ID), p.Seed))
}

func (p *Play) makeEndpoint() string {
	if p.profile.Endpoint != "" {
		return p.profile.Endpoint
	}
	sum := p.derive("endpoint")
	return "urn:dev:os:32473-" + hex.EncodeToString(sum[:4])
}

// addresses of our servers in the memory network (RFC 5737).
const (
	memoryServer    = "192.0.2.1"
	memoryBootstrap = "192.0.2.2"
	memoryIUT       = "192.0.2.10"
)

func (p *Play) listenAddress(host string) string {
	port := "5683"
	if p.security == PSK {
		port = "5684"
	}
	if _, memory := p.network.(*link.Memory); memory {
		return net.JoinHostPort(host, port)
	}
	if host == memoryServer && p.profile.Listen != "" {
		return p.profile.Listen
	}
	return "127.0.0.1:0"
}

// setupClient makes our servers for a client under test and starts it.
func (p *Play) setupClient(ctx context.Context) error {
	cred := p.credentials()
	keys := stack.Keys(nil)
	if cred.mode == peer.PSK {
		keys = stack.Keys{string(cred.identity): cred.key}
	}
	listen := func(host string, role Role) (*stack.Listener, error) {
		l, err := stack.Listen(ctx, p.network, p.listenAddress(host), keys, stack.Watch{Trace: p.trace, Client: string(Client), Server: string(role)})
		if err == nil {
			p.env.listeners = append(p.env.listeners, l)
			p.env.onClose(func() { _ = l.Close() })
		}
		return l, err
	}
	l, err := listen(memoryServer, Server)
	if err != nil {
		return failure{results.Error, err}
	}
	p.server = server.Start(l, server.Config{Seed: p.Seed, OnPanic: p.panicked})
	p.env.onClose(p.server.Close)
	p.account = p.Case.Config.serverAccount(stack.URI(cred.mode, l.Addr().String()), cred.mode, cred.identity, cred.key)
	accounts := []peer.Account{p.account}
	if p.Case.Config.bootstraps() || p.profile.Provision == profile.ByBootstrap {
		b, err := listen(memoryBootstrap, BootstrapServer)
		if err != nil {
			return failure{results.Error, err}
		}
		cfg := bootstrap.Config{Seed: p.Seed + 1, OnPanic: p.panicked}
		if !p.Case.Config.bootstraps() {
			cfg.Provision = &p.account
		}
		p.bootstrap = bootstrap.Start(b, cfg)
		p.env.onClose(p.bootstrap.Close)
		accounts = []peer.Account{bootstrapAccount(stack.URI(cred.mode, b.Addr().String()), cred.mode, cred.identity, cred.key)}
	}
	return p.startIUT(ctx, control.Setup{Endpoint: p.endpoint, Version: p.Version, Seed: p.Seed + 2, Accounts: accounts})
}

// setupServer starts the server or bootstrap server under test and makes our client.
func (p *Play) setupServer(ctx context.Context) error {
	cred := p.credentials()
	address, err := p.iutAddress(ctx)
	if err != nil {
		return failure{results.Error, err}
	}
	uri := stack.URI(cred.mode, address)
	s := control.Setup{Endpoint: p.endpoint, Version: p.Version, Seed: p.Seed + 2, Listen: address, Mode: cred.mode, Identity: cred.identity, Key: cred.key}
	accounts := []peer.Account{p.Case.Config.serverAccount(uri, cred.mode, cred.identity, cred.key)}
	if p.Role == BootstrapServer {
		// The server that bootstrap brings is one nobody reaches: the case ends with Finish.
		given := C1.serverAccount(stack.URI(cred.mode, "192.0.2.99:5684"), cred.mode, cred.identity, cred.key)
		s.Provision = &given
		accounts = []peer.Account{bootstrapAccount(uri, cred.mode, cred.identity, cred.key)}
	}
	p.account = accounts[0]
	if err := p.startIUT(ctx, s); err != nil {
		return err
	}
	watch := stack.Watch{Trace: p.trace, Client: string(Client), Server: string(p.Role)}
	p.client = client.New(client.Config{
		Endpoint: p.endpoint, Version: p.Version, Accounts: accounts, Device: peer.Device(), Dial: stack.Dial(p.network, watch, stack.Offer{}), Seed: p.Seed, OnPanic: p.panicked,
	})
	p.env.onClose(p.client.Kill)
	id := p.account.ServerID
	p.instance = &id
	return nil
}

// iutAddress is where a server under test listens: where the profile says, else on a port that is free
// now.
func (p *Play) iutAddress(ctx context.Context) (string, error) {
	if p.profile.Address != "" {
		return p.profile.Address, nil
	}
	if _, memory := p.network.(*link.Memory); memory {
		return p.listenAddress(memoryIUT), nil
	}
	pc, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port can be found for the IUT: %w", err)
	}
	defer pc.Close()
	return pc.LocalAddr().String(), nil
}

func (p *Play) startIUT(ctx context.Context, s control.Setup) error {
	p.env.onClose(func() { _ = p.iut.Close() })
	p.trace.SetLife(1)
	ctx, cancel := context.WithTimeoutCause(ctx, p.profile.Timeouts.Start, fmt.Errorf("the IUT did not start within %v", p.profile.Timeouts.Start))
	defer cancel()
	if err := p.iut.Start(ctx, s); err != nil {
		return failure{results.Error, err}
	}
	return nil
}

// given brings about the precondition.
func (p *Play) given(ctx context.Context) error {
	if p.Case.Given == Nothing {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.profile.Timeouts.Register, fmt.Errorf("no registration within %v", p.profile.Timeouts.Register))
	defer cancel()
	if p.Role == Server {
		did, err := p.client.Register(ctx, p.account.ShortServerID)
		if x, ok := p.trace.Find(did.Request); ok {
			p.mark = x.Request.N
			p.used = append(p.used, x.Request.N)
		}
		if err != nil {
			return inconclusive("the precondition does not hold: our client could not register: %v", err)
		}
		return nil
	}
	x, err := p.awaitAny(ctx, func(x *Exchange) bool {
		return isRegister(x) && x.Response != nil && x.Response.View.Code == coap.Created
	})
	if err != nil {
		return inconclusive("the precondition does not hold: the client did not register: %s", p.whyNoRegistration(err))
	}
	p.registered(x)
	return p.findAccount(ctx)
}

// registered takes over what the client's Register says.
func (p *Play) registered(x *Exchange) {
	p.mark = x.Request.N
	p.used = append(p.used, x.Request.N)
	if ep, ok := x.Parameter("ep"); ok {
		p.endpoint = ep
	}
	p.list, _ = registration.ParseList(x.Request.View.Payload, p.Version)
}

// whyNoRegistration says what is known about a client that did not come.
func (p *Play) whyNoRegistration(err error) string {
	for _, l := range p.env.listeners {
		links := l.Links()
		if len(links) == 0 || !links[len(links)-1].Secured {
			continue
		}
		if h := links[len(links)-1].Watcher.Handshake(); h.Cause() != "complete" {
			return h.Diagnosis()
		}
	}
	for _, x := range p.trace.Exchanges() {
		if y := (&Exchange{x, p, nil}); isRegister(y) && x.Response != nil {
			return fmt.Sprintf("its Register (message %d) was refused: %s", x.Request.N, y.describeResponse())
		}
	}
	if p.trace.Len() == 0 {
		return fmt.Sprintf("%v; not one datagram came", err)
	}
	return err.Error()
}

// findAccount finds the Server object instance of our account: the only one announced, else the one
// with our Short Server ID (ruling R-4).
func (p *Play) findAccount(ctx context.Context) error {
	instances := p.list.InstancesOf(1)
	if len(instances) == 1 {
		id := instances[0].Instance()
		p.instance = &id
		return nil
	}
	for _, i := range instances {
		x, err := p.send(ctx, peer.Call{Kind: peer.Read, Path: i.Child(ShortServerID)}, Step{From: Server})
		if err != nil || x.Response == nil {
			continue
		}
		if v, ok := x.Body().Tree.Get(i.Child(ShortServerID)); ok && v.Int() == int64(p.account.ShortServerID) {
			id := i.Instance()
			p.instance = &id
			return nil
		}
	}
	return inconclusive("the precondition does not hold: no announced instance of object 1 holds the account of our server (Short Server ID %d)", p.account.ShortServerID)
}

// errors of a play, by the verdict they lead to.
var errIUTEnded = errors.New("the implementation under test ended")
