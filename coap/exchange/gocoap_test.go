package exchange

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	"github.com/plgd-dev/go-coap/v3/udp/client"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// These tests play against go-coap over loopback, an implementation that shares nothing with this one.

// flow is one peer of a socket of ours.
type flow struct {
	*net.UDPConn
	peer net.Addr
}

func (f *flow) Read(b []byte) (int, error) {
	for {
		n, from, err := f.UDPConn.ReadFrom(b)
		if err != nil || from.String() == f.peer.String() {
			return n, err
		}
	}
}

func (f *flow) Write(b []byte) (int, error) { return f.UDPConn.WriteTo(b, f.peer) }
func (f *flow) RemoteAddr() net.Addr        { return f.peer }

// lossy loses every datagram that lose says.
type lossy struct {
	net.Conn
	lose func() bool
}

func (l lossy) Write(b []byte) (int, error) {
	if l.lose() {
		return len(b), nil
	}
	return l.Conn.Write(b)
}

func (l lossy) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		if err != nil || !l.lose() {
			return n, err
		}
	}
}

var loopback = net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}

// withGoCoAPClient connects a go-coap client with an endpoint of ours.
func withGoCoAPClient(tb testing.TB, cfg Config, wrap func(net.Conn) net.Conn, opts ...udp.Option) (*client.Conn, *Endpoint) {
	tb.Helper()
	socket, err := net.ListenUDP("udp4", &loopback)
	if err != nil {
		tb.Fatal(err)
	}
	dialled, err := net.DialUDP("udp4", nil, socket.LocalAddr().(*net.UDPAddr))
	if err != nil {
		tb.Fatal(err)
	}
	var conn net.Conn = &flow{socket, dialled.LocalAddr()}
	if wrap != nil {
		conn = wrap(conn)
	}
	e := New(conn, cfg)
	cc := udp.Client(dialled, append(opts, options.WithCloseSocket())...)
	tb.Cleanup(func() {
		_ = cc.Close()
		_ = e.Close()
		<-cc.Done()
	})
	return cc, e
}

// withGoCoAPServer connects an endpoint of ours with a go-coap server.
func withGoCoAPServer(tb testing.TB, cfg Config, handler mux.HandlerFunc) *Endpoint {
	tb.Helper()
	l, err := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := udp.NewServer(options.WithMux(handler), options.WithErrors(func(error) {}))
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	conn, err := net.Dial("udp4", l.LocalAddr().String())
	if err != nil {
		tb.Fatal(err)
	}
	e := New(conn, cfg)
	tb.Cleanup(func() {
		_ = e.Close()
		s.Stop()
		served.Wait()
		_ = l.Close()
	})
	return e
}

func testContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// echo answers by method, path and payload.
func echo(r *Request) {
	body := r.Code.Name() + " " + coap.FormatURI(r.Message) + " " + string(r.Payload)
	_ = r.Respond(coap.Message{Code: coap.Content, Payload: []byte(body)})
}

