package exchange

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// answerContent answers every request by 2.05 and counts them.
func answerContent(n *int) func(*Request) {
	return func(r *Request) {
		*n++
		_ = r.Respond(coap.Message{Code: coap.Content, Payload: fmt.Append(nil, *n)})
	}
}

// RFC 7252 section 4.2: what cannot be processed is rejected, a Confirmable message by a Reset; nothing
// ends the connection.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		reset     bool
	}{
		{"nothing", "", false},
		{"three bytes", "400112", false},
		{"version 0", "00011234", false},
		{"version 2", "80011234", false},
		{"token length 9 in a CON", "49011234010203040506070809", true},
		{"token length 9 in a NON", "59011234010203040506070809", false},
		{"token cut off", "4401123401", true},
		{"option cut off", "40011234b5", true},
		{"option nibble 15", "40011234f0", true},
		{"payload marker at the end", "40011234ff", true},
		{"payload marker at the end of an acknowledgement", "60451234ff", false},
		{"Empty with a token", "4100123401", true},
		{"Empty NON", "50001234", false},
		{"Empty acknowledgement with a payload", "60001234ff01", false},
		{"Reset with a payload", "70001234ff01", false},
		{"Reset with a response", "70451234", false},
		{"acknowledgement with a request", "60011234", false},
		{"code class 1 in a CON", "40211234", true},
		{"code class 6 in a CON", "40c01234", true},
		{"signalling in a CON", "40e11234", true},
		{"signalling in a NON", "50e11234", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			handled, stray := 0, 0
			cfg := Config{Handle: answerContent(&handled), Stray: func(coap.View) { stray++ }}
			dialogue(t, cfg, func(_ *Endpoint, p *peer) {
				b, err := hex.DecodeString(c.hex)
				if err != nil {
					t.Fatal(err)
				}
				p.sayRaw(b)
				if c.reset {
					p.hears(coap.Reset, coap.Empty, 0x1234, "")
				}
				p.hearNothing(time.Hour)
				if handled != 0 || stray != 1 {
					t.Errorf("%d requests, %d stray messages", handled, stray)
				}
				p.say(request(coap.Confirmable, 1))
				p.hears(coap.Acknowledgement, coap.Content, 1, "tok")
			})
		})
	}
}

func TestPong(t *testing.T) {
	dialogue(t, Config{}, func(_ *Endpoint, p *peer) {
		for range 2 {
			p.say(coap.Message{MessageID: 5})
			p.hears(coap.Reset, coap.Empty, 5, "")
		}
	})
	dialogue(t, Config{Policy: Policy{NoPong: true}}, func(_ *Endpoint, p *peer) {
		p.say(coap.Message{MessageID: 5})
		p.hearNothing(time.Hour)
	})
}

func TestStray(t *testing.T) {
	for _, c := range []struct {
		name   string
		m      coap.Message
		policy Policy
		reset  bool
	}{
		{"a CON response", coap.Message{Type: coap.Confirmable, Code: coap.Content, Token: []byte("x")}, Policy{}, true},
		{"a NON response", coap.Message{Type: coap.NonConfirmable, Code: coap.Content}, Policy{}, true},
		{"a CON response that is to be ignored", coap.Message{Type: coap.Confirmable, Code: coap.Content}, Policy{IgnoreStray: true}, true},
		{"a NON response that is to be ignored", coap.Message{Type: coap.NonConfirmable, Code: coap.Content}, Policy{IgnoreStray: true}, false},
		{"a piggybacked response", coap.Message{Type: coap.Acknowledgement, Code: coap.Content}, Policy{}, false},
		{"an acknowledgement", coap.Message{Type: coap.Acknowledgement}, Policy{}, false},
		{"a Reset", coap.Message{Type: coap.Reset}, Policy{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			stray := 0
			dialogue(t, Config{Policy: c.policy, Stray: func(coap.View) { stray++ }}, func(_ *Endpoint, p *peer) {
				c.m.MessageID = 77
				p.say(c.m)
				if c.reset {
					p.hears(coap.Reset, coap.Empty, 77, "")
				}
				if c.m.Type == coap.Confirmable { // repeated, it is rejected again but not reported again
					p.say(c.m)
					p.hears(coap.Reset, coap.Empty, 77, "")
				}
				p.hearNothing(time.Hour)
			})
			if stray != 1 {
				t.Errorf("%d stray messages", stray)
			}
		})
	}
}

