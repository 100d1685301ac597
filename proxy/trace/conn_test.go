package trace_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/security"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// lines shows a trace as text.
func lines(tr *trace.Trace) string {
	var b strings.Builder
	for _, e := range tr.Entries() {
		what := e.Record
		if e.Kind == trace.CoAP {
			what = fmt.Sprintf("%s %s", e.View.Type, e.View.Code)
		}
		fmt.Fprintf(&b, "%d %s: %s", e.N, e.From, what)
		for _, n := range e.Notes {
			fmt.Fprintf(&b, " [%s]", n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// serve answers every request on every association the listener gets with 2.05; with keys it does DTLS.
func serve(t *testing.T, ctx context.Context, tr *trace.Trace, l link.Listener, keys func([]byte) ([]byte, error)) {
	for {
		c, err := l.Accept(ctx)
		if err != nil {
			return
		}
		go func() {
			k := tr.NewLink(trace.Link{Client: "client", Server: "server", Secured: keys != nil})
			if keys != nil {
				d, err := security.Server(ctx, trace.Tap(c, tr, k, false), security.ServerConfig{Keys: keys})
				if err != nil {
					t.Logf("the server: %v", err)
					return
				}
				c = d
			}
			context.AfterFunc(ctx, func() { _ = c.Close() })
			respond(trace.Record(c, tr, k, false))
		}()
	}
}

// respond answers requests until the connection ends.
func respond(c net.Conn) {
	b := make([]byte, 65536)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		v := coap.Decode(b[:n])
		if v.Malformed() || !v.Code.IsRequest() {
			continue
		}
		r, _ := coap.Encode(coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: v.MessageID, Token: v.Token})
		if _, err := c.Write(r); err != nil {
			return
		}
	}
}

func keysOf(identity []byte) ([]byte, error) { return append([]byte("key of "), identity...), nil }

func get(t *testing.T, c net.Conn, id uint16) {
	t.Helper()
	b, err := coap.Encode(coap.Message{Code: coap.GET, MessageID: id, Token: []byte{byte(id)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 100)); err != nil {
		t.Fatalf("no answer to request %d: %v", id, err)
	}
}

func TestPlainLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, tr := &link.Memory{}, trace.New()
		tr.SetIUT("client")
		l, err := m.Listen(ctx, "192.0.2.1:5683")
		if err != nil {
			t.Fatal(err)
		}
		go serve(t, ctx, tr, l, nil)
		c, err := m.DialFrom(ctx, "198.51.100.9:40000", "192.0.2.1:5683")
		if err != nil {
			t.Fatal(err)
		}
		get(t, c, 1)
		_, _ = c.Write([]byte("\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03abc"))
		get(t, c, 2)
		cancel()
		synctest.Wait()
		want := `1 client: CON 0.01 GET
2 server: ACK 2.05 Content
3 client: a handshake message that is cut off or whose lengths do not agree [DTLS on a link without security]
4 client: CON 0.01 GET
5 server: ACK 2.05 Content
`
		if got := lines(tr); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		e, _ := tr.Entry(2)
		if e.Source.String() != "192.0.2.1:5683" || e.Destination.String() != "198.51.100.9:40000" || e.Secured || e.FromIUT {
			t.Errorf("entry 2 is %+v", e)
		}
	})
}

func TestSecuredLinkOverTwoLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, tr := &link.Memory{}, trace.New()
		tr.SetIUT("client")
		l, err := m.Listen(ctx, "192.0.2.1:5684")
		if err != nil {
			t.Fatal(err)
		}
		go serve(t, ctx, tr, l, keysOf)
		for life := 1; life <= 2; life++ {
			tr.SetLife(life)
			c, err := m.DialFrom(ctx, "198.51.100.9:40000", "192.0.2.1:5684")
			if err != nil {
				t.Fatal(err)
			}
			if life == 2 { // before the handshake, which a device does not do
				_, _ = c.Write([]byte("\x40\x01\x00\x09"))
			}
			d, err := security.Client(ctx, c, security.ClientConfig{Identity: []byte("dev"), Key: []byte("key of dev")})
			if err != nil {
				t.Fatal(err)
			}
			get(t, d, 1)
			_ = c.Close() // power lost: no close_notify
			go func() { _ = d.Close() }()
		}
		time.Sleep(time.Second)
		cancel()
		time.Sleep(time.Second)
		offer := "suites 0xC0A8 0x00AE"
		hello := func(extra string) string { return "ClientHello, DTLS 1.2, " + offer + extra }
		got := lines(tr)
		if !strings.Contains(got, hello("")) || !strings.Contains(got, hello(", with cookie")) {
			t.Errorf("the offer is not in\n%s", got)
		}
		want := []string{
			"1 client: ClientHello", "2 server: HelloVerifyRequest", "3 client: ClientHello", "4 server: ServerHello, suite TLS_PSK_WITH_AES_128_CCM_8 (0xC0A8)",
			`client: ClientKeyExchange, PSK identity "dev"; ChangeCipherSpec; Finished (encrypted)`, "server: ChangeCipherSpec; Finished (encrypted)",
			"client: CON 0.01 GET", "server: ACK 2.05 Content",
			"client: CON 0.01 GET [plaintext CoAP on a link with DTLS]",
			"client: ClientHello", "client: CON 0.01 GET", "server: ACK 2.05 Content", "server: an encrypted alert",
		}
		rest := got
		for _, w := range want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Fatalf("%q is missing or out of place in\n%s", w, got)
			}
			rest = after
		}
		xs := tr.Exchanges()
		if len(xs) != 2 || xs[0].Request.Life != 1 || xs[1].Request.Life != 2 || !xs[1].Request.Secured || xs[1].Response == nil {
			t.Errorf("the exchanges are %+v", xs)
		}
		if d := xs[0].Request.Link.Watcher.Handshake().Diagnosis(); d != "both sides sent their Finished" {
			t.Errorf("the diagnosis is %q", d)
		}
	})
}

