package coap

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxOptionLength is what an option length of two extension bytes can say (RFC 7252 section 3.1).
const maxOptionLength = 0xffff + 269

// ErrUnsorted says that the options are not in the order of their numbers. Message.Sort mends it,
// Wild.Encode writes them all the same.
var ErrUnsorted = errors.New("options are written in the order of their numbers")

// Encode writes the message as it stands. What a well-formed message cannot express is an error: a
// token of more than 8 bytes, a type beyond 3, options out of order (ErrUnsorted), a value of more than
// 65804 bytes.
func Encode(m Message) ([]byte, error) {
	if m.Type > Reset {
		return nil, fmt.Errorf("%s cannot be written", m.Type)
	}
	if err := encodable(m); err != nil {
		return nil, err
	}
	return Conformant(m).Encode(), nil
}

func encodable(m Message) error {
	if len(m.Token) > 8 {
		return fmt.Errorf("a token of %d bytes cannot be written, 8 are the most", len(m.Token))
	}
	for i, o := range m.Options {
		if i > 0 && o.Number < m.Options[i-1].Number {
			return fmt.Errorf("%s stands behind %s: %w", o.Number, m.Options[i-1].Number, ErrUnsorted)
		}
		if len(o.Value) > maxOptionLength {
			return fmt.Errorf("%s has %d bytes, %d are the most", o.Number, len(o.Value), maxOptionLength)
		}
	}
	return nil
}

// Wild is a message that may break the format on purpose. Start from Conformant and change what is to
// be wrong: the zero Version and TokenLength are already two faults.
type Wild struct {
	Message
	Version     uint8 // 2 bits
	TokenLength int   // the TKL field, 0 to 15, whatever the token's length is
	// RawOptions are written behind the options as they stand: a nibble of 15, a cut option.
	RawOptions []byte
	// BareMarker writes a payload marker although there is no payload.
	BareMarker bool
	// Trailing bytes are appended behind everything.
	Trailing []byte
	// Length is what the length field says of a message over TCP; nil: the truth.
	Length *uint32
}

// Conformant is the message without any fault.
func Conformant(m Message) Wild { return Wild{Message: m, Version: 1, TokenLength: len(m.Token)} }

// Encode writes the datagram. Options go out in the order they stand in; a step back wraps around at 16
// bits as a careless encoder would write it. Bits that do not fit their field go lost.
func (w Wild) Encode() []byte {
	b := make([]byte, 4, 64+len(w.Payload)+len(w.Trailing))
	b[0] = w.Version<<6 | uint8(w.Type&3)<<4 | uint8(w.TokenLength&15)
	b[1] = byte(w.Code)
	binary.BigEndian.PutUint16(b[2:], w.MessageID)
	return w.appendContent(append(b, w.Token...))
}

// appendContent writes everything behind the token.
func (w Wild) appendContent(b []byte) []byte {
	last := OptionNumber(0)
	for _, o := range w.Options {
		b = AppendOption(b, o.Number-last, o.Value)
		last = o.Number
	}
	b = append(b, w.RawOptions...)
	if len(w.Payload) > 0 || w.BareMarker {
		b = append(b, 0xff)
		b = append(b, w.Payload...)
	}
	return append(b, w.Trailing...)
}

// AppendOption writes one option as it stands on the wire, with the difference to the number before it
// (RFC 7252 section 3.1).
func AppendOption(b []byte, delta OptionNumber, value []byte) []byte {
	d, dx := nibble(int(delta))
	l, lx := nibble(len(value))
	b = append(b, d<<4|l)
	b = append(b, dx...)
	b = append(b, lx...)
	return append(b, value...)
}

func nibble(v int) (byte, []byte) {
	switch {
	case v < 13:
		return byte(v), nil
	case v < 269:
		return 13, []byte{byte(v - 13)}
	}
	return 14, binary.BigEndian.AppendUint16(nil, uint16(v-269))
}
