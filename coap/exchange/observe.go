package exchange

import (
	"context"
	"sync"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

const queuedNotifications = 256 // what an observer that does not read lets pile up before the oldest goes

// Observation is an observation of ours at the peer (RFC 7641).
type Observation struct {
	Request coap.Message
	First   coap.View // the response to the request

	endpoint *Endpoint
	token    string
	mu       sync.Mutex
	ended    bool
	ch       chan coap.View
}

// Observe sends a GET or FETCH with Observe 0, which it adds unless the message has the option. The
// observation takes notifications even when the first response lacks the Observe option: what the
// peer then sends is to be seen. It is never nil, but over already when there is an error or the
// response is none of success.
func (e *Endpoint) Observe(ctx context.Context, m coap.Message, options ...CallOption) (*Observation, Exchanged, error) {
	if _, has := m.Get(coap.Observe); !has {
		m.AddUint(coap.Observe, 0)
	}
	if m.Token == nil {
		m.Token = e.NewToken()
	}
	o := &Observation{Request: m, endpoint: e, token: string(m.Token), ch: make(chan coap.View, queuedNotifications)}
	e.mu.Lock()
	// The peer replaces an entry of the same token (RFC 7641 section 4.1), and so does this side.
	if was := e.observing[o.token]; was != nil {
		was.end()
	}
	e.observing[o.token] = o
	e.mu.Unlock()
	did, err := e.Do(ctx, m, options...)
	o.Request, o.First = did.Request, did.Response
	if err != nil || did.Response.Code.Class() != 2 {
		o.Forget()
	}
	return o, did, err
}

// Notifications gives what the peer sent under the observation's token. It is closed when the
// observation is over: by Cancel, by Forget, behind a notification with an error code (RFC 7641
// section 4.2), and with the endpoint.
func (o *Observation) Notifications() <-chan coap.View { return o.ch }

// Cancel ends the observation by a request with Observe 1 under the same token (RFC 7641 section 3.6).
func (o *Observation) Cancel(ctx context.Context, options ...CallOption) (Exchanged, error) {
	m := o.Request
	m.SetUint(coap.Observe, 1)
	did, err := o.endpoint.Do(ctx, m, options...)
	o.Forget()
	return did, err
}

// Forget drops the observation here; the peer's next notification is answered by a Reset.
func (o *Observation) Forget() {
	o.endpoint.mu.Lock()
	if o.endpoint.observing[o.token] == o {
		delete(o.endpoint.observing, o.token)
	}
	o.endpoint.mu.Unlock()
	o.end()
}

func (o *Observation) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		close(o.ch)
	}
}

// deliver queues a notification. An error code and a notification that had to be rejected are the last.
func (o *Observation) deliver(a answer) {
	if a.err == nil {
		o.push(a.view)
	}
	if a.err != nil || a.view.Code.Class() != 2 {
		o.Forget()
	}
}

func (o *Observation) push(v coap.View) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended {
		select {
		case o.ch <- v:
			return
		default:
		}
		select {
		case <-o.ch:
		default:
		}
	}
}
