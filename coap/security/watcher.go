package security

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Watcher reads a DTLS handshake from the outside, record by record, as far as it is readable without
// keys, and names what it died of. It judges nothing and is safe against anything a peer may send.
type Watcher struct {
	mu sync.Mutex
	h  Handshake
	// fragments of handshake messages under way, by side (client first); bounded.
	partial [2]map[uint16]*fragment
}

// Handshake is what a watcher has seen so far.
type Handshake struct {
	ClientHellos   int
	Offered        []uint16 // suites of the last ClientHello
	Chosen         uint16   // suite of the ServerHello
	ServerHello    bool
	Identity       []byte // of the ClientKeyExchange
	KeyExchange    bool
	ClientChanged  bool // ChangeCipherSpec of the client came
	ServerChanged  bool
	ClientAlert    *byte
	ServerAlert    *byte
	ClientFinished bool // an encrypted handshake record of the client came
	ServerFinished bool
	Records        int
	PlainCoAP      bool // a datagram that is no DTLS record came on the flow
}

type fragment struct {
	length int
	data   []byte
	have   int
}

const (
	recordHeader    = 13
	handshakeHeader = 12
	maxMessage      = 1 << 14 // of a handshake message, a hundred times what PSK needs
	maxPartial      = 8       // messages under way per side
)

// NewWatcher makes a watcher for one association.
func NewWatcher() *Watcher {
	return &Watcher{partial: [2]map[uint16]*fragment{{}, {}}}
}

// Handshake gives what has been seen so far.
func (w *Watcher) Handshake() Handshake { w.mu.Lock(); defer w.mu.Unlock(); return w.h }

// IsRecord reports whether a datagram looks like a DTLS record: content type and version.
func IsRecord(b []byte) bool {
	return len(b) >= recordHeader && b[0] >= 20 && b[0] <= 25 && b[1] == 0xfe && (b[2] == 0xff || b[2] == 0xfd || b[2] == 0xfc)
}

// Datagram takes the next datagram of a side and gives one readable line per record of the handshake;
// application data gives none.
func (w *Watcher) Datagram(fromClient bool, b []byte) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !IsRecord(b) {
		w.h.PlainCoAP = true
		return []string{fmt.Sprintf("%d bytes that are no DTLS record", len(b))}
	}
	var lines []string
	for len(b) >= recordHeader {
		n := int(binary.BigEndian.Uint16(b[11:]))
		if len(b) < recordHeader+n {
			lines = append(lines, fmt.Sprintf("a record of %d bytes, cut after %d", n, len(b)-recordHeader))
			break
		}
		if s := w.record(fromClient, b[0], binary.BigEndian.Uint16(b[3:]), b[recordHeader:recordHeader+n]); s != "" {
			lines = append(lines, s)
		}
		w.h.Records++
		b = b[recordHeader+n:]
	}
	return lines
}

func (w *Watcher) record(fromClient bool, kind byte, epoch uint16, body []byte) string {
	switch {
	case kind == 20:
		if fromClient {
			w.h.ClientChanged = true
		} else {
			w.h.ServerChanged = true
		}
		return "ChangeCipherSpec"
	case kind == 21 && epoch == 0:
		return w.alert(fromClient, body)
	case kind == 21:
		return "an encrypted alert"
	case kind == 22 && epoch == 0:
		return w.handshake(fromClient, body)
	case kind == 22:
		if fromClient {
			w.h.ClientFinished = true
		} else {
			w.h.ServerFinished = true
		}
		return "an encrypted handshake message (Finished)"
	}
	return ""
}

func (w *Watcher) alert(fromClient bool, body []byte) string {
	if len(body) < 2 {
		return "an alert cut off"
	}
	code := body[1]
	if fromClient {
		w.h.ClientAlert = &code
	} else {
		w.h.ServerAlert = &code
	}
	level := "warning"
	if body[0] == 2 {
		level = "fatal"
	}
	return fmt.Sprintf("alert %s %s", level, AlertName(code))
}

var messageNames = map[byte]string{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 4: "NewSessionTicket", 11: "Certificate",
	12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished",
}