// RFC 7252 section 4.5.
func TestDeduplication(t *testing.T) {
	handled := 0
	dialogue(t, Config{Handle: answerContent(&handled)}, func(e *Endpoint, p *peer) {
		p.say(request(coap.Confirmable, 1))
		first := p.hear()
		time.Sleep(45 * time.Second)
		p.say(request(coap.Confirmable, 1))
		if again := p.hear(); string(again.Raw) != string(first.Raw) || handled != 1 {
			t.Errorf("the repetition was answered %v, the request handled %d times", again, handled)
		}
		// The same message ID with other bytes is another message, which breaks a rule of the peer's.
		other := request(coap.Confirmable, 1)
		other.Token = []byte("new")
		p.say(other)
		p.hears(coap.Acknowledgement, coap.Content, 1, "new")
		if handled != 2 {
			t.Errorf("handled %d times", handled)
		}
		time.Sleep(247 * time.Second)
		p.say(other)
		p.hear()
		if handled != 3 {
			t.Errorf("behind EXCHANGE_LIFETIME: handled %d times", handled)
		}
		e.PeerRestarted()
		p.say(other)
		p.hear()
		if handled != 4 {
			t.Errorf("after a restart: handled %d times", handled)
		}
	})
}

func TestDeduplicationOfNonConfirmable(t *testing.T) {
	handled := 0
	dialogue(t, Config{Handle: answerContent(&handled)}, func(_ *Endpoint, p *peer) {
		p.say(request(coap.NonConfirmable, 1))
		p.hear()
		p.say(request(coap.NonConfirmable, 1))
		p.hearNothing(145*time.Second - 1)
		p.say(request(coap.NonConfirmable, 1))
		p.hearNothing(time.Nanosecond)
		p.say(request(coap.NonConfirmable, 1))
		p.hear()
		if handled != 2 {
			t.Errorf("handled %d times", handled)
		}
	})
}

func TestNoDeduplication(t *testing.T) {
	handled := 0
	dialogue(t, Config{Handle: answerContent(&handled), Policy: Policy{NoDeduplication: true}}, func(_ *Endpoint, p *peer) {
		for range 3 {
			p.say(request(coap.Confirmable, 1))
			p.hears(coap.Acknowledgement, coap.Content, 1, "tok")
		}
	})
	if handled != 3 {
		t.Errorf("handled %d times", handled)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for i := range 3 * rememberedMessages {
			v := coap.View{Message: coap.Message{MessageID: uint16(i)}, Raw: []byte{byte(i), byte(i >> 8), byte(i >> 16)}}
			r, again := m.seen(v, time.Hour)
			if again {
				t.Fatalf("message %d counts as repeated", i)
			}
			m.answered(r, make([]byte, 1000))
			if len(m.entries) > rememberedMessages || len(m.oldest) > rememberedMessages || m.bytes > rememberedBytes {
				t.Fatalf("%d messages, %d in line, %d bytes", len(m.entries), len(m.oldest), m.bytes)
			}
			if _, again := m.seen(v, time.Hour); !again {
				t.Fatalf("message %d was forgotten at once", i)
			}
		}
		// One message ID over and over must not grow the line either.
		for i := range 3 * rememberedMessages {
			m.seen(coap.View{Raw: fmt.Append(nil, i)}, time.Hour)
		}
		if len(m.oldest) > rememberedMessages {
			t.Errorf("%d in line", len(m.oldest))
		}
		time.Sleep(time.Hour)
		m.seen(coap.View{Message: coap.Message{MessageID: 1}, Raw: []byte("x")}, time.Hour)
		if len(m.entries) != 1 || m.bytes != 0 {
			t.Errorf("after their lifetime %d messages and %d bytes are left", len(m.entries), m.bytes)
		}
	})
}

