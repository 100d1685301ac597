package exchange

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// perConnection is how many requests go over one connection: go-coap tells requests apart by their
// message IDs alone, which repeat after 65536.
const perConnection = 50000

var temperature = []byte("22.5")

// BenchmarkRoundTrip measures a small request and its piggybacked response over loopback, one at a
// time: this endpoint on both sides, go-coap on both sides, and each asking the other.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("exchange", func(b *testing.B) { roundTrips(b, askOurs(serveOurs)) })
	b.Run("go-coap", func(b *testing.B) { roundTrips(b, askTheirs(serveTheirs)) })
	b.Run("exchange-asks-go-coap", func(b *testing.B) { roundTrips(b, askOurs(serveTheirs)) })
	b.Run("go-coap-asks-exchange", func(b *testing.B) { roundTrips(b, askTheirs(serveOurs)) })
}

// A server listens for a client that is not connected yet, and says where; ready is called with the
// address of the client's socket.
type server func(b *testing.B) (at *net.UDPAddr, ready func(client net.Addr), stop func())

func serveOurs(b *testing.B) (*net.UDPAddr, func(net.Addr), func()) {
	socket, err := net.ListenUDP("udp4", &loopback)
	if err != nil {
		b.Fatal(err)
	}
	var e *Endpoint
	start := func(peer net.Addr) {
		e = New(&flow{socket, peer}, Config{Handle: func(r *Request) {
			m := coap.Message{Code: coap.Content, Payload: temperature}
			m.AddUint(coap.ContentFormat, 0)
			_ = r.Respond(m)
		}})
	}
	return socket.LocalAddr().(*net.UDPAddr), start, func() { _ = e.Close() }
}

func serveTheirs(b *testing.B) (*net.UDPAddr, func(net.Addr), func()) {
	l, err := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := udp.NewServer(options.WithMux(mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
		_ = w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader(temperature))
	})))
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	return l.LocalAddr().(*net.UDPAddr), func(net.Addr) {}, func() { s.Stop(); <-done; _ = l.Close() }
}

// asker connects and gives a function that makes one round trip.
type asker func(b *testing.B) (ask func() error, stop func())

func dial(b *testing.B, s server) (*net.UDPConn, func()) {
	at, ready, stop := s(b)
	c, err := net.DialUDP("udp4", nil, at)
	if err != nil {
		b.Fatal(err)
	}
	ready(c.LocalAddr())
	return c, stop
}

func askOurs(s server) asker {
	return func(b *testing.B) (func() error, func()) {
		c, stop := dial(b, s)
		e := New(c, Config{})
		m := get(coap.Confirmable)
		return func() error { _, err := e.Do(context.Background(), m); return err }, func() { _ = e.Close(); stop() }
	}
}

func askTheirs(s server) asker {
	return func(b *testing.B) (func() error, func()) {
		c, stop := dial(b, s)
		cc := udp.Client(c, options.WithCloseSocket())
		ask := func() error {
			m, err := cc.Get(context.Background(), "/3/0")
			if err == nil {
				cc.ReleaseMessage(m)
			}
			return err
		}
		return ask, func() { _ = cc.Close(); stop() }
	}
}

func roundTrips(b *testing.B, connect asker) {
	b.ReportAllocs()
	ask, stop := connect(b)
	defer func() { stop() }()
	took := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		if len(took)%perConnection == perConnection-1 {
			b.StopTimer()
			stop()
			ask, stop = connect(b)
			b.StartTimer()
		}
		start := time.Now()
		if err := ask(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "roundtrips/s")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
