package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// outgoing is a message of ours that waits for something of the peer.
type outgoing struct {
	message  coap.Message
	acked    chan struct{} // closed by an empty acknowledgement
	reset    chan struct{} // closed by a Reset
	response chan answer   // holds one; nil when none is awaited
	sent     func()        // called after the first transmission
}

type answer struct {
	view coap.View
	err  error
}

func newOutgoing(m coap.Message) *outgoing {
	return &outgoing{message: m, acked: make(chan struct{}), reset: make(chan struct{})}
}

// CallOption changes how Do, Observe and Notify send.
type CallOption func(*call)

type call struct {
	messageID *uint16
	unlimited bool
}

// WithMessageID sends under this message ID instead of the next.
func WithMessageID(id uint16) CallOption { return func(c *call) { c.messageID = &id } }

// WithoutTurn sends at once, whatever is open (RFC 7252 section 4.7 limits it to NSTART).
func WithoutTurn() CallOption { return func(c *call) { c.unlimited = true } }

// Do sends a request, Confirmable or not as it says, and returns the final response, piggybacked or
// separate. The message ID is the endpoint's next, the token is made unless the message has one. The
// Request is set whatever happens. The errors, wrapped, are ErrReset, ErrTimeout (also when ctx ends),
// ErrClosed, and ErrRejected, with which the response is there.
func (e *Endpoint) Do(ctx context.Context, m coap.Message, options ...CallOption) (Exchanged, error) {
	if m.Token == nil {
		m.Token = e.NewToken()
	}
	o := newOutgoing(m)
	o.response = make(chan answer, 1)
	e.mu.Lock()
	e.requests[string(m.Token)] = o
	e.mu.Unlock()
	v, err := e.exchange(ctx, o, options)
	e.mu.Lock()
	e.unregister(o)
	e.mu.Unlock()
	did := Exchanged{Request: o.message, Response: v}
	if err != nil {
		return did, fmt.Errorf("%s %s (message ID %d): %w", m.Code.Name(), coap.FormatURI(m), o.message.MessageID, err)
	}
	return did, nil
}

// unregister ends the waiting for a response. The caller holds e.mu.
func (e *Endpoint) unregister(o *outgoing) {
	if t := string(o.message.Token); e.requests[t] == o {
		delete(e.requests, t)
	}
}

// Notify sends a notification, or another response of ours that is not the answer to a request. The
// message ID is the endpoint's next. Confirmable, it waits for the acknowledgement (errors as of Do);
// else it returns at once, and a Reset goes to Config.OnReset.
func (e *Endpoint) Notify(ctx context.Context, m coap.Message, options ...CallOption) (coap.Message, error) {
	o := newOutgoing(m)
	_, err := e.exchange(ctx, o, options)
	if err != nil {
		err = fmt.Errorf("%s (message ID %d): %w", m.Code, o.message.MessageID, err)
	}
	return o.message, err
}

// Ping asks for a sign of life by an empty Confirmable message (RFC 7252 section 4.3). The Reset that
// comes is the success; an acknowledgement instead is an error.
func (e *Endpoint) Ping(ctx context.Context) error {
	o := newOutgoing(coap.Message{})
	switch _, err := e.exchange(ctx, o, nil); {
	case errors.Is(err, ErrReset):
		return nil
	case err != nil:
		return fmt.Errorf("ping (message ID %d): %w", o.message.MessageID, err)
	}
	return fmt.Errorf("ping (message ID %d): the peer acknowledged the Empty message instead of rejecting it", o.message.MessageID)
}

// exchange takes a turn, sends the message and waits for what ends it.
func (e *Endpoint) exchange(ctx context.Context, o *outgoing, options []CallOption) (coap.View, error) {
	var c call
	for _, option := range options {
		option(&c)
	}
	turn := !c.unlimited && (o.message.Type == coap.Confirmable || o.response != nil)
	if turn {
		if err := e.enter(ctx); err != nil {
			return coap.View{}, err
		}
	}
	w := e.start(o, c)
	defer w.stop()
	w.turn = turn
	return w.wait(ctx)
}

