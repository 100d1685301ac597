package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// DefaultLatency is the one-way latency of a Memory network that sets none.
const DefaultLatency = time.Millisecond

// maxUnderWay bounds the datagrams that travel at a time.
const maxUnderWay = 1 << 16

// Memory is a network within the process, for virtual time. It is used inside one synctest bubble, and
// behaves the same in every run: datagrams arrive in the order they were written, no two at the same
// instant, and those written at the same instant in the order of their senders' addresses. Addresses
// are IP addresses with ports, "192.0.2.1:5683", and need not be declared; a datagram to an address
// that nobody holds is lost. The zero value is ready for use.
type Memory struct {
	Options
	Latency time.Duration // one way; 0: DefaultLatency

	mu       sync.Mutex
	bound    map[netip.AddrPort]receiver
	underWay []packet // in the order they are due
	arriving []packet // those that are due now
	carrying bool     // a timer is set for the next one
	lastPort uint16
}

var _ Network = (*Memory)(nil)

// receiver is whoever holds an address.
type receiver interface {
	deliver(from netip.AddrPort, datagram []byte)
}

type packet struct {
	due      time.Time
	from, to netip.AddrPort
	datagram []byte
}

// The addresses that connections get which ask for none (RFC 5737, RFC 3849: for documentation).
var (
	client4 = netip.MustParseAddr("198.51.100.1")
	client6 = netip.MustParseAddr("2001:db8::c")
)

const firstEphemeral = 49152

// Listen holds addr.
func (m *Memory) Listen(_ context.Context, addr string) (Listener, error) {
	a, err := memoryAddr(addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, err = m.free(a); err != nil {
		return nil, err
	}
	l := &memoryListener{network: m}
	l.mux = newMux(a, m.Options, func(to netip.AddrPort, b []byte) error { m.send(a, to, b); return nil })
	m.bound[a] = l.mux
	return l, nil
}

// Dial makes a connection from an address of the network's choice.
func (m *Memory) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return m.DialFrom(ctx, "", addr)
}

// DialFrom makes a connection from the local address given.
func (m *Memory) DialFrom(_ context.Context, local, addr string) (net.Conn, error) {
	to, err := memoryAddr(addr)
	if err != nil || to.Port() == 0 {
		return nil, fmt.Errorf("cannot reach %q: an address in memory is an IP address and a port", addr)
	}
	from := netip.AddrPortFrom(client4, 0)
	if to.Addr().Is6() {
		from = netip.AddrPortFrom(client6, 0)
	}
	if host, port, err := net.SplitHostPort(local); err == nil && host == "" {
		local = net.JoinHostPort(from.Addr().String(), port)
	}
	if local != "" {
		if from, err = memoryAddr(local); err != nil {
			return nil, fmt.Errorf("cannot use the local address: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if from, err = m.free(from); err != nil {
		return nil, err
	}
	d := &memoryDialled{options: m.Options}
	d.flow = newFlow(from, to, m.Limits.orDefault().Queue,
		func(b []byte) error { m.send(from, to, b); return nil },
		func(*flow) { m.release(from, d) })
	m.bound[from] = d
	return d, nil
}

func memoryAddr(addr string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil || a.Addr().IsUnspecified() {
		return a, fmt.Errorf("%q is not an IP address with a port, as the network in memory needs it", addr)
	}
	return unmap(a), nil
}

// free chooses a port if a has none, and refuses an address that somebody holds.
func (m *Memory) free(a netip.AddrPort) (netip.AddrPort, error) {
	if m.bound == nil {
		m.bound = map[netip.AddrPort]receiver{}
	}
	if a.Port() != 0 {
		if m.bound[a] != nil {
			return a, fmt.Errorf("cannot bind %s in memory: another socket has this port", a)
		}
		return a, nil
	}
	for range 1<<16 - firstEphemeral {
		m.lastPort = max(m.lastPort+1, firstEphemeral)
		if b := netip.AddrPortFrom(a.Addr(), m.lastPort); m.bound[b] == nil {
			return b, nil
		}
	}
	return a, errors.New("no port is left in memory")
}

func (m *Memory) release(a netip.AddrPort, r receiver) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bound[a] == r {
		delete(m.bound, a)
	}
}

// send puts a datagram on its way.
func (m *Memory) send(from, to netip.AddrPort, b []byte) {
	latency := m.Latency
	if latency <= 0 {
		latency = DefaultLatency
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.underWay) == maxUnderWay {
		m.lost(from, to, b, "too many datagrams are under way")
		return
	}
	m.underWay = append(m.underWay, packet{time.Now().Add(latency), from, to, bytes.Clone(b)})
	if !m.carrying {
		m.carrying = true
		time.AfterFunc(latency, m.carry)
	}
}

// carry delivers one datagram and sets the timer for the next. Between two there is always a moment,
// in which in virtual time everybody finishes with the first. No goroutine waits here: one that did
// could not end any more when the bubble does.
func (m *Memory) carry() {
	p, r := m.next()
	if r != nil {
		r.deliver(p.from, p.datagram)
	} else {
		m.lost(p.from, p.to, p.datagram, "nobody listens on "+p.to.String())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(m.arriving) > 0:
		time.AfterFunc(time.Nanosecond, m.carry)
	case len(m.underWay) > 0:
		time.AfterFunc(max(time.Until(m.underWay[0].due), time.Nanosecond), m.carry)
	default:
		m.underWay, m.arriving, m.carrying = nil, nil, false
	}
}

// next takes the datagram that arrives now and whoever holds its address.
func (m *Memory) next() (packet, receiver) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.arriving) == 0 {
		n := 1
		for n < len(m.underWay) && m.underWay[n].due.Equal(m.underWay[0].due) {
			n++
		}
		m.arriving = slices.Clone(m.underWay[:n])
		m.underWay = m.underWay[n:]
		slices.SortStableFunc(m.arriving, func(a, b packet) int { return a.from.Compare(b.from) })
	}
	p := m.arriving[0]
	m.arriving = m.arriving[1:]
	return p, m.bound[p.to]
}

type memoryListener struct {
	*mux
	network *Memory
}

// Accept is Listener's.
func (l *memoryListener) Accept(ctx context.Context) (net.Conn, error) { return l.accept(ctx) }

// Addr is the address held.
func (l *memoryListener) Addr() net.Addr { return net.UDPAddrFromAddrPort(l.local) }

// Close frees the address and ends every flow.
func (l *memoryListener) Close() error {
	l.shut(net.ErrClosed)
	l.network.release(l.local, l.mux)
	return nil
}

// memoryDialled is a connected socket: what others than its peer send is lost.
type memoryDialled struct {
	*flow
	options Options
}

func (d *memoryDialled) deliver(from netip.AddrPort, datagram []byte) {
	switch {
	case from != d.remote:
		d.options.lost(d.local, from, datagram, "it came from another address than "+d.remote.String())
	case !d.offer(datagram):
		d.options.lost(d.local, from, datagram, "too many datagrams wait to be read")
	}
}
