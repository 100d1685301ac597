package blockwise

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
)

// answer is one response of a server played by hand.
type answer struct {
	code    coap.Code
	block1  *coap.Block
	block2  *coap.Block
	body    []byte
	options []coap.Option
}

func (a answer) message() coap.Message {
	m := coap.Message{Code: a.code, Payload: a.body}
	for _, o := range a.options {
		m.Add(o.Number, o.Value)
	}
	if a.block1 != nil {
		m.Set(coap.Block1, a.block1.Encode())
	}
	if a.block2 != nil {
		m.Set(coap.Block2, a.block2.Encode())
	}
	return m
}

func blk(num uint32, more bool, szx uint8) *coap.Block {
	return &coap.Block{Num: num, More: more, SZX: szx}
}

func etag(v byte) []coap.Option { return []coap.Option{{Number: coap.ETag, Value: []byte{v}}} }
func format(v byte) []coap.Option {
	return []coap.Option{{Number: coap.ContentFormat, Value: []byte{v}}}
}

// What a server may answer, and what it must not: the client follows the one and names the other.
var clientDialogues = []struct {
	name    string
	cfg     Config
	body    []byte
	answers []answer
	sent    string // Block1 and Block2 of the requests
	is      error
	code    coap.Code
}{
	{"no block at all", Config{}, serverBody[:10], []answer{{code: coap.Changed}}, "-", nil, coap.Changed},
	{"no echo in 2.31", Config{Size: 64}, serverBody[:100], []answer{{code: coap.Continue}, {code: coap.Changed}}, "1:0/1/64 1:1/0/64", nil, coap.Changed},
	{"each block carried out by itself", Config{Size: 64}, serverBody[:100], []answer{{code: coap.Changed, block1: blk(0, false, 2)}, {code: coap.Changed, block1: blk(1, false, 2)}}, "1:0/1/64 1:1/0/64", nil, coap.Changed},
	{"a smaller size asked for", Config{Size: 64}, serverBody[:150], []answer{{code: coap.Continue, block1: blk(0, true, 1)}, {code: coap.Continue, block1: blk(2, true, 1)}, {code: coap.Continue, block1: blk(3, true, 1)}, {code: coap.Changed, block1: blk(4, false, 1)}}, "1:0/1/64 1:2/1/32 1:3/1/32 1:4/0/32", nil, coap.Changed},
	{"a larger size asked for", Config{Size: 64}, serverBody[:100], []answer{{code: coap.Continue, block1: blk(0, true, 6)}, {code: coap.Changed}}, "1:0/1/64 1:1/0/64", nil, coap.Changed},
	{"4.13 with a smaller size", Config{Size: 64}, serverBody[:50], []answer{{code: coap.RequestEntityTooLarge, block1: blk(0, false, 1)}, {code: coap.Continue, block1: blk(0, true, 1)}, {code: coap.Changed}}, "- 1:0/1/32 1:1/0/32", nil, coap.Changed},
	{"4.13", Config{Size: 64}, serverBody[:100], []answer{{code: coap.RequestEntityTooLarge}}, "1:0/1/64", nil, coap.RequestEntityTooLarge},
	{"4.08 on the way", Config{Size: 64}, serverBody, []answer{{code: coap.Continue}, {code: coap.RequestEntityIncomplete}}, "1:0/1/64 1:1/1/64", nil, coap.RequestEntityIncomplete},
	{"another number in the echo", Config{Size: 64}, serverBody, []answer{{code: coap.Continue, block1: blk(1, true, 2)}}, "1:0/1/64", ErrProtocol, coap.Empty},
	{"reserved size in the echo", Config{Size: 64}, serverBody, []answer{{code: coap.Continue, block1: blk(0, true, 7)}}, "1:0/1/64", ErrProtocol, coap.Empty},
	{"2.31 for the last", Config{}, serverBody, []answer{{code: coap.Continue}}, "-", ErrProtocol, coap.Empty},

	{"a response in blocks", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(1, false, 2), body: serverBody[64:70]}}, "- 2:1/0/64", nil, coap.Content},
	{"blocks that become smaller", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(2, true, 1), body: serverBody[64:96]}, {code: coap.Content, block2: blk(3, false, 1)}}, "- 2:1/0/64 2:3/0/32", nil, coap.Content},
	{"blocks that become larger", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(0, false, 3), body: serverBody[64:]}}, "- 2:1/0/64", ErrProtocol, coap.Empty},
	{"another block than asked for", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(2, false, 2), body: serverBody[64:70]}}, "- 2:1/0/64", ErrProtocol, coap.Empty},
	{"a response that does not begin", Config{}, nil, []answer{{code: coap.Content, block2: blk(1, true, 2), body: serverBody[:64]}}, "-", ErrProtocol, coap.Empty},
	{"too little in a block", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:63]}}, "-", ErrProtocol, coap.Empty},
	{"nothing in a block", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2)}}, "-", ErrProtocol, coap.Empty},
	{"too much in a block", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(1, false, 2), body: serverBody[64:129]}}, "- 2:1/0/64", ErrProtocol, coap.Empty},
	{"reserved size", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 7), body: serverBody[:64]}}, "-", ErrProtocol, coap.Empty},
	{"no Block2 in a later block", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, body: serverBody}}, "- 2:1/0/64", ErrProtocol, coap.Empty},
	{"another ETag", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64], options: etag(1)}, {code: coap.Content, block2: blk(1, false, 2), options: etag(2)}}, "- 2:1/0/64", ErrChanged, coap.Empty},
	{"an ETag in the first block only", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64], options: etag(1)}, {code: coap.Content, block2: blk(1, false, 2)}}, "- 2:1/0/64", nil, coap.Content},
	{"another Content-Format", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64], options: format(60)}, {code: coap.Content, block2: blk(1, false, 2), options: format(61)}}, "- 2:1/0/64", ErrChanged, coap.Empty},
	{"an error on the way", Config{}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.NotFound}}, "- 2:1/0/64", nil, coap.NotFound},
	{"more than allowed", Config{MaxBody: 100}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(1, true, 2), body: serverBody[64:128]}}, "- 2:1/0/64", ErrTooLarge, coap.Empty},
	{"more than allowed in the last", Config{MaxBody: 100}, nil, []answer{{code: coap.Content, block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Content, block2: blk(1, false, 2), body: serverBody[64:128]}}, "- 2:1/0/64", ErrTooLarge, coap.Empty},
	{"both ways", Config{Size: 64}, serverBody[:100], []answer{{code: coap.Continue, block1: blk(0, true, 2)}, {code: coap.Changed, block1: blk(1, false, 2), block2: blk(0, true, 2), body: serverBody[:64]}, {code: coap.Changed, block2: blk(1, false, 2)}}, "1:0/1/64 1:1/0/64 2:1/0/64", nil, coap.Changed},
	{"a reset on the way", Config{Size: 64}, serverBody[:100], []answer{{code: coap.Continue}, {code: coap.Empty}}, "1:0/1/64 1:1/0/64", exchange.ErrReset, coap.Empty},
}

