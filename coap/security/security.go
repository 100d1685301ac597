// Package security puts transport security behind net.Conn: DTLS 1.2 with pre-shared keys on pion/dtls
// (RFC 6347, RFC 4279, RFC 6655). It also reads handshakes from the outside, so that a failed one can
// be explained. Credentials come from above; nothing here knows CoAP or LwM2M.
package security

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/logging"
)

// The cipher suites of LwM2M's PSK mode (Transport 5.2.9.1).
const (
	PSKWithAES128CCM8   uint16 = 0xc0a8
	PSKWithAES128CBC256 uint16 = 0x00ae
)

// DefaultPSKSuites are offered in this order unless the configuration names others.
var DefaultPSKSuites = []uint16{PSKWithAES128CCM8, PSKWithAES128CBC256}

// ErrUnknownIdentity is for a Keys function to say that it has no key for the identity.
var ErrUnknownIdentity = errors.New("unknown PSK identity")

// Conn is an established association.
type Conn struct {
	*dtls.Conn
	Suite    uint16
	identity []byte
}

// Identity is the client's PSK identity.
func (c *Conn) Identity() []byte { return c.identity }

// ServerConfig is what a server needs for PSK.
type ServerConfig struct {
	// Keys gives the key of an identity, or ErrUnknownIdentity.
	Keys   func(identity []byte) ([]byte, error)
	Suites []uint16 // nil: DefaultPSKSuites
}

// ClientConfig is what a client needs for PSK.
type ClientConfig struct {
	Identity, Key []byte
	Suites        []uint16 // nil: DefaultPSKSuites
}

// Server runs the server's side of a handshake over conn, bounded by ctx. An unknown identity is
// answered by the alert 115 unknown_psk_identity (RFC 4279 section 2).
func Server(ctx context.Context, conn net.Conn, cfg ServerConfig) (*Conn, error) {
	var unknown atomic.Bool
	psk := func(identity []byte) ([]byte, error) {
		k, err := cfg.Keys(identity)
		if errors.Is(err, ErrUnknownIdentity) {
			unknown.Store(true)
		}
		return k, err
	}
	alerting := &alertConn{Conn: conn, unknown: &unknown}
	d, err := dtls.ServerWithOptions(dtlsnet.PacketConnFromConn(alerting), conn.RemoteAddr(),
		dtls.WithPSK(psk), dtls.WithCipherSuites(suites(cfg.Suites)...), dtls.WithLoggerFactory(quiet))
	if err != nil {
		return nil, fmt.Errorf("the DTLS server cannot be set up: %w", err)
	}
	return handshake(ctx, d)
}

// Client runs the client's side of a handshake over conn, bounded by ctx.
func Client(ctx context.Context, conn net.Conn, cfg ClientConfig) (*Conn, error) {
	d, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(conn), conn.RemoteAddr(),
		dtls.WithPSK(func([]byte) ([]byte, error) { return cfg.Key, nil }),
		dtls.WithPSKIdentityHint(cfg.Identity), dtls.WithCipherSuites(suites(cfg.Suites)...), dtls.WithLoggerFactory(quiet))
	if err != nil {
		return nil, fmt.Errorf("the DTLS client cannot be set up: %w", err)
	}
	return handshake(ctx, d)
}

func handshake(ctx context.Context, d *dtls.Conn) (*Conn, error) {
	if err := d.HandshakeContext(ctx); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("the DTLS handshake failed: %w", err)
	}
	c := &Conn{Conn: d}
	if st, ok := d.ConnectionState(); ok {
		c.Suite, c.identity = uint16(st.CipherSuiteID), st.IdentityHint
	}
	return c, nil
}

func suites(ids []uint16) []dtls.CipherSuiteID {
	if ids == nil {
		ids = DefaultPSKSuites
	}
	out := make([]dtls.CipherSuiteID, len(ids))
	for i, id := range ids {
		out[i] = dtls.CipherSuiteID(id)
	}
	return out
}

// alertConn turns the alert internal_error, which pion sends when there is no key, into
// unknown_psk_identity, which tells the client's maker what is wrong. Only epoch 0, where alerts are
// readable.
type alertConn struct {
	net.Conn
	unknown *atomic.Bool
}

func (c *alertConn) Write(b []byte) (int, error) {
	const contentAlert, internalError, unknownPSKIdentity = 21, 80, 115
	if c.unknown.Load() && len(b) == 15 && b[0] == contentAlert && b[3]|b[4] == 0 && b[14] == internalError {
		b = append([]byte(nil), b...)
		b[14] = unknownPSKIdentity
	}
	return c.Conn.Write(b)
}

// quiet keeps pion from logging: what is worth saying is in the errors and in the watcher.
var quiet = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, ScopeLevels: map[string]logging.LogLevel{}}

// HandshakeTimeout bounds a handshake that nobody else bounds.
const HandshakeTimeout = 30 * time.Second
