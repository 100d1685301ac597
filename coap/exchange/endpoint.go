package exchange

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Endpoint serves and sends on one connection.
type Endpoint struct {
	conn net.Conn
	cfg  Config
	done chan struct{}

	mu        sync.Mutex
	rand      *rand.Rand
	messageID uint16
	pending   map[string]*pending // requests of ours by token
	awaiting  map[uint16]*pending // Confirmable messages of ours by message ID
	observing map[string]*Observation
	seen      map[uint16]*received // the peer's messages, for deduplication
	order     []uint16             // of seen, oldest first
	err       error
}

// pending is a message of ours that waits for something of the peer.
type pending struct {
	acked    chan struct{} // closed by an acknowledgement
	reset    chan struct{} // closed by a Reset
	response chan coap.View
	once     sync.Once
}

// received is a message of the peer that may come again.
type received struct {
	at    time.Time
	raw   []byte
	reply []byte // nil while there is none
}

const rememberedMessages = 4096 // bounds the deduplication memory against a peer that floods

// New makes an endpoint and starts reading. It ends when the connection does, or by Close.
func New(conn net.Conn, cfg Config) *Endpoint {
	if cfg.Timing == (Timing{}) {
		cfg.Timing = DefaultTiming
	}
	r := rand.New(rand.NewPCG(cfg.Seed, 0x6c776d326d))
	e := &Endpoint{
		conn: conn, cfg: cfg, done: make(chan struct{}), rand: r, messageID: uint16(r.Uint32()),
		pending: map[string]*pending{}, awaiting: map[uint16]*pending{},
		observing: map[string]*Observation{}, seen: map[uint16]*received{},
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

// Close ends the endpoint and its connection and waits until reading has stopped.
func (e *Endpoint) Close() error {
	err := e.conn.Close()
	<-e.done
	return err
}

// NextMessageID takes the next message ID.
func (e *Endpoint) NextMessageID() uint16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messageID++
	return e.messageID
}

// NewToken makes a token that no open request and no observation of ours uses.
func (e *Endpoint) NewToken() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cfg.Policy.NoToken {
		if _, used := e.pending[""]; !used && e.observing[""] == nil {
			return []byte{}
		}
	}
	n := e.cfg.Policy.TokenLength
	if n < 1 || n > 8 {
		n = 8
	}
	for {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], e.rand.Uint64())
		t := b[:n:n]
		if _, used := e.pending[string(t)]; !used && e.observing[string(t)] == nil {
			return t
		}
	}
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
	_, err := e.conn.Write(b)
	return err
}

