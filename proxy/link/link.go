// Package link is the datagram network under everything: sockets on UDP or in memory, from which each
// remote address is cut out as a net.Conn of its own. It knows of DTLS no more than it takes to tell a
// rebooted client from a delayed duplicate; what the datagrams mean is for the layers above.
package link

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Network makes listeners and connections. Every connection carries one datagram per Read and Write;
// a Read into a buffer that is too small loses the rest of the datagram, as on a UDP socket.
type Network interface {
	// Listen binds addr (host:port; port 0 is chosen by the network). ctx bounds the binding only.
	Listen(ctx context.Context, addr string) (Listener, error)
	// Dial makes a connection with a socket of its own to addr. Nothing is sent by it.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// DialFrom is Dial with the local address fixed (host:port; the host may be empty).
	DialFrom(ctx context.Context, local, addr string) (net.Conn, error)
}

// Listener is one bound socket.
type Listener interface {
	// Accept returns a connection for each remote address that sends something, and another one when
	// a DTLS client at a known address begins anew (RFC 6347 section 4.2.8); Read on the old one then
	// returns io.EOF after what came before. The error after Close is net.ErrClosed.
	Accept(ctx context.Context) (net.Conn, error)
	// Addr is the local address.
	Addr() net.Addr
	// Close closes the socket and with it every connection that Accept returned.
	Close() error
}

// Limits bound what a hostile or chatty network can make a listener hold. Zero fields have the default.
type Limits struct {
	Flows   int           // remote addresses at a time; 1024
	Queue   int           // datagrams that wait in one connection to be read; 256
	Backlog int           // connections that wait to be accepted; 64
	Idle    time.Duration // silence after which a flow gives way to a new one when Flows is reached; EXCHANGE_LIFETIME, 247 s
}

func (l Limits) orDefault() Limits {
	if l.Flows <= 0 {
		l.Flows = 1024
	}
	if l.Queue <= 0 {
		l.Queue = 256
	}
	if l.Backlog <= 0 {
		l.Backlog = 64
	}
	if l.Idle <= 0 {
		l.Idle = 247 * time.Second // RFC 7252 section 4.8.2: after it no message of an exchange is under way
	}
	return l
}

// Loss is a datagram that reached a socket and was not delivered, or could not be sent.
type Loss struct {
	Local, Remote netip.AddrPort
	Datagram      []byte // nil when it is not known
	Reason        string
}

// Options are common to all networks.
type Options struct {
	Limits Limits
	// OnLoss is told of every datagram that is not delivered, so that a lost message is never mistaken
	// for one that was not sent. It must not block or call back into the network; nil: nobody is told.
	OnLoss func(Loss)
}

func (o Options) lost(local, remote netip.AddrPort, datagram []byte, reason string) {
	if o.OnLoss != nil {
		o.OnLoss(Loss{Local: local, Remote: remote, Datagram: datagram, Reason: reason})
	}
}

// addrPort is the address of a net.Addr of ours, an IPv4 address never in its IPv6 form.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(u.AddrPort())
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
