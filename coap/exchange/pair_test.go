package exchange

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// pipe is one end of a pair of connections in memory; a Write never waits.
type pipe struct {
	in, out chan []byte
	ended   chan struct{} // closed by either end
	once    *sync.Once
}

func newPair() (*pipe, *pipe) {
	a, b, ended, once := make(chan []byte, 1024), make(chan []byte, 1024), make(chan struct{}), &sync.Once{}
	return &pipe{a, b, ended, once}, &pipe{b, a, ended, once}
}

func (p *pipe) Read(b []byte) (int, error) {
	select {
	case d := <-p.in:
		return copy(b, d), nil
	case <-p.ended:
		return 0, net.ErrClosed
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	select {
	case <-p.ended:
		return 0, net.ErrClosed
	default:
	}
	select {
	case p.out <- bytes.Clone(b):
	default: // lost
	}
	return len(b), nil
}

func (p *pipe) Close() error                     { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipe) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (p *pipe) RemoteAddr() net.Addr             { return &net.UDPAddr{} }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// peer is the far end of an endpoint, played by hand: what it hears and says is the dialogue.
type peer struct {
	t     *testing.T
	conn  *pipe
	start time.Time
}

// dialogue plays one in a bubble of virtual time. Everything must have ended with the endpoint.
func dialogue(t *testing.T, cfg Config, f func(e *Endpoint, p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := newPair()
		e := New(near, cfg)
		defer func() { _ = e.Close() }()
		f(e, &peer{t, far, time.Now()})
	})
}

// hear takes the next datagram of the endpoint, however long that takes.
func (p *peer) hear() coap.View {
	p.t.Helper()
	select {
	case b := <-p.conn.in:
		v := coap.Decode(b)
		if v.Malformed() {
			p.t.Fatalf("after %v the endpoint sent %x: %v", p.elapsed(), b, v.Findings)
		}
		return v
	case <-time.After(time.Hour):
		p.t.Fatal("the endpoint sent nothing for an hour")
		panic("unreachable")
	}
}

// hearNothing waits and fails if the endpoint says anything.
func (p *peer) hearNothing(d time.Duration) {
	p.t.Helper()
	select {
	case b := <-p.conn.in:
		p.t.Fatalf("after %v the endpoint sent %v", p.elapsed(), coap.Decode(b))
	case <-time.After(d):
	}
}

// hears takes the next datagram and compares it with type, code, message ID and token.
func (p *peer) hears(t coap.Type, c coap.Code, id uint16, token string) coap.View {
	p.t.Helper()
	v := p.hear()
	if v.Type != t || v.Code != c || v.MessageID != id || string(v.Token) != token {
		p.t.Fatalf("after %v the endpoint sent %v instead of %s %s, message ID %d, token %x", p.elapsed(), v, t, c, id, token)
	}
	return v
}

func (p *peer) say(m coap.Message) {
	p.t.Helper()
	b, err := coap.Encode(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.sayRaw(b)
}

func (p *peer) sayRaw(b []byte) {
	_, _ = p.conn.Write(b)
	synctest.Wait() // until the endpoint has done what it does at once
}

func (p *peer) elapsed() time.Duration { return time.Since(p.start) }

// get is a request for /3/0.
func get(t coap.Type) coap.Message {
	m := coap.Message{Type: t, Code: coap.GET}
	m.AddStrings(coap.URIPath, "3", "0")
	return m
}

// request is one of the peer, "tok" its token.
func request(t coap.Type, id uint16) coap.Message {
	m := get(t)
	m.MessageID, m.Token = id, []byte("tok")
	return m
}

// result is how a call in the background ended.
type result struct {
	Exchanged
	err error
	at  time.Duration
}

// do starts a request in the background.
func (p *peer) do(ctx context.Context, e *Endpoint, m coap.Message, options ...CallOption) <-chan result {
	ch := make(chan result, 1)
	go func() {
		x, err := e.Do(ctx, m, options...)
		ch <- result{x, err, p.elapsed()}
	}()
	synctest.Wait()
	return ch
}

// ended fails unless the call is over.
func (p *peer) ended(ch <-chan result) result {
	p.t.Helper()
	synctest.Wait()
	select {
	case r := <-ch:
		return r
	default:
		p.t.Fatalf("after %v the request is still open", p.elapsed())
		panic("unreachable")
	}
}

// open fails if the call is over.
func (p *peer) open(ch <-chan result) {
	p.t.Helper()
	synctest.Wait()
	select {
	case r := <-ch:
		p.t.Fatalf("after %v the request ended with %v, %v", p.elapsed(), r.Response, r.err)
	default:
	}
}
