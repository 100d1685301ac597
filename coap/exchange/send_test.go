package exchange

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

func TestTiming(t *testing.T) {
	if got := DefaultTiming.MaxTransmitSpan(); got != 45*time.Second {
		t.Errorf("MAX_TRANSMIT_SPAN is %v", got)
	}
	if got := DefaultTiming.MaxTransmitWait(); got != 93*time.Second {
		t.Errorf("MAX_TRANSMIT_WAIT is %v", got)
	}
	if got := (Timing{ACKTimeout: time.Second}).withDefaults(); got.MaxTransmitWait() != 93*time.Second/2 || got.NonLifetime != 145*time.Second {
		t.Errorf("zero fields become %+v", got)
	}
	if got := (Timing{ACKTimeout: time.Second, ACKRandomFactor: 1, MaxRetransmit: 1 << 40}).MaxTransmitWait(); got <= 0 {
		t.Errorf("an absurd MAX_RETRANSMIT gives %v", got)
	}
}

// RFC 7252 section 4.2: five transmissions, the timeout between 2 and 3 s and doubling.
func TestRetransmission(t *testing.T) {
	for seed := range uint64(5) {
		dialogue(t, Config{Seed: seed}, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(coap.Confirmable))
			first := p.hear()
			var times []time.Duration
			for range 4 {
				if again := p.hear(); !bytes.Equal(again.Raw, first.Raw) {
					t.Errorf("a retransmission differs: %x, %x", first.Raw, again.Raw)
				}
				times = append(times, p.elapsed())
			}
			timeout := times[0]
			if timeout < 2*time.Second || timeout > 3*time.Second {
				t.Errorf("the first retransmission came after %v", timeout)
			}
			for i, at := range times {
				if want := timeout * (1<<(i+1) - 1); at != want {
					t.Errorf("retransmission %d came after %v instead of %v", i+1, at, want)
				}
			}
			p.hearNothing(16*timeout - 1)
			p.open(ch)
			time.Sleep(time.Nanosecond)
			r := p.ended(ch)
			if !errors.Is(r.err, ErrTimeout) || r.at != 31*timeout || r.Request.MessageID != first.MessageID {
				t.Errorf("it ended after %v with %v", r.at, r.err)
			}
		})
	}
}

func TestRandomFactorFollowsTheSeed(t *testing.T) {
	at := func(seed uint64) (d time.Duration, raw []byte) {
		dialogue(t, Config{Seed: seed}, func(e *Endpoint, p *peer) {
			p.do(p.t.Context(), e, get(coap.Confirmable))
			raw = p.hear().Raw
			p.hear()
			d = p.elapsed()
		})
		return d, raw
	}
	d1, b1 := at(1)
	d2, b2 := at(1)
	d3, b3 := at(2)
	if d1 != d2 || !bytes.Equal(b1, b2) {
		t.Errorf("the same seed made %v, %x and %v, %x", d1, b1, d2, b2)
	}
	if d1 == d3 || bytes.Equal(b1, b3) {
		t.Errorf("two seeds made %v, %x", d1, b1)
	}
}

func TestPiggybackedResponse(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		ch := p.do(p.t.Context(), e, get(coap.Confirmable))
		q := p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: q.MessageID, Token: q.Token, Payload: []byte("x")})
		if r := p.ended(ch); r.err != nil || string(r.Response.Payload) != "x" {
			t.Errorf("%v, %v", r.Response, r.err)
		}
		p.hearNothing(time.Hour)
	})
}

func TestSeparateResponse(t *testing.T) {
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		dialogue(t, Config{}, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(coap.Confirmable))
			q := p.hear()
			p.say(coap.Message{Type: coap.Acknowledgement, MessageID: q.MessageID})
			p.hearNothing(time.Minute)
			p.open(ch)
			response := coap.Message{Type: typ, Code: coap.Content, MessageID: 7, Token: q.Token}
			for range 2 { // the repetition is acknowledged like the first and otherwise ignored
				p.say(response)
				if typ == coap.Confirmable {
					p.hears(coap.Acknowledgement, coap.Empty, 7, "")
				}
			}
			if r := p.ended(ch); r.err != nil || r.Response.MessageID != 7 {
				t.Errorf("%v, %v", r.Response, r.err)
			}
			p.hearNothing(time.Hour)
		})
	}
}

