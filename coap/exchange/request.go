package exchange

import (
	"context"
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

func newPending() *pending {
	return &pending{acked: make(chan struct{}), reset: make(chan struct{}), response: make(chan coap.View, 1)}
}

// Do sends a request and returns the final response to it, piggybacked or separate. The message ID is
// always the endpoint's next; the token is made unless the message has one. Request is set whatever
// happens. The errors are ErrReset, ErrTimeout and ErrClosed, wrapped.
func (e *Endpoint) Do(ctx context.Context, m coap.Message) (Exchanged, error) {
	if m.Token == nil {
		m.Token = e.NewToken()
	}
	m.MessageID = e.NextMessageID()
	p := newPending()
	e.mu.Lock()
	e.pending[string(m.Token)] = p
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		if e.pending[string(m.Token)] == p {
			delete(e.pending, string(m.Token))
		}
		e.mu.Unlock()
	}()
	v, err := e.perform(ctx, m, p)
	if err != nil {
		return Exchanged{Request: m}, fmt.Errorf("%s: %w", m.Code.Name(), err)
	}
	return Exchanged{Request: m, Response: v}, nil
}

func (e *Endpoint) perform(ctx context.Context, m coap.Message, p *pending) (coap.View, error) {
	if m.Type == coap.Confirmable {
		v, err := e.transmit(ctx, m, p)
		if err != nil {
			return coap.View{}, err
		}
		if v != nil {
			return *v, nil
		}
	} else if err := e.Send(m); err != nil {
		return coap.View{}, fmt.Errorf("%w: %w", ErrClosed, err)
	}
	// Acknowledged: the separate response comes in its own time, which the peer bounds by its own
	// retransmissions; nothing is repeated from here.
	t := time.NewTimer(e.cfg.Timing.MaxTransmitWait())
	defer t.Stop()
	select {
	case v := <-p.response:
		return v, nil
	case <-p.reset:
		return coap.View{}, ErrReset
	case <-t.C:
		return coap.View{}, fmt.Errorf("%w after the acknowledgement", ErrTimeout)
	case <-ctx.Done():
		return coap.View{}, fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
	case <-e.done:
		return coap.View{}, e.Err()
	}
}

// Notify sends a notification or another response of ours outside of a request. Confirmable, it waits
// for the acknowledgement; a Reset is ErrReset. The message ID is the endpoint's next.
func (e *Endpoint) Notify(ctx context.Context, m coap.Message) (coap.Message, error) {
	m.MessageID = e.NextMessageID()
	if m.Type != coap.Confirmable {
		return m, e.Send(m)
	}
	_, err := e.transmit(ctx, m, newPending())
	return m, err
}

// Request is a request of the peer. It is answered once, at once or later.
type Request struct {
	coap.View
	endpoint *Endpoint
}

// Endpoint is where the request came in.
func (r *Request) Endpoint() *Endpoint { return r.endpoint }

// Respond sends the response: piggybacked on the acknowledgement of a Confirmable request, as a
// Non-confirmable message otherwise, or as the policy says. Type, token and message ID are set here.
func (r *Request) Respond(m coap.Message) error {
	e, p := r.endpoint, r.endpoint.cfg.Policy
	m.Token = r.Token
	if p.WrongToken {
		m.Token = append([]byte{0xba, 0xd0}, r.Token...)[:min(8, len(r.Token)+2)]
	}
	switch {
	case p.NoAcknowledgement:
		return nil
	case r.Type != coap.Confirmable:
		m.Type, m.MessageID = coap.NonConfirmable, e.NextMessageID()
	case p.Separate > 0:
		r.separate(m)
		return nil
	default:
		m.Type, m.MessageID = coap.Acknowledgement, r.MessageID
		if p.WrongMessageID {
			m.MessageID++
		}
	}
	b, err := coap.Encode(m)
	if err != nil {
		return err
	}
	return e.answer(r.View, b)
}

// separate acknowledges now and responds after the policy's delay, or the other way round.
func (r *Request) separate(m coap.Message) {
	e, p := r.endpoint, r.endpoint.cfg.Policy
	m.Type = coap.Confirmable
	if p.SeparateNON {
		m.Type = coap.NonConfirmable
	}
	ack := func() { e.reply(r.View, coap.Message{Type: coap.Acknowledgement, MessageID: r.MessageID}) }
	if !p.ResponseFirst {
		ack()
	}
	go func() {
		t := time.NewTimer(p.Separate)
		defer t.Stop()
		select {
		case <-t.C:
		case <-e.done:
			return
		}
		if p.ResponseFirst {
			time.AfterFunc(p.Separate, ack)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, _ = e.Notify(ctx, m) // the peer that does not acknowledge has been told often enough
	}()
}

// Reset rejects the request.
func (r *Request) Reset() error {
	b, err := coap.Encode(coap.Message{Type: coap.Reset, MessageID: r.MessageID})
	if err != nil {
		return err
	}
	return r.endpoint.answer(r.View, b)
}
