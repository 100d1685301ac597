package security_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap/security"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
)

// pipe is one end of a net.Pipe, whose reads get one write each when their buffers are large enough.
type pipe struct {
	net.Conn
	filter func([]byte) []byte // what becomes of a written datagram; nil from it: lost
}

func newPipe() (client, server *pipe) {
	a, b := net.Pipe()
	return &pipe{Conn: a}, &pipe{Conn: b}
}

func (p *pipe) Write(b []byte) (int, error) {
	n := len(b)
	if p.filter != nil {
		b = p.filter(append([]byte(nil), b...))
	}
	if b == nil {
		return n, nil
	}
	if _, err := p.Conn.Write(b); err != nil {
		return 0, err
	}
	return n, nil
}

// keys knows one identity.
func keys(identity []byte) ([]byte, error) {
	if string(identity) != "urn:dev:1" {
		return nil, security.ErrUnknownIdentity
	}
	return []byte("0123456789abcdef"), nil
}

var right = security.ClientConfig{Identity: []byte("urn:dev:1"), Key: []byte("0123456789abcdef")}

type ends struct {
	client, server       *security.Conn
	clientErr, serverErr error
}

// handshakes runs both sides at a time.
func handshakes(cfg security.ClientConfig, srv security.ServerConfig, cp, sp net.Conn) ends {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Second, errors.New("20 seconds are over"))
	defer cancel()
	var e ends
	done := make(chan struct{})
	go func() {
		e.server, e.serverErr = security.Server(ctx, sp, srv)
		close(done)
	}()
	e.client, e.clientErr = security.Client(ctx, cp, cfg)
	<-done
	return e
}

func (e ends) close() {
	if e.client != nil {
		_ = e.client.Close()
	}
	if e.server != nil {
		_ = e.server.Close()
	}
}

func TestPSKSuites(t *testing.T) {
	tests := []struct {
		name           string
		client, server []handshake.Suite
		want           handshake.Suite
	}{
		{"defaults choose CCM_8", nil, nil, handshake.PSKWithAES128CCM8},
		{"client only CBC", []handshake.Suite{handshake.PSKWithAES128CBC256}, nil, handshake.PSKWithAES128CBC256},
		{"server only CBC", nil, []handshake.Suite{handshake.PSKWithAES128CBC256}, handshake.PSKWithAES128CBC256},
		{"another PSK suite", []handshake.Suite{0xa8}, []handshake.Suite{0xa8}, 0xa8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cp, sp := newPipe()
				cfg := right
				cfg.Suites = tt.client
				e := handshakes(cfg, security.ServerConfig{Keys: keys, Suites: tt.server}, cp, sp)
				defer e.close()
				if e.clientErr != nil || e.serverErr != nil {
					t.Fatalf("client: %v, server: %v", e.clientErr, e.serverErr)
				}
				for _, c := range []*security.Conn{e.client, e.server} {
					if c.Session().Suite != tt.want || string(c.Identity()) != "urn:dev:1" {
						t.Errorf("got suite %s and identity %q", c.Session().Suite, c.Identity())
					}
				}
				exchange(t, e.client, e.server, "over")
				exchange(t, e.server, e.client, "and back")
			})
		})
	}
}

func exchange(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	if _, err := from.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := to.Read(b); err != nil || string(b[:n]) != text {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

func TestCloseTellsThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp, sp := newPipe()
		e := handshakes(right, security.ServerConfig{Keys: keys}, cp, sp)
		defer e.close()
		if e.clientErr != nil || e.serverErr != nil {
			t.Fatal(e.clientErr, e.serverErr)
		}
		var alerts int
		cp.filter = func(b []byte) []byte {
			if b[0] == 21 {
				alerts++
			}
			return b
		}
		if err := e.client.Close(); err != nil {
			t.Error(err)
		}
		if _, err := e.server.Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
			t.Errorf("the server read %v, want io.EOF", err)
		}
		if alerts != 1 {
			t.Errorf("%d alerts were sent", alerts)
		}
	})
}