func (e *Endpoint) read() {
	defer close(e.done)
	buf := make([]byte, 65536)
	for {
		n, err := e.conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			e.end(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		if !e.receive(coap.Decode(buf[:n])) {
			return
		}
	}
}

// receive handles one datagram; false ends the endpoint.
func (e *Endpoint) receive(v coap.View) (ok bool) {
	if e.cfg.OnPanic != nil {
		defer func() {
			if p := recover(); p != nil {
				e.cfg.OnPanic(p)
				e.end(fmt.Errorf("%w: a handler failed: %v", ErrClosed, p))
				_ = e.conn.Close()
			}
		}()
	}
	switch {
	case v.Malformed():
		if v.Type == coap.Confirmable && len(v.Raw) >= 4 && v.Version == 1 {
			e.reply(v, coap.Message{Type: coap.Reset, MessageID: v.MessageID})
		}
	case v.Code == coap.Empty:
		e.empty(v)
	case v.Code.IsRequest():
		e.request(v)
	case v.Code.IsResponse():
		e.response(v)
	}
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

// empty handles acknowledgements, Resets and pings.
func (e *Endpoint) empty(v coap.View) {
	switch v.Type {
	case coap.Confirmable: // ping (RFC 7252 section 4.3)
		e.reply(v, coap.Message{Type: coap.Reset, MessageID: v.MessageID})
	case coap.Acknowledgement:
		e.mu.Lock()
		p := e.awaiting[v.MessageID]
		delete(e.awaiting, v.MessageID)
		e.mu.Unlock()
		if p != nil {
			p.once.Do(func() { close(p.acked) })
		}
	case coap.Reset:
		e.mu.Lock()
		p := e.awaiting[v.MessageID]
		delete(e.awaiting, v.MessageID)
		e.mu.Unlock()
		if p != nil {
			p.once.Do(func() { close(p.reset) })
		} else if e.cfg.OnReset != nil {
			e.cfg.OnReset(v.MessageID)
		}
	case coap.NonConfirmable: // malformed, handled before
	}
}

// request deduplicates by message ID (RFC 7252 section 4.5) and hands the request on.
func (e *Endpoint) request(v coap.View) {
	if again, reply := e.remember(v); again && !e.cfg.Policy.NoDeduplication {
		if reply != nil {
			_ = e.SendRaw(reply)
		}
		return
	}
	r := &Request{View: v, endpoint: e}
	if e.cfg.Handle == nil {
		_ = r.Respond(coap.Message{Code: coap.NotImplemented})
		return
	}
	e.cfg.Handle(r)
}

// response hands a response to the request or the observation that has its token, and acknowledges it
// when it is Confirmable; nobody's response is rejected by a Reset (RFC 7252 sections 4.2, 5.3.2).
func (e *Endpoint) response(v coap.View) {
	again, reply := false, []byte(nil)
	if v.Type != coap.Acknowledgement {
		if again, reply = e.remember(v); again && reply != nil {
			_ = e.SendRaw(reply)
			return
		}
	}
	e.mu.Lock()
	p := e.pending[string(v.Token)]
	o := e.observing[string(v.Token)]
	acked := e.awaiting[v.MessageID]
	if v.Type == coap.Acknowledgement {
		delete(e.awaiting, v.MessageID)
		if acked != p {
			p, o = nil, nil // a piggybacked response matches by message ID and token
		}
	}
	e.mu.Unlock()
	taken := false
	switch {
	case p != nil:
		select {
		case p.response <- v:
			taken = true
		default: // it has its response already
			taken = v.Type != coap.Confirmable
		}
	case o != nil:
		taken = o.deliver(v)
	}
	switch {
	case v.Type == coap.Acknowledgement:
	case !taken:
		e.reply(v, coap.Message{Type: coap.Reset, MessageID: v.MessageID})
	case v.Type == coap.Confirmable && !e.cfg.Policy.NoAcknowledgement:
		e.reply(v, coap.Message{Type: coap.Acknowledgement, MessageID: v.MessageID})
	}
}

// remember says whether the same message came before within its lifetime, and what it was answered.
func (e *Endpoint) remember(v coap.View) (again bool, reply []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for len(e.order) > 0 && (len(e.order) > rememberedMessages || now.Sub(e.seen[e.order[0]].at) > e.cfg.Timing.ExchangeLifetime) {
		delete(e.seen, e.order[0])
		e.order = e.order[1:]
	}
	if r, ok := e.seen[v.MessageID]; ok {
		if string(r.raw) == string(v.Raw) {
			return true, r.reply
		}
		// Another message under a used ID: the peer's fault, which the trace shows; serve it.
		r.raw, r.reply = v.Raw, nil
		return false, nil
	}
	e.seen[v.MessageID] = &received{at: now, raw: v.Raw}
	e.order = append(e.order, v.MessageID)
	return false, nil
}

// reply sends the message-layer answer to v and remembers it for duplicates.
func (e *Endpoint) reply(v coap.View, m coap.Message) {
	if e.cfg.Policy.WrongMessageID && m.Type == coap.Acknowledgement {
		m.MessageID++
	}
	if b, err := coap.Encode(m); err == nil {
		_ = e.answer(v, b)
	}
}

func (e *Endpoint) answer(v coap.View, b []byte) error {
	e.mu.Lock()
	if r, ok := e.seen[v.MessageID]; ok {
		r.reply = b
	}
	e.mu.Unlock()
	err := e.SendRaw(b)
	if e.cfg.Policy.Repeat && err == nil {
		err = e.SendRaw(b)
	}
	return err
}

// transmit sends a Confirmable message until it is acknowledged, reset or given up (RFC 7252 section
// 4.2); p.acked, p.reset or p.response end it.
func (e *Endpoint) transmit(ctx context.Context, m coap.Message, p *pending) (*coap.View, error) {
	b, err := coap.Encode(m)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.awaiting[m.MessageID] = p
	factor := 1 + e.rand.Float64()*(e.cfg.Timing.ACKRandomFactor-1)
	e.mu.Unlock()
	defer func() { e.mu.Lock(); delete(e.awaiting, m.MessageID); e.mu.Unlock() }()
	wait := time.Duration(float64(e.cfg.Timing.ACKTimeout) * factor)
	for n := 0; ; n++ {
		if n == 0 || !e.cfg.Policy.NoRetransmit {
			if err := e.SendRaw(b); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrClosed, err)
			}
		}
		t := time.NewTimer(wait)
		select {
		case <-p.acked:
			t.Stop()
			return nil, nil
		case <-p.reset:
			t.Stop()
			return nil, ErrReset
		case v := <-p.response:
			t.Stop()
			return &v, nil
		case <-ctx.Done():
			t.Stop()
			return nil, fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
		case <-e.done:
			t.Stop()
			return nil, e.Err()
		case <-t.C:
		}
		if n == e.cfg.Timing.MaxRetransmit {
			return nil, fmt.Errorf("%w after %d transmissions", ErrTimeout, n+1)
		}
		wait *= 2
	}
}