func TestSeparateResponseBeforeAcknowledgement(t *testing.T) {
	stray := 0
	dialogue(t, Config{Stray: func(coap.View) { stray++ }}, func(e *Endpoint, p *peer) {
		ch := p.do(p.t.Context(), e, get(coap.Confirmable))
		q := p.hear()
		p.say(coap.Message{Type: coap.Confirmable, Code: coap.Content, MessageID: 7, Token: q.Token})
		p.hears(coap.Acknowledgement, coap.Empty, 7, "")
		if r := p.ended(ch); r.err != nil {
			t.Error(r.err)
		}
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: q.MessageID})
		p.hearNothing(time.Hour)
	})
	if stray != 0 {
		t.Error("the acknowledgement that came behind the response counts as stray")
	}
}

func TestResponseTimeout(t *testing.T) {
	for _, c := range []struct {
		typ  coap.Type
		cfg  Config
		want time.Duration
	}{
		{coap.Confirmable, Config{}, time.Second + 93*time.Second},
		{coap.Confirmable, Config{ResponseTimeout: time.Hour}, time.Second + time.Hour},
		{coap.NonConfirmable, Config{}, 93 * time.Second},
		{coap.NonConfirmable, Config{ResponseTimeout: time.Minute}, time.Minute},
	} {
		dialogue(t, c.cfg, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(c.typ))
			q := p.hear()
			time.Sleep(time.Second)
			if c.typ == coap.Confirmable {
				p.say(coap.Message{Type: coap.Acknowledgement, MessageID: q.MessageID})
			}
			p.hearNothing(2 * time.Hour)
			if r := p.ended(ch); !errors.Is(r.err, ErrTimeout) || r.at != c.want {
				t.Errorf("%s: it ended after %v with %v", c.typ, r.at, r.err)
			}
		})
	}
}

// A peer that answers twice, within the acknowledgement and beside it, must not stop the reading.
func TestTwoResponsesAtOnce(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		o := newOutgoing(request(coap.Confirmable, 0))
		o.response = make(chan answer, 1)
		e.requests["tok"] = o
		e.start(o, call{})
		beside := coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 1, Token: []byte("tok")}
		within := coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: o.message.MessageID, Token: []byte("tok")}
		p.say(beside)
		p.say(within)
		p.say(coap.Message{MessageID: 5})
		p.hears(coap.Reset, coap.Empty, 5, "")
		if a := <-o.response; a.view.MessageID != 1 {
			t.Errorf("delivered %v", a.view)
		}
	})
}

// RFC 7252 section 5.3.2: a piggybacked response matches by message ID and token.
func TestMismatch(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*coap.Message)
		retransmits bool
	}{
		{"another token", func(m *coap.Message) { m.Token = []byte("other") }, false},
		{"no token", func(m *coap.Message) { m.Token = nil }, false},
		{"another message ID", func(m *coap.Message) { m.MessageID++ }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			stray := 0
			dialogue(t, Config{Stray: func(coap.View) { stray++ }}, func(e *Endpoint, p *peer) {
				ch := p.do(p.t.Context(), e, get(coap.Confirmable))
				q := p.hear()
				wrong := coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: q.MessageID, Token: q.Token}
				c.change(&wrong)
				p.say(wrong)
				p.open(ch)
				if c.retransmits {
					p.hear()
				} else {
					p.hearNothing(time.Minute)
				}
				p.say(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 7, Token: q.Token})
				if r := p.ended(ch); r.err != nil {
					t.Error(r.err)
				}
				if stray != 1 {
					t.Errorf("%d stray messages", stray)
				}
			})
		})
	}
}

func TestResetEndsARequest(t *testing.T) {
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		dialogue(t, Config{}, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(typ))
			q := p.hear()
			p.say(coap.Message{Type: coap.Reset, MessageID: q.MessageID})
			if r := p.ended(ch); !errors.Is(r.err, ErrReset) {
				t.Errorf("%s: %v", typ, r.err)
			}
			p.hearNothing(time.Hour)
		})
	}
}

