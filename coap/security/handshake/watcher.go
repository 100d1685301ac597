package handshake

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Watcher follows one association. It is safe for use by several goroutines.
type Watcher struct {
	mu    sync.Mutex
	seen  Handshake
	sides [2]side // client, server
}

// Handshake is what a Watcher has seen of the newest handshake.
type Handshake struct {
	Hello        ClientHello // the newest one
	ClientHellos int
	HelloVerify  bool // the server asked for a cookie
	Offered      []Suite
	ServerHello  bool
	Chosen       Suite
	Identity     []byte // PSK identity of the ClientKeyExchange
	KeyExchange  bool   // a ClientKeyExchange came
	Client       Side
	Server       Side
	NotDTLS      int  // datagrams that were no DTLS records
	LikeCoAP     int  // of them, those that look like CoAP
	Application  bool // protected records other than those of the handshake came
	FatalAlert   bool // one that could be read came; FirstAlert is the first
	FirstAlert   Alert
	AlertOf      string // "client" or "server"
	Renewed      bool   // the client began this handshake after another one
}

// Side is what came from one side.
type Side struct {
	Changed   bool   // ChangeCipherSpec
	Finished  int    // encrypted handshake records: the Finished and its repetitions
	Last      string // the last message by name
	Messages  int    // handshake messages in clear, repetitions included
	Encrypted bool   // an alert that could not be read came
}

// side is what is remembered of one side to read on.
type side struct {
	known   map[uint16]byte // handshake messages that were complete: message_seq to type
	partial map[uint16]*partial
	bytes   int // in partial
}

// partial is a handshake message of which fragments have come.
type partial struct {
	data   []byte
	filled []bool
	left   int
}

// The bounds on what a peer can make a watcher keep, per side.
const (
	maxMessage   = 1 << 14
	maxFragments = 1 << 15 // bytes of messages under way
	maxKnown     = 256
)

// NewWatcher makes a watcher that has seen nothing.
func NewWatcher() *Watcher {
	w := &Watcher{}
	w.restart()
	return w
}

func (w *Watcher) restart() {
	for i := range w.sides {
		w.sides[i] = side{known: map[uint16]byte{}, partial: map[uint16]*partial{}}
	}
}

// Handshake gives what has been seen so far.
func (w *Watcher) Handshake() Handshake { w.mu.Lock(); defer w.mu.Unlock(); return w.seen }

// Datagram takes the next datagram of a side and gives one readable line for each record that belongs
// to a handshake or is an alert, or that should not be there; application data gives none.
func (w *Watcher) Datagram(fromClient bool, b []byte) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !IsRecord(b) {
		w.seen.NotDTLS++
		if len(b) >= 4 && b[0]>>6 == 1 {
			w.seen.LikeCoAP++
		}
		return []string{fmt.Sprintf("%d bytes that are no DTLS record", len(b))}
	}
	var lines []string
	for len(b) > 0 {
		if !IsRecord(b) {
			return append(lines, fmt.Sprintf("%d bytes after the last record", len(b)))
		}
		if b[0] == contentCID {
			// The connection ID in its header has a length that only its receiver knows, so where
			// this record ends cannot be told (RFC 9146 section 4).
			return append(lines, w.withCID(fromClient)...)
		}
		n := int(binary.BigEndian.Uint16(b[11:]))
		if n > len(b)-recordHeader {
			return append(lines, fmt.Sprintf("a record of %d bytes, cut after %d", n, len(b)-recordHeader))
		}
		if s := w.record(fromClient, b[0], binary.BigEndian.Uint16(b[3:]), b[recordHeader:recordHeader+n]); s != "" {
			lines = append(lines, s)
		}
		b = b[recordHeader+n:]
	}
	return lines
}

// of gives what is known of a side.
func (w *Watcher) of(fromClient bool) (*Side, *side, string) {
	if fromClient {
		return &w.seen.Client, &w.sides[0], "client"
	}
	return &w.seen.Server, &w.sides[1], "server"
}

func (w *Watcher) record(fromClient bool, content byte, epoch uint16, body []byte) string {
	s, _, name := w.of(fromClient)
	switch {
	case content == contentChangeCipherSpec:
		s.Changed = true
		s.Last = "ChangeCipherSpec"
		return "ChangeCipherSpec"
	case content == contentAlert && epoch == 0:
		return w.alert(name, body)
	case content == contentAlert:
		s.Encrypted = true
		return "an encrypted alert"
	case content == contentHandshake && epoch == 0:
		return w.handshake(fromClient, body)
	case content == contentHandshake:
		s.Finished++
		s.Last = "Finished"
		if s.Finished > 1 {
			return "Finished (encrypted, repeated)"
		}
		return "Finished (encrypted)"
	case content == contentApplicationData && epoch == 0:
		return "application data without protection"
	case content == contentApplicationData:
		w.seen.Application = true
	case content == contentHeartbeat:
		return "a heartbeat"
	}
	return ""
}

// withCID takes a record whose type is hidden: the first one after ChangeCipherSpec is the Finished.
func (w *Watcher) withCID(fromClient bool) []string {
	s, _, _ := w.of(fromClient)
	if !s.Changed || s.Finished > 0 {
		w.seen.Application = true
		return nil
	}
	s.Finished++
	s.Last = "Finished"
	return []string{"Finished (encrypted, with connection ID)"}
}