// A client that loses its state in the middle of a handshake, or after it, ends what the server has of it
// at once, not after a timeout.
func TestRebootEndsTheAssociationAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m, tr := &link.Memory{}, trace.New()
		l, err := m.Listen(ctx, "192.0.2.1:5684")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan string, 3)
		go func() {
			for {
				c, err := l.Accept(ctx)
				if err != nil {
					return
				}
				go func() {
					k := tr.NewLink(trace.Link{Client: "client", Server: "server", Secured: true})
					d, err := security.Server(ctx, trace.Tap(c, tr, k, false), security.ServerConfig{Keys: keysOf})
					if err == nil {
						_, err = d.Read(make([]byte, 100))
						_ = d.Close()
					}
					ended <- fmt.Sprint(err)
				}()
			}
		}()
		start := time.Now()
		life := func(key string) {
			c, err := m.DialFrom(ctx, "198.51.100.9:40000", "192.0.2.1:5684")
			if err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(ctx, 4*time.Second)
			defer cancel()
			_, _ = security.Client(short, c, security.ClientConfig{Identity: []byte("dev"), Key: []byte(key)})
			_ = c.Close()
		}
		life("wrong")
		life("key of dev")
		if got := <-ended; !strings.Contains(got, "the keys do not match") || time.Since(start) > 5*time.Second {
			t.Errorf("the half-open association ended after %s with %s", time.Since(start), got)
		}
		middle := time.Now()
		life("key of dev")
		if got := <-ended; got != "EOF" || time.Since(middle) > time.Second {
			t.Errorf("the established association ended after %s with %s", time.Since(middle), got)
		}
		_ = l.Close()
		<-ended
	})
}

func TestLargeMessagesPassDTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, tr := &link.Memory{}, trace.New()
		l, err := m.Listen(ctx, "192.0.2.1:5684")
		if err != nil {
			t.Fatal(err)
		}
		go serve(t, ctx, tr, l, keysOf)
		c, err := m.Dial(ctx, "192.0.2.1:5684")
		if err != nil {
			t.Fatal(err)
		}
		d, err := security.Client(ctx, c, security.ClientConfig{Identity: []byte("dev"), Key: []byte("key of dev")})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 1200, 1500, 8000} {
			b, _ := coap.Encode(coap.Message{Code: coap.PUT, MessageID: uint16(n), Payload: make([]byte, n)})
			if _, err := d.Write(b); err != nil {
				t.Fatal(err)
			}
			_ = d.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := d.Read(make([]byte, 100)); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		cancel()
		_ = d.Close()
	})
}

func TestSameEveryTime(t *testing.T) {
	var first string
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			m, tr := &link.Memory{}, trace.New()
			for i := range 3 {
				l, err := m.Listen(ctx, fmt.Sprintf("192.0.2.1:%d", 5684+i))
				if err != nil {
					t.Fatal(err)
				}
				go serve(t, ctx, tr, l, keysOf)
				go func() {
					c, err := m.DialFrom(ctx, fmt.Sprintf("198.51.100.%d:1000", i+1), l.Addr().String())
					if err != nil {
						t.Error(err)
						return
					}
					d, err := security.Client(ctx, c, security.ClientConfig{Identity: []byte{byte('a' + i)}, Key: []byte{'k', 'e', 'y', ' ', 'o', 'f', ' ', byte('a' + i)}})
					if err != nil {
						t.Error(err)
						return
					}
					for n := range uint16(3) {
						get(t, d, n)
					}
					_ = d.Close()
				}()
			}
			time.Sleep(time.Minute)
			cancel()
			time.Sleep(time.Minute)
			got := lines(tr)
			if first == "" {
				first = got
			}
			if got != first || strings.Count(got, "2.05") != 9 {
				t.Errorf("the same play gave\n%s\nand before\n%s", got, first)
			}
		})
	}
}
