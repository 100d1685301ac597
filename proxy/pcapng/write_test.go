package pcapng_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/security"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/pcapng"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// talk lets a client send some requests and a server answer them.
func talk(t *testing.T, client, server net.Conn) {
	t.Helper()
	b := make([]byte, 2000)
	for id := range uint16(4) {
		m := coap.Message{Type: coap.Type(id % 2), Code: coap.POST, MessageID: id << 8, Token: make([]byte, id*2), Payload: make([]byte, id*300)}
		m.AddStrings(coap.URIPath, "rd", "5a3f")
		send(t, client, m)
		if _, err := server.Read(b); err != nil {
			t.Fatal(err)
		}
		m.Type, m.Code, m.Options = coap.Acknowledgement, coap.Changed, nil
		send(t, server, m)
		if _, err := client.Read(b); err != nil {
			t.Fatal(err)
		}
	}
}

func send(t *testing.T, c net.Conn, m coap.Message) {
	t.Helper()
	b, err := coap.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// connect gives the two ends of a flow, of which the client has sent nothing that is left to be read.
func connect(t *testing.T, ctx context.Context, server, client string) (c, s net.Conn) {
	t.Helper()
	m := &link.Memory{}
	l, err := m.Listen(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = m.DialFrom(ctx, client, server); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(nil); err != nil {
		t.Fatal(err)
	}
	if s, err = l.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Read(nil)
	return c, s
}

func plainTrace(t *testing.T, server, client string) (entries []trace.Entry) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := trace.New()
		c, s := connect(t, t.Context(), server, client)
		l := tr.NewLink(trace.Link{Client: "client", Server: "server"})
		talk(t, c, trace.Record(s, tr, l, false))
		entries = tr.Entries()
	})
	return entries
}

// securedTrace has two links of one client with the same addresses but for the server's port.
func securedTrace(t *testing.T) (entries []trace.Entry) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := trace.New()
		for _, server := range []string{"192.0.2.1:5684", "192.0.2.1:5784"} {
			c, s := connect(t, t.Context(), server, "198.51.100.9:40000")
			l := tr.NewLink(trace.Link{Client: "client", Server: "server", Secured: true})
			secured := make(chan net.Conn)
			go func() {
				d, err := security.Client(t.Context(), c, security.ClientConfig{Identity: []byte("urn:dev:1"), Key: []byte("key")})
				if err != nil {
					t.Error(err)
				}
				secured <- d
			}()
			d, err := security.Server(t.Context(), trace.Tap(s, tr, l, false), security.ServerConfig{Keys: func([]byte) ([]byte, error) { return []byte("key"), nil }})
			if err != nil {
				t.Fatal(err)
			}
			dc := <-secured
			talk(t, dc, trace.Record(d, tr, l, false))
			_, _ = c.Write([]byte{0x40, 1, 0, 1}) // around DTLS
			time.Sleep(time.Second)
			_ = dc.Close()
			_ = d.Close()
		}
		time.Sleep(time.Second)
		entries = tr.Entries()
	})
	return entries
}

// TestEveryEntryIsAFrame counts the packets of plays; what they hold is held against tshark (build tag
// oracles).
func TestEveryEntryIsAFrame(t *testing.T) {
	for name, entries := range map[string][]trace.Entry{
		"plain": plainTrace(t, "192.0.2.1:5683", "198.51.100.9:40000"),
		"DTLS":  securedTrace(t),
	} {
		var file bytes.Buffer
		if err := pcapng.Write(&file, entries); err != nil {
			t.Fatal(err)
		}
		frames := 0
		for b := file.Bytes(); len(b) > 0; b = b[binary.LittleEndian.Uint32(b[4:]):] {
			if binary.LittleEndian.Uint32(b) == 6 { // an enhanced packet block
				if payload := entries[frames].Raw; !bytes.Contains(b, payload) {
					t.Errorf("%s: frame %d does not hold the bytes of its entry", name, frames+1)
				}
				frames++
			}
		}
		if frames != len(entries) || frames < 8 {
			t.Errorf("%s: %d frames, %d entries", name, frames, len(entries))
		}
	}
}