func bodyOf(t *testing.T, m *pool.Message) string {
	t.Helper()
	b, err := io.ReadAll(m.Body())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServesGoCoAP(t *testing.T) {
	const soon = 5 * time.Millisecond
	for name, policy := range map[string]Policy{
		"conformant":     {},
		"separate":       {Separate: soon},
		"separate NON":   {Separate: soon, SeparateNON: true},
		"response first": {Separate: soon, ResponseFirst: true},
		"repeated":       {Repeat: true},
		"delayed":        {ACKDelay: soon},
	} {
		t.Run(name, func(t *testing.T) {
			cc, _ := withGoCoAPClient(t, Config{Policy: policy, Handle: echo}, nil)
			ctx := testContext(t)
			for range 5 {
				m, err := cc.Get(ctx, "/3/0", message.Option{ID: message.URIQuery, Value: []byte("a=b")})
				if err != nil {
					t.Fatal(err)
				}
				if got := bodyOf(t, m); got != "GET /3/0?a=b " {
					t.Errorf("GET: %s", got)
				}
				m, err = cc.Post(ctx, "/rd", message.TextPlain, bytes.NewReader([]byte("hello")))
				if err != nil {
					t.Fatal(err)
				}
				if got := bodyOf(t, m); got != "POST /rd hello" {
					t.Errorf("POST: %s", got)
				}
			}
			if err := cc.Ping(ctx); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
}

func TestServesGoCoAPUnderLoss(t *testing.T) {
	var n atomic.Uint32
	everyThird := func(c net.Conn) net.Conn { return lossy{c, func() bool { return n.Add(1)%3 == 0 }} }
	var handled atomic.Uint32
	cfg := Config{
		Timing: Timing{ACKTimeout: 30 * time.Millisecond},
		Handle: func(r *Request) { handled.Add(1); echo(r) },
	}
	fast := options.WithTransmission(1, 50*time.Millisecond, 20)
	tick := options.WithPeriodicRunner(func(f func(now time.Time) bool) {
		go func() {
			clock := time.NewTicker(10 * time.Millisecond)
			defer clock.Stop()
			for now := range clock.C {
				if !f(now) {
					return
				}
			}
		}()
	})
	cc, _ := withGoCoAPClient(t, cfg, everyThird, fast, tick)
	for range 20 {
		if _, err := cc.Get(testContext(t), "/3/0"); err != nil {
			t.Fatal(err)
		}
	}
	if handled.Load() != 20 {
		t.Errorf("20 requests were carried out %d times", handled.Load())
	}
}

func TestNotifiesGoCoAP(t *testing.T) {
	requests := make(chan *Request, 4)
	cc, e := withGoCoAPClient(t, Config{Handle: func(r *Request) {
		requests <- r
		m := coap.Message{Code: coap.Content, Payload: []byte("0")}
		if v, ok := r.Observe(); ok && v == 0 {
			m.AddUint(coap.Observe, 1)
		}
		_ = r.Respond(m)
	}}, nil)
	ctx := testContext(t)
	got := make(chan string, 16)
	o, err := cc.Observe(ctx, "/3303/0/5700", func(m *pool.Message) {
		b, _ := io.ReadAll(m.Body())
		got <- string(b)
	})
	if err != nil {
		t.Fatal(err)
	}
	r := <-requests
	for i, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable, coap.Confirmable} {
		m := coap.Message{Type: typ, Code: coap.Content, Token: r.Token, Payload: []byte{byte('1' + i)}}
		m.AddUint(coap.Observe, uint64(2+i))
		if _, err := e.Notify(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for range 4 {
		all = append(all, <-got)
	}
	slices.Sort(all) // go-coap hands them out from several goroutines
	if !slices.Equal(all, []string{"0", "1", "2", "3"}) {
		t.Errorf("the observer got %q", all)
	}
	if err := o.Cancel(ctx); err != nil {
		t.Error(err)
	}
	if v, ok := (<-requests).Observe(); !ok || v != 1 {
		t.Error("the cancellation has no Observe 1")
	}
}

func TestAsksGoCoAP(t *testing.T) {
	e := withGoCoAPServer(t, Config{}, func(w mux.ResponseWriter, r *mux.Message) {
		path, _ := r.Path()
		body, _ := r.ReadBody()
		_ = w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte(path+" "+string(body))))
	})
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		for _, code := range []coap.Code{coap.GET, coap.POST, coap.PUT, coap.DELETE, coap.FETCH, coap.IPATCH} {
			m := coap.Message{Type: typ, Code: code}
			m.AddStrings(coap.URIPath, "3", "0")
			if code != coap.GET && code != coap.DELETE {
				m.Payload = []byte("x")
			}
			x, err := e.Do(testContext(t), m)
			if err != nil {
				t.Errorf("%s %s: %v", typ, code, err)
				continue
			}
			if want := "/3/0 " + string(m.Payload); string(x.Response.Payload) != want || x.Response.Code != coap.Content {
				t.Errorf("%s %s: %v %q", typ, code, x.Response, x.Response.Payload)
			}
		}
	}
	if err := e.Ping(testContext(t)); err != nil {
		t.Error(err)
	}
	m := get(coap.Confirmable)
	m.Add(65001, nil)
	if x, err := e.Do(testContext(t), m); err != nil || x.Response.Code != coap.BadOption {
		t.Errorf("an unknown critical option: %v, %v", x.Response, err)
	}
}

func TestObservesGoCoAP(t *testing.T) {
	var observers sync.WaitGroup
	defer observers.Wait()
	notify := func(cc mux.Conn, token message.Token, n uint32) {
		m := cc.AcquireMessage(cc.Context())
		defer cc.ReleaseMessage(m)
		m.SetCode(codes.Content)
		m.SetToken(token)
		m.SetObserve(n)
		m.SetBody(bytes.NewReader([]byte{byte('0' + n)}))
		_ = cc.WriteMessage(m)
	}
	e := withGoCoAPServer(t, Config{}, func(w mux.ResponseWriter, r *mux.Message) {
		v, err := r.Observe()
		if err == nil && v == 0 {
			cc, token := w.Conn(), r.Token()
			_ = w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte("1")), message.Option{ID: message.Observe, Value: []byte{1}})
			observers.Go(func() {
				for n := uint32(2); n <= 4; n++ {
					notify(cc, token, n)
				}
			})
			return
		}
		_ = w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte("end")))
	})
	ctx := testContext(t)
	o, did, err := e.Observe(ctx, get(coap.Confirmable))
	if err != nil {
		t.Fatal(err)
	}
	// The order on the wire is go-coap's; the first may be overtaken.
	got := []string{string(did.Response.Payload)}
	for range 3 {
		select {
		case v := <-o.Notifications():
			got = append(got, string(v.Payload))
		case <-ctx.Done():
			t.Fatalf("only %q came", got)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("notifications %q", got)
	}
	if x, err := o.Cancel(ctx); err != nil || string(x.Response.Payload) != "end" {
		t.Errorf("%v, %v", x.Response, err)
	}
}

// A request that go-coap's client sends and that is reset must not leave anything behind here.
func TestResetsGoCoAP(t *testing.T) {
	cc, e := withGoCoAPClient(t, Config{Policy: Policy{ResetRequests: true}}, nil)
	ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
	defer cancel()
	if _, err := cc.Get(ctx, "/3/0"); err == nil {
		t.Error("the request succeeded")
	}
	if err := e.Err(); err != nil {
		t.Errorf("the endpoint ended: %v", err)
	}
}
