package exchange

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Endpoint serves and sends on one connection. Its methods may be called from any goroutine, except
// that Close must not be called from a handler.
type Endpoint struct {
	conn net.Conn
	cfg  Config
	done chan struct{}
	work sync.WaitGroup // answers that are sent later

	mu        sync.Mutex // never held while waiting or writing
	policy    Policy
	rand      *rand.Rand
	messageID uint16
	token     []byte               // the one of Policy.ReuseToken
	requests  map[string]*outgoing // requests of ours without a response, by token
	awaiting  map[uint16]*outgoing // messages of ours that may be acknowledged or reset, by message ID
	observing map[string]*Observation
	past      past // message IDs of ours that nobody waits for any more
	memory    *memory
	turns     turns
	delayed   int // goroutines of work
	err       error
}

// maxDelayed bounds the answers that wait to be sent later; beyond it they are sent at once, or not at
// all when they can only be sent later.
const maxDelayed = 64

// New makes an endpoint and starts reading. It ends when the connection does, or by Close.
func New(conn net.Conn, cfg Config) *Endpoint {
	cfg.Timing = cfg.Timing.withDefaults()
	if cfg.ResponseTimeout == 0 {
		cfg.ResponseTimeout = cfg.Timing.MaxTransmitWait()
	}
	r := rand.New(rand.NewPCG(cfg.Seed, 0x6c776d326d))
	e := &Endpoint{
		conn: conn, cfg: cfg, policy: cfg.Policy, done: make(chan struct{}), rand: r, messageID: uint16(r.Uint32()),
		requests: map[string]*outgoing{}, awaiting: map[uint16]*outgoing{},
		observing: map[string]*Observation{}, memory: newMemory(),
	}
	go e.read()
	return e
}

// Done is closed when the endpoint has ended; Err then says why.
func (e *Endpoint) Done() <-chan struct{} { return e.done }

// Err is why the endpoint ended, nil while it has not.
func (e *Endpoint) Err() error { e.mu.Lock(); defer e.mu.Unlock(); return e.err }

// Conn is the connection the endpoint was made with.
func (e *Endpoint) Conn() net.Conn { return e.conn }

// Close ends the endpoint and its connection and waits until nothing of it runs any more.
func (e *Endpoint) Close() error {
	err := e.conn.Close()
	<-e.done
	e.work.Wait()
	return err
}

// Policy is the policy in force.
func (e *Endpoint) Policy() Policy { e.mu.Lock(); defer e.mu.Unlock(); return e.policy }

// SetPolicy puts another policy in force; a message that is being sent keeps its own.
func (e *Endpoint) SetPolicy(p Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.policy = p
	e.turns.admit(e.limit())
}

// PeerRestarted forgets which messages the peer has sent. A device that was restarted may begin with
// the very message it began with last time; until its message IDs have expired that looks like a
// repetition (RFC 7252 section 4.5).
func (e *Endpoint) PeerRestarted() { e.mu.Lock(); defer e.mu.Unlock(); e.memory.clear() }

// NextMessageID takes the next message ID that no message under way has.
func (e *Endpoint) NextMessageID() uint16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.nextMessageID()
}

func (e *Endpoint) nextMessageID() uint16 {
	if e.policy.ReuseMessageID {
		return e.messageID
	}
	for range 1 << 16 {
		e.messageID++
		if e.awaiting[e.messageID] == nil {
			break
		}
	}
	return e.messageID
}

// NewToken makes a token that no open request and no observation of ours uses.
func (e *Endpoint) NewToken() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.policy.NoToken && e.free("") {
		return []byte{}
	}
	if e.policy.ReuseToken && e.token != nil {
		return e.token
	}
	n := e.policy.TokenLength
	if n < 1 || n > 8 {
		n = 8
	}
	for try := 0; ; try++ {
		if try == 256 { // so short that they are used up
			n = 8
		}
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], e.rand.Uint64())
		if t := b[:n:n]; e.free(string(t)) {
			e.token = t
			return t
		}
	}
}

func (e *Endpoint) free(token string) bool {
	return e.requests[token] == nil && e.observing[token] == nil
}

// Send writes a message exactly as it stands and keeps no state of it.
func (e *Endpoint) Send(m coap.Message) error {
	b, err := coap.Encode(m)
	if err != nil {
		return err
	}
	return e.SendRaw(b)
}

// SendRaw writes any bytes at all: the way to malformed messages.
func (e *Endpoint) SendRaw(b []byte) error {
	if _, err := e.conn.Write(b); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

func (e *Endpoint) read() {
	defer close(e.done)
	buf := make([]byte, 65536)
	for {
		n, err := e.conn.Read(buf)
		if err != nil {
			e.end(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		if !e.take(coap.Decode(buf[:n])) {
			return
		}
	}
}

// take handles one datagram; false ends the endpoint.
func (e *Endpoint) take(v coap.View) (ok bool) {
	if e.cfg.OnPanic == nil {
		e.receive(v)
		return true
	}
	defer func() {
		if p := recover(); p != nil {
			e.cfg.OnPanic(p)
			e.end(fmt.Errorf("%w: a handler failed: %v", ErrClosed, p))
			_ = e.conn.Close()
		}
	}()
	e.receive(v)
	return true
}

func (e *Endpoint) end(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
	for _, o := range e.observing {
		o.end()
	}
	clear(e.observing)
}

// later runs f after d in a goroutine that Close waits for, unless the endpoint ends before; false
// means that too much is waiting already.
func (e *Endpoint) later(d time.Duration, f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil || e.delayed >= maxDelayed {
		return false
	}
	e.delayed++
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		defer func() { e.mu.Lock(); e.delayed--; e.mu.Unlock() }()
		if e.pause(d) {
			f()
		}
	}()
	return true
}

// pause waits; false means that the endpoint has ended meanwhile.
func (e *Endpoint) pause(d time.Duration) bool {
	if d <= 0 {
		return e.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.done:
		return false
	}
}

// past is a ring of message IDs. The zero value holds nothing.
type past struct {
	ids  [64]uint16
	next int
	full bool
}

func (p *past) add(id uint16) {
	p.ids[p.next] = id
	p.next = (p.next + 1) % len(p.ids)
	p.full = p.full || p.next == 0
}

func (p *past) has(id uint16) bool {
	n := p.next
	if p.full {
		n = len(p.ids)
	}
	for _, i := range p.ids[:n] {
		if i == id {
			return true
		}
	}
	return false
}