// RFC 7252 sections 5.4.1 and 5.7.2.
func TestCriticalOptions(t *testing.T) {
	with := func(m coap.Message, n coap.OptionNumber, value string) coap.Message {
		m.Add(n, []byte(value))
		return m
	}
	con, non := request(coap.Confirmable, 1), request(coap.NonConfirmable, 1)
	for _, c := range []struct {
		name string
		cfg  Config
		m    coap.Message
		code coap.Code // 0: rejected by a Reset
	}{
		{"unknown elective", Config{}, with(con, 65000, ""), coap.Content},
		{"unknown critical", Config{}, with(con, 65001, ""), coap.BadOption},
		{"unknown critical in a NON", Config{}, with(non, 65001, ""), coap.Empty},
		{"unknown critical, policy", Config{Policy: Policy{IgnoreCritical: true}}, with(con, 65001, ""), coap.Content},
		{"critical of illegal length", Config{}, with(con, coap.URIHost, ""), coap.BadOption},
		{"critical that is repeated", Config{}, with(with(con, coap.Accept, "a"), coap.Accept, "b"), coap.BadOption},
		{"elective that is repeated", Config{}, with(with(con, coap.Observe, ""), coap.Observe, ""), coap.Content},
		{"OSCORE", Config{}, with(con, coap.OSCORE, ""), coap.BadOption},
		{"proxy", Config{}, with(con, coap.ProxyURI, "coap://a/"), coap.ProxyingNotSupported},
		{"proxy in a NON", Config{}, with(non, coap.ProxyScheme, "coap"), coap.ProxyingNotSupported},
		{"what the application recognizes", Config{Recognize: func(n coap.OptionNumber) bool { return n == 65001 || n == coap.URIPath }}, with(con, 65001, ""), coap.Content},
		{"what the application does not recognize", Config{Recognize: func(n coap.OptionNumber) bool { return n == coap.URIPath }}, with(con, coap.Accept, ""), coap.BadOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			handled := 0
			c.cfg.Handle = answerContent(&handled)
			dialogue(t, c.cfg, func(_ *Endpoint, p *peer) {
				p.say(c.m)
				v := p.hear()
				if v.Code != c.code || (handled == 1) != (c.code == coap.Content) || (v.Type == coap.Reset) != (c.code == coap.Empty) {
					t.Errorf("answered by %v, handled %d times", v, handled)
				}
			})
		})
	}
}

func TestNoHandler(t *testing.T) {
	dialogue(t, Config{}, func(_ *Endpoint, p *peer) {
		p.say(request(coap.Confirmable, 1))
		p.hears(coap.Acknowledgement, coap.NotImplemented, 1, "tok")
	})
}

func TestPanicOfAHandler(t *testing.T) {
	var caught any
	cfg := Config{Handle: func(*Request) { panic("broken") }, OnPanic: func(p any) { caught = p }}
	dialogue(t, cfg, func(e *Endpoint, p *peer) {
		p.say(request(coap.Confirmable, 1))
		<-e.Done()
		if caught != "broken" || !errors.Is(e.Err(), ErrClosed) {
			t.Errorf("%v, %v", caught, e.Err())
		}
	})
}

// said is what an endpoint sends in answer to a request, as a line of a dialogue.
func (p *peer) said(until time.Duration) []string {
	var out []string
	for {
		select {
		case b := <-p.conn.in:
			v := coap.Decode(b)
			id := "own ID"
			switch v.MessageID {
			case 1000:
				id = "ID"
			case 1001:
				id = "ID+1"
			}
			token := "token"
			if string(v.Token) != "tok" {
				token = fmt.Sprintf("token %x", v.Token)
			}
			if len(v.Token) == 0 {
				token = "-"
			}
			out = append(out, fmt.Sprintf("%v %s %s %s %s", p.elapsed(), v.Type, v.Code.Dotted(), id, token))
			if v.Type == coap.Confirmable {
				_, _ = p.conn.Write([]byte{0x60, 0, byte(v.MessageID >> 8), byte(v.MessageID)})
			}
		case <-time.After(until - p.elapsed()):
			return out
		}
	}
}

