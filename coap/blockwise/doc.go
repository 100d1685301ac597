// Package blockwise is RFC 7959 on top of exchange: bodies that are larger than a message, both ways,
// for requests (Block1), responses and notifications (Block2). A Client sends requests and puts
// responses together; a Server stands between an endpoint and its handler, so that the handler sees
// whole requests and answers by whole responses. The format of the options is in coap; when a body is
// worth a transfer, and what it means, is not decided here.
package blockwise

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// Config are the preferences and bounds of one side. The zero value is a conformant one.
type Config struct {
	// Size is the block size to begin with, 16 to 1024 bytes by powers of two; another value is taken
	// for the next smaller one, 0 for 1024.
	Size int
	// MaxBody is how large a body from the peer may become; more is answered by 4.13, or is
	// ErrTooLarge. 0: 1 MiB.
	MaxBody int
	// Lifetime is how long an unfinished transfer is kept; 0: 247 s, the EXCHANGE_LIFETIME (RFC 7959
	// section 2.5).
	Lifetime time.Duration
	// AskSize states the block size in the request already, by Block2 0/0/size (RFC 7959 section 2.4).
	// For a Client.
	AskSize bool
	// FreshTokens uses a token of its own for each block, as every client may. For a Client; some
	// servers hold a transfer together by the token, which RFC 7959 does not ask for.
	FreshTokens bool
	Policy      Policy
}

// Policy is what a Server does differently from RFC 7959; all of it is broken.
type Policy struct {
	// NoEcho leaves the Block1 option out of the answers.
	NoEcho bool
	// WrongNumber states block numbers that are one too great.
	WrongNumber bool
	// AcceptGaps joins whatever blocks come instead of answering 4.08.
	AcceptGaps bool
	// ContinueLast answers the last block by 2.31 and does not hand the request on.
	ContinueLast bool
	// NoContinue answers blocks that are not the last by 2.04 instead of 2.31.
	NoContinue bool
	// LargerBlocks ignores the size the client asks for where it is smaller than the own.
	LargerBlocks bool
	// ChangingETag gives every block of a response another ETag.
	ChangingETag bool
}

// The ways a transfer can fail, beside those of exchange; they come wrapped with what was seen.
var (
	ErrProtocol = errors.New("the block-wise transfer breaks RFC 7959")
	ErrChanged  = errors.New("the representation changed during the transfer")
	ErrTooLarge = errors.New("the body is larger than allowed")
)

const (
	defaultMaxBody  = 1 << 20
	defaultLifetime = 247 * time.Second
)

func (c Config) withDefaults() Config {
	c.Size = cmp.Or(c.Size, 1024)
	c.MaxBody = cmp.Or(c.MaxBody, defaultMaxBody)
	c.Lifetime = cmp.Or(c.Lifetime, defaultLifetime)
	return c
}

// exponent is the SZX of the greatest block that is not larger than the size.
func exponent(size int) uint8 {
	szx := uint8(0)
	for szx < 6 && 32<<szx <= size {
		szx++
	}
	return szx
}

// Blocks cuts a request into its Block1 messages, in order and with Size1 in the first (RFC 7959
// section 4). It is for those who want to send them themselves, in an order of their own; message IDs
// and tokens are the template's. Size is taken as in Config.
func Blocks(m coap.Message, size int) []coap.Message {
	b := coap.Block{SZX: exponent(cmp.Or(size, 1024))}
	body := m.Payload
	var out []coap.Message
	for off := 0; off < len(body) || off == 0; off += b.Size() {
		b.Num, b.More = uint32(off/b.Size()), off+b.Size() < len(body)
		q := m
		q.Payload = body[off:min(off+b.Size(), len(body))]
		q.Set(coap.Block1, b.Encode())
		if off == 0 {
			q.SetUint(coap.Size1, uint64(len(body)))
		}
		out = append(out, q)
	}
	return out
}

// read gives a block option; ok is false when there is none, the error says what is wrong with it.
func read(m coap.Message, n coap.OptionNumber) (b coap.Block, ok bool, err error) {
	b, ok = m.Block(n)
	if ok && b.SZX == 7 {
		return b, ok, fmt.Errorf("%s has the reserved size exponent 7", n)
	}
	return b, ok, nil
}

// fits checks that a block carries what it announces: exactly its size when more follows, at most
// otherwise (RFC 7959 section 2.3).
func fits(n coap.OptionNumber, b coap.Block, payload []byte) error {
	if len(payload) > b.Size() || b.More && len(payload) != b.Size() {
		return fmt.Errorf("%s %s comes with %d bytes", n, b, len(payload))
	}
	return nil
}
