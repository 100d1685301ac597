package exchange

import "time"

// Policy is what an endpoint does differently from RFC 7252. The zero value is a conformant endpoint;
// each field is one deviation or one choice the RFC leaves open.
type Policy struct {
	// Separate answers every Confirmable request with an empty acknowledgement and, this long after
	// it, a separate response (RFC 7252 section 5.2.2, legal); a nanosecond is at once. 0: piggybacked
	// unless the request is answered late.
	Separate time.Duration
	// ResponseFirst sends the separate response before the acknowledgement, which the network may do
	// to a conformant endpoint and the receiver has to bear. Only with Separate.
	ResponseFirst bool
	// SeparateNON sends separate responses as Non-confirmable messages (legal).
	SeparateNON bool
	// ConfirmResponses answers Non-confirmable requests by Confirmable responses (legal, RFC 7252
	// section 5.2.3 advises against it).
	ConfirmResponses bool
	// Repeat sends every response and acknowledgement twice, as a network may.
	Repeat bool
	// ACKDelay holds every acknowledgement back this long, piggybacked responses with it (legal, but
	// from ACK_TIMEOUT on the peer repeats itself).
	ACKDelay time.Duration
	// TokenLength is how long tokens are, 1 to 8 bytes; 0: 8. Empty tokens are NoToken.
	TokenLength int
	// NoToken sends requests with an empty token (legal while there is one request at a time).
	NoToken bool
	// NSTART is how many interactions of ours may be open at once (RFC 7252 section 4.7); the others
	// wait their turn. 0: 1. Less than 0: any number (broken, unless the peer agreed).
	NSTART int
	// IgnoreStray leaves Non-confirmable responses that answer nothing alone instead of rejecting them
	// by a Reset (legal, RFC 7252 section 4.3).
	IgnoreStray bool

	// NoAcknowledgement leaves Confirmable responses and requests unacknowledged (broken). Such
	// requests get no answer at all.
	NoAcknowledgement bool
	// WrongMessageID acknowledges with a message ID that is one too great (broken).
	WrongMessageID bool
	// WrongToken answers with another token than the request's (broken).
	WrongToken bool
	// ResetRequests rejects every request by a Reset before it is handled (broken).
	ResetRequests bool
	// ResetResponses rejects every response that is no acknowledgement by a Reset, also when it was
	// awaited; it is delivered all the same (broken; on a notification it ends the observation).
	ResetResponses bool
	// UnacknowledgedNON answers Confirmable requests by a Non-confirmable response and never
	// acknowledges them (broken).
	UnacknowledgedNON bool
	// SecondResponse sends one more Non-confirmable response with a message ID of its own after each
	// (broken, RFC 7252 section 5.2).
	SecondResponse bool
	// AcknowledgeNON acknowledges Non-confirmable messages (broken, RFC 7252 section 4.3).
	AcknowledgeNON bool
	// NoRetransmit sends a Confirmable message once only (broken under loss).
	NoRetransmit bool
	// NoBackoff repeats after the same timeout each time instead of doubling it (broken).
	NoBackoff bool
	// NoDeduplication carries a repeated request out again (broken, RFC 7252 section 4.5).
	NoDeduplication bool
	// ReuseMessageID starts every message with the same message ID (broken, RFC 7252 section 4.4).
	ReuseMessageID bool
	// ReuseToken gives every request the same token (broken while another one is open).
	ReuseToken bool
	// IgnoreCritical carries out requests and takes responses although they have critical options that
	// are not recognized (broken, RFC 7252 section 5.4.1).
	IgnoreCritical bool
	// NoPong leaves empty Confirmable messages unanswered (broken, RFC 7252 section 4.3).
	NoPong bool
}