func (w *Watcher) alert(from string, body []byte) string {
	if len(body) < 2 {
		return "an alert, cut off"
	}
	a := Alert(body[1])
	if body[0] != 2 {
		return "alert warning " + a.String()
	}
	if !w.seen.FatalAlert {
		w.seen.FatalAlert, w.seen.FirstAlert, w.seen.AlertOf = true, a, from
	}
	return "alert fatal " + a.String()
}

var messageNames = map[byte]string{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 4: "NewSessionTicket", 8: "EncryptedExtensions",
	11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify",
	16: "ClientKeyExchange", 20: "Finished", 21: "CertificateURL", 22: "CertificateStatus", 23: "SupplementalData", 24: "KeyUpdate",
}

// handshake reads the messages, or the fragments of messages, of one record in clear.
func (w *Watcher) handshake(fromClient bool, b []byte) string {
	var parts []string
	for len(b) > 0 {
		r := reader{b: b}
		kind, length, seq := byte(r.uint8()), r.uint24(), uint16(r.uint16())
		offset, n := r.uint24(), r.uint24()
		body := r.vector(n)
		if r.bad || offset+n > length {
			parts = append(parts, "a handshake message that is cut off or whose lengths do not agree")
			break
		}
		parts = append(parts, w.fragment(fromClient, kind, seq, length, offset, body))
		b = r.b
	}
	return strings.Join(parts, "; ")
}

func (w *Watcher) fragment(fromClient bool, kind byte, seq uint16, length, offset int, body []byte) string {
	name := messageNames[kind]
	if name == "" {
		name = fmt.Sprintf("handshake message of type %d", kind)
	}
	seen, s, _ := w.of(fromClient)
	whole := body
	if len(body) < length {
		whole = s.assemble(seq, length, offset, body)
		name += fmt.Sprintf(" (bytes %d to %d of %d)", offset, offset+len(body), length)
	}
	if whole == nil && length > 0 {
		return name
	}
	seen.Messages++
	if kind == 1 {
		w.begin(readClientHello(whole))
	}
	seen, s, _ = w.of(fromClient) // begin may have started anew
	seen.Last = messageNames[kind]
	if k, again := s.known[seq]; again && k == kind {
		return name + " (repeated)"
	}
	if len(s.known) < maxKnown {
		s.known[seq] = kind
	}
	return name + w.message(kind, whole)
}

// assemble returns the whole message once all its bytes have come.
func (s *side) assemble(seq uint16, length, offset int, b []byte) []byte {
	p := s.partial[seq]
	if p != nil && len(p.data) != length {
		s.bytes -= len(p.data)
		delete(s.partial, seq)
		p = nil
	}
	if p == nil {
		if length > maxMessage {
			return nil
		}
		if s.bytes+length > maxFragments { // whoever repeats its flight gets another chance
			clear(s.partial)
			s.bytes = 0
		}
		p = &partial{data: make([]byte, length), filled: make([]bool, length), left: length}
		s.partial[seq] = p
		s.bytes += length
	}
	copy(p.data[offset:], b)
	for i := range b {
		if !p.filled[offset+i] {
			p.filled[offset+i] = true
			p.left--
		}
	}
	if p.left > 0 {
		return nil
	}
	s.bytes -= length
	delete(s.partial, seq)
	return p.data
}

// begin notes a ClientHello. One with another random and no cookie begins another handshake on the same
// addresses (RFC 6347 section 4.2.8).
func (w *Watcher) begin(h ClientHello) {
	if w.seen.ClientHellos > 0 && h.Random != w.seen.Hello.Random && len(h.Cookie) == 0 {
		w.seen = Handshake{Renewed: true, Client: Side{Messages: 1}}
		w.restart()
	}
	w.seen.ClientHellos++
	w.seen.Hello = h
	w.seen.Offered = h.Suites
}

// message notes what a complete message tells, and returns it for the line.
func (w *Watcher) message(kind byte, b []byte) string {
	switch kind {
	case 1:
		return ", " + w.seen.Hello.String()
	case 2:
		w.seen.ServerHello = true
		if s, ok := serverSuite(b); ok {
			w.seen.Chosen = s
			return ", suite " + s.String()
		}
		return ", malformed"
	case 3:
		w.seen.HelloVerify = true
	case 12:
		if hint, ok := opaque16(b); ok && w.seen.Chosen.pskKeyExchange() && len(hint) > 0 {
			return fmt.Sprintf(", PSK identity hint %q", shorten(string(hint)))
		}
	case 16:
		w.seen.KeyExchange = true
		return w.keyExchange(b)
	}
	return ""
}

func (w *Watcher) keyExchange(b []byte) string {
	if w.seen.ServerHello && !w.seen.Chosen.pskKeyExchange() {
		return ""
	}
	identity, ok := opaque16(b)
	if !ok {
		return ", malformed"
	}
	w.seen.Identity = slices.Clone(identity)
	return fmt.Sprintf(", PSK identity %q", shorten(string(identity)))
}
