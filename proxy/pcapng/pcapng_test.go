package pcapng

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// blocksOf takes a file apart and checks the framing.
func blocksOf(t *testing.T, b []byte) (kinds []uint32, bodies [][]byte) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 12 {
			t.Fatalf("%d bytes after the last block", len(b))
		}
		n := int(binary.LittleEndian.Uint32(b[4:]))
		if n%4 != 0 || n < 12 || n > len(b) || binary.LittleEndian.Uint32(b[n-4:]) != uint32(n) {
			t.Fatalf("a block with the length %d of %d bytes", n, len(b))
		}
		kinds = append(kinds, binary.LittleEndian.Uint32(b))
		bodies = append(bodies, b[8:n-4])
		b = b[n:]
	}
	return kinds, bodies
}

func TestFile(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2000, 1, 2, 3, 4, 5, 6, time.UTC)
	if err := w.Packet(at, []byte("abcde"), "why"); err != nil {
		t.Fatal(err)
	}
	if err := w.Packet(at, []byte("abcd"), ""); err != nil {
		t.Fatal(err)
	}
	kinds, bodies := blocksOf(t, b.Bytes())
	if len(kinds) != 4 || kinds[0] != sectionHeaderBlock || kinds[1] != interfaceBlock || kinds[2] != enhancedPacketBlock || kinds[3] != enhancedPacketBlock {
		t.Fatalf("the blocks are %x", kinds)
	}
	want := []string{
		"4d3c2b1a" + "01000000" + "ffffffffffffffff" + "04000900" + hex.EncodeToString([]byte("lwm2mspec")) + "000000" + "00000000",
		"65000000" + "00000000" + "02000900" + hex.EncodeToString([]byte("lwm2mspec")) + "000000" + "09000100" + "09000000" + "00000000",
		"00000000" + stamp(at) + "05000000" + "05000000" + "6162636465000000" + "01000300" + "77687900" + "00000000",
		"00000000" + stamp(at) + "04000000" + "04000000" + "61626364",
	}
	for i, body := range bodies {
		if got := hex.EncodeToString(body); got != want[i] {
			t.Errorf("block %d:\ngot  %s\nwant %s", i, got, want[i])
		}
	}
}

// stamp is a time in nanoseconds since 1970, the upper half first.
func stamp(at time.Time) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(at.UnixNano()>>32))
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(b, uint32(at.UnixNano())))
}

func TestPackets(t *testing.T) {
	// The sum over what a checksum covers, the checksum included, is all ones (RFC 1071).
	holds := func(parts ...[]byte) bool { return checksum(parts...) == 0 }
	for _, tt := range []struct{ name, from, to string }{
		{"IPv4", "192.0.2.1:5683", "198.51.100.9:40000"},
		{"IPv6", "[2001:db8::1]:5683", "[2001:db8::9]:40000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to := netip.MustParseAddrPort(tt.from), netip.MustParseAddrPort(tt.to)
			for _, n := range []int{0, 1, 2, 3, 1000, 1001, 65507, 70000} {
				payload := bytes.Repeat([]byte{0xa5}, n)
				p := udpPacket(from, to, payload)
				head := 40
				if from.Addr().Is4() {
					head = 20
					if !holds(p[:head]) || int(binary.BigEndian.Uint16(p[2:])) != len(p) {
						t.Errorf("%d bytes: the IPv4 header is %x", n, p[:head])
					}
				} else if int(binary.BigEndian.Uint16(p[4:])) != len(p)-head {
					t.Errorf("%d bytes: the IPv6 header is %x", n, p[:head])
				}
				udp := p[head:]
				length := udp[4:6]
				if !holds(from.Addr().AsSlice(), to.Addr().AsSlice(), []byte{0, 17}, length, udp) || int(binary.BigEndian.Uint16(length)) != len(udp) {
					t.Errorf("%d bytes: the UDP header is %x", n, udp[:8])
				}
				if !bytes.HasPrefix(payload, udp[8:]) || len(udp)-8 != min(n, 65535-8-20*(1-head/40)) {
					t.Errorf("%d bytes became %d", n, len(udp)-8)
				}
			}
		})
	}
	// A sum of zero is written as all ones, since zero says that there is none (RFC 768).
	p := udpPacket(netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("0.0.0.0:0"), []byte{0xff, 0xff - 17 - 20})
	if sum := binary.BigEndian.Uint16(p[26:]); sum != 0xffff {
		t.Errorf("the checksum is %04x", sum)
	}
}