func TestClientAgainstAServerByHand(t *testing.T) {
	for _, c := range clientDialogues {
		t.Run(c.name, func(t *testing.T) {
			var sent []string
			byHand := func(r *exchange.Request) {
				text, _, _ := strings.Cut(describe(r.View)+" -", " 9")
				sent = append(sent, strings.Fields(text)[1])
				a := c.answers[min(len(sent), len(c.answers))-1]
				if a.code == coap.Empty {
					_ = r.Reset()
					return
				}
				_ = r.Respond(a.message())
			}
			between(t, byHand, func(t *testing.T, asks, _ *exchange.Endpoint) {
				m := post(c.body)
				if c.body == nil {
					m = get()
				}
				x, err := (&Client{asks, c.cfg}).Do(t.Context(), m)
				if !errors.Is(err, c.is) || err == nil && x.Response.Code != c.code {
					t.Errorf("%v, %v", x.Response, err)
				}
				if len(x.Exchanges) != len(sent) {
					t.Errorf("%d exchanges are reported", len(x.Exchanges))
				}
			})
			if got := strings.Join(sent, " "); got != c.sent {
				t.Errorf("sent %s instead of %s", got, c.sent)
			}
		})
	}
}

// The further requests of a transfer have the options of the first, but for those of its own body and
// Observe (RFC 7959 sections 2.6, 2.7).
func TestFurtherRequests(t *testing.T) {
	var got []coap.Message
	h := NewServer(Config{Size: 16}).Handler(echo(bytesOf(40)))
	record := func(r *exchange.Request) { got = append(got, r.Message); h(r) }
	between(t, record, func(t *testing.T, asks, _ *exchange.Endpoint) {
		m := coap.Message{Type: coap.NonConfirmable, Code: coap.FETCH, Payload: bytesOf(40)}
		m.AddStrings(coap.URIPath, "3", "0")
		m.AddUint(coap.Accept, 112)
		m.AddUint(coap.Observe, 1)
		if _, err := (&Client{Endpoint: asks}).Do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	})
	if len(got) != 3 {
		t.Fatalf("%d requests", len(got))
	}
	for _, m := range got[1:] {
		_, observe := m.Observe()
		_, one := m.Get(coap.Block1)
		accept, _ := m.Accept()
		if observe || one || accept != 112 || !slices.Equal(m.Path(), []string{"3", "0"}) || m.Type != coap.NonConfirmable || !bytes.Equal(m.Payload, bytesOf(40)) {
			t.Errorf("%v", m)
		}
	}
}

