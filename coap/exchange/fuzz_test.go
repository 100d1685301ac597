package exchange

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// FuzzReceive throws datagrams, each behind a byte of length, at an endpoint with an open request, an
// observation and a handler that answers in different ways. Whatever they are, it must go on serving.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x04\x40\x00\x12\x34"))
	f.Add([]byte("\x08\x43\x01\x00\x01tok\x0b\x08\x43\x01\x00\x01tok\x0b"))
	f.Add([]byte("\x04\x60\x00\x12\x34\x04\x70\x00\x12\x34"))
	f.Add([]byte("\x05\x41\x45\x00\x01o\x05\x51\x45\x00\x01r\x05\x41\x84\x00\x02o"))
	f.Fuzz(func(t *testing.T, in []byte) {
		synctest.Test(t, func(t *testing.T) {
			near, far := newPair()
			e := New(near, Config{Policy: Policy{NSTART: -1}, Stray: func(coap.View) {}, OnReset: func(uint16) {}, Handle: func(r *Request) {
				switch {
				case len(r.Payload) == 0:
					_ = r.Respond(coap.Message{Code: coap.Content})
				case r.Payload[0] == 'k': // kept for good
				case r.Payload[0] == 's':
					_ = r.RespondSeparate(coap.Message{Code: coap.Content}, true, time.Second)
				default:
					_ = r.Reset()
				}
			}})
			defer func() { _ = e.Close() }()
			first := e.NextMessageID()
			asks, watches := get(coap.Confirmable), get(coap.Confirmable)
			asks.Token, watches.Token = []byte("r"), []byte("o")
			go func() { _, _ = e.Do(t.Context(), asks, WithMessageID(first)) }()
			go func() { _, _, _ = e.Observe(t.Context(), watches, WithMessageID(0x1234)) }()
			synctest.Wait()
			for len(in) > 0 {
				n := min(int(in[0]), len(in)-1)
				_, _ = far.Write(in[1 : n+1])
				in = in[n+1:]
				synctest.Wait()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			for len(far.in) > 0 {
				<-far.in
			}
			_, _ = far.Write([]byte{0x40, 0, 0xab, 0xcd}) // a ping
			synctest.Wait()
			if b := <-far.in; string(b) != "\x70\x00\xab\xcd" {
				t.Fatalf("a ping is answered %x", b)
			}
			if e.delayed != 0 || len(e.awaiting) != 0 || len(e.requests) != 0 || e.turns.open != 0 {
				t.Fatalf("after an hour are left: %d delayed, %d awaiting, %d requests, %d turns", e.delayed, len(e.awaiting), len(e.requests), e.turns.open)
			}
		})
	})
}
