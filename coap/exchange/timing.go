package exchange

import (
	"cmp"
	"time"
)

// Timing are the transmission parameters of RFC 7252 section 4.8. A zero field takes its value from
// DefaultTiming; that nothing is retransmitted is a Policy.
type Timing struct {
	ACKTimeout       time.Duration
	ACKRandomFactor  float64 // at least 1
	MaxRetransmit    int
	ExchangeLifetime time.Duration // how long the message ID of a Confirmable message is remembered
	NonLifetime      time.Duration // how long that of a Non-confirmable message is
}

// DefaultTiming has the values of RFC 7252 section 4.8.
var DefaultTiming = Timing{
	ACKTimeout: 2 * time.Second, ACKRandomFactor: 1.5, MaxRetransmit: 4,
	ExchangeLifetime: 247 * time.Second, NonLifetime: 145 * time.Second,
}

func (t Timing) withDefaults() Timing {
	d := DefaultTiming
	return Timing{
		ACKTimeout:       cmp.Or(t.ACKTimeout, d.ACKTimeout),
		ACKRandomFactor:  cmp.Or(t.ACKRandomFactor, d.ACKRandomFactor),
		MaxRetransmit:    cmp.Or(t.MaxRetransmit, d.MaxRetransmit),
		ExchangeLifetime: cmp.Or(t.ExchangeLifetime, d.ExchangeLifetime),
		NonLifetime:      cmp.Or(t.NonLifetime, d.NonLifetime),
	}
}

// MaxTransmitSpan is the longest time between the first transmission of a Confirmable message and its
// last, 45 s with the default values (RFC 7252 section 4.8.2).
func (t Timing) MaxTransmitSpan() time.Duration { return t.span(t.MaxRetransmit) }

// MaxTransmitWait is the longest a sender of a Confirmable message waits for its acknowledgement, 93 s
// with the default values (RFC 7252 section 4.8.2).
func (t Timing) MaxTransmitWait() time.Duration { return t.span(t.MaxRetransmit + 1) }

// span is the sum of n timeouts, each twice the one before.
func (t Timing) span(n int) time.Duration {
	n = min(n, 20) // 24 days with the default timeout; beyond lies the overflow
	return time.Duration(float64(t.ACKTimeout) * float64(int(1)<<n-1) * t.ACKRandomFactor)
}
