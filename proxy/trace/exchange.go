package trace

import (
	"slices"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Exchange is a request with everything that belongs to it, as far as it has come. The requester is
// whoever sent Request, the responder the other end.
type Exchange struct {
	Request Entry
	// Ack is the empty acknowledgement of the request.
	Ack *Entry
	// Response is the final response, piggybacked or separate; to an observation the first one.
	Response *Entry
	// Reset is the Reset that rejected the request.
	Reset *Entry
	// Interim are responses 2.31 (Continue), after which the requester sends the next block (RFC 7959).
	Interim []Entry
	// Notifications are the responses after the first one to a request that registered an observation,
	// each once, with the one that ends it (RFC 7641).
	Notifications []Entry
	// Confirmed and Rejected are the requester's empty acknowledgements and Resets of separate
	// responses and notifications.
	Confirmed, Rejected []Entry
	// Stray are responses that the requester cannot take for the response: malformed ones, one with
	// the request's message ID and another token, one more where there was a response already.
	Stray []Entry
	// Retransmissions are the repetitions of the request, Repeated those of every other message.
	Retransmissions, Repeated []Entry
}

// NotificationsAfter gives the notifications with a number above n.
func (x Exchange) NotificationsAfter(n int) []Entry {
	i := slices.IndexFunc(x.Notifications, func(e Entry) bool { return e.N > n })
	if i < 0 {
		return nil
	}
	return x.Notifications[i:]
}

// Exchanges gives all exchanges as they are now, in the order of their requests.
func (t *Trace) Exchanges() []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since(0, 0)
}

// ExchangeOf gives the exchange that entry n is part of.
func (t *Trace) ExchangeOf(n int) (Exchange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.correlator.of[n]
	if x == nil {
		return Exchange{}, false
	}
	return x.snapshot(), true
}

// Find gives the exchange that a request of our side became: the newest one with the type, code,
// message ID and token of the request.
func (t *Trace) Find(request coap.Message) (Exchange, bool) {
	return t.find(request, func(*Link) bool { return true })
}

// FindOn is Find on one link, for plays in which our side sends on several.
func (t *Trace) FindOn(l *Link, request coap.Message) (Exchange, bool) {
	return t.find(request, func(k *Link) bool { return k.ID == l.ID })
}

func (t *Trace) find(request coap.Message, on func(*Link) bool) (Exchange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range slices.Backward(t.correlator.exchanges) {
		e := &x.Request
		v := &e.View
		if !e.FromIUT && on(e.Link) && v.MessageID == request.MessageID && v.Type == request.Type && v.Code == request.Code &&
			string(v.Token) == string(request.Token) {
			return x.snapshot(), true
		}
	}
	return Exchange{}, false
}

// since gives the exchanges with a request above number n that changed after a version; called with
// the lock held, like the rest below.
func (t *Trace) since(n, version int) []Exchange {
	var out []Exchange
	for _, x := range t.correlator.exchanges {
		if x.Request.N > n && x.version > version {
			out = append(out, x.snapshot())
		}
	}
	return out
}

// snapshot copies the exchange; the lists are shared as far as they have come.
func (x *exchange) snapshot() Exchange {
	y := x.Exchange
	for _, list := range []*[]Entry{&y.Interim, &y.Notifications, &y.Confirmed, &y.Rejected, &y.Stray, &y.Retransmissions, &y.Repeated} {
		*list = slices.Clip(*list)
	}
	return y
}
