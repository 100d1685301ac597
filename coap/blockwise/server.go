package blockwise

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
)

// keptTransfers is how many transfers of each direction a Server remembers for its peer; the one that
// was touched longest ago goes first.
const keptTransfers = 16

// Server puts the requests of one peer together and cuts the responses to them. It stands between an
// endpoint and its handler; make one per endpoint.
type Server struct {
	cfg Config

	mu        sync.Mutex
	uploads   []*body // requests that are not complete
	downloads []*body // responses that may be asked for further blocks
	etags     uint32  // of Policy.ChangingETag
}

// body is one that is transferred in blocks, known by what it is the body of.
type body struct {
	key     string
	message coap.Message // the request's or the response's, with as much of its payload as there is
	touched time.Time
}

// NewServer makes a server without any transfer.
func NewServer(cfg Config) *Server { return &Server{cfg: cfg.withDefaults()} }

// Handler gives the handler for exchange.Config.Handle. Next gets the requests when they are complete,
// the whole body in Payload, and answers them with whole bodies by Respond or RespondSeparate. Raw and
// Options remain those of the last block.
func (s *Server) Handler(next func(*exchange.Request)) func(*exchange.Request) {
	return func(r *exchange.Request) {
		m, refusal, whole := s.take(r.Message)
		if !whole {
			_ = r.Respond(refusal)
			return
		}
		r.Payload = m.Payload
		r.Transform(func(response coap.Message) coap.Message { return s.respond(r.Message, response) })
		next(r)
	}
}

// Notification cuts a notification for the observer that sent the request: its first block goes out,
// the rest is kept for the requests that follow (RFC 7959 section 2.6).
func (s *Server) Notification(request, m coap.Message) coap.Message {
	if b, ok := request.Block(coap.Block2); ok {
		b.Num = 0
		request.Set(coap.Block2, b.Encode())
	}
	request.Remove(coap.Block1)
	return s.respond(request, m)
}

func refuse(c coap.Code, format string, args ...any) coap.Message {
	return coap.Message{Code: c, Payload: fmt.Appendf(nil, format, args...)}
}

// take gives the whole request as far as whole says so, else what to answer the block by.
func (s *Server) take(m coap.Message) (_, answer coap.Message, whole bool) {
	b2, asked, err := read(m, coap.Block2)
	if err != nil {
		return m, refuse(coap.BadRequest, "%v", err), false
	}
	b1, cut, err := read(m, coap.Block1)
	if err == nil && cut {
		err = fits(coap.Block1, b1, m.Payload)
	}
	if err != nil {
		return m, refuse(coap.BadRequest, "%v", err), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	switch {
	case cut:
		return s.receive(m, b1)
	case len(m.Payload) > s.cfg.MaxBody:
		return m, s.tooLarge(), false
	case asked && b2.Num > 0:
		if d := find(s.downloads, key(m)); d != nil {
			d.touched = time.Now()
			return m, s.slice(m, d.message, b2), false
		}
		// What only reads can be done again for its later blocks, the rest cannot.
		if m.Code != coap.GET && m.Code != coap.FETCH {
			return m, refuse(coap.RequestEntityIncomplete, "the response this block is of is not there any more"), false
		}
	}
	return m, coap.Message{}, true
}

// receive adds a block of a request (RFC 7959 section 2.5).
func (s *Server) receive(m coap.Message, b coap.Block) (_, answer coap.Message, whole bool) {
	k := key(m)
	if b.Num == 0 {
		if size, ok := m.Uint(coap.Size1); ok && size > uint64(s.cfg.MaxBody) {
			return m, s.tooLarge(), false
		}
		s.uploads = slices.DeleteFunc(s.uploads, func(u *body) bool { return u.key == k })
		first := m
		first.Payload = nil
		s.uploads = s.keep(s.uploads, &body{key: k, message: first})
	}
	u := find(s.uploads, k)
	if u == nil {
		return m, refuse(coap.RequestEntityIncomplete, "block %s comes without those before it", b), false
	}
	u.touched = time.Now()
	have := u.message.Payload
	end := b.Offset() + len(m.Payload)
	switch {
	case !sameFormat(u.message, m):
		return m, refuse(coap.RequestEntityIncomplete, "the Content-Format differs from that of the first block"), false
	case b.Offset() > len(have) && !s.cfg.Policy.AcceptGaps:
		return m, refuse(coap.RequestEntityIncomplete, "block %s comes, %d bytes are there", b, len(have)), false
	case b.Offset() < len(have) && b.Num > 0: // a block that came before
		if end > len(have) || !bytes.Equal(have[b.Offset():end], m.Payload) {
			return m, refuse(coap.RequestEntityIncomplete, "block %s differs from what came before", b), false
		}
	case len(have)+len(m.Payload) > s.cfg.MaxBody:
		s.forget(u)
		return m, s.tooLarge(), false
	default:
		u.message.Payload = append(have, m.Payload...)
	}
	if b.More || s.cfg.Policy.ContinueLast {
		return m, s.goOn(b), false
	}
	if end < len(u.message.Payload) && !s.cfg.Policy.AcceptGaps {
		return m, refuse(coap.RequestEntityIncomplete, "the last block %s comes twice, with more behind it", b), false
	}
	s.forget(u)
	m.Payload = u.message.Payload
	return m, coap.Message{}, true
}

func (s *Server) forget(u *body) {
	s.uploads = slices.DeleteFunc(s.uploads, func(x *body) bool { return x == u })
}

// goOn answers a block that is not the last.
func (s *Server) goOn(b coap.Block) coap.Message {
	m := coap.Message{Code: coap.Continue}
	if s.cfg.Policy.NoContinue {
		m.Code = coap.Changed
	}
	return s.echo(m, b)
}

// echo adds the Block1 option of an answer; a smaller size than the client's asks for it (RFC 7959
// section 2.3).
func (s *Server) echo(m coap.Message, b coap.Block) coap.Message {
	if s.cfg.Policy.NoEcho {
		return m
	}
	b.SZX = min(b.SZX, exponent(s.cfg.Size))
	if s.cfg.Policy.WrongNumber {
		b.Num++
	}
	m.Set(coap.Block1, b.Encode())
	return m
}

func (s *Server) tooLarge() coap.Message {
	m := refuse(coap.RequestEntityTooLarge, "the body is larger than %d bytes", s.cfg.MaxBody)
	m.SetUint(coap.Size1, uint64(s.cfg.MaxBody))
	return m
}

// respond cuts a response to a request that was handed on.
func (s *Server) respond(request, m coap.Message) coap.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := coap.Block{SZX: exponent(s.cfg.Size)}
	asked, ok := request.Block(coap.Block2)
	if ok {
		b = asked
		if b.Num == 0 {
			b.SZX = min(b.SZX, exponent(s.cfg.Size))
		}
	}
	if s.cfg.Policy.LargerBlocks {
		b = coap.Block{Num: uint32(b.Offset() / (16 << exponent(s.cfg.Size))), SZX: exponent(s.cfg.Size)}
	}
	// An error is told in one message; what has no body has no blocks.
	if m.Code.Class() == 2 && (ok && len(m.Payload)+int(b.Num) > 0 || len(m.Payload) > b.Size()) {
		if _, has := m.Get(coap.ETag); !has && len(m.Payload) > b.Size() {
			m.Add(coap.ETag, s.etag(m.Payload))
		}
		k := key(request)
		s.downloads = slices.DeleteFunc(s.downloads, func(d *body) bool { return d.key == k })
		if len(m.Payload) > b.Size() {
			s.downloads = s.keep(s.downloads, &body{key: k, message: m})
		}
		m = s.slice(request, m, b)
	}
	if b1, cut := request.Block(coap.Block1); cut {
		b1.More = false
		m = s.echo(m, b1)
	}
	return m
}

