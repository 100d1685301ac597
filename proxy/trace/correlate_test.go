package trace

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

var testCodes = map[string]coap.Code{
	"empty": coap.Empty, "GET": coap.GET, "POST": coap.POST, "FETCH": coap.FETCH, "2.01": coap.Created, "2.04": coap.Changed, "2.05": coap.Content,
	"2.31": coap.Continue, "4.04": coap.NotFound, "5.03": coap.ServiceUnavailable, "7.01": coap.CSM,
}

var testTypes = map[string]coap.Type{"CON": coap.Confirmable, "NON": coap.NonConfirmable, "ACK": coap.Acknowledgement, "RST": coap.Reset}

// datagram reads "CON GET 7 aa observe=0 payload=x bad": type, code, message ID, token in hex or "-",
// and what else there is; bad appends a payload marker with nothing after it.
func datagram(t *testing.T, text string) []byte {
	t.Helper()
	f := strings.Fields(text)
	id, err := strconv.ParseUint(f[2], 10, 16)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	code, ok := testCodes[f[1]]
	if !ok {
		t.Fatalf("%q: no such code", text)
	}
	w := coap.Wild{Version: 1, Message: coap.Message{Type: testTypes[f[0]], Code: code, MessageID: uint16(id)}}
	if f[3] != "-" {
		if w.Token, err = hex.DecodeString(f[3]); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	w.TokenLength = len(w.Token)
	for _, s := range f[4:] {
		name, value, _ := strings.Cut(s, "=")
		switch name {
		case "observe":
			n, _ := strconv.ParseUint(value, 10, 24)
			w.AddUint(coap.Observe, n)
		case "payload":
			w.Payload = []byte(value)
		case "bad":
			w.BareMarker = true
		case "version":
			w.Version = value[0] - '0'
		default:
			t.Fatalf("%q: what is %s?", text, s)
		}
	}
	return w.Encode()
}

// play records lines: "c CON GET 7 aa" is a message of the client, "s …" one of the server, "+3s" lets
// time pass, "life 2" starts the IUT anew, "link 2" goes on on another link.
func play(t *testing.T, iut string, lines ...string) *Trace {
	t.Helper()
	tr := New()
	tr.SetIUT(iut)
	links := map[string]*Link{}
	link := func(name string) *Link {
		if links[name] == nil {
			links[name] = tr.NewLink(Link{Client: "client", Server: "server"})
		}
		return links[name]
	}
	l, now := link("1"), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, line := range lines {
		first, rest, _ := strings.Cut(line, " ")
		switch {
		case first == "c", first == "s":
			raw := datagram(t, rest)
			tr.Add(Entry{Link: l, Raw: raw, View: coap.Decode(raw), At: now}, first == "c")
			now = now.Add(time.Millisecond)
		case first == "life":
			n, _ := strconv.Atoi(rest)
			tr.SetLife(n)
		case first == "link":
			l = link(rest)
		default:
			d, err := time.ParseDuration(first[1:])
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			now = now.Add(d)
		}
	}
	return tr
}

// numbers shows an exchange by the numbers of its messages: "1 ack 2 response 3".
func numbers(x Exchange) string {
	s := strconv.Itoa(x.Request.N)
	for _, p := range []struct {
		name string
		one  *Entry
		all  []Entry
	}{
		{"ack", x.Ack, nil},
		{"response", x.Response, nil},
		{"reset", x.Reset, nil},
		{"interim", nil, x.Interim},
		{"notifications", nil, x.Notifications},
		{"confirmed", nil, x.Confirmed},
		{"rejected", nil, x.Rejected},
		{"stray", nil, x.Stray},
		{"again", nil, x.Retransmissions},
		{"repeated", nil, x.Repeated},
	} {
		if p.one != nil {
			s += fmt.Sprintf(" %s %d", p.name, p.one.N)
		}
		for i, e := range p.all {
			if i == 0 {
				s += " " + p.name
			}
			s += fmt.Sprintf(" %d", e.N)
		}
	}
	return s
}

func TestExchanges(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string // exchanges, separated by ";"
	}{
		{"piggybacked", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa"}, "1 response 2"},
		{"separate", []string{"s CON GET 7 aa", "c ACK empty 7 -", "c CON 2.05 90 aa", "s ACK empty 90 -"}, "1 ack 2 response 3 confirmed 4"},
		{"separate, acknowledgement lost", []string{"s CON GET 7 aa", "c CON 2.05 90 aa", "s ACK empty 90 -"}, "1 response 2 confirmed 3"},
		{"separate before its acknowledgement", []string{"s CON GET 7 aa", "c NON 2.05 90 aa", "c ACK empty 7 -"}, "1 ack 3 response 2"},
		{"Non-confirmable", []string{"c NON POST 7 aa", "s NON 2.04 90 aa"}, "1 response 2"},
		{"empty token", []string{"c CON POST 7 -", "s ACK 2.01 7 -"}, "1 response 2"},
		{"no answer", []string{"c CON POST 7 aa"}, "1"},
		{"Reset", []string{"s CON GET 7 aa", "c RST empty 7 -"}, "1 reset 2"},
		{"Reset of a Non-confirmable request", []string{"s NON GET 7 aa", "c RST empty 7 -"}, "1 reset 2"},
		{"Reset of a separate response", []string{"s CON GET 7 aa", "c ACK empty 7 -", "c CON 2.05 90 aa", "s RST empty 90 -"}, "1 ack 2 response 3 rejected 4"},
		{"retransmissions on both sides", []string{"c CON POST 7 aa", "+3s", "c CON POST 7 aa", "s ACK 2.01 7 aa", "s ACK 2.01 7 aa"}, "1 response 3 again 2 repeated 4"},
		{"separate response repeated", []string{"s CON GET 7 aa", "c ACK empty 7 -", "c CON 2.05 90 aa", "c CON 2.05 90 aa", "s ACK empty 90 -", "s ACK empty 90 -"}, "1 ack 2 response 3 confirmed 5 repeated 4 6"},
		{"two at a time", []string{"c CON POST 7 aa", "c CON POST 8 bb", "s ACK 2.04 8 bb", "s ACK 2.01 7 aa"}, "1 response 4; 2 response 3"},
		{"the same message ID in both directions", []string{"c CON POST 7 aa", "s CON GET 7 aa", "c ACK 2.05 7 aa", "s ACK 2.04 7 aa"}, "1 response 4; 2 response 3"},
		{"the same on two links", []string{"c CON POST 7 aa", "link 2", "c CON POST 7 aa", "s ACK 2.04 7 aa", "link 1", "s ACK 2.01 7 aa"}, "1 response 4; 2 response 3"},
		{"token used again", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "c CON POST 8 aa", "s ACK empty 8 -", "s CON 2.04 90 aa"}, "1 response 2; 3 ack 4 response 5"},
		{"token used again while open", []string{"c CON POST 7 aa", "c CON POST 8 aa", "s ACK 2.04 7 aa", "s ACK 2.04 8 aa"}, "1 response 3; 2 response 4"},

		{"another token in the acknowledgement", []string{"c CON POST 7 aa", "s ACK 2.01 7 bb"}, "1 stray 2"},
		{"another message ID in the acknowledgement", []string{"c CON POST 7 aa", "s ACK 2.01 8 aa"}, "1"},
		{"another token in a separate response", []string{"c CON POST 7 aa", "s ACK empty 7 -", "s CON 2.01 90 bb"}, "1 ack 2"},
		{"two responses", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "s ACK 2.04 7 aa", "s CON 2.04 90 aa"}, "1 response 2 stray 3 4"},
		{"acknowledged response to a Non-confirmable request", []string{"s NON GET 7 aa", "c ACK 2.05 7 aa"}, "1"},
		{"a response in a Reset", []string{"s CON GET 7 aa", "c RST 2.05 7 aa"}, "1 stray 2"},
		{"an acknowledgement with bytes", []string{"s CON GET 7 aa", "c ACK empty 7 aa"}, "1 stray 2"},
		{"malformed piggybacked response", []string{"s CON GET 7 aa", "c ACK 2.05 7 aa bad", "c ACK 2.05 7 aa"}, "1 response 3 stray 2"},
		{"malformed separate response", []string{"s NON GET 7 aa", "c NON 2.05 90 aa bad"}, "1 stray 2"},
		{"malformed request of the IUT", []string{"c CON POST 7 aa bad", "s RST empty 7 -"}, ""},
		{"malformed request of ours", []string{"s CON GET 7 aa bad", "c RST empty 7 -"}, "1 reset 2"},
		{"another version", []string{"c CON POST 7 aa version=2"}, ""},
		{"a request in an acknowledgement", []string{"c ACK POST 7 aa"}, ""},
		{"ping", []string{"s CON empty 7 -", "c RST empty 7 -"}, ""},
		{"a signal", []string{"c CON 7.01 7 aa"}, ""},
		{"answers to nothing", []string{"c ACK 2.05 7 aa", "c RST empty 8 -", "c CON 2.05 9 aa"}, ""},

		{"block-wise request", []string{"c CON POST 7 aa", "s ACK 2.31 7 aa", "c CON POST 8 aa payload=2", "s ACK 2.01 8 aa"}, "1 interim 2; 3 response 4"},
		{"2.31 in a separate response", []string{"c CON POST 7 aa", "s ACK empty 7 -", "s CON 2.31 90 aa", "s CON 2.01 91 aa"}, "1 ack 2 response 4 interim 3"},

		{
			"observation",
			[]string{
				"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "c NON 2.05 90 aa observe=2", "c CON 2.05 91 aa observe=3", "s ACK empty 91 -",
				"c CON 2.05 91 aa observe=3", "s ACK empty 91 -", "c NON 2.05 92 aa observe=4", "s RST empty 92 -",
			},
			"1 response 2 notifications 3 4 8 confirmed 5 rejected 9 repeated 6 7",
		},
		{
			"observation cancelled by GET",
			[]string{
				"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "s CON GET 8 aa observe=1", "c NON 2.05 90 aa observe=2", "c ACK 2.05 8 aa",
			},
			"1 response 2 notifications 4; 3 response 5",
		},
		{
			"cancelled, answered separately",
			[]string{
				"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "s CON GET 8 aa observe=1", "c ACK empty 8 -", "c CON 2.05 90 aa",
			},
			"1 response 2; 3 ack 4 response 5",
		},
		{
			"registered again with the token",
			[]string{
				"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "s CON GET 8 aa observe=0", "c ACK 2.05 8 aa observe=2", "c NON 2.05 90 aa observe=3",
			},
			"1 response 2; 3 response 4 notifications 5",
		},
		{
			"ended by an error",
			[]string{"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "c CON 4.04 90 aa"},
			"1 response 2 notifications 3",
		},
		{
			"refused",
			[]string{"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa", "c CON 2.05 90 aa"},
			"1 response 2 stray 3",
		},
		{
			"notification before the first response",
			[]string{"s CON FETCH 7 aa observe=0", "c NON 2.05 90 aa observe=2", "c ACK 2.05 7 aa observe=1"},
			"1 response 3 notifications 2",
		},
		{
			"notification between request and separate response of another",
			[]string{
				"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "s CON GET 8 bb", "c NON 2.05 90 aa observe=2", "c ACK 2.05 8 bb",
			},
			"1 response 2 notifications 4; 3 response 5",
		},

		{"the message ID's lifetime is over", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "+247s", "c CON POST 7 aa", "s ACK 2.01 7 aa"}, "1 response 2; 3 response 4"},
		{"just before it is", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "+246s", "c CON POST 7 aa", "s ACK 2.01 7 aa"}, "1 response 2 again 3 repeated 4"},
		{"of a Non-confirmable message", []string{"c NON POST 7 aa", "+145s", "c NON POST 7 aa"}, "1; 2"},
		{"another message with the ID", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "c CON POST 7 bb", "s ACK 2.04 7 bb"}, "1 response 2; 3 response 4"},
		{"the first one again after it", []string{"c CON POST 7 aa", "c CON POST 7 bb", "c CON POST 7 aa", "s ACK 2.01 7 aa", "s ACK 2.04 7 bb"}, "1 response 4 again 3; 2 response 5"},
		{"the IUT was started anew", []string{"c CON POST 7 aa", "s ACK 2.01 7 aa", "life 2", "c CON POST 7 aa", "s ACK 2.01 7 aa"}, "1 response 2; 3 response 4"},
		{"and ours goes on", []string{"s CON GET 7 aa", "life 2", "s CON GET 7 aa", "c ACK 2.05 7 aa"}, "1 response 3 again 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := play(t, "client", tt.lines...)
			var got []string
			for _, x := range tr.Exchanges() {
				got = append(got, numbers(x))
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
			checkParts(t, tr)
		})
	}
}