// observed lets a server notify the observers of one resource whose content is large.
type observed struct {
	blocks *Server
	typ    coap.Type // of the notifications

	mu      sync.Mutex
	request coap.Message
	content []byte
	n       uint64
}

func (o *observed) handle(r *exchange.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := coap.Message{Code: coap.Content, Payload: o.content}
	if v, ok := r.Observe(); ok && v == 0 {
		o.request = r.Message
		o.n++
		m.AddUint(coap.Observe, o.n)
	}
	_ = r.Respond(m)
}

func (o *observed) notify(t *testing.T, e *exchange.Endpoint, content []byte) {
	t.Helper()
	o.mu.Lock()
	o.content = content
	o.n++
	m := coap.Message{Type: o.typ, Code: coap.Content, Token: o.request.Token, Payload: content}
	m.AddUint(coap.Observe, o.n)
	m = o.blocks.Notification(o.request, m)
	o.mu.Unlock()
	if _, err := e.Notify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestObserveInBlocks(t *testing.T) {
	for _, body := range [][]byte{nil, bytesOf(200)} { // FETCH has one that goes in blocks, too
		src := &observed{blocks: NewServer(Config{Size: 32}), content: bytesOf(100)}
		between(t, src.blocks.Handler(src.handle), func(t *testing.T, asks, serves *exchange.Endpoint) {
			c := Client{asks, Config{Size: 64, AskSize: true}}
			m := get()
			if body != nil {
				m.Code, m.Payload = coap.FETCH, body
			}
			o, x, err := c.Observe(t.Context(), m)
			if err != nil || !bytes.Equal(x.Response.Payload, bytesOf(100)) {
				t.Fatalf("%v, %v", x.Response, err)
			}
			if _, ok := x.Response.Observe(); !ok {
				t.Error("the response has no Observe option")
			}
			if _, ok := x.Exchanges[len(x.Exchanges)-1].Response.Observe(); ok {
				t.Error("the last block has an Observe option")
			}
			for _, size := range []int{100, 32, 33, 10, 0} {
				want := bytes.Repeat([]byte{byte(size)}, size)
				src.notify(t, serves, want)
				synctest.Wait()
				x, err := c.Complete(t.Context(), o.Request, <-o.Notifications())
				if err != nil || !bytes.Equal(x.Response.Payload, want) {
					t.Errorf("a notification of %d bytes: %v, %v", size, x.Response, err)
				}
				for _, e := range x.Exchanges {
					if _, observes := e.Request.Observe(); observes || string(e.Request.Token) == string(o.Request.Token) {
						t.Errorf("the rest is asked for by %v", e.Request)
					}
				}
			}
			if _, err := o.Cancel(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
		})
	}
}

func TestObserveRefused(t *testing.T) {
	refuse := func(r *exchange.Request) { _ = r.Respond(coap.Message{Code: coap.NotFound}) }
	between(t, refuse, func(t *testing.T, asks, _ *exchange.Endpoint) {
		c := Client{Endpoint: asks}
		o, x, err := c.Observe(t.Context(), get())
		if err != nil || x.Response.Code != coap.NotFound {
			t.Errorf("%v, %v", x.Response, err)
		}
		if _, open := <-o.Notifications(); open {
			t.Error("the observation is not over")
		}
		m := get()
		m.Code, m.Payload = coap.FETCH, bytesOf(2000)
		if o, x, err := c.Observe(t.Context(), m); o != nil || err != nil || x.Response.Code != coap.NotFound {
			t.Errorf("refused at the first block: %v, %v, %v", o, x.Response, err)
		}
	})
}
