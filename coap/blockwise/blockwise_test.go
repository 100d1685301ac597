package blockwise

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
)

// pipe is one end of a pair of connections in memory; a Write never waits.
type pipe struct {
	in, out chan []byte
	ended   chan struct{}
	once    *sync.Once
}

func newPair() (*pipe, *pipe) {
	a, b, ended, once := make(chan []byte, 64), make(chan []byte, 64), make(chan struct{}), &sync.Once{}
	return &pipe{a, b, ended, once}, &pipe{b, a, ended, once}
}

func (p *pipe) Read(b []byte) (int, error) {
	select {
	case d := <-p.in:
		return copy(b, d), nil
	case <-p.ended:
		return 0, net.ErrClosed
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	select {
	case <-p.ended:
		return 0, net.ErrClosed
	case p.out <- bytes.Clone(b):
		return len(b), nil
	}
}

func (p *pipe) Close() error                     { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipe) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (p *pipe) RemoteAddr() net.Addr             { return &net.UDPAddr{} }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// between plays with an endpoint that serves by handle and one that asks, in virtual time.
func between(t *testing.T, handle func(*exchange.Request), f func(t *testing.T, asks, serves *exchange.Endpoint)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair()
		serves := exchange.New(a, exchange.Config{Handle: handle, Seed: 1})
		asks := exchange.New(b, exchange.Config{Seed: 2})
		defer func() { _, _ = asks.Close(), serves.Close() }()
		f(t, asks, serves)
	})
}

// bytesOf makes a body in which every block differs from every other.
func bytesOf(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%07d ", i)
	}
	return b[:n]
}

func post(body []byte) coap.Message {
	m := coap.Message{Type: coap.Confirmable, Code: coap.POST, Payload: body}
	m.AddStrings(coap.URIPath, "a")
	m.AddUint(coap.ContentFormat, 42)
	return m
}

func get() coap.Message {
	m := coap.Message{Type: coap.Confirmable, Code: coap.GET}
	m.AddStrings(coap.URIPath, "a")
	return m
}

// echo answers with the body it got, or with content to a request without one.
func echo(content []byte) func(*exchange.Request) {
	return func(r *exchange.Request) {
		m := coap.Message{Code: coap.Content, Payload: r.Payload}
		if len(r.Payload) == 0 {
			m.Payload = content
		}
		m.AddUint(coap.ContentFormat, 42)
		_ = r.Respond(m)
	}
}

// Bodies of every awkward size come through, whatever the sizes of the blocks on either side.
func TestBodiesComeThrough(t *testing.T) {
	sizes := []int{0, 16, 32, 64, 128, 256, 512, 1024}
	for _, body := range []int{0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2048, 5000} {
		for _, mine := range sizes {
			for _, theirs := range []int{0, 16, 128} {
				for _, client := range []Config{{Size: mine}, {Size: mine, AskSize: true, FreshTokens: true}} {
					want := bytesOf(body)
					between(t, NewServer(Config{Size: theirs}).Handler(echo(want)), func(t *testing.T, asks, _ *exchange.Endpoint) {
						c := Client{asks, client}
						for _, m := range []coap.Message{post(want), get()} {
							x, err := c.Do(t.Context(), m)
							if err != nil || x.Response.Code != coap.Content || !bytes.Equal(x.Response.Payload, want) {
								t.Fatalf("%s of %d bytes, blocks of %d and %d: %v, %v", m.Code.Name(), body, mine, theirs, x.Response, err)
							}
							checkExchanges(t, x, client)
						}
					})
				}
			}
		}
	}
}

