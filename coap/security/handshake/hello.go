package handshake

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// ClientHello is what a client offers (RFC 6347 section 4.2.1).
type ClientHello struct {
	Version    uint16 // 0xfefd is DTLS 1.2
	Random     [32]byte
	SessionID  []byte // not empty: the client asks to resume
	Cookie     []byte // not empty: it answers a HelloVerifyRequest
	Suites     []Suite
	Extensions []uint16
	ServerName string // of the extension server_name
	// ConnectionID says that the client offers the extension connection_id (RFC 9146), CID what it
	// wants the server to put into its records.
	ConnectionID bool
	CID          []byte
	Versions     []uint16 // of the extension supported_versions
	Malformed    bool     // something in it is cut off
}

func readClientHello(b []byte) ClientHello {
	r := reader{b: b}
	h := ClientHello{Version: uint16(r.uint16())}
	copy(h.Random[:], r.vector(32))
	h.SessionID = r.vector(r.uint8())
	h.Cookie = r.vector(r.uint8())
	h.Suites = suiteList(r.vector(r.uint16()))
	r.vector(r.uint8()) // compression methods
	if !r.bad && len(r.b) > 0 {
		h.extensions(reader{b: r.vector(r.uint16())})
	}
	h.Malformed = h.Malformed || r.bad
	return h
}

func suiteList(b []byte) []Suite {
	var out []Suite
	for ; len(b) >= 2; b = b[2:] {
		out = append(out, Suite(binary.BigEndian.Uint16(b)))
	}
	return out
}

const maxExtensions = 64 // that are kept; twice as many as are registered for a ClientHello

func (h *ClientHello) extensions(r reader) {
	for len(r.b) > 0 && !r.bad {
		id := uint16(r.uint16())
		body := reader{b: r.vector(r.uint16())}
		if r.bad {
			break
		}
		if len(h.Extensions) < maxExtensions {
			h.Extensions = append(h.Extensions, id)
		}
		switch id {
		case 0: // a list with one entry of type 0, host_name (RFC 6066 section 3)
			body.uint16()
			if body.uint8() == 0 {
				h.ServerName = string(body.vector(body.uint16()))
			}
		case 43:
			for _, v := range suiteList(body.vector(body.uint8())) {
				h.Versions = append(h.Versions, uint16(v))
			}
		case 54:
			h.ConnectionID = true
			h.CID = body.vector(body.uint8())
		}
		h.Malformed = h.Malformed || body.bad
	}
	h.Malformed = h.Malformed || r.bad
}

func (h ClientHello) String() string {
	parts := []string{versionName(h.Version)}
	for i, v := range h.Versions {
		if i < 4 {
			parts = append(parts, "supports "+versionName(v))
		}
	}
	// The random stays out: the same play is to give the same text.
	parts = append(parts, "suites "+suiteText(h.Suites))
	if len(h.Cookie) > 0 {
		parts = append(parts, "with cookie")
	}
	if len(h.SessionID) > 0 {
		parts = append(parts, "asks to resume a session")
	}
	if h.ServerName != "" {
		parts = append(parts, fmt.Sprintf("server name %q", shorten(h.ServerName)))
	}
	if h.ConnectionID {
		parts = append(parts, fmt.Sprintf("connection ID of %d bytes", len(h.CID)))
	}
	if len(h.Extensions) > 0 {
		var names []string
		for _, id := range h.Extensions {
			names = append(names, extensionName(id))
		}
		parts = append(parts, "extensions "+strings.Join(names, " "))
	}
	if h.Malformed {
		parts = append(parts, "malformed")
	}
	return strings.Join(parts, ", ")
}

const shownSuites = 32

// suiteText gives the numbers of a list of suites, which fit on a line.
func suiteText(ids []Suite) string {
	var out []string
	for i, s := range ids {
		if i == shownSuites {
			out = append(out, fmt.Sprintf("and %d more", len(ids)-i))
			break
		}
		out = append(out, fmt.Sprintf("0x%04X", uint16(s)))
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, " ")
}

func shorten(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}

// serverSuite reads the choice out of a ServerHello.
func serverSuite(b []byte) (Suite, bool) {
	r := reader{b: b}
	r.vector(34) // version, random
	r.vector(r.uint8())
	s := Suite(r.uint16())
	return s, !r.bad
}

// pskKeyExchange reports the suites whose key exchange messages begin with the PSK identity or hint.
func (s Suite) pskKeyExchange() bool {
	return strings.Contains(suites[s], "_PSK_WITH_") || strings.HasPrefix(suites[s], "TLS_PSK_")
}

// opaque16 reads a field with a length of two bytes; ok is false when it is cut off.
func opaque16(b []byte) (v []byte, ok bool) {
	r := reader{b: b}
	v = r.vector(r.uint16())
	return v, !r.bad
}
