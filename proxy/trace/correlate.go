package trace

import (
	"bytes"
	"slices"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// The lifetimes of a message ID with the default parameters (RFC 7252 section 4.8.2): within them a
// second message with the same ID from the same endpoint is the same message.
const (
	exchangeLifetime = 247 * time.Second
	nonLifetime      = 145 * time.Second
)

// The bounds on what is searched for a match, so that a peer that uses one token or message ID over
// and over cannot make the search slow.
const (
	rememberedPerID    = 4
	rememberedPerToken = 16
	rememberedReplies  = 8
)

// correlator sorts messages into exchanges as they come (RFC 7252 sections 4 and 5.3, RFC 7641).
type correlator struct {
	exchanges []*exchange
	of        map[int]*exchange // by number of any entry in it
	messages  map[idKey][]*message
	tokens    map[tokenKey][]*exchange
}

func newCorrelator() correlator {
	return correlator{of: map[int]*exchange{}, messages: map[idKey][]*message{}, tokens: map[tokenKey][]*exchange{}}
}

// idKey is the space that message IDs of one end on one link are unique in.
type idKey struct {
	link int
	from string
	id   uint16
}

// tokenKey is the space that tokens of one requester on one link are unique in.
type tokenKey struct {
	link      int
	requester string
	token     string
}

// exchange is an Exchange in the making. Its lists are only ever appended to, so that what was handed
// out can share them.
type exchange struct {
	Exchange
	version   int
	registers bool // the request is to register an observation
	observed  bool // the response says that it did: 2.xx with an Observe option
}

// message is a Confirmable or Non-confirmable message that may be repeated and replied to.
type message struct {
	first   Entry
	x       *exchange // nil: part of none
	replies []Entry
}

// take sorts one entry in. It sets Repeats.
func (c *correlator) take(e *Entry, version int) {
	v := &e.View
	if e.Kind != CoAP || e.Link.Secured && !e.Secured || len(v.Raw) < 4 || v.Version != 1 {
		return // no peer takes it for a message of the link
	}
	switch v.Type {
	case coap.Confirmable, coap.NonConfirmable:
		c.message(e, version)
	case coap.Acknowledgement, coap.Reset:
		c.reply(e, version)
	}
}

// replace puts the changed entry in place of the one that was taken.
func (c *correlator) replace(e Entry, version int) {
	x := c.of[e.N]
	if x == nil {
		return
	}
	x.version = version
	if x.Request.N == e.N {
		x.Request = e
	}
	for _, p := range []**Entry{&x.Ack, &x.Response, &x.Reset} {
		if *p != nil && (*p).N == e.N {
			*p = &e
		}
	}
	for _, list := range []*[]Entry{&x.Interim, &x.Notifications, &x.Confirmed, &x.Rejected, &x.Stray, &x.Retransmissions, &x.Repeated} {
		if i := slices.IndexFunc(*list, func(o Entry) bool { return o.N == e.N }); i >= 0 {
			*list = slices.Clone(*list)
			(*list)[i] = e
		}
	}
}

// set and join make e part of x.
func (c *correlator) set(x *exchange, e *Entry, field **Entry, version int) {
	own := *e
	*field = &own
	c.of[e.N] = x
	x.version = version
}

func (c *correlator) join(x *exchange, e *Entry, list *[]Entry, version int) {
	*list = append(*list, *e)
	c.of[e.N] = x
	x.version = version
}

func (c *correlator) message(e *Entry, version int) {
	key := idKey{e.Link.ID, e.From, e.View.MessageID}
	for _, m := range c.messages[key] {
		if m.repeatedBy(e) {
			e.Repeats = m.first.N
			if m.x != nil {
				c.join(m.x, e, m.x.repetitionsOf(m.first.N), version)
			}
			return
		}
	}
	m := &message{first: *e}
	c.messages[key] = lastOf(append(c.messages[key], m), rememberedPerID)
	switch code := e.View.Code; {
	case code.IsRequest():
		m.x = c.begin(e, version)
	case code.IsResponse():
		m.x = c.respond(e, version)
	}
}

func (x *exchange) repetitionsOf(n int) *[]Entry {
	if n == x.Request.N {
		return &x.Retransmissions
	}
	return &x.Repeated
}

// repeatedBy compares with the lifetime of the message ID in mind. An IUT that was started anew uses
// its message IDs anew.
func (m *message) repeatedBy(e *Entry) bool {
	lifetime := exchangeLifetime
	if e.View.Type == coap.NonConfirmable {
		lifetime = nonLifetime
	}
	return e.At.Sub(m.first.At) < lifetime && (!e.FromIUT || e.Life == m.first.Life) && bytes.Equal(m.first.Raw, e.Raw)
}

// begin starts an exchange. A malformed request of the IUT begins none: whoever receives it has to
// reject it (RFC 7252 section 4.2), so it must not stand for the request that was due. One of ours does,
// since the reaction to it is what is looked at.
func (c *correlator) begin(e *Entry, version int) *exchange {
	if e.FromIUT && e.View.Malformed() {
		return nil
	}
	x := &exchange{Exchange: Exchange{Request: *e}, version: version}
	if o, ok := e.View.Observe(); ok && o == 0 {
		x.registers = true
	}
	c.exchanges = append(c.exchanges, x)
	c.of[e.N] = x
	key := tokenKey{e.Link.ID, e.From, string(e.View.Token)}
	c.tokens[key] = lastOf(append(c.tokens[key], x), rememberedPerToken)
	return x
}

// respond finds the exchange of a response in a message of its own, which its token alone names.
func (c *correlator) respond(e *Entry, version int) *exchange {
	candidates := c.tokens[tokenKey{e.Link.ID, e.To, string(e.View.Token)}]
	if len(candidates) == 0 {
		return nil
	}
	_, observe := e.View.Get(coap.Observe)
	newest := func(ok func(*exchange) bool) *exchange {
		for _, x := range slices.Backward(candidates) {
			if ok(x) {
				return x
			}
		}
		return nil
	}
	var x *exchange
	if observe {
		x = newest(func(x *exchange) bool { return x.registers })
	}
	if x == nil {
		x = newest(func(x *exchange) bool { return x.Response == nil })
	}
	if x == nil && !observe { // a response without Observe ends an observation (RFC 7641 section 3.2)
		x = newest(func(x *exchange) bool { return x.observed })
	}
	switch {
	case x == nil:
		x = candidates[len(candidates)-1]
		c.join(x, e, &x.Stray, version)
	case e.View.Malformed():
		c.join(x, e, &x.Stray, version)
	case x.Response != nil:
		c.join(x, e, &x.Notifications, version)
	case e.View.Code == coap.Continue:
		c.join(x, e, &x.Interim, version)
	default:
		c.answer(x, e, version)
	}
	return x
}

func (c *correlator) answer(x *exchange, e *Entry, version int) {
	_, observe := e.View.Get(coap.Observe)
	c.set(x, e, &x.Response, version)
	x.observed = x.registers && observe && e.View.Code.Class() == 2
}

// reply finds what an acknowledgement or a Reset replies to, which its message ID names.
func (c *correlator) reply(e *Entry, version int) {
	m := c.repliedTo(e)
	if m == nil {
		return
	}
	for _, r := range m.replies {
		if bytes.Equal(r.Raw, e.Raw) {
			e.Repeats = r.N
			if m.x != nil {
				c.join(m.x, e, &m.x.Repeated, version)
			}
			return
		}
	}
	m.replies = lastOf(append(m.replies, *e), rememberedReplies)
	x := m.x
	if x == nil {
		return
	}
	toRequest := m.first.N == x.Request.N
	reset := e.View.Type == coap.Reset
	switch {
	case e.View.Code.IsResponse() && toRequest:
		c.piggyback(x, e, version)
	case e.View.Code != coap.Empty || e.View.Malformed():
		c.join(x, e, &x.Stray, version)
	case toRequest && reset:
		c.set(x, e, &x.Reset, version)
	case toRequest:
		c.set(x, e, &x.Ack, version)
	case reset:
		c.join(x, e, &x.Rejected, version)
	default:
		c.join(x, e, &x.Confirmed, version)
	}
}

// repliedTo gives the newest message of the other end with this message ID, and with this token when
// the reply has a response in it. Only a Confirmable message is acknowledged.
func (c *correlator) repliedTo(e *Entry) *message {
	var found *message
	for _, m := range slices.Backward(c.messages[idKey{e.Link.ID, e.To, e.View.MessageID}]) {
		if e.View.Type == coap.Acknowledgement && m.first.View.Type != coap.Confirmable {
			continue
		}
		if e.View.Code == coap.Empty || bytes.Equal(m.first.View.Token, e.View.Token) {
			return m
		}
		if found == nil {
			found = m
		}
	}
	return found
}

// piggyback takes a response in an acknowledgement, which message ID and token name (RFC 7252 section
// 5.3.2).
func (c *correlator) piggyback(x *exchange, e *Entry, version int) {
	switch {
	case e.View.Malformed() || !bytes.Equal(e.View.Token, x.Request.View.Token):
		c.join(x, e, &x.Stray, version)
	case e.View.Code == coap.Continue:
		c.join(x, e, &x.Interim, version)
	case x.Response == nil:
		c.answer(x, e, version)
	case x.Response.View.Type != coap.Acknowledgement && x.observed: // a notification overtook the first response
		x.Notifications = append([]Entry{*x.Response}, x.Notifications...)
		c.answer(x, e, version)
	default:
		c.join(x, e, &x.Stray, version)
	}
}

func lastOf[T any](s []T, n int) []T {
	if len(s) > n {
		return slices.Clone(s[len(s)-n:])
	}
	return s
}
