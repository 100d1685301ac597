package coap

import (
	"encoding/binary"
	"fmt"
)

// Encode writes the message as it stands. What a well-formed message cannot express is an error: a
// token of more than 8 bytes, a type beyond 3, options out of order, a value of more than 65804 bytes.
func Encode(m Message) ([]byte, error) {
	if len(m.Token) > 8 {
		return nil, fmt.Errorf("a token of %d bytes cannot be written, 8 are the most", len(m.Token))
	}
	if m.Type > Reset {
		return nil, fmt.Errorf("%s cannot be written", m.Type)
	}
	for i := 1; i < len(m.Options); i++ {
		if m.Options[i].Number < m.Options[i-1].Number {
			return nil, fmt.Errorf("%s stands behind %s: options are written in the order of their numbers", m.Options[i].Number, m.Options[i-1].Number)
		}
	}
	for _, o := range m.Options {
		if len(o.Value) > 0xffff+269 {
			return nil, fmt.Errorf("%s has %d bytes, 65804 are the most", o.Number, len(o.Value))
		}
	}
	return Wild{Message: m, Version: 1, TokenLength: len(m.Token)}.Encode(), nil
}

// Wild is a message that may break the format on purpose; its zero additions write what Encode writes
// but for Version, which is then 0.
type Wild struct {
	Message
	Version     uint8 // 2 bits
	TokenLength int   // the TKL field, 0 to 15, whatever the token's length is
	// BareMarker writes a payload marker although there is no payload.
	BareMarker bool
	// Trailing bytes are appended behind everything.
	Trailing []byte
}

// Encode writes the bytes; options go out in the order they stand in, a step back wraps around as a
// careless encoder would write it.
func (w Wild) Encode() []byte {
	b := make([]byte, 4, 64+len(w.Payload))
	b[0] = w.Version<<6 | uint8(w.Type&3)<<4 | uint8(w.TokenLength&15)
	b[1] = byte(w.Code)
	binary.BigEndian.PutUint16(b[2:], w.MessageID)
	b = append(b, w.Token...)
	b = appendOptions(b, w.Options)
	if len(w.Payload) > 0 || w.BareMarker {
		b = append(b, 0xff)
		b = append(b, w.Payload...)
	}
	return append(b, w.Trailing...)
}

func appendOptions(b []byte, options []Option) []byte {
	last := OptionNumber(0)
	for _, o := range options {
		delta, dx := nibble(int(o.Number - last))
		length, lx := nibble(len(o.Value))
		b = append(b, delta<<4|length)
		b = append(b, dx...)
		b = append(b, lx...)
		b = append(b, o.Value...)
		last = o.Number
	}
	return b
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