func TestFailures(t *testing.T) {
	lose := func(kind byte) func([]byte) []byte { // records that begin with this content type
		return func(b []byte) []byte {
			if b[0] == kind {
				return nil
			}
			return b
		}
	}
	tests := []struct {
		name          string
		client        func(*security.ClientConfig)
		filter        func([]byte) []byte // of what the client sends
		server, other handshake.Cause     // as the server and as the client see it
		text          string              // in the server's error
	}{
		{
			name:   "unknown identity",
			client: func(c *security.ClientConfig) { c.Identity = []byte("urn:dev:2") },
			server: handshake.UnknownIdentity, other: handshake.UnknownIdentity,
			text: `the server does not know the PSK identity "urn:dev:2" (alert unknown_psk_identity (115))`,
		},
		{
			name:   "wrong key",
			client: func(c *security.ClientConfig) { c.Key = []byte("wrong") },
			server: handshake.KeyMismatch, other: handshake.KeyMismatch,
			text: `the keys do not match: the client (PSK identity "urn:dev:1") sent ChangeCipherSpec`,
		},
		{
			name:   "no common suite",
			client: func(c *security.ClientConfig) { c.Suites = []handshake.Suite{0xa8} },
			server: handshake.NoCommonSuite, other: handshake.NoCommonSuite,
			text: "no common cipher suite: the client offers TLS_PSK_WITH_AES_128_GCM_SHA256 (0x00A8)",
		},
		{
			name:   "nothing comes",
			filter: lose(22),
			server: handshake.NoClientHello, other: handshake.Silence,
			text: "no ClientHello came",
		},
		{
			name:   "plain CoAP",
			filter: func(b []byte) []byte { return []byte{0x40, 1, 0, 1} },
			server: handshake.NoClientHello, other: handshake.Silence,
			text: "no ClientHello came, but plaintext CoAP",
		},
		{
			name:   "a ClientHello that is cut off",
			filter: func(b []byte) []byte { return b[:min(len(b), 13+12+34)] },
			server: handshake.NoClientHello, other: handshake.Silence,
			text: "no ClientHello came",
		},
		{
			name: "silence after the second ClientHello",
			filter: func(b []byte) []byte {
				if b[0] == 22 && b[13] == 16 {
					return nil
				}
				return b
			},
			server: handshake.Silence, other: handshake.KeyMismatch,
			text: "silence: the last message of the client was ClientHello, that of the server ServerHelloDone",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cp, sp := newPipe()
				cp.filter = tt.filter
				cfg := right
				if tt.client != nil {
					tt.client(&cfg)
				}
				e := handshakes(cfg, security.ServerConfig{Keys: keys}, cp, sp)
				defer e.close()
				var server, client *security.HandshakeError
				if !errors.As(e.serverErr, &server) || !errors.As(e.clientErr, &client) {
					t.Fatalf("server: %v, client: %v", e.serverErr, e.clientErr)
				}
				if got := server.Handshake.Cause(); got != tt.server || !strings.Contains(server.Error(), tt.text) {
					t.Errorf("the server: %s: %v", got, server)
				}
				if got := client.Handshake.Cause(); got != tt.other {
					t.Errorf("the client: %s: %v", got, client)
				}
				if _, err := sp.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
					t.Error("the server's connection was left open")
				}
			})
		})
	}
}

func TestContextBoundsTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cp, sp := newPipe()
		cp.filter = func([]byte) []byte { return nil }
		e := handshakes(right, security.ServerConfig{Keys: keys}, cp, sp)
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("it took %s", took)
		}
		if !strings.Contains(errors.Unwrap(e.clientErr).Error(), "20 seconds are over") {
			t.Errorf("the cause of the context is lost: %v", errors.Unwrap(e.clientErr))
		}
	})
}