// An acknowledgement of a Non-confirmable message means nothing (RFC 7252 section 4.3).
func TestAcknowledgementOfNonConfirmable(t *testing.T) {
	stray := 0
	dialogue(t, Config{Stray: func(coap.View) { stray++ }}, func(e *Endpoint, p *peer) {
		ch := p.do(p.t.Context(), e, get(coap.NonConfirmable))
		q := p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: q.MessageID})
		p.say(coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: q.MessageID, Token: q.Token})
		p.open(ch)
		p.say(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 9, Token: q.Token})
		if r := p.ended(ch); r.err != nil || r.Response.MessageID != 9 {
			t.Errorf("%v, %v", r.Response, r.err)
		}
	})
	if stray != 2 {
		t.Errorf("%d stray messages", stray)
	}
}

func TestContextEndsARequest(t *testing.T) {
	cause := errors.New("the case is over")
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		ctx, cancel := context.WithCancelCause(p.t.Context())
		ch := p.do(ctx, e, get(coap.Confirmable))
		q := p.hear()
		cancel(cause)
		if r := p.ended(ch); !errors.Is(r.err, ErrTimeout) || !errors.Is(r.err, cause) {
			t.Error(r.err)
		}
		// What comes now is for nobody.
		p.say(coap.Message{Type: coap.Confirmable, Code: coap.Content, MessageID: 7, Token: q.Token})
		p.hears(coap.Reset, coap.Empty, 7, "")
		p.hearNothing(time.Hour)
	})
}

func TestCloseEndsEverything(t *testing.T) {
	dialogue(t, Config{Policy: Policy{NSTART: 2, Separate: time.Minute}, Handle: func(r *Request) { _ = r.Respond(coap.Message{Code: coap.Content}) }}, func(e *Endpoint, p *peer) {
		sent := p.do(p.t.Context(), e, get(coap.Confirmable))
		acked := p.do(p.t.Context(), e, get(coap.Confirmable))
		waiting := p.do(p.t.Context(), e, get(coap.Confirmable))
		p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: p.hear().MessageID})
		p.say(request(coap.Confirmable, 1)) // will be answered in a minute
		o, _, _ := e.Observe(canceled(), get(coap.Confirmable))
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		for _, ch := range []<-chan result{sent, acked, waiting} {
			if r := p.ended(ch); !errors.Is(r.err, ErrClosed) {
				t.Error(r.err)
			}
		}
		if _, ok := <-o.Notifications(); ok || !errors.Is(e.Err(), ErrClosed) {
			t.Error("the endpoint has not ended")
		}
		if _, err := e.Do(p.t.Context(), get(coap.Confirmable)); !errors.Is(err, ErrClosed) {
			t.Errorf("a request on a closed endpoint: %v", err)
		}
		if err := e.Ping(p.t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("a ping on a closed endpoint: %v", err)
		}
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestPing(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer coap.Type
		ok     bool
	}{{"a Reset", coap.Reset, true}, {"an acknowledgement", coap.Acknowledgement, false}} {
		dialogue(t, Config{}, func(e *Endpoint, p *peer) {
			ch := make(chan error, 1)
			go func() { ch <- e.Ping(p.t.Context()) }()
			q := p.hear()
			if q.Type != coap.Confirmable || len(q.Raw) != 4 {
				t.Errorf("the ping is %x", q.Raw)
			}
			p.say(coap.Message{Type: c.answer, MessageID: q.MessageID})
			if err := <-ch; (err == nil) != c.ok {
				t.Errorf("answered by %s: %v", c.name, err)
			}
		})
	}
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		if err := e.Ping(p.t.Context()); !errors.Is(err, ErrTimeout) {
			t.Errorf("unanswered: %v", err)
		}
	})
}

