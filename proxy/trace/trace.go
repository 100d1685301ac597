// Package trace records everything that passes between the two ends of a play's links under one
// numbering: every CoAP message in clear and every DTLS datagram of a handshake. It marks repetitions
// and correlates messages to exchanges from what it sees alone, so that a capture file gives the same
// exchanges as the live play. It knows CoAP but no LwM2M, sends nothing and judges nothing.
package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
)

// Kind is what an entry holds.
type Kind uint8

// CoAP is a datagram in clear, whether it can be read or not. DTLS is a datagram of a handshake or an
// alert, or one that should have been.
const (
	CoAP Kind = iota
	DTLS
)

// Entry is one datagram. Its number, from 1, is the frame number of the capture. What is handed out is
// a copy, whose slices are shared and must not be written to.
type Entry struct {
	N                   int
	At                  time.Time
	Link                *Link
	Life                int    // which start of the IUT it belongs to, from 1
	From, To            string // client, server, bootstrap-server
	FromIUT             bool
	Kind                Kind
	Secured             bool // it belongs to an association with DTLS; plaintext that came around DTLS does not
	Source, Destination netip.AddrPort
	Raw                 []byte    // the datagram; inside DTLS the plaintext
	View                coap.View // of Kind CoAP
	Record              string    // of Kind DTLS: what it holds, as far as it is readable without keys
	// Repeats is the number of the first transmission when this has its bytes, message ID and direction
	// within the lifetime of the message ID (RFC 7252 section 4.5); 0: it is the first.
	Repeats    int
	Notes      []string // what is remarkable about the datagram itself
	Deliberate bool     // our side departs from the rules here because a step asked for it
}

// Link is one association between two ends. Make it with NewLink.
type Link struct {
	ID            int
	Name          string // what reports call it; NewLink makes one of the roles and the ID if it is empty
	Life          int    // which start of the IUT it was opened in; 0: what SetLife said last
	Client        string
	Server        string // the roles at its ends
	ClientAddress netip.AddrPort
	ServerAddress netip.AddrPort     // where invalid, Record and Tap fill in those of their connection
	Secured       bool               // DTLS is expected on it
	Watcher       *handshake.Watcher // of a secured link
}

// Limits bound one trace against a peer that floods. Zero fields have the default.
type Limits struct {
	Entries int // 100,000
	Bytes   int // of the datagrams, 64 MiB
}

// ErrFull says that the trace reached its limits, so that what is awaited may have come unseen.
var ErrFull = errors.New("the trace of the play is full")

// Trace is the record of one play. Make it with New, inside the synctest bubble it is used in.
type Trace struct {
	limits Limits

	mu         sync.Mutex
	entries    []Entry
	bytes      int
	links      int
	life       int
	iut        string
	deliberate map[int]bool // by link
	full       error
	version    int // raised by every change
	changed    chan struct{}
	correlator correlator
}

// New makes an empty trace with the default limits.
func New() *Trace { return NewLimited(Limits{}) }

