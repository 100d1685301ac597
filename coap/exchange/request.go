package exchange

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Request is a request of the peer. It is answered once, at once or later. A Confirmable request that
// Handle keeps is acknowledged after half of ACK_TIMEOUT, so that the peer does not repeat itself.
type Request struct {
	coap.View
	endpoint   *Endpoint
	remembered *remembered

	mu        sync.Mutex
	answered  bool
	acked     bool
	late      *time.Timer
	transform func(coap.Message) coap.Message
}

var errBusy = errors.New("too many responses wait to be sent")

// secondResponseAfter is how long Policy.SecondResponse waits, for the order to be certain.
const secondResponseAfter = 10 * time.Millisecond

// Endpoint is where the request came in.
func (r *Request) Endpoint() *Endpoint { return r.endpoint }

// Transform lets a layer between the endpoint and the handler change the response before it is sent:
// f gets the message that Respond or RespondSeparate was given. The last f set is called first.
func (r *Request) Transform(f func(coap.Message) coap.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if below := r.transform; below != nil {
		r.transform = func(m coap.Message) coap.Message { return below(f(m)) }
		return
	}
	r.transform = f
}

func (r *Request) transformed(m coap.Message) coap.Message {
	r.mu.Lock()
	f := r.transform
	r.mu.Unlock()
	if f == nil {
		return m
	}
	return f(m)
}

// Respond sends the response: piggybacked on the acknowledgement of a Confirmable request unless that
// has gone out already, Non-confirmable to a Non-confirmable request, or as the policy says. Type,
// token and message ID are set here. It does not wait for a separate response to be acknowledged.
func (r *Request) Respond(m coap.Message) error {
	e, p := r.endpoint, r.endpoint.Policy()
	acked, err := r.settle()
	if err != nil {
		return err
	}
	m = r.transformed(m)
	m.Token = r.token(p)
	if p.SecondResponse {
		defer e.later(p.ACKDelay+p.Separate+secondResponseAfter, func() {
			again := m
			again.Type = coap.NonConfirmable
			_, _ = e.Notify(context.Background(), again)
		})
	}
	switch {
	case r.Type != coap.Confirmable:
		m.Type = coap.NonConfirmable
		if p.ConfirmResponses {
			m.Type = coap.Confirmable
		}
		return r.separate(m, p, true, 0)
	case p.NoAcknowledgement:
		return nil
	case p.UnacknowledgedNON:
		m.Type = coap.NonConfirmable
		return r.separate(m, p, true, 0)
	case acked || p.Separate > 0:
		m.Type = coap.Confirmable
		if p.SeparateNON {
			m.Type = coap.NonConfirmable
		}
		err := r.separate(m, p, acked, p.Separate)
		if acked || !errors.Is(err, errBusy) {
			return err
		}
	}
	m.Type, m.MessageID = coap.Acknowledgement, r.MessageID
	return e.reply(r.remembered, m, 0)
}

// RespondSeparate acknowledges a Confirmable request at once and sends the response this much later,
// Confirmable or not, whatever the policy says of it.
func (r *Request) RespondSeparate(m coap.Message, confirmable bool, delay time.Duration) error {
	p := r.endpoint.Policy()
	acked, err := r.settle()
	if err != nil {
		return err
	}
	m = r.transformed(m)
	m.Token = r.token(p)
	m.Type = coap.NonConfirmable
	if confirmable {
		m.Type = coap.Confirmable
	}
	return r.separate(m, p, acked || r.Type != coap.Confirmable, delay)
}

// separate sends a response as a message of its own, behind the acknowledgement unless that has been
// sent or the policy turns them round.
func (r *Request) separate(m coap.Message, p Policy, acked bool, delay time.Duration) error {
	e := r.endpoint
	o := newOutgoing(m)
	if acked && delay <= 0 && m.Type != coap.Confirmable {
		_, err := e.exchange(context.Background(), o, nil) // which does not wait
		return err
	}
	first := p.ResponseFirst && p.Separate > 0 && !acked
	if first {
		o.sent = func() { e.later(p.Separate, r.acknowledge) }
	}
	ok := e.later(0, func() {
		if !acked && !first {
			r.acknowledge()
		}
		if e.pause(delay) {
			// Whether the peer acknowledges it or not, nobody waits for it here.
			_, _ = e.exchange(context.Background(), o, nil)
		}
	})
	if !ok {
		return errBusy
	}
	return nil
}

// Acknowledge sends the empty acknowledgement of a Confirmable request now; the response is then
// separate. What has been acknowledged or answered is left alone.
func (r *Request) Acknowledge() {
	r.mu.Lock()
	again := r.Type != coap.Confirmable || r.answered || r.acked
	r.acked = r.acked || !again
	r.mu.Unlock()
	if !again {
		r.acknowledge()
	}
}

func (r *Request) acknowledge() {
	if !r.endpoint.Policy().NoAcknowledgement {
		r.endpoint.acknowledge(r.View, r.remembered)
	}
}

// Reset rejects the request.
func (r *Request) Reset() error {
	if _, err := r.settle(); err != nil {
		return err
	}
	return r.endpoint.reply(r.remembered, coap.Message{Type: coap.Reset, MessageID: r.MessageID}, 0)
}

// Ignore leaves the request without any answer, now and later.
func (r *Request) Ignore() { _, _ = r.settle() }

// settle marks the request as answered and says whether it has been acknowledged before.
func (r *Request) settle() (acked bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered {
		return r.acked, ErrAnswered
	}
	r.answered = true
	if r.late != nil {
		r.late.Stop()
	}
	return r.acked, nil
}

// handled is called when the handler has returned.
func (r *Request) handled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.answered && !r.acked && r.Type == coap.Confirmable {
		r.late = time.AfterFunc(r.endpoint.cfg.Timing.ACKTimeout/2, r.Acknowledge)
	}
}

// token is the request's, or another one if the policy wants it wrong.
func (r *Request) token(p Policy) []byte {
	if !p.WrongToken {
		return r.Token
	}
	t := bytes.Clone(r.Token)
	if len(t) == 0 {
		return []byte{0xff}
	}
	t[0] ^= 0xff
	return t
}