func TestNotify(t *testing.T) {
	notification := coap.Message{Type: coap.Confirmable, Code: coap.Content, Token: []byte("tok")}
	type outcome struct {
		m   coap.Message
		err error
	}
	play := func(answer *coap.Message, is error) {
		t.Helper()
		dialogue(t, Config{}, func(e *Endpoint, p *peer) {
			ch := make(chan outcome, 1)
			go func() { m, err := e.Notify(p.t.Context(), notification); ch <- outcome{m, err} }()
			v := p.hear()
			if answer != nil {
				a := *answer
				a.MessageID = v.MessageID
				p.say(a)
			}
			if got := <-ch; !errors.Is(got.err, is) || got.m.MessageID != v.MessageID {
				t.Errorf("message ID %d: %v", got.m.MessageID, got.err)
			}
		})
	}
	play(&coap.Message{Type: coap.Acknowledgement}, nil)
	play(&coap.Message{Type: coap.Reset}, ErrReset)
	play(nil, ErrTimeout)
	// An acknowledgement is one, whatever the peer carries in it.
	play(&coap.Message{Type: coap.Acknowledgement, Code: coap.Content, Token: []byte("tok")}, nil)
}

func TestNotifyNonConfirmable(t *testing.T) {
	var resets []uint16
	stray := 0
	dialogue(t, Config{OnReset: func(id uint16) { resets = append(resets, id) }, Stray: func(coap.View) { stray++ }}, func(e *Endpoint, p *peer) {
		m, err := e.Notify(p.t.Context(), coap.Message{Type: coap.NonConfirmable, Code: coap.Content, Token: []byte("tok")})
		if err != nil {
			t.Fatal(err)
		}
		p.hears(coap.NonConfirmable, coap.Content, m.MessageID, "tok")
		p.say(coap.Message{Type: coap.Reset, MessageID: m.MessageID})
		if len(resets) != 1 || resets[0] != m.MessageID || stray != 0 {
			t.Errorf("Resets of %v, %d of them stray", resets, stray)
		}
	})
}

func TestMessageIDsAndTokens(t *testing.T) {
	dialogue(t, Config{Policy: Policy{NSTART: -1}}, func(e *Endpoint, p *peer) {
		next := e.NextMessageID() + 1
		p.do(p.t.Context(), e, get(coap.Confirmable), WithMessageID(next))
		p.hears(coap.Confirmable, coap.GET, next, string(p.lastToken(e)))
		if id := e.NextMessageID(); id != next+1 {
			t.Errorf("message ID %d is given out while %d is under way", id, next)
		}
		fixed := get(coap.NonConfirmable)
		fixed.Token = []byte("mine")
		p.do(p.t.Context(), e, fixed)
		p.hears(coap.NonConfirmable, coap.GET, next+2, "mine")
	})
	dialogue(t, Config{Policy: Policy{NSTART: -1, TokenLength: 1}}, func(e *Endpoint, p *peer) {
		seen := map[string]bool{}
		for range 300 {
			p.do(p.t.Context(), e, get(coap.NonConfirmable))
			v := p.hear()
			if seen[string(v.Token)] || len(v.Token) == 0 {
				t.Fatalf("token %x is used twice", v.Token)
			}
			seen[string(v.Token)] = true
		}
	})
	dialogue(t, Config{Policy: Policy{NSTART: -1, NoToken: true}}, func(e *Endpoint, p *peer) {
		p.do(p.t.Context(), e, get(coap.NonConfirmable))
		p.do(p.t.Context(), e, get(coap.NonConfirmable))
		if a, b := p.hear(), p.hear(); len(a.Token) != 0 || len(b.Token) == 0 {
			t.Errorf("tokens %x and %x", a.Token, b.Token)
		}
	})
}

// lastToken is the token of the only open request.
func (p *peer) lastToken(e *Endpoint) (token []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for t := range e.requests {
		token = []byte(t)
	}
	return token
}