// wait is the course of one message of ours.
type wait struct {
	e       *Endpoint
	o       *outgoing
	policy  Policy
	sent    int // transmissions
	timeout time.Duration
	timer   *time.Timer
	turn    bool // holds one
}

// start gives the message its message ID and registers it, so that no answer comes too early.
func (e *Endpoint) start(o *outgoing, c call) *wait {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.messageID != nil {
		o.message.MessageID = *c.messageID
	} else {
		o.message.MessageID = e.nextMessageID()
	}
	if o.message.Type == coap.Confirmable || o.response != nil {
		e.awaiting[o.message.MessageID] = o
	} else {
		e.past.add(o.message.MessageID) // a Reset may come, for which nobody waits
	}
	factor := 1 + e.rand.Float64()*(e.cfg.Timing.ACKRandomFactor-1)
	return &wait{e: e, o: o, policy: e.policy, timeout: time.Duration(float64(e.cfg.Timing.ACKTimeout) * factor)}
}

func (w *wait) stop() {
	w.e.mu.Lock()
	w.e.settle(w.o)
	w.e.mu.Unlock()
	w.release()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// release gives the turn back as soon as the interaction is not outstanding any more (RFC 7252 section
// 4.7): with the acknowledgement, though the response is still to come.
func (w *wait) release() {
	if w.turn {
		w.turn = false
		w.e.leave()
	}
}

// wait sends a Confirmable message until it is acknowledged, reset or given up (RFC 7252 section 4.2)
// and then waits for the response, if there is to be one.
func (w *wait) wait(ctx context.Context) (coap.View, error) {
	b, err := coap.Encode(w.o.message)
	if err != nil {
		return coap.View{}, err
	}
	if err := w.transmit(b); err != nil {
		return coap.View{}, err
	}
	switch {
	case w.o.message.Type == coap.Confirmable:
		w.timer = time.NewTimer(w.timeout)
	case w.o.response != nil:
		w.timer = time.NewTimer(w.e.cfg.ResponseTimeout)
	default:
		return coap.View{}, nil
	}
	v, err := w.await(ctx, b)
	if err != nil {
		select { // a response that came together with the end
		case a := <-w.o.response:
			return a.view, a.err
		default:
		}
	}
	return v, err
}

func (w *wait) await(ctx context.Context, b []byte) (coap.View, error) {
	acked := w.o.acked
	for {
		select {
		case a := <-w.o.response:
			return a.view, a.err
		case <-w.o.reset:
			return coap.View{}, ErrReset
		case <-acked:
			w.release()
			if w.o.response == nil {
				return coap.View{}, nil
			}
			// Nothing is repeated from here: the peer has the request and will see to its response.
			acked = nil
			w.timer.Reset(w.e.cfg.ResponseTimeout)
		case <-ctx.Done():
			return coap.View{}, fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
		case <-w.e.done:
			return coap.View{}, w.e.Err()
		case <-w.timer.C:
			if err := w.expired(b, acked != nil); err != nil {
				return coap.View{}, err
			}
		}
	}
}

// expired sends once more, or gives up.
func (w *wait) expired(b []byte, unacknowledged bool) error {
	switch {
	case w.o.message.Type != coap.Confirmable:
		return fmt.Errorf("%w within %v", ErrTimeout, w.e.cfg.ResponseTimeout)
	case !unacknowledged:
		return fmt.Errorf("%w within %v of the acknowledgement", ErrTimeout, w.e.cfg.ResponseTimeout)
	case w.sent > w.e.cfg.Timing.MaxRetransmit:
		return fmt.Errorf("%w after %d transmissions", ErrTimeout, w.transmissions())
	}
	if !w.policy.NoBackoff {
		w.timeout *= 2
	}
	w.timer.Reset(w.timeout)
	return w.transmit(b)
}

func (w *wait) transmissions() int {
	if w.policy.NoRetransmit {
		return 1
	}
	return w.sent
}

func (w *wait) transmit(b []byte) error {
	if w.sent == 0 || !w.policy.NoRetransmit {
		if err := w.e.SendRaw(b); err != nil {
			return err
		}
	}
	if w.sent++; w.sent == 1 && w.o.sent != nil {
		w.o.sent()
	}
	return nil
}
