package trace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := New()
		l := tr.NewLink(Link{Client: "client", Server: "server"})
		start := time.Now()
		for i, s := range []string{"c CON POST 1 aa", "c CON POST 2 bb", "s ACK 2.04 2 bb", "s ACK 2.01 1 aa"} {
			from, rest, _ := strings.Cut(s, " ")
			time.AfterFunc(time.Duration(i+1)*time.Second, func() { tr.Message(l, from == "c", datagram(t, rest)) })
		}
		var looked []int
		x, err := tr.Await(t.Context(), 0, func(x Exchange) bool {
			looked = append(looked, x.Request.N)
			return x.Response != nil && x.Response.View.Code == coap.Created
		})
		if err != nil || x.Request.N != 1 || time.Since(start) != 4*time.Second {
			t.Errorf("got %d, %v after %s", x.Request.N, err, time.Since(start))
		}
		if !slices.Equal(looked, []int{1, 2, 2, 1}) {
			t.Errorf("the matcher was asked about %v", looked)
		}
		if x, err := tr.Await(t.Context(), 1, func(Exchange) bool { return true }); err != nil || x.Request.N != 2 {
			t.Errorf("after 1 came %d, %v", x.Request.N, err)
		}
		e, err := tr.AwaitEntry(t.Context(), 1, func(e Entry) bool { return e.From == "server" })
		if err != nil || e.N != 3 || e.To != "client" {
			t.Errorf("AwaitEntry gave %d from %s to %s, %v", e.N, e.From, e.To, err)
		}
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := New()
		l := tr.NewLink(Link{Client: "client", Server: "server"})
		late := errors.New("it is too late")
		ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(93*time.Second), late)
		defer cancel()
		time.AfterFunc(time.Second, func() { tr.Message(l, true, datagram(t, "c CON POST 1 aa"[2:])) })
		if _, err := tr.Await(ctx, 0, func(x Exchange) bool { return x.Response != nil }); !errors.Is(err, late) {
			t.Errorf("got %v", err)
		}
		// What is there already is found, also by a context that has ended.
		if _, err := tr.Await(ctx, 0, func(Exchange) bool { return true }); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestAwaitNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := New()
		l := tr.NewLink(Link{Client: "client", Server: "server"})
		for i, s := range []string{"s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "c NON 2.05 90 aa observe=2", "c NON 2.05 91 aa observe=3"} {
			from, rest, _ := strings.Cut(s, " ")
			time.AfterFunc(time.Duration(i)*time.Minute, func() { tr.Message(l, from == "c", datagram(t, rest)) })
		}
		for _, want := range []int{3, 4} {
			e, err := tr.AwaitNotification(t.Context(), 1, want-1)
			if err != nil || e.N != want {
				t.Errorf("got %d, %v, want %d", e.N, err, want)
			}
		}
		x, _ := tr.ExchangeOf(1)
		if n := x.NotificationsAfter(4); n != nil {
			t.Errorf("after the last came %v", n)
		}
	})
}

func TestFullTraceSaysSo(t *testing.T) {
	for name, limits := range map[string]Limits{"entries": {Entries: 3}, "bytes": {Bytes: 15}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := NewLimited(limits)
				l := tr.NewLink(Link{Client: "client", Server: "server"})
				waiting := make(chan error)
				go func() {
					_, err := tr.Await(t.Context(), 0, func(x Exchange) bool { return x.Request.View.MessageID == 9 })
					waiting <- err
				}()
				for i := range 10 {
					n := tr.Message(l, true, datagram(t, "CON POST "+string(rune('0'+i))+" aa"))
					if (n == 0) != (i >= 3) {
						t.Errorf("message %d got number %d", i, n)
					}
				}
				err := <-waiting
				if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "after 3 messages of 15 bytes") {
					t.Errorf("who waited got %v", err)
				}
				if tr.Len() != 3 || !tr.Full() {
					t.Errorf("the trace holds %d entries, full: %v", tr.Len(), tr.Full())
				}
			})
		})
	}
}

func TestEntriesAreCompleted(t *testing.T) {
	tr := New()
	tr.SetIUT("client")
	l := tr.NewLink(Link{Client: "client", Server: "server", Life: 1})
	tr.Message(l, true, datagram(t, "CON POST 1 aa"))
	tr.SetDeliberate(l, true)
	tr.SetLife(2)
	tr.Message(l, true, datagram(t, "CON POST 2 aa"))
	tr.Message(l, false, datagram(t, "ACK 2.01 2 bb"))
	tr.SetDeliberate(l, false)
	tr.Message(l, false, datagram(t, "ACK 2.01 2 aa"))
	held := tr.Entries()
	tr.Note(2, "one")
	tr.Note(2, "two")
	tr.MarkDeliberate(4)
	tr.Note(99, "nobody")
	type facts struct {
		life             int
		iut, deliberate  bool
		from, to, notes  string
		beforeDeliberate bool
	}
	want := []facts{
		{1, true, false, "client", "server", "", false},
		{2, true, false, "client", "server", "one, two", false},
		{2, false, true, "server", "client", "", true},
		{2, false, true, "server", "client", "", false},
	}
	for i, e := range tr.Entries() {
		got := facts{e.Life, e.FromIUT, e.Deliberate, e.From, e.To, strings.Join(e.Notes, ", "), held[i].Deliberate}
		if got != want[i] {
			t.Errorf("entry %d: %v, want %v", e.N, got, want[i])
		}
	}
	if l.Name != "client to server 1" || held[1].Notes != nil {
		t.Errorf("the link is called %q, the copy that was held has notes %v", l.Name, held[1].Notes)
	}
	if _, ok := tr.Entry(5); ok {
		t.Error("there is an entry 5")
	}
}

func TestSnapshotsDoNotChange(t *testing.T) {
	tr := play(t, "client", "s CON GET 7 aa observe=0", "c ACK 2.05 7 aa observe=1", "c NON 2.05 90 aa observe=2")
	before, _ := tr.ExchangeOf(1)
	tr.Note(1, "request")
	tr.Note(2, "response")
	tr.Note(3, "notification")
	tr.Message(before.Request.Link, true, datagram(t, "NON 2.05 91 aa observe=3"))
	if before.Request.Notes != nil || before.Response.Notes != nil || before.Notifications[0].Notes != nil || len(before.Notifications) != 1 {
		t.Errorf("what was handed out has changed: %+v", before)
	}
	_ = append(before.Notifications, Entry{N: 99})
	after, _ := tr.ExchangeOf(1)
	var notes []string
	for _, e := range append([]Entry{after.Request, *after.Response}, after.Notifications...) {
		notes = append(notes, e.Notes...)
	}
	if !slices.Equal(notes, []string{"request", "response", "notification"}) || len(after.Notifications) != 2 || after.Notifications[1].N != 4 {
		t.Errorf("the notes are %q, the notifications %v", notes, after.Notifications)
	}
}