// checkExchanges holds a transfer against the rules for it (RFC 7959 sections 2.2 to 2.5).
func checkExchanges(t *testing.T, x Transfer, cfg Config) {
	t.Helper()
	sent, got := 0, 0
	token := ""
	for i, e := range x.Exchanges {
		b1, cut := e.Request.Block(coap.Block1)
		if cut && (b1.Offset() != sent || fits(coap.Block1, b1, e.Request.Payload) != nil) {
			t.Fatalf("block %s is sent when %d bytes have been", b1, sent)
		}
		if more := b1.More; cut {
			if want := coap.Continue; more && e.Response.Code != want {
				t.Fatalf("block %s is answered by %s", b1, e.Response.Code)
			}
			if echo, ok := e.Response.Block(coap.Block1); !ok || echo.Num != b1.Num || echo.More != more {
				t.Fatalf("block %s is answered with Block1 %s", b1, echo)
			}
			sent += len(e.Request.Payload)
		}
		if b2, ok := e.Response.Block(coap.Block2); ok {
			if b2.Offset() != got || fits(coap.Block2, b2, e.Response.Payload) != nil {
				t.Fatalf("block %s comes when %d bytes have come", b2, got)
			}
			if asked, ok := e.Request.Block(coap.Block2); ok && b2.SZX > asked.SZX {
				t.Fatalf("block %s answers the request for %s", b2, asked)
			}
			got += len(e.Response.Payload)
		}
		if same := token == string(e.Request.Token); i > 0 && same == cfg.FreshTokens && (!cfg.FreshTokens || !cut) {
			t.Fatalf("token %x behind %x", e.Request.Token, token)
		}
		token = string(e.Request.Token)
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct {
		body, size int
		want       string
	}{
		{0, 64, "0/0/64"},
		{64, 64, "0/0/64"},
		{65, 64, "0/1/64 1/0/64"},
		{200, 100, "0/1/64 1/1/64 2/1/64 3/0/64"},
		{1025, 0, "0/1/1024 1/0/1024"},
		{20, 1, "0/1/16 1/0/16"},
		{1500, 4096, "0/1/1024 1/0/1024"},
	} {
		var got []string
		var joined []byte
		for _, m := range Blocks(post(bytesOf(c.body)), c.size) {
			b, _ := m.Block(coap.Block1)
			got = append(got, b.String())
			joined = append(joined, m.Payload...)
		}
		if strings.Join(got, " ") != c.want || !bytes.Equal(joined, bytesOf(c.body)) {
			t.Errorf("%d bytes in blocks of %d: %v", c.body, c.size, got)
		}
	}
}

// step is one message of a dialogue with a server, and how it must be answered.
type step struct {
	block string // num/more/size of Block1, of Block2 behind a colon
	body  []byte
	want  string // code, then Block1 or Block2 where there is one
}

// say builds the request of a step.
func (s step) message(m coap.Message) coap.Message {
	one, two, _ := strings.Cut(s.block, ":")
	m.Payload = s.body
	for text, n := range map[string]coap.OptionNumber{one: coap.Block1, two: coap.Block2} {
		var num uint32
		var more, size int
		if _, err := fmt.Sscanf(text, "%d/%d/%d", &num, &more, &size); err == nil {
			b := coap.Block{Num: num, More: more == 1, SZX: 7}
			if size < 2048 {
				b.SZX = exponent(size)
			}
			m.Set(n, b.Encode())
		}
	}
	return m
}

func describe(v coap.View) string {
	s := v.Code.Dotted()
	if b, ok := v.Block(coap.Block1); ok {
		s += " 1:" + b.String()
	}
	if b, ok := v.Block(coap.Block2); ok {
		s += " 2:" + b.String()
	}
	return s
}

var serverBody = bytesOf(200)

var serverDialogues = []struct {
	name  string
	cfg   Config
	m     coap.Message
	steps []step
	got   []int // lengths of the bodies that the handler got
}{
	{"in order", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"2/0/64", serverBody[128:150], "2.05 1:2/0/64"},
	}, []int{150}},
	{"one block only", Config{}, post(nil), []step{{"0/0/64", serverBody[:10], "2.05 1:0/0/64"}}, []int{10}},
	{"a smaller size is asked for", Config{Size: 32}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/32"}, {"2/1/32", serverBody[64:96], "2.31 1:2/1/32"}, {"3/0/32", serverBody[96:100], "2.05 1:3/0/32 2:0/1/32"},
	}, []int{100}},
	{"a block is repeated", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"2/0/64", serverBody[128:130], "2.05 1:2/0/64"},
	}, []int{130}},
	{"a block is repeated with other content", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"1/1/64", serverBody[:64], "4.08"},
	}, nil},
	{"a gap", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"2/1/64", serverBody[128:192], "4.08"}, {"3/0/64", serverBody[192:], "4.08"},
	}, nil},
	{"a gap that is filled", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"2/0/64", serverBody[128:150], "4.08"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"2/0/64", serverBody[128:150], "2.05 1:2/0/64"},
	}, []int{150}},
	{"no beginning", Config{}, post(nil), []step{{"1/1/64", serverBody[:64], "4.08"}, {"2/0/64", serverBody[:1], "4.08"}}, nil},
	{"begun again", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/1/64", serverBody[64:128], "2.31 1:1/1/64"}, {"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/0/64", serverBody[64:70], "2.05 1:1/0/64"},
	}, []int{70}},
	{"the last block comes again behind the end", Config{}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/0/64", serverBody[64:70], "2.05 1:1/0/64"}, {"1/0/64", serverBody[64:70], "4.08"},
	}, []int{70}},
	{"too little for a block that is not the last", Config{}, post(nil), []step{{"0/1/64", serverBody[:63], "4.00"}}, nil},
	{"too much for a block", Config{}, post(nil), []step{{"0/0/64", serverBody[:65], "4.00"}}, nil},
	{"reserved size", Config{}, post(nil), []step{{"0/1/2048", serverBody, "4.00"}, {":0/0/2048", nil, "4.00"}}, nil},
	{"larger than allowed", Config{MaxBody: 100}, post(nil), []step{
		{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"1/1/64", serverBody[64:128], "4.13"}, {"2/0/64", serverBody[128:130], "4.08"},
	}, nil},
	{"larger than allowed at once", Config{MaxBody: 100}, post(nil), []step{{"", serverBody[:101], "4.13"}}, nil},
	{"a block of a response", Config{}, get(), []step{
		{":0/0/64", nil, "2.05 2:0/1/64"}, {":2/0/64", nil, "2.05 2:2/1/64"}, {":6/0/32", nil, "2.05 2:6/0/32"}, {":1/0/128", nil, "2.05 2:1/0/128"}, {":4/0/64", nil, "4.00"},
	}, []int{0}},
	{"a block of a response that has not begun", Config{}, get(), []step{{":3/0/64", nil, "2.05 2:3/0/64"}, {":7/0/64", nil, "4.00"}}, []int{0}},
	{"a block of a response to what cannot be done again", Config{}, post(nil), []step{{":3/0/64", nil, "4.08"}}, nil},
	{"M in a request for a block", Config{}, get(), []step{{":0/1/64", nil, "2.05 2:0/1/64"}}, []int{0}},
	{"NoEcho", Config{Policy: Policy{NoEcho: true}}, post(nil), []step{{"0/1/64", serverBody[:64], "2.31"}, {"1/0/64", serverBody[64:65], "2.05"}}, []int{65}},
	{"WrongNumber", Config{Policy: Policy{WrongNumber: true}}, post(nil), []step{{"0/1/64", serverBody[:64], "2.31 1:1/1/64"}}, nil},
	{"AcceptGaps", Config{Policy: Policy{AcceptGaps: true}}, post(nil), []step{{"0/1/64", serverBody[:64], "2.31 1:0/1/64"}, {"2/0/64", serverBody[128:129], "2.05 1:2/0/64"}}, []int{65}},
	{"ContinueLast", Config{Policy: Policy{ContinueLast: true}}, post(nil), []step{{"0/0/64", serverBody[:64], "2.31 1:0/0/64"}}, nil},
	{"NoContinue", Config{Policy: Policy{NoContinue: true}}, post(nil), []step{{"0/1/64", serverBody[:64], "2.04 1:0/1/64"}}, nil},
	{"LargerBlocks", Config{Policy: Policy{LargerBlocks: true}, Size: 128}, get(), []step{{":0/0/64", nil, "2.05 2:0/1/128"}}, []int{0}},
}