func TestRespond(t *testing.T) {
	con, non := request(coap.Confirmable, 1000), request(coap.NonConfirmable, 1000)
	respond := func(r *Request) { _ = r.Respond(coap.Message{Code: coap.Content}) }
	keep := func(d time.Duration) func(*Request) {
		return func(r *Request) { time.AfterFunc(d, func() { respond(r) }) }
	}
	for _, c := range []struct {
		name   string
		policy Policy
		handle func(*Request)
		m      coap.Message
		want   []string
	}{
		{"conformant", Policy{}, respond, con, []string{"0s ACK 2.05 ID token"}},
		{"conformant, NON", Policy{}, respond, non, []string{"0s NON 2.05 own ID token"}},
		{"kept a little", Policy{}, keep(time.Second / 2), con, []string{"500ms ACK 2.05 ID token"}},
		{"kept longer", Policy{}, keep(time.Minute), con, []string{"1s ACK 0.00 ID -", "1m0s CON 2.05 own ID token"}},
		{"kept longer, NON", Policy{}, keep(time.Minute), non, []string{"1m0s NON 2.05 own ID token"}},
		{"kept longer, separate NON", Policy{SeparateNON: true}, keep(time.Minute), con, []string{"1s ACK 0.00 ID -", "1m0s NON 2.05 own ID token"}},
		{"acknowledged by hand", Policy{}, func(r *Request) { r.Acknowledge(); r.Acknowledge(); keep(time.Minute)(r) }, con, []string{"0s ACK 0.00 ID -", "1m0s CON 2.05 own ID token"}},
		{"acknowledged by hand, NON", Policy{}, func(r *Request) { r.Acknowledge(); respond(r) }, non, []string{"0s NON 2.05 own ID token"}},
		{"reset", Policy{}, func(r *Request) { _ = r.Reset() }, con, []string{"0s RST 0.00 ID -"}},
		{"ignored", Policy{}, func(r *Request) { r.Ignore(); r.Acknowledge(); respond(r) }, con, nil},
		{"answered twice by mistake", Policy{}, func(r *Request) { respond(r); respond(r); _ = r.Reset() }, con, []string{"0s ACK 2.05 ID token"}},
		{"separate by hand", Policy{}, func(r *Request) { _ = r.RespondSeparate(coap.Message{Code: coap.Content}, true, time.Minute) }, con, []string{"0s ACK 0.00 ID -", "1m0s CON 2.05 own ID token"}},
		{"separate by hand, NON", Policy{}, func(r *Request) { _ = r.RespondSeparate(coap.Message{Code: coap.Content}, false, 0) }, con, []string{"0s ACK 0.00 ID -", "0s NON 2.05 own ID token"}},
		{"separate by hand to a NON", Policy{}, func(r *Request) { _ = r.RespondSeparate(coap.Message{Code: coap.Content}, true, time.Minute) }, non, []string{"1m0s CON 2.05 own ID token"}},

		{"Separate", Policy{Separate: time.Minute}, respond, con, []string{"0s ACK 0.00 ID -", "1m0s CON 2.05 own ID token"}},
		{"Separate at once", Policy{Separate: time.Nanosecond}, respond, con, []string{"0s ACK 0.00 ID -", "1ns CON 2.05 own ID token"}},
		{"SeparateNON", Policy{Separate: time.Minute, SeparateNON: true}, respond, con, []string{"0s ACK 0.00 ID -", "1m0s NON 2.05 own ID token"}},
		{"ResponseFirst", Policy{Separate: time.Second, ResponseFirst: true}, respond, con, []string{"1s CON 2.05 own ID token", "2s ACK 0.00 ID -"}},
		{"ResponseFirst, NON", Policy{Separate: time.Second, ResponseFirst: true, SeparateNON: true}, respond, con, []string{"1s NON 2.05 own ID token", "2s ACK 0.00 ID -"}},
		{"ConfirmResponses", Policy{ConfirmResponses: true}, respond, non, []string{"0s CON 2.05 own ID token"}},
		{"Repeat", Policy{Repeat: true}, respond, con, []string{"0s ACK 2.05 ID token", "0s ACK 2.05 ID token"}},
		{"ACKDelay", Policy{ACKDelay: time.Second}, respond, con, []string{"1s ACK 2.05 ID token"}},
		{"ACKDelay with Separate", Policy{ACKDelay: time.Second, Separate: time.Minute}, respond, con, []string{"1s ACK 0.00 ID -", "1m0s CON 2.05 own ID token"}},
		{"NoAcknowledgement", Policy{NoAcknowledgement: true}, respond, con, nil},
		{"NoAcknowledgement, NON", Policy{NoAcknowledgement: true}, respond, non, []string{"0s NON 2.05 own ID token"}},
		{"NoAcknowledgement, kept", Policy{NoAcknowledgement: true}, keep(time.Minute), con, nil},
		{"WrongMessageID", Policy{WrongMessageID: true}, respond, con, []string{"0s ACK 2.05 ID+1 token"}},
		{"WrongMessageID with Separate", Policy{WrongMessageID: true, Separate: time.Second}, respond, con, []string{"0s ACK 0.00 ID+1 -", "1s CON 2.05 own ID token"}},
		{"WrongToken", Policy{WrongToken: true}, respond, con, []string{"0s ACK 2.05 ID token 8b6f6b"}},
		{"ResetRequests", Policy{ResetRequests: true}, respond, con, []string{"0s RST 0.00 ID -"}},
		{"ResetRequests, NON", Policy{ResetRequests: true}, respond, non, []string{"0s RST 0.00 ID -"}},
		{"UnacknowledgedNON", Policy{UnacknowledgedNON: true}, respond, con, []string{"0s NON 2.05 own ID token"}},
		{"SecondResponse", Policy{SecondResponse: true}, respond, con, []string{"0s ACK 2.05 ID token", "10ms NON 2.05 own ID token"}},
		{"SecondResponse with Separate", Policy{SecondResponse: true, Separate: time.Second}, respond, con, []string{"0s ACK 0.00 ID -", "1s CON 2.05 own ID token", "1.01s NON 2.05 own ID token"}},
		{"AcknowledgeNON", Policy{AcknowledgeNON: true}, respond, non, []string{"0s ACK 0.00 ID -", "0s NON 2.05 own ID token"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dialogue(t, Config{Policy: c.policy, Handle: c.handle}, func(_ *Endpoint, p *peer) {
				p.say(c.m)
				if got := p.said(time.Hour); !slices.Equal(got, c.want) {
					t.Errorf("the answers are\n%q instead of\n%q", got, c.want)
				}
			})
		})
	}
}

