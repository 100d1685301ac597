// Package stack puts the layers of a link on each other: socket or memory, tap, transport security,
// trace. What comes out carries one CoAP message in clear per Read and Write.
package stack

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/lwm2mspec/lwm2mspec/coap/security"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// Watch is who records a link; the zero value records nothing, for the side that is under test.
type Watch struct {
	Trace  *trace.Trace
	Client string // roles at the ends
	Server string
}

func (w Watch) link(client, server net.Addr, secured bool) *trace.Link {
	if w.Trace == nil {
		return nil
	}
	return w.Trace.NewLink(trace.Link{
		Client: w.Client, Server: w.Server, Secured: secured,
		ClientAddress: addrPort(client), ServerAddress: addrPort(server),
	})
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		p := u.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

// Keys are the credentials a server knows: key by identity. nil is NoSec.
type Keys map[string][]byte

func (k Keys) of(identity []byte) ([]byte, error) {
	if key, ok := k[string(identity)]; ok {
		return key, nil
	}
	return nil, security.ErrUnknownIdentity
}

// Listen serves clients on host:port, secured when there are keys.
func Listen(ctx context.Context, n link.Network, address string, keys Keys, w Watch) (*Listener, error) {
	raw, err := n.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Listener{raw: raw, keys: keys, watch: w, cancel: cancel, ready: make(chan peer.Conn, 64)}
	l.wg.Go(func() { l.accept(ctx) })
	return l, nil
}

// Listener hands out finished connections.
type Listener struct {
	raw    link.Listener
	keys   Keys
	watch  Watch
	cancel context.CancelFunc
	ready  chan peer.Conn
	wg     sync.WaitGroup

	mu    sync.Mutex
	links []*trace.Link
	open  []net.Conn
}

var _ peer.Listener = (*Listener)(nil)

func (l *Listener) accept(ctx context.Context) {
	for {
		c, err := l.raw.Accept(ctx)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.open = append(l.open, c)
		l.mu.Unlock()
		l.wg.Go(func() { l.finish(ctx, c) })
	}
}

// finish secures and records one flow.
func (l *Listener) finish(ctx context.Context, c net.Conn) {
	k := l.watch.link(c.RemoteAddr(), c.LocalAddr(), l.keys != nil)
	if k != nil {
		l.mu.Lock()
		l.links = append(l.links, k)
		l.mu.Unlock()
	}
	out := conn{Conn: c}
	if l.keys != nil {
		below := c
		if k != nil {
			below = trace.Tap(c, l.watch.Trace, k, false)
		}
		ctx, cancel := context.WithTimeout(ctx, security.HandshakeTimeout)
		defer cancel()
		s, err := security.Server(ctx, below, security.ServerConfig{Keys: l.keys.of})
		if err != nil {
			_ = c.Close()
			return
		}
		out = conn{s, s.Identity()}
	}
	if k != nil {
		out.Conn = trace.Record(out.Conn, l.watch.Trace, k, false)
	}
	select {
	case l.ready <- out:
	case <-ctx.Done():
		_ = out.Close()
	}
}

// Accept gives the next finished connection.
func (l *Listener) Accept(ctx context.Context) (peer.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.raw.Addr() }

// Links are the flows that clients opened, also those whose handshake did not come to its end.
func (l *Listener) Links() []*trace.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*trace.Link(nil), l.links...)
}

// Close ends the listener and every flow.
func (l *Listener) Close() error {
	l.cancel()
	err := l.raw.Close()
	l.mu.Lock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}

// conn is a finished connection with the client's identity.
type conn struct {
	net.Conn
	identity []byte
}

// Identity is the client's PSK identity.
func (c conn) Identity() []byte { return c.identity }

// Offer is how a client goes about transport security; the zero value is the default way.
type Offer struct {
	Suites   []handshake.Suite // instead of the default ones
	PlainToo bool              // a plain CoAP message goes around DTLS once the handshake is done
}

// Dial makes a client's way of opening connections to the servers of its accounts.
func Dial(n link.Network, w Watch, o Offer) peer.Dial {
	return func(ctx context.Context, a peer.Account) (net.Conn, error) {
		address, err := hostPort(a.URI)
		if err != nil {
			return nil, err
		}
		c, err := n.Dial(ctx, address)
		if err != nil {
			return nil, err
		}
		k := w.link(c.LocalAddr(), c.RemoteAddr(), a.Mode == peer.PSK)
		if a.Mode == peer.PSK {
			below := c
			if k != nil {
				below = trace.Tap(c, w.Trace, k, true)
			}
			ctx, cancel := context.WithTimeout(ctx, security.HandshakeTimeout)
			defer cancel()
			s, err := security.Client(ctx, below, security.ClientConfig{Identity: a.Identity, Key: a.Key, Suites: o.Suites})
			if err != nil {
				_ = c.Close()
				return nil, err
			}
			if o.PlainToo {
				_, _ = c.Write([]byte{0x40, 0x01, 0x12, 0x34, 0x52, 'r', 'd'})
			}
			c = s
		}
		if k != nil {
			c = trace.Record(c, w.Trace, k, true)
		}
		return c, nil
	}
}
