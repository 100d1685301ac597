package trace

import (
	"net"
	"net/netip"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
)

// Record wraps a connection that carries CoAP in clear, above the security layer if there is one, so
// that every datagram read from it or written to it stands in the trace. weAreClient says which end of
// the link the connection is.
func Record(conn net.Conn, t *Trace, l *Link, weAreClient bool) net.Conn {
	e := end{conn, t, l, weAreClient}
	e.fill()
	return &recorded{e}
}

// Tap wraps a connection below the security layer: the datagrams of a DTLS handshake and its alerts
// stand in the trace, and what is no DTLS. Those with application data do not, since Record sees them
// in clear. Everything goes to the watcher of the link. On a link without security it does nothing.
func Tap(conn net.Conn, t *Trace, l *Link, weAreClient bool) net.Conn {
	if l.Watcher == nil {
		return conn
	}
	e := end{conn, t, l, weAreClient}
	e.fill()
	return &tapped{e}
}

// end is our end of a link.
type end struct {
	net.Conn
	trace       *Trace
	link        *Link
	weAreClient bool
}

// fill gives the link the addresses of the connection where it has none.
func (c *end) fill() {
	client, server := addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())
	if !c.weAreClient {
		client, server = server, client
	}
	c.trace.mu.Lock()
	defer c.trace.mu.Unlock()
	if !c.link.ClientAddress.IsValid() {
		c.link.ClientAddress = client
	}
	if !c.link.ServerAddress.IsValid() {
		c.link.ServerAddress = server
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := u.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// send writes what was recorded under a number before it is on its way, so that no answer to it can
// come before it.
func (c *end) send(number int, b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		c.trace.Note(number, "it could not be sent: "+err.Error())
	}
	return n, err
}

type recorded struct{ end }

// Read records before anybody can react.
func (r *recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if err == nil {
		r.see(!r.weAreClient, b[:n])
	}
	return n, err
}

func (r *recorded) Write(b []byte) (int, error) { return r.send(r.see(r.weAreClient, b), b) }

func (r *recorded) see(fromClient bool, b []byte) int {
	if r.link.Secured || !handshake.IsRecord(b) {
		return r.trace.Message(r.link, fromClient, b)
	}
	lines := handshake.NewWatcher().Datagram(fromClient, b)
	e := Entry{Link: r.link, Kind: DTLS, Raw: append([]byte(nil), b...), Record: describe(lines)}
	e.Notes = []string{"DTLS on a link without security"}
	return r.trace.Add(e, fromClient)
}

func describe(lines []string) string {
	if len(lines) == 0 {
		return "protected records"
	}
	return strings.Join(lines, "; ")
}

type tapped struct{ end }

// Read lets the watcher see what the security layer is about to get.
func (p *tapped) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err == nil {
		p.see(!p.weAreClient, b[:n])
	}
	return n, err
}

func (p *tapped) Write(b []byte) (int, error) { return p.send(p.see(p.weAreClient, b), b) }

// see returns the number of the entry, 0 when there is none.
func (p *tapped) see(fromClient bool, b []byte) int {
	lines := p.link.Watcher.Datagram(fromClient, b)
	if handshake.IsRecord(b) {
		if len(lines) == 0 {
			return 0
		}
		return p.trace.Handshake(p.link, fromClient, b, describe(lines))
	}
	v := coap.Decode(b)
	e := Entry{Link: p.link, Raw: v.Raw}
	if len(b) >= 4 && v.Version == 1 {
		e.View, e.Notes = v, []string{"plaintext CoAP on a link with DTLS"}
	} else {
		e.Kind, e.Record, e.Notes = DTLS, describe(lines), []string{"neither DTLS nor CoAP"}
	}
	return p.trace.Add(e, fromClient)
}
