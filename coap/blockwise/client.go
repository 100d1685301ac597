package blockwise

import (
	"bytes"
	"context"
	"fmt"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
)

// Client sends requests whose bodies, and whose responses' bodies, may be of any size.
type Client struct {
	Endpoint *exchange.Endpoint
	Config   Config
}

// Transfer is a request with all exchanges it took.
type Transfer struct {
	Exchanges []exchange.Exchanged
	// Response is the final response with its whole body and without Block2. When a block was answered
	// by an error code, it is that response.
	Response coap.Message
}

// transfer is one under way.
type transfer struct {
	Transfer
	c    *Client
	cfg  Config
	send func(context.Context, coap.Message) (exchange.Exchanged, error) // how the last block of the request goes out
}

func (c *Client) begin() *transfer {
	t := &transfer{c: c, cfg: c.Config.withDefaults()}
	t.send = func(ctx context.Context, m coap.Message) (exchange.Exchanged, error) { return c.Endpoint.Do(ctx, m) }
	return t
}

// Do sends a request and returns the final response with its whole body. What came so far is returned
// also with an error: one of exchange or of this package, wrapped.
func (c *Client) Do(ctx context.Context, m coap.Message) (Transfer, error) {
	t := c.begin()
	err := t.run(ctx, m, false)
	return t.Transfer, err
}

// Observe is Do for a request that starts an observation: Observe stands in the last block of the
// request, which is the one that takes effect. Of large notifications only the first block comes by
// itself (RFC 7959 section 2.6); Complete fetches the rest. The observation is nil when no request got
// as far as starting one.
func (c *Client) Observe(ctx context.Context, m coap.Message) (*exchange.Observation, Transfer, error) {
	var o *exchange.Observation
	t := c.begin()
	t.send = func(ctx context.Context, m coap.Message) (did exchange.Exchanged, err error) {
		o, did, err = c.Endpoint.Observe(ctx, m)
		return did, err
	}
	m.Remove(coap.Observe)
	err := t.run(ctx, m, true)
	return o, t.Transfer, err
}

// Complete fetches the rest of a notification, or of any response, whose first block came already. The
// request is the one it answers. Without Block2 nothing is sent.
func (c *Client) Complete(ctx context.Context, request coap.Message, first coap.View) (Transfer, error) {
	t := c.begin()
	err := t.download(ctx, request, first, true)
	return t.Transfer, err
}

func (t *transfer) run(ctx context.Context, m coap.Message, observes bool) error {
	if m.Token == nil && !t.cfg.FreshTokens {
		m.Token = t.c.Endpoint.NewToken()
	}
	v, err := t.upload(ctx, m)
	if err != nil {
		return err
	}
	return t.download(ctx, m, v, observes || t.cfg.FreshTokens)
}

// do makes one exchange and keeps it.
func (t *transfer) do(ctx context.Context, m coap.Message, last bool) (coap.View, error) {
	send := t.c.Endpoint.Do
	var x exchange.Exchanged
	var err error
	if last {
		x, err = t.send(ctx, m)
	} else {
		x, err = send(ctx, m)
	}
	t.Exchanges = append(t.Exchanges, x)
	return x.Response, err
}

// upload sends the request, in blocks if it is too large for one (RFC 7959 section 2.5), and gives the
// response to its last block, or the one that ended it before.
func (t *transfer) upload(ctx context.Context, m coap.Message) (coap.View, error) {
	szx := exponent(t.cfg.Size)
	if t.cfg.AskSize {
		m.Set(coap.Block2, coap.Block{SZX: szx}.Encode())
	}
	cut := len(m.Payload) > 16<<szx
	for off := 0; ; {
		b := coap.Block{Num: uint32(off >> (szx + 4)), SZX: szx}
		end := min(off+b.Size(), len(m.Payload))
		b.More = end < len(m.Payload)
		if off>>(szx+4) > coap.MaxBlockNum {
			return coap.View{}, fmt.Errorf("%w: %d bytes need more blocks of %d bytes than can be numbered", ErrTooLarge, len(m.Payload), b.Size())
		}
		v, err := t.do(ctx, block1(m, cut, off, end, b), !b.More)
		if err != nil {
			return v, err
		}
		echo, has, err := read(v.Message, coap.Block1)
		switch {
		case err != nil:
			return v, fmt.Errorf("%w: in the answer to block %s %w", ErrProtocol, b, err)
		case v.Code == coap.RequestEntityTooLarge && off == 0 && has && echo.SZX < szx:
			cut, szx = true, echo.SZX // begin again with what the server can take (RFC 7959 section 2.9.3)
			continue
		case v.Code.Class() != 2, !b.More && v.Code != coap.Continue:
			return v, nil
		case !b.More:
			return v, fmt.Errorf("%w: the last block was answered by %s", ErrProtocol, v.Code)
		case has && echo.Num != b.Num:
			return v, fmt.Errorf("%w: block %s was answered with Block1 %s", ErrProtocol, b, echo)
		case has:
			szx = min(szx, echo.SZX) // a larger size is not the server's to ask for
		}
		off = end
	}
}