// RFC 7252 section 4.7.
func TestNSTART(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		first := p.do(p.t.Context(), e, get(coap.Confirmable))
		second := p.do(p.t.Context(), e, get(coap.NonConfirmable))
		third := p.do(p.t.Context(), e, get(coap.Confirmable))
		q1 := p.hear()
		p.hearNothing(time.Second)
		// With the acknowledgement the interaction is not outstanding any more.
		p.say(coap.Message{Type: coap.Acknowledgement, MessageID: q1.MessageID})
		q2 := p.hear()
		if q2.Type != coap.NonConfirmable {
			t.Errorf("the turns are out of order: %v", q2)
		}
		p.hearNothing(time.Second)
		p.say(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 1, Token: q2.Token})
		q3 := p.hear()
		p.say(coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: q3.MessageID, Token: q3.Token})
		p.say(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 2, Token: q1.Token})
		for _, ch := range []<-chan result{first, second, third} {
			if r := p.ended(ch); r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

func TestNSTARTIsAPolicy(t *testing.T) {
	for _, c := range []struct{ nstart, open int }{{0, 1}, {1, 1}, {3, 3}, {-1, 8}} {
		dialogue(t, Config{Policy: Policy{NSTART: c.nstart}}, func(e *Endpoint, p *peer) {
			for range 8 {
				p.do(p.t.Context(), e, get(coap.Confirmable))
			}
			if got := len(p.conn.in); got != c.open {
				t.Errorf("NSTART %d: %d are open", c.nstart, got)
			}
			e.SetPolicy(Policy{NSTART: 5})
			synctest.Wait()
			if got := len(p.conn.in); got != max(5, c.open) {
				t.Errorf("NSTART %d, then 5: %d are open", c.nstart, got)
			}
			p.do(p.t.Context(), e, get(coap.Confirmable), WithoutTurn())
			if got := len(p.conn.in); got != max(5, c.open)+1 {
				t.Errorf("without a turn: %d are open", got)
			}
		})
	}
}

func TestWaitingForATurnEnds(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		first := p.do(p.t.Context(), e, get(coap.Confirmable))
		q := p.hear()
		ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
		defer cancel()
		second := p.do(ctx, e, get(coap.Confirmable))
		third := p.do(p.t.Context(), e, get(coap.Confirmable))
		p.hearNothing(time.Second)
		if r := p.ended(second); !errors.Is(r.err, ErrTimeout) || r.at != time.Second {
			t.Errorf("after %v: %v", r.at, r.err)
		}
		p.say(coap.Message{Type: coap.Reset, MessageID: q.MessageID})
		p.ended(first)
		q = p.hear() // of the third: the place of the second was given up
		p.say(coap.Message{Type: coap.Reset, MessageID: q.MessageID})
		p.ended(third)
	})
}

// The turn may come in the moment its waiter gives up; it must not go lost.
func TestTurnsAreNotLost(t *testing.T) {
	dialogue(t, Config{}, func(e *Endpoint, p *peer) {
		for range 200 {
			if err := e.enter(p.t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(p.t.Context())
			done := make(chan struct{})
			go func() {
				if e.enter(ctx) == nil {
					e.leave()
				}
				close(done)
			}()
			synctest.Wait()
			cancel()  // wakes the waiter
			e.leave() // and gives it the turn before it has left the line
			<-done
			if e.turns.open != 0 || len(e.turns.waiting) != 0 {
				t.Fatalf("%d are open, %d wait", e.turns.open, len(e.turns.waiting))
			}
		}
	})
}

// A response with a critical option that is not recognized is rejected (RFC 7252 section 5.4.1).
func TestRejectedResponse(t *testing.T) {
	for _, typ := range []coap.Type{coap.Confirmable, coap.Acknowledgement} {
		dialogue(t, Config{}, func(e *Endpoint, p *peer) {
			ch := p.do(p.t.Context(), e, get(coap.Confirmable))
			q := p.hear()
			m := coap.Message{Type: typ, Code: coap.Content, MessageID: q.MessageID, Token: q.Token}
			m.Add(65001, nil)
			p.say(m)
			if typ == coap.Confirmable {
				p.hears(coap.Reset, coap.Empty, m.MessageID, "")
			}
			if r := p.ended(ch); !errors.Is(r.err, ErrRejected) || r.Response.Code != coap.Content {
				t.Errorf("%v, %v", r.Response, r.err)
			}
			p.hearNothing(time.Hour)
		})
	}
}
