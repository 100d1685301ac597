package link

import "encoding/binary"

// The parts of DTLS 1.2 that tell a beginning association (RFC 6347 sections 4.1 and 4.2.2).
const (
	recordHeader    = 13
	fragmentHeader  = 12
	typeHandshake   = 22
	typeClientHello = 1
)

// hello is what a ClientHello says of the association it begins or continues.
type hello struct {
	random    [32]byte
	readable  bool // random is there: the first fragment holds it
	continues bool // it answers a HelloVerifyRequest: never the first message of an association
}

// looksLikeDTLS tells a DTLS 1.0 to 1.3 plaintext record from CoAP, whose first byte is 0x40 to 0x7f.
func looksLikeDTLS(b []byte) bool {
	return len(b) >= recordHeader && b[0] >= 20 && b[0] <= 63 && b[1] == 0xfe
}

// readHello reads the ClientHello that the datagram begins with, in epoch 0.
func readHello(b []byte) (hello, bool) {
	if !looksLikeDTLS(b) || b[0] != typeHandshake || b[3] != 0 || b[4] != 0 {
		return hello{}, false
	}
	n := int(binary.BigEndian.Uint16(b[11:]))
	body := b[recordHeader:]
	if n < len(body) {
		body = body[:n]
	}
	if len(body) < fragmentHeader || body[0] != typeClientHello {
		return hello{}, false
	}
	h := hello{continues: binary.BigEndian.Uint16(body[4:]) != 0} // message_seq 1: after a HelloVerifyRequest
	offset := int(body[6])<<16 | int(body[7])<<8 | int(body[8])
	body = body[fragmentHeader:]
	if offset != 0 || len(body) < 34 {
		return h, true
	}
	h.readable = true
	h.random = [32]byte(body[2:34])
	if body = body[34:]; len(body) > 0 && len(body) > 1+int(body[0]) && body[1+int(body[0])] != 0 {
		h.continues = true // it carries a cookie
	}
	return h, true
}

const rememberedRandoms = 8

// associations remembers the ClientHellos that began an association at one remote address.
type associations struct {
	randoms [][32]byte // the newest last
}

// begins reports whether the hello begins an association anew, that is whether the client at this
// address has forgotten the one it had. A hello with a random that was seen before is a duplicate,
// however late it comes, and one with a cookie continues what a hello without one began (RFC 6347
// section 4.2.1 wants the same random in it; a client that changes it breaks that rule and is no less
// the same client).
func (a *associations) begins(h hello) bool {
	if !h.readable || h.continues {
		return false
	}
	for _, r := range a.randoms {
		if r == h.random {
			return false
		}
	}
	return true
}

func (a *associations) remember(h hello) {
	if !h.readable {
		return
	}
	for _, r := range a.randoms {
		if r == h.random {
			return
		}
	}
	if len(a.randoms) == rememberedRandoms {
		a.randoms = append(a.randoms[:0], a.randoms[1:]...)
	}
	a.randoms = append(a.randoms, h.random)
}
