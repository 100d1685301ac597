// Package security puts transport security behind net.Conn: DTLS 1.2 on pion/dtls, with pre-shared keys
// (RFC 6347, RFC 4279, RFC 6655); certificates and raw public keys are to stand beside them in the same
// configurations. Credentials come from above; nothing here knows CoAP or LwM2M. Its sub-package
// handshake reads handshakes from the outside.
package security

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/logging"

	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
)

// DefaultPSKSuites is what a configuration with pre-shared keys offers or accepts, the first with
// preference, unless it names its own.
func DefaultPSKSuites() []handshake.Suite {
	return []handshake.Suite{handshake.PSKWithAES128CCM8, handshake.PSKWithAES128CBC256}
}

// HandshakeTimeout is a bound for handshakes that nothing else bounds: the time RFC 6347 section 4.2.4.1
// gives five transmissions of a flight, from one second on and doubling.
const HandshakeTimeout = 31 * time.Second

// ErrUnknownIdentity is for a Keys function to say that it has no key for the identity.
var ErrUnknownIdentity = errors.New("unknown PSK identity")

// ServerConfig is what a server needs. The credentials that are set decide which modes it can do.
type ServerConfig struct {
	// Keys gives the pre-shared key of an identity, or ErrUnknownIdentity, which the client is told by
	// the alert unknown_psk_identity (RFC 4279 section 2).
	Keys   func(identity []byte) ([]byte, error)
	Hint   []byte            // PSK identity hint; LwM2M clients do not rely on it
	Suites []handshake.Suite // in order of preference; empty: DefaultPSKSuites
}

// ClientConfig is what a client needs.
type ClientConfig struct {
	Identity, Key []byte            // pre-shared
	Suites        []handshake.Suite // in the order offered; empty: DefaultPSKSuites
}

// Session is what two ends agreed on.
type Session struct {
	Suite    handshake.Suite
	Identity []byte                // the client's PSK identity
	Hello    handshake.ClientHello // what the client offered last
}

// Conn is an established association: a net.Conn with one datagram in clear per Read and Write. Close
// tells the peer by close_notify. A Read into a buffer that is too small is an error, and a datagram of
// more than 8192 bytes on the wire is lost (limits of pion).
type Conn struct {
	net.Conn
	session Session
}

// Session is what the handshake agreed on.
func (c *Conn) Session() Session { return c.session }

// Identity is the client's PSK identity.
func (c *Conn) Identity() []byte { return c.session.Identity }

// HandshakeError says what a handshake died of.
type HandshakeError struct {
	Remote    net.Addr
	Handshake handshake.Handshake // as seen from outside
	Err       error               // of the DTLS library, or of the context
}

// Error is one sentence with the diagnosis, and the library's words where they add something.
func (e *HandshakeError) Error() string {
	if e.Handshake.Cause() == handshake.Complete {
		return fmt.Sprintf("the DTLS handshake with %s failed: %v", e.Remote, e.Err)
	}
	return fmt.Sprintf("the DTLS handshake with %s failed: %s", e.Remote, e.Handshake.Diagnosis())
}

// Unwrap gives the library's error, or the cause of the context that ended.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Server runs the server's side of a handshake over conn, which carries one datagram per Read and
// Write. ctx bounds it; when it fails conn is closed, and the error is a *HandshakeError unless the
// configuration is to blame.
func Server(ctx context.Context, conn net.Conn, cfg ServerConfig) (*Conn, error) {
	if cfg.Keys == nil {
		_ = conn.Close()
		return nil, errors.New("DTLS cannot be set up: the server has no credentials")
	}
	w := newWatched(conn, false)
	keys := func(identity []byte) ([]byte, error) {
		k, err := cfg.Keys(identity)
		if errors.Is(err, ErrUnknownIdentity) {
			w.unknownIdentity.Store(true)
		}
		return k, err
	}
	options := []dtls.ServerOption{dtls.WithPSK(keys), dtls.WithCipherSuites(suiteIDs(cfg.Suites)...), dtls.WithLoggerFactory(quiet)}
	if len(cfg.Hint) > 0 {
		options = append(options, dtls.WithPSKIdentityHint(cfg.Hint))
	}
	d, err := dtls.ServerWithOptions(dtlsnet.PacketConnFromConn(w), conn.RemoteAddr(), options...)
	c, err := establish(ctx, w, d, err)
	if err != nil {
		return nil, err
	}
	if state, ok := d.ConnectionState(); ok {
		c.session.Identity = state.IdentityHint // on the server's side pion puts the client's identity here
	}
	return c, nil
}

