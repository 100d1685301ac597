package handshake

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// The messages of a PSK handshake, as they are on the wire.

func record(content byte, epoch uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{content, 0xfe, 0xfd}, epoch)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

func fragmentOf(kind byte, seq uint16, body []byte, from, to int) []byte {
	u24 := func(v int) []byte { return []byte{byte(v >> 16), byte(v >> 8), byte(v)} }
	b := append([]byte{kind}, u24(len(body))...)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = append(append(b, u24(from)...), u24(to-from)...)
	return record(contentHandshake, 0, append(b, body[from:to]...))
}

func message(kind byte, seq uint16, body []byte) []byte {
	return fragmentOf(kind, seq, body, 0, len(body))
}

func vector8(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func vector16(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func helloBody(random byte, cookie, suites, extensions string) []byte {
	b := []byte{0xfe, 0xfd}
	b = append(b, slices.Repeat([]byte{random}, 32)...)
	b = append(b, vector8("")...)
	b = append(b, vector8(cookie)...)
	b = append(b, vector16(suites)...)
	b = append(b, vector8("\x00")...)
	if extensions != "" {
		b = append(b, vector16(extensions)...)
	}
	return b
}

func extension(id byte, body string) string { return "\x00" + string(id) + string(vector16(body)) }

const bothSuites = "\xc0\xa8\x00\xae"

var (
	hello        = message(1, 0, helloBody('A', "", bothSuites, ""))
	verify       = message(3, 0, append([]byte{0xfe, 0xfd}, vector8("cookie")...))
	helloCookie  = message(1, 1, helloBody('A', "cookie", bothSuites, ""))
	serverHello  = message(2, 1, append(append([]byte{0xfe, 0xfd}, make([]byte, 33)...), 0xc0, 0xa8, 0))
	serverDone   = message(14, 2, nil)
	keyExchange  = message(16, 2, vector16("urn:dev:1"))
	change       = record(contentChangeCipherSpec, 0, []byte{1})
	finished     = record(contentHandshake, 1, []byte("a Finished of 40 encrypted bytes or so.."))
	data         = record(contentApplicationData, 1, []byte("encrypted"))
	secret       = record(contentAlert, 1, []byte("encrypted"))
	clientFlight = slices.Concat(keyExchange, change, finished)
	serverFlight = slices.Concat(change, finished)
)

func fatal(a Alert) []byte { return record(contentAlert, 0, []byte{2, byte(a)}) }

// step is one datagram of a dialogue.
type step struct {
	client bool
	b      []byte
}

func c(b []byte) step { return step{true, b} }
func s(b []byte) step { return step{false, b} }

func watch(steps ...step) (Handshake, []string) {
	w := NewWatcher()
	var lines []string
	for _, st := range steps {
		from := "s: "
		if st.client {
			from = "c: "
		}
		for _, l := range w.Datagram(st.client, st.b) {
			lines = append(lines, from+l)
		}
	}
	return w.Handshake(), lines
}

func TestLines(t *testing.T) {
	got := []string{}
	h, lines := watch(c(hello), s(verify), c(helloCookie), c(helloCookie), s(slices.Concat(serverHello, serverDone)), c(clientFlight), s(serverFlight), c(data), s(data), c(secret))
	got = append(got, lines...)
	want := []string{
		"c: ClientHello, DTLS 1.2, suites 0xC0A8 0x00AE",
		"s: HelloVerifyRequest",
		"c: ClientHello, DTLS 1.2, suites 0xC0A8 0x00AE, with cookie",
		"c: ClientHello (repeated)",
		"s: ServerHello, suite TLS_PSK_WITH_AES_128_CCM_8 (0xC0A8)",
		"s: ServerHelloDone",
		`c: ClientKeyExchange, PSK identity "urn:dev:1"`,
		"c: ChangeCipherSpec",
		"c: Finished (encrypted)",
		"s: ChangeCipherSpec",
		"s: Finished (encrypted)",
		"c: an encrypted alert",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if h.Cause() != Complete || h.Chosen != PSKWithAES128CCM8 || string(h.Identity) != "urn:dev:1" || !h.Application || h.ClientHellos != 3 {
		t.Errorf("got %s, %+v", h.Cause(), h)
	}
}

func TestClientHello(t *testing.T) {
	extensions := extension(0, "\x00\x0a\x00\x00\x07example") + extension(54, "\x02ab") + extension(43, "\x04\xfe\xfc\xfe\xfd") + extension(23, "") + extension(99, "")
	body := helloBody('A', "", bothSuites+"\x00\xff", extensions)
	h, lines := watch(c(message(1, 0, body)))
	want := "c: ClientHello, DTLS 1.2, supports DTLS 1.3, supports DTLS 1.2, suites 0xC0A8 0x00AE 0x00FF, server name \"example\", " +
		"connection ID of 2 bytes, extensions server_name connection_id supported_versions extended_master_secret extension 99"
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	if string(h.Hello.CID) != "ab" || h.Hello.Malformed || h.Hello.ServerName != "example" {
		t.Errorf("got %+v", h.Hello)
	}
	whole := 0
	for n := range len(body) {
		h, _ := watch(c(message(1, 0, body[:n])))
		if !h.Hello.Malformed {
			whole++ // with all extensions cut off it is whole
		}
	}
	if whole != 1 {
		t.Errorf("of %d ClientHellos that are cut off, %d are taken for whole", len(body), whole)
	}
}

func TestFragments(t *testing.T) {
	body := helloBody('A', "", bothSuites, "")
	n := len(body)
	part := func(from, to int) []byte { return fragmentOf(1, 0, body, from, to) }
	tests := []struct {
		name  string
		parts [][]byte
		want  int // ClientHellos read
	}{
		{"in order", [][]byte{part(0, 10), part(10, n)}, 1},
		{"in reverse", [][]byte{part(30, n), part(10, 30), part(0, 10)}, 1},
		{"overlapping", [][]byte{part(0, 20), part(10, n)}, 1},
		{"one twice", [][]byte{part(0, 10), part(0, 10), part(0, 10), part(0, 10), part(0, 10), part(0, 10)}, 0},
		{"one missing", [][]byte{part(0, 10), part(20, n)}, 0},
		{"another message with the number", [][]byte{part(0, 10), fragmentOf(1, 0, body[:n-1], 0, 10), part(10, n)}, 0},
		{"then the whole", [][]byte{part(0, 10), part(0, n)}, 1},
		{"empty fragments", [][]byte{part(0, 0), part(n, n), part(0, n)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var steps []step
			for _, p := range tt.parts {
				steps = append(steps, c(p))
			}
			if h, lines := watch(steps...); h.ClientHellos != tt.want {
				t.Errorf("%d ClientHellos in %q", h.ClientHellos, lines)
			}
		})
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	w := NewWatcher()
	body := make([]byte, maxMessage+1)
	for seq := range uint16(1000) {
		w.Datagram(true, fragmentOf(1, seq, body[:maxMessage-int(seq)], 0, 1))
		w.Datagram(true, fragmentOf(11, seq, body, 0, 1))
		w.Datagram(true, message(14, seq, nil))
		kept := 0
		for _, p := range w.sides[0].partial {
			kept += len(p.data)
		}
		if kept != w.sides[0].bytes || kept > maxFragments || len(w.sides[0].known) > maxKnown {
			t.Fatalf("after %d: %d bytes are kept, %d are counted, %d messages known", seq, kept, w.sides[0].bytes, len(w.sides[0].known))
		}
	}
	w.Datagram(true, hello)
	if h := w.Handshake(); h.ClientHellos != 1 {
		t.Error("after a flood a ClientHello is not read any more")
	}
}

func TestDiagnosis(t *testing.T) {
	begun := []step{c(hello), s(verify), c(helloCookie), s(slices.Concat(serverHello, serverDone))}
	after := func(more ...step) []step { return append(slices.Clone(begun), more...) }
	tests := []struct {
		name  string
		steps []step
		cause Cause
		text  string
	}{
		{"nothing", nil, NoClientHello, "no ClientHello came"},
		{"plain CoAP", []step{c([]byte{0x40, 1, 0, 1})}, NoClientHello, "no ClientHello came, but plaintext CoAP"},
		{"rubbish", []step{c([]byte{0, 1, 2})}, NoClientHello, "no ClientHello came, but datagrams that are no DTLS records"},
		{"an association that was lost", []step{c(data)}, NoClientHello, "no ClientHello came, but records of an association that does not exist here: the client did not notice that it was lost"},
		{"in the middle", []step{c(keyExchange)}, NoClientHello, "no ClientHello came, but ClientKeyExchange"},
		{"nobody answers", []step{c(hello), c(hello), c(hello)}, Silence, "silence after the ClientHello, which came 3 times: nothing came from the server"},
		{"no cookie", []step{c(hello), s(verify), c(hello), s(verify)}, NoCookie, "the client never returned the cookie of the HelloVerifyRequest; its ClientHello came 2 times"},
		{"no suite", []step{c(hello), s(verify), c(helloCookie), s(fatal(71))}, NoCommonSuite, "no common cipher suite: the client offers TLS_PSK_WITH_AES_128_CCM_8 (0xC0A8), TLS_PSK_WITH_AES_128_CBC_SHA256 (0x00AE), and the server answered with the alert insufficient_security (71)"},
		{"no suite, said otherwise", []step{c(hello), s(fatal(40))}, NoCommonSuite, "no common cipher suite: the client offers TLS_PSK_WITH_AES_128_CCM_8 (0xC0A8), TLS_PSK_WITH_AES_128_CBC_SHA256 (0x00AE), and the server answered with the alert handshake_failure (40)"},
		{"no version", []step{c(hello), s(fatal(70))}, NoCommonVersion, "no common version: the client speaks DTLS 1.2, and the server answered with the alert protocol_version (70)"},
		{"unknown identity", after(c(clientFlight), s(fatal(115))), UnknownIdentity, `the server does not know the PSK identity "urn:dev:1" (alert unknown_psk_identity (115))`},
		{"wrong key, in silence", after(c(clientFlight), c(clientFlight)), KeyMismatch, `the keys do not match: the client (PSK identity "urn:dev:1") sent ChangeCipherSpec and its Finished (2 times), and the server never accepted it`},
		{"wrong key, by alert", after(c(clientFlight), s(fatal(20))), KeyMismatch, `the keys do not match, or the server hides that it does not know the identity: it answered the Finished of the client (PSK identity "urn:dev:1") with the alert bad_record_mac (20)`},
		{"another alert of the server", after(c(clientFlight), s(fatal(80))), FatalAlert, `the server ended the handshake with the alert internal_error (80); the last message of the client (PSK identity "urn:dev:1") was Finished`},
		{"an alert of the client", after(c(fatal(47)), s(fatal(80))), FatalAlert, "the client ended the handshake with the alert illegal_parameter (47); the last message of the client was ClientHello"},
		{"a warning is none", after(c(record(contentAlert, 0, []byte{1, 112}))), Silence, "silence: the last message of the client was ClientHello, that of the server ServerHelloDone"},
		{"the client falls silent", begun, Silence, "silence: the last message of the client was ClientHello, that of the server ServerHelloDone"},
		{"the Finished was lost", after(c(keyExchange), c(change)), Silence, `silence: the last message of the client (PSK identity "urn:dev:1") was ChangeCipherSpec, that of the server ServerHelloDone`},
		{"complete", after(c(clientFlight), s(serverFlight)), Complete, "both sides sent their Finished"},
		{"a second handshake", after(c(clientFlight), s(serverFlight), c(message(1, 0, helloBody('B', "", bothSuites, "")))), Silence, "silence after the ClientHello, which came once: nothing came from the server"},
		{"with connection ID", after(c(slices.Concat(keyExchange, change)), c(append([]byte{contentCID}, finished[1:]...)), s(change), s(append([]byte{contentCID}, finished[1:]...))), Complete, "both sides sent their Finished"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, lines := watch(tt.steps...)
			if h.Cause() != tt.cause || h.Diagnosis() != tt.text {
				t.Errorf("got  %s: %s\nwant %s: %s\nafter\n%s", h.Cause(), h.Diagnosis(), tt.cause, tt.text, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestIdentityOfOtherSuites(t *testing.T) {
	with := func(suite string) []byte {
		return message(2, 1, append(append([]byte{0xfe, 0xfd}, make([]byte, 33)...), append([]byte(suite), 0)...))
	}
	point := message(16, 2, append([]byte{3, 4}, "xy"...))
	if h, _ := watch(c(hello), s(with("\xc0\xae")), c(point)); h.Identity != nil {
		t.Errorf("with a certificate suite the identity %q was read out of a curve point", h.Identity)
	}
	if h, _ := watch(c(hello), s(with("\xc0\x37")), c(message(16, 2, append(vector16("dev"), 1, 4)))); string(h.Identity) != "dev" {
		t.Errorf("with ECDHE_PSK the identity is %q", h.Identity)
	}
	if _, lines := watch(s(serverHello), s(message(12, 2, vector16("who are you?")))); lines[1] != `s: ServerKeyExchange, PSK identity hint "who are you?"` {
		t.Errorf("got %q", lines)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Alert(86).String(): "inappropriate_fallback (86)", Alert(200).String(): "alert 200", Suite(0x1234).String(): "0x1234",
		Suite(0x00ae).String(): "TLS_PSK_WITH_AES_128_CBC_SHA256 (0x00AE)", versionName(0x0303): "version 0x0303",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// Every alert of LwM2M Transport's recommendation table has a name.
	for _, a := range []Alert{
		0, 10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 86, 90, 100, 110, 111, 112, 113, 114, 115,
	} {
		if alerts[a] == "" {
			t.Errorf("alert %d has no name", a)
		}
	}
}

func FuzzWatcher(f *testing.F) {
	for _, b := range [][]byte{hello, helloCookie, verify, slices.Concat(serverHello, serverDone), clientFlight, serverFlight, data, secret, fatal(115)} {
		f.Add(b, b)
	}
	f.Add(fragmentOf(1, 0, helloBody('A', "", bothSuites, extension(54, "\x01a")), 0, 20), fragmentOf(1, 0, helloBody('A', "", bothSuites, ""), 20, 48))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		w := NewWatcher()
		for i, d := range [][]byte{a, b, a, b} {
			for _, l := range w.Datagram(i%2 == 0, d) {
				if l == "" || strings.ContainsAny(l, "\n\r") {
					t.Errorf("the line %q is not readable", l)
				}
			}
		}
		if s := w.Handshake().Diagnosis(); s == "" {
			t.Error("no diagnosis")
		}
	})
}
