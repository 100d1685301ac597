package trace

import (
	"net"
	"strings"
	"sync/atomic"

	"github.com/lwm2mspec/lwm2mspec/coap/security"
)

// Record wraps a connection that carries CoAP in clear, so that every message read from it or written
// to it stands in the trace. weAreClient says which end of the link the connection is.
func Record(conn net.Conn, t *Trace, l *Link, weAreClient bool) net.Conn {
	return &recorded{conn, t, l, weAreClient}
}

type recorded struct {
	net.Conn
	trace       *Trace
	link        *Link
	weAreClient bool
}

// Read records before anybody reacts, Write before anything can be answered: so the order of the trace
// is the order of cause and effect.
func (r *recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if err == nil {
		r.trace.Message(r.link, !r.weAreClient, b[:n])
	}
	return n, err
}

func (r *recorded) Write(b []byte) (int, error) {
	r.trace.Message(r.link, r.weAreClient, b)
	return r.Conn.Write(b)
}

// Tap wraps a connection below DTLS: the datagrams of a handshake stand in the trace, those with
// application data do not, since Record sees them in clear.
func Tap(conn net.Conn, t *Trace, l *Link, weAreClient bool) net.Conn {
	return &tapped{Conn: conn, trace: t, link: l, weAreClient: weAreClient}
}

type tapped struct {
	net.Conn
	trace       *Trace
	link        *Link
	weAreClient bool
	plain       atomic.Int64
}

const maxPlain = 64 // datagrams that are no DTLS and are still recorded one by one

func (p *tapped) see(fromClient bool, b []byte) {
	if !security.IsRecord(b) && p.plain.Add(1) > maxPlain {
		return
	}
	if lines := p.link.Watcher.Datagram(fromClient, b); len(lines) > 0 {
		p.trace.Handshake(p.link, fromClient, b, strings.Join(lines, "; "))
	}
}

func (p *tapped) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err == nil {
		p.see(!p.weAreClient, b[:n])
	}
	return n, err
}

func (p *tapped) Write(b []byte) (int, error) {
	p.see(p.weAreClient, b)
	return p.Conn.Write(b)
}