// slice gives one block of a response (RFC 7959 section 2.4).
func (s *Server) slice(request, m coap.Message, b coap.Block) coap.Message {
	whole := m.Payload
	if b.Offset() >= len(whole) && b.Num > 0 {
		return refuse(coap.BadRequest, "block %s begins behind the end of the body, %d bytes", b, len(whole))
	}
	end := min(b.Offset()+b.Size(), len(whole))
	b.More = end < len(whole)
	m.Payload = whole[b.Offset():end]
	if b.Num > 0 {
		m.Remove(coap.Observe)
	}
	if _, wanted := request.Get(coap.Size2); wanted || b.Num == 0 && b.More {
		m.SetUint(coap.Size2, uint64(len(whole)))
	}
	if s.cfg.Policy.ChangingETag {
		m.Set(coap.ETag, s.etag(nil))
	}
	if s.cfg.Policy.WrongNumber && b.Num > 0 {
		b.Num++
	}
	m.Set(coap.Block2, b.Encode())
	return m
}

// etag identifies a body by its content, so that it is the same for the same body.
func (s *Server) etag(content []byte) []byte {
	if s.cfg.Policy.ChangingETag {
		s.etags++
		return binary.BigEndian.AppendUint32(nil, s.etags)
	}
	sum := sha256.Sum256(content)
	return sum[:4]
}

// key says which requests belong to one transfer: those of one method for one representation of one
// resource, and one Request-Tag (RFC 7959 section 2.5, RFC 9175 section 3.3). What a peer may leave out of later blocks,
// like the Content-Format, is not in it.
func key(m coap.Message) string {
	k := []byte{byte(m.Code)}
	for _, o := range m.Options {
		switch o.Number {
		case coap.URIHost, coap.URIPort, coap.URIPath, coap.URIQuery, coap.Accept, coap.RequestTag:
			k = coap.AppendOption(k, o.Number, o.Value)
		}
	}
	return string(k)
}

func sameFormat(a, b coap.Message) bool {
	x, hasX := a.ContentFormat()
	y, hasY := b.ContentFormat()
	return hasX == hasY && x == y
}

func find(bs []*body, k string) *body {
	for _, b := range bs {
		if b.key == k {
			return b
		}
	}
	return nil
}

// keep adds a body and drops the oldest when there are too many.
func (s *Server) keep(bs []*body, b *body) []*body {
	b.touched = time.Now()
	bs = append(bs, b)
	if len(bs) <= keptTransfers {
		return bs
	}
	oldest := slices.MinFunc(bs, func(a, b *body) int { return a.touched.Compare(b.touched) })
	return slices.DeleteFunc(bs, func(x *body) bool { return x == oldest })
}

func (s *Server) expire() {
	old := func(b *body) bool { return time.Since(b.touched) > s.cfg.Lifetime }
	s.uploads = slices.DeleteFunc(s.uploads, old)
	s.downloads = slices.DeleteFunc(s.downloads, old)
}
