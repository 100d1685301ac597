package trace

import (
	"bytes"
	"slices"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Exchange is a request and everything that belongs to it by link, direction, token and message ID.
type Exchange struct {
	Request         Entry
	Ack             *Entry  // empty acknowledgement of the request
	Response        *Entry  // the final response, piggybacked or separate
	Interim         []Entry // 2.31 Continue
	Reset           *Entry  // of the request
	Retransmissions []Entry // of the request
	Notifications   []Entry // further responses under the token of an Observe request, first transmissions
	Rejected        []Entry // Resets of notifications
}

// key names an open request: who asked, on which link, under which token.
type key struct {
	link  int
	from  string
	token string
}

// messageKey names a message by its sender.
type messageKey struct {
	link int
	from string
	id   uint16
}

const (
	exchangeLifetime = 247 * time.Second // RFC 7252 section 4.8.2
	lookBack         = 2048              // entries a retransmission is looked for in
)

// repeats finds the first transmission of which e is a byte-identical repetition in the same direction
// within EXCHANGE_LIFETIME.
func (t *Trace) repeats(e Entry) int {
	for i := len(t.entries) - 1; i >= max(0, len(t.entries)-lookBack); i-- {
		f := &t.entries[i]
		if e.At.Sub(f.At) > exchangeLifetime {
			break
		}
		if f.Record == "" && f.Link == e.Link && f.From == e.From && f.View.MessageID == e.View.MessageID && bytes.Equal(f.Raw, e.Raw) {
			if f.Repeats != 0 {
				return f.Repeats
			}
			return f.N
		}
	}
	return 0
}

// correlate puts a new message where it belongs; called with the lock held.
func (t *Trace) correlate(e *Entry) {
	c := e.View.Code
	switch {
	case len(e.Raw) < 4:
	case c.IsRequest():
		t.correlateRequest(e)
	case c.IsResponse():
		t.correlateResponse(e)
	case c == coap.Empty && (e.View.Type == coap.Acknowledgement || e.View.Type == coap.Reset):
		t.correlateEmpty(e)
	}
}

func (t *Trace) correlateRequest(e *Entry) {
	mk := messageKey{e.Link.ID, e.From, e.View.MessageID}
	if e.Repeats != 0 {
		if x := t.byMessage[mk]; x != nil {
			x.Retransmissions = append(x.Retransmissions, *e)
		}
		return
	}
	x := &Exchange{Request: *e}
	t.exchanges = append(t.exchanges, x)
	k := key{e.Link.ID, e.From, string(e.View.Token)}
	t.open[k] = x
	t.byMessage[mk] = x
}

func (t *Trace) correlateResponse(e *Entry) {
	x := t.open[key{e.Link.ID, e.To, string(e.View.Token)}]
	if x == nil {
		return
	}
	t.byMessage[messageKey{e.Link.ID, e.From, e.View.MessageID}] = x
	if e.Repeats != 0 {
		return
	}
	if e.View.Type == coap.Acknowledgement && e.View.MessageID != x.Request.View.MessageID {
		return // a piggybacked response matches by message ID too (RFC 7252 section 5.3.2)
	}
	switch {
	case e.View.Code == coap.Continue:
		x.Interim = append(x.Interim, *e)
	case x.Response == nil:
		f := *e
		x.Response = &f
	default:
		x.Notifications = append(x.Notifications, *e)
	}
}

func (t *Trace) correlateEmpty(e *Entry) {
	x := t.byMessage[messageKey{e.Link.ID, e.To, e.View.MessageID}]
	if x == nil || e.Repeats != 0 {
		return
	}
	f := *e
	mine := x.Request.View.MessageID == e.View.MessageID && x.Request.From == e.To
	switch {
	case mine && e.View.Type == coap.Acknowledgement && x.Ack == nil:
		x.Ack = &f
	case mine && e.View.Type == coap.Reset && x.Reset == nil:
		x.Reset = &f
	case !mine && e.View.Type == coap.Reset:
		x.Rejected = append(x.Rejected, f)
	}
}

// snapshot copies the exchanges whose request is numbered above after; called with the lock held.
func (t *Trace) snapshot(after int) []Exchange {
	var out []Exchange
	for _, x := range t.exchanges {
		if x.Request.N > after {
			y := *x
			y.Interim, y.Retransmissions = slices.Clone(x.Interim), slices.Clone(x.Retransmissions)
			y.Notifications, y.Rejected = slices.Clone(x.Notifications), slices.Clone(x.Rejected)
			out = append(out, y)
		}
	}
	return out
}

// Exchanges gives all exchanges so far, in the order of their requests.
func (t *Trace) Exchanges() []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.snapshot(0)
}

// Find gives the latest exchange that began with this request of ours.
func (t *Trace) Find(request coap.Message) (Exchange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.snapshot(0)
	for i := len(all) - 1; i >= 0; i-- {
		v := all[i].Request.View
		if v.MessageID == request.MessageID && v.Code == request.Code && bytes.Equal(v.Token, request.Token) {
			return all[i], true
		}
	}
	return Exchange{}, false
}