// checkParts holds ExchangeOf and Repeats against the exchanges.
func checkParts(t *testing.T, tr *Trace) {
	t.Helper()
	for _, e := range tr.Entries() {
		if e.Repeats != 0 {
			if f, ok := tr.Entry(e.Repeats); !ok || string(f.Raw) != string(e.Raw) || f.Repeats != 0 || f.From != e.From {
				t.Errorf("message %d does not repeat message %d", e.N, e.Repeats)
			}
		}
		x, ok := tr.ExchangeOf(e.N)
		if ok != strings.Contains(" "+numbers(x)+" ", fmt.Sprintf(" %d ", e.N)) {
			t.Errorf("message %d is not in its exchange %s", e.N, numbers(x))
		}
	}
}

func TestFind(t *testing.T) {
	tr := play(t, "client", "s CON GET 7 aa", "c CON GET 7 aa", "link 2", "s CON GET 7 aa", "s CON GET 8 aa", "s NON GET 7 aa")
	request := coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: 7, Token: []byte{0xaa}}
	if x, ok := tr.Find(request); !ok || x.Request.N != 3 {
		t.Errorf("Find gave %d, %v", x.Request.N, ok)
	}
	if x, ok := tr.FindOn(x1(tr), request); !ok || x.Request.N != 1 {
		t.Errorf("FindOn gave %d, %v", x.Request.N, ok)
	}
	request.MessageID = 9
	if x, ok := tr.Find(request); ok {
		t.Errorf("Find gave %d for a request that was not sent", x.Request.N)
	}
}

func x1(tr *Trace) *Link { e, _ := tr.Entry(1); return e.Link }

// FuzzTrace feeds any datagrams to the correlation: it must not panic, and every message has at most
// one place.
func FuzzTrace(f *testing.F) {
	f.Add([]byte("\x04\x40\x01\x00\x07\x84\x60\x45\x00\x07\x05\x40\x01\x00\x07"))
	f.Add([]byte("\x05\x41\x01\x00\x07a\x85\x61\x45\x00\x07a\x06\x41\x01\x00\x08a\x60"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := New()
		tr.SetIUT("client")
		l := tr.NewLink(Link{Client: "client", Server: "server"})
		for len(b) > 0 { // first byte: direction and length
			n := min(int(b[0]&0x1f), len(b)-1)
			tr.Message(l, b[0]&0x80 == 0, b[1:1+n])
			b = b[1+n:]
		}
		places := map[int]int{}
		for _, x := range tr.Exchanges() {
			for _, s := range strings.Fields(numbers(x)) {
				if n, err := strconv.Atoi(s); err == nil {
					places[n]++
				}
			}
		}
		for n, k := range places {
			if k != 1 {
				t.Errorf("message %d has %d places", n, k)
			}
		}
		checkParts(t, tr)
	})
}