// handshake reads the messages of one record, putting fragments together.
func (w *Watcher) handshake(fromClient bool, b []byte) string {
	var parts []string
	for len(b) >= handshakeHeader {
		kind := b[0]
		length := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		seq := binary.BigEndian.Uint16(b[4:])
		offset := int(b[6])<<16 | int(b[7])<<8 | int(b[8])
		n := int(b[9])<<16 | int(b[10])<<8 | int(b[11])
		if n > len(b)-handshakeHeader {
			return strings.Join(append(parts, "a handshake message cut off"), ", ")
		}
		body := b[handshakeHeader : handshakeHeader+n]
		b = b[handshakeHeader+n:]
		name := messageNames[kind]
		if name == "" {
			name = fmt.Sprintf("handshake message %d", kind)
		}
		if n < length {
			body = w.assemble(fromClient, seq, length, offset, body)
			name += " (fragment)"
		}
		if body != nil {
			name += w.message(kind, body)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// assemble returns the whole message once all its bytes have come.
func (w *Watcher) assemble(fromClient bool, seq uint16, length, offset int, b []byte) []byte {
	side := w.partial[1]
	if fromClient {
		side = w.partial[0]
	}
	if length > maxMessage || offset+len(b) > length || len(side) >= maxPartial && side[seq] == nil {
		return nil
	}
	f := side[seq]
	if f == nil || f.length != length {
		f = &fragment{length: length, data: make([]byte, length)}
		side[seq] = f
	}
	copy(f.data[offset:], b)
	f.have += len(b)
	if f.have < length {
		return nil
	}
	delete(side, seq)
	return f.data
}

// message notes what a complete handshake message tells and returns it for the line.
func (w *Watcher) message(kind byte, b []byte) string {
	switch kind {
	case 1:
		w.h.ClientHellos++
		w.h.Offered = clientSuites(b)
		names := make([]string, len(w.h.Offered))
		for i, s := range w.h.Offered {
			names[i] = fmt.Sprintf("0x%04X", s)
		}
		return ", suites " + strings.Join(names, " ")
	case 2:
		w.h.ServerHello = true
		if s, ok := serverSuite(b); ok {
			w.h.Chosen = s
			return ", suite " + SuiteName(s)
		}
	case 16:
		w.h.KeyExchange = true
		if len(b) >= 2 {
			if n := int(binary.BigEndian.Uint16(b)); n <= len(b)-2 {
				w.h.Identity = slices.Clone(b[2 : 2+n])
				return fmt.Sprintf(", PSK identity %q", w.h.Identity)
			}
		}
	}
	return ""
}

// clientSuites reads the suites of a ClientHello body (RFC 6347 section 4.2.1).
func clientSuites(b []byte) []uint16 {
	rest, ok := skip(b, 34) // version, random
	for range 2 {           // session id, cookie
		if !ok || len(rest) == 0 {
			return nil
		}
		rest, ok = skip(rest, 1+int(rest[0]))
	}
	if !ok || len(rest) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(rest))
	rest = rest[2:]
	var out []uint16
	for ; n >= 2 && len(rest) >= 2; n -= 2 {
		out = append(out, binary.BigEndian.Uint16(rest))
		rest = rest[2:]
	}
	return out
}

func serverSuite(b []byte) (uint16, bool) {
	rest, ok := skip(b, 34)
	if !ok || len(rest) == 0 {
		return 0, false
	}
	if rest, ok = skip(rest, 1+int(rest[0])); !ok || len(rest) < 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(rest), true
}

func skip(b []byte, n int) ([]byte, bool) {
	if len(b) < n {
		return nil, false
	}
	return b[n:], true
}

// Diagnosis says in one sentence what a handshake that did not complete died of.
func (h Handshake) Diagnosis() string {
	switch {
	case h.ClientAlert != nil:
		return "the client ended the DTLS handshake with the alert " + AlertName(*h.ClientAlert)
	case h.ServerAlert != nil && *h.ServerAlert == 115:
		return fmt.Sprintf("the PSK identity %q is unknown to the server (alert unknown_psk_identity)", h.Identity)
	case h.ServerAlert != nil && *h.ServerAlert == 71, h.ServerAlert != nil && *h.ServerAlert == 40 && !h.ServerHello:
		return fmt.Sprintf("no common cipher suite: the client offers %s", suiteList(h.Offered))
	case h.ServerAlert != nil:
		return "the server ended the DTLS handshake with the alert " + AlertName(*h.ServerAlert)
	case h.ClientHellos == 0 && h.PlainCoAP:
		return "no ClientHello came: what came is no DTLS, it may be plain CoAP"
	case h.ClientHellos == 0:
		return "no ClientHello came"
	case h.ClientChanged && !h.ServerChanged:
		return fmt.Sprintf("the keys do not match: the client (PSK identity %q) changed its cipher, its Finished was never accepted", h.Identity)
	case h.ClientChanged && h.ServerChanged && !h.ClientFinished:
		return "the handshake broke off before the client's Finished"
	case h.KeyExchange:
		return "the handshake fell silent after the client's key exchange"
	case h.ServerHello:
		return "the handshake fell silent after the ServerHello"
	}
	return "the handshake fell silent after the ClientHello"
}

func suiteList(ids []uint16) string {
	var out []string
	for _, id := range ids {
		out = append(out, SuiteName(id))
	}
	return strings.Join(out, ", ")
}