// What has been answered once is answered the same way again, and not carried out again.
func TestRepeatedRequestWithSeparateResponse(t *testing.T) {
	handled := 0
	dialogue(t, Config{Policy: Policy{Separate: time.Second}, Handle: answerContent(&handled)}, func(_ *Endpoint, p *peer) {
		for range 2 {
			p.say(request(coap.Confirmable, 1000))
			p.hears(coap.Acknowledgement, coap.Empty, 1000, "")
		}
		response := p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: response.MessageID})
		p.say(request(coap.Confirmable, 1000))
		p.hears(coap.Acknowledgement, coap.Empty, 1000, "")
		p.hearNothing(time.Hour)
	})
	if handled != 1 {
		t.Errorf("handled %d times", handled)
	}
}

func TestSeparateResponseIsRetransmitted(t *testing.T) {
	n := 0
	dialogue(t, Config{Policy: Policy{Separate: time.Second}, Handle: answerContent(&n)}, func(_ *Endpoint, p *peer) {
		p.say(request(coap.Confirmable, 1000))
		p.hear()
		first := p.hear()
		for range 4 {
			if again := p.hear(); string(again.Raw) != string(first.Raw) {
				t.Errorf("repeated as %v", again)
			}
		}
		p.hearNothing(time.Hour)
	})
}

