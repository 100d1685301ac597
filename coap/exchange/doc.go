// Package exchange is the message layer and the request/response layer of one CoAP endpoint towards
// one peer, over a net.Conn that carries one datagram per Read and Write (RFC 7252 sections 4 and 5,
// RFC 7641). Everything that decides what is sent, repeated, suppressed or rejected is here and is
// governed by an explicit Policy; what lies below the connection, and what the messages mean, is not.
package exchange

import (
	"errors"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Timing are the transmission parameters of RFC 7252 section 4.8.
type Timing struct {
	ACKTimeout       time.Duration
	ACKRandomFactor  float64
	MaxRetransmit    int
	ExchangeLifetime time.Duration // how long a message ID is remembered
}

// DefaultTiming has the values of RFC 7252 section 4.8.
var DefaultTiming = Timing{ACKTimeout: 2 * time.Second, ACKRandomFactor: 1.5, MaxRetransmit: 4, ExchangeLifetime: 247 * time.Second}

// MaxTransmitWait is the longest a sender of a Confirmable message waits for its acknowledgement, 93 s
// with the default values (RFC 7252 section 4.8.2).
func (t Timing) MaxTransmitWait() time.Duration {
	return time.Duration(float64(t.ACKTimeout) * float64(int(1)<<(t.MaxRetransmit+1)-1) * t.ACKRandomFactor)
}

// Policy is what an endpoint does differently from RFC 7252. The zero value is a conformant endpoint;
// each field is one deviation or one choice the RFC leaves open.
type Policy struct {
	// Separate answers every Confirmable request with an empty acknowledgement and, this long after
	// it, a separate response (RFC 7252 section 5.2.2, legal). 0: piggybacked.
	Separate time.Duration
	// ResponseFirst sends the separate response before the acknowledgement, which the network may do
	// to a conformant endpoint and the receiver has to bear. Only with Separate.
	ResponseFirst bool
	// SeparateNON sends separate responses as Non-confirmable messages (legal).
	SeparateNON bool
	// Repeat sends every response and acknowledgement twice, as a network may.
	Repeat bool
	// TokenLength is how long tokens are, 1 to 8 bytes; 0: 8. Empty tokens are NoToken.
	TokenLength int
	// NoToken sends requests with an empty token (legal while there is one request at a time).
	NoToken bool

	// NoAcknowledgement leaves Confirmable responses and requests unacknowledged (broken).
	NoAcknowledgement bool
	// WrongMessageID acknowledges with a message ID of its own (broken).
	WrongMessageID bool
	// WrongToken answers with another token than the request's (broken).
	WrongToken bool
	// NoRetransmit sends a Confirmable message once only (broken under loss).
	NoRetransmit bool
	// NoDeduplication carries a repeated request out again (broken, RFC 7252 section 4.5).
	NoDeduplication bool
}

// Config is what an endpoint is made with.
type Config struct {
	Timing Timing // zero: DefaultTiming
	Policy Policy
	// Handle gets the peer's requests, one after the other in the reading goroutine. It must not
	// block; it may keep the Request and respond later. nil answers every request with 5.01.
	Handle func(*Request)
	// OnReset gets the message ID of every Reset that rejects a Non-confirmable message of ours, by
	// which an observer takes itself off (RFC 7641 section 3.6).
	OnReset func(messageID uint16)
	// OnPanic gets what a handler panicked with, the endpoint ends; nil lets it panic.
	OnPanic func(any)
	// Seed fixes the first message ID, the tokens and the random factor.
	Seed uint64
}

// The ways a request can stay without a response; they come wrapped with what was sent.
var (
	ErrReset   = errors.New("the peer answered with a Reset")
	ErrTimeout = errors.New("no acknowledgement and no response came")
	ErrClosed  = errors.New("the connection was closed")
)

// Exchanged is a request as it went out and the final response to it.
type Exchanged struct {
	Request  coap.Message
	Response coap.View // zero when there is an error
}
