package link

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// mux cuts one flow per remote address out of one socket. It has no goroutine: the socket calls
// deliver.
type mux struct {
	local    netip.AddrPort
	options  Options
	limits   Limits
	send     func(to netip.AddrPort, b []byte) error
	source   func(remote netip.AddrPort) netip.AddrPort // local address towards a remote one
	accepted chan net.Conn
	done     chan struct{}

	mu    sync.Mutex
	flows map[netip.AddrPort]*entry
	err   error // set once: no flows are made any more
}

// entry is what is known of one remote address.
type entry struct {
	*flow
	associations
	active time.Time // when something came from there last
}

func newMux(local netip.AddrPort, o Options, send func(netip.AddrPort, []byte) error) *mux {
	l := o.Limits.orDefault()
	return &mux{
		local: local, options: o, limits: l, send: send,
		source:   func(netip.AddrPort) netip.AddrPort { return local },
		accepted: make(chan net.Conn, l.Backlog),
		done:     make(chan struct{}), flows: map[netip.AddrPort]*entry{},
	}
}

// deliver hands a datagram to the flow it belongs to. The mux owns it from here.
func (m *mux) deliver(from netip.AddrPort, datagram []byte) {
	m.mu.Lock()
	reason := m.place(from, datagram)
	m.mu.Unlock()
	if reason != "" {
		m.options.lost(m.local, from, datagram, reason)
	}
}

// place does deliver's work; it returns why the datagram was lost.
func (m *mux) place(from netip.AddrPort, datagram []byte) string {
	if m.err != nil {
		return "the socket is closed"
	}
	h, isHello := readHello(datagram)
	e := m.flows[from]
	if e != nil && isHello && len(e.randoms) > 0 && e.begins(h) {
		e.finish(io.EOF)
		e = &entry{associations: e.associations}
	}
	if e == nil {
		if !isHello && looksLikeDTLS(datagram) {
			return "a DTLS record came from an address without an association"
		}
		if !m.room() {
			return "there are too many remote addresses at a time"
		}
		e = &entry{}
	}
	if isHello {
		e.remember(h)
	}
	if e.flow == nil && !m.begin(from, e) {
		return "too many connections wait to be accepted"
	}
	e.active = time.Now()
	if !e.offer(datagram) {
		return "too many datagrams wait to be read"
	}
	return ""
}

// begin makes the flow of e and gives it to Accept; false when nobody accepts.
func (m *mux) begin(from netip.AddrPort, e *entry) bool {
	e.flow = newFlow(m.source(from), from, m.limits.Queue, func(b []byte) error { return m.send(from, b) }, m.forget)
	select {
	case m.accepted <- e.flow:
		m.flows[from] = e
		return true
	default:
		delete(m.flows, from)
		return false
	}
}

// room makes place for one more flow, if need be by ending the one that is silent for longest.
func (m *mux) room() bool {
	if len(m.flows) < m.limits.Flows {
		return true
	}
	var oldest *entry
	for _, e := range m.flows {
		if oldest == nil || e.active.Before(oldest.active) {
			oldest = e
		}
	}
	if time.Since(oldest.active) < m.limits.Idle {
		return false
	}
	oldest.finish(io.EOF)
	delete(m.flows, oldest.remote)
	return true
}

// forget drops a flow that was closed by its user.
func (m *mux) forget(f *flow) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.flows[f.remote]; e != nil && e.flow == f {
		delete(m.flows, f.remote)
	}
}

// shut ends every flow; Accept returns err from then on.
func (m *mux) shut(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return
	}
	m.err = err
	for _, e := range m.flows {
		e.finish(err)
	}
	clear(m.flows)
	close(m.done)
}

func (m *mux) accept(ctx context.Context) (net.Conn, error) {
	select {
	case <-m.done:
		m.mu.Lock()
		defer m.mu.Unlock()
		return nil, m.err
	default:
	}
	select {
	case c := <-m.accepted:
		return c, nil
	case <-m.done:
		m.mu.Lock()
		defer m.mu.Unlock()
		return nil, m.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
