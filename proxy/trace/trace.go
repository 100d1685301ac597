// Package trace records every message of a play under one numbering and correlates exchanges from
// what it sees alone, so that a capture file gives the same exchanges. It does not judge, and it knows
// CoAP but no LwM2M.
package trace

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/security"
)

// Entry is one CoAP message, or one DTLS datagram of a handshake, as it was on the wire. Its number is
// the frame number of the capture.
type Entry struct {
	N        int
	At       time.Time
	Link     *Link
	From, To string // client, server, bootstrap-server
	Record   string // what a DTLS datagram holds; empty for a CoAP message
	View     coap.View
	Raw      []byte // the datagram; inside DTLS the plaintext
	Repeats  int    // number of the first transmission of a repeated message; 0: the first
	Notes    []string
}

// Link is one flow between two peers.
type Link struct {
	ID            int
	Life          int // which start of the IUT it belongs to, from 1
	Client        string
	Server        string // the roles at its ends
	ClientAddress netip.AddrPort
	ServerAddress netip.AddrPort
	Secured       bool
	Watcher       *security.Watcher // of a secured link
}

// Limits of one play's trace: a peer that floods must not exhaust the machine.
const (
	maxEntries = 100_000
	maxBytes   = 64 << 20
)

// Trace is the record of one play. Make it inside the bubble it is used in.
type Trace struct {
	mu        sync.Mutex
	entries   []Entry
	exchanges []*Exchange
	open      map[key]*Exchange
	byMessage map[messageKey]*Exchange
	changed   chan struct{}
	bytes     int
	full      bool
	links     int
}

// New makes an empty trace.
func New() *Trace {
	return &Trace{open: map[key]*Exchange{}, byMessage: map[messageKey]*Exchange{}, changed: make(chan struct{})}
}

// NewLink numbers a link.
func (t *Trace) NewLink(l Link) *Link {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links++
	l.ID = t.links
	if l.Secured {
		l.Watcher = security.NewWatcher()
	}
	return &l
}

// Len is the number of the last entry.
func (t *Trace) Len() int { t.mu.Lock(); defer t.mu.Unlock(); return len(t.entries) }

// Full reports that messages were left out because the play exceeded its limits.
func (t *Trace) Full() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.full }

// Entries gives all entries so far.
func (t *Trace) Entries() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Entry(nil), t.entries...)
}

// Message records a CoAP message.
func (t *Trace) Message(l *Link, fromClient bool, raw []byte) {
	v := coap.Decode(raw)
	t.add(Entry{Link: l, View: v, Raw: v.Raw}, fromClient)
}

// Handshake records a datagram of a DTLS handshake, which line describes.
func (t *Trace) Handshake(l *Link, fromClient bool, raw []byte, line string) {
	t.add(Entry{Link: l, Record: line, Raw: append([]byte(nil), raw...)}, fromClient)
}

func (t *Trace) add(e Entry, fromClient bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += len(e.Raw)
	if len(t.entries) >= maxEntries || t.bytes > maxBytes {
		t.full = true
		return
	}
	e.N, e.At = len(t.entries)+1, time.Now()
	e.From, e.To = e.Link.Client, e.Link.Server
	if !fromClient {
		e.From, e.To = e.To, e.From
	}
	if e.Record == "" {
		e.Repeats = t.repeats(e)
	}
	t.entries = append(t.entries, e)
	if e.Record == "" {
		t.correlate(&t.entries[len(t.entries)-1])
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// Await gives the first exchange whose request is numbered above after and for which match is true,
// as it stands at that moment; it looks again whenever a message is recorded. The error is the cause
// of ctx.
func (t *Trace) Await(ctx context.Context, after int, match func(Exchange) bool) (Exchange, error) {
	for {
		t.mu.Lock()
		changed := t.changed
		candidates := t.snapshot(after)
		t.mu.Unlock()
		for _, x := range candidates {
			if match(x) {
				return x, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Exchange{}, context.Cause(ctx)
		}
	}
}

// AwaitEntry gives the first entry numbered above after for which match is true.
func (t *Trace) AwaitEntry(ctx context.Context, after int, match func(Entry) bool) (Entry, error) {
	for {
		t.mu.Lock()
		changed := t.changed
		entries := append([]Entry(nil), t.entries[min(after, len(t.entries)):]...)
		t.mu.Unlock()
		for _, e := range entries {
			if match(e) {
				return e, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Entry{}, context.Cause(ctx)
		}
	}
}
