package pcapng

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// The ports by which Wireshark knows the protocols (RFC 7252 section 12.6 and 12.7).
const (
	portCoAP = 5683
	portDTLS = 5684
)

// Write writes the entries of a trace as a capture file. Given all entries of a trace, frame n is
// message n.
func Write(w io.Writer, entries []trace.Entry) error {
	out, err := NewWriter(w)
	if err != nil {
		return err
	}
	shown := newAddresses()
	for _, e := range entries {
		from, to := shown.of(e)
		if err := out.Packet(e.At, udpPacket(from, to, e.Raw), comment(e)); err != nil {
			return err
		}
	}
	return nil
}

// comment says what the frame cannot.
func comment(e trace.Entry) string {
	lines := []string{
		fmt.Sprintf("message %d, %s to %s, link %q, life %d", e.N, e.From, e.To, e.Link.Name, e.Life),
		fmt.Sprintf("real addresses: %s to %s", e.Source, e.Destination),
	}
	add := func(when bool, format string, args ...any) {
		if when {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(e.Kind == trace.CoAP && e.Secured, "this was inside DTLS")
	add(e.Kind == trace.DTLS, "%s", e.Record)
	add(len(e.Raw) > maxUDP4, "it had %d bytes, which no packet holds", len(e.Raw))
	add(e.Repeats != 0, "repeats message %d", e.Repeats)
	add(e.Deliberate, "what departs from the rules here is deliberate")
	for _, n := range e.Notes {
		add(true, "note: %s", n)
	}
	for _, f := range e.View.Findings {
		add(true, "%s: %s", f.Rule, f.Text)
	}
	return strings.Join(lines, "\n")
}

// pair is the real addresses of the two ends.
type pair struct{ client, server netip.AddrPort }

// addresses chooses what is shown instead of them: the server has the port of its protocol, the client
// one that Wireshark takes for nothing else and that tells the pair from all others.
type addresses struct {
	ports map[pair]uint16
	taken map[pair]bool // as shown, with the CoAP port
}

func newAddresses() *addresses { return &addresses{map[pair]uint16{}, map[pair]bool{}} }

// of gives the addresses to show an entry with.
func (a *addresses) of(e trace.Entry) (from, to netip.AddrPort) {
	fromClient := e.From == e.Link.Client
	real := pair{e.Destination, e.Source}
	if fromClient {
		real = pair{e.Source, e.Destination}
	}
	client, server := oneFamily(real)
	port := a.clientPort(real, client, server)
	from, to = netip.AddrPortFrom(client, port), netip.AddrPortFrom(server, portCoAP)
	if e.Kind == trace.DTLS {
		to = netip.AddrPortFrom(server, portDTLS)
	}
	if !fromClient {
		from, to = to, from
	}
	return from, to
}

// firstFree is where Wireshark's own ports end for our purpose: it asks for the dissector of the lower
// port of the two first, so that a client's port decides nothing when it is above the server's.
const firstFree = portDTLS + 1

func (a *addresses) clientPort(real pair, client, server netip.Addr) uint16 {
	if p, ok := a.ports[real]; ok {
		return p
	}
	p := real.client.Port()
	if p < firstFree {
		p += 50000 // recognizable: 5683 becomes 55683
	}
	free := func(p uint16) bool {
		return !a.taken[pair{netip.AddrPortFrom(client, p), netip.AddrPortFrom(server, portCoAP)}]
	}
	for n := 0; !free(p) && n < 1<<16-firstFree; n++ {
		if p++; p < firstFree {
			p = firstFree
		}
	}
	a.ports[real] = p
	a.taken[pair{netip.AddrPortFrom(client, p), netip.AddrPortFrom(server, portCoAP)}] = true
	return p
}

// The addresses shown for ends that have none (RFC 5737: for documentation).
var (
	noServer = netip.MustParseAddr("192.0.2.1")
	noClient = netip.MustParseAddr("192.0.2.2")
)

// oneFamily gives the two IP addresses in one family, since a packet has one.
func oneFamily(p pair) (client, server netip.Addr) {
	client, server = p.client.Addr().Unmap().WithZone(""), p.server.Addr().Unmap().WithZone("")
	if !client.IsValid() {
		client = noClient
	}
	if !server.IsValid() {
		server = noServer
	}
	if client.Is4() != server.Is4() {
		client, server = netip.AddrFrom16(client.As16()), netip.AddrFrom16(server.As16())
	}
	return client, server
}
