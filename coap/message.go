// Package coap is CoAP as a conformance tester needs it: a message view that never loses a byte of
// what was received and names every departure from the RFCs, and an encoder that writes exactly what
// it is told to, legal or not. Below it, exchange holds the message layer with an explicit policy and
// security the transport security behind net.Conn. Nothing here knows LwM2M.
package coap

import "fmt"

// Type is the message type of RFC 7252 section 3.
type Type uint8

// The message types.
const (
	Confirmable Type = iota
	NonConfirmable
	Acknowledgement
	Reset
)

// String is the abbreviation RFC 7252 uses.
func (t Type) String() string {
	switch t {
	case Confirmable:
		return "CON"
	case NonConfirmable:
		return "NON"
	case Acknowledgement:
		return "ACK"
	case Reset:
		return "RST"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Code is class and detail, 3 and 5 bits.
type Code uint8

// Message is one CoAP message. Its fields are written to the wire and read from it as they stand; what
// cannot be held here (a bad version, an empty payload marker, cut options) is in View.
type Message struct {
	Type      Type
	Code      Code
	MessageID uint16
	Token     []byte
	Options   []Option // in wire order
	Payload   []byte
}

// Option is one option as it stands on the wire.
type Option struct {
	Number OptionNumber
	Value  []byte
}

// OptionNumber identifies an option (RFC 7252 section 12.2 and the RFCs after it).
type OptionNumber uint16

// View is a datagram as it was received: its bytes, as much of a message as could be read from them,
// and every departure from the message format.
type View struct {
	Message
	Raw      []byte
	Rest     []byte // the end of Raw that could not be read, from the place the reading stopped at
	Version  uint8  // 2 bits; 1 unless the peer is wrong
	Findings []Finding
}

// Finding is one departure from a rule of the RFCs that one message alone shows.
type Finding struct {
	Rule   string `json:"rule"`   // stable id, for example "coap.token-length"
	Level  string `json:"level"`  // "MUST" or "SHOULD"
	Offset int    `json:"offset"` // in bytes from the start of the datagram
	Text   string `json:"text"`   // what stands there and what the rule asks for, with the section
}