// A peer that asks for many separate responses without acknowledging any gets piggybacked ones in the
// end: neither memory nor goroutines grow with its requests.
func TestDelayedResponsesAreBounded(t *testing.T) {
	n := 0
	dialogue(t, Config{Policy: Policy{Separate: time.Second}, Handle: answerContent(&n)}, func(e *Endpoint, p *peer) {
		for i := range 2 * maxDelayed {
			p.say(request(coap.Confirmable, uint16(i)))
			if v, want := p.hear(), i >= maxDelayed; (v.Code == coap.Content) != want || v.Type != coap.Acknowledgement {
				t.Fatalf("request %d is answered by %v", i, v)
			}
		}
	})
}

func TestPoliciesOfTheRequester(t *testing.T) {
	t.Run("NoRetransmit", func(t *testing.T) {
		dialogue(t, Config{Policy: Policy{NoRetransmit: true}}, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(coap.Confirmable))
			p.hear()
			p.hearNothing(time.Hour)
			if r := p.ended(ch); !errors.Is(r.err, ErrTimeout) || r.at < 62*time.Second {
				t.Errorf("after %v: %v", r.at, r.err)
			}
		})
	})
	t.Run("NoBackoff", func(t *testing.T) {
		dialogue(t, Config{Policy: Policy{NoBackoff: true}}, func(e *Endpoint, p *peer) {
			p.do(p.t.Context(), e, get(coap.Confirmable))
			p.hear()
			p.hear()
			timeout := p.elapsed()
			for i := range time.Duration(3) {
				if p.hear(); p.elapsed() != (i+2)*timeout {
					t.Errorf("a repetition after %v instead of %v", p.elapsed(), (i+2)*timeout)
				}
			}
		})
	})
	t.Run("ReuseMessageID", func(t *testing.T) {
		dialogue(t, Config{Policy: Policy{ReuseMessageID: true, NSTART: -1}}, func(e *Endpoint, p *peer) {
			p.do(p.t.Context(), e, get(coap.Confirmable))
			p.do(p.t.Context(), e, get(coap.Confirmable))
			if a, b := p.hear(), p.hear(); a.MessageID != b.MessageID {
				t.Errorf("message IDs %d and %d", a.MessageID, b.MessageID)
			}
		})
	})
	t.Run("ReuseToken", func(t *testing.T) {
		dialogue(t, Config{Policy: Policy{ReuseToken: true, NSTART: -1}}, func(e *Endpoint, p *peer) {
			p.do(p.t.Context(), e, get(coap.Confirmable))
			p.do(p.t.Context(), e, get(coap.Confirmable))
			if a, b := p.hear(), p.hear(); string(a.Token) != string(b.Token) {
				t.Errorf("tokens %x and %x", a.Token, b.Token)
			}
		})
	})
}

func TestPoliciesTowardsResponses(t *testing.T) {
	for name, c := range map[string]struct {
		policy Policy
		want   []string
	}{
		"NoAcknowledgement": {Policy{NoAcknowledgement: true}, nil},
		"WrongMessageID":    {Policy{WrongMessageID: true}, []string{"0s ACK 0.00 ID+1 -"}},
		"ResetResponses":    {Policy{ResetResponses: true}, []string{"0s RST 0.00 ID -"}},
		"ACKDelay":          {Policy{ACKDelay: time.Second}, []string{"1s ACK 0.00 ID -"}},
		"Repeat":            {Policy{Repeat: true}, []string{"0s ACK 0.00 ID -", "0s ACK 0.00 ID -"}},
	} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, Config{Policy: c.policy}, func(e *Endpoint, p *peer) {
				ch := p.do(p.t.Context(), e, get(coap.Confirmable))
				q := p.hear()
				p.say(coap.Message{Type: coap.Confirmable, Code: coap.Content, MessageID: 1000, Token: q.Token})
				if r := p.ended(ch); r.err != nil {
					t.Error(r.err)
				}
				if got := p.said(time.Hour); !slices.Equal(got, c.want) {
					t.Errorf("%q instead of %q", got, c.want)
				}
			})
		})
	}
}
