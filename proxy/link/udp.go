package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// UDP is the network of the machine.
type UDP struct {
	Options
}

var _ Network = UDP{}

// Listen binds a UDP socket.
func (u UDP) Listen(ctx context.Context, addr string) (Listener, error) {
	c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, plain("listen on", addr, err)
	}
	socket := c.(*net.UDPConn) //nolint:forcetypeassert // ListenPacket returns it for "udp"
	l := &udpListener{socket: socket}
	l.mux = newMux(addrPort(socket.LocalAddr()), u.Options, func(to netip.AddrPort, b []byte) error {
		_, err := socket.WriteToUDPAddrPort(b, to)
		return err
	})
	if l.local.Addr().IsUnspecified() {
		l.source = func(remote netip.AddrPort) netip.AddrPort { return sourceFor(l.local, remote) }
	}
	go l.read()
	return l, nil
}

// sourceFor asks the routing table which address a socket bound to none sends from, so that a capture
// shows the address the packets really have. Nothing is sent.
func sourceFor(local, remote netip.AddrPort) netip.AddrPort {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return local
	}
	defer c.Close()
	return netip.AddrPortFrom(addrPort(c.LocalAddr()).Addr(), local.Port())
}

type udpListener struct {
	*mux
	socket *net.UDPConn
}

func (l *udpListener) read() {
	b := make([]byte, 65536)
	for {
		n, from, err := l.socket.ReadFromUDPAddrPort(b)
		switch {
		case err == nil:
			l.deliver(unmap(from), bytes.Clone(b[:n]))
		case unreachable(err): // an earlier datagram of ours found nobody; the socket is fine
		default:
			if !errors.Is(err, net.ErrClosed) {
				err = fmt.Errorf("reading from UDP %s: %w", l.local, err)
			} else {
				err = net.ErrClosed
			}
			l.shut(err)
			return
		}
	}
}

// Accept is Listener's.
func (l *udpListener) Accept(ctx context.Context) (net.Conn, error) { return l.accept(ctx) }

// Addr is the bound address.
func (l *udpListener) Addr() net.Addr { return l.socket.LocalAddr() }

// Close closes the socket and every flow of it.
func (l *udpListener) Close() error {
	l.shut(net.ErrClosed)
	err := l.socket.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Dial makes a connected socket with a port of the system's choice.
func (u UDP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return u.DialFrom(ctx, "", addr)
}

// DialFrom makes a connected socket with the local address given.
func (u UDP) DialFrom(ctx context.Context, local, addr string) (net.Conn, error) {
	var d net.Dialer
	if local != "" {
		a, err := net.ResolveUDPAddr("udp", local)
		if err != nil {
			return nil, plain("use the local address", local, err)
		}
		d.LocalAddr = a
	}
	c, err := d.DialContext(ctx, "udp", addr)
	if err != nil {
		if local != "" && errors.Is(err, syscall.EADDRINUSE) {
			addr = local
		}
		return nil, plain("reach", addr, err)
	}
	return &dialled{Conn: c, options: u.Options}, nil
}

// dialled is a connected socket that takes "port unreachable" for what it is: a lost datagram. The
// peer may be about to start, and CoAP repeats itself.
type dialled struct {
	net.Conn
	options Options
}

func (c *dialled) lost(datagram []byte) {
	c.options.lost(addrPort(c.LocalAddr()), addrPort(c.RemoteAddr()), datagram, "nobody listens on "+c.RemoteAddr().String())
}

// Read returns the next datagram.
func (c *dialled) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err == nil || !unreachable(err) {
			return n, err
		}
		c.lost(nil)
	}
}

// Write sends one datagram. The system reports an unreachable port at the next Write after the one
// that found it, and does not send then; so it is sent again.
func (c *dialled) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil || !unreachable(err) {
		return n, err
	}
	c.lost(nil)
	if n, err = c.Conn.Write(b); err != nil && unreachable(err) {
		c.lost(bytes.Clone(b))
		return len(b), nil
	}
	return n, err
}

func unreachable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// plain turns the errors a user can cause into one sentence.
func plain(doing, addr string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot %s UDP %s: another socket has this port: %w", doing, addr, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot %s UDP %s: the system does not allow this port: %w", doing, addr, syscall.EACCES)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("cannot %s UDP %s: this machine does not have the address: %w", doing, addr, syscall.EADDRNOTAVAIL)
	case errors.As(err, &dns):
		return fmt.Errorf("cannot %s UDP %s: the host name %q cannot be resolved (%s)", doing, addr, dns.Name, dns.Err)
	}
	return fmt.Errorf("cannot %s UDP %s: %w", doing, addr, err)
}
