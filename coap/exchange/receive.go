package exchange

import (
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

func (e *Endpoint) receive(v coap.View) {
	switch {
	case v.Malformed():
		// A message of another version is ignored (RFC 7252 section 3), one cut within its header has
		// nothing to be rejected by.
		if v.Type == coap.Confirmable && v.Version == 1 && !v.Has(coap.RuleHeader) {
			e.reset(v, nil)
		}
		e.stray(v)
	case v.Code == coap.Empty:
		e.empty(v)
	case v.Code.IsRequest():
		e.request(v)
	default:
		e.response(v)
	}
}

func (e *Endpoint) stray(v coap.View) {
	if e.cfg.Stray != nil {
		e.cfg.Stray(v)
	}
}

// empty handles pings, acknowledgements and Resets.
func (e *Endpoint) empty(v coap.View) {
	if v.Type == coap.Confirmable { // a ping (RFC 7252 section 4.3)
		if !e.Policy().NoPong {
			e.reset(v, nil)
		}
		return
	}
	e.mu.Lock()
	o := e.awaiting[v.MessageID]
	if o != nil && v.Type == coap.Acknowledgement && o.message.Type != coap.Confirmable {
		o = nil // a Non-confirmable message cannot be acknowledged
	}
	known := o != nil || e.past.has(v.MessageID)
	if o != nil {
		e.settle(o)
		if v.Type == coap.Reset {
			close(o.reset)
		} else {
			close(o.acked)
		}
	}
	e.mu.Unlock()
	if v.Type == coap.Reset && o == nil && e.cfg.OnReset != nil {
		e.cfg.OnReset(v.MessageID)
	}
	if !known {
		e.stray(v)
	}
}

// settle ends the waiting for an acknowledgement or Reset. The caller holds e.mu.
func (e *Endpoint) settle(o *outgoing) {
	if e.awaiting[o.message.MessageID] == o {
		delete(e.awaiting, o.message.MessageID)
		e.past.add(o.message.MessageID)
	}
}

// remember looks a message up in the memory of what the peer has sent.
func (e *Endpoint) remember(v coap.View) (r *remembered, again bool, reply []byte) {
	lifetime := e.cfg.Timing.ExchangeLifetime
	if v.Type == coap.NonConfirmable {
		lifetime = e.cfg.Timing.NonLifetime
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r, again = e.memory.seen(v, lifetime)
	return r, again, r.reply
}

// request deduplicates by message ID (RFC 7252 section 4.5) and hands the request on.
func (e *Endpoint) request(v coap.View) {
	p := e.Policy()
	was, again, reply := e.remember(v)
	if again && !p.NoDeduplication {
		if v.Type == coap.Confirmable && reply != nil {
			_ = e.SendRaw(reply)
		}
		return
	}
	if v.Type == coap.NonConfirmable && p.AcknowledgeNON {
		e.acknowledge(v, nil)
	}
	r := &Request{View: v, endpoint: e, remembered: was}
	switch problem, code := e.refusal(v); {
	case p.ResetRequests:
		_ = r.Reset()
	case code != 0 && !p.IgnoreCritical:
		if v.Type == coap.NonConfirmable && code == coap.BadOption {
			_ = r.Reset() // rejected, RFC 7252 section 5.4.1
			return
		}
		_ = r.Respond(coap.Message{Code: code, Payload: []byte(problem)})
	case e.cfg.Handle == nil:
		_ = r.Respond(coap.Message{Code: coap.NotImplemented})
	default:
		e.cfg.Handle(r)
		r.handled()
	}
}

// refusal says why a request cannot be handed on, with the code to answer it by; 0 if it can.
func (e *Endpoint) refusal(v coap.View) (string, coap.Code) {
	if e.cfg.Recognize == nil {
		for _, o := range v.Options {
			if o.Number == coap.ProxyURI || o.Number == coap.ProxyScheme {
				return "this endpoint is no proxy", coap.ProxyingNotSupported
			}
		}
	}
	recognize := e.cfg.Recognize
	if recognize == nil {
		recognize = func(n coap.OptionNumber) bool {
			_, known := n.Info()
			return known && n != coap.OSCORE
		}
	}
	for _, o := range v.Unrecognized(recognize) {
		if o.Number.Critical() {
			return fmt.Sprintf("%s is critical and not recognized", o.Number), coap.BadOption
		}
	}
	return "", 0
}

// response matches a response by token, a piggybacked one also by message ID (RFC 7252 section 5.3.2),
// and acknowledges it or rejects it.
func (e *Endpoint) response(v coap.View) {
	if v.Type == coap.Acknowledgement {
		e.piggybacked(v)
		return
	}
	was, again, reply := e.remember(v)
	if again {
		if v.Type == coap.Confirmable && reply != nil {
			_ = e.SendRaw(reply)
		}
		return
	}
	deliver := e.match(v)
	p := e.Policy()
	switch bad := unrecognized(v); {
	case deliver == nil:
		if v.Type == coap.Confirmable || !p.IgnoreStray {
			e.reset(v, was)
		}
		e.stray(v)
		return
	case bad != nil && !p.IgnoreCritical:
		e.reset(v, was)
		deliver(answer{v, bad})
		return
	case p.ResetResponses:
		e.reset(v, was)
	case v.Type == coap.Confirmable && !p.NoAcknowledgement, p.AcknowledgeNON:
		e.acknowledge(v, was)
	}
	deliver(answer{view: v})
}

func (e *Endpoint) piggybacked(v coap.View) {
	e.mu.Lock()
	o := e.awaiting[v.MessageID]
	known := o != nil || e.past.has(v.MessageID)
	matched := o != nil && o.response != nil && string(o.message.Token) == string(v.Token)
	if o != nil && o.message.Type == coap.Confirmable {
		e.settle(o)
		if matched {
			e.unregister(o)
		} else {
			close(o.acked) // the message layer has its acknowledgement, the response belongs to nothing
		}
	} else {
		matched = false
	}
	e.mu.Unlock()
	if !matched {
		if !known || o != nil {
			e.stray(v)
		}
		return
	}
	if bad := unrecognized(v); bad != nil && !e.Policy().IgnoreCritical {
		o.response <- answer{v, bad}
		return
	}
	o.response <- answer{view: v}
}

// match finds who a Confirmable or Non-confirmable response is for; nil: nobody.
func (e *Endpoint) match(v coap.View) func(answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, n := e.requests[string(v.Token)], e.observing[string(v.Token)]
	if o != nil && n != nil && cancels(o.message) {
		// A notification that crosses the request to end them is no answer to it.
		if _, notification := v.Observe(); notification {
			o = nil
		}
	}
	switch {
	case o != nil:
		e.unregister(o)
		e.settle(o) // the response is as good as the acknowledgement (RFC 7252 section 5.2.2)
		return func(a answer) { o.response <- a }
	case n != nil:
		return n.deliver
	}
	return nil
}

// cancels reports a request that ends an observation (RFC 7641 section 3.6).
func cancels(m coap.Message) bool {
	v, ok := m.Observe()
	return ok && v == 1
}

// unrecognized names a critical option of a response that is not recognized, for which the response is
// rejected (RFC 7252 section 5.4.1).
func unrecognized(v coap.View) error {
	for _, o := range v.Unrecognized(nil) {
		if o.Number.Critical() {
			return fmt.Errorf("%w: %s is critical and not recognized", ErrRejected, o.Number)
		}
	}
	return nil
}

// reset rejects a message; was remembers it, nil when it need not be.
func (e *Endpoint) reset(v coap.View, was *remembered) {
	_ = e.reply(was, coap.Message{Type: coap.Reset, MessageID: v.MessageID}, 0)
}

// acknowledge sends the empty acknowledgement.
func (e *Endpoint) acknowledge(v coap.View, was *remembered) {
	_ = e.reply(was, coap.Message{Type: coap.Acknowledgement, MessageID: v.MessageID}, 0)
}

// reply sends an acknowledgement, a piggybacked response or a Reset and remembers it for repetitions of
// what it answers. After the policy's delay for acknowledgements and the one given here it goes out.
func (e *Endpoint) reply(was *remembered, m coap.Message, delay time.Duration) error {
	p := e.Policy()
	if m.Type == coap.Acknowledgement {
		delay += p.ACKDelay
		if p.WrongMessageID {
			m.MessageID++
		}
	}
	b, err := coap.Encode(m)
	if err != nil {
		return err
	}
	send := func() error {
		e.mu.Lock()
		e.memory.answered(was, b)
		e.mu.Unlock()
		return e.sendRepeated(b, p)
	}
	if delay > 0 && e.later(delay, func() { _ = send() }) {
		return nil
	}
	return send()
}

func (e *Endpoint) sendRepeated(b []byte, p Policy) error {
	if err := e.SendRaw(b); err != nil || !p.Repeat {
		return err
	}
	return e.SendRaw(b)
}
