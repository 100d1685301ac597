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
	mu       sync.Mutex
	ended    bool
	ch       chan coap.View
}

// Observe sends a GET or FETCH with Observe 0, which it adds unless the message has the option. The
// observation takes notifications even when the first response lacks the Observe option: what the
// peer then sends is to be seen.
func (e *Endpoint) Observe(ctx context.Context, m coap.Message) (*Observation, Exchanged, error) {
	if _, has := m.Get(coap.Observe); !has {
		m.AddUint(coap.Observe, 0)
	}
	if m.Token == nil {
		m.Token = e.NewToken()
	}
	o := &Observation{endpoint: e, ch: make(chan coap.View, queuedNotifications)}
	e.mu.Lock()
	e.observing[string(m.Token)] = o
	e.mu.Unlock()
	did, err := e.Do(ctx, m)
	o.Request, o.First = did.Request, did.Response
	if err != nil || did.Response.Code.Class() != 2 {
		o.Forget()
	}
	return o, did, err
}

// Notifications gives what the peer sent under the observation's token, closed with it.
func (o *Observation) Notifications() <-chan coap.View { return o.ch }

// Cancel ends the observation by a request with Observe 1 under the same token (RFC 7641 section 3.6).
func (o *Observation) Cancel(ctx context.Context) (Exchanged, error) {
	m := o.Request
	m.Options = append([]coap.Option(nil), m.Options...)
	m.Remove(coap.Observe)
	m.AddUint(coap.Observe, 1)
	did, err := o.endpoint.Do(ctx, m)
	o.Forget()
	return did, err
}

// Forget drops the observation here; the peer's next notification is answered by a Reset.
func (o *Observation) Forget() {
	o.endpoint.mu.Lock()
	if o.endpoint.observing[string(o.Request.Token)] == o {
		delete(o.endpoint.observing, string(o.Request.Token))
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

// deliver queues a notification; false means that the observation is over.
func (o *Observation) deliver(v coap.View) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	select {
	case o.ch <- v:
	default:
		<-o.ch
		o.ch <- v
	}
	return true
}