// block1 is the request with the part of its body.
func block1(m coap.Message, cut bool, off, end int, b coap.Block) coap.Message {
	if !cut {
		return m
	}
	body := m.Payload
	m.Payload = body[off:end]
	m.Set(coap.Block1, b.Encode())
	if off == 0 {
		m.SetUint(coap.Size1, uint64(len(body)))
	}
	return m
}

// download puts the response together (RFC 7959 section 2.4).
func (t *transfer) download(ctx context.Context, request coap.Message, first coap.View, fresh bool) error {
	t.Response = first.Message
	b, ok, err := read(first.Message, coap.Block2)
	if !ok {
		return nil
	}
	if err == nil {
		err = fits(coap.Block2, b, first.Payload)
	}
	if err != nil || b.Num != 0 {
		return fmt.Errorf("%w: the response begins with Block2 %s and %d bytes", ErrProtocol, b, len(first.Payload))
	}
	body := bytes.Clone(first.Payload)
	request = followUp(request, 16<<exponent(t.cfg.Size))
	if fresh {
		request.Token = nil
	}
	for b.More {
		if len(body) > t.cfg.MaxBody {
			return fmt.Errorf("%w: %d bytes came and there are more", ErrTooLarge, len(body))
		}
		v, err := t.next(ctx, request, len(body), b.SZX)
		if err != nil {
			return err
		}
		if v.Code.Class() != 2 {
			t.Response = v.Message
			return nil
		}
		if b, err = continues(first, v, len(body), b.SZX); err != nil {
			return err
		}
		body = append(body, v.Payload...)
	}
	if len(body) > t.cfg.MaxBody {
		return fmt.Errorf("%w: %d bytes came", ErrTooLarge, len(body))
	}
	t.Response.Payload = body
	t.Response.Remove(coap.Block2)
	return nil
}

// followUp is the request for further blocks: the same without what concerns its own body and without
// Observe (RFC 7959 sections 2.6, 2.7). A FETCH that fits one message is repeated with its body, which
// is part of what it asks for (RFC 8132 section 2.1).
func followUp(m coap.Message, size int) coap.Message {
	if m.Code != coap.FETCH || len(m.Payload) > size {
		m.Payload = nil
	}
	for _, n := range []coap.OptionNumber{coap.Block1, coap.Size1, coap.Observe, coap.Block2, coap.Size2} {
		m.Remove(n)
	}
	return m
}

// next asks for the block at the offset.
func (t *transfer) next(ctx context.Context, m coap.Message, off int, szx uint8) (coap.View, error) {
	num := off >> (szx + 4)
	if num > coap.MaxBlockNum {
		return coap.View{}, fmt.Errorf("%w: there are more blocks than can be numbered", ErrTooLarge)
	}
	m.Set(coap.Block2, coap.Block{Num: uint32(num), SZX: szx}.Encode())
	x, err := t.c.Endpoint.Do(ctx, m)
	t.Exchanges = append(t.Exchanges, x)
	return x.Response, err
}

// continues checks that v is the block at the offset of the representation that began with first.
func continues(first, v coap.View, off int, szx uint8) (coap.Block, error) {
	b, ok, err := read(v.Message, coap.Block2)
	if err == nil {
		err = fits(coap.Block2, b, v.Payload)
	}
	switch {
	case err != nil:
		return b, fmt.Errorf("%w: %w", ErrProtocol, err)
	case !ok:
		return b, fmt.Errorf("%w: %s without Block2 answers the request for a block", ErrProtocol, v.Code)
	case b.Offset() != off || b.SZX > szx:
		return b, fmt.Errorf("%w: Block2 %s answers the request for the block of %d bytes at %d", ErrProtocol, b, 16<<szx, off)
	case differs(first, v, coap.ETag), differs(first, v, coap.ContentFormat):
		return b, fmt.Errorf("%w: ETag or Content-Format differ from those of the first block", ErrChanged)
	}
	return b, nil
}

// differs reports whether both messages have the option and not the same.
func differs(a, b coap.View, n coap.OptionNumber) bool {
	x, hasX := a.Get(n)
	y, hasY := b.Get(n)
	return hasX && hasY && !bytes.Equal(x.Value, y.Value)
}