// Client runs the client's side of a handshake over conn; the rest is as with Server.
func Client(ctx context.Context, conn net.Conn, cfg ClientConfig) (*Conn, error) {
	w := newWatched(conn, true)
	d, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(w), conn.RemoteAddr(),
		dtls.WithPSK(func([]byte) ([]byte, error) { return cfg.Key, nil }), dtls.WithPSKIdentityHint(cfg.Identity),
		dtls.WithCipherSuites(suiteIDs(cfg.Suites)...), dtls.WithLoggerFactory(quiet))
	c, err := establish(ctx, w, d, err)
	if err != nil {
		return nil, err
	}
	c.session.Identity = slices.Clone(cfg.Identity)
	return c, nil
}

func establish(ctx context.Context, w *watched, d *dtls.Conn, err error) (*Conn, error) {
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("DTLS cannot be set up with this configuration: %w", err)
	}
	if err := d.HandshakeContext(ctx); err != nil {
		_ = d.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &HandshakeError{w.RemoteAddr(), w.watcher.Handshake(), err}
	}
	w.done.Store(true)
	c := &Conn{Conn: d, session: Session{Hello: w.watcher.Handshake().Hello}}
	if state, ok := d.ConnectionState(); ok {
		c.session.Suite = handshake.Suite(state.CipherSuiteID)
	}
	return c, nil
}

func suiteIDs(suites []handshake.Suite) []dtls.CipherSuiteID {
	if len(suites) == 0 {
		suites = DefaultPSKSuites()
	}
	ids := make([]dtls.CipherSuiteID, len(suites))
	for i, s := range suites {
		ids[i] = dtls.CipherSuiteID(s)
	}
	return ids
}

// quiet keeps pion from logging: what is worth saying is in the errors.
var quiet = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, ScopeLevels: map[string]logging.LogLevel{}}

// watched is the connection below pion: it shows the handshake to a watcher and corrects the one alert
// that pion cannot send.
type watched struct {
	net.Conn
	watcher         *handshake.Watcher
	weAreClient     bool
	unknownIdentity atomic.Bool
	done            atomic.Bool // the handshake is over
}

func newWatched(c net.Conn, weAreClient bool) *watched {
	return &watched{Conn: c, watcher: handshake.NewWatcher(), weAreClient: weAreClient}
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err == nil && !w.done.Load() {
		w.watcher.Datagram(!w.weAreClient, b[:n])
	}
	return n, err
}

func (w *watched) Write(b []byte) (int, error) {
	if w.unknownIdentity.Load() {
		b = nameUnknownIdentity(b)
	}
	if !w.done.Load() {
		w.watcher.Datagram(w.weAreClient, b)
	}
	return w.Conn.Write(b)
}

// nameUnknownIdentity turns the alert internal_error, which pion sends when there is no key, into
// unknown_psk_identity. Alerts of epoch 0 are in clear and not part of what the Finished covers.
func nameUnknownIdentity(b []byte) []byte {
	const header, level, description = 13, 13, 14
	const alertRecord, internalError = 21, 80
	if len(b) != header+2 || b[0] != alertRecord || b[3] != 0 || b[4] != 0 || b[level] != 2 || b[description] != internalError {
		return b
	}
	b = slices.Clone(b)
	b[description] = byte(handshake.UnknownPSKIdentity)
	return b
}