func TestServerDialogues(t *testing.T) {
	for _, c := range serverDialogues {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			answer := echo(serverBody)
			handle := func(r *exchange.Request) { got = append(got, len(r.Payload)); answer(r) }
			between(t, NewServer(c.cfg).Handler(handle), func(t *testing.T, asks, _ *exchange.Endpoint) {
				for i, s := range c.steps {
					x, err := asks.Do(t.Context(), s.message(c.m))
					if err != nil {
						t.Fatal(err)
					}
					if d := describe(x.Response); d != s.want {
						t.Errorf("message %d, %s: %s instead of %s (%q)", i+1, s.block, d, s.want, x.Response.Payload)
					}
					if x.Response.Code == coap.RequestEntityTooLarge {
						if size, ok := x.Response.Uint(coap.Size1); !ok || size != 100 {
							t.Errorf("4.13 has Size1 %d", size)
						}
					}
				}
			})
			if !slices.Equal(got, c.got) {
				t.Errorf("the handler got bodies of %v bytes instead of %v", got, c.got)
			}
		})
	}
}

// Blocks of two resources, of two formats, or of two Request-Tags must not be joined.
func TestTransfersAreKeptApart(t *testing.T) {
	other := func(n coap.OptionNumber, v []byte) coap.Message { m := post(nil); m.Set(n, v); return m }
	b := bytesOf(128)
	for name, m := range map[string]coap.Message{
		"path":        other(coap.URIPath, []byte("b")),
		"query":       other(coap.URIQuery, []byte("x")),
		"format":      other(coap.ContentFormat, []byte{60}),
		"Request-Tag": other(coap.RequestTag, []byte{1}),
		"method":      {Type: coap.Confirmable, Code: coap.PUT, Options: post(nil).Options},
	} {
		t.Run(name, func(t *testing.T) {
			between(t, NewServer(Config{}).Handler(echo(nil)), func(t *testing.T, asks, _ *exchange.Endpoint) {
				if x, err := asks.Do(t.Context(), step{block: "0/1/64", body: b[:64]}.message(post(nil))); err != nil || x.Response.Code != coap.Continue {
					t.Fatalf("%v, %v", x.Response, err)
				}
				if x, err := asks.Do(t.Context(), step{block: "1/0/64", body: b[64:]}.message(m)); err != nil || x.Response.Code != coap.RequestEntityIncomplete {
					t.Errorf("joined: %v, %v", x.Response, err)
				}
			})
		})
	}
}