// NewLimited makes an empty trace.
func NewLimited(l Limits) *Trace {
	if l.Entries <= 0 {
		l.Entries = 100_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	return &Trace{limits: l, changed: make(chan struct{}), deliberate: map[int]bool{}, correlator: newCorrelator()}
}

// NewLink numbers a link.
func (t *Trace) NewLink(l Link) *Link {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links++
	l.ID = t.links
	if l.Name == "" {
		l.Name = fmt.Sprintf("%s to %s %d", l.Client, l.Server, l.ID)
	}
	if l.Life == 0 {
		l.Life = max(t.life, 1)
	}
	if l.Secured {
		l.Watcher = handshake.NewWatcher()
	}
	return &l
}

// SetIUT says which role is under test. What it sends is marked, and its message IDs and tokens begin
// anew with each life.
func (t *Trace) SetIUT(role string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.iut = role
}

// SetLife says that the IUT has been started for the n-th time; it holds for what comes from now on,
// also on links that are older.
func (t *Trace) SetLife(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.life = n
}

// SetDeliberate says whether what our side sends on a link from now on departs from the rules because
// a step asked for it.
func (t *Trace) SetDeliberate(l *Link, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deliberate[l.ID] = on
}

// Message records a CoAP datagram and returns its number, 0 when the trace is full.
func (t *Trace) Message(l *Link, fromClient bool, raw []byte) int {
	v := coap.Decode(raw)
	return t.Add(Entry{Link: l, View: v, Raw: v.Raw, Secured: l.Secured}, fromClient)
}

// Handshake records a datagram of a DTLS handshake, which line describes.
func (t *Trace) Handshake(l *Link, fromClient bool, raw []byte, line string) int {
	return t.Add(Entry{Link: l, Kind: DTLS, Record: line, Raw: slices.Clone(raw), Secured: l.Secured}, fromClient)
}

// Add records an entry and returns its number, 0 when the trace is full. It sets what the trace knows
// better (N, the roles, FromIUT, Repeats) and, where they are zero, At, Life and the addresses.
func (t *Trace) Add(e Entry, fromClient bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.full == nil && (len(t.entries) >= t.limits.Entries || t.bytes+len(e.Raw) > t.limits.Bytes) {
		t.full = fmt.Errorf("%w after %d messages of %d bytes together; the messages after them are not recorded", ErrFull, len(t.entries), t.bytes)
		t.announce()
	}
	if t.full != nil {
		return 0
	}
	t.complete(&e, fromClient)
	t.bytes += len(e.Raw)
	t.version++
	t.correlator.take(&e, t.version)
	t.entries = append(t.entries, e)
	t.announce()
	return e.N
}

func (t *Trace) complete(e *Entry, fromClient bool) {
	e.N = len(t.entries) + 1
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Life == 0 {
		e.Life = max(t.life, e.Link.Life)
	}
	e.From, e.To = e.Link.Client, e.Link.Server
	source, destination := e.Link.ClientAddress, e.Link.ServerAddress
	if !fromClient {
		e.From, e.To = e.To, e.From
		source, destination = destination, source
	}
	if !e.Source.IsValid() {
		e.Source = source
	}
	if !e.Destination.IsValid() {
		e.Destination = destination
	}
	e.FromIUT = t.iut != "" && e.From == t.iut
	e.Deliberate = e.Deliberate || !e.FromIUT && t.deliberate[e.Link.ID]
}

// announce wakes everybody who waits.
func (t *Trace) announce() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// Note adds a remark to entry n.
func (t *Trace) Note(n int, text string) {
	t.change(n, func(e *Entry) { e.Notes = append(slices.Clip(e.Notes), text) })
}

// MarkDeliberate says of entry n that a step asked for whatever departs from the rules in it.
func (t *Trace) MarkDeliberate(n int) { t.change(n, func(e *Entry) { e.Deliberate = true }) }

func (t *Trace) change(n int, f func(*Entry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 1 || n > len(t.entries) {
		return
	}
	f(&t.entries[n-1])
	t.version++
	t.correlator.replace(t.entries[n-1], t.version)
	t.announce()
}

// Len is the number of the newest entry.
func (t *Trace) Len() int { t.mu.Lock(); defer t.mu.Unlock(); return len(t.entries) }

// Full reports that entries are missing at the end because the play exceeded the limits.
func (t *Trace) Full() bool { return t.Err() != nil }

// Err is the error that wraps ErrFull and says what is missing; nil when nothing is.
func (t *Trace) Err() error { t.mu.Lock(); defer t.mu.Unlock(); return t.full }

// Entries gives all entries so far, in order.
func (t *Trace) Entries() []Entry { t.mu.Lock(); defer t.mu.Unlock(); return slices.Clone(t.entries) }

// Entry gives entry n; ok is false when there is none.
func (t *Trace) Entry(n int) (e Entry, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 1 || n > len(t.entries) {
		return Entry{}, false
	}
	return t.entries[n-1], true
}
