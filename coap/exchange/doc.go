// Package exchange is the message layer and the request/response layer of one CoAP endpoint towards
// one peer, over a net.Conn that carries one datagram per Read and Write (RFC 7252 sections 4 and 5,
// RFC 7641). Everything that decides what is sent, repeated, suppressed or rejected is here and is
// governed by an explicit Policy. What lies below the connection, how bodies are cut into blocks, and
// what the messages mean, is not here.
//
// Nothing here sleeps or polls, and all goroutines end with the connection, so an endpoint can live in
// a testing/synctest bubble. A Write of the connection must not wait for the peer to read.
package exchange

import (
	"errors"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Config is what an endpoint is made with.
type Config struct {
	Timing Timing // zero fields take the values of DefaultTiming
	Policy Policy
	// ResponseTimeout bounds the wait for a response to a request of ours, counted from its
	// acknowledgement or, Non-confirmable, from its sending; 0: Timing.MaxTransmitWait. The RFC bounds
	// only the wait for the acknowledgement.
	ResponseTimeout time.Duration
	// Handle gets the peer's requests, one after the other in the reading goroutine. It must not
	// block and must not close the endpoint; it may keep the Request and respond later. nil answers
	// every request with 5.01.
	Handle func(*Request)
	// Recognize says which critical options of a request the application acts upon. A request with
	// another one does not reach Handle: it is answered by 4.02, a Non-confirmable one is rejected, one
	// that asks for a proxy is answered by 5.05 (RFC 7252 sections 5.4.1, 5.7.2). nil: the registry
	// without OSCORE and the proxy options.
	Recognize func(coap.OptionNumber) bool
	// Stray gets, in the reading goroutine, what belongs to no exchange, after the endpoint has reacted
	// to it: malformed messages, responses without a request, acknowledgements and Resets of nothing.
	Stray func(coap.View)
	// OnReset gets the message ID of every Reset that rejects a message of ours that nobody waits for,
	// like a Non-confirmable notification, by which an observer takes itself off (RFC 7641 section 3.6).
	OnReset func(messageID uint16)
	// OnPanic gets what a handler panicked with, the endpoint ends; nil lets it panic.
	OnPanic func(any)
	// Seed fixes the first message ID, the tokens and the random factor: the same seed and the same
	// order of events make the same bytes.
	Seed uint64
}

// The ways a message of ours can stay without an answer; they come wrapped with what was sent.
var (
	ErrReset    = errors.New("the peer answered with a Reset")
	ErrTimeout  = errors.New("no acknowledgement and no response came")
	ErrClosed   = errors.New("the connection was closed")
	ErrRejected = errors.New("the response had to be rejected")
)

// ErrAnswered says that a request has been answered, reset or ignored before.
var ErrAnswered = errors.New("the request has been answered already")

// Exchanged is a request as it went out and the final response to it.
type Exchanged struct {
	Request  coap.Message
	Response coap.View // zero when there is an error, other than ErrRejected
}
