//go:build oracles

package pcapng_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/proxy/pcapng"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// tshark runs the oracle over a capture and gives the fields of each frame that the filter lets pass.
func tshark(t *testing.T, capture, filter string, fields ...string) [][]string {
	t.Helper()
	args := []string{"-r", capture, "-n", "-Y", filter, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("tshark", append(args, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	var rows [][]string
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "|"))
	}
	return rows
}

func capture(t *testing.T, entries []trace.Entry) string {
	t.Helper()
	var b bytes.Buffer
	if err := pcapng.Write(&b, entries); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "play.pcapng")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// wild are datagrams that break CoAP in every way the decoder has a finding for, and some more.
func wild() [][]byte {
	get := coap.Message{Code: coap.GET, MessageID: 7, Token: []byte{1, 2}}
	all := [][]byte{
		{0x40},
		{0x40, 1},
		{0x40, 1, 0},
		coap.Wild{Message: get, Version: 0, TokenLength: 2}.Encode(),
		coap.Wild{Message: get, Version: 2, TokenLength: 2}.Encode(),
		coap.Wild{Message: get, Version: 3, TokenLength: 2}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 9}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 15}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 8}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, BareMarker: true}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, Trailing: []byte{0xf0}}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, Trailing: []byte{0x0f}}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, Trailing: []byte{0xb5, 'a'}}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, Trailing: []byte{0xe0}}.Encode(),
		coap.Wild{Message: get, Version: 1, TokenLength: 2, Trailing: []byte{0xe0, 0xff, 0xff, 0xe0, 0xff, 0xff}}.Encode(),
	}
	for class := range 8 {
		for kind := range coap.Type(4) {
			all = append(all, coap.Wild{Version: 1, Message: coap.Message{Type: kind, Code: coap.Code(class<<5 | 9), MessageID: 8}}.Encode())
		}
	}
	all = append(all, []byte{0x40, 0, 0, 9, 1}, []byte{0x50, 0, 0, 9}, make([]byte, 4000))
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := make([]byte, 4+r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		b[0] = 0x40 | b[0]&0x3f
		all = append(all, b)
	}
	return all
}

func wildTrace() []trace.Entry {
	tr := trace.New()
	l := tr.NewLink(trace.Link{
		Client: "client", Server: "server",
		ClientAddress: netip.MustParseAddrPort("127.0.0.1:5683"), ServerAddress: netip.MustParseAddrPort("127.0.0.1:5783"),
	})
	for i, b := range wild() {
		tr.Message(l, i%2 == 0, b)
	}
	return tr.Entries()
}

// oddTrace has links whose addresses no packet has.
func oddTrace() []trace.Entry {
	tr := trace.New()
	b := coap.Wild{Version: 1, Message: coap.Message{Code: coap.GET, MessageID: 7, Payload: make([]byte, 70000)}}.Encode()
	for _, l := range []trace.Link{
		{Client: "client", Server: "server"},
		{Client: "client", Server: "server", ClientAddress: netip.MustParseAddrPort("[fe80::1%eth0]:49152"), ServerAddress: netip.MustParseAddrPort("192.0.2.1:5683")},
		{Client: "client", Server: "server", ClientAddress: netip.MustParseAddrPort("192.0.2.9:0"), ServerAddress: netip.MustParseAddrPort("[::]:5683")},
		{Client: "client", Server: "server", ServerAddress: netip.MustParseAddrPort("[::1]:5683")},
	} {
		k := tr.NewLink(l)
		tr.Message(k, true, b[:5])
		tr.Message(k, true, b)
		tr.Message(k, false, b[:1500])
		tr.Handshake(k, false, []byte("no record at all"), "16 bytes that are no DTLS record")
	}
	return tr.Entries()
}