func TestShownAddresses(t *testing.T) {
	tr := trace.New()
	links := map[string]*trace.Link{}
	entry := func(client, server string, fromClient bool, kind trace.Kind) trace.Entry {
		k := links[client+server]
		if k == nil {
			l := trace.Link{Client: "client", Server: "server"}
			l.ClientAddress, _ = netip.ParseAddrPort(client)
			l.ServerAddress, _ = netip.ParseAddrPort(server)
			k = tr.NewLink(l)
			links[client+server] = k
		}
		e, _ := tr.Entry(tr.Add(trace.Entry{Link: k, Kind: kind, Raw: []byte{1}}, fromClient))
		return e
	}
	tests := []struct {
		name           string
		client, server string
		fromClient     bool
		kind           trace.Kind
		want           string // source and destination
	}{
		{"request", "198.51.100.9:40000", "192.0.2.1:5783", true, trace.CoAP, "198.51.100.9:40000 192.0.2.1:5683"},
		{"response", "198.51.100.9:40000", "192.0.2.1:5783", false, trace.CoAP, "192.0.2.1:5683 198.51.100.9:40000"},
		{"record", "198.51.100.9:40000", "192.0.2.1:5783", true, trace.DTLS, "198.51.100.9:40000 192.0.2.1:5684"},
		{"the same client at another port of the server", "198.51.100.9:40000", "192.0.2.1:5784", true, trace.CoAP, "198.51.100.9:40001 192.0.2.1:5683"},
		{"and its response", "198.51.100.9:40000", "192.0.2.1:5784", false, trace.CoAP, "192.0.2.1:5683 198.51.100.9:40001"},
		{"the same client at another server", "198.51.100.9:40000", "192.0.2.2:5784", true, trace.CoAP, "198.51.100.9:40000 192.0.2.2:5683"},
		{"a client on the CoAP port", "198.51.100.9:5683", "192.0.2.1:5683", true, trace.CoAP, "198.51.100.9:55683 192.0.2.1:5683"},
		{"a client on the port of DNS", "198.51.100.9:53", "192.0.2.1:5683", true, trace.CoAP, "198.51.100.9:50053 192.0.2.1:5683"},
		{"a client on the highest port", "198.51.100.9:65535", "192.0.2.1:1", true, trace.CoAP, "198.51.100.9:65535 192.0.2.1:5683"},
		{"twice", "198.51.100.9:65535", "192.0.2.1:2", true, trace.CoAP, "198.51.100.9:5685 192.0.2.1:5683"},
		{"IPv6 with zone", "[fe80::1%eth0]:40000", "[fe80::2%eth0]:5683", true, trace.CoAP, "[fe80::1]:40000 [fe80::2]:5683"},
		{"two families", "198.51.100.9:40000", "[2001:db8::1]:5683", true, trace.CoAP, "[::ffff:198.51.100.9]:40000 [2001:db8::1]:5683"},
		{"none", "", "", true, trace.CoAP, "192.0.2.2:50000 192.0.2.1:5683"},
	}
	shown := newAddresses()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := shown.of(entry(tt.client, tt.server, tt.fromClient, tt.kind))
			if got := from.String() + " " + to.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestComment(t *testing.T) {
	tr := trace.New()
	l := tr.NewLink(trace.Link{
		Name: "server", Client: "client", Server: "server", Secured: true, Life: 2,
		ClientAddress: netip.MustParseAddrPort("198.51.100.9:40000"), ServerAddress: netip.MustParseAddrPort("192.0.2.1:5784"),
	})
	b := coap.Wild{Version: 1, BareMarker: true, Message: coap.Message{Code: coap.GET, MessageID: 7}}.Encode()
	tr.Message(l, true, b)
	tr.Message(l, true, b)
	tr.MarkDeliberate(2)
	tr.Note(2, "it could not be sent: no route")
	e, _ := tr.Entry(2)
	want := `message 2, client to server, link "server", life 2
real addresses: 198.51.100.9:40000 to 192.0.2.1:5784
this was inside DTLS
repeats message 1
what departs from the rules here is deliberate
note: it could not be sent: no route
`
	if got := comment(e); !strings.HasPrefix(got, want) || !strings.Contains(got, "coap.payload-marker") {
		t.Errorf("got\n%s", got)
	}
	long := cut(strings.Repeat("é", maxComment))
	if len(long) > maxComment+3 || !utf8.ValidString(long) || !strings.HasSuffix(long, "é…") {
		t.Errorf("a long comment was cut to %d bytes", len(long))
	}
}

// failing refuses to write after n bytes.
type failing int

func (f *failing) Write(b []byte) (int, error) {
	if *f -= failing(len(b)); *f < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(b), nil
}

func TestWriteErrors(t *testing.T) {
	tr := trace.New()
	tr.Message(tr.NewLink(trace.Link{Client: "client", Server: "server"}), true, []byte{0x40, 1, 0, 1})
	for _, room := range []failing{0, 200} {
		if err := Write(&room, tr.Entries()); err == nil || err.Error() != "writing the capture: the disk is full" {
			t.Errorf("got %v", err)
		}
	}
}
