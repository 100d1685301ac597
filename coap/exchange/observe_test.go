package exchange

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// observed is an observation that the peer has accepted.
func (p *peer) observed(e *Endpoint) (*Observation, coap.View) {
	p.t.Helper()
	type opened struct {
		o   *Observation
		err error
	}
	ch := make(chan opened, 1)
	go func() { o, _, err := e.Observe(p.t.Context(), get(coap.Confirmable)); ch <- opened{o, err} }()
	q := p.hear()
	if v, ok := q.Observe(); !ok || v != 0 {
		p.t.Fatalf("the request is %v", q)
	}
	p.say(notification(coap.Acknowledgement, q.MessageID, q.Token, 1))
	r := <-ch
	if r.err != nil || r.o.First.Code != coap.Content {
		p.t.Fatalf("%v, %v", r.o.First, r.err)
	}
	return r.o, q
}

func notification(t coap.Type, id uint16, token []byte, n uint64) coap.Message {
	m := coap.Message{Type: t, Code: coap.Content, MessageID: id, Token: token}
	m.AddUint(coap.Observe, n)
	return m
}

func (p *peer) notified(o *Observation) coap.View {
	p.t.Helper()
	select {
	case v, ok := <-o.Notifications():
		if !ok {
			p.t.Fatal("the observation is over")
		}
		return v
	default:
		p.t.Fatal("there is no notification")
		panic("unreachable")
	}
}

func (p *peer) over(o *Observation) {
	p.t.Helper()
	select {
	case v, ok := <-o.Notifications():
		if ok {
			p.t.Fatalf("instead of the end came %v", v)
		}
	default:
		p.t.Fatal("the observation is not over")
	}
}

func TestNotifications(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		for range 2 { // a repetition is acknowledged again and delivered once
			p.say(notification(coap.Confirmable, 100, q.Token, 2))
			p.hears(coap.Acknowledgement, coap.Empty, 100, "")
		}
		p.say(notification(coap.NonConfirmable, 101, q.Token, 3))
		p.say(notification(coap.NonConfirmable, 101, q.Token, 3))
		p.hearNothing(time.Hour)
		for want := uint32(2); want <= 3; want++ {
			v := p.notified(o)
			if n, _ := v.Observe(); n != want {
				t.Errorf("notification %d instead of %d", n, want)
			}
		}
		o.Forget()
		p.over(o)
		p.say(notification(coap.Confirmable, 102, q.Token, 4))
		p.hears(coap.Reset, coap.Empty, 102, "")
		p.say(notification(coap.NonConfirmable, 103, q.Token, 5))
		p.hears(coap.Reset, coap.Empty, 103, "")
	})
}

func TestCancel(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		ch := make(chan result, 1)
		go func() { x, err := o.Cancel(p.t.Context()); ch <- result{x, err, p.elapsed()} }()
		c := p.hears(coap.Confirmable, coap.GET, q.MessageID+1, string(q.Token))
		if v, ok := c.Observe(); !ok || v != 1 || len(c.Path()) != 2 {
			t.Errorf("the request is %v", c)
		}
		// A notification crosses the request and is no answer to it.
		p.say(notification(coap.Confirmable, 100, q.Token, 2))
		p.hears(coap.Acknowledgement, coap.Empty, 100, "")
		p.open(ch)
		p.notified(o)
		p.say(coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: c.MessageID, Token: c.Token})
		if r := p.ended(ch); r.err != nil {
			t.Error(r.err)
		}
		p.over(o)
		if v, ok := o.Request.Observe(); !ok || v != 0 {
			t.Errorf("the first request became %v", o.Request)
		}
	})
}

// The separate response to a cancel has the token of the observation and no Observe option.
func TestCancelWithSeparateResponse(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		ch := make(chan result, 1)
		go func() { x, err := o.Cancel(p.t.Context()); ch <- result{x, err, p.elapsed()} }()
		c := p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: c.MessageID})
		p.say(coap.Message{Type: coap.Confirmable, Code: coap.Content, MessageID: 100, Token: q.Token})
		p.hears(coap.Acknowledgement, coap.Empty, 100, "")
		if r := p.ended(ch); r.err != nil || r.Response.MessageID != 100 {
			t.Errorf("%v, %v", r.Response, r.err)
		}
	})
}

// RFC 7641 section 4.2: a notification with an error code is the last.
func TestErrorNotificationIsTheLast(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		p.say(coap.Message{Type: coap.Confirmable, Code: coap.NotFound, MessageID: 100, Token: q.Token})
		p.hears(coap.Acknowledgement, coap.Empty, 100, "")
		if v := p.notified(o); v.Code != coap.NotFound {
			t.Errorf("delivered %v", v)
		}
		p.over(o)
		p.say(notification(coap.Confirmable, 101, q.Token, 4))
		p.hears(coap.Reset, coap.Empty, 101, "")
	})
}

func TestRefusedObservation(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		go func() {
			q := p.hear()
			b, _ := coap.Encode(coap.Message{Type: coap.Acknowledgement, Code: coap.NotFound, MessageID: q.MessageID, Token: q.Token})
			_, _ = p.conn.Write(b)
		}()
		o, did, err := e.Observe(p.t.Context(), get(coap.Confirmable))
		if err != nil || did.Response.Code != coap.NotFound {
			t.Errorf("%v, %v", did.Response, err)
		}
		p.over(o)
	})
}

// An observer that does not read loses the oldest; the endpoint goes on.
func TestUnreadNotifications(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		for i := range uint16(queuedNotifications + 10) {
			p.say(notification(coap.NonConfirmable, 1000+i, q.Token, uint64(i)))
		}
		v := p.notified(o)
		if n, _ := v.Observe(); n != 10 {
			t.Errorf("the oldest that is left is %d", n)
		}
		p.say(coap.Message{MessageID: 5})
		p.hears(coap.Reset, coap.Empty, 5, "")
	})
}

// Observing again under the same token replaces the observation (RFC 7641 section 4.1).
func TestObserveAgain(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o, q := p.observed(e)
		again := make(chan *Observation)
		go func() {
			m := get(coap.Confirmable)
			m.Token = q.Token
			o, _, _ := e.Observe(p.t.Context(), m)
			again <- o
		}()
		q2 := p.hear()
		p.say(notification(coap.Acknowledgement, q2.MessageID, q2.Token, 9))
		o2 := <-again
		synctest.Wait()
		p.over(o)
		o.Forget() // must not take the new one away
		p.say(notification(coap.NonConfirmable, 100, q.Token, 10))
		p.notified(o2)
	})
}