// TestTsharkSeesEveryMessage holds the capture against Wireshark's own decoder: as many CoAP frames as
// the trace has CoAP messages, each with the number, code, message ID and token of its message.
func TestTsharkSeesEveryMessage(t *testing.T) {
	for name, entries := range map[string][]trace.Entry{
		"plain":                     plainTrace(t, "192.0.2.1:5683", "198.51.100.9:40000"),
		"IPv6":                      plainTrace(t, "[2001:db8::1]:5683", "[2001:db8::9]:40000"),
		"the ports of DNS and SNMP": plainTrace(t, "192.0.2.1:53", "198.51.100.9:161"),
		"the ports of CoAP":         plainTrace(t, "192.0.2.1:5684", "198.51.100.9:5683"),
		"the ports of NFS and SIP":  plainTrace(t, "192.0.2.1:5060", "198.51.100.9:2049"),
		"DTLS":                      securedTrace(t),
		"malformed":                 wildTrace(),
		"odd addresses":             oddTrace(),
	} {
		t.Run(name, func(t *testing.T) {
			file := capture(t, entries)
			rows := tshark(t, file, "coap", "frame.number", "coap.code", "coap.mid", "coap.token")
			var want [][]string
			for _, e := range entries {
				if e.Kind == trace.CoAP {
					want = append(want, fieldsOf(e))
				}
			}
			if len(rows) != len(want) {
				t.Errorf("tshark sees %d CoAP frames, the trace has %d", len(rows), len(want))
			}
			for i := range min(len(rows), len(want)) {
				if strings.Join(rows[i], "|") != strings.Join(want[i], "|") {
					n, _ := strconv.Atoi(want[i][0])
					t.Errorf("tshark sees %q, the trace has %q: %x", rows[i], want[i], entries[n-1].Raw)
				}
			}
			if bad := tshark(t, file, "udp.checksum.status == 0 || ip.checksum.status == 0", "frame.number"); bad != nil {
				t.Errorf("the checksums of the frames %v are wrong", bad)
			}
			if all := tshark(t, file, "frame", "frame.number"); len(all) != len(entries) {
				t.Errorf("the capture has %d frames, the trace %d entries", len(all), len(entries))
			}
		})
	}
}

// fieldsOf is what tshark is to show of a message. Of a header that is cut it shows what is there.
func fieldsOf(e trace.Entry) []string {
	switch n := len(e.Raw); {
	case n == 1:
		return []string{fmt.Sprint(e.N), "", "", ""}
	case n < 4:
		return []string{fmt.Sprint(e.N), fmt.Sprint(e.Raw[1]), "", ""}
	}
	return []string{fmt.Sprint(e.N), fmt.Sprint(uint8(e.View.Code)), fmt.Sprint(e.View.MessageID), hex.EncodeToString(e.View.Token)}
}

func TestTsharkSeesHandshakesTimesAndComments(t *testing.T) {
	entries := securedTrace(t)
	file := capture(t, entries)
	var want []string
	for _, e := range entries {
		if e.Kind == trace.DTLS {
			want = append(want, fmt.Sprint(e.N))
		}
	}
	var got []string
	for _, row := range tshark(t, file, "dtls", "frame.number") {
		got = append(got, row[0])
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("DTLS frames: %v, want %v", got, want)
	}
	if row := tshark(t, file, "dtls.handshake.type == 16", "dtls.handshake.identity"); len(row) != 2 || row[0][0] != hex.EncodeToString([]byte("urn:dev:1")) {
		t.Errorf("the identity is %v", row)
	}
	rows := tshark(t, file, "frame", "frame.time_epoch", "frame.comment")
	for i, e := range entries {
		epoch := fmt.Sprintf("%d.%09d", e.At.Unix(), e.At.Nanosecond())
		if rows[i][0] != epoch || !strings.Contains(rows[i][1], fmt.Sprintf("message %d, %s to %s", e.N, e.From, e.To)) ||
			!strings.Contains(rows[i][1], fmt.Sprintf("real addresses: %s to %s", e.Source, e.Destination)) {
			t.Errorf("frame %d: %v, want time %s", e.N, rows[i], epoch)
		}
	}
}