func TestTransfersExpireAndAreBounded(t *testing.T) {
	s := NewServer(Config{Lifetime: time.Minute})
	between(t, s.Handler(echo(bytesOf(100))), func(t *testing.T, asks, _ *exchange.Endpoint) {
		begin := step{block: "0/1/64", body: bytesOf(64)}
		for i := range 3 * keptTransfers {
			m := post(nil)
			m.AddUint(coap.URIQuery, uint64(i+1))
			for _, q := range []coap.Message{begin.message(m), step{block: ":0/0/64"}.message(m)} {
				if _, err := asks.Do(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(s.uploads) != keptTransfers || len(s.downloads) != keptTransfers {
			t.Errorf("%d and %d transfers are kept", len(s.uploads), len(s.downloads))
		}
		time.Sleep(time.Minute + time.Second)
		x, err := asks.Do(t.Context(), begin.message(post(nil)))
		if err != nil || x.Response.Code != coap.Continue || len(s.uploads) != 1 || len(s.downloads) != 0 {
			t.Errorf("behind their lifetime %d and %d are kept (%v, %v)", len(s.uploads), len(s.downloads), x.Response, err)
		}
	})
}

// A body stays the one it began as, though the resource changes meanwhile.
func TestResponseStaysTheSame(t *testing.T) {
	n := byte(0)
	changing := func(r *exchange.Request) {
		n++
		_ = r.Respond(coap.Message{Code: coap.Content, Payload: bytes.Repeat([]byte{n}, 100)})
	}
	between(t, NewServer(Config{Size: 32}).Handler(changing), func(t *testing.T, asks, _ *exchange.Endpoint) {
		c := Client{Endpoint: asks}
		for want := byte(1); want <= 2; want++ {
			x, err := c.Do(t.Context(), get())
			if err != nil || !bytes.Equal(x.Response.Payload, bytes.Repeat([]byte{want}, 100)) {
				t.Errorf("%v, %v", x.Response, err)
			}
			if _, ok := x.Response.Get(coap.ETag); !ok {
				t.Error("no ETag")
			}
		}
	})
}

func TestChangingETag(t *testing.T) {
	s := NewServer(Config{Size: 32, Policy: Policy{ChangingETag: true}})
	between(t, s.Handler(echo(bytesOf(100))), func(t *testing.T, asks, _ *exchange.Endpoint) {
		if x, err := (&Client{Endpoint: asks}).Do(t.Context(), get()); !errors.Is(err, ErrChanged) || len(x.Exchanges) != 2 {
			t.Errorf("%d exchanges, %v", len(x.Exchanges), err)
		}
	})
}

// An error that a handler answers is no body to be cut or asked for in blocks.
func TestErrorsAreNotCut(t *testing.T) {
	refuse := func(r *exchange.Request) { _ = r.Respond(coap.Message{Code: coap.NotFound, Payload: []byte("no")}) }
	between(t, NewServer(Config{}).Handler(refuse), func(t *testing.T, asks, _ *exchange.Endpoint) {
		for _, s := range []step{{":0/0/16", nil, "4.04"}, {":5/0/16", nil, "4.04"}, {"0/0/16", nil, "4.04 1:0/0/16"}} {
			x, err := asks.Do(t.Context(), s.message(get()))
			if err != nil || describe(x.Response) != s.want {
				t.Errorf("%s: %v, %v", s.block, x.Response, err)
			}
		}
	})
}
